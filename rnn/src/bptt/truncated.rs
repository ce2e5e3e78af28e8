//! Truncated backpropagation through time, BPTT(k2; k1): every k1 steps, back over the last k2.
//!
//! ```text
//! passes end after  e = k1, 2 k1, 3 k1, …, T             the last may come sooner than k1 after the one before
//! losses of a pass  ℓ_t with e′ ≤ t < e                  e′ the end of the pass before: each loss enters one pass
//! steps of a pass   t with e − k2 ≤ t < e                h before the first of them counts as given
//! dθ = Σ over passes of Σ over its steps of (∂h_t/∂θ)ᵀ δ_t
//! ```
//!
//! With k1 = k2 the passes are windows that follow each other, the state carried over and its gradient not: what
//! most people train with. With k2 > k1 they overlap by k2 − k1 steps, the last one too if it is short, and
//! every loss reaches k2 − k1 + 1 steps back at the least. With k2 < k1 the losses of the first k1 − k2 steps of
//! each period are further back than the pass goes: they give no gradient. With k1 = k2 = T it is
//! [`bptt()`](crate::bptt()).
//!
//! Source: Williams and Peng 1990, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent
//! Network Trajectories", BPTT(h; h′) with h = k2 and h′ = k1; the letters are those of Sutskever 2013, "Training
//! Recurrent Neural Networks", section 2.8.6. Absent: an update of the parameters from pass to pass, which would
//! be between two calls of [`truncated_pass`], on a trace that has grown meanwhile.

use std::ops::Range;

use autograd::{Element, Params, Tensor};

use super::BpttError;
use crate::cell::{Cell, StateOf};
use crate::unroll::{Bptt, Swept, Trace, check_d_outputs, sweep};

/// How often to go back, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    k1: usize,
    k2: usize,
}

/// One pass backwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The steps whose losses enter here and nowhere else.
    pub losses: Range<usize>,
    /// The steps that the gradient goes back over.
    pub steps: Range<usize>,
}

impl Truncation {
    /// Every `k1` steps, back over the last `k2`.
    ///
    /// # Errors
    ///
    /// If one of them is 0.
    pub fn new(k1: usize, k2: usize) -> Result<Self, BpttError> {
        match (k1, k2) {
            (0, _) => Err(BpttError::NoPeriod),
            (_, 0) => Err(BpttError::NoDepth),
            _ => Ok(Self { k1, k2 }),
        }
    }

    /// The passes over T steps, the first one first.
    ///
    /// ```
    /// use rnn::bptt::{Pass, Truncation};
    ///
    /// let passes: Vec<_> = Truncation::new(2, 3)?.passes(5).collect();
    /// assert_eq!(passes[0], Pass { losses: 0..2, steps: 0..2 });
    /// assert_eq!(passes[1], Pass { losses: 2..4, steps: 1..4 });
    /// assert_eq!(passes[2], Pass { losses: 4..5, steps: 3..5 });
    /// # Ok::<(), rnn::bptt::BpttError>(())
    /// ```
    pub fn passes(self, seq_len: usize) -> impl Iterator<Item = Pass> {
        let Self { k1, k2 } = self;
        (0..seq_len).step_by(k1).map(move |start| {
            let end = start.saturating_add(k1).min(seq_len);
            // A short last pass goes back no further beyond its losses than the others do.
            let overlap = k2.saturating_sub(k1);
            let first = start.saturating_sub(overlap).max(end.saturating_sub(k2));
            Pass { losses: start..end, steps: first..end }
        })
    }
}

/// What truncated backpropagation found.
pub struct Truncated<C: Cell, E: Element> {
    /// The sum over all passes of the gradient in every parameter.
    pub grads: C::Of<Tensor<E>>,
    /// In the inputs, [T, B, I].
    pub d_xs: Tensor<E>,
    /// In the initial state: from those passes that go back to it.
    pub d_initial: StateOf<C, Tensor<E>>,
    /// For each pass, ‖δ_t‖ for each of its steps.
    pub delta_norms: Vec<Vec<f64>>,
}

/// Truncated backpropagation through time over a trace, by hand: the sum of all passes.
///
/// `d_outputs` [T, B, H] is ∂ℓ_t/∂h_t; `d_last` what comes from beyond the last step, and enters the last pass.
///
/// ```
/// use autograd::Tensor;
/// use rand::SeedableRng;
/// use rnn::{Cell, Gru, Seq, unroll};
/// use rnn::bptt::{Truncation, truncated_bptt};
///
/// let gru = Gru::init::<f64>(3, 4, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// let trace = unroll(&gru, &Seq::time_major(Tensor::ones(&[9, 2, 3])), &Gru::zero_state(&gru, 2));
/// let every_2_back_5 = Truncation::new(2, 5)?;
/// let d_outputs = Tensor::ones(&[9, 2, 4]);
/// let found = truncated_bptt::<Gru, f64>(&gru, &trace, &d_outputs, None, every_2_back_5);
/// let steps: Vec<_> = found.delta_norms.iter().map(Vec::len).collect();
/// assert_eq!(steps, [2, 4, 5, 5, 4]);
/// # Ok::<(), rnn::bptt::BpttError>(())
/// ```
///
/// # Panics
///
/// If the shapes differ from those of the trace.
#[track_caller]
pub fn truncated_bptt<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    d_outputs: &Tensor<E>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
    truncation: Truncation,
) -> Truncated<C, E> {
    check_d_outputs(trace, d_outputs);
    let seq_len = trace.xs.seq_len();
    let mut grads = params.zeros_like();
    let mut d_xs = Tensor::zeros(trace.xs.steps().shape());
    let mut d_initial = trace.states[0].zeros_like();
    let mut delta_norms = Vec::with_capacity(seq_len.div_ceil(truncation.k1));
    for pass in truncation.passes(seq_len) {
        let d_last = d_last.filter(|_| pass.losses.end == seq_len);
        let found = back(params, trace, d_outputs, d_last, &pass, &mut grads);
        d_xs.add_slice(0, pass.steps.start, &found.d_xs);
        if pass.steps.start == 0 {
            d_initial.add_assign(&found.d_initial);
        }
        delta_norms.push(found.delta_norms);
    }
    if let (0, Some(d_last)) = (seq_len, d_last) {
        d_initial.add_assign(d_last);
    }
    Truncated { grads, d_xs, d_initial, delta_norms }
}

/// One pass alone: its gradients, those in the inputs [n, B, I] and the norms for its n steps, and the gradient
/// that is cut, in the state before them.
///
/// # Panics
///
/// If the shapes differ from those of the trace, or the trace ends before the pass.
#[track_caller]
pub fn truncated_pass<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    d_outputs: &Tensor<E>,
    pass: &Pass,
) -> Bptt<C, E> {
    check_d_outputs(trace, d_outputs);
    let mut grads = params.zeros_like();
    let Swept { d_xs, d_initial, delta_norms } =
        back(params, trace, d_outputs, None, pass, &mut grads);
    Bptt { grads, d_xs, d_initial, delta_norms }
}

#[track_caller]
fn back<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    d_outputs: &Tensor<E>,
    d_last: Option<&StateOf<C, Tensor<E>>>,
    pass: &Pass,
    grads: &mut C::Of<Tensor<E>>,
) -> Swept<C, E> {
    let d_output = |t, _: &Tensor<E>| pass.losses.contains(&t).then(|| d_outputs.entry(t));
    sweep(params, trace, pass.steps.clone(), d_output, d_last, grads)
}
