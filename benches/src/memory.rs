//! The most memory that a process has had resident, from Linux's /proc.

use std::fs;

use anyhow::{Context, Result, bail};

const MIB: f64 = 1024.0;

/// The most memory while `call` runs, in MiB above what is resident before. Linux only.
///
/// What the process freed before but kept is not counted, so measure in a process that did nothing else.
///
/// # Errors
///
/// If /proc/self does not tell, or does not let the peak be reset.
pub fn peak(mut call: impl FnMut()) -> Result<f64> {
    let before = kibibytes("VmRSS")?;
    fs::write("/proc/self/clear_refs", "5")
        .context("cannot reset the peak in /proc/self/clear_refs; memory is measured on Linux")?;
    call();
    Ok((kibibytes("VmHWM")? - before).max(0.0) / MIB)
}

/// A line of /proc/self/status.
fn kibibytes(name: &str) -> Result<f64> {
    let path = "/proc/self/status";
    let status = fs::read_to_string(path)
        .with_context(|| format!("cannot read {path}; memory is measured on Linux"))?;
    let Some(line) = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    else {
        bail!("{path} has no line {name}");
    };
    let number = line.trim().trim_end_matches("kB").trim();
    number.parse().with_context(|| format!("{path}: {name} is `{line}`, no number of kB"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_again_counts() {
        let found = peak(|| {
            std::hint::black_box(vec![1_u8; 64 << 20]);
        });
        let found = found.expect("Linux");
        assert!((60.0..80.0).contains(&found), "{found} MiB for 64");
    }
}
