//! Options that every lesson takes.

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
