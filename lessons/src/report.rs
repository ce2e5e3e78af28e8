//! What a lesson says at its end.

use std::fmt::Display;
use std::panic;
use std::process::{ExitCode, exit};

/// Prints `RESULT key=value`: the lines at a lesson's end that its chapter quotes.
pub fn result(key: &str, value: impl Display) {
    println!("RESULT {key}={value}");
}

/// The next power of ten, `1e-15` at least: rounding errors differ from machine to machine, their size
/// does not.
///
/// ```
/// assert_eq!(lessons::report::power_of_ten_above(3e-9), "1e-8");
/// ```
pub fn power_of_ten_above(error: f64) -> String {
    format!("1e{}", error.max(1e-16).log10().floor() as i32 + 1)
}

/// Runs a lesson. An error becomes one line on stderr, `error: what failed: why`, and exit code 1.
///
/// When nobody reads the output any longer, as in `cargo lesson 10 | head`, the lesson ends quietly.
pub fn run(main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    run_to_code(|| main().map(|()| ExitCode::SUCCESS))
}

/// As [`run`], for a `main` that chooses its own exit code.
pub fn run_to_code(main: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            exit(0);
        }
        usual(info);
    }));
    main().unwrap_or_else(|error| {
        eprintln!("error: {}", line(&error));
        ExitCode::FAILURE
    })
}

/// The error and its causes, joined by colons, in one line.
fn line(error: &anyhow::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let error = anyhow::anyhow!("not a number:\n  `x`").context("the text cannot be read");
        assert_eq!(line(&error), "the text cannot be read: not a number: `x`");
    }
}
