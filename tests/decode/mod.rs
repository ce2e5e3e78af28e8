//! Decoding: the distributions, the texts drawn from them, and the search, each against a naive version.

mod distribution;
mod generate;
mod beam;
mod refused;

use std::cell::RefCell;

use autograd::init::unit;
use autograd::{Error, Tensor};
use rand::Rng;
use rnn::decode::{Continuation, End, NextSymbol, Stop, log_probabilities};
use tests::rng;

/// A model by a function from all that a text has read to the scores of what comes next. Its state is that
/// text, so that a row which got another's state is found out.
struct Told<F> {
    vocab_size: usize,
    scores: F,
    /// The number of rows of each step that was done.
    batches: RefCell<Vec<usize>>,
}

impl<F: Fn(&[usize]) -> Vec<f64>> Told<F> {
    fn new(vocab_size: usize, scores: F) -> Self {
        Self { vocab_size, scores, batches: RefCell::default() }
    }
}

impl<F: Fn(&[usize]) -> Vec<f64>> NextSymbol for Told<F> {
    type Element = f64;
    type State = Vec<Vec<usize>>;

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn step(
        &self,
        last: &[usize],
        state: &Self::State,
    ) -> Result<(Tensor<f64>, Self::State), Error> {
        assert_eq!(last.len(), state.len(), "one symbol for each row of the state");
        self.batches.borrow_mut().push(last.len());
        let next: Vec<_> =
            state.iter().zip(last).map(|(read, &id)| [&read[..], &[id]].concat()).collect();
        let scores = next.iter().flat_map(|read| (self.scores)(read)).collect();
        Ok((Tensor::new(&[last.len(), self.vocab_size], scores), next))
    }

    fn select(&self, state: &Self::State, rows: &[usize]) -> Self::State {
        rows.iter().map(|&row| state[row].clone()).collect()
    }
}

/// The state of `batch` texts that have read nothing.
fn unread(batch: usize) -> Vec<Vec<usize>> {
    vec![Vec::new(); batch]
}

/// A Markov chain: p(next | last), one row of probabilities for each symbol.
fn chain<const V: usize>(p: [[f64; V]; V]) -> Told<impl Fn(&[usize]) -> Vec<f64>> {
    Told::new(V, move |read| p[read[read.len() - 1]].map(f64::ln).to_vec())
}

/// Scores that depend on all that was read; one in four is −∞, but never all. `coarse` ones are ln 1 or
/// ln 2, so that many texts are equally probable.
fn random_scores(
    seed: u64,
    vocab_size: usize,
    coarse: bool,
) -> Told<impl Fn(&[usize]) -> Vec<f64>> {
    Told::new(vocab_size, move |read| {
        let mix = |hash: u64, &id: &usize| (hash ^ (id as u64 + 1)).wrapping_mul(0x100_0000_01b3);
        let mut rng = rng(read.iter().fold(seed, mix));
        let score = |rng: &mut _| match coarse {
            true => {
                if unit(rng) < 0.5 {
                    0.0
                } else {
                    2f64.ln()
                }
            }
            false => 6.0 * unit(rng) - 3.0,
        };
        let mut scores: Vec<f64> = (0..vocab_size).map(|_| score(&mut rng)).collect();
        let spared = (rng.next_u64() % vocab_size as u64) as usize;
        for (i, score) in scores.iter_mut().enumerate() {
            if i != spared && unit(&mut rng) < 0.25 {
                *score = f64::NEG_INFINITY;
            }
        }
        scores
    })
}

/// Every text of positive probability that the model can write after `read`, each once.
fn all_texts(
    scores: &dyn Fn(&[usize]) -> Vec<f64>,
    read: &[usize],
    stop: Stop,
) -> Vec<Continuation> {
    let empty = Continuation { ids: Vec::new(), log_probability: 0.0, end: End::Cut };
    let (mut open, mut ended) = (vec![empty], Vec::new());
    for _ in 0..stop.max_len {
        let mut longer = Vec::new();
        for text in open {
            let log_p = log_probabilities(&scores(&[read, &text.ids].concat())).expect("a choice");
            for (id, log_p) in log_p.into_iter().enumerate().filter(|(_, log_p)| log_p.is_finite())
            {
                let log_probability = text.log_probability + log_p;
                match stop.eos == Some(id) {
                    true => {
                        ended.push(Continuation { log_probability, end: End::Eos, ..text.clone() })
                    }
                    false => longer.push(Continuation {
                        ids: [&text.ids[..], &[id]].concat(),
                        log_probability,
                        end: End::Cut,
                    }),
                }
            }
        }
        open = longer;
    }
    ended.extend(open);
    ended
}

/// Pearson's test: X² = Σ (count − expected)² / expected stays below the 99.9 % quantile of the χ²
/// distribution with one degree of freedom less than there are outcomes of positive probability.
#[track_caller]
fn check_counts(what: &str, counts: &[usize], p: &[f64]) {
    const QUANTILES: [f64; 15] = [
        0.0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877, 29.588,
        31.264, 32.909, 34.528, 36.123,
    ];
    assert_eq!(counts.len(), p.len());
    let draws: usize = counts.iter().sum();
    let (mut chi_square, mut outcomes) = (0.0, 0);
    for (i, (&count, &p)) in counts.iter().zip(p).enumerate() {
        if p == 0.0 {
            assert_eq!(count, 0, "{what}: outcome {i} has probability 0");
            continue;
        }
        let expected = p * draws as f64;
        assert!(expected >= 5.0, "{what}: too few draws for outcome {i}");
        chi_square += (count as f64 - expected).powi(2) / expected;
        outcomes += 1;
    }
    let allowed = QUANTILES[outcomes - 1];
    assert!(chi_square <= allowed, "{what}: X² = {chi_square} above {allowed}: {counts:?}, {p:?}");
}
