//! A progress bar for whatever takes more than two seconds.

use std::io::{IsTerminal, stderr};

pub use indicatif::ProgressBar;
use indicatif::{ProgressDrawTarget, ProgressStyle};

/// A bar of so many steps, with a message and the time left, on stderr; hidden unless that is a
/// terminal.
///
/// ```
/// let bar = lessons::progress::bar(3);
/// for step in 0..3 {
///     bar.set_message(format!("loss {:.2}", 3.0 - step as f64));
///     bar.inc(1);
/// }
/// bar.suspend(|| println!("print through `suspend`, so that bar and text do not mix"));
/// bar.finish_and_clear();
/// ```
pub fn bar(steps: u64) -> ProgressBar {
    let target = if stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(steps), target).with_style(style)
}
