//! Forward through a sequence.

use std::iter;
use std::ops::Range;

use autograd::tensor::Packed;
use autograd::{Element, Few, Params, Tensor};

use super::halves::{Forward, rows_of, units_of};
use super::meet::together;
use super::steps::{BLOCK, Piece, Steps, Way, enter, share, split_rows};
use super::{Ahead, Fused, Weights};
use crate::cell::{Inputs, StateOf};

/// Below how many rows of a batch the inputs of a block of steps are multiplied together.
const FEW_ROWS: usize = 8;
/// How many rows are multiplied together where W_ih has too many numbers for the second cache, which would be read for
/// each step again.
const ROWS_TOGETHER: usize = 256;
const MANY_NUMBERS: usize = 1 << 17;

/// What a forward pass found.
pub(super) struct Passed<E: Element> {
    /// What the steps keep for their way back, [T·B, K·H]; nothing if that was not asked for.
    pub(super) kept: Tensor<E>,
    /// h_t [T·B, H], and the tensors of the last state.
    pub(super) outputs: Few<Tensor<E>>,
}

/// What all pieces of a pass read.
struct Pass<'a, C: Fused, E: Element> {
    params: &'a C::Of<()>,
    way: Way,
    source: Source<'a, E>,
    w_hh: Packed<E>,
    bias: &'a [E],
}

/// Where A_t = W_ih x_t comes from.
enum Source<'a, E: Element> {
    /// x of all steps [T·B, I], to multiply.
    Product { rows: &'a [E], inputs: usize, w_ih: Packed<E> },
    /// Rows to look up, for each of T·B its own number or an id.
    Table { table: Tensor<E>, ids: Option<&'a [usize]> },
}

impl<'a, E: Element> Source<'a, E> {
    fn new(xs: &'a Inputs<Tensor<E>>, w_ih: &Tensor<E>) -> Self {
        match xs {
            Inputs::Rows(rows) => {
                let w_ih = Packed::new(w_ih.t());
                Self::Product { rows: rows.data(), inputs: rows.shape()[1], w_ih }
            }
            Inputs::Table { table, ids } => {
                Self::Table { table: table.matmul(w_ih.t()), ids: Some(ids) }
            }
            // A column for each place, or for each symbol, whichever are fewer.
            Inputs::OneHot { ids } if ids.len() < w_ih.shape()[1] => {
                Self::Table { table: w_ih.take_columns(ids), ids: None }
            }
            Inputs::OneHot { ids } => {
                let all: Vec<usize> = (0..w_ih.shape()[1]).collect();
                Self::Table { table: w_ih.take_columns(&all), ids: Some(ids) }
            }
        }
    }

    /// A multiplication for each row counts as so many.
    fn inputs(&self) -> usize {
        match self {
            Self::Product { inputs, .. } => *inputs,
            Self::Table { .. } => 0,
        }
    }

    /// The inputs of how many steps are multiplied together.
    fn together(&self, way: Way, width: usize) -> usize {
        let steps = match self {
            _ if way.batch < FEW_ROWS => BLOCK,
            Self::Product { inputs, .. } if inputs * width > MANY_NUMBERS => {
                ROWS_TOGETHER / way.batch
            }
            _ => 1,
        };
        steps.min(way.steps).clamp(1, BLOCK)
    }

    /// A of these rows of the batch in these steps, [steps, rows, G·H]. Rows that do not lie together are collected in `xs`.
    fn read_steps(
        &self,
        way: Way,
        steps: Range<usize>,
        rows: &Range<usize>,
        xs: &mut [E],
        a: &mut [E],
    ) {
        let row_of = |t: usize| t * way.batch + rows.start;
        let count = steps.len() * rows.len();
        match self {
            Self::Product { rows: all, inputs, w_ih }
                if steps.len() > 1 && rows.len() < way.batch =>
            {
                let xs = &mut xs[..count * inputs];
                for (t, xs) in steps.zip(xs.chunks_exact_mut((rows.len() * inputs).max(1))) {
                    xs.copy_from_slice(way.rows(all, t, rows, *inputs));
                }
                w_ih.multiply(xs, a);
            }
            _ if rows.len() == way.batch => self.read(row_of(steps.start)..row_of(steps.end), a),
            _ => {
                for (t, a) in steps.clone().zip(a.chunks_exact_mut(a.len() / steps.len())) {
                    self.read(row_of(t)..row_of(t) + rows.len(), a);
                }
            }
        }
    }

    /// A of these rows of T·B, [rows, G·H].
    fn read(&self, rows: Range<usize>, a: &mut [E]) {
        match self {
            Self::Product { rows: xs, inputs, w_ih } => {
                w_ih.multiply(&xs[rows.start * inputs..rows.end * inputs], a);
            }
            Self::Table { table, ids } => {
                let width = table.shape()[1];
                for (a, row) in a.chunks_exact_mut(width).zip(rows) {
                    let id = ids.map_or(row, |ids| ids[row]);
                    a.copy_from_slice(&table.data()[id * width..][..width]);
                }
            }
        }
    }
}

/// Rows of the batch in a block of steps.
struct Rows<'a, E> {
    rows: Range<usize>,
    kept: Steps<'a, E>,
    hs: Steps<'a, E>,
    /// Inputs of several steps, where they are multiplied together.
    xs: &'a mut [E],
    a: &'a mut [E],
    b: &'a mut [E],
    h: &'a mut [E],
    c: &'a mut [E],
}

impl<E: Element> Piece for Rows<'_, E> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn split(self, rows: usize) -> [Self; 2] {
        let Self { rows: Range { start, end }, kept, hs, xs, a, b, h, c } = self;
        let split = |all| split_rows(all, rows, end - start);
        let ([kept, kept_2], [hs, hs_2]) = (kept.split(rows), hs.split(rows));
        let [xs, xs_2] = split(xs);
        let ([a, a_2], [b, b_2], [h, h_2], [c, c_2]) = (split(a), split(b), split(h), split(c));
        let middle = start + rows;
        [
            Self { rows: start..middle, kept, hs, xs, a, b, h, c },
            Self {
                rows: middle..end,
                kept: kept_2,
                hs: hs_2,
                xs: xs_2,
                a: a_2,
                b: b_2,
                h: h_2,
                c: c_2,
            },
        ]
    }
}

/// Runs T·B inputs through the cell, and keeps what the way back needs if `keep`.
#[track_caller]
pub(super) fn forward<C: Fused, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Inputs<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
    way: Way,
    keep: bool,
) -> Passed<E> {
    let (units, batch) = (C::sizes(params).hidden, way.batch);
    let count = way.steps * batch;
    let width = C::GATES * units;
    let mut kept = Tensor::unset(&[count, if keep { C::KEPT * units } else { 0 }]);
    let mut hs = Tensor::unset(&[count, units]);
    let mut state = initial.few_leaves();
    if count * units > 0 {
        let Weights { w_ih, w_hh, .. } = C::weights(params);
        let (kinds, bias) = (kept.shape()[1], bias::<C, E>(params));
        if let (Some(middle), Inputs::Rows(rows)) = (way.middle, xs) {
            let params = (&params.map(|_| ()), [w_ih, w_hh, &bias]);
            let written = [&mut kept, &mut hs].map(Tensor::data_mut);
            halved::<C, E>(params, rows, &mut state, way, middle, written);
            return Passed { kept, outputs: iter::once(hs).chain(state).collect() };
        }
        let pass: Pass<'_, C, E> = Pass {
            params: &params.map(|_| ()),
            way,
            source: Source::new(xs, w_ih),
            w_hh: Packed::new(w_hh.t()),
            bias: bias.data(),
        };
        let together = pass.source.together(way, width);
        let mut a = Tensor::unset(&[together * batch, width]);
        let work = 2 * count * width * (pass.source.inputs() + units);
        let pieces = if batch < FEW_ROWS { 1 } else { way.pieces(work) };
        let collected = if together > 1 && pieces > 1 { together * batch } else { 0 };
        let mut xs = Tensor::unset(&[collected, pass.source.inputs()]);
        let mut b = Tensor::unset(&[batch, if C::APART { width } else { 0 }]);
        let (a, b, kept, hs) = (a.data_mut(), b.data_mut(), kept.data_mut(), hs.data_mut());
        let xs = xs.data_mut();
        let mut state = state.iter_mut().map(Tensor::data_mut);
        let (h, c) = (state.next().expect("h"), state.next().unwrap_or_default());
        enter(pieces, || {
            for block in way.blocks() {
                let rows = Rows {
                    rows: 0..batch,
                    kept: Steps::new(kept, &block, batch, kinds),
                    hs: Steps::new(hs, &block, batch, units),
                    xs,
                    a,
                    b,
                    h,
                    c,
                };
                share(rows, pieces, &|rows| pass.run(&block, rows, together));
            }
        });
    }
    Passed { kept, outputs: iter::once(hs).chain(state).collect() }
}

impl<C: Fused, E: Element> Pass<'_, C, E> {
    /// Some rows through a block of steps.
    fn run(&self, block: &Range<usize>, rows: Rows<'_, E>, together: usize) {
        let Rows { rows, mut kept, mut hs, xs, a, b, h, c } = rows;
        let way = self.way;
        let [units, width] = self.w_hh.shape();
        let numbers = rows.len() * width;
        let mut ready = 0..0;
        for t in way.order(block.clone()) {
            let k = t - block.start;
            if !ready.contains(&t) {
                ready = way.from(t, together, block);
                let a = &mut a[..ready.len() * numbers];
                self.source.read_steps(way, ready.clone(), &rows, xs, a);
            }
            let a = &mut a[(t - ready.start) * numbers..][..numbers];
            if C::APART {
                self.w_hh.multiply(h, b);
            } else {
                self.w_hh.add_product(h, a);
            }
            let (a, b, bias) = (&*a, &*b, self.bias);
            C::ahead(
                self.params,
                Ahead { units, a, b, bias, kept: kept.of(k), c, h, out: hs.of(k) },
            );
        }
    }
}

/// [`forward`] of one row, with the units in two halves.
fn halved<C: Fused, E: Element>(
    (params, [w_ih, w_hh, bias]): (&C::Of<()>, [&Tensor<E>; 3]),
    rows: &Tensor<E>,
    state: &mut [Tensor<E>],
    way: Way,
    middle: usize,
    [kept, hs]: [&mut [E]; 2],
) {
    let (units, inputs) = (w_hh.shape()[1], w_ih.shape()[1]);
    let all = units_of(middle, units);
    let pack = |w: &Tensor<E>, own: &Range<usize>, row| {
        Packed::new(rows_of(w.data(), own, units, row).t())
    };
    let weights = all.each_ref().map(|own| [pack(w_ih, own, inputs), pack(w_hh, own, units)]);
    let biases = all.each_ref().map(|own| rows_of(bias.data(), own, units, 1));
    let width = C::GATES * units;
    let mut a = Tensor::unset(&[BLOCK, width]);
    let mut b = Tensor::unset(&[if C::APART { width } else { 0 }]);
    let mut more = Tensor::unset(&[3, units]); // h of the second half, and twice the h that each finds
    more.data_mut()[..units].copy_from_slice(state[0].data());
    more.data_mut()[units..2 * units].copy_from_slice(state[0].data());

    let split = |all, count| split_rows(all, middle, count);
    let [a, a_2] = split(a.data_mut(), units);
    let [b, b_2] = split(b.data_mut(), units);
    let [kept, kept_2] = split(kept, units);
    let (h_2, own_h) = more.data_mut().split_at_mut(units);
    let (own_h, outs) = own_h.split_at_mut(units);
    let ([own_h, own_h_2], [out, out_2]) = (split(own_h, units), split(outs, units));
    let mut state = state.iter_mut().map(Tensor::data_mut);
    let (h, c) = (state.next().expect("h"), state.next().unwrap_or_default());
    let [c, c_2] = split(c, units);

    let [first, second] = &all;
    let ([[w_ih, w_hh], [w_ih_2, w_hh_2]], [bias, bias_2]) = (&weights, &biases);
    let (rows, ready) = (rows.data(), 0..0);
    let first_half = Forward::<C, E> {
        params,
        way,
        rows,
        own: first.clone(),
        other: second.clone(),
        w_ih,
        w_hh,
        bias: bias.data(),
        kept,
        a,
        ready: ready.clone(),
        b,
        h,
        state: own_h,
        c,
        out,
        hs,
    };
    let second_half = Forward::<C, E> {
        params,
        way,
        rows,
        own: second.clone(),
        other: first.clone(),
        w_ih: w_ih_2,
        w_hh: w_hh_2,
        bias: bias_2.data(),
        kept: kept_2,
        a: a_2,
        ready,
        b: b_2,
        h: h_2,
        state: own_h_2,
        c: c_2,
        out: out_2,
        hs: &mut [],
    };
    together([first_half, second_half], way.order(0..way.steps));
}

/// The biases of a row: b_ih + b_hh, or one behind the other.
pub(super) fn bias<C: Fused, E: Element>(params: &C::Of<Tensor<E>>) -> Tensor<E> {
    let Weights { w_hh, b_ih, b_hh, .. } = C::weights(params);
    let width = w_hh.shape()[0];
    if C::APART {
        let mut both = Tensor::zeros(&[2 * width]);
        for (to, bias) in both.data_mut().chunks_exact_mut(width).zip([b_ih, b_hh]) {
            if let Some(bias) = bias {
                to.copy_from_slice(bias.data());
            }
        }
        return both;
    }
    match [b_ih, b_hh] {
        [Some(a), Some(b)] => a + b,
        [Some(one), None] | [None, Some(one)] => one.clone(),
        [None, None] => Tensor::zeros(&[width]),
    }
}
