//! The vanilla cell's part of a fused sequence: what a step does beside its products.
//!
//! The equations are those of the step by hand. Kept of each unit and step: nothing but h′, from which φ′ follows.

use autograd::Element;
use autograd::kernel::{Functions, Sweep};

use super::{Nonlinearity, Vanilla};
use crate::fused::{Ahead, Back, Fused, Weights, each_unit};

impl Fused for Vanilla {
    const OP: &'static str = "rnn_sequence";
    const GATES: usize = 1;
    const KEPT: usize = 0;
    const APART: bool = false;

    fn weights<L>(Vanilla { w_ih, w_hh, b_ih, b_hh, .. }: &Vanilla<L>) -> Weights<'_, L> {
        Weights { w_ih, w_hh, b_ih: b_ih.as_ref(), b_hh: b_hh.as_ref() }
    }

    fn ahead<E: Element>(params: &Vanilla, step: Ahead<'_, E>) {
        match params.nonlinearity {
            Nonlinearity::Tanh => E::sweep(Forward::<E, false>(step)),
            Nonlinearity::Relu => E::sweep(Forward::<E, true>(step)),
        }
    }

    fn back<E: Element>(params: &Vanilla, step: Back<'_, E>) {
        match params.nonlinearity {
            Nonlinearity::Tanh => E::sweep(Backward::<E, false>(step)),
            Nonlinearity::Relu => E::sweep(Backward::<E, true>(step)),
        }
    }
}

/// With φ = relu if `RELU`, else tanh.
struct Forward<'a, E, const RELU: bool>(Ahead<'a, E>);

impl<E: Element, const RELU: bool> Sweep<E> for Forward<'_, E, RELU> {
    #[inline(always)]
    fn run<F: Functions<E>>(self) {
        let Ahead { units, a, bias, h, out, .. } = self.0;
        let rows = h.chunks_exact_mut(units).zip(out.chunks_exact_mut(units));
        for (a, (h, out)) in a.chunks_exact(units).zip(rows) {
            each_unit(([a, bias], &[]), ([h, out], &mut []), |[a, b], [], _| {
                let h = if RELU { positive(a + b, a + b) } else { F::tanh(a + b) };
                ([h, h], [])
            });
        }
    }
}

/// With φ = relu if `RELU`, else tanh.
struct Backward<'a, E, const RELU: bool>(Back<'a, E>);

impl<E: Element, const RELU: bool> Sweep<E> for Backward<'_, E, RELU> {
    #[inline(always)]
    fn run<F: Functions<E>>(self) {
        let Back { units, h, d_out, dh, da, .. } = self.0;
        let rows = h.chunks_exact(units).zip(da.chunks_exact_mut(units));
        let gradients = dh.chunks_exact(units).zip(d_out.chunks_exact(units));
        for ((h, da), (dh, d_out)) in rows.zip(gradients) {
            each_unit(([h, dh, d_out], &[]), ([da], &mut []), |[h, dh, d_out], [], _| {
                let dh = dh + d_out;
                ([if RELU { positive(h, dh) } else { dh * (E::ONE - h * h) }], [])
            });
        }
    }
}

/// `then` where x > 0, else 0.
#[inline(always)]
fn positive<E: Element>(x: E, then: E) -> E {
    if x.value() > 0.0 { then } else { E::ZERO }
}
