//! A whole sequence through an LSTM as one op, in few large pieces.
//!
//! ```text
//! forward    A = X W_ihᵀ + b_ih + b_hh           for all t, one product        [T·B, 4H]
//!            A_t += h_{t−1} W_hhᵀ                W_hhᵀ packed once             [B, 4H]
//!            gate values in the place of A_t, then c_t, tanh(c_t), h_t
//!
//! backward   dh_t = ∂ℓ/∂h_t + dA_{t+1} W_hh      W_hh packed once
//!            dA_t by the equations of the step
//!            dW_hh = Σ_t dA_tᵀ h_{t−1}           for all t, one product; so dW_ih = dAᵀ X, dX = dA W_ih
//! ```
//!
//! The equations are those of the cell's step by hand. Kept for each unit and step: four gate values, h, c and tanh(c).
//! Nothing is allocated in the loops over time.

use autograd::draw::Draw;
use autograd::ops::{Contribution, Describe, OpMany};
use autograd::tensor::Packed;
use autograd::{Element, Error, Params, Tensor, Var};

use super::{Lstm, LstmState};
use crate::cell::{Cell, Run};

/// The op of one application, which holds what its forward pass found.
///
/// Inputs: the parameters, the rows of the sequence [T·B, I], h and c before it [B, H]. Outputs: h_t [T·B, H], h and c
/// after it.
struct Fused<E: Element> {
    params: Lstm<()>,
    way: Way,
    /// i, f, g and o of every row, [T·B, 4H].
    gates: Tensor<E>,
    /// c_t and tanh(c_t), each [T·B, H].
    c: Tensor<E>,
    tanh_c: Tensor<E>,
    outputs: Vec<Tensor<E>>,
}

/// The way through a sequence.
#[derive(Clone, Copy)]
struct Way {
    steps: usize,
    batch: usize,
    units: usize,
    reverse: bool,
}

impl Way {
    /// The steps in the order in which they are taken, each with the one before it.
    fn order(self) -> impl DoubleEndedIterator<Item = (usize, Option<usize>)> {
        let Self { steps, reverse, .. } = self;
        let step = move |k| if reverse { steps - 1 - k } else { k };
        (0..steps).map(move |k| (step(k), k.checked_sub(1).map(step)))
    }

    /// The numbers of step t among those of all steps, `width` for each row.
    fn of<E>(self, all: &[E], t: usize, width: usize) -> &[E] {
        &all[t * self.batch * width..][..self.batch * width]
    }

    fn of_mut<E>(self, all: &mut [E], t: usize, width: usize) -> &mut [E] {
        &mut all[t * self.batch * width..][..self.batch * width]
    }
}

impl<E: Element> Fused<E> {
    #[track_caller]
    fn new(
        params: &Lstm<Tensor<E>>,
        rows: &Tensor<E>,
        initial: &LstmState<Tensor<E>>,
        reverse: bool,
    ) -> Self {
        let (batch, units) = (initial.h.shape()[0], initial.h.shape()[1]);
        let steps = rows.shape()[0].checked_div(batch).unwrap_or(0);
        let way = Way { steps, batch, units, reverse };
        let count = rows.shape()[0];
        let mut gates = Tensor::zeros(&[count, 4 * units]);
        let [mut hs, mut cs, mut tanh_cs] = [(); 3].map(|()| Tensor::zeros(&[count, units]));
        let (mut h, mut c) = (initial.h.clone(), initial.c.clone());
        if count * units > 0 {
            let biases = [&params.b_ih, &params.b_hh].into_iter().flatten();
            if let Some(bias) = biases.cloned().reduce(|a, b| a + b) {
                let rows = gates.data_mut().chunks_exact_mut(4 * units);
                rows.for_each(|row| row.copy_from_slice(bias.data()));
            }
            Packed::new(params.w_ih.t()).add_product(rows.data(), gates.data_mut());
            let w_hh = Packed::new(params.w_hh.t());
            let (gates, hs, cs) = (gates.data_mut(), hs.data_mut(), cs.data_mut());
            let (tanh_cs, h, c) = (tanh_cs.data_mut(), h.data_mut(), c.data_mut());
            for (t, _) in way.order() {
                let gates = way.of_mut(gates, t, 4 * units);
                let tanh_c = way.of_mut(tanh_cs, t, units);
                w_hh.add_product(h, gates);
                step(units, gates, c, tanh_c, h);
                way.of_mut(cs, t, units).copy_from_slice(c);
                way.of_mut(hs, t, units).copy_from_slice(h);
            }
        }
        let params = params.map(|_| ());
        Self { params, way, gates, c: cs, tanh_c: tanh_cs, outputs: vec![hs, h, c] }
    }
}

/// One step: the gate values in the place of their sums, c of the step before replaced by the new one, tanh(c) and h.
fn step<E: Element>(units: usize, gates: &mut [E], c: &mut [E], tanh_c: &mut [E], h: &mut [E]) {
    for (gates, c) in gates.chunks_exact_mut(4 * units).zip(c.chunks_exact_mut(units)) {
        let (i_f, g_o) = gates.split_at_mut(2 * units);
        let (g, o) = g_o.split_at_mut(units);
        E::sigmoid_all(i_f);
        E::tanh_all(g);
        E::sigmoid_all(o);
        let (i, f) = i_f.split_at(units);
        let (f, g) = (&f[..units], &g[..units]);
        for j in 0..units {
            c[j] = f[j] * c[j] + i[j] * g[j];
        }
    }
    tanh_c.copy_from_slice(c);
    E::tanh_all(tanh_c);
    let rows = gates.chunks_exact(4 * units).zip(tanh_c.chunks_exact(units));
    for ((gates, tanh_c), h) in rows.zip(h.chunks_exact_mut(units)) {
        let o = &gates[3 * units..];
        for j in 0..units {
            h[j] = o[j] * tanh_c[j];
        }
    }
}

/// One step back, for one row: dA of the row from its gate values, tanh(c), c of the step before and dh; dc of the step
/// is replaced by that of the step before.
fn step_back<E: Element>([gates, tanh_c, c_prev, dh]: [&[E]; 4], dc: &mut [E], da: &mut [E]) {
    let units = dc.len();
    let [i, f, g, o] = [0, 1, 2, 3].map(|gate| &gates[gate * units..][..units]);
    let (tanh_c, c_prev, dh) = (&tanh_c[..units], &c_prev[..units], &dh[..units]);
    let (da_i, da) = da.split_at_mut(units);
    let (da_f, da) = da.split_at_mut(units);
    let (da_g, da_o) = da.split_at_mut(units);
    let da_o = &mut da_o[..units];
    for j in 0..units {
        let d = dc[j] + dh[j] * o[j] * (E::ONE - tanh_c[j] * tanh_c[j]);
        da_i[j] = d * g[j] * i[j] * (E::ONE - i[j]);
        da_f[j] = d * c_prev[j] * f[j] * (E::ONE - f[j]);
        da_g[j] = d * i[j] * (E::ONE - g[j] * g[j]);
        da_o[j] = dh[j] * tanh_c[j] * o[j] * (E::ONE - o[j]);
        dc[j] = d * f[j];
    }
}

impl<E: Element> Describe for Fused<E> {
    const NAME: &'static str = "lstm_sequence";

    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [seq_len, batch, inputs, units] = [(); 4].map(|()| draw.full_axis());
        let params = Lstm::init::<f64>(inputs, units, draw.rng());
        let rows = draw.tensor(&[seq_len * batch, inputs], -1.0..1.0);
        let initial = Lstm::zero_state(&params, batch).map(|z| draw.tensor(z.shape(), -1.0..1.0));
        let leaves = [params.leaves(), vec![rows.clone()], initial.leaves()].concat();
        (Self::new(&params.cast(), &rows.cast(), &initial.cast(), false), leaves)
    }
}

impl<E: Element> OpMany<E> for Fused<E> {
    fn forward(&self, _inputs: &[&Tensor<E>]) -> Result<Vec<Tensor<E>>, Error> {
        Ok(self.outputs.clone())
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        _outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
    ) -> Vec<Contribution<E>> {
        let mut leaves = inputs.iter().copied();
        let mut next = || leaves.next().expect("parameters, rows and a state");
        let Lstm { w_ih, w_hh, .. } = &self.params.map(|()| next().clone());
        let (rows, h_0, c_0) = (next(), next(), next());
        let [d_hs, d_h, d_c] = d_outputs else { unreachable!("h_t, h and c") };
        let (way, units) = (self.way, self.way.units);

        let (mut dh, mut dc) = (d_h.clone(), d_c.clone()); // [B, H]
        let mut da = Tensor::zeros(self.gates.shape()); // [T·B, 4H]
        let mut h_prev = Tensor::zeros(self.c.shape()); // [T·B, H]
        if self.gates.elements() > 0 {
            let packed = Packed::new(w_hh);
            let (dh, dc, da) = (dh.data_mut(), dc.data_mut(), da.data_mut());
            let h_prev = h_prev.data_mut();
            for (t, before) in way.order().rev() {
                let [hs, cs] = [&self.outputs[0], &self.c].map(Tensor::data);
                let [h, c] = match before {
                    Some(before) => [hs, cs].map(|all| way.of(all, before, units)),
                    None => [h_0.data(), c_0.data()],
                };
                way.of_mut(h_prev, t, units).copy_from_slice(h);
                dh.iter_mut().zip(way.of(d_hs.data(), t, units)).for_each(|(dh, &d)| *dh += d);
                let gates = way.of(self.gates.data(), t, 4 * units).chunks_exact(4 * units);
                let tanh_c = way.of(self.tanh_c.data(), t, units).chunks_exact(units);
                let c = c.chunks_exact(units).zip(dc.chunks_exact_mut(units));
                let da = way.of_mut(da, t, 4 * units);
                let rows = gates.zip(tanh_c).zip(c.zip(dh.chunks_exact(units)));
                for (((gates, tanh_c), ((c, dc), dh)), da) in
                    rows.zip(da.chunks_exact_mut(4 * units))
                {
                    step_back([gates, tanh_c, c, dh], dc, da);
                }
                packed.multiply(da, dh);
            }
        }

        let db = da.sum_over(&[0]);
        let grads = Lstm {
            w_ih: product(&da, true, rows),
            w_hh: product(&da, true, &h_prev),
            b_ih: self.params.b_ih.map(|()| db.clone().into()),
            b_hh: self.params.b_hh.map(|()| db.into()),
        };
        let d_rows = product(&da, false, w_ih);
        [grads.leaves(), vec![d_rows, dh.into(), dc.into()]].concat()
    }
}

/// The contribution A · B or Aᵀ · B.
fn product<E: Element>(a: &Tensor<E>, transposed: bool, b: &Tensor<E>) -> Contribution<E> {
    Contribution::Product { a: Box::new((a.clone(), transposed)), b: Box::new((b.clone(), false)) }
}

/// Runs a sequence of rows [T·B, I] through the cell, as one op on the tape. Returns h_t [T·B, H] and the last state.
#[track_caller]
pub(super) fn unroll<'t, E: Element>(
    params: &Lstm<Var<'t, E>>,
    rows: Var<'t, E>,
    initial: &LstmState<Var<'t, E>>,
    reverse: bool,
) -> Run<Lstm, Var<'t, E>> {
    let op = Fused::new(&params.map(Var::value), &rows.value(), &initial.map(Var::value), reverse);
    let inputs = [params.leaves(), vec![rows], initial.leaves()].concat();
    match rows.tape().apply_many(op, &inputs)[..] {
        [hs, h, c] => (hs, LstmState { h, c }),
        _ => unreachable!("the op has three outputs"),
    }
}
