//! How a layer goes through a sequence: in which direction, past the ends of rows, and with what noise.
//!
//! ```text
//! one step      s̃_t = f(x_t, s_{t−1})
//! dropout       the products of the step read h_{t−1} ⊙ m / (1 − p), with one m for all steps
//! zoneout       s_t = z_t ⊙ s_{t−1} + (1 − z_t) ⊙ s̃_t
//! row ends      s_t = s_{t−1} behind the end of a row; rows of a packed sequence that ended are left out
//! reverse       t runs from T − 1 to 0, so that each row begins at its own end
//! ```
//!
//! Sources: Gal and Ghahramani 2016, arXiv 1512.05287 (one dropout mask for all steps); Krueger et al. 2017,
//! arXiv 1606.01305 (zoneout: z_t is random in training, and its expected value otherwise).

use autograd::{Element, Mask, Params, Tensor};

use crate::cell::State;
use crate::numbers::Numbers;
use crate::seq::Seq;

/// The way of one layer and direction through a sequence; by default forward and without noise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// From the last step to the first.
    pub reverse: bool,
    /// The factors m / (1 − p) on what the steps read of h, [B, ·], in the order of the sequence's rows; none
    /// without dropout.
    pub recurrent: Option<Tensor<f64>>,
    /// The shares z of the old state that are kept, for each tensor of the state [N, ·], arranged as the rows of the
    /// sequence; empty without zoneout.
    pub zoneout: Vec<Tensor<f64>>,
}

impl Walk {
    /// From the last step to the first.
    pub fn reverse() -> Self {
        Self { reverse: true, ..Self::default() }
    }

    /// The steps in the order in which they are taken.
    pub(crate) fn order<X>(&self, xs: &Seq<X>) -> impl DoubleEndedIterator<Item = usize> + use<X> {
        let (steps, reverse) = (xs.steps_with_rows(), self.reverse);
        (0..steps).map(move |k| if reverse { steps - 1 - k } else { k })
    }
}

/// One step of a walk.
pub(crate) struct Stride<'a> {
    /// The rows of the step: the first ones of the batch.
    rows: usize,
    batch: usize,
    padding: Option<Mask>,
    recurrent: Option<&'a Tensor<f64>>,
    zoneout: Vec<Tensor<f64>>,
}

impl<'a> Stride<'a> {
    pub(crate) fn new<X>(walk: &'a Walk, xs: &Seq<X>, t: usize) -> Self {
        let [start, end] = xs.place(t);
        Self {
            rows: end - start,
            batch: xs.batch(),
            padding: xs.padding_at(t),
            recurrent: walk.recurrent.as_ref(),
            zoneout: walk.zoneout.iter().map(|z| z.slice(0, start, end)).collect(),
        }
    }

    /// The rows of the state that the step has; none if it has all.
    pub(crate) fn part<S: State, L: Numbers>(&self, state: &S::Of<L>) -> Option<S::Of<L>> {
        (self.rows < self.batch).then(|| state.map(|s| s.part(0, self.rows)))
    }

    /// What the products of the step read of these rows; none if it is the state itself.
    pub(crate) fn read<S: State, L: Numbers>(&self, state: &S::Of<L>) -> Option<S::Of<L>> {
        self.recurrent.map(|factors| {
            let mut read = state.map(L::clone);
            let h = S::output_mut(&mut read);
            *h = h.scaled(&factors.slice(0, 0, self.rows));
            read
        })
    }

    /// s_t from s_{t−1} and s̃_t.
    pub(crate) fn settle<S: State, L: Numbers>(&self, old: &S::Of<L>, new: S::Of<L>) -> S::Of<L> {
        let mut new = new;
        if !self.zoneout.is_empty() {
            let mut kept = self.zoneout.iter();
            new = zip(old, &new, |old, new| {
                let z = kept.next().expect("one tensor of shares for each of the state");
                old.part(0, self.rows).scaled(z).plus(&new.scaled(&(1.0 - z)))
            });
        }
        if let Some(padding) = &self.padding {
            new = zip(old, &new, |old, new| L::chosen(padding, old, new));
        }
        if self.rows < self.batch {
            new = zip(old, &new, |old, new| {
                L::joined(&[new.clone(), old.part(self.rows, self.batch)], 0)
            });
        }
        new
    }

    /// From dL/ds_t: for the rows that take the step, and 0 where it is padding; none if that is dL/ds_t itself.
    pub(crate) fn taken<S: State, E: Element>(
        &self,
        d: &S::Of<Tensor<E>>,
    ) -> Option<S::Of<Tensor<E>>> {
        let part = self.part::<S, Tensor<E>>(d);
        match &self.padding {
            Some(padding) => Some(part.as_ref().unwrap_or(d).map(|d| d.zeroed(padding))),
            None => part,
        }
    }

    /// dL/ds̃_t from what [`taken`](Self::taken) says; none if it is the same.
    pub(crate) fn fresh<S: State, E: Element>(
        &self,
        d: &S::Of<Tensor<E>>,
    ) -> Option<S::Of<Tensor<E>>> {
        let mut kept = self.zoneout.iter();
        let share = |d: &Tensor<E>| match kept.next() {
            Some(z) => d.scaled(&(1.0 - z)),
            None => d.clone(),
        };
        (!self.zoneout.is_empty()).then(|| d.map(share))
    }

    /// The way back through [`read`](Self::read).
    pub(crate) fn read_back<S: State, E: Element>(&self, d_read: &mut S::Of<Tensor<E>>) {
        if let Some(factors) = self.recurrent {
            let dh = S::output_mut(d_read);
            *dh = dh.scaled(&factors.slice(0, 0, self.rows));
        }
    }

    /// dL/ds_{t−1}: what went back through the step, beside what the old state kept of s_t.
    pub(crate) fn settle_back<S: State, E: Element>(
        &self,
        d: &S::Of<Tensor<E>>,
        taken: &S::Of<Tensor<E>>,
        through: S::Of<Tensor<E>>,
    ) -> S::Of<Tensor<E>> {
        let mut sum = through;
        if !self.zoneout.is_empty() {
            let mut kept = self.zoneout.iter();
            sum = zip(taken, &sum, |d, sum| {
                sum + d.scaled(kept.next().expect("one tensor of shares for each of the state"))
            });
        }
        if let Some(padding) = &self.padding {
            sum = zip(d, &sum, |d, sum| sum + d.zeroed(&!padding));
        }
        if self.rows < self.batch {
            sum = zip(d, &sum, |d, sum| {
                Tensor::joined(&[sum.clone(), d.part(self.rows, self.batch)], 0)
            });
        }
        sum
    }
}

/// The state of `f` of the tensors of two states.
pub(crate) fn zip<S, L: Clone, M>(
    a: &S,
    b: &S,
    mut f: impl FnMut(&L, &L) -> M,
) -> <S::Family as autograd::Family>::Of<M>
where
    S: Params<Leaf = L>,
{
    let mut b = b.leaves().into_iter();
    a.map(|a| f(a, &b.next().expect("two states of one cell have as many tensors")))
}
