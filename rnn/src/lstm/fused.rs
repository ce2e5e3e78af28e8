//! The LSTM's part of a fused sequence: what a step does beside its products.
//!
//! The equations are those of the step by hand. Kept of each unit and step: i, f, g, o and c before the step, from which c′ and its tanh follow.

use autograd::Element;
use autograd::kernel::{Functions, Sweep};

use super::Lstm;
use crate::fused::{Ahead, Back, Fused, Weights, each_unit, parts, parts_mut};

const GATES: usize = 4;
const KEPT: usize = 5;

impl Fused for Lstm {
    const OP: &'static str = "lstm_sequence";
    const GATES: usize = GATES;
    const KEPT: usize = KEPT;
    const APART: bool = false;

    fn weights<L>(Lstm { w_ih, w_hh, b_ih, b_hh }: &Lstm<L>) -> Weights<'_, L> {
        Weights { w_ih, w_hh, b_ih: b_ih.as_ref(), b_hh: b_hh.as_ref() }
    }

    fn ahead<E: Element>(_: &Lstm, step: Ahead<'_, E>) {
        E::sweep(Forward(step));
    }

    fn back<E: Element>(_: &Lstm, step: Back<'_, E>) {
        E::sweep(Backward(step));
    }
}

struct Forward<'a, E>(Ahead<'a, E>);

impl<E: Element> Sweep<E> for Forward<'_, E> {
    #[inline(always)]
    fn run<F: Functions<E>>(self) {
        let Ahead { units, a, bias, kept, c, h, out, .. } = self.0;
        let state = c.chunks_exact_mut(units).zip(h.chunks_exact_mut(units));
        let rows = a.chunks_exact(bias.len()).zip(state.zip(out.chunks_exact_mut(units)));
        let sums = |a| {
            let ([a_i, a_f, a_g, a_o], [b_i, b_f, b_g, b_o]) = (parts(a), parts(bias));
            [a_i, a_f, a_g, a_o, b_i, b_f, b_g, b_o]
        };
        if kept.is_empty() {
            for (a, ((c, h), out)) in rows {
                each_unit((sums(a), &[]), ([c, h, out], &mut []), |sums, [], [c, ..]| {
                    let ([.., c], h) = step::<E, F>(sums, c);
                    ([c, h, h], [])
                });
            }
        } else {
            for ((a, ((c, h), out)), keep) in rows.zip(kept.chunks_exact_mut(KEPT * units)) {
                each_unit((sums(a), &[]), ([c, h, out], keep), |sums, [], [c, ..]| {
                    let ([i, f, g, o, next], h) = step::<E, F>(sums, c);
                    ([next, h, h], [i, f, g, o, c])
                });
            }
        }
    }
}

/// i, f, g, o, c′, and h′, from the two halves of the sums and c.
#[inline(always)]
fn step<E: Element, F: Functions<E>>(
    [a_i, a_f, a_g, a_o, b_i, b_f, b_g, b_o]: [E; 2 * GATES],
    c: E,
) -> ([E; KEPT], E) {
    let (i, f) = (F::sigmoid(a_i + b_i), F::sigmoid(a_f + b_f));
    let (g, o) = (F::tanh(a_g + b_g), F::sigmoid(a_o + b_o));
    let c = F::mul_add(f, c, i * g);
    ([i, f, g, o, c], o * F::tanh(c))
}

struct Backward<'a, E>(Back<'a, E>);

impl<E: Element> Sweep<E> for Backward<'_, E> {
    #[inline(always)]
    fn run<F: Functions<E>>(self) {
        let Back { units, kept, d_out, dh, dc, da, .. } = self.0;
        let kept = kept.chunks_exact(KEPT * units).zip(da.chunks_exact_mut(GATES * units));
        let rows = dh.chunks_exact(units).zip(dc.chunks_exact_mut(units));
        for (((kept, da), (dh, dc)), d_out) in kept.zip(rows).zip(d_out.chunks_exact(units)) {
            let [da_i, da_f, da_g, da_o] = parts_mut(da);
            let written = [da_i, da_f, da_g, da_o, dc];
            each_unit(([dh, d_out], kept), (written, &mut []), |[dh, d_out], kept, [.., dc]| {
                let [i, f, g, o, c] = kept;
                let tanh_c = F::tanh(F::mul_add(f, c, i * g));
                let dh = dh + d_out;
                let dc = dc + dh * o * (E::ONE - tanh_c * tanh_c);
                let da_i = dc * g * i * (E::ONE - i);
                let da_f = dc * c * f * (E::ONE - f);
                let da_g = dc * i * (E::ONE - g * g);
                let da_o = dh * tanh_c * o * (E::ONE - o);
                ([da_i, da_f, da_g, da_o, dc * f], [])
            });
        }
    }
}
