//! A sequence of one row: half of the units on each of two threads.
//!
//! ```text
//! units      0 … M − 1 | M … H − 1      each half with its rows of the weights, all gates of a unit together
//! forward    each half finds its h_t; both need all of it for the next product
//! backward   each half finds its dB_t; both need all of it for their columns of dB_t W_hh
//! ```
//!
//! A unit gets the same sums in the same order as in one piece.

use std::ops::Range;

use autograd::tensor::Packed;
use autograd::{Element, Tensor};

use super::meet::Half;
use super::steps::{BLOCK, Way};
use super::{Ahead, Back, Fused};

/// The units of both halves.
pub(super) fn units_of(middle: usize, units: usize) -> [Range<usize>; 2] {
    [0..middle, middle..units]
}

/// The rows of some units in a matrix or a vector that has G blocks of rows, one for each gate.
pub(super) fn rows_of<E: Element>(
    w: &[E],
    own: &Range<usize>,
    units: usize,
    row: usize,
) -> Tensor<E> {
    let blocks = w.chunks_exact(units * row);
    let mut rows = Tensor::unset(&[blocks.len() * own.len(), row]);
    let parts = rows.data_mut().chunks_exact_mut(own.len() * row);
    for (part, block) in parts.zip(blocks) {
        part.copy_from_slice(&block[own.start * row..own.end * row]);
    }
    rows
}

/// Writes what some units have of each gate to where it stands among all units.
fn spread<E: Copy>(found: &[E], all: &mut [E], own: &Range<usize>, units: usize) {
    for (part, all) in found.chunks_exact(own.len()).zip(all.chunks_exact_mut(units)) {
        all[own.clone()].copy_from_slice(part);
    }
}

/// Half of the units on the way forward.
pub(super) struct Forward<'a, C: Fused, E: Element> {
    pub(super) params: &'a C::Of<()>,
    pub(super) way: Way,
    /// X [T, I].
    pub(super) rows: &'a [E],
    /// The half's units, and those of the other one.
    pub(super) own: Range<usize>,
    pub(super) other: Range<usize>,
    /// The half's rows of the weights and biases.
    pub(super) w_ih: &'a Packed<E>,
    pub(super) w_hh: &'a Packed<E>,
    pub(super) bias: &'a [E],
    /// [T, K·n], or empty.
    pub(super) kept: &'a mut [E],
    /// x W_ihᵀ for these steps, [64, G·n].
    pub(super) a: &'a mut [E],
    pub(super) ready: Range<usize>,
    pub(super) b: &'a mut [E],
    /// All of h.
    pub(super) h: &'a mut [E],
    /// The half's own h and c, and its h once more.
    pub(super) state: &'a mut [E],
    pub(super) c: &'a mut [E],
    pub(super) out: &'a mut [E],
    /// All of h_t for all t, [T, H], where they are wanted; else empty.
    pub(super) hs: &'a mut [E],
}

impl<C: Fused, E: Element> Half for Forward<'_, C, E> {
    type Number = E;

    fn step(&mut self, t: usize) {
        let [inputs, width] = self.w_ih.shape();
        if !self.ready.contains(&t) {
            let start = t / BLOCK * BLOCK;
            self.ready = start..self.way.steps.min(start + BLOCK);
            let x = &self.rows[start * inputs..self.ready.end * inputs];
            self.w_ih.multiply(x, &mut self.a[..self.ready.len() * width]);
        }
        let a = &mut self.a[(t - self.ready.start) * width..][..width];
        match C::APART {
            true => self.w_hh.multiply(self.h, self.b),
            false => self.w_hh.add_product(self.h, a),
        }
        let units = self.own.len();
        let kept = match self.kept.is_empty() {
            true => &mut [],
            false => &mut self.kept[t * C::KEPT * units..][..C::KEPT * units],
        };
        let (a, b, bias) = (&*a, &*self.b, self.bias);
        let (c, h, out) = (&mut *self.c, &mut *self.state, &mut *self.out);
        C::ahead(self.params, Ahead { units, a, b, bias, kept, c, h, out });
    }

    fn found(&self) -> &[E] {
        self.state
    }

    fn adopt(&mut self, t: usize, other: &[E]) {
        self.h[self.own.clone()].copy_from_slice(self.state);
        self.h[self.other.clone()].copy_from_slice(other);
        if !self.hs.is_empty() {
            self.hs[t * self.h.len()..][..self.h.len()].copy_from_slice(self.h);
        }
    }
}

/// Half of the units on the way back.
pub(super) struct Backward<'a, C: Fused, E: Element> {
    pub(super) params: &'a C::Of<()>,
    pub(super) way: Way,
    pub(super) own: Range<usize>,
    pub(super) other: Range<usize>,
    /// The half's columns of W_hh.
    pub(super) w_hh: &'a Packed<E>,
    /// [T, K·n]
    pub(super) kept: &'a [E],
    /// h_t [T, H], h before the first step, and ∂ℓ/∂h_t.
    pub(super) hs: &'a [E],
    pub(super) h_0: &'a [E],
    pub(super) d_hs: &'a [E],
    /// The half's own.
    pub(super) dh: &'a mut [E],
    pub(super) dc: &'a mut [E],
    /// The half's dA_t, and dB_t behind it if they are apart.
    pub(super) found: &'a mut [E],
    /// dB_t of all units.
    pub(super) all: &'a mut [E],
    /// dA and dB of all units and steps, where they are wanted; else empty.
    pub(super) da: &'a mut [E],
    pub(super) db: &'a mut [E],
}

impl<C: Fused, E: Element> Half for Backward<'_, C, E> {
    type Number = E;

    fn step(&mut self, t: usize) {
        let (units, count) = (self.own.len(), self.h_0.len());
        let own = |t: usize| t * count + self.own.start..t * count + self.own.end;
        let h_prev = match self.way.before(t) {
            Some(before) => &self.hs[own(before)],
            None => &self.h_0[own(0)],
        };
        let (da, db) = self.found.split_at_mut(C::GATES * units);
        let step = Back {
            units,
            kept: &self.kept[t * C::KEPT * units..][..C::KEPT * units],
            h: &self.hs[own(t)],
            h_prev,
            d_out: &self.d_hs[own(t)],
            dh: self.dh,
            dc: self.dc,
            da,
            db,
        };
        C::back(self.params, step);
    }

    fn found(&self) -> &[E] {
        self.found
    }

    fn adopt(&mut self, t: usize, other: &[E]) {
        let units = self.h_0.len();
        let width = C::GATES * units;
        for (of, found) in [(&self.own, &*self.found), (&self.other, other)] {
            let (da, db) = found.split_at(C::GATES * of.len());
            spread(if C::APART { db } else { da }, self.all, of, units);
            if !self.da.is_empty() {
                spread(da, &mut self.da[t * width..][..width], of, units);
            }
        }
        if !self.db.is_empty() {
            self.db[t * width..][..width].copy_from_slice(self.all);
        }
        match C::APART {
            true => self.w_hh.add_product(self.all, self.dh),
            false => self.w_hh.multiply(self.all, self.dh),
        }
    }
}
