//! Lists the lessons, or runs one: `cargo lesson`, `cargo lesson 08_bptt_by_hand --help`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use lessons::catalog::{LESSONS, Lesson, find};
use lessons::report;

/// Lists the lessons of the course, or runs one
#[derive(Parser)]
#[command(
    name = "cargo lesson",
    override_usage = "cargo lesson [LESSON [OPTIONS OF THE LESSON]]",
    after_help = "LESSON is a lesson's name, its beginning, or its number; without it they are listed.",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    lesson: Option<Asked>,
}

#[derive(Subcommand)]
enum Asked {
    /// The lesson and all that follows it.
    #[command(external_subcommand)]
    Lesson(Vec<OsString>),
}

fn main() -> ExitCode {
    let words = match Arguments::parse().lesson {
        Some(Asked::Lesson(words)) => words,
        None => Vec::new(),
    };
    let Some((asked, options)) = words.split_first() else {
        return report::run(|| {
            list();
            Ok(())
        });
    };
    match find(&asked.to_string_lossy()) {
        Ok(lesson) => report::run_to_code(|| run(lesson, options)),
        Err(unclear) => {
            eprintln!("error: {unclear}");
            ExitCode::from(2)
        }
    }
}

fn list() {
    let longest = |text: fn(&Lesson) -> &str| {
        LESSONS.iter().map(|lesson| text(lesson).chars().count()).max().unwrap_or(0)
    };
    let (a, b) = (longest(|lesson| lesson.name), longest(|lesson| lesson.question));
    println!("{:<a$}  {:<b$}  seconds", "lesson", "its question");
    for Lesson { name, question, seconds } in LESSONS {
        println!("{name:<a$}  {question:<b$}  {seconds:>7}");
    }
    let [Lesson { name, .. }, ..] = LESSONS else { return };
    println!(
        "\nRun one:  cargo lesson {name}  (its number will do; --help after it shows its options)"
    );
}

/// Builds the lesson and runs it, with the exit code of its own.
fn run(lesson: &Lesson, options: &[OsString]) -> anyhow::Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "-p", "lessons", "--bin", lesson.name, "--"]);
    command.args(options);
    become_process(command).context("cargo cannot be started")
}

/// Becomes the lesson, so that exit code and Ctrl-C are its own. Returns only on failure.
#[cfg(unix)]
fn become_process(mut command: Command) -> std::io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// Waits for the lesson and returns its exit code.
#[cfg(not(unix))]
fn become_process(mut command: Command) -> std::io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
