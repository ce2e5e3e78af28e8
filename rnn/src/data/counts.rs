//! Vocabularies of the symbols that occur often enough.
//!
//! A word that occurs once in a corpus is one whose vector is hardly trained. Such words are left out, and
//! read as [`Special::Unknown`](super::Special::Unknown).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::symbol::Symbol;
use super::vocabulary::{Vocabulary, VocabularyError};

/// How often each symbol occurs, to leave the rare ones out of a vocabulary.
///
/// ```
/// use rnn::data::{Counts, Special};
///
/// let mut counts = Counts::<String>::new();
/// for line in ["the old house", "the old garden", "the house of the teacher"] {
///     counts.add(line);
/// }
/// let vocabulary = counts.at_least(2).most_frequent(2).vocabulary()?.with(&[Special::Unknown]);
/// assert_eq!(vocabulary.symbols(), ["house", "the"]); // `old` is as frequent, and later in order
/// # Ok::<(), rnn::data::VocabularyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts<S> {
    counts: BTreeMap<S, usize>,
}

impl<S: Symbol> Counts<S> {
    /// Of nothing yet.
    #[expect(clippy::new_without_default, reason = "one way to make it")]
    pub fn new() -> Self {
        Self { counts: BTreeMap::new() }
    }

    /// Counts the symbols of a text too. [`Extend`] counts symbols that are separate already.
    pub fn add(&mut self, text: &str) {
        self.extend(S::split(text));
    }

    /// Without the symbols that occur fewer times.
    #[must_use]
    pub fn at_least(mut self, times: usize) -> Self {
        self.counts.retain(|_, count| *count >= times);
        self
    }

    /// Only so many symbols, those that occur most often; of equally frequent ones the first in order.
    #[must_use]
    pub fn most_frequent(self, symbols: usize) -> Self {
        let mut sorted: Vec<(S, usize)> = self.counts.into_iter().collect();
        sorted.sort_by_key(|&(_, count)| Reverse(count)); // stable: equals stay in order
        Self { counts: sorted.into_iter().take(symbols).collect() }
    }

    /// The vocabulary of the symbols that are left, numbered in their own order.
    ///
    /// # Errors
    ///
    /// If there are fewer than two.
    pub fn vocabulary(&self) -> Result<Vocabulary<S>, VocabularyError> {
        Vocabulary::from_symbols(self.counts.keys().cloned().collect())
    }
}

impl<S: Symbol> Extend<S> for Counts<S> {
    fn extend<I: IntoIterator<Item = S>>(&mut self, symbols: I) {
        for symbol in symbols {
            *self.counts.entry(symbol).or_insert(0) += 1;
        }
    }
}
