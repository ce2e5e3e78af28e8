//! Writing with a model: from scores to a symbol, to a text, to the most probable texts.
//!
//! ```text
//! one symbol    pick          from the scores of one step, as a Decoding says
//! a text        generate      pick, read the pick as the next input, and again; B texts at once
//!               symbols       the same for one text, as an iterator
//! the best      beam_search   the most probable texts, as far as a search of this width finds them
//! ```
//!
//! Any model can be decoded that implements [`NextSymbol`]. A text is p(y) = Π_t p(y_t | y_0 … y_{t−1}); every
//! sum of its logarithms here is in nats, in `f64`, and under the model itself: the softmax of its scores at
//! temperature 1 without any cut, whatever the texts were drawn from.
//!
//! At the edges, everywhere: −∞ and NaN have probability 0 and are never chosen; several +∞ share all
//! probability equally; scores of which none is above −∞ are an error. Of equal ones the first is taken.
//!
//! Absent: penalties for repetition, constraints on what may be written, and searches that draw at
//! random. Each is a change of the scores, which a model of your own around another one can make.

use std::cmp::Ordering;

// In reading order.
pub mod distribution;
pub mod pick;
pub mod next_symbol;
pub mod generate;
pub mod beam;
pub mod error;

pub use beam::{Beam, beam_search};
pub use distribution::{Decoding, log_probabilities, probabilities};
pub use error::DecodeError;
pub use generate::{Continuation, End, Stop, Symbols, generate, symbols};
pub use next_symbol::NextSymbol;
pub use pick::{pick, try_pick};

/// The larger number first. Neither may be NaN; 0 and −0 are equal.
fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// The first `count` items in this order, sorted, in O(n + count · log count). No two may be equal in it,
/// so that what remains does not depend on where the items stood.
fn keep_first<T>(items: &mut Vec<T>, count: usize, order: impl Fn(&T, &T) -> Ordering) {
    if count < items.len() {
        items.select_nth_unstable_by(count, &order);
        items.truncate(count);
    }
    items.sort_unstable_by(&order);
}
