//! Beam search: the most probable texts, as far as a search of limited width finds them.
//!
//! ```text
//! log p(Y)   = Σ_t ln p(y_t | y_0 … y_{t−1})                       the end symbol is one of the y_t
//! lp(n)      = ((5 + n) / 6)^α                                     length normalisation; α = 0: lp = 1
//! score(Y)   = log p(Y) / lp(|Y|)                                  |Y| counts the end symbol
//! ```
//!
//! After each step the `width` most probable of all continuations of all open hypotheses survive. Those of them
//! that end are set aside as finished, and the others go on; a beam of width 1 is greedy decoding. Hypotheses that
//! are still open at the largest length are cut there and compete as they are: finished and cut texts together are all
//! that the model can write, and their probabilities add up to 1. A width of at least V^n, n the largest length, cuts
//! nothing: the search is then exhaustive. A smaller one may lose the best text, with its first symbols.
//!
//! Without normalisation longer texts have lower scores, since each symbol can only lower log p; α > 0 makes up for it.
//!
//! **Stopping early.** The search ends before the largest length N when no open hypothesis can get ahead of the n-th
//! best finished one. Let Y be any text that begins with an open hypothesis X. Then log p(Y) ≤ log p(X) ≤ 0, since
//! each further term is at most 0; and lp(|Y|) ≤ lp(N), since α ≥ 0. Dividing a number that is not positive by more
//! brings it nearer to 0, hence score(Y) ≤ log p(X) / lp(|Y|) ≤ log p(X) / lp(N). When this bound is at most the
//! n-th best finished score for every open X, the result is that of the whole search.
//!
//! **Ties.** Of equal scores the text with fewer choices comes first, then one that ended by itself, then the
//! lexicographically first by ids.
//!
//! Shapes: one text at a time; its hypotheses are the rows of the batch. For a batch of B sources, search
//! B times from `model.select(&state, &[b])`.
//! Source: Wu et al. 2016, "Google's Neural Machine Translation System", equation 14, arXiv 1609.08144; without its
//! coverage penalty, which needs an attention to look at.

use std::cmp::Ordering;

use super::distribution::log_probabilities;
use super::generate::{Continuation, End, Stop, split_prompt};
use super::next_symbol::{NextSymbol, step};
use super::{DecodeError, descending, keep_first};

/// How to search: how wide, for how many, and how to compare lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beam {
    width: usize,
    n_best: usize,
    alpha: f64,
}

impl Beam {
    /// A beam of so many hypotheses, for the one best text, without length normalisation.
    ///
    /// # Errors
    ///
    /// If the width is 0.
    pub fn width(width: usize) -> Result<Self, DecodeError> {
        match width {
            0 => Err(DecodeError::Width),
            _ => Ok(Self { width, n_best: 1, alpha: 0.0 }),
        }
    }

    /// The same for so many best texts.
    ///
    /// # Errors
    ///
    /// If it is 0 or more than the width.
    pub fn n_best(self, n_best: usize) -> Result<Self, DecodeError> {
        match n_best {
            n if (1..=self.width).contains(&n) => Ok(Self { n_best, ..self }),
            _ => Err(DecodeError::NBest { n_best, width: self.width }),
        }
    }

    /// The same with this exponent α of the length normalisation; Wu et al. use 0.6 to 0.7.
    ///
    /// # Errors
    ///
    /// If it is below 0, infinite, or not a number.
    pub fn alpha(self, alpha: f64) -> Result<Self, DecodeError> {
        match alpha >= 0.0 && alpha.is_finite() {
            true => Ok(Self { alpha, ..self }),
            false => Err(DecodeError::Alpha { alpha }),
        }
    }

    /// What texts are compared by: log p(Y) / lp(|Y|), at most 0.
    pub fn score(&self, text: &Continuation) -> f64 {
        self.normalise(text.log_probability, text.choices())
    }

    fn normalise(&self, log_probability: f64, choices: usize) -> f64 {
        log_probability / ((5.0 + choices as f64) / 6.0).powf(self.alpha)
    }

    /// The better text first.
    fn order(&self, a: &Continuation, b: &Continuation) -> Ordering {
        let rest = |text: &Continuation| (text.choices(), text.end);
        descending(self.score(a), self.score(b))
            .then_with(|| rest(a).cmp(&rest(b)))
            .then_with(|| a.ids.cmp(&b.ids))
    }
}

/// The best continuations of a prompt, the best first; the state has one row. They are as many as
/// [`Beam::n_best`] says, or fewer if the search met no more.
///
/// The [example of `NextSymbol`](NextSymbol) searches a chain in which greedy decoding goes astray.
///
/// # Errors
///
/// If the prompt is empty, the prompt or the end symbol is none of the model's symbols, the model cannot do a
/// step, or a step leaves nothing to choose.
///
/// # Panics
///
/// If the scores are not [B, V].
pub fn beam_search<M: NextSymbol>(
    model: &M,
    prompt: &[usize],
    mut state: M::State,
    beam: &Beam,
    stop: Stop,
) -> Result<Vec<Continuation>, DecodeError> {
    let vocab_size = model.vocab_size();
    stop.check(vocab_size)?;
    let (&start, rest) = split_prompt(prompt, 0, vocab_size)?;
    let mut last = vec![start];
    for &id in rest {
        state = step(model, &last, &state)?.1;
        last = vec![id];
    }

    let mut open = vec![Continuation::EMPTY];
    let mut finished: Vec<Continuation> = Vec::new();
    for _ in 0..stop.max_len {
        // 1. Every continuation by one symbol, and of them the most probable. All have one length.
        let (scores, next) = step(model, &last, &state)?;
        let mut candidates = Vec::new();
        for (row, scores) in scores.data().chunks_exact(vocab_size).enumerate() {
            for (id, log_p) in log_probabilities(scores)?.into_iter().enumerate() {
                if log_p > f64::NEG_INFINITY {
                    candidates.push((open[row].log_probability + log_p, row, id));
                }
            }
        }
        keep_first(&mut candidates, beam.width, |&(a, row_a, id_a), &(b, row_b, id_b)| {
            descending(a, b)
                .then_with(|| open[row_a].ids.cmp(&open[row_b].ids))
                .then(id_a.cmp(&id_b))
        });

        // 2. Those that end are finished, the others go on.
        let mut longer = Vec::with_capacity(candidates.len());
        let mut rows = Vec::with_capacity(candidates.len());
        last.clear();
        for (log_probability, row, id) in candidates {
            let mut ids = open[row].ids.clone();
            if stop.eos == Some(id) {
                finished.push(Continuation { ids, log_probability, end: End::Eos });
            } else {
                ids.push(id);
                longer.push(Continuation { ids, log_probability, end: End::Cut });
                rows.push(row);
                last.push(id);
            }
        }
        open = longer;
        keep_first(&mut finished, beam.n_best, |a, b| beam.order(a, b));

        // 3. Until none of the others can get ahead.
        let bound = |text: &Continuation| beam.normalise(text.log_probability, stop.max_len);
        let settled = finished
            .get(beam.n_best - 1)
            .is_some_and(|worst| open.iter().all(|text| bound(text) <= beam.score(worst)));
        if settled {
            open.clear();
        }
        if open.is_empty() {
            break;
        }
        state = model.select(&next, &rows);
    }
    finished.append(&mut open);
    keep_first(&mut finished, beam.n_best, |a, b| beam.order(a, b));
    Ok(finished)
}
