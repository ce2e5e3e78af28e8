//! Parity: is the number of ones odd?
//!
//! ```text
//! x_t     0 or 1, evenly
//! y_t     (x_0 + … + x_t) mod 2        wanted at every step, or with `at_end` at the last only
//! ```
//!
//! A machine of two states solves it, and no sum of functions of single inputs does. With a loss at every step
//! the one new bit decides between two known answers; with a loss at the end all T bits decide together, and
//! a gradient has nothing to go by.
//!
//! The baseline is one half right, ln 2 = **0.693** nats an answer.
//!
//! Source: Minsky and Papert 1969, "Perceptrons"; as a sequence in Bengio, Simard and Frasconi 1994, "Learning long-term
//! dependencies with gradient descent is difficult".

use rand::{Rng, RngExt};

use super::Symbols;

/// A batch of bit sequences, with the parity so far at every step.
///
/// ```
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let bits = rnn::data::tasks::parity(16, 1, &mut rng);
/// assert_eq!(bits.targets[0], bits.inputs[0]);
/// assert_eq!(bits.targets[15], bits.inputs.iter().sum::<usize>() % 2);
/// assert_eq!(bits.one_hot::<f32>().shape(), [16, 1, 2]);
/// assert_eq!(bits.at_end().answers(), 1);
/// ```
pub fn parity(seq_len: usize, batch: usize, rng: &mut impl Rng) -> Symbols {
    Symbols::side_by_side(batch, 2, 2, || {
        let bits: Vec<usize> = (0..seq_len).map(|_| rng.random_range(0..2)).collect();
        let mut odd = 0;
        let parities = bits.iter().map(|bit| {
            odd ^= bit;
            odd
        });
        let parities = parities.collect();
        (bits, parities)
    })
}
