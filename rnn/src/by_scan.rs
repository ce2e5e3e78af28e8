//! A cell over a whole sequence at once, by a scan, for cells whose step is linear in h.
//!
//! ```text
//! forward     a_t, b_t for all t in one product; h by a scan
//! backward    δ by a scan from the end; then one backward step of the cell over all T·B rows, with δ_t for dh′
//! ```
//!
//! The second line of the way back needs no derivation of its own. A backward step of the cell wants ∂L/∂h′ with all paths
//! counted, and that is δ_t; what it returns for the state before is thrown away, because the scan has counted it already.
//!
//! Shapes: xs [T, B, I], states [B, H], outputs [T, B, H].

use autograd::ops::Op;
use autograd::{Element, Params, Tensor, Var};

use crate::cell::{Cell, Hidden, Step};
use crate::scan::{Scan, Space, previous, scan_backward};
use crate::seq::Seq;
use crate::unroll::Bptt;

/// A cell whose step is h′ = a ⊙ h + b, with a and b from the input alone: it can run over a sequence by a scan.
pub trait Scannable: Cell<State = Hidden> {
    /// Whether [`coefficients`](Self::coefficients) are logarithms.
    fn space<L>(params: &Self::Of<L>) -> Space;

    /// a and b, or ln a and ln b, each [N, H], from what [`Cell::input`] returned.
    fn coefficients<E: Element>(params: &Self::Of<Tensor<E>>, inputs: &Tensor<E>)
    -> [Tensor<E>; 2];

    /// The same on a tape, from x [N, I].
    fn coefficients_on_tape<'t, E: Element>(
        params: &Self::Of<Var<'t, E>>,
        x: Var<'t, E>,
    ) -> [Var<'t, E>; 2];
}

/// What a run by a scan keeps for its way back.
pub struct ScanTrace<E: Element> {
    /// The inputs.
    pub xs: Seq<Tensor<E>>,
    /// What [`Cell::input`] made of them, [T·B, A].
    pub inputs: Tensor<E>,
    /// a as it is, [T, B, H].
    pub a: Tensor<E>,
    /// The state before the first step, [B, H].
    pub initial: Tensor<E>,
    /// h after each step, [T, B, H].
    pub outputs: Tensor<E>,
}

/// As [`unroll`](crate::unroll()), by a scan.
///
/// Shapes: xs [T, B, I], state [B, H].
///
/// # Panics
///
/// If the shapes do not fit, the state is negative in log space, or the rows have lengths of their own.
#[track_caller]
pub fn unroll_by_scan<C: Scannable, E: Element>(
    params: &C::Of<Tensor<E>>,
    xs: &Seq<Tensor<E>>,
    initial: &Hidden<Tensor<E>>,
) -> ScanTrace<E> {
    assert!(
        xs.lengths().is_none(),
        "scan: the rows have lengths of their own, and a scan takes all steps; use `unroll`"
    );
    let inputs = C::input(params, xs.rows());
    let shape = [xs.seq_len(), xs.batch(), C::sizes(params).hidden];
    let [a, b] = C::coefficients(params, &inputs).map(|x| x.reshape(&shape));
    let scan = Scan { space: C::space(params) };
    let outputs = match scan.forward([&a, &b, &initial.h]) {
        Ok(outputs) => outputs,
        Err(error) => panic!("{error}"),
    };
    let a = match scan.space {
        Space::Linear => a,
        Space::Log => a.map(E::exp),
    };
    ScanTrace { xs: xs.clone(), inputs, a, initial: initial.h.clone(), outputs }
}

/// As [`bptt`](crate::bptt()), by a scan from the end.
///
/// # Panics
///
/// If the shapes differ from those of the trace.
#[track_caller]
pub fn bptt_by_scan<C: Scannable, E: Element>(
    params: &C::Of<Tensor<E>>,
    trace: &ScanTrace<E>,
    d_outputs: &Tensor<E>,
    d_last: Option<&Hidden<Tensor<E>>>,
) -> Bptt<C, E> {
    let shape = trace.outputs.shape();
    let seq_len = shape[0];
    let mut grads = params.zeros_like();
    let mut dh = d_outputs.clone();
    if let Some(d_last) = d_last {
        if seq_len == 0 {
            let d_xs = Tensor::zeros(trace.xs.steps().shape());
            let d_initial = Hidden { h: d_last.h.clone() };
            return Bptt { grads, d_xs, d_initial, delta_norms: Vec::new() };
        }
        let last = d_last.h.reshape(&[&[1], &shape[1..]].concat());
        dh.add_slice(0, seq_len - 1, &last);
    }
    let deltas = scan_backward(&trace.a, &dh);

    let rows = |x: &Tensor<E>| x.reshape(&[shape[0] * shape[1], shape[2]]); // [T·B, H]
    let state = Hidden { h: rows(&previous(&trace.outputs, &trace.initial)) };
    let (_, saved) = C::forward(params, &trace.inputs, &state);
    let step = Step { state: &state, saved: &saved };
    let (da, d_states) = C::backward(params, step, &Hidden { h: rows(&deltas) }, &mut grads);
    let d_xs = C::input_backward(params, trace.xs.rows(), &da, &mut grads);

    let d_initial = match seq_len {
        0 => Tensor::zeros(&shape[1..]),
        _ => d_states.h.reshape(shape).entry(0),
    };
    Bptt {
        grads,
        d_xs: d_xs.reshape(trace.xs.steps().shape()),
        d_initial: Hidden { h: d_initial },
        delta_norms: (0..seq_len).map(|t| deltas.entry(t).norm()).collect(),
    }
}

/// h after each step, [T, B, H], of xs [T, B, I] on a tape, by a scan.
///
/// # Panics
///
/// If the shapes do not fit, or the state is negative in log space.
#[track_caller]
pub fn scan_on_tape<'t, C: Scannable, E: Element>(
    params: &C::Of<Var<'t, E>>,
    xs: Var<'t, E>,
    initial: &Hidden<Var<'t, E>>,
) -> Var<'t, E> {
    let &[seq_len, batch, input_size] = &xs.shape()[..] else {
        panic!("scan_on_tape: {:?} must have three axes, [T, B, I]", xs.shape());
    };
    let coefficients = C::coefficients_on_tape(params, xs.reshape(&[seq_len * batch, input_size]));
    let units = initial.h.shape()[1];
    let [a, b] = coefficients.map(|x| x.reshape(&[seq_len, batch, units]));
    xs.tape().apply(Scan { space: C::space(params) }, [a, b, initial.h])
}
