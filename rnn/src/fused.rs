//! A whole sequence through a cell as one op, in few large pieces: what the cells that have one share.
//!
//! ```text
//! forward    A_t = x_t W_ihᵀ,  B_t = h_{t−1} W_hhᵀ           both weights packed once         [B, G·H]
//!            gates and state from A_t and B_t               one sweep of the cell's own
//!
//! backward   dA_t and dB_t from ∂ℓ_t/∂h_t + dh              one sweep of the cell's own
//!            dh = dB_t W_hh, and what goes past it          W_hh packed once, for one row as it is stored
//!            dW_ih = dAᵀ X,  dW_hh = dBᵀ H_prev,  db = Σ dA        for all t at once
//!            dX = dA W_ih                                   for all t, one product
//! ```
//!
//! Where x_t are rows of a table of V, W_ih is multiplied with the table and each step looks its rows up; the way back adds
//! dA up for each row of the table first. Where they are one-hot, A_t are columns of W_ih.
//!
//! G is the number of gates. Where a step needs only the sum of A and B, they are one. A large batch is shared out among
//! threads by its rows, each of which goes through the whole sequence (module `steps`); of one row the units are halved
//! (`halves`).
//!
//! Nothing is allocated in the loops over time. Kept for each unit and step: h, and what the cell says.

mod lanes;
mod steps;
mod meet;
mod halves;
mod ahead;
mod back;
mod stepping;

use autograd::draw::Draw;
use autograd::ops::{Contribution, Describe, OpMany};
use autograd::{Element, Error, Few, Params, Tensor, Var};

use ahead::Passed;
use back::Swept;
pub(crate) use lanes::{each_unit, parts, parts_mut};
pub(crate) use stepping::FusedSteps;
use steps::Way;

use crate::cell::{Cell, Inputs, Run, StateOf, collect};

/// A cell whose steps can be fused: the arithmetic of a step beside its products.
pub(crate) trait Fused: Cell {
    /// The name of the op.
    const OP: &'static str;
    /// How many rows of the weights each unit has: G.
    const GATES: usize;
    /// How many numbers of each unit a step keeps for its way back, beside h: K.
    const KEPT: usize;
    /// Whether a step needs A = W_ih x + b_ih and B = W_hh h + b_hh apart, and not only their sum.
    const APART: bool;

    /// The weights and biases among the parameters, in the order of the names.
    fn weights<L>(params: &Self::Of<L>) -> Weights<'_, L>;

    /// The step, for some rows.
    fn ahead<E: Element>(params: &Self::Of<()>, step: Ahead<'_, E>);

    /// The step back, for some rows.
    fn back<E: Element>(params: &Self::Of<()>, step: Back<'_, E>);
}

/// The weights and biases of a cell.
pub(crate) struct Weights<'a, L> {
    /// [G·H, I]
    pub(crate) w_ih: &'a L,
    /// [G·H, H]
    pub(crate) w_hh: &'a L,
    /// [G·H]
    pub(crate) b_ih: Option<&'a L>,
    /// [G·H]
    pub(crate) b_hh: Option<&'a L>,
}

/// What a step reads and writes, row after row.
pub(crate) struct Ahead<'a, E> {
    /// H.
    pub(crate) units: usize,
    /// W_ih x + W_hh h; where they are apart W_ih x. [rows, G·H]
    pub(crate) a: &'a [E],
    /// W_hh h where they are apart. [rows, G·H]
    pub(crate) b: &'a [E],
    /// b_ih + b_hh [G·H]; where they are apart one behind the other [2·G·H].
    pub(crate) bias: &'a [E],
    /// To be kept, [rows, K·H], as `each_unit` lays it out; empty if there is no way back.
    pub(crate) kept: &'a mut [E],
    /// The memory, [rows, H], before the step and then after it; empty if the cell has none.
    pub(crate) c: &'a mut [E],
    /// The state, [rows, H], before the step and then after it.
    pub(crate) h: &'a mut [E],
    /// The state after the step once more, as an output.
    pub(crate) out: &'a mut [E],
}

/// What a step back reads and writes, row after row.
pub(crate) struct Back<'a, E> {
    /// H.
    pub(crate) units: usize,
    /// What the step kept, [rows, K·H], as `each_unit` laid it out.
    pub(crate) kept: &'a [E],
    /// The state after the step, [rows, H].
    pub(crate) h: &'a [E],
    /// The state before it.
    pub(crate) h_prev: &'a [E],
    /// ∂ℓ_t/∂h_t: what the loss says of the output directly.
    pub(crate) d_out: &'a [E],
    /// What comes to h_t from later steps; then what goes to h_{t−1} past the product, where anything does.
    pub(crate) dh: &'a mut [E],
    /// The gradient in the memory after the step, and then in that before it.
    pub(crate) dc: &'a mut [E],
    /// ∂L/∂A, [rows, G·H].
    pub(crate) da: &'a mut [E],
    /// ∂L/∂B where it is another, [rows, G·H].
    pub(crate) db: &'a mut [E],
}

/// The op of one application, which holds what its forward pass found.
///
/// Inputs: the parameters, the rows of the sequence [T·B, I] or the table of its rows, if there is one, the tensors of the
/// state before it [B, H]. Outputs: h_t [T·B, H], the tensors of the state after it.
struct Sequence<C: Fused, E: Element> {
    params: C::Of<()>,
    xs: Inputs<()>,
    way: Way,
    passed: Passed<E>,
}

impl<C: Fused, E: Element> Sequence<C, E> {
    #[track_caller]
    fn new(
        params: &C::Of<Tensor<E>>,
        xs: &Inputs<Tensor<E>>,
        initial: &StateOf<C, Tensor<E>>,
        reverse: bool,
    ) -> Self {
        let way = way::<C, E>(params, xs, initial, reverse);
        let passed = ahead::forward::<C, E>(params, xs, initial, way, true);
        Self { params: params.map(|_| ()), xs: xs.map(|_| ()), way, passed }
    }
}

fn way<C: Fused, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Inputs<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
    reverse: bool,
) -> Way {
    let batch = C::output(initial).shape()[0];
    let count = match xs {
        Inputs::Rows(rows) => rows.shape()[0],
        Inputs::Table { ids, .. } | Inputs::OneHot { ids } => ids.len(),
    };
    let steps = count.checked_div(batch).unwrap_or(0);
    let middle = match xs {
        Inputs::Rows(_) => steps::middle(steps, batch, C::GATES, C::sizes(params).hidden),
        _ => None, // what is looked up is not cut in two
    };
    Way { steps, batch, reverse, middle }
}

impl<C: Fused, E: Element> Describe for Sequence<C, E> {
    const NAME: &'static str = C::OP;

    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [seq_len, batch, inputs, units] = [(); 4].map(|()| draw.full_axis());
        let params = C::init::<f64>(inputs, units, draw.rng());
        let count = seq_len * batch;
        let xs = match draw.below(0..3) {
            0 => Inputs::Rows(draw.tensor(&[count, inputs], -1.0..1.0)),
            1 => {
                let symbols = draw.full_axis();
                let ids = draw.ids(count, symbols).into();
                Inputs::Table { table: draw.tensor(&[symbols, inputs], -1.0..1.0), ids }
            }
            _ => Inputs::OneHot { ids: draw.ids(count, inputs).into() },
        };
        let initial = C::zero_state(&params, batch).map(|z| draw.tensor(z.shape(), -1.0..1.0));
        let numbers = xs.numbers().cloned();
        let leaves = params.leaves().into_iter().chain(numbers).chain(initial.leaves()).collect();
        let reverse = draw.coin();
        (Self::new(&params.cast(), &xs.map(Tensor::cast), &initial.cast(), reverse), leaves)
    }
}

impl<C: Fused, E: Element> OpMany<E> for Sequence<C, E> {
    fn forward(&self, _inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        Ok(self.passed.outputs.clone())
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        _outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        needs: &[bool],
    ) -> Few<Contribution<E>> {
        let mut leaves = inputs.iter().map(|&x| x.clone());
        let params: C::Of<Tensor<E>> = collect(&self.params, &mut leaves);
        let xs = self.xs.map(|()| leaves.next().expect("the rows of the sequence"));
        let h_0 = leaves.next().expect("a state has h");
        let Weights { w_ih, w_hh, b_ih, b_hh } = C::weights(&params);

        let way = self.way;
        let swept = back::sweep::<C, E>(&self.params, w_hh, &h_0, way, &self.passed, d_outputs);
        let Swept { da, db, d_state } = swept;
        let width = w_hh.shape()[0];
        // The parameters are the first inputs, and the weights the first of them.
        let mut dw_ih = needs[0].then(|| match &xs {
            Inputs::OneHot { ids } => back::column_gradient(&da, ids, w_ih.shape()[1]),
            _ => Tensor::unset(w_ih.shape()),
        });
        let mut dw_hh = needs[1].then(|| Tensor::unset(w_hh.shape()));
        let biased = [b_ih, b_hh].map(|b| b.is_some());
        let [mut sum_a, mut sum_b] = match C::APART {
            true => biased,
            false => [biased[0] || biased[1], false],
        }
        .map(|wanted| Tensor::unset(&[if wanted { width } else { 0 }]));
        let (mut of_a, mut of_b) = (Few::new(), Few::new());
        if let (Inputs::Rows(x), Some(dw)) = (&xs, &mut dw_ih) {
            of_a.push(back::of_rows(x, dw));
        }
        if let Some(dw) = &mut dw_hh {
            of_b.push(back::of_states(&self.passed.outputs[0], way, dw));
        }
        match &db {
            None => {
                of_a.extend(of_b);
                E::weight_gradients(da.data(), width, of_a, sum_a.data_mut());
            }
            Some(db) => {
                E::weight_gradients(da.data(), width, of_a, sum_a.data_mut());
                E::weight_gradients(db.data(), width, of_b, sum_b.data_mut());
            }
        }
        if let Some(dw_hh) = &mut dw_hh {
            back::add_first(db.as_ref().unwrap_or(&da), &h_0, way, dw_hh);
        }
        let d = match xs {
            Inputs::OneHot { .. } => None,
            Inputs::Table { table, ids } => {
                let mut d = Tensor::zeros(&[table.shape()[0], width]);
                d.add_rows(&ids, &da);
                if let Some(dw) = &mut dw_ih {
                    let of = Few::from_iter([back::of_rows(&table, dw)]);
                    E::weight_gradients(d.data(), width, of, &mut []);
                }
                Some(d)
            }
            Inputs::Rows(_) => Some(da),
        };
        let dx = d.map(|a| {
            let (b, transposed) = (w_ih.clone(), [false, false]);
            Contribution::Product { a, b, transposed }
        });
        let d_bias_hh = b_hh.map(|_| if C::APART { sum_b } else { sum_a.clone() });
        let d_bias = b_ih.map(|_| sum_a);
        let of_weights =
            [dw_ih, dw_hh].map(|dw| dw.map_or(Contribution::Nothing, Contribution::from));
        let of_biases = [d_bias, d_bias_hh].into_iter().flatten().map(Contribution::from);
        let of_state = d_state.into_iter().map(Contribution::from);
        of_weights.into_iter().chain(of_biases).chain(dx).chain(of_state).collect()
    }
}

/// Runs a sequence of T·B inputs through the cell, as one op on the tape. Returns h_t [T·B, H] and the last state.
#[track_caller]
pub(crate) fn unroll_on_tape<'t, C: Fused, E: Element>(
    params: &C::Of<Var<'t, E>>,
    xs: &Inputs<Var<'t, E>>,
    initial: &StateOf<C, Var<'t, E>>,
    reverse: bool,
) -> Run<C, Var<'t, E>> {
    let op = Sequence::<C, E>::new(
        &params.map(Var::value),
        &xs.map(Var::value),
        &initial.map(Var::value),
        reverse,
    );
    let inputs =
        params.few_leaves().into_iter().chain(xs.numbers().copied()).chain(initial.few_leaves());
    let inputs: Few<_> = inputs.collect();
    let mut outputs = C::output(initial).tape().apply_many(op, &inputs).into_iter();
    let hs = outputs.next().expect("h_t and the last state");
    (hs, collect(initial, &mut outputs))
}

/// The same without a tape: nothing is kept but h_t and the last state.
#[track_caller]
pub(crate) fn run<C: Fused, E: Element>(
    params: &C::Of<Tensor<E>>,
    rows: &Tensor<E>,
    initial: &StateOf<C, Tensor<E>>,
    reverse: bool,
) -> Run<C, Tensor<E>> {
    let xs = Inputs::Rows(rows.clone());
    let way = way::<C, E>(params, &xs, initial, reverse);
    let passed = ahead::forward::<C, E>(params, &xs, initial, way, false);
    let mut outputs = passed.outputs.into_iter();
    let hs = outputs.next().expect("h_t and the last state");
    (hs, collect(initial, &mut outputs))
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;
    use crate::seq::Seq;
    use crate::unroll::unroll_on_tape_along;
    use crate::walk::Walk;
    use crate::{Gru, Lstm, Vanilla};

    /// The op on its own samples has the gradient of the same steps composed of ops.
    fn the_op_has_the_gradient_of_the_composed_steps<C: Fused>() {
        for seed in 0..60 {
            let mut draw = Draw::new(seed, 3, 4);
            let (op, inputs) = Sequence::<C, f64>::sample(&mut draw);
            let tape = Tape::new();
            let vars: Vec<_> = inputs.into_iter().map(|x| tape.leaf(x)).collect();
            let mut leaves = vars.iter().copied();
            let params = collect(&op.params, &mut leaves);
            let sizes = C::sizes::<f64>(&params.map(Var::value));
            let rows = match op.xs.map(|()| leaves.next().expect("the rows")) {
                Inputs::Rows(rows) => rows,
                Inputs::Table { table, ids } => table.rows(&ids),
                Inputs::OneHot { ids } => tape.constant(Tensor::one_hot(&ids, sizes.input)),
            };
            let zeros = C::zero_state::<f64>(&params.map(Var::value), op.way.batch);
            let initial = collect(&zeros, &mut leaves);
            let steps = rows.reshape(&[op.way.steps, op.way.batch, rows.shape()[1]]);
            let walk = Walk { reverse: op.way.reverse, ..Walk::default() };
            let xs = Seq::time_major(steps);
            let (outputs, last) = unroll_on_tape_along::<C, f64>(&params, &xs, &initial, &walk);
            let composed = [vec![*outputs.rows()], last.leaves()].concat();
            let loss = |outputs: &[Var<'_, f64>]| {
                let sums = outputs.iter().map(|&y| (y * y).sum());
                tape.backward(sums.reduce(|a, b| a + b).expect("h_t and the last state"))
            };
            let [one, many] = [loss(&tape.apply_many(op, &vars)), loss(&composed)];
            for &var in &vars {
                let error = (one.of(var) - many.of(var)).norm();
                assert!(error <= 1e-12, "{}, seed {seed}: {error}", C::OP);
            }
        }
    }

    #[test]
    fn every_cell_has_the_gradient_of_its_composed_steps() {
        the_op_has_the_gradient_of_the_composed_steps::<Vanilla>();
        the_op_has_the_gradient_of_the_composed_steps::<Gru>();
        the_op_has_the_gradient_of_the_composed_steps::<Lstm>();
    }
}
