//! Shows how far the exercises are, or checks one: `cargo exercise`, `cargo exercise 08 --hint`.
//!
//! Nothing is remembered: an exercise is done when no `todo!(` is left in its `stub.rs` and its
//! check passes. Each is a test target of its own, so that one which does not compile is in no
//! other's way, and what the compiler says of it is passed on.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use lessons::report;

/// Shows which exercises are done and which is next, or checks what was written
#[derive(Parser)]
#[command(name = "cargo exercise")]
struct Arguments {
    /// An exercise's name, its beginning, or a chapter's number; without it, all of them
    name: Option<String>,
    /// Show a hint instead, the first if no number is given
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1")]
    hint: Option<usize>,
    /// Check again whenever the file is saved
    #[arg(long, conflicts_with = "hint")]
    watch: bool,
}

fn main() -> ExitCode {
    let Arguments { name, hint, watch } = Arguments::parse();
    let all = match Exercise::all() {
        Ok(all) => all,
        Err(error) => return report::run(|| Err(error)),
    };
    let chosen = match &name {
        None => all.clone(),
        Some(name) => match find(&all, name) {
            Ok(chosen) => chosen,
            Err(unclear) => {
                eprintln!("error: {unclear}");
                return ExitCode::from(2);
            }
        },
    };
    report::run_to_code(|| match (hint, watch, name) {
        (Some(number), ..) => print_hint(&chosen, number),
        (None, true, _) => keep_watching(&chosen),
        (None, false, Some(_)) => check_all(&chosen),
        (None, false, None) => print_progress(&all),
    })
}

/// One folder below `lessons/exercises`.
#[derive(Clone, Debug, PartialEq)]
struct Exercise {
    name: String,
    folder: PathBuf,
}

/// How far an exercise is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    DoesNotCompile,
    Wrong,
    Done,
}

impl Exercise {
    /// All exercises, in the order of their names.
    fn all() -> Result<Vec<Self>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises");
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        let mut all = Vec::new();
        for entry in entries {
            let folder = entry?.path();
            if folder.is_dir() {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                all.push(Self { name, folder });
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The file that the reader edits, as it is called from the workspace's root.
    fn file(&self) -> String {
        format!("lessons/exercises/{}/stub.rs", self.name)
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
    }

    /// Whether a `todo!(` is left.
    fn is_open(&self) -> Result<bool> {
        Ok(self.read("stub.rs")?.contains("todo!("))
    }

    fn saved_at(&self) -> Option<SystemTime> {
        fs::metadata(self.folder.join("stub.rs")).and_then(|file| file.modified()).ok()
    }

    /// How far it is, given the binary of its check, if there is one.
    fn state(&self, binary: Option<&PathBuf>) -> Result<State> {
        Ok(match binary {
            _ if self.is_open()? => State::Open,
            None => State::DoesNotCompile,
            Some(binary) if run(binary)?.status.success() => State::Done,
            Some(_) => State::Wrong,
        })
    }
}

/// The exercises called so: by name, by its beginning with or without the number, or by chapter.
fn find(all: &[Exercise], asked: &str) -> Result<Vec<Exercise>, String> {
    if let Some(exercise) = all.iter().find(|exercise| exercise.name == asked) {
        return Ok(vec![exercise.clone()]);
    }
    let number = asked.parse::<u32>().ok();
    let is_meant = |exercise: &&Exercise| {
        let (digits, word) = exercise.name.split_once('_').unwrap_or((&exercise.name, ""));
        match number {
            Some(number) => digits.parse() == Ok(number),
            None => exercise.name.starts_with(asked) || word.starts_with(asked),
        }
    };
    let found: Vec<Exercise> = all.iter().filter(is_meant).cloned().collect();
    let names: Vec<&str> = all.iter().map(|exercise| exercise.name.as_str()).collect();
    match found.is_empty() || asked.is_empty() {
        true => Err(format!("no exercise is called `{asked}`; there are {}", names.join(", "))),
        false => Ok(found),
    }
}

/// Builds the checks and returns the binary of each one that compiles. What the compiler says goes
/// to stderr, if it is wanted.
fn build(exercises: &[&Exercise], messages: Stdio) -> Result<HashMap<String, PathBuf>> {
    if exercises.is_empty() {
        return Ok(HashMap::new());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--keep-going", "-p", "lessons"]);
    command.arg("--message-format=json-render-diagnostics");
    command.args(exercises.iter().flat_map(|exercise| ["--test", &exercise.name]));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(messages);
    let output = command.output().context("cargo cannot be started")?;
    let mut binaries = HashMap::new();
    for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let message: serde_json::Value = serde_json::from_slice(line)?;
        let (name, binary) = (&message["target"]["name"], &message["executable"]);
        if let (Some(name), Some(binary)) = (name.as_str(), binary.as_str()) {
            binaries.insert(name.to_owned(), PathBuf::from(binary));
        }
    }
    Ok(binaries)
}

fn run(binary: &Path) -> Result<Output> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(binary).current_dir(root).output();
    output.with_context(|| format!("{} cannot be started", binary.display()))
}

/// Says how far each exercise is, and which is the next.
fn print_progress(all: &[Exercise]) -> Result<ExitCode> {
    let mut written = Vec::new();
    for exercise in all {
        if !exercise.is_open()? {
            written.push(exercise);
        }
    }
    let binaries = build(&written, Stdio::null())?;
    let mut next = None;
    let mut done = 0;
    for exercise in all {
        let state = exercise.state(binaries.get(&exercise.name))?;
        let word = match state {
            State::Open => "open",
            State::DoesNotCompile => "does not compile",
            State::Wrong => "not right yet",
            State::Done => "done",
        };
        println!("{:<28} {word}", exercise.name);
        done += usize::from(state == State::Done);
        next = next.or((state != State::Done).then_some(exercise));
    }
    println!("\n{done} of {} done", all.len());
    if let Some(exercise @ Exercise { name, .. }) = next {
        println!("next:   {name}");
        println!("edit    {}", exercise.file());
        println!("check   cargo exercise {name}");
        println!("hint    cargo exercise {name} --hint");
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks these exercises, and says what is wrong with each.
fn check_all(exercises: &[Exercise]) -> Result<ExitCode> {
    let mut all_right = true;
    for exercise in exercises {
        all_right &= check(exercise)?;
    }
    Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(exercise: &Exercise) -> Result<bool> {
    let name = &exercise.name;
    let binaries = build(&[exercise], Stdio::inherit())?;
    let (right, said) = match binaries.get(name) {
        None => (false, "it does not compile".to_owned()),
        Some(binary) => {
            let output = run(binary)?;
            let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.code().is_none() {
                // Ended by a signal: the message, of a stack that overflowed for one, is on stderr.
                said += &String::from_utf8_lossy(&output.stderr);
            }
            (output.status.success() && !exercise.is_open()?, said)
        }
    };
    let said = said.trim();
    if right {
        println!("{name}: right{}{said}", if said.is_empty() { "" } else { "\n" });
    } else {
        let said = if said.is_empty() { "a todo!() is left" } else { said };
        println!("{name}: {said}");
        println!("edit {}, or ask: cargo exercise {name} --hint", exercise.file());
    }
    Ok(right)
}

/// Checks the first exercise that is not right, whenever it is saved, until all are right.
fn keep_watching(exercises: &[Exercise]) -> Result<ExitCode> {
    for exercise in exercises {
        loop {
            let seen = exercise.saved_at();
            if check(exercise)? {
                break;
            }
            println!("waiting for {} to be saved; Ctrl-C ends\n", exercise.file());
            while exercise.saved_at() == seen {
                sleep(Duration::from_millis(300));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints one hint for the first of these exercises that has a `todo!(` left, or for the first.
fn print_hint(exercises: &[Exercise], number: usize) -> Result<ExitCode> {
    let open = exercises.iter().find(|exercise| exercise.is_open().unwrap_or(false));
    let exercise = open.or(exercises.first()).context("there are no exercises")?;
    let text = exercise.read("hints.md")?;
    let hints = hints(&text);
    let (name, count) = (&exercise.name, hints.len());
    ensure!(
        (1..=count).contains(&number),
        "{name} has the hints 1 to {count}; there is no hint {number}"
    );
    println!("{name}, hint {number} of {count}: {}", hints[number - 1]);
    if number < count {
        println!("\nthe next one: cargo exercise {name} --hint {}", number + 1);
    }
    Ok(ExitCode::SUCCESS)
}

/// The hints in a file: each begins with a line `## title`.
fn hints(text: &str) -> Vec<&str> {
    format!("\n{text}")
        .match_indices("\n## ")
        .map(|(at, mark)| &text[at + mark.len() - 1..])
        .map(|rest| rest.split("\n## ").next().unwrap_or(rest).trim())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercises() -> Vec<Exercise> {
        ["01_central", "08_carry", "08_compare"]
            .map(|name| Exercise { name: name.to_owned(), folder: PathBuf::new() })
            .to_vec()
    }

    #[track_caller]
    fn check_found(asked: &str, names: &[&str]) {
        let found = find(&exercises(), asked).expect("it is found");
        assert_eq!(found.iter().map(|exercise| &exercise.name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn a_chapter_stands_for_all_of_its_exercises() {
        check_found("8", &["08_carry", "08_compare"]);
        check_found("08", &["08_carry", "08_compare"]);
        check_found("08_carry", &["08_carry"]);
        check_found("carry", &["08_carry"]);
        check_found("c", &["01_central", "08_carry", "08_compare"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_there_are() {
        for asked in ["", "7", "nothing"] {
            let refusal = find(&exercises(), asked).expect_err("there is none");
            let sentence = "is called `".to_owned() + asked + "`; there are 01_central, 08_carry";
            assert!(refusal.contains(&sentence), "{refusal}");
        }
    }

    #[test]
    fn each_hint_is_a_title_and_what_follows() {
        let text = "## Look at t\nIt falls.\n\n## Then\nLook on:\n### a detail\n";
        assert_eq!(hints(text), ["Look at t\nIt falls.", "Then\nLook on:\n### a detail"]);
        assert_eq!(hints(""), [""; 0]);
    }
}
