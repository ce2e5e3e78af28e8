//! How the last output of a trace depends on an earlier state.

use autograd::{Dual, Element, Params, Tensor, init};
use rand::Rng;

use super::spectrum::{norm, spectral_norm};
use crate::cell::{Cell, StateOf, Step};
use crate::seq::Seq;
use crate::unroll::{Trace, advance, sweep};

/// With respect to what: the part of the earlier state that is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrt {
    /// Its output h_t alone: ∂h_T/∂h_t with the rest of the state held.
    Output,
    /// The whole state: h_t and c_t of an LSTM side by side. What an LSTM remembers, it remembers in c.
    State,
}

impl Wrt {
    /// The numbers of a state's gradient that count, each part [B, ·].
    fn parts<C: Cell, L: Clone>(self, state: &StateOf<C, L>) -> Vec<L> {
        match self {
            Self::Output => vec![C::output(state).clone()],
            Self::State => state.leaves(),
        }
    }
}

/// ‖∂h_T/∂s_t‖ for each t from 0, the initial state, to T, and each row of the batch: [T + 1, B].
#[derive(Clone, Debug, PartialEq)]
pub struct JacobianNorms {
    /// The largest singular value.
    pub spectral: Tensor<f64>,
    /// √Σ J_ij².
    pub frobenius: Tensor<f64>,
}

/// The norms of all J_t, exactly. Cost: H sweeps over the trace, H being the size of the output, and, for the
/// spectral norms, 48 products of two H × H matrices for each t and row. For larger networks see
/// [`spectral_norms`].
///
/// ```
/// use autograd::Tensor;
/// use rand::SeedableRng;
/// use rnn::diagnostics::{Wrt, jacobian_norms};
/// use rnn::{Cell, Seq, Vanilla, unroll};
///
/// // h′ = tanh(0.5 h) at h = 0: every step halves a change.
/// let mut cell = Vanilla::init::<f64>(1, 1, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// (cell.b_ih, cell.b_hh) = (None, None);
/// cell.w_hh = Tensor::from([[0.5]]);
/// let zero = Vanilla::zero_state(&cell, 1);
/// let trace = unroll(&cell, &Seq::time_major(Tensor::zeros(&[3, 1, 1])), &zero);
/// let norms = jacobian_norms::<Vanilla, f64>(&cell, &trace, Wrt::Output);
/// for (found, wanted) in norms.spectral.data().iter().zip([0.125, 0.25, 0.5, 1.0]) {
///     assert!((found - wanted).abs() < 1e-12);
/// }
/// ```
#[track_caller]
pub fn jacobian_norms<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    wrt: Wrt,
) -> JacobianNorms {
    let (mut spectral, mut frobenius) = (Vec::new(), Vec::new()); // t = T first, rows from the last
    walk(params, trace, 0, |_, d_states| {
        let all = join::<C, E>(d_states, wrt);
        for b in (0..all.shape()[0]).rev() {
            let j = all.entry(b);
            spectral.push(spectral_norm(&j));
            frobenius.push(norm(j.data()));
        }
    });
    spectral.reverse();
    frobenius.reverse();
    let shape = [trace.states.len(), C::output(&trace.states[0]).shape()[0]];
    let [spectral, frobenius] = [spectral, frobenius].map(|norms| Tensor::new(&shape, norms));
    JacobianNorms { spectral, frobenius }
}

/// J_t itself for each row of the batch, exactly: [B, H, S], with S the numbers of h_t, or of the whole state,
/// its parts side by side. Cost: H sweeps over the steps after t.
///
/// # Panics
///
/// If there is no state t.
#[track_caller]
pub fn jacobian<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    t: usize,
    wrt: Wrt,
) -> Tensor<f64> {
    check_time(trace, t);
    let mut found = None;
    walk(params, trace, t, |at, d_states| {
        if at == t {
            found = Some(join::<C, E>(d_states, wrt));
        }
    });
    found.expect("the walk ends at t")
}

#[track_caller]
fn check_time<C: Cell, E: Element>(trace: &Trace<C, E>, t: usize) {
    let last = trace.states.len() - 1;
    assert!(t <= last, "jacobian: there is no state {t}; the states are 0 to {last}");
}

/// Takes each basis vector of h_T back from T to `until`, and shows them at each t: entry k is, row by row of
/// the batch, row k of J_t.
fn walk<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    until: usize,
    mut show: impl FnMut(usize, &[StateOf<C, Tensor<E>>]),
) {
    let output = C::output(trace.last_state());
    let width = output.shape()[1];
    let basis = |k| Tensor::from_fn(output.shape(), |i| E::from_f64(f64::from(i % width == k)));
    let seed = |k| {
        let mut d_state = trace.last_state().zeros_like();
        *C::output_mut(&mut d_state) = basis(k);
        d_state
    };
    let mut d_states: Vec<_> = (0..width).map(seed).collect();
    let mut grads = params.zeros_like(); // of no interest
    for t in (until..trace.states.len()).rev() {
        show(t, &d_states);
        if t > until {
            for d_state in &mut d_states {
                let step = Step { state: &trace.states[t - 1], saved: &trace.saved[t - 1] };
                *d_state = C::backward(params, step, d_state, &mut grads).1;
            }
        }
    }
}

/// The rows of all basis vectors as one tensor, [B, H, S].
fn join<C: Cell, E: Element>(d_states: &[StateOf<C, Tensor<E>>], wrt: Wrt) -> Tensor<f64> {
    let row = |d_state: &StateOf<C, Tensor<E>>| {
        let parts: Vec<_> = wrt.parts::<C, _>(d_state).iter().map(|p| p.map(E::value)).collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1) // [B, S]
    };
    let rows: Vec<_> = d_states.iter().map(row).collect();
    Tensor::stack(&rows).transpose(0, 1)
}

/// ‖J_t‖₂ for each row of the batch by power iteration on Jᵀ J, from a drawn direction:
///
/// ```text
/// u = J v        forward over dual numbers
/// v ← Jᵀ u / ‖Jᵀ u‖        one sweep of backpropagation through time
/// ```
///
/// ‖u‖ grows towards ‖J‖₂ from below; it stops when no row grows by more than `tolerance` of itself, or after
/// `most` rounds. Cost: two to three passes over the steps after t for each round, and no matrix. Where the two
/// largest singular values are close, the last digits come slowly.
///
/// # Panics
///
/// If there is no state t.
#[track_caller]
pub fn spectral_norms<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &Trace<C, E>,
    t: usize,
    wrt: Wrt,
    tolerance: f64,
    most: usize,
    rng: &mut impl Rng,
) -> Vec<f64> {
    check_time(trace, t);
    let state = &trace.states[t];
    let batch = C::output(state).shape()[0];
    let xs = trace.xs.steps().slice(0, t, trace.states.len() - 1);
    let dual_xs = Seq::time_major(xs.cast::<Dual<E>>());
    let dual_params = params.cast::<E, Dual<E>>();
    let mut grads = params.zeros_like(); // of no interest

    let mut v = state.map(|s| init::uniform(s.shape(), 1.0, rng));
    if wrt == Wrt::Output {
        let h = C::output(&v).clone();
        v = v.zeros_like();
        *C::output_mut(&mut v) = h;
    }
    let mut found = vec![0.0; batch];
    for _ in 0..most {
        normalise::<C, E>(&mut v, batch);
        let mut directions = v.leaves().into_iter();
        let moved = state
            .map(|s| s.zip(&directions.next().expect("as many parts as the state has"), Dual::new));
        let last = advance::<C, Dual<E>>(&dual_params, &dual_xs, &moved);
        let u = C::output(&last).map(|h| h.derivative);

        let previous = found;
        let row_norm = |b| norm(u.entry(b).map(E::value).data());
        found = (0..batch).map(row_norm).collect();
        let grown = found.iter().zip(&previous).any(|(new, old)| new - old > tolerance * new);
        if !grown {
            break;
        }

        let mut d_last = trace.last_state().zeros_like();
        *C::output_mut(&mut d_last) = u;
        normalise::<C, E>(&mut d_last, batch); // Jᵀ u of a short u could underflow
        let steps = t..trace.states.len() - 1;
        let back = sweep(params, trace, steps, |_, _| None, Some(&d_last), &mut grads);
        match wrt {
            Wrt::Output => *C::output_mut(&mut v) = C::output(&back.d_initial).clone(),
            Wrt::State => v = back.d_initial,
        }
    }
    found
}

/// Makes each row of the batch, its parts taken together, a direction of length one; a row of zeros stays.
fn normalise<C: Cell, E: Element>(v: &mut StateOf<C, Tensor<E>>, batch: usize) {
    let rows: Vec<_> = v.leaves().iter().map(|part| part.map(E::value)).collect();
    let lengths = (0..batch).map(|b| {
        let all: Vec<f64> = rows.iter().flat_map(|part| part.entry(b).data().to_vec()).collect();
        norm(&all)
    });
    let scales: Vec<f64> = lengths.map(|l| if l > 0.0 { 1.0 / l } else { 0.0 }).collect();
    let scales = Tensor::new(&[batch, 1], scales.into_iter().map(E::from_f64).collect());
    v.for_each_mut(&mut |part| *part = &*part * &scales);
}
