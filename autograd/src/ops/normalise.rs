//! Numbers brought to mean 0 and variance 1.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// Layer normalisation: each row brought to mean 0 and variance 1, then scaled and shifted.
///
/// ```text
/// m = Σ x / D,  v = Σ (x − m)² / D              over the last axis, D long
/// r = 1 / √(v + ε),  n = (x − m) r
/// forward   y  = n ⊙ w + b
/// vjp       dn = dy ⊙ w
///           dx = r (dn − mean(dn) − n · mean(dn ⊙ n))
///           dw = Σ dy ⊙ n,  db = Σ dy            over all axes but the last
/// ```
///
/// In dx the second term comes through m, the third through v, since ∂v/∂x = 2 (x − m) / D.
///
/// Shapes: `x` and `y` [.., D] with at least one axis and D > 0, `w` and `b` `[D]`.
///
/// Edges: a row of equal numbers gives b if ε > 0, NaN if ε = 0; a row with ±∞ or NaN gives NaN.
///
/// Source: Ba et al. 2016, arXiv 1607.06450, equation 4; the variance divides by D, as in PyTorch.
pub struct LayerNorm {
    /// What keeps the root away from 0, not negative.
    pub eps: f64,
}

impl Describe for LayerNorm {
    const NAME: &'static str = "layer_norm";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let mut shape = draw.shape(1);
        let length = draw.full_axis();
        *shape.last_mut().expect("one axis at least") = length;
        let op = Self { eps: draw.number(0.3..1.0) };
        let [w, b] = [(); 2].map(|()| draw.tensor(&[length], -2.0..2.0));
        (op, vec![draw.tensor(&shape, -2.0..2.0), w, b])
    }
}

impl LayerNorm {
    /// D, or what does not fit.
    fn validate<E: Element>(&self, inputs: [&Tensor<E>; 3]) -> Result<usize, Error> {
        let op = Self::NAME;
        let shape = inputs[0].shape().to_vec();
        let Some(axis) = shape.len().checked_sub(1) else {
            return Err(Error::Rank { op, shape, rank: "at least one axis" });
        };
        let length = shape[axis];
        if length == 0 {
            return Err(Error::EmptyAxis { op, axis, shape });
        }
        for (input, tensor) in [("the weight", inputs[1]), ("the bias", inputs[2])] {
            if tensor.shape() != [length] {
                let (shape, wanted) = (tensor.shape().to_vec(), vec![length]);
                return Err(Error::InputShape { op, input, shape, wanted });
            }
        }
        if !(0.0..f64::INFINITY).contains(&self.eps) {
            let (name, value) = ("eps", self.eps);
            return Err(Error::Setting { op, name, value, allowed: "finite and not negative" });
        }
        Ok(length)
    }

    /// Brings a row to mean 0 and variance 1, and returns r.
    fn normalise<E: Element>(&self, row: &mut [E]) -> E {
        let m = mean(row.iter().copied(), row.len());
        row.iter_mut().for_each(|x| *x = *x - m);
        let v = mean(row.iter().map(|&d| d * d), row.len());
        let r = E::ONE / (v + E::from_f64(self.eps)).sqrt();
        row.iter_mut().for_each(|d| *d = *d * r);
        r
    }
}

fn mean<E: Element>(numbers: impl Iterator<Item = E>, count: usize) -> E {
    numbers.sum::<E>() / E::from_f64(count as f64)
}

impl<E: Element> Op<E, 3> for LayerNorm {
    fn forward(&self, [x, w, b]: [&Tensor<E>; 3]) -> Result<Tensor<E>, Error> {
        let length = self.validate([x, w, b])?;
        let mut y = x.map(|x| x);
        for row in y.data_mut().chunks_exact_mut(length) {
            self.normalise(row);
            for (n, (&w, &b)) in row.iter_mut().zip(w.data().iter().zip(b.data())) {
                *n = *n * w + b;
            }
        }
        Ok(y)
    }

    fn vjp(
        &self,
        [x, w, _b]: [&Tensor<E>; 3],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 3] {
        let length = w.elements();
        let mut dx = Vec::with_capacity(x.elements());
        let (mut dw, mut db) = (vec![E::ZERO; length], vec![E::ZERO; length]);
        let mut n = vec![E::ZERO; length];
        for (x, dy) in x.data().chunks_exact(length).zip(dy.data().chunks_exact(length)) {
            n.copy_from_slice(x);
            let r = self.normalise(&mut n);
            let dn = || dy.iter().zip(w.data()).map(|(&dy, &w)| dy * w);
            let through_m = mean(dn(), length);
            let through_v = mean(dn().zip(&n).map(|(dn, &n)| E::pull_back(dn, n)), length);
            let row = dn().zip(&n).map(|(dn, &n)| dn - through_m - E::pull_back(through_v, n));
            dx.extend(row.map(|dx| E::pull_back(dx, r)));
            for (i, &dy) in dy.iter().enumerate() {
                dw[i] += E::pull_back(dy, n[i]);
                db[i] += dy;
            }
        }
        [
            Tensor::from_parts(x.shape_value(), dx).into(),
            Tensor::from_parts(w.shape_value(), dw).into(),
            Tensor::from_parts(w.shape_value(), db).into(),
        ]
    }
}
