//! One choice: the exact distribution, and draws from it.

use autograd::draw::Draw;
use proptest::prelude::*;
use rnn::decode::{DecodeError, Decoding, log_probabilities, pick, probabilities, try_pick};
use tests::{config, rng};

use super::check_counts;

fn temperature(t: f64) -> Decoding {
    Decoding::temperature(t).expect("a temperature above 0")
}

/// Temperature, then top-k, then top-p, each normalised, one after the other.
fn naive(scores: &[f64], t: f64, k: usize, top_p: f64) -> Vec<f64> {
    let mut p = scores.iter().map(|x| if x.is_nan() { 0.0 } else { (x / t).exp() }).collect();
    let normalise = |p: &mut Vec<f64>| {
        let total: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= total);
    };
    normalise(&mut p);

    // The rank of a symbol is the number of those before it.
    let before = |j: usize, i: usize| p[j] > p[i] || (p[j] == p[i] && j < i);
    let ranks: Vec<usize> =
        (0..p.len()).map(|i| (0..p.len()).filter(|&j| before(j, i)).count()).collect();
    for (p, &rank) in p.iter_mut().zip(&ranks) {
        if rank >= k {
            *p = 0.0;
        }
    }
    normalise(&mut p);

    // A symbol is in the nucleus if those before it do not reach top_p without it; all are in that of 1,
    // even those that are too small to change the sum.
    let mass_before = |i: usize| -> f64 {
        p.iter().zip(&ranks).filter(|&(_, &rank)| rank < ranks[i]).map(|(p, _)| p).sum()
    };
    let nucleus: Vec<bool> = (0..p.len()).map(|i| top_p == 1.0 || mass_before(i) < top_p).collect();
    for (p, inside) in p.iter_mut().zip(nucleus) {
        if !inside {
            *p = 0.0;
        }
    }
    normalise(&mut p);
    p
}

/// Scores with ties, −∞ and NaN among them, the first of them finite.
fn drawn_scores() -> impl Strategy<Value = Vec<f64>> {
    let score = prop_oneof![
        4 => -4.0..4.0_f64,
        2 => (-3..3_i32).prop_map(f64::from),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(f64::NAN),
    ];
    (-4.0..4.0_f64, prop::collection::vec(score, 0..12)).prop_map(|(first, mut scores)| {
        scores.insert(0, first);
        scores
    })
}

proptest! {
    #![proptest_config(config(2000, file!()))]

    #[test]
    fn temperature_top_k_and_top_p_give_the_naive_distribution(
        scores in drawn_scores(), t in 0.2..3.0_f64, k in 1..14_usize, top_p in 0.01..1.0_f64,
    ) {
        let any = usize::MAX;
        let cases = [
            (temperature(t), any, 1.0),
            (temperature(t).top_k(k).unwrap(), k, 1.0),
            (temperature(t).top_p(top_p).unwrap(), any, top_p),
            (temperature(t).top_k(k).unwrap().top_p(top_p).unwrap(), k, top_p),
            (temperature(t).top_p(top_p).unwrap().top_k(k).unwrap(), k, top_p),
        ];
        for (decoding, k, top_p) in cases {
            let p = probabilities(&scores, &decoding).unwrap();
            let wanted = naive(&scores, t, k, top_p);
            for (p, wanted) in p.iter().zip(&wanted) {
                prop_assert!((p - wanted).abs() <= 1e-14, "{decoding:?}: {p:?}, not {wanted:?}");
                prop_assert_eq!(*p == 0.0, *wanted == 0.0);
            }
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() <= 1e-15 * p.len() as f64);
        }
    }

    #[test]
    fn log_probabilities_are_those_of_temperature_one(scores in drawn_scores()) {
        let p = probabilities(&scores, &temperature(1.0)).unwrap();
        for (log_p, p) in log_probabilities(&scores).unwrap().into_iter().zip(p) {
            prop_assert!(log_p <= 0.0);
            prop_assert!((log_p.exp() - p).abs() <= 1e-15, "{log_p}, {p}");
        }
    }

    #[test]
    fn a_temperature_near_zero_is_greedy_where_no_two_scores_are_equal(seed: u64, len in 1..20_usize) {
        let mut draw = Draw::new(seed, 0, 0);
        let scores: Vec<f64> = draw.tensor(&[len], -1.0..1.0).data().iter().enumerate()
            .map(|(i, x)| ((x * 100.0).round() * 20.0 + i as f64) / 2000.0) // at least 1/2000 apart
            .collect();
        let greedy = probabilities(&scores, &Decoding::greedy()).unwrap();
        for t in [1e-7, f64::MIN_POSITIVE] {
            prop_assert_eq!(&probabilities(&scores, &temperature(t)).unwrap(), &greedy);
            let rng = &mut rng(seed);
            prop_assert_eq!(greedy[pick(&scores, &temperature(t), rng)], 1.0);
        }
    }

    #[test]
    fn greedy_is_top_k_with_k_one(scores in drawn_scores(), t in 0.1..10.0_f64) {
        let top_1 = temperature(t).top_k(1).unwrap();
        let greedy = probabilities(&scores, &Decoding::greedy()).unwrap();
        prop_assert_eq!(probabilities(&scores, &top_1).unwrap(), greedy);
    }
}

#[test]
fn the_sampler_draws_from_the_exact_distribution_of_each_setting() {
    let scores = [0.4_f64, 0.05, 0.25, 0.1, 0.2, 0.0].map(|p| p.ln() + 300.0);
    let settings = [
        temperature(1.0),
        temperature(2.0),
        temperature(0.5),
        temperature(1.0).top_k(3).unwrap(),
        temperature(1.0).top_p(0.8).unwrap(),
        temperature(1.0).top_p(0.3).unwrap(),
        temperature(1.5).top_k(4).unwrap().top_p(0.7).unwrap(),
    ];
    for (seed, decoding) in (20..).zip(settings) {
        let mut rng = rng(seed);
        let mut counts = vec![0; scores.len()];
        for _ in 0..200_000 {
            counts[pick(&scores, &decoding, &mut rng)] += 1;
        }
        let p = probabilities(&scores, &decoding).unwrap();
        check_counts(&format!("{decoding:?}"), &counts, &p);
    }
}

/// The distribution itself, by hand: without this the tests above could share a mistake.
#[test]
fn distributions_of_five_scores_are_those_computed_by_hand() {
    let scores = [0.4_f64, 0.05, 0.25, 0.1, 0.2].map(f64::ln);
    let [t_1, t_half] = [temperature(1.0), temperature(0.5)];
    let cases = [
        (t_1, [0.4, 0.05, 0.25, 0.1, 0.2]),
        (t_1.top_k(2).unwrap(), [0.4 / 0.65, 0.0, 0.25 / 0.65, 0.0, 0.0]),
        (t_1.top_k(9).unwrap(), [0.4, 0.05, 0.25, 0.1, 0.2]),
        (t_1.top_p(0.6).unwrap(), [0.4 / 0.65, 0.0, 0.25 / 0.65, 0.0, 0.0]),
        (t_1.top_p(0.7).unwrap(), [0.4 / 0.85, 0.0, 0.25 / 0.85, 0.0, 0.2 / 0.85]),
        (t_1.top_p(1e-9).unwrap(), [1.0, 0.0, 0.0, 0.0, 0.0]),
        (t_1.top_p(1.0).unwrap(), [0.4, 0.05, 0.25, 0.1, 0.2]),
        (t_half, [0.16, 0.0025, 0.0625, 0.01, 0.04].map(|p| p / 0.275)),
        // 0.4 and 0.25 are 0.615 and 0.385 of what top-2 leaves, so the first alone reaches 0.6.
        (t_1.top_k(2).unwrap().top_p(0.6).unwrap(), [1.0, 0.0, 0.0, 0.0, 0.0]),
        (Decoding::greedy(), [1.0, 0.0, 0.0, 0.0, 0.0]),
    ];
    for (decoding, wanted) in cases {
        for (p, wanted) in probabilities(&scores, &decoding).unwrap().iter().zip(wanted) {
            assert!((p - wanted).abs() < 1e-15, "{decoding:?}: {p}, not {wanted}");
        }
    }
}

#[test]
fn of_equal_scores_the_first_stay_in_the_cut() {
    let scores = [0.0, 1.0, 1.0, 1.0];
    let p = |decoding: Decoding| probabilities(&scores, &decoding).unwrap();
    assert_eq!(p(temperature(1.0).top_k(2).unwrap()), [0.0, 0.5, 0.5, 0.0]);
    assert_eq!(p(temperature(1.0).top_p(0.5).unwrap()), [0.0, 0.5, 0.5, 0.0]);
    assert_eq!(p(Decoding::greedy()), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_nucleus_that_reaches_p_exactly_is_complete() {
    let p = probabilities(&[2.0; 4], &temperature(1.0).top_p(0.5).unwrap()).unwrap();
    assert_eq!(p, [0.5, 0.5, 0.0, 0.0]);
}

#[test]
fn the_smallest_probabilities_stay_without_a_cut() {
    let p = probabilities(&[0.0, -700.0], &temperature(1.0).top_p(1.0).unwrap()).unwrap();
    assert!(p[1] > 0.0);
}

#[test]
fn infinite_scores_share_all_probability() {
    let scores = [0.0, f64::INFINITY, 1e300, f64::INFINITY, f64::NAN];
    let p = |decoding: Decoding| probabilities(&scores, &decoding).unwrap();
    assert_eq!(p(temperature(0.7)), [0.0, 0.5, 0.0, 0.5, 0.0]);
    assert_eq!(p(temperature(0.7).top_k(3).unwrap()), [0.0, 0.5, 0.0, 0.5, 0.0]);
    assert_eq!(p(temperature(0.7).top_p(0.4).unwrap()), [0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(p(Decoding::greedy()), [0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(log_probabilities(&scores).unwrap()[3], 0.5_f64.ln());
}

#[test]
fn extreme_temperatures_do_not_overflow() {
    let scores = [f64::MAX, 0.0, f64::MIN];
    assert_eq!(probabilities(&scores, &temperature(1.0)).unwrap(), [1.0, 0.0, 0.0]);
    let p = probabilities(&[0.0, 500.0, -500.0], &temperature(f64::MAX)).unwrap();
    assert!(p.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-15), "{p:?}");
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

#[test]
fn a_score_without_probability_is_never_picked() {
    let scores = [f64::NEG_INFINITY, 0.0, -1e6, 0.0, f64::NAN, f64::NEG_INFINITY];
    assert_eq!(pick(&scores, &temperature(1.0), &mut Stuck(0)), 1);
    assert_eq!(pick(&scores, &temperature(1.0), &mut Stuck(u64::MAX)), 3);
    assert_eq!(pick(&scores, &temperature(1.0).top_k(1).unwrap(), &mut Stuck(u64::MAX)), 1);
}

#[test]
fn the_last_draw_below_one_is_in_range() {
    for len in 1..500 {
        let scores: Vec<f64> = (0..len).map(|i| (i as f64).sin() * 3.0).collect();
        assert_eq!(pick(&scores, &temperature(0.7), &mut Stuck(u64::MAX)), len - 1);
    }
}

#[test]
fn scores_of_f32_are_decoded_as_they_are() {
    assert_eq!(pick(&[1.0_f32, 3.0, 3.0, f32::NAN], &Decoding::greedy(), &mut rng(0)), 1);
    let p = probabilities(&[0.0_f32, 0.0], &temperature(1.0)).unwrap();
    assert_eq!(p, [0.5, 0.5]);
}

#[test]
fn greedy_draws_nothing_and_anything_else_one_number() {
    let (mut used, mut fresh) = (rng(0), rng(0));
    pick(&[1.0, 2.0], &Decoding::greedy(), &mut used);
    assert_eq!(used, fresh);
    for decoding in [temperature(1.0), temperature(1.0).top_k(1).unwrap()] {
        pick(&[1.0, 2.0], &decoding, &mut used);
        autograd::init::unit(&mut fresh);
        assert_eq!(used, fresh);
    }
}

#[test]
fn scores_without_a_choice_are_an_error() {
    for scores in [&[][..], &[f64::NAN; 3], &[f64::NEG_INFINITY; 2]] {
        let error = DecodeError::NoChoice { scores: scores.len() };
        for decoding in [Decoding::greedy(), temperature(1.0), temperature(1.0).top_k(1).unwrap()] {
            assert_eq!(probabilities(scores, &decoding), Err(error.clone()));
            assert_eq!(try_pick(scores, &decoding, &mut rng(0)), Err(error.clone()));
        }
        assert_eq!(log_probabilities(scores), Err(error));
    }
}
