//! What can be wrong with the data that a model is given.

use crate::seq::SeqError;

/// Data that a model cannot read or learn from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No sequences.
    #[error("the batch is empty; give at least one sequence")]
    EmptyBatch,
    /// Another number of one thing than of sequences.
    #[error("{found} {what} for {batch} sequences; give one for each")]
    Count {
        /// What there should be one of for each sequence.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many sequences.
        batch: usize,
    },
    /// A symbol or tag that the model does not have.
    #[error("{what} {id} at step {step} of row {row} is outside 0..{size}")]
    Id {
        /// What it is: a symbol or a tag.
        what: &'static str,
        /// The id.
        id: usize,
        /// Its step.
        step: usize,
        /// Its row in the batch.
        row: usize,
        /// How many the model has.
        size: usize,
    },
    /// A class that the model does not have.
    #[error("class {class} of row {row} is outside 0..{classes}")]
    Class {
        /// The class.
        class: usize,
        /// Its row in the batch.
        row: usize,
        /// How many classes the model has.
        classes: usize,
    },
    /// Another number of tags than of steps.
    #[error("row {row} has {tags} tags for {steps} steps; give one for each")]
    Tags {
        /// The row in the batch.
        row: usize,
        /// How many tags there are.
        tags: usize,
        /// How many steps.
        steps: usize,
    },
    /// Rows that leave nothing to learn from.
    #[error("no row has {wanted}; the mean over nothing is no loss")]
    NoTarget {
        /// What a row must have, in words.
        wanted: &'static str,
    },
    /// A probability that is none.
    #[error("the probability of {what} is {p}, and must be in [0, 1]")]
    Probability {
        /// Of what.
        what: &'static str,
        /// The number.
        p: f64,
    },
    /// Lengths that do not fit the sequences.
    #[error(transparent)]
    Lengths(#[from] SeqError),
    /// Scores that are not numbers, in a model that writes.
    #[error(transparent)]
    Decode(#[from] crate::decode::DecodeError),
}
