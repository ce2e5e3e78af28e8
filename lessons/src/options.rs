//! Options that every lesson takes.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::files;

/// The seed that lessons take unless another is given: what the book shows comes from it.
pub const SEED: u64 = 1;

/// Add to a lesson's own options with `#[command(flatten)]`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Seed of everything random; the same seed prints the same numbers
    #[arg(long, default_value_t = SEED)]
    pub seed: u64,

    /// Folder to write the figures to, made if it is missing
    #[arg(long, value_name = "DIR", default_value = "target/figures")]
    pub out: PathBuf,
}

impl Options {
    /// Something that the chapter claims of the seed that it shows: where it does not hold, `otherwise` says what does.
    /// With another seed luck may be otherwise; that is printed, and the lesson goes on.
    ///
    /// # Errors
    ///
    /// If it does not hold with the seed that the chapter shows.
    pub fn claim(&self, holds: bool, otherwise: impl Display) -> anyhow::Result<()> {
        anyhow::ensure!(holds || self.seed != SEED, "{otherwise}");
        if !holds {
            println!("   with this seed {otherwise}");
        }
        Ok(())
    }

    /// The folder for figures, ready to be written to. Call it early, so that a folder that cannot be
    /// written to is known before the work and not after it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or written to.
    pub fn folder(&self) -> anyhow::Result<&Path> {
        files::folder(&self.out)?;
        Ok(&self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_strict_with_the_seed_of_the_book_only() {
        let with = |seed| Options { seed, out: PathBuf::new() };
        let refused = with(SEED).claim(false, "0.7 are right").expect_err("it does not hold");
        assert_eq!(refused.to_string(), "0.7 are right");
        with(SEED).claim(true, "").expect("it holds");
        with(SEED + 1).claim(false, "0.7 are right").expect("another seed");
    }
}
