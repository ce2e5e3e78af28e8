//! Sequences whose layout is said and not assumed, and rows of different lengths.
//!
//! Whether the first axis is time or batch is the commonest silent mistake with recurrent networks:
//! both have three axes, and nothing fails. So a [`Seq`] can be made in three ways, each of which
//! names the layout, and there is no fourth.
//!
//! ```text
//! padded    every step has B rows; those behind a row's end are zeros       [T·B, F]
//! packed    rows sorted by length, step t has the n_t rows that reach it    [n_0 + n_1 + …, F]
//! ```
//!
//! Both hold the same sequences, and layers take either. Padded is simpler; packed does no work for padding.
//! Packing as in PyTorch's `pack_padded_sequence`.

use std::sync::Arc;

use autograd::{Mask, Tensor};

use crate::numbers::Numbers;

/// A batch of sequences, kept time-major: one of tensors, or one of variables on a tape.
///
/// ```
/// use autograd::Tensor;
/// use rnn::Seq;
///
/// // Three rows of 4 steps, of which the second has 2 that count and the third none.
/// let xs = Seq::batch_major(&Tensor::<f64>::ones(&[3, 4, 5])).with_lengths(&[4, 2, 0])?;
/// assert_eq!((xs.seq_len(), xs.batch(), xs.features()), (4, 3, 5));
/// assert_eq!(xs.step(2).sum_over(&[1]).data(), [5.0, 0.0, 0.0]); // padding is zeros
///
/// let packed = xs.packed();
/// assert_eq!(packed.rows().shape(), [4 + 2, 5]);
/// assert_eq!(packed.step(1).shape(), [2, 5]);
/// assert_eq!(packed.unpacked(), xs);
/// # Ok::<(), rnn::seq::SeqError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Seq<L> {
    /// The rows of all steps, step after step.
    rows: L,
    seq_len: usize,
    batch: usize,
    features: usize,
    layout: Layout,
    ragged: Option<Ragged>,
}

/// How the tensor that a sequence was made of lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// [T, B, F]
    TimeMajor,
    /// [B, T, F]
    BatchMajor,
    /// [T, F], one sequence alone.
    Unbatched,
}

/// The lengths of the rows, and what follows from them.
#[derive(Clone, Debug, PartialEq)]
struct Ragged {
    lengths: Arc<[usize]>,
    /// Where the padding is, [T·B, 1].
    padding: Mask,
    packing: Option<Arc<Packing>>,
}

/// Where packed rows come from.
#[derive(Debug, PartialEq)]
struct Packing {
    /// The rows of the batch from the longest to the shortest, equal ones in their order.
    order: Vec<usize>,
    /// The first row of each step that any row of the batch reaches, and the end of the last one.
    starts: Vec<usize>,
    /// For each packed row its place among T·B.
    places: Vec<usize>,
}

/// What does not make a sequence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeqError {
    /// A tensor with another number of axes than the layout has.
    #[error("{layout}: {shape:?} must have {rank}")]
    Rank {
        /// The constructor.
        layout: &'static str,
        /// The shape of the tensor.
        shape: Vec<usize>,
        /// The axes it must have, in words.
        rank: &'static str,
    },
    /// Another number of lengths than of rows.
    #[error("with_lengths: {lengths} lengths for a batch of {batch} rows; give one a row")]
    LengthCount {
        /// How many lengths there are.
        lengths: usize,
        /// How many rows.
        batch: usize,
    },
    /// A length beyond the last step.
    #[error(
        "with_lengths: row {row} has the length {length}, and the sequence has {seq_len} steps; no row can be longer"
    )]
    TooLong {
        /// The row.
        row: usize,
        /// Its length.
        length: usize,
        /// The steps T.
        seq_len: usize,
    },
}

impl<L: Numbers> Seq<L> {
    /// A sequence from [T, B, F], without a copy.
    ///
    /// # Panics
    ///
    /// If there are not three axes.
    #[track_caller]
    pub fn time_major(steps: L) -> Self {
        expect(Self::try_time_major(steps))
    }

    /// A sequence from [T, B, F], or why it is none.
    pub fn try_time_major(steps: L) -> Result<Self, SeqError> {
        let sizes = three_axes("Seq::time_major", "three axes, [T, B, F]", &steps)?;
        Ok(Self::of(&steps, sizes, Layout::TimeMajor))
    }

    /// A sequence from [B, T, F], copied.
    ///
    /// # Panics
    ///
    /// If there are not three axes.
    #[track_caller]
    pub fn batch_major(rows: &L) -> Self {
        expect(Self::try_batch_major(rows))
    }

    /// A sequence from [B, T, F], or why it is none.
    pub fn try_batch_major(rows: &L) -> Result<Self, SeqError> {
        let [batch, seq_len, features] =
            three_axes("Seq::batch_major", "three axes, [B, T, F]", rows)?;
        Ok(Self::of(&rows.exchanged(), [seq_len, batch, features], Layout::BatchMajor))
    }

    /// One sequence alone from [T, F], without a copy: a batch of one.
    ///
    /// # Panics
    ///
    /// If there are not two axes.
    #[track_caller]
    pub fn unbatched(steps: L) -> Self {
        expect(Self::try_unbatched(steps))
    }

    /// One sequence alone from [T, F], or why it is none.
    pub fn try_unbatched(steps: L) -> Result<Self, SeqError> {
        let shape = steps.axes();
        let &[seq_len, features] = &shape[..] else {
            let (layout, rank) = ("Seq::unbatched", "two axes, [T, F]");
            return Err(SeqError::Rank { layout, shape: shape.to_vec(), rank });
        };
        Ok(Self::of(&steps, [seq_len, 1, features], Layout::Unbatched))
    }

    fn of(steps: &L, [seq_len, batch, features]: [usize; 3], layout: Layout) -> Self {
        let rows = steps.view(&[seq_len * batch, features]);
        Self { rows, seq_len, batch, features, layout, ragged: None }
    }

    /// The same sequences, of which row b ends after `lengths[b]` steps, perhaps none. What stood behind its end
    /// is replaced by zeros, and nothing depends on it any more. The result is padded.
    ///
    /// # Errors
    ///
    /// If there is not one length a row, or one is more than T.
    pub fn with_lengths(&self, lengths: &[usize]) -> Result<Self, SeqError> {
        let Self { seq_len, batch, .. } = *self;
        if lengths.len() != batch {
            return Err(SeqError::LengthCount { lengths: lengths.len(), batch });
        }
        if let Some(row) = lengths.iter().position(|&length| length > seq_len) {
            return Err(SeqError::TooLong { row, length: lengths[row], seq_len });
        }
        let behind = (0..seq_len).flat_map(|t| lengths.iter().map(move |&length| t >= length));
        let padding = Mask::new(&[seq_len * batch, 1], behind.collect());
        let rows = self.unpacked().rows.zeroed(&padding);
        let ragged = Some(Ragged { lengths: lengths.into(), padding, packing: None });
        Ok(Self { rows, ragged, ..self.clone() })
    }

    /// The same sequences packed: rows sorted by length, and no padding. Without lengths, all are T.
    pub fn packed(&self) -> Self {
        let Some(ragged) = &self.ragged else {
            let whole = self.with_lengths(&vec![self.seq_len; self.batch]);
            return whole.expect("T is the length of every row").packed();
        };
        if ragged.packing.is_some() {
            return self.clone();
        }
        let lengths = &ragged.lengths;
        let mut order: Vec<usize> = (0..self.batch).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        let (mut starts, mut places) = (vec![0], Vec::new());
        for t in 0..lengths.iter().copied().max().unwrap_or(0) {
            let reaching = order.iter().take_while(|&&row| lengths[row] > t);
            places.extend(reaching.map(|row| t * self.batch + row));
            starts.push(places.len());
        }
        let rows = self.rows.picked(&places);
        let packing = Some(Arc::new(Packing { order, starts, places }));
        Self { rows, ragged: Some(Ragged { packing, ..ragged.clone() }), ..self.clone() }
    }

    /// The same sequences padded: every step has B rows.
    pub fn unpacked(&self) -> Self {
        let Some(packing) = self.packing() else { return self.clone() };
        let rows = self.rows.spread(&packing.places, self.seq_len * self.batch);
        let ragged = self.ragged.clone().map(|ragged| Ragged { packing: None, ..ragged });
        Self { rows, ragged, ..self.clone() }
    }

    /// x_t without a copy: [B, F], or [n_t, F] if the sequence is packed.
    ///
    /// # Panics
    ///
    /// If there is no step t.
    #[track_caller]
    pub fn step(&self, t: usize) -> L {
        let [start, end] = self.place(t);
        self.rows.part(start, end)
    }

    /// All steps, [T, B, F], zeros behind a row's end; without a copy unless the sequence is packed.
    pub fn steps(&self) -> L {
        self.unpacked().rows.view(&[self.seq_len, self.batch, self.features])
    }

    /// All steps in the layout that the sequence was made with: [T, B, F], [B, T, F] or [T, F].
    pub fn whole(&self) -> L {
        let steps = self.steps();
        match self.layout {
            Layout::TimeMajor => steps,
            Layout::BatchMajor => steps.exchanged(),
            Layout::Unbatched => steps.view(&[self.seq_len, self.features]),
        }
    }

    /// The sequence of `f` of all rows at once, [N, F] to [N, G]. Padding becomes zeros again.
    ///
    /// # Panics
    ///
    /// If `f` does not return as many rows.
    #[track_caller]
    pub fn map_rows<M: Numbers>(&self, f: impl FnOnce(&L) -> M) -> Seq<M> {
        self.arrangement().filled(f(&self.rows))
    }
}

impl<L> Seq<L> {
    /// The number of steps T.
    pub fn seq_len(&self) -> usize {
        self.seq_len
    }

    /// The number of sequences B.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The number of features F.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The layout that the sequence was made with.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The length of each row; none if all are T.
    pub fn lengths(&self) -> Option<&[usize]> {
        self.ragged.as_ref().map(|ragged| &*ragged.lengths)
    }

    /// Whether the sequence is packed.
    pub fn is_packed(&self) -> bool {
        self.packing().is_some()
    }

    /// The rows of all steps, step after step: [T·B, F], or fewer if the sequence is packed.
    pub fn rows(&self) -> &L {
        &self.rows
    }

    /// The order of the rows of a packed sequence: its row i is row `order[i]` of the batch.
    pub fn order(&self) -> Option<&[usize]> {
        self.packing().map(|packing| &packing.order[..])
    }

    fn packing(&self) -> Option<&Packing> {
        self.ragged.as_ref()?.packing.as_deref()
    }

    /// The number of steps that have rows: T, or the greatest length if the sequence is packed.
    pub(crate) fn steps_with_rows(&self) -> usize {
        self.packing().map_or(self.seq_len, |packing| packing.starts.len() - 1)
    }

    /// Where the rows of step t lie among all rows: start and end.
    pub(crate) fn place(&self, t: usize) -> [usize; 2] {
        match self.packing() {
            Some(packing) => [packing.starts[t], packing.starts[t + 1]],
            None => [t * self.batch, (t + 1) * self.batch],
        }
    }

    /// Which of the rows of step t are padding, [B, 1]; none if no row is.
    pub(crate) fn padding_at(&self, t: usize) -> Option<Mask> {
        let Ragged { padding, packing: None, .. } = self.ragged.as_ref()? else { return None };
        let rows = &padding.data()[t * self.batch..(t + 1) * self.batch];
        rows.contains(&true).then(|| Mask::new(&[self.batch, 1], rows.to_vec()))
    }

    /// Everything but the numbers.
    pub(crate) fn arrangement(&self) -> Seq<()> {
        let Self { seq_len, batch, features, layout, .. } = *self;
        Seq { rows: (), seq_len, batch, features, layout, ragged: self.ragged.clone() }
    }
}

impl Seq<()> {
    /// These rows arranged so, with zeros where there is padding.
    ///
    /// # Panics
    ///
    /// If there are more rows, or fewer.
    #[track_caller]
    pub(crate) fn filled<L: Numbers>(&self, rows: L) -> Seq<L> {
        match &self.ragged {
            Some(Ragged { padding, packing: None, .. }) => self.placed(rows.zeroed(padding)),
            _ => self.placed(rows),
        }
    }

    /// These rows arranged so; they are known to be zeros where there is padding.
    #[track_caller]
    pub(crate) fn placed<L: Numbers>(&self, rows: L) -> Seq<L> {
        let places = self.packing().map(|packing| packing.places.len());
        let count = places.unwrap_or(self.seq_len * self.batch);
        let shape = rows.axes();
        let &[found, features] = &shape[..] else {
            panic!("Seq: {shape:?} must have two axes, [N, F]");
        };
        assert!(found == count, "Seq: {found} rows in the place of {count}; there must be as many");
        let Self { seq_len, batch, layout, .. } = *self;
        Seq { rows, seq_len, batch, features, layout, ragged: self.ragged.clone() }
    }

    /// Numbers for every step and row, [T, B, F], as the rows of this arrangement.
    pub(crate) fn arrange(&self, steps: &Tensor<f64>) -> Tensor<f64> {
        let rows = steps.reshape(&[self.seq_len * self.batch, steps.shape()[2]]);
        match self.packing() {
            Some(packing) => rows.gather(0, &packing.places),
            None => rows,
        }
    }
}

/// The lengths of three axes.
fn three_axes<L: Numbers>(
    layout: &'static str,
    rank: &'static str,
    steps: &L,
) -> Result<[usize; 3], SeqError> {
    let shape = steps.axes();
    match shape[..] {
        [a, b, c] => Ok([a, b, c]),
        _ => Err(SeqError::Rank { layout, shape: shape.to_vec(), rank }),
    }
}

#[track_caller]
fn expect<T>(result: Result<T, SeqError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
