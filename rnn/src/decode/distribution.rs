//! The distribution that scores and a way of decoding define together.
//!
//! ```text
//! temperature T    p_i = e^((x_i − m) / T) / Σ_j e^((x_j − m) / T),     m = max_j x_j
//! greedy           p_i = 1 for the first i with x_i = m, else 0:        the limit T → 0
//! top-k            p_i / Σ_{j ∈ K} p_j in K, else 0:                    K holds the k highest scores
//! top-p            p_i / Σ_{j ∈ N} p_j in N, else 0:                    N is the smallest set of the highest
//!                                                                       scores with Σ_{j ∈ N} p_j ≥ p
//! ```
//!
//! Subtracting m changes nothing in p and keeps e from overflowing. T = 1 gives the distribution that the
//! model was trained for, T below 1 sharpens it, T above 1 flattens it. Both cuts are renormalised, and
//! combine in the order of the lines above: temperature, then top-k, then top-p of what top-k left.
//!
//! Of equal scores the first belongs to K and N before the others. Whether a sum reaches p is decided in
//! `f64`, from the highest score downwards. Equal highest scores share the probability at any
//! temperature above 0, while greedy takes the first: only there does the limit differ from small T.
//!
//! Shapes: scores `[V]`, not normalised; probabilities `[V]`.
//! Source: top-k, Fan, Lewis and Dauphin 2018, "Hierarchical Neural Story Generation"; top-p (the nucleus),
//! Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1.

use autograd::Element;

use super::{DecodeError, descending, keep_first};

/// How to choose from scores.
///
/// ```
/// use rnn::decode::{Decoding, probabilities};
///
/// let scores = [0.5_f64, 0.3, 0.2].map(f64::ln);
/// let top_2 = Decoding::temperature(1.0)?.top_k(2)?;
/// let p = probabilities(&scores, &top_2)?;
/// assert!((p[0] - 0.625).abs() < 1e-15 && (p[1] - 0.375).abs() < 1e-15 && p[2] == 0.0);
/// assert_eq!(probabilities(&scores, &Decoding::greedy())?, [1.0, 0.0, 0.0]);
/// # Ok::<(), rnn::decode::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoding {
    /// T; 0 for greedy.
    temperature: f64,
    /// k; `usize::MAX` for no cut.
    top_k: usize,
    /// p; 1 for no cut.
    top_p: f64,
}

impl Decoding {
    /// The highest score, the first among equal ones.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, top_k: usize::MAX, top_p: 1.0 }
    }

    /// A random choice at this temperature.
    ///
    /// # Errors
    ///
    /// If the temperature is 0 or less, infinite, or not a number.
    pub fn temperature(temperature: f64) -> Result<Self, DecodeError> {
        if temperature > 0.0 && temperature.is_finite() {
            Ok(Self { temperature, ..Self::greedy() })
        } else {
            Err(DecodeError::Temperature { temperature })
        }
    }

    /// The same among the k highest scores only. More than there are cut nothing.
    ///
    /// # Errors
    ///
    /// If k is 0.
    pub fn top_k(self, top_k: usize) -> Result<Self, DecodeError> {
        match top_k {
            0 => Err(DecodeError::TopK),
            _ => Ok(Self { top_k, ..self }),
        }
    }

    /// The same among the highest scores that together have at least the probability p. 1 cuts nothing.
    ///
    /// # Errors
    ///
    /// If p is 0 or less, above 1, or not a number.
    pub fn top_p(self, top_p: f64) -> Result<Self, DecodeError> {
        if top_p > 0.0 && top_p <= 1.0 {
            Ok(Self { top_p, ..self })
        } else {
            Err(DecodeError::TopP { top_p })
        }
    }

    /// Whether the choice is never random.
    pub(super) fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }
}

/// The probability of each symbol, p_i: what [`pick`](super::pick()) draws from.
///
/// # Errors
///
/// If no score is above −∞.
pub fn probabilities<E: Element>(
    scores: &[E],
    decoding: &Decoding,
) -> Result<Vec<f64>, DecodeError> {
    if decoding.is_greedy() {
        let mut p = vec![0.0; scores.len()];
        p[argmax(scores)?] = 1.0;
        return Ok(p);
    }
    let mut p = exponents(scores, decoding.temperature)?;
    p.iter_mut().for_each(|p| *p = p.exp()); // without their common factor
    if decoding.top_k < scores.len() || decoding.top_p < 1.0 {
        let kept = cut(scores, &p, decoding);
        let mut only_kept = vec![0.0; p.len()];
        kept.iter().for_each(|&i| only_kept[i] = p[i]);
        p = only_kept;
    }
    let total: f64 = p.iter().sum(); // at least 1, which is e^0 for the maximum
    p.iter_mut().for_each(|p| *p /= total);
    Ok(p)
}

/// ln p_i under the model: at temperature 1, without a cut; −∞ where p_i = 0.
///
/// ```text
/// ln p_i = (x_i − m) − ln Σ_j e^(x_j − m)        never above 0, since the sum holds e^0 for the maximum
/// ```
///
/// # Errors
///
/// If no score is above −∞.
pub fn log_probabilities<E: Element>(scores: &[E]) -> Result<Vec<f64>, DecodeError> {
    let mut exponents = exponents(scores, 1.0)?;
    let log_total = exponents.iter().map(|x| x.exp()).sum::<f64>().ln();
    exponents.iter_mut().for_each(|x| *x -= log_total);
    Ok(exponents)
}

/// The first index of the highest score.
pub(super) fn argmax<E: Element>(scores: &[E]) -> Result<usize, DecodeError> {
    let (mut best, mut max) = (None, f64::NEG_INFINITY);
    for (i, x) in scores.iter().enumerate() {
        if x.value() > max {
            (best, max) = (Some(i), x.value());
        }
    }
    best.ok_or(DecodeError::NoChoice { scores: scores.len() })
}

/// (x_i − m) / T.
fn exponents<E: Element>(scores: &[E], temperature: f64) -> Result<Vec<f64>, DecodeError> {
    let max = scores[argmax(scores)?].value();
    // The maximum is a case of its own for the sake of +∞, where the difference would be ∞ − ∞.
    let exponent = |x: &E| match x.value() {
        x if x == max => 0.0,
        x if x.is_nan() => f64::NEG_INFINITY,
        x => (x - max) / temperature,
    };
    Ok(scores.iter().map(exponent).collect())
}

/// The symbols that top-k and then top-p leave; p need not be normalised.
fn cut<E: Element>(scores: &[E], p: &[f64], decoding: &Decoding) -> Vec<usize> {
    let above = |&i: &usize| scores[i].value() > f64::NEG_INFINITY;
    let mut kept: Vec<usize> = (0..scores.len()).filter(above).collect();
    keep_first(&mut kept, decoding.top_k, |&i, &j| {
        descending(scores[i].value(), scores[j].value()).then(i.cmp(&j))
    });
    if decoding.top_p < 1.0 {
        let total: f64 = kept.iter().map(|&i| p[i]).sum();
        let mut sum = 0.0;
        let last = kept.iter().position(|&i| {
            sum += p[i];
            sum >= decoding.top_p * total
        });
        kept.truncate(last.map_or(kept.len(), |last| last + 1));
    }
    kept
}
