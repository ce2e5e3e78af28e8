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
//! Source: Werbos 1990, "Backpropagation Through Time: What It Does and How to Do It".

use std::ops::Range;

use autograd::{Element, Params, Tensor, Var};

use crate::cell::{Cell, StateOf, Step};
use crate::seq::Seq;

/// All that happened in a forward pass: every state and what each step saved.
pub struct Trace<C: Cell, E: Element> {
    /// The inputs.
    pub xs: Seq<E>,
    /// The T + 1 states, the initial one first: step t goes from `states[t]` to `states[t + 1]`.
    pub states: Vec<StateOf<C, Tensor<E>>>,
    /// What each of the T steps saved for its way back.
    pub saved: Vec<C::Saved<E>>,
}

impl<C: Cell, E: Element> Trace<C, E> {
    /// h_t after each step, [T, B, H].
    pub fn outputs(&self) -> Tensor<E> {
        let outputs: Vec<_> = self.states[1..].iter().map(|s| C::output(s).clone()).collect();
        stack(&outputs, C::output(&self.states[0]).shape())
    }

    /// The state after the last step: what the next window of a text starts from.
    pub fn last_state(&self) -> &StateOf<C, Tensor<E>> {
        self.states.last().expect("a trace has at least the initial state")
    }
}

/// Tensors of this shape as entries of a new first axis; there may be none.
fn stack<E: Element>(tensors: &[Tensor<E>], shape: &[usize]) -> Tensor<E> {
    match tensors {
        [] => Tensor::zeros(&[&[0], shape].concat()),
        _ => Tensor::stack(tensors),
    }
}

/// Runs a cell over a sequence by hand, and keeps everything.
///
/// Shapes: xs [T, B, I], state [B, H].
///
/// # Panics
///
/// If the shapes do not fit the parameters, with the sentence of the product that found it.
#[track_caller]
pub fn unroll<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<E>,
    initial: &StateOf<C, Tensor<E>>,
) -> Trace<C, E> {
    let inputs = xs.map_flat(|rows| C::input(params, rows)); // a_t for all t, in one product
    let mut states = vec![initial.map(Tensor::clone)];
    let mut saved = Vec::with_capacity(xs.seq_len());
    for t in 0..xs.seq_len() {
        let (next, kept) = C::forward(params, &inputs.step(t), &states[t]);
        states.push(next);
        saved.push(kept);
    }
    Trace { xs: xs.clone(), states, saved }
}

/// The state after the last step, with nothing kept of the way there.
#[track_caller]
pub(crate) fn advance<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<E>,
    initial: &StateOf<C, Tensor<E>>,
) -> StateOf<C, Tensor<E>> {
    let inputs = xs.map_flat(|rows| C::input(params, rows));
    let first = initial.map(Tensor::clone);
    (0..xs.seq_len()).fold(first, |state, t| C::forward(params, &inputs.step(t), &state).0)
}

/// What backpropagation through time found.
pub struct Bptt<C: Cell, E: Element> {
    /// The gradient of the loss in every parameter.
    pub grads: C::Of<Tensor<E>>,
    /// In the inputs, [T, B, I].
    pub d_xs: Tensor<E>,
    /// In the initial state.
    pub d_initial: StateOf<C, Tensor<E>>,
    /// ‖δ_t‖ = ‖∂L/∂h_t‖ for each step, over the whole batch: where the gradient goes in time.
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
    let mut grads = params.zeros_like();
    let steps = 0..trace.xs.seq_len();
    let d_output = |t, _: &Tensor<E>| Some(d_outputs.entry(t));
    let Swept { d_xs, d_initial, delta_norms } =
        sweep(params, trace, steps, d_output, d_last, &mut grads);
    Bptt { grads, d_xs, d_initial, delta_norms }
}

/// Asserts that there is one ∂ℓ_t/∂h_t for each step of a trace, of the shape of h_t.
#[track_caller]
pub(crate) fn check_d_outputs<C: Cell, E: Element>(trace: &Trace<C, E>, d_outputs: &Tensor<E>) {
    let outputs = [&[trace.xs.seq_len()], C::output(&trace.states[0]).shape()].concat();
    let found = d_outputs.shape();
    assert!(found == outputs, "bptt: d_outputs {found:?} must have the outputs' shape {outputs:?}");
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

/// The loop itself, over some steps of a trace: adds to the gradients of the parameters.
///
/// `d_output(t, h_t)` returns ∂ℓ_t/∂h_t, with t counted in the trace, or nothing where the loss does not look.
#[track_caller]
pub(crate) fn sweep<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    steps: Range<usize>,
    mut d_output: impl FnMut(usize, &Tensor<E>) -> Option<Tensor<E>>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
    grads: &mut C::Of<Tensor<E>>,
) -> Swept<C, E> {
    let xs = trace.xs.steps().slice(0, steps.start, steps.end);
    let mut d_inputs: Option<Tensor<E>> = None; // [n·B, A], filled from its end
    let mut delta_norms = vec![0.0; steps.len()];
    let mut d_state = match d_last {
        Some(d_last) => d_last.map(Tensor::clone),
        None => trace.states[steps.end].zeros_like(),
    };
    for t in steps.clone().rev() {
        let dh = C::output_mut(&mut d_state);
        if let Some(direct) = d_output(t, C::output(&trace.states[t + 1])) {
            let (found, h) = (direct.shape(), dh.shape());
            assert!(found == h, "bptt: ∂ℓ/∂h at step {t} is {found:?}, but h is {h:?}");
            *dh = &*dh + direct;
        }
        delta_norms[t - steps.start] = dh.norm();
        let step = Step { state: &trace.states[t], saved: &trace.saved[t] };
        let (da, d_previous) = C::backward(params, step, &d_state, grads);
        let all = d_inputs
            .get_or_insert_with(|| Tensor::zeros(&[steps.len() * da.shape()[0], da.shape()[1]]));
        let place = (t - steps.start) * da.elements();
        all.data_mut()[place..][..da.elements()].copy_from_slice(da.data());
        d_state = d_previous;
    }
    let mut d_xs = Tensor::zeros(xs.shape());
    if let Some(d_inputs) = d_inputs {
        let rows = C::input_backward(params, &Seq::time_major(xs).flat(), &d_inputs, grads);
        d_xs = rows.reshape(d_xs.shape());
    }
    Swept { d_xs, d_initial: d_state, delta_norms }
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
