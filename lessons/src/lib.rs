//! What the lessons share: a catalogue, options, charts, results, a progress bar.
//!
//! Nothing that a chapter explains is here: each lesson, `src/bin/NN_name.rs`, computes what it
//! shows in its own file, training loop included.

pub mod catalog;
pub mod options;
pub mod report;
pub mod progress;
pub mod plot;
pub mod figure;
pub mod seeds;
pub mod wrap;
pub mod files;
pub mod check;
pub mod ngram;
