//! Checkpointed backpropagation through time: the exact gradient in less memory, for some steps that run again.
//!
//! ```text
//! keep  a few of the states h_0 … h_{T−1}, where the schedule says
//! from the last segment to the first:
//!     run    from the nearest state that was kept, to the one before the segment
//!     sweep  the segment: unroll it from there, and go back over it with the gradient that came from beyond
//! ```
//!
//! It is [`bptt()`](crate::bptt()) cut in pieces, of which one exists at a time. The projection of the inputs is
//! done by segment too. What remains of size T are the inputs, their gradient and the norms; the gradient of the
//! loss in the outputs need not exist, as it is asked for step by step.
//!
//! Sums over the steps of a segment are added to those of the next, so that input weights and biases may differ from
//! the plain loop by rounding.

use autograd::{Element, Params, Tensor};

use super::BpttError;
use super::schedule::{Memory, Schedule, StepBytes, split};
use crate::cell::{Cell, StateOf, tensor_bytes};
use crate::seq::Seq;
use crate::unroll::{Bptt, advance, check_start, sweep, unroll};

/// What checkpointed backpropagation found, and what it took.
pub struct Checkpointed<C: Cell, E: Element> {
    /// The gradients, as [`bptt()`](crate::bptt()) finds them.
    pub back: Bptt<C, E>,
    /// The state after the last step.
    pub last_state: StateOf<C, Tensor<E>>,
    /// The number of steps that went forward, counted.
    pub forward_steps: u64,
    /// The largest number of states kept at once, counted, the one before the first step among them.
    pub most_states: usize,
}

/// Backpropagation through time in a limited memory, by hand, forward pass included.
///
/// `d_output(t, h_t)` returns what the loss says of h_t [B, H] directly, ∂ℓ_t/∂h_t; it is called once a step, the
/// last step first. `d_last` is what comes from beyond the last step, or nothing.
///
/// A loss of every step needs nothing of size T but its targets:
///
/// ```
/// use autograd::Tensor;
/// use rand::SeedableRng;
/// use rnn::{Cell, Lstm, Seq};
/// use rnn::bptt::{Memory, checkpointed_bptt};
///
/// let lstm = Lstm::init::<f64>(3, 4, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// let xs = Seq::time_major(Tensor::ones(&[100, 2, 3]));
/// let targets = Tensor::from_fn(&[100], |t| (t as f64).sin());
///
/// // L = Σ ½ (h_t − target_t)², so ∂ℓ_t/∂h_t = h_t − target_t.
/// let mut loss = 0.0;
/// let d_output = |t: usize, h: &Tensor<f64>| {
///     let error = h - targets.at(&[t]);
///     loss += 0.5 * error.norm().powi(2);
///     error
/// };
/// let zero = Lstm::zero_state(&lstm, 2);
/// let found = checkpointed_bptt::<Lstm, f64>(&lstm, &xs, &zero, Memory::Sqrt, d_output, None)?;
/// assert_eq!((found.most_states, found.forward_steps), (9, 190));
/// assert!(loss > 0.0);
/// # Ok::<(), rnn::bptt::BpttError>(())
/// ```
///
/// # Errors
///
/// If there is no slot, or the bytes do not suffice for one state and one step.
///
/// # Panics
///
/// If the shapes do not fit the parameters, or `d_output` returns another shape than that of h_t.
#[track_caller]
pub fn checkpointed_bptt<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &StateOf<C, Tensor<E>>,
    memory: Memory,
    mut d_output: impl FnMut(usize, &Tensor<E>) -> Tensor<E>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
) -> Result<Checkpointed<C, E>, BpttError> {
    check_start::<C, E>("checkpointed bptt", params, xs, initial);
    let step = step_bytes::<C, E>(params, xs.batch());
    let schedule = Schedule::new(memory, xs.seq_len(), step)?;

    let mut grads = params.zeros_like();
    let mut d_xs = Tensor::zeros(xs.steps().shape());
    let mut delta_norms = vec![0.0; xs.seq_len()];
    let mut d_state = d_last.map(|d_last| d_last.map(Tensor::clone));
    let mut last_state = None;
    let (mut forward_steps, mut most_states) = (0, 1);

    let mut kept = vec![(0, initial.map(Tensor::clone))]; // (k, the state before segment k)
    let mut end = schedule.segments(); // those from here on are done
    while let Some((start, state)) = kept.last()
        && end > 0
    {
        let free = schedule.slots() + 1 - kept.len(); // the slot of this state among them
        let here = start + split(end - start, free);
        let mut state = state.map(Tensor::clone);
        for segment in *start..here {
            let steps = schedule.steps(segment..segment + 1);
            forward_steps += steps.len() as u64;
            state = advance::<C, E>(params, &part(xs, steps), &state);
        }
        if here + 1 < end {
            kept.push((here, state));
            most_states = most_states.max(kept.len());
            continue;
        }

        let steps = schedule.steps(here..end);
        forward_steps += steps.len() as u64;
        let trace = unroll::<C, E>(params, &part(xs, steps.clone()), &state);
        last_state.get_or_insert_with(|| trace.last_state().map(Tensor::clone));
        let d_output = |t, h: &Tensor<E>| Some(d_output(steps.start + t, h));
        let found = sweep(params, &trace, 0..steps.len(), d_output, d_state.as_ref(), &mut grads);
        d_xs.add_slice(0, steps.start, &found.d_xs);
        delta_norms[steps].copy_from_slice(&found.delta_norms);
        d_state = Some(found.d_initial);
        end = here;
        kept.pop_if(|(start, _)| *start == end);
    }
    let d_initial = d_state.unwrap_or_else(|| initial.zeros_like());
    let last_state = last_state.unwrap_or_else(|| initial.map(Tensor::clone));
    let back = Bptt { grads, d_xs, d_initial, delta_norms };
    Ok(Checkpointed { back, last_state, forward_steps, most_states })
}

/// Some steps of a sequence, without a copy.
fn part<E: Element>(xs: &Seq<Tensor<E>>, steps: std::ops::Range<usize>) -> Seq<Tensor<E>> {
    Seq::time_major(xs.steps().slice(0, steps.start, steps.end))
}

/// The bytes that a schedule reckons with, for B rows: a state, and what a step of a segment has when most is there,
/// at the end of its sweep.
///
/// ```text
/// state    all its tensors
/// step     the state + what the step kept + da, [B, A] + dx, [B, I]
/// ```
///
/// The inputs, the gradients in them and in the parameters, and the working memory of a single step or product
/// are not in it: they are there with every schedule.
pub fn step_bytes<C: Cell, E: Element>(params: &C::Of<Tensor<E>>, batch: usize) -> StepBytes {
    let state = C::zero_state(params, batch).leaves();
    let state = state.iter().map(|part| tensor_bytes::<E>(part.elements())).sum();
    let input_size = C::sizes(params).input;
    let a = C::input(params, &Tensor::zeros(&[1, input_size])).elements();
    let backward = batch * (a + input_size) * size_of::<E>();
    StepBytes { state, step: state + C::saved_bytes(params, batch) + backward }
}
