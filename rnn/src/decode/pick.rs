//! Choosing one symbol from the scores of one step.
//!
//! An index is drawn by inverting the cumulative distribution: with u evenly spread over [0, 1), the
//! first i for which p_0 + … + p_i exceeds u.
//!
//! Shapes: scores `[V]`, not normalised.

use autograd::Element;
use autograd::init::unit;
use rand::Rng;

use super::distribution::{argmax, probabilities};
use super::{DecodeError, Decoding};

/// The index of the chosen score. Greedy draws nothing from `rng`, anything else one number.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::decode::{Decoding, pick};
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// assert_eq!(pick(&[0.5, 2.0, -1.0], &Decoding::greedy(), &mut rng), 1);
/// ```
///
/// # Panics
///
/// Where [`try_pick`] returns an error.
#[track_caller]
pub fn pick<E: Element>(scores: &[E], decoding: &Decoding, rng: &mut impl Rng) -> usize {
    match try_pick(scores, decoding, rng) {
        Ok(index) => index,
        Err(error) => panic!("{error}"),
    }
}

/// The index of the chosen score, or why there is none.
///
/// # Errors
///
/// If no score is above −∞.
pub fn try_pick<E: Element>(
    scores: &[E],
    decoding: &Decoding,
    rng: &mut impl Rng,
) -> Result<usize, DecodeError> {
    let best = argmax(scores)?;
    if decoding.is_greedy() {
        return Ok(best);
    }
    let p = probabilities(scores, decoding)?;
    let u = unit(rng);
    let mut sum = 0.0;
    let drawn = p.iter().position(|p| {
        sum += p;
        u < sum // for the first time: so this p is not 0
    });
    // Rounding can leave the whole sum a little below 1, and u between the two.
    Ok(drawn.or_else(|| p.iter().rposition(|&p| p > 0.0)).unwrap_or(best))
}
