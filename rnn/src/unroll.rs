//! The two loops over time: forward, and backpropagation through time.
//!
//! ```text
//! unroll    h_t = f(x_t, h_{t−1})                               t = 0 … T−1
//! bptt      δ_t = ∂ℓ_t/∂h_t + (∂h_{t+1}/∂h_t)ᵀ δ_{t+1}          t = T−1 … 0
//!           dθ  = Σ_t (∂h_t/∂θ)ᵀ δ_t
//! ```
//!
//! δ_t is the gradient of the whole loss in h_t. It has two sources: the loss at step t itself, and
//! step t + 1, to which h_t was an input. Dropping the second (`dhnext` in many codes) gives a gradient
//! that still trains, only not over time.
//!
//! What else may happen on the way (rows that end, the other direction, noise) is the [`Walk`]'s business.
//!
//! Source: Werbos 1990, "Backpropagation Through Time: What It Does and How to Do It".

use std::ops::Range;

use autograd::{Element, Params, Tensor, Var};

use crate::cell::{Cell, StateOf, Step};
use crate::numbers::Numbers;
use crate::seq::Seq;
use crate::walk::{Stride, Walk};

/// All that happened in a forward pass: every state and what each step saved.
pub struct Trace<C: Cell, E: Element> {
    /// The inputs.
    pub xs: Seq<Tensor<E>>,
    /// How the steps were taken.
    pub walk: Walk,
    /// The T + 1 states, each of the whole batch, the initial one first: the k-th step to be taken goes from
    /// `states[k]` to `states[k + 1]`. It is step k, or in reverse T − 1 − k.
    pub states: Vec<StateOf<C, Tensor<E>>>,
    /// What each of the T steps saved for its way back.
    pub saved: Vec<C::Saved<E>>,
}

impl<C: Cell, E: Element> Trace<C, E> {
    /// h_t after each step, [T, B, H]; zeros behind the end of a row.
    pub fn outputs(&self) -> Tensor<E> {
        self.output_seq().steps()
    }

    /// h_t after each step, arranged as the inputs are.
    pub fn output_seq(&self) -> Seq<Tensor<E>> {
        let h_of = |(t, state): (usize, &StateOf<C, Tensor<E>>)| {
            let [start, end] = self.xs.place(t);
            C::output(state).part(0, end - start)
        };
        let hs = self.walk.order(&self.xs).zip(&self.states[1..]).map(h_of).collect();
        in_order(&self.xs, &self.walk, hs, C::output(&self.states[0]))
    }

    /// The state after the last step: what the next window of a text starts from.
    pub fn last_state(&self) -> &StateOf<C, Tensor<E>> {
        self.states.last().expect("a trace has at least the initial state")
    }
}

/// What was found at each step, in the order in which the steps were taken, as one sequence. There may be no steps:
/// then `like` tells the number of features.
#[track_caller]
fn in_order<L: Numbers, X>(xs: &Seq<X>, walk: &Walk, found: Vec<L>, like: &L) -> Seq<L> {
    let mut found = found;
    if walk.reverse {
        found.reverse();
    }
    let rows = match &found[..] {
        [] => like.part(0, 0),
        _ => L::joined(&found, 0),
    };
    xs.arrangement().filled(rows)
}

/// Runs a cell over a sequence by hand, and keeps everything.
///
/// Shapes: xs [T, B, I], state [B, H]. If T = 0 there are no outputs, and the last state is the initial one.
///
/// # Panics
///
/// If the inputs have other features than the cell reads, or the state is not one of the cell for as many rows.
#[track_caller]
pub fn unroll<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
) -> Trace<C, E> {
    check_start::<C, E>("unroll", params, xs, initial);
    unroll_along(params, xs, initial, Walk::default())
}

/// As [`unroll()`], on a walk.
///
/// The rows of the state stand in the order of the rows of `xs`, which is another one if it is packed.
///
/// # Panics
///
/// If the shapes do not fit the parameters, with the sentence of the product that found it.
#[track_caller]
pub fn unroll_along<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
    walk: Walk,
) -> Trace<C, E> {
    let inputs = C::input(params, xs.rows()); // a_t for all t, in one product
    let mut states = vec![initial.map(Tensor::clone)];
    let mut saved = Vec::with_capacity(xs.seq_len());
    for t in walk.order(xs) {
        let old = states.last().expect("at least the initial state");
        let [start, end] = xs.place(t);
        let a = inputs.slice(0, start, end);
        let stride = Stride::new(&walk, xs, t);
        let part = stride.part::<C::State, _>(old);
        let state = part.as_ref().unwrap_or(old);
        let (new, kept) = match stride.read::<C::State, _>(state) {
            Some(read) => C::forward_reading(params, &a, state, &read),
            None => C::forward(params, &a, state),
        };
        let next = stride.settle::<C::State, _>(old, new);
        states.push(next);
        saved.push(kept);
    }
    Trace { xs: xs.clone(), walk, states, saved }
}

/// Whether a cell can run on these. A state of one row would be broadcast over the batch, and get the gradients of none.
#[track_caller]
pub(crate) fn check_start<C: Cell, E: Element>(
    op: &str,
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
) {
    let (found, wanted) = (xs.features(), C::sizes(params).input);
    assert!(found == wanted, "{op}: an input has {found} features, and the cell reads {wanted}");
    let zeros = C::zero_state(params, xs.batch());
    for ((name, found), wanted) in initial.names().iter().zip(initial.leaves()).zip(zeros.leaves())
    {
        let (found, wanted) = (found.shape(), wanted.shape());
        assert!(
            found == wanted,
            "{op}: `{name}` of the initial state has the shape {found:?}, and must have {wanted:?}"
        );
    }
}

/// The state after the last step, with nothing kept of the way there.
#[track_caller]
pub(crate) fn advance<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
) -> StateOf<C, Tensor<E>> {
    let inputs = xs.map_rows(|rows| C::input(params, rows));
    let first = initial.map(Tensor::clone);
    (0..xs.seq_len()).fold(first, |state, t| C::forward(params, &inputs.step(t), &state).0)
}

/// What backpropagation through time found.
pub struct Bptt<C: Cell, E: Element> {
    /// The gradient of the loss in every parameter.
    pub grads: C::Of<Tensor<E>>,
    /// In the inputs, [T, B, I]; 0 in padding.
    pub d_xs: Tensor<E>,
    /// In the initial state.
    pub d_initial: StateOf<C, Tensor<E>>,
    /// ‖δ_t‖ = ‖∂L/∂h_t‖ for each step, over the rows that take it: where the gradient goes in time.
    pub delta_norms: Vec<f64>,
}

/// Backpropagation through time, by hand.
///
/// `d_outputs` [T, B, H] is what the loss says of each h_t directly, ∂ℓ_t/∂h_t; `d_last` what comes from beyond
/// the last step, or nothing: then the gradient is cut there, as truncated backpropagation does.
///
/// # Panics
///
/// If the shapes differ from those of the trace.
#[track_caller]
pub fn bptt<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    d_outputs: &Tensor<E>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
) -> Bptt<C, E> {
    check_d_outputs(trace, d_outputs);
    let Trace { xs, walk, states, saved } = trace;
    let d_outputs = like(xs, d_outputs);
    let passed = Passed { xs, walk, states, saved };
    let mut grads = params.zeros_like();
    let BpttRows { d_xs, d_initial, delta_norms } =
        bptt_along::<C, E>(params, passed, each_step(&d_outputs), d_last, &mut grads);
    Bptt { grads, d_xs: d_xs.steps(), d_initial, delta_norms }
}

/// Asserts that there is one ∂ℓ_t/∂h_t for each step of a trace, of the shape of h_t.
#[track_caller]
pub(crate) fn check_d_outputs<C: Cell, E: Element>(trace: &Trace<C, E>, d_outputs: &Tensor<E>) {
    let outputs = [&[trace.xs.seq_len()], C::output(&trace.states[0]).shape()].concat();
    let found = d_outputs.shape();
    assert!(found == outputs, "bptt: d_outputs {found:?} must have the outputs' shape {outputs:?}");
}

/// Steps [T, B, F] arranged as `xs` is.
#[track_caller]
pub(crate) fn like<E: Element>(xs: &Seq<Tensor<E>>, steps: &Tensor<E>) -> Seq<Tensor<E>> {
    let steps = Seq::time_major(steps.clone());
    match xs.lengths().map(|lengths| steps.with_lengths(lengths)) {
        None => steps,
        Some(Err(error)) => panic!("bptt: {error}"),
        Some(Ok(padded)) if xs.is_packed() => padded.packed(),
        Some(Ok(padded)) => padded,
    }
}

/// ∂ℓ_t/∂h_t of every step, for [`bptt_along`].
pub(crate) fn each_step<E: Element>(
    d_outputs: &Seq<Tensor<E>>,
) -> impl FnMut(usize, &Tensor<E>) -> Option<Tensor<E>> {
    |t, _| Some(d_outputs.step(t))
}

/// A [`Trace`] whose parts are kept elsewhere.
pub(crate) struct Passed<'a, C: Cell, E: Element> {
    pub(crate) xs: &'a Seq<Tensor<E>>,
    pub(crate) walk: &'a Walk,
    pub(crate) states: &'a [StateOf<C, Tensor<E>>],
    pub(crate) saved: &'a [C::Saved<E>],
}

/// A [`Bptt`] whose gradient in the inputs is arranged as they are; that in the parameters was added up elsewhere.
pub(crate) struct BpttRows<C: Cell, E: Element> {
    pub(crate) d_xs: Seq<Tensor<E>>,
    pub(crate) d_initial: StateOf<C, Tensor<E>>,
    pub(crate) delta_norms: Vec<f64>,
}

/// The loop itself: adds to the gradients of the parameters.
///
/// `d_output(t, h_t)` returns ∂ℓ_t/∂h_t for the rows that take step t, or nothing where the loss does not look.
#[track_caller]
pub(crate) fn bptt_along<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    Passed { xs, walk, states, saved }: Passed<'_, C, E>,
    mut d_output: impl FnMut(usize, &Tensor<E>) -> Option<Tensor<E>>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
    grads: &mut C::Of<Tensor<E>>,
) -> BpttRows<C, E> {
    let mut d_inputs: Option<Tensor<E>> = None; // [N, A], filled step by step
    let mut delta_norms = vec![0.0; xs.seq_len()];
    let mut d_state = match d_last {
        Some(d_last) => d_last.map(Tensor::clone),
        None => states[0].zeros_like(),
    };
    for (k, t) in walk.order(xs).enumerate().collect::<Vec<_>>().into_iter().rev() {
        let [start, end] = xs.place(t);
        let h = C::output(&states[k + 1]).slice(0, 0, end - start);
        if let Some(direct) = d_output(t, &h) {
            let (found, h) = (direct.shape(), h.shape());
            assert!(found == h, "bptt: ∂ℓ/∂h at step {t} is {found:?}, but h is {h:?}");
            add_rows(C::output_mut(&mut d_state), &direct);
        }

        let stride = Stride::new(walk, xs, t);
        let part = stride.taken::<C::State, _>(&d_state);
        let taken = part.as_ref().unwrap_or(&d_state);
        delta_norms[t] = C::output(taken).norm();
        let fresh = stride.fresh::<C::State, _>(taken);
        let d_next = fresh.as_ref().unwrap_or(taken);

        let part = stride.part::<C::State, _>(&states[k]);
        let state = part.as_ref().unwrap_or(&states[k]);
        let (da, through) = match stride.read::<C::State, _>(state) {
            Some(read) => {
                let step = Step { state, saved: &saved[k] };
                let (da, [mut through, mut d_read]) =
                    C::backward_reading(params, step, &read, d_next, grads);
                stride.read_back::<C::State, _>(&mut d_read);
                through.add_assign(&d_read);
                (da, through)
            }
            None => C::backward(params, Step { state, saved: &saved[k] }, d_next, grads),
        };
        let width = da.shape()[1];
        let all = d_inputs.get_or_insert_with(|| Tensor::zeros(&[xs.rows().shape()[0], width]));
        all.data_mut()[start * width..end * width].copy_from_slice(da.data());
        d_state = stride.settle_back::<C::State, _>(&d_state, taken, through);
    }
    let d_xs = match d_inputs {
        None => Tensor::zeros(xs.rows().shape()),
        Some(d_inputs) => C::input_backward(params, xs.rows(), &d_inputs, grads),
    };
    BpttRows { d_xs: xs.arrangement().filled(d_xs), d_initial: d_state, delta_norms }
}

/// [`bptt`] over some steps of a trace that goes forward, whose rows are all of one length.
///
/// `d_output(t, h_t)`, with t counted in the trace, is as in [`bptt_along`]; the δ norms are those of the steps.
#[track_caller]
pub(crate) fn sweep<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    steps: Range<usize>,
    mut d_output: impl FnMut(usize, &Tensor<E>) -> Option<Tensor<E>>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
    grads: &mut C::Of<Tensor<E>>,
) -> Swept<C, E> {
    let Trace { xs, walk, states, saved } = trace;
    assert!(
        *walk == Walk::default() && xs.lengths().is_none(),
        "bptt: only a run forward, without noise and over rows of one length, can be walked in parts"
    );
    let passed: Passed<C, E> = Passed {
        xs: &Seq::time_major(xs.steps().slice(0, steps.start, steps.end)),
        walk,
        states: &states[steps.start..=steps.end],
        saved: &saved[steps.clone()],
    };
    let BpttRows { d_xs, d_initial, delta_norms } =
        bptt_along(params, passed, |t, h| d_output(steps.start + t, h), d_last, grads);
    Swept { d_xs: d_xs.steps(), d_initial, delta_norms }
}

/// What a sweep over some steps found beside the gradients of the parameters.
pub(crate) struct Swept<C: Cell, E: Element> {
    /// The gradient in the inputs of these steps, [n, B, I].
    pub(crate) d_xs: Tensor<E>,
    /// In the state before them.
    pub(crate) d_initial: StateOf<C, Tensor<E>>,
    /// ‖δ_t‖ for each of them.
    pub(crate) delta_norms: Vec<f64>,
}

/// Adds to the first rows of a tensor.
fn add_rows<E: Element>(sum: &mut Tensor<E>, rows: &Tensor<E>) {
    match sum.shape() == rows.shape() {
        true => *sum = &*sum + rows,
        false => sum.add_slice(0, 0, rows),
    }
}

/// Runs a cell over the steps x_t, each [B, I], on a tape. Returns h_t after each step and the last state.
#[track_caller]
pub fn unroll_on_tape<'t, C: Cell, E: Element>(
    params: &C::Of<Var<'t, E>>,
    xs: &[Var<'t, E>],
    initial: &StateOf<C, Var<'t, E>>,
) -> (Vec<Var<'t, E>>, StateOf<C, Var<'t, E>>) {
    let mut state = initial.map(Var::clone);
    let mut outputs = Vec::with_capacity(xs.len());
    for &x in xs {
        state = C::step(params, x, &state);
        outputs.push(*C::output(&state));
    }
    (outputs, state)
}

/// As [`unroll_on_tape`], on a walk. Returns h_t arranged as the inputs are, and the last state.
#[track_caller]
pub fn unroll_on_tape_along<'t, C: Cell, E: Element>(
    params: &C::Of<Var<'t, E>>,
    xs: &Seq<Var<'t, E>>,
    initial: &StateOf<C, Var<'t, E>>,
    walk: &Walk,
) -> (Seq<Var<'t, E>>, StateOf<C, Var<'t, E>>) {
    let mut old = initial.map(Var::clone);
    let mut outputs = Vec::with_capacity(xs.seq_len());
    for t in walk.order(xs) {
        let stride = Stride::new(walk, xs, t);
        let part = stride.part::<C::State, _>(&old);
        let state = part.as_ref().unwrap_or(&old);
        let new = match stride.read::<C::State, _>(state) {
            Some(read) => C::step_reading(params, xs.step(t), state, &read),
            None => C::step(params, xs.step(t), state),
        };
        let next = stride.settle::<C::State, _>(&old, new);
        old = next;
        let [start, end] = xs.place(t);
        outputs.push(C::output(&old).part(0, end - start));
    }
    let outputs = in_order(xs, walk, outputs, C::output(&old));
    (outputs, old)
}
