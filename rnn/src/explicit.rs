//! A whole layer and direction as one op on a tape: forward and backward by hand.
//!
//! ```text
//! forward   outputs, last state = unroll(θ, xs, initial)
//! vjp       dθ, dxs, dinitial   = bptt(θ, trace, d outputs, d last)
//! ```
//!
//! One node in the place of some twenty for each step, the inputs multiplied for all steps at once, and the tape's
//! bookkeeping done once. The trace is kept with the op until the tape is emptied.

use autograd::draw::Draw;
use autograd::ops::{Contribution, Describe, OpMany};
use autograd::{Element, Error, Few, Params, Tensor, Var};

use crate::cell::{Cell, Inputs, StateOf, collect};
use crate::seq::Seq;
use crate::unroll::{Passed, Trace, bptt_along, each_step, unroll_along};
use crate::walk::Walk;

/// An unrolled cell: the op of one application, which holds the trace of its forward pass.
///
/// Inputs: the parameters, the rows of the sequence [N, I], the tensors of the initial state [B, ·]. Outputs: the rows
/// of h_t [N, ·], the tensors of the last state.
struct Unrolled<C: Cell, E: Element> {
    params: C::Of<()>,
    state: StateOf<C, ()>,
    xs: Seq<()>,
    walk: Walk,
    /// Of each state of the trace the tensors.
    states: Vec<Vec<Tensor<E>>>,
    saved: Vec<C::Saved<E>>,
    outputs: Few<Tensor<E>>,
}

impl<C: Cell, E: Element> Unrolled<C, E> {
    #[track_caller]
    fn new(
        params: &C::Of<Tensor<E>>,
        xs: &Seq<Tensor<E>>,
        initial: &StateOf<C, Tensor<E>>,
        walk: &Walk,
    ) -> Self {
        let trace = unroll_along::<C, E>(params, xs, initial, walk.clone());
        let mut outputs = Few::from_iter([trace.output_seq().rows().clone()]);
        outputs.extend(trace.last_state().leaves());
        let Trace { xs, walk, states, saved } = trace;
        Self {
            params: params.map(|_| ()),
            state: initial.map(|_| ()),
            xs: xs.arrangement(),
            walk,
            states: states.iter().map(Params::leaves).collect(),
            saved,
            outputs,
        }
    }
}

impl<C: Cell, E: Element> Describe for Unrolled<C, E> {
    const NAME: &'static str = "unrolled";

    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [seq_len, batch, inputs, units] = [(); 4].map(|()| draw.full_axis());
        let params = C::init::<f64>(inputs, units, draw.rng());
        let xs = draw.tensor(&[seq_len, batch, inputs], -1.0..1.0);
        let initial = C::zero_state(&params, batch).map(|z| draw.tensor(z.shape(), -1.0..1.0));
        let rows = xs.reshape(&[seq_len * batch, inputs]);
        let leaves = [params.leaves(), vec![rows], initial.leaves()].concat();
        let (params, initial) = (params.cast(), initial.cast());
        let xs = Seq::time_major(xs.cast());
        (Self::new(&params, &xs, &initial, &Walk::default()), leaves)
    }
}

impl<C: Cell, E: Element> OpMany<E> for Unrolled<C, E> {
    fn forward(&self, _inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        Ok(self.outputs.clone())
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        _outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        _needs: &[bool],
    ) -> Few<Contribution<E>> {
        let mut leaves = inputs.iter().map(|&x| x.clone());
        let params: C::Of<Tensor<E>> = collect(&self.params, &mut leaves);
        let xs = self.xs.filled(leaves.next().expect("the rows of the sequence"));
        let states: Vec<_> =
            self.states.iter().map(|s| collect(&self.state, &mut s.iter().cloned())).collect();
        let (d_rows, d_last) = d_outputs.split_first().expect("h_t and the last state");
        let d_last = collect(&self.state, &mut d_last.iter().cloned());

        let Self { walk, saved, .. } = self;
        let passed = Passed { xs: &xs, walk, states: &states, saved };
        let d_output = xs.arrangement().filled(d_rows.clone());
        let mut grads = params.zeros_like();
        let back =
            bptt_along::<C, E>(&params, passed, each_step(&d_output), Some(&d_last), &mut grads);
        let d_xs = back.d_xs.rows().clone();
        let grads = grads.leaves().into_iter().chain([d_xs]).chain(back.d_initial.leaves());
        grads.map(Contribution::from).collect()
    }
}

/// Runs a cell over a sequence by hand, as one op on the tape. Returns h_t arranged as the inputs are, and the last
/// state.
#[track_caller]
pub fn unroll_as_one_op<'t, C: Cell, E: Element>(
    params: &C::Of<Var<'t, E>>,
    xs: &Seq<Var<'t, E>>,
    initial: &StateOf<C, Var<'t, E>>,
    walk: &Walk,
) -> (Seq<Var<'t, E>>, StateOf<C, Var<'t, E>>) {
    let op = Unrolled::<C, E>::new(
        &params.map(Var::value),
        &xs.arrangement().filled(xs.rows().value()),
        &initial.map(Var::value),
        walk,
    );
    let inputs = [params.leaves(), vec![*xs.rows()], initial.leaves()].concat();
    let mut outputs = xs.rows().tape().apply_many(op, &inputs).into_iter();
    let rows = outputs.next().expect("h_t and the last state");
    (xs.arrangement().filled(rows), collect(initial, &mut outputs))
}

/// As [`unroll_as_one_op`], by the cell's own op for whole sequences where there is one and nothing else happens on the
/// way.
#[track_caller]
pub fn unroll_fused<'t, C: Cell, E: Element>(
    params: &C::Of<Var<'t, E>>,
    xs: &Seq<Var<'t, E>>,
    initial: &StateOf<C, Var<'t, E>>,
    walk: &Walk,
) -> (Seq<Var<'t, E>>, StateOf<C, Var<'t, E>>) {
    if is_plain(xs, walk)
        && let Some((rows, last)) =
            C::fused(params, &Inputs::Rows(*xs.rows()), initial, walk.reverse)
    {
        return (xs.arrangement().filled(rows), last);
    }
    unroll_as_one_op::<C, E>(params, xs, initial, walk)
}

/// The outputs and the last state by hand, without a tape.
#[track_caller]
pub fn run<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
    walk: &Walk,
) -> (Seq<Tensor<E>>, StateOf<C, Tensor<E>>) {
    let trace = unroll_along::<C, E>(params, xs, initial, walk.clone());
    (trace.output_seq(), trace.last_state().map(Tensor::clone))
}

/// As [`run`], by the cell's own way for whole sequences, as [`unroll_fused`].
#[track_caller]
pub fn run_fused<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
    walk: &Walk,
) -> (Seq<Tensor<E>>, StateOf<C, Tensor<E>>) {
    if is_plain(xs, walk)
        && let Some((rows, last)) = C::fused_run(params, xs.rows(), initial, walk.reverse)
    {
        return (xs.arrangement().filled(rows), last);
    }
    run::<C, E>(params, xs, initial, walk)
}

/// Whether nothing happens on the way but steps: no noise, and rows of one length.
pub(crate) fn is_plain<L>(xs: &Seq<L>, walk: &Walk) -> bool {
    xs.lengths().is_none() && walk.recurrent.is_none() && walk.zoneout.is_empty()
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;
    use crate::unroll::unroll_on_tape_along;
    use crate::{Gru, Lstm, Vanilla};

    /// The op on its own samples has the gradient of the same steps composed of ops.
    fn the_op_has_the_gradient_of_the_composed_steps<C: Cell>() {
        for seed in 0..20 {
            let mut draw = Draw::new(seed, 3, 4);
            let (op, inputs) = Unrolled::<C, f64>::sample(&mut draw);
            let tape = Tape::new();
            let vars: Vec<_> = inputs.into_iter().map(|x| tape.leaf(x)).collect();
            let mut leaves = vars.iter().copied();
            let params = collect(&op.params, &mut leaves);
            let xs = op.xs.filled(leaves.next().expect("the rows"));
            let initial = collect(&op.state, &mut leaves);
            let (outputs, last) = unroll_on_tape_along::<C, f64>(&params, &xs, &initial, &op.walk);
            let composed = [vec![*outputs.rows()], last.leaves()].concat();
            let loss = |outputs: &[Var<'_, f64>]| {
                let sums = outputs.iter().map(|&y| (y * y).sum());
                tape.backward(sums.reduce(|a, b| a + b).expect("h_t and the last state"))
            };
            let [one, many] = [loss(&tape.apply_many(op, &vars)), loss(&composed)];
            for &var in &vars {
                let error = (one.of(var) - many.of(var)).norm();
                assert!(error <= 1e-12, "{}, seed {seed}: {error}", C::NAME);
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
