//! Temporal order: X or Y, much later X or Y again, and the wanted class is which came in which order.
//!
//! ```text
//! step      0     1 … T−2                                               T−1
//! symbol    E     a, b, c, d evenly, but X or Y at steps t₁ and t₂      B
//! class     XX → 0   XY → 1   YX → 2   YY → 3                           wanted at the end
//!
//! T/10 ≤ t₁ ≤ T/5        T/2 ≤ t₂ ≤ 3T/5        drawn evenly (bounds rounded down)
//! ```
//!
//! The baseline is one class of four right, ln 4 = **1.386** nats.
//!
//! Source: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory", experiment 6a: lengths from 100 to 110 there, with t₁
//! from 10 to 20 and t₂ from 50 to 60; here one length a batch, and the same places at T = 100.

use rand::{Rng, RngExt};

use super::Symbols;

/// The symbol of each input id.
pub const ORDER: [char; 8] = ['a', 'b', 'c', 'd', 'X', 'Y', 'E', 'B'];
const X: usize = 4;
const BEGIN: usize = 6;
const END: usize = 7;

/// A batch of sequences of [`ORDER`] symbols, with one of four classes at the last step.
///
/// ```
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let task = rnn::data::tasks::temporal_order(100, 20, &mut rng);
/// assert_eq!((task.seq_len(), task.answers(), task.classes), (100, 1, 4));
/// ```
///
/// # Panics
///
/// If `seq_len` is less than 10.
#[track_caller]
pub fn temporal_order(seq_len: usize, batch: usize, rng: &mut impl Rng) -> Symbols {
    assert!(seq_len >= 10, "temporal_order: {seq_len} steps are too few; use at least 10");
    Symbols::side_by_side(batch, ORDER.len(), 4, || {
        let mut symbols: Vec<usize> = (0..seq_len).map(|_| rng.random_range(0..X)).collect();
        let places = [
            rng.random_range(seq_len / 10..=seq_len / 5),
            rng.random_range(seq_len / 2..=seq_len * 3 / 5),
        ];
        let [first, second] = places.map(|t| {
            let y = rng.random_range(0..2);
            symbols[t] = X + y;
            y
        });
        symbols[0] = BEGIN;
        symbols[seq_len - 1] = END;
        (symbols, vec![2 * first + second])
    })
}
