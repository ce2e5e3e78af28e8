//! One step after the other, with nothing prepared twice.

use autograd::tensor::Packed;
use autograd::{Element, Params, Tensor};

use super::ahead::bias;
use super::{Ahead, Fused, Weights};
use crate::cell::{Stepping, Symbols};

/// A cell with its weights packed, its state, and room for what a step calculates.
pub(crate) struct FusedSteps<C: Fused, E: Element> {
    params: C::Of<()>,
    /// W_ih, where the inputs are rows.
    w_ih: Option<Packed<E>>,
    /// W_ih x of every symbol, [V, G·H], where they are ids.
    table: Option<Tensor<E>>,
    w_hh: Packed<E>,
    bias: Tensor<E>,
    state: Vec<Tensor<E>>,
    a: Vec<E>,
    b: Vec<E>,
    out: Vec<E>,
}

impl<C: Fused, E: Element> FusedSteps<C, E> {
    pub(crate) fn new(params: &C::Of<Tensor<E>>, symbols: Option<Symbols<'_, E>>) -> Self {
        let Weights { w_ih, w_hh, .. } = C::weights(params);
        let table = symbols.map(|symbols| match symbols {
            Symbols::Table(table) => table.matmul(w_ih.t()),
            Symbols::OneHot => w_ih.transpose(0, 1),
        });
        Self {
            params: params.map(|_| ()),
            w_ih: table.is_none().then(|| Packed::new(w_ih.t())),
            table,
            w_hh: Packed::new(w_hh.t()),
            bias: bias::<C, E>(params),
            state: C::zero_state(params, 0).leaves(),
            a: Vec::new(),
            b: Vec::new(),
            out: Vec::new(),
        }
    }

    /// The rows of the batch, and room for them.
    fn make_room(&mut self) -> usize {
        let rows = self.state[0].shape()[0];
        let [units, width] = self.w_hh.shape();
        self.a.resize(rows * width, E::ZERO);
        self.b.resize(if C::APART { rows * width } else { 0 }, E::ZERO);
        self.out.resize(rows * units, E::ZERO);
        rows
    }

    /// The rest of a step, from W_ih x.
    fn finish(&mut self) {
        let units = self.w_hh.shape()[0];
        let mut state = self.state.iter_mut().map(Tensor::data_mut);
        let (h, c) = (state.next().expect("a state has h"), state.next().unwrap_or_default());
        if C::APART {
            self.w_hh.multiply(h, &mut self.b);
        } else {
            self.w_hh.add_product(h, &mut self.a);
        }
        let (a, b, bias, out) = (&self.a[..], &self.b[..], self.bias.data(), &mut self.out[..]);
        C::ahead(&self.params, Ahead { units, a, b, bias, kept: &mut [], c, h, out });
    }
}

impl<C: Fused, E: Element> Stepping<E> for FusedSteps<C, E> {
    fn step(&mut self, xs: &[E]) {
        self.make_room();
        let w_ih = self.w_ih.as_ref().expect("made for rows");
        w_ih.multiply(xs, &mut self.a);
        self.finish();
    }

    fn step_ids(&mut self, ids: &[usize]) {
        let rows = self.make_room();
        assert_eq!(ids.len(), rows, "stepper: one id for each row of the state");
        let table = self.table.as_ref().expect("made for ids");
        let width = table.shape()[1];
        for (a, id) in self.a.chunks_exact_mut(width.max(1)).zip(ids) {
            a.copy_from_slice(&table.data()[id * width..][..width]);
        }
        self.finish();
    }

    fn state(&self) -> &[Tensor<E>] {
        &self.state
    }

    fn state_mut(&mut self) -> &mut [Tensor<E>] {
        &mut self.state
    }
}
