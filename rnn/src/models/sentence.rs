//! What a decoder reads and what it should write: a sentence between its begin and its end.
//!
//! ```text
//! sentence      s_0  s_1 … s_{n−1}             of V symbols, 0 … V − 1
//! read     BOS  s_0  s_1 … s_{n−1}             BOS = V + 1
//! write         s_0  s_1 … s_{n−1}  EOS        EOS = V
//! ```
//!
//! Begin and end are ids behind those of the vocabulary: nothing that stands in a sentence can be mistaken for
//! them. BOS is only read, so there is no score for it: a decoder has V + 2 vectors to read and V + 1 scores to
//! write. That a sentence ends where it does is a prediction like any other.
//!
//! Shapes: scores [(n + 1)·B, V + 1] for the longest n; the loss is the mean over the n_b + 1 steps of every row.

use autograd::ops::CrossEntropy;
use autograd::{Element, Error, Tensor, Var};

use super::embedding::{Padded, pad};
use super::error::ModelError;

/// Behind the end of a sentence: no id, and ignored by the loss.
const NOTHING: usize = usize::MAX;

/// Sentences of a vocabulary of V symbols as a decoder meets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentences {
    /// What is read, `[T·B]`, time-major: BOS and the symbols.
    pub inputs: Vec<usize>,
    /// What should be written, `[T·B]`: the symbols and EOS; a number that is no id behind it.
    pub targets: Vec<usize>,
    /// The steps of each sentence, one more than its symbols.
    pub lengths: Vec<usize>,
}

impl Sentences {
    /// Sentences with begin and end added.
    ///
    /// ```
    /// use rnn::models::Sentences;
    ///
    /// let sentences = Sentences::new(&[vec![0, 2], vec![]], 3)?; // EOS = 3, BOS = 4
    /// assert_eq!(sentences.inputs, [4, 4, /* t = 1 */ 0, 0, /* t = 2 */ 2, 0]);
    /// assert_eq!(sentences.targets[..3], [0, 3, 2]);
    /// assert_eq!(sentences.lengths, [3, 1]);
    /// # Ok::<(), rnn::models::ModelError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no sentences, or a symbol is not below V.
    pub fn new(sentences: &[impl AsRef<[usize]>], vocab_size: usize) -> Result<Self, ModelError> {
        let Padded { ids, lengths } = pad("symbol", sentences, vocab_size)?;
        let batch = lengths.len();
        let mut inputs = vec![bos(vocab_size); batch];
        inputs.extend(&ids);
        let mut targets = ids;
        targets.extend(vec![0; batch]);
        for (i, target) in targets.iter_mut().enumerate() {
            let (t, length) = (i / batch, lengths[i % batch]);
            if t >= length {
                *target = if t == length { eos(vocab_size) } else { NOTHING };
            }
        }
        Ok(Self { inputs, targets, lengths: lengths.iter().map(|n| n + 1).collect() })
    }

    /// The number of steps T, that of the longest sentence.
    pub fn seq_len(&self) -> usize {
        self.inputs.len() / self.batch()
    }

    /// The number of sentences B.
    pub fn batch(&self) -> usize {
        self.lengths.len()
    }

    /// What is read at step t.
    pub(super) fn step(&self, t: usize) -> &[usize] {
        &self.inputs[t * self.batch()..(t + 1) * self.batch()]
    }

    /// The mean cross-entropy of scores [T·B, V + 1], in nats a symbol.
    #[track_caller]
    pub(super) fn loss<'t, E: Element>(&self, scores: Var<'t, E>) -> Var<'t, E> {
        let ignore = Some(NOTHING);
        scores.cross_entropy_with(CrossEntropy { ignore, ..CrossEntropy::new(&self.targets) })
    }
}

/// The id of the end symbol of a vocabulary of V symbols.
pub(super) fn eos(vocab_size: usize) -> usize {
    vocab_size
}

/// The id of the begin symbol.
pub(super) fn bos(vocab_size: usize) -> usize {
    vocab_size + 1
}

/// Scores [B, V + 1] as decoding wants them, [B, V + 2]: BOS is impossible.
pub(super) fn with_bos<E: Element>(scores: &Tensor<E>) -> Result<Tensor<E>, Error> {
    let impossible = Tensor::full(&[scores.shape()[0], 1], E::from_f64(f64::NEG_INFINITY));
    Tensor::try_concat(&[scores, &impossible], 1)
}
