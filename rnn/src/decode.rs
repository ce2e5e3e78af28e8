//! Choosing the next character from the scores of a model.
//!
//! ```text
//! greedy            argmax_i x_i                              the first of equal ones
//! temperature T     p_i = e^((x_i − m) / T) / Σ_j e^((x_j − m) / T),   m = max_j x_j
//! ```
//!
//! Subtracting m changes nothing in p and keeps e from overflowing. T = 1 gives the distribution
//! that the model was trained for, T below 1 sharpens it, T → 0 is greedy, T above 1 flattens it.
//! An index is drawn by inverting the cumulative distribution: with u evenly spread over [0, 1), the
//! first i for which p_0 + … + p_i exceeds u. All of it is computed in `f64`.
//!
//! Shapes: logits `[V]`, not normalised.
//!
//! At the edges: −∞ and NaN have probability 0 and are never picked; several +∞ share all
//! probability equally; scores of which none is above −∞ are an error.

use autograd::Element;
use autograd::init::unit;
use rand::Rng;

/// How to choose from scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoding {
    /// The highest score, the first among equal ones.
    Greedy,
    /// A random choice from the softmax of scores / T; T is finite and above 0. Made by
    /// [`Decoding::temperature`], which checks that.
    Temperature(f64),
}

impl Decoding {
    /// A random choice at this temperature.
    ///
    /// # Errors
    ///
    /// If the temperature is 0 or less, infinite, or not a number.
    pub fn temperature(temperature: f64) -> Result<Self, DecodeError> {
        if temperature > 0.0 && temperature.is_finite() {
            Ok(Self::Temperature(temperature))
        } else {
            Err(DecodeError::Temperature { temperature })
        }
    }
}

/// The index of the chosen score. Greedy draws nothing from `rng`, temperature one number.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::decode::{Decoding, pick};
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// assert_eq!(pick(&[0.5, 2.0, -1.0], &Decoding::Greedy, &mut rng), 1);
/// ```
///
/// # Panics
///
/// Where [`try_pick`] returns an error.
#[track_caller]
pub fn pick<E: Element>(logits: &[E], decoding: &Decoding, rng: &mut impl Rng) -> usize {
    match try_pick(logits, decoding, rng) {
        Ok(index) => index,
        Err(error) => panic!("{error}"),
    }
}

/// The index of the chosen score, or why there is none.
///
/// # Errors
///
/// If no score is above −∞, or if the temperature is not finite and above 0.
pub fn try_pick<E: Element>(
    logits: &[E],
    decoding: &Decoding,
    rng: &mut impl Rng,
) -> Result<usize, DecodeError> {
    let (mut best, mut max) = (None, f64::NEG_INFINITY);
    for (i, x) in logits.iter().enumerate() {
        if x.value() > max {
            (best, max) = (Some(i), x.value());
        }
    }
    let best = best.ok_or(DecodeError::NoChoice { scores: logits.len() })?;
    let Decoding::Temperature(t) = *decoding else {
        return Ok(best);
    };
    Decoding::temperature(t)?;

    // p without its common factor. The maximum is a case of its own for the sake of +∞, where the
    // difference would be ∞ − ∞.
    let weight = |x: &E| match x.value() {
        x if x == max => 1.0,
        x if x.is_nan() => 0.0,
        x => ((x - max) / t).exp(),
    };
    let total: f64 = logits.iter().map(weight).sum();
    let mark = unit(rng) * total;
    let mut sum = 0.0;
    let drawn = logits.iter().position(|x| {
        sum += weight(x);
        mark < sum // for the first time: so this weight is not 0
    });
    Ok(drawn.unwrap_or(best))
}

/// A choice that cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A temperature that defines no distribution.
    #[error(
        "the temperature {temperature} is not a finite number above 0; use about 0.5 to 1, or greedy decoding"
    )]
    Temperature {
        /// The temperature.
        temperature: f64,
    },
    /// No score that could be chosen.
    #[error("none of {scores} scores is above −∞; the model's output is not usable")]
    NoChoice {
        /// How many scores there were.
        scores: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(20)
    }

    /// A generator at one end of its range: u = 0, or the largest u below 1.
    struct Stuck(u64);

    impl rand::rand_core::TryRng for Stuck {
        type Error = std::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(self.0 as u32)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(self.0 as u8);
            Ok(())
        }
    }

    /// How often each index is drawn.
    fn counts(logits: &[f64], temperature: f64, draws: usize) -> Vec<usize> {
        let decoding = Decoding::temperature(temperature).unwrap();
        let mut rng = rng();
        let mut counts = vec![0; logits.len()];
        for _ in 0..draws {
            counts[pick(logits, &decoding, &mut rng)] += 1;
        }
        counts
    }

    /// Pearson's test: X² = Σ (count − expected)² / expected stays below the 99.9 % quantile of
    /// the χ² distribution with 4 degrees of freedom, 18.467.
    #[track_caller]
    fn check_distribution(logits: [f64; 5], temperature: f64, p: [f64; 5]) {
        let draws = 200_000;
        let counts = counts(&logits, temperature, draws);
        let chi_square: f64 = counts
            .iter()
            .zip(p)
            .map(|(&count, p)| (count as f64 - p * draws as f64).powi(2) / (p * draws as f64))
            .sum();
        assert!(chi_square < 18.467, "X² = {chi_square}: {counts:?}");
    }

    #[test]
    fn temperature_one_draws_from_the_softmax() {
        let p: [f64; 5] = [0.4, 0.05, 0.25, 0.1, 0.2];
        check_distribution(p.map(|p| p.ln() + 300.0), 1.0, p);
    }

    #[test]
    fn temperature_two_draws_from_square_roots() {
        let p: [f64; 5] = [0.4, 0.05, 0.25, 0.1, 0.2];
        let total: f64 = p.iter().map(|p| p.sqrt()).sum();
        check_distribution(p.map(f64::ln), 2.0, p.map(|p| p.sqrt() / total));
    }

    #[test]
    fn temperature_one_half_draws_from_squares() {
        let p: [f64; 5] = [0.4, 0.05, 0.25, 0.1, 0.2];
        let total: f64 = p.iter().map(|p| p * p).sum();
        check_distribution(p.map(f64::ln), 0.5, p.map(|p| p * p / total));
    }

    #[test]
    fn greedy_takes_the_first_of_equal_scores() {
        assert_eq!(pick(&[1.0_f32, 3.0, 3.0, 2.0], &Decoding::Greedy, &mut rng()), 1);
    }

    #[test]
    fn a_temperature_near_zero_is_greedy() {
        for t in [1e-3, f64::MIN_POSITIVE] {
            assert_eq!(counts(&[0.1, 0.9, -0.3, 0.8], t, 1000), [0, 1000, 0, 0]);
        }
    }

    #[test]
    fn the_largest_temperature_draws_every_index() {
        assert!(counts(&[0.0, 500.0, -500.0], f64::MAX, 1000).iter().all(|&count| count > 250));
    }

    #[test]
    fn a_score_without_probability_is_never_picked() {
        let logits = [f64::NEG_INFINITY, 0.0, -1e6, 0.0, f64::NAN, f64::NEG_INFINITY];
        for u in [0, u64::MAX] {
            let i = pick(&logits, &Decoding::Temperature(1.0), &mut Stuck(u));
            assert!(i == 1 || i == 3, "{i}");
        }
        let counts = counts(&logits, 1.0, 1000);
        assert_eq!(counts[1] + counts[3], 1000);
    }

    #[test]
    fn the_last_draw_below_one_is_in_range() {
        for len in 1..500 {
            let logits: Vec<f64> = (0..len).map(|i| (i as f64).sin() * 3.0).collect();
            let i = pick(&logits, &Decoding::Temperature(0.7), &mut Stuck(u64::MAX));
            assert_eq!(i, len - 1);
        }
    }

    #[test]
    fn nan_is_passed_over() {
        let logits = [f64::NAN, -2.0, -1.0, f64::NAN];
        assert_eq!(pick(&logits, &Decoding::Greedy, &mut rng()), 2);
        assert_eq!(counts(&logits, 1e-3, 100), [0, 0, 100, 0]);
    }

    #[test]
    fn infinite_scores_share_all_probability() {
        let counts = counts(&[0.0, f64::INFINITY, 1e300, f64::INFINITY], 1.0, 1000);
        assert_eq!((counts[0], counts[2]), (0, 0));
        assert!(counts[1].abs_diff(counts[3]) < 200, "{counts:?}");
    }

    #[test]
    fn scores_without_a_choice_are_an_error() {
        for logits in [&[][..], &[f64::NAN; 3], &[f64::NEG_INFINITY; 2]] {
            for decoding in [Decoding::Greedy, Decoding::Temperature(1.0)] {
                let error = try_pick(logits, &decoding, &mut rng()).unwrap_err();
                assert_eq!(error, DecodeError::NoChoice { scores: logits.len() });
            }
        }
    }

    #[test]
    fn a_temperature_that_is_not_finite_and_positive_is_refused() {
        for t in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Decoding::temperature(t).unwrap_err().to_string();
            assert!(error.contains(&format!("temperature {t} is not")), "{error}");
            assert!(try_pick(&[0.0, 1.0], &Decoding::Temperature(t), &mut rng()).is_err());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let logits = [0.3, 0.1, 0.5];
        let draw = || {
            let mut rng = rng();
            [(); 50].map(|()| pick(&logits, &Decoding::Temperature(1.0), &mut rng))
        };
        assert_eq!(draw(), draw());
    }
}
