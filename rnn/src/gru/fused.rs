//! The GRU's part of a fused sequence: what a step does beside its products.
//!
//! The equations are those of the step by hand. Kept of each unit and step: r, z, n, and n_h, which r multiplies.

use autograd::Element;
use autograd::kernel::{Functions, Sweep};

use super::Gru;
use crate::fused::{Ahead, Back, Fused, Weights, each_unit, parts, parts_mut};

const GATES: usize = 3;
const KEPT: usize = 4;

impl Fused for Gru {
    const OP: &'static str = "gru_sequence";
    const GATES: usize = GATES;
    const KEPT: usize = KEPT;
    const APART: bool = true;

    fn weights<L>(Gru { w_ih, w_hh, b_ih, b_hh }: &Gru<L>) -> Weights<'_, L> {
        Weights { w_ih, w_hh, b_ih: b_ih.as_ref(), b_hh: b_hh.as_ref() }
    }

    fn ahead<E: Element>(_: &Gru, step: Ahead<'_, E>) {
        E::sweep(Forward(step));
    }

    fn back<E: Element>(_: &Gru, step: Back<'_, E>) {
        E::sweep(Backward(step));
    }
}

struct Forward<'a, E>(Ahead<'a, E>);

impl<E: Element> Sweep<E> for Forward<'_, E> {
    #[inline(always)]
    fn run<F: Functions<E>>(self) {
        let Ahead { units, a, b, bias, kept, h, out, .. } = self.0;
        let [b_r, b_z, b_n, c_r, c_z, c_n] = parts(bias);
        let both = a.chunks_exact(GATES * units).zip(b.chunks_exact(GATES * units));
        let rows = both.zip(h.chunks_exact_mut(units).zip(out.chunks_exact_mut(units)));
        let sums = |(a, b)| {
            let ([r_x, z_x, n_x], [r_h, z_h, n_h]) = (parts(a), parts(b));
            [r_x, z_x, n_x, r_h, z_h, n_h, b_r, b_z, b_n, c_r, c_z, c_n]
        };
        if kept.is_empty() {
            for (both, (h, out)) in rows {
                each_unit((sums(both), &[]), ([h, out], &mut []), |sums, [], [h, _]| {
                    let (_, h) = step::<E, F>(sums, h);
                    ([h, h], [])
                });
            }
        } else {
            for ((both, (h, out)), keep) in rows.zip(kept.chunks_exact_mut(KEPT * units)) {
                each_unit((sums(both), &[]), ([h, out], keep), |sums, [], [h, _]| {
                    let (kept, h) = step::<E, F>(sums, h);
                    ([h, h], kept)
                });
            }
        }
    }
}

/// r, z, n and n_h, and h′, from the halves of the sums, b_ih, b_hh and h.
#[inline(always)]
fn step<E: Element, F: Functions<E>>(
    [r_x, z_x, n_x, r_h, z_h, n_h, b_r, b_z, b_n, c_r, c_z, c_n]: [E; 4 * GATES],
    h: E,
) -> ([E; KEPT], E) {
    let n_h = n_h + c_n;
    let r = F::sigmoid((r_x + b_r) + (r_h + c_r));
    let z = F::sigmoid((z_x + b_z) + (z_h + c_z));
    let n = F::tanh(F::mul_add(r, n_h, n_x + b_n));
    ([r, z, n, n_h], F::mul_add(E::ONE - z, n, z * h))
}

struct Backward<'a, E>(Back<'a, E>);

impl<E: Element> Sweep<E> for Backward<'_, E> {
    #[inline(always)]
    fn run<F: Functions<E>>(self) {
        let Back { units, kept, h_prev, d_out, dh, da, db, .. } = self.0;
        let sums = da.chunks_exact_mut(GATES * units).zip(db.chunks_exact_mut(GATES * units));
        let states = h_prev.chunks_exact(units).zip(dh.chunks_exact_mut(units));
        let rows = states.zip(d_out.chunks_exact(units)).zip(sums);
        for ((((h, dh), d_out), (da, db)), kept) in rows.zip(kept.chunks_exact(KEPT * units)) {
            let ([da_r, da_z, da_n], [db_r, db_z, dn_h]) = (parts_mut(da), parts_mut(db));
            let written = [da_r, da_z, da_n, db_r, db_z, dn_h, dh];
            each_unit(([h, d_out], kept), (written, &mut []), |[h, d_out], kept, [.., dh]| {
                let [r, z, n, n_h] = kept;
                let dh = dh + d_out;
                let da_n = dh * (E::ONE - z) * (E::ONE - n * n);
                let da_r = da_n * n_h * r * (E::ONE - r);
                let da_z = dh * (h - n) * z * (E::ONE - z);
                ([da_r, da_z, da_n, da_r, da_z, da_n * r, dh * z], [])
            });
        }
    }
}
