//! Back through a sequence, and the products for all steps together after it.

use std::ops::Range;

use autograd::product::{Factors, WeightGradient};
use autograd::tensor::Packed;
use autograd::{Element, Few, Tensor};

use super::ahead::Passed;
use super::halves::{Backward, units_of};
use super::meet::together;
use super::steps::{Piece, Steps, Way, enter, share, split_rows};
use super::{Back, Fused};

/// What a backward sweep found.
pub(super) struct Swept<E: Element> {
    /// ∂L/∂(W_ih x + b_ih) of every row, [T·B, G·H].
    pub(super) da: Tensor<E>,
    /// ∂L/∂(W_hh h + b_hh), if it is not the same.
    pub(super) db: Option<Tensor<E>>,
    /// ∂L/∂(the tensors of the state before the sequence).
    pub(super) d_state: Few<Tensor<E>>,
}

/// What all pieces of a sweep read.
struct Sweep<'a, C: Fused, E: Element> {
    params: &'a C::Of<()>,
    way: Way,
    units: usize,
    w_hh: Factor<'a, E>,
    kept: &'a [E],
    hs: &'a [E],
    h_0: &'a [E],
    d_hs: &'a [E],
}

/// W_hh, with which dB_t of every step is multiplied: one row reads it as it is stored, several rows in panels.
enum Factor<'a, E: Element> {
    Stored(&'a Tensor<E>),
    Packed(Packed<E>),
}

impl<'a, E: Element> Factor<'a, E> {
    fn new(w_hh: &'a Tensor<E>, batch: usize) -> Self {
        match batch {
            1 => Self::Stored(w_hh),
            _ => Self::Packed(Packed::new(w_hh)),
        }
    }

    /// dh = d W_hh, or dh + d W_hh if `accumulate`.
    fn multiply(&self, d: &[E], dh: &mut [E], accumulate: bool) {
        match (self, accumulate) {
            (Self::Packed(w), false) => w.multiply(d, dh),
            (Self::Packed(w), true) => w.add_product(d, dh),
            (Self::Stored(w), _) => {
                let [k, n] = [d.len(), dh.len()];
                let factors = Factors { m: 1, k, n, a_transposed: false, b_transposed: false };
                E::matmul_into(factors, d, w.data(), dh, accumulate);
            }
        }
    }
}

/// Rows of the batch in a block of steps.
struct Rows<'a, E> {
    rows: Range<usize>,
    da: Steps<'a, E>,
    db: Steps<'a, E>,
    dh: &'a mut [E],
    dc: &'a mut [E],
}

impl<E: Element> Piece for Rows<'_, E> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn split(self, rows: usize) -> [Self; 2] {
        let Self { rows: Range { start, end }, da, db, dh, dc } = self;
        let ([da, da_2], [db, db_2]) = (da.split(rows), db.split(rows));
        let [[dh, dh_2], [dc, dc_2]] = [dh, dc].map(|all| split_rows(all, rows, end - start));
        let middle = start + rows;
        [
            Self { rows: start..middle, da, db, dh, dc },
            Self { rows: middle..end, da: da_2, db: db_2, dh: dh_2, dc: dc_2 },
        ]
    }
}

/// The way back through what a forward pass kept, from the gradients of its outputs.
pub(super) fn sweep<C: Fused, E: Element>(
    params: &C::Of<()>,
    w_hh: &Tensor<E>,
    h_0: &Tensor<E>,
    way: Way,
    passed: &Passed<E>,
    d_outputs: &[Tensor<E>],
) -> Swept<E> {
    let (d_hs, d_state) = d_outputs.split_first().expect("h_t and the last state");
    let (count, units) = (d_hs.shape()[0], d_hs.shape()[1]);
    let width = C::GATES * units;
    let mut da = Tensor::unset(&[count, width]);
    let mut db = C::APART.then(|| Tensor::unset(&[count, width]));
    let mut d_state = Few::from(d_state);
    if let (Some(middle), true) = (way.middle, count * units > 0) {
        let db = db.as_mut().map(Tensor::data_mut).unwrap_or_default();
        let found = [da.data_mut(), db];
        halved::<C, E>(params, w_hh, h_0, way, middle, passed, (d_hs, &mut d_state), found);
    } else if count * units > 0 {
        let sweep: Sweep<'_, C, E> = Sweep {
            params,
            way,
            units,
            w_hh: Factor::new(w_hh, way.batch),
            kept: passed.kept.data(),
            hs: passed.outputs[0].data(),
            h_0: h_0.data(),
            d_hs: d_hs.data(),
        };
        let (da, db) = (da.data_mut(), db.as_mut().map(Tensor::data_mut).unwrap_or_default());
        let mut state = d_state.iter_mut().map(Tensor::data_mut);
        let (dh, dc) = (state.next().expect("h"), state.next().unwrap_or_default());
        let pieces = way.pieces(2 * count * width * units);
        enter(pieces, || {
            for block in way.blocks().rev() {
                let rows = Rows {
                    rows: 0..way.batch,
                    da: Steps::new(da, &block, way.batch, width),
                    db: Steps::new(db, &block, way.batch, if C::APART { width } else { 0 }),
                    dh,
                    dc,
                };
                share(rows, pieces, &|rows| sweep.run(&block, rows));
            }
        });
    }
    Swept { da, db, d_state }
}

impl<C: Fused, E: Element> Sweep<'_, C, E> {
    /// Some rows back through a block of steps.
    fn run(&self, block: &Range<usize>, rows: Rows<'_, E>) {
        let Rows { rows, mut da, mut db, dh, dc } = rows;
        let (way, units) = (self.way, self.units);
        for t in way.order(block.clone()).rev() {
            let k = t - block.start;
            let h_prev = match way.before(t) {
                Some(before) => way.rows(self.hs, before, &rows, units),
                None => &self.h_0[rows.start * units..rows.end * units],
            };
            let (da, db) = (da.of(k), db.of(k));
            C::back(
                self.params,
                Back {
                    units,
                    kept: way.rows(self.kept, t, &rows, C::KEPT * units),
                    h: way.rows(self.hs, t, &rows, units),
                    h_prev,
                    d_out: way.rows(self.d_hs, t, &rows, units),
                    dh,
                    dc,
                    da,
                    db,
                },
            );
            self.w_hh.multiply(if C::APART { db } else { da }, dh, C::APART);
        }
    }
}

/// [`sweep`] of one row, with the units in two halves.
fn halved<C: Fused, E: Element>(
    params: &C::Of<()>,
    w_hh: &Tensor<E>,
    h_0: &Tensor<E>,
    way: Way,
    middle: usize,
    passed: &Passed<E>,
    (d_hs, d_state): (&Tensor<E>, &mut [Tensor<E>]),
    [da, db]: [&mut [E]; 2],
) {
    let units = w_hh.shape()[1];
    let all = units_of(middle, units);
    let weights = all.each_ref().map(|own| Packed::new(&w_hh.slice(1, own.start, own.end)));
    let width = C::GATES * units;
    let mut both = Tensor::unset(&[2, width]);
    let mut found = Tensor::unset(&[if C::APART { 2 * width } else { width }]);

    let [found, found_2] = split_rows(found.data_mut(), middle, units);
    let (all_db, all_db_2) = both.data_mut().split_at_mut(width);
    let mut state = d_state.iter_mut().map(Tensor::data_mut);
    let (dh, dc) = (state.next().expect("h"), state.next().unwrap_or_default());
    let [[dh, dh_2], [dc, dc_2]] = [dh, dc].map(|all| split_rows(all, middle, units));
    let kept = passed.kept.data();
    let (kept, kept_2) = kept.split_at(kept.len() / units * middle);
    let [hs, h_0, d_hs] = [&passed.outputs[0], h_0, d_hs].map(Tensor::data);

    let ([first, second], [w_hh, w_hh_2]) = (&all, &weights);
    let first_half = Backward::<C, E> {
        params,
        way,
        own: first.clone(),
        other: second.clone(),
        w_hh,
        kept,
        hs,
        h_0,
        d_hs,
        dh,
        dc,
        found,
        all: all_db,
        da,
        db,
    };
    let second_half = Backward::<C, E> {
        params,
        way,
        own: second.clone(),
        other: first.clone(),
        w_hh: w_hh_2,
        kept: kept_2,
        hs,
        h_0,
        d_hs,
        dh: dh_2,
        dc: dc_2,
        found: found_2,
        all: all_db_2,
        da: &mut [],
        db: &mut [],
    };
    together([first_half, second_half], way.order(0..way.steps).rev());
}

/// dW = dᵀ X for rows d [N, M] and one-hot rows X [N, V]: each row of d is added to a column. If there are more rows than
/// columns, rows are added to rows first.
pub(super) fn column_gradient<E: Element>(d: &Tensor<E>, ids: &[usize], size: usize) -> Tensor<E> {
    let width = d.shape()[1];
    let mut dw = Tensor::zeros(&[width, size]);
    if ids.len() < size {
        dw.add_columns(ids, d);
    } else {
        let mut sums = Tensor::zeros(&[size, width]);
        sums.add_rows(ids, d);
        dw.add_columns(&(0..size).collect::<Vec<_>>(), &sums);
    }
    dw
}

/// dW_ih = dᵀ X, where row n of d belongs to row n of X.
pub(super) fn of_rows<'a, E: Element>(
    x: &'a Tensor<E>,
    dw: &'a mut Tensor<E>,
) -> WeightGradient<'a, E> {
    WeightGradient { x: x.data(), from: 0, dw: dw.data_mut() }
}

/// dW_hh = Σ_t dB_tᵀ h_{t−1} over all steps but the first, which read an output of the sequence.
pub(super) fn of_states<'a, E: Element>(
    hs: &'a Tensor<E>,
    way: Way,
    dw: &'a mut Tensor<E>,
) -> WeightGradient<'a, E> {
    let (count, units) = (hs.shape()[0], hs.shape()[1]);
    let step = way.batch.min(count);
    let (hs, dw) = (hs.data(), dw.data_mut());
    match way.reverse {
        true => WeightGradient { x: &hs[step * units..], from: 0, dw },
        false => WeightGradient { x: &hs[..(count - step) * units], from: step, dw },
    }
}

/// Adds dBᵀ h_0 of the first step, unless h_0 is zero.
pub(super) fn add_first<E: Element>(db: &Tensor<E>, h_0: &Tensor<E>, way: Way, dw: &mut Tensor<E>) {
    let (count, m, n) = (db.shape()[0], db.shape()[1], h_0.shape()[1]);
    if count > 0 && h_0.data().iter().any(|&h| h != E::ZERO) {
        let first = if way.reverse { count - way.batch } else { 0 };
        let db = &db.data()[first * m..][..way.batch * m];
        let factors = Factors { m, k: way.batch, n, a_transposed: true, b_transposed: false };
        E::matmul_into(factors, db, h_0.data(), dw.data_mut(), true);
    }
}
