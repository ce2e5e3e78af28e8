//! Counting: an n-gram model of characters, the baseline that a network has to beat.
//!
//! ```text
//! p_n(c | context) = (count(context c) + kinds(context) · p_{n−1}(c | shorter context)) / (count(context) + kinds(context))
//! p_0(c) = 1 / V
//! ```
//!
//! where kinds(context) is the number of different characters seen after the context: the more
//! different continuations it has had, the likelier is a new one. Source: Witten and Bell 1991, method C,
//! interpolated as in Chen and Goodman 1998, section 2.5.

use std::collections::HashMap;

/// Counts of what follows each context of up to n − 1 characters.
pub struct NGram<'a> {
    order: usize,
    vocab_size: usize,
    contexts: HashMap<&'a [usize], Followers>,
}

/// What was seen after one context.
#[derive(Default)]
struct Followers {
    total: u32,
    counts: HashMap<usize, u32>,
}

impl<'a> NGram<'a> {
    /// Counts all n-grams of a text of ids below `vocab_size`, n = 1 to `order`.
    pub fn count(text: &'a [usize], order: usize, vocab_size: usize) -> Self {
        let mut contexts: HashMap<&[usize], Followers> = HashMap::new();
        for (i, &next) in text.iter().enumerate() {
            for length in 0..order.min(i + 1) {
                let followers = contexts.entry(&text[i - length..i]).or_default();
                followers.total += 1;
                *followers.counts.entry(next).or_default() += 1;
            }
        }
        Self { order, vocab_size, contexts }
    }

    /// p(next | the last n − 1 characters of `history`).
    pub fn probability(&self, history: &[usize], next: usize) -> f64 {
        let mut p = 1.0 / self.vocab_size as f64;
        for length in 0..self.order.min(history.len() + 1) {
            let Some(followers) = self.contexts.get(&history[history.len() - length..]) else {
                break; // a context never seen: no longer one was seen either
            };
            let count = f64::from(followers.counts.get(&next).copied().unwrap_or(0));
            let kinds = followers.counts.len() as f64;
            p = (count + kinds * p) / (f64::from(followers.total) + kinds);
        }
        p
    }

    /// The mean of −log₂ p over all characters of a text but the first, in bits a character.
    pub fn bits(&self, text: &[usize]) -> f64 {
        let bits = |i: usize| -self.probability(&text[..i], text[i]).log2();
        (1..text.len()).map(bits).sum::<f64>() / (text.len() - 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_after_any_history_add_up_to_one() {
        let text = [0, 1, 2, 0, 1, 1, 2, 0, 0, 1];
        let model = NGram::count(&text, 3, 4);
        for history in [&[][..], &[0], &[0, 1], &[3, 3], &[2, 0, 1]] {
            let total: f64 = (0..4).map(|next| model.probability(history, next)).sum();
            assert!((total - 1.0).abs() < 1e-12, "{history:?}: {total}");
        }
    }

    #[test]
    fn a_bigram_of_a_text_of_three_characters_is_as_computed_by_hand() {
        // "aba": after nothing a, b, a; after a: b; after b: a.
        let model = NGram::count(&[0, 1, 0], 2, 2);
        let p_a = (2.0 + 2.0 * 0.5) / (3.0 + 2.0);
        assert_eq!(model.probability(&[], 0), p_a);
        assert_eq!(model.probability(&[1], 0), (1.0 + p_a) / 2.0);
    }
}
