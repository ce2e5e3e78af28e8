//! Symbols as vectors: rows of a learned table, or vectors with a single one.
//!
//! ```text
//! x_t = row s_t of the table        or        x_t = onehot(s_t)
//! ```
//!
//! A product with a one-hot vector picks a column of W_ih: without a table, W_ih is the table.
//!
//! Shapes: B lists of ids, list b of T_b; vectors [T, B, I] with the lengths T_b, T the longest.

use autograd::params::Path;
use autograd::{Element, Error, Family, Params, Tape, Tensor, Var, init};
use rand::Rng;

use super::error::ModelError;
use crate::data::pad_ids;
use crate::seq::Seq;

/// What stands for each of V symbols.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding<L = ()> {
    /// The vectors, [V, I]; none for one-hot vectors, I = V.
    pub weight: Option<L>,
    /// The number of symbols V.
    pub vocab_size: usize,
}

impl Family for Embedding {
    type Of<L> = Embedding<L>;
}

impl<L> Params for Embedding<L> {
    type Leaf = L;
    type Family = Embedding;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Embedding<M> {
        let weight = self.weight.as_ref().map(|w| f(path.name("weight"), w));
        Embedding { weight, vocab_size: self.vocab_size }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.weight.iter_mut().for_each(f);
    }

    fn for_each(&self, f: &mut dyn FnMut(&L)) {
        self.weight.iter().for_each(f);
    }
}

impl Embedding {
    /// One-hot vectors: nothing to learn.
    pub fn one_hot<L>(vocab_size: usize) -> Embedding<L> {
        Embedding { weight: None, vocab_size }
    }

    /// A table of vectors of I numbers, normally distributed with deviation 1, as PyTorch draws it.
    pub fn init<E: Element>(
        vocab_size: usize,
        width: usize,
        rng: &mut impl Rng,
    ) -> Embedding<Tensor<E>> {
        let weight = Some(init::normal(&[vocab_size, width], 1.0, rng));
        Embedding { weight, vocab_size }
    }
}

impl<'t, E: Element> Embedding<Var<'t, E>> {
    /// Sentences as sequences of vectors, on a tape.
    ///
    /// # Errors
    ///
    /// If there are no sentences, or an id is not below V.
    #[track_caller]
    pub fn on_tape(
        &self,
        tape: &'t Tape<E>,
        sentences: &[impl AsRef<[usize]>],
    ) -> Result<Seq<Var<'t, E>>, ModelError> {
        let Padded { ids, lengths } = pad("symbol", sentences, self.vocab_size)?;
        Ok(self.steps_on_tape(tape, &ids, lengths.len()).with_lengths(&lengths)?)
    }

    /// T·B ids below V, time-major.
    #[track_caller]
    pub(super) fn steps_on_tape(
        &self,
        tape: &'t Tape<E>,
        ids: &[usize],
        batch: usize,
    ) -> Seq<Var<'t, E>> {
        let rows = match self.rows_on_tape(tape, ids) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}"),
        };
        let width = rows.shape()[1];
        Seq::time_major(rows.reshape(&[ids.len() / batch, batch, width]))
    }

    /// The vector of each id, [N, I].
    #[track_caller]
    pub(super) fn rows_on_tape(
        &self,
        tape: &'t Tape<E>,
        ids: &[usize],
    ) -> Result<Var<'t, E>, Error> {
        match self.weight {
            Some(table) => table.try_rows(ids),
            None => Ok(tape.constant(Tensor::try_one_hot(ids, self.vocab_size)?)),
        }
    }
}

impl<E: Element> Embedding<Tensor<E>> {
    /// Sentences as sequences of vectors.
    ///
    /// ```
    /// use rnn::models::{Embedding, ModelError};
    ///
    /// let letters = Embedding::one_hot::<autograd::Tensor<f32>>(3);
    /// let xs = letters.forward(&[vec![2, 0], vec![1]])?;
    /// assert_eq!(xs.steps().shape(), [2, 2, 3]);
    /// assert_eq!(xs.step(0).data(), [0.0, 0.0, 1.0, /* row 1 */ 0.0, 1.0, 0.0]);
    /// assert_eq!(xs.lengths(), Some(&[2, 1][..]));
    ///
    /// let error = letters.forward(&[vec![2, 3]]).unwrap_err();
    /// assert_eq!(error.to_string(), "symbol 3 at step 1 of row 0 is outside 0..3");
    /// # Ok::<(), ModelError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no sentences, or an id is not below V.
    #[track_caller]
    pub fn forward(&self, sentences: &[impl AsRef<[usize]>]) -> Result<Seq<Tensor<E>>, ModelError> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        Ok(on_tape.on_tape(&tape, sentences)?.map_rows(Var::value))
    }
}

/// B lists of ids as one table, time-major, with 0 behind the end of each.
pub(super) struct Padded {
    pub(super) ids: Vec<usize>,
    pub(super) lengths: Vec<usize>,
}

/// Lists of ids side by side, or which id is not below `size`.
pub(super) fn pad(
    what: &'static str,
    rows: &[impl AsRef<[usize]>],
    size: usize,
) -> Result<Padded, ModelError> {
    if rows.is_empty() {
        return Err(ModelError::EmptyBatch);
    }
    for (row, ids) in rows.iter().map(AsRef::as_ref).enumerate() {
        if let Some(step) = ids.iter().position(|&id| id >= size) {
            return Err(ModelError::Id { what, id: ids[step], step, row, size });
        }
    }
    let (ids, lengths) = pad_ids(rows, 0);
    Ok(Padded { ids, lengths })
}
