//! Every lesson still prints and draws what `expected/` holds, which is what the book shows.
//!
//! Each lesson of the catalogue runs with its default options in a folder of its own. A number may
//! differ from the expected one by one unit of the last digit printed, a whole number in a figure by
//! one pixel, a run of spaces in its length (a number that grew takes one); all else is equal.
//!
//! After a change that is meant: `ACCEPT=1 cargo test -p lessons --test fresh`, or, for one lesson,
//! `ACCEPT=1 cargo test -p lessons --test fresh -- 08`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lessons::catalog::{LESSONS, Lesson};
use libtest_mimic::{Arguments, Failed, Trial};

/// How many lines that differ are shown of each file.
const SHOWN: usize = 3;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2); // some lessons use two threads themselves
    let accept = std::env::var_os("ACCEPT").is_some();
    let lessons = LESSONS
        .iter()
        .map(|lesson| Trial::test(lesson.name, move || is_fresh(lesson, accept)))
        .chain([
            Trial::test("every_lesson_and_no_other_has_expected_output", move || folders(accept)),
            Trial::test("the_last_digit_may_differ_by_one_unit", last_digits),
            Trial::test("whole_numbers_are_exact_but_in_figures", whole_numbers),
            Trial::test("words_and_missing_lines_are_differences", words),
        ])
        .collect();
    libtest_mimic::run(&arguments, lessons).exit_code()
}

/// Where the expected output lies.
fn expected() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("expected")
}

/// The binary of a lesson: cargo builds all of a package's binaries for its tests, into one folder.
fn binary(lesson: &Lesson) -> PathBuf {
    let name = format!("{}{}", lesson.name, std::env::consts::EXE_SUFFIX);
    Path::new(env!("CARGO_BIN_EXE_lesson")).with_file_name(name)
}

/// What the lesson prints, as `output.txt`, and the files it writes, by name.
fn run(lesson: &Lesson) -> Result<BTreeMap<String, String>, Failed> {
    let scratch = tempfile::tempdir()?;
    let output = Command::new(binary(lesson)).current_dir(scratch.path()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the lesson ended with {}: {}", output.status, said.trim()).into());
    }
    let mut files = read(&scratch.path().join("target/figures"))?;
    files.insert("output.txt".to_owned(), String::from_utf8(output.stdout)?.replace('\\', "/"));
    Ok(files)
}

/// The files of a folder, by name; none if there is no such folder.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let mut files = BTreeMap::new();
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read_to_string(&path)?.replace("\r\n", "\n"));
        }
    }
    Ok(files)
}

fn is_fresh(lesson: &Lesson, accept: bool) -> Result<(), Failed> {
    let folder = expected().join(lesson.name);
    let (old, new) = (read(&folder)?, run(lesson)?);
    let mut problems = Vec::new();
    for name in old.keys().chain(new.keys().filter(|&name| !old.contains_key(name))) {
        let path = folder.join(name);
        let shown = format!("lessons/expected/{}/{name}", lesson.name);
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => match differences(old, new, name.ends_with(".svg")) {
                lines if lines.is_empty() => continue,
                lines => problems.extend(report(&shown, &lines)),
            },
            (None, _) => {
                problems.push(format!("{shown}: it is not there, but the lesson writes it"))
            }
            (_, None) => problems.push(format!("{shown}: the lesson no longer writes it")),
        }
        match new.get(name) {
            _ if !accept => {}
            Some(content) => {
                fs::create_dir_all(&folder)?;
                fs::write(path, content)?;
            }
            None => fs::remove_file(path)?,
        }
    }
    if accept || problems.is_empty() {
        return Ok(());
    }
    let how =
        format!("if that is meant: ACCEPT=1 cargo test -p lessons --test fresh -- {}", lesson.name);
    Err([problems.join("\n"), how].join("\n").into())
}

/// One file's differences, for whoever has to judge them.
fn report(file: &str, lines: &[Difference]) -> Vec<String> {
    let mut report: Vec<String> = lines
        .iter()
        .take(SHOWN)
        .map(|Difference { line, expected, found }| {
            format!("{file}:{line}\n  expected: {expected}\n  now:      {found}")
        })
        .collect();
    if lines.len() > SHOWN {
        report.push(format!("{file}: {} more lines differ", lines.len() - SHOWN));
    }
    report
}

/// A line that is not as expected; a missing one is said to be missing.
#[derive(Debug)]
struct Difference {
    line: usize,
    expected: String,
    found: String,
}

fn differences(expected: &str, found: &str, figure: bool) -> Vec<Difference> {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let shown =
        |line: Option<&&str>| line.map_or("(no such line)".to_owned(), |line| line.to_string());
    (0..expected.len().max(found.len()))
        .map(|i| (i, expected.get(i), found.get(i)))
        .filter(|(_, a, b)| !a.zip(*b).is_some_and(|(a, b)| same_line(a, b, figure)))
        .map(|(i, a, b)| Difference { line: i + 1, expected: shown(a), found: shown(b) })
        .collect()
}

fn same_line(a: &str, b: &str, figure: bool) -> bool {
    let (a, b) = (pieces(a), pieces(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || same_number(a, b, figure))
}

/// A line cut into numbers and what stands between them, without regard to the number of spaces.
fn pieces(line: &str) -> Vec<String> {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut pieces = vec![String::new()];
    let mut rest = line.as_str();
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let length =
            if before.is_alphanumeric() || "_#".contains(before) { 0 } else { number(rest) };
        let taken = if length > 0 { &rest[..length] } else { &rest[..next.len_utf8()] };
        if length > 0 {
            pieces.extend([taken.to_owned(), String::new()]);
        } else if let Some(piece) = pieces.last_mut() {
            piece.push(next);
        }
        before = taken.chars().next_back().unwrap_or(' ');
        rest = &rest[taken.len()..];
    }
    pieces
}

/// The length of the number at the beginning of a text: `-12.5e-3`; 0 if there is none.
fn number(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let sign = |from: usize| usize::from(text[from..].starts_with(['-', '+']));
    let start = sign(0);
    if digits(start) == 0 {
        return 0;
    }
    let mut end = start + digits(start);
    if text[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with('e') {
        let exponent = end + 1 + sign(end + 1);
        if digits(exponent) > 0 {
            end = exponent + digits(exponent);
        }
    }
    end
}

/// Whether two printed numbers are equal but for one unit of the last digit. Whole numbers have to be
/// equal, unless they are places in a figure.
fn same_number(a: &str, b: &str, figure: bool) -> bool {
    let whole = |text: &str| !text.contains(['.', 'e']);
    let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
    if whole(a) && whole(b) && !figure {
        return false; // written alike, they would have been equal
    }
    let unit = |text: &str| {
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
        10f64.powi(exponent.parse::<i32>().unwrap_or(0) - decimals)
    };
    (x - y).abs() <= 1.001 * unit(a).min(unit(b))
}

/// Lessons without a folder, and folders without a lesson, which are removed if that is accepted.
fn folders(accept: bool) -> Result<(), Failed> {
    let listed: Vec<&str> = LESSONS.iter().map(|lesson| lesson.name).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(expected())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if accept && !listed.contains(&name.as_str()) {
            fs::remove_dir_all(entry.path())?;
        }
        found.push(name);
    }
    found.sort();
    if found != listed && !accept {
        let sentence = format!("lessons/expected holds {found:?}, the catalogue lists {listed:?}");
        return Err(sentence.into());
    }
    Ok(())
}

/// Expects that the second text counts as the first, or that it does not.
#[track_caller]
fn check(expected: &str, found: &str, figure: bool, same: bool) {
    let found = differences(expected, found, figure);
    assert_eq!(found.is_empty(), same, "{expected}: {found:?}");
}

fn last_digits() -> Result<(), Failed> {
    check("loss 0.123, then 9.99", "loss 0.124, then 10.00", false, true);
    check("loss 0.123", "loss 0.125", false, false);
    check("loss 0.123", "loss 0.1235", false, false);
    check("error 1.2e-9", "error 1.3e-9", false, true);
    check("error 9.9e-9", "error 1.0e-8", false, true);
    check("error 1.2e-9", "error 1.2e-8", false, false);
    check("cosine -0.01", "cosine 0.00", false, true);
    check("   9.99 |", "  10.00 |", false, true);
    Ok(())
}

fn whole_numbers() -> Result<(), Failed> {
    check("24 nodes", "25 nodes", false, false);
    check("<line x1=\"24\" y1=\"7\"/>", "<line x1=\"25\" y1=\"6\"/>", true, true);
    check("<line x1=\"24\"/>", "<line x1=\"26\"/>", true, false);
    check("fill=\"#1D5FA8\"", "fill=\"#1D5FA9\"", true, false);
    check("below 1e-9", "below 1e-10", false, false);
    Ok(())
}

fn words() -> Result<(), Failed> {
    check("the loss falls", "the loss rises", false, false);
    check("one\ntwo", "one", false, false);
    check("one", "one\ntwo", false, false);
    check("w_1 = 3.0", "w_2 = 3.0", false, false);
    Ok(())
}
