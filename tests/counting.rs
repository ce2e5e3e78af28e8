//! What chapter 6 derives: the shares of the counts are what a softmax learns.

use autograd::{Tape, Tensor, draw::Draw};
use rnn::language_model::cross_entropy;

#[test]
fn the_gradient_in_a_score_is_expected_minus_counted() {
    for seed in 0..50 {
        let mut draw = Draw::new(seed, 4, 6);
        let words = draw.full_axis() + 1;
        let counts = Tensor::from_fn(&[words], |i| ((seed as usize + 3 * i) % 7) as f64);
        let scores = draw.tensor(&[words], -2.0..2.0);

        let tape = Tape::new();
        let z = tape.leaf(scores);
        let log_p = z.log_softmax();
        let loss = -(tape.constant(counts.clone()) * log_p).sum();
        let gradient = tape.backward(loss).of(z);

        let total = counts.sum().item();
        let p = log_p.value().map(f64::exp);
        let expected_minus_counted = p.map(|p| total * p) - counts;
        assert!((gradient - expected_minus_counted).norm() <= 1e-12, "seed {seed}");
    }
}

#[test]
fn no_step_away_from_the_shares_of_the_counts_lowers_the_cross_entropy() {
    let words = [0, 0, 0, 0, 0, 1, 2, 2, 2, 2]; // 5, 1 and 4 times
    let loss = |p: [f64; 3]| {
        let scores = Tensor::from_fn(&[words.len(), 3], |i| p[i % 3].ln()); // whose softmax is p
        cross_entropy(&scores, &words).expect("three words")
    };
    let shares = [0.5, 0.1, 0.4_f64];
    let best = loss(shares);
    let entropy: f64 = shares.iter().map(|p| -p * p.ln()).sum();
    assert!((best - entropy).abs() <= 1e-15, "{best} and {entropy}");
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        for step in [-0.05, -1e-3, 1e-3, 0.05] {
            let mut p = shares;
            p[a] += step;
            p[b] -= step;
            assert!(loss(p) > best, "{p:?}");
        }
    }
}
