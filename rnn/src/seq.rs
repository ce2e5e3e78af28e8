//! Sequences whose layout is said and not assumed.
//!
//! Whether the first axis is time or batch is the commonest silent mistake with recurrent networks:
//! both have three axes, and nothing fails. So a [`Seq`] can be made in two ways, each of which
//! names the layout, and there is no third.

use autograd::{Element, Tensor};

/// A batch of sequences, kept time-major: [T, B, F].
#[derive(Clone, Debug, PartialEq)]
pub struct Seq<E: Element> {
    steps: Tensor<E>,
}

impl<E: Element> Seq<E> {
    /// A sequence from [T, B, F], without a copy.
    ///
    /// # Panics
    ///
    /// If there are not three axes.
    #[track_caller]
    pub fn time_major(steps: Tensor<E>) -> Self {
        let shape = steps.shape();
        assert!(shape.len() == 3, "Seq::time_major: {shape:?} must have three axes, [T, B, F]");
        Self { steps }
    }

    /// A sequence from [B, T, F], copied.
    ///
    /// # Panics
    ///
    /// If there are not three axes.
    #[track_caller]
    pub fn batch_major(rows: &Tensor<E>) -> Self {
        let &[batch, seq_len, features] = rows.shape() else {
            panic!("Seq::batch_major: {:?} must have three axes, [B, T, F]", rows.shape());
        };
        let mut steps = Vec::with_capacity(rows.elements());
        for t in 0..seq_len {
            for b in 0..batch {
                steps.extend_from_slice(&rows.data()[(b * seq_len + t) * features..][..features]);
            }
        }
        Self { steps: Tensor::new(&[seq_len, batch, features], steps) }
    }

    /// The number of steps T.
    pub fn seq_len(&self) -> usize {
        self.steps.shape()[0]
    }

    /// The number of sequences B.
    pub fn batch(&self) -> usize {
        self.steps.shape()[1]
    }

    /// The number of features F.
    pub fn features(&self) -> usize {
        self.steps.shape()[2]
    }

    /// x_t, [B, F], without a copy.
    ///
    /// # Panics
    ///
    /// If there is no step t.
    #[track_caller]
    pub fn step(&self, t: usize) -> Tensor<E> {
        self.steps.entry(t)
    }

    /// All steps, [T, B, F].
    pub fn steps(&self) -> &Tensor<E> {
        &self.steps
    }

    /// The rows of all steps, [T·B, F], without a copy.
    pub fn flat(&self) -> Tensor<E> {
        self.steps.reshape(&[self.seq_len() * self.batch(), self.features()])
    }

    /// The sequence of `f` of all rows at once, [T·B, F] to [T·B, G].
    ///
    /// # Panics
    ///
    /// If `f` does not return as many rows.
    #[track_caller]
    pub fn map_flat(&self, f: impl FnOnce(&Tensor<E>) -> Tensor<E>) -> Self {
        let rows = f(&self.flat());
        let features = rows.shape().last().copied().unwrap_or(0);
        Self { steps: rows.reshape(&[self.seq_len(), self.batch(), features]) }
    }
}
