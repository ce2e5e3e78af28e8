//! Scores to log-probabilities, and the loss that training minimises.

use std::sync::Arc;

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The logarithm of softmax along the last axis.
///
/// ```text
/// forward   y = x − ln Σ_j e^(x_j)
/// vjp       dx = dy − softmax(x) · Σ_j dy_j        softmax(x) = e^y
/// ```
///
/// The largest score m of each row is subtracted first: ln Σ e^(x_j) = m + ln Σ e^(x_j − m), in
/// which no exponent is positive, so nothing overflows, and one of them is 0, so the sum is at least 1.
///
/// Shapes: `x` [.., V] with at least one axis, `y` the same.
pub struct LogSoftmax;

impl Describe for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(1);
        (Self, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for LogSoftmax {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let shape = x.shape_value();
        let Some(&length) = shape.last() else {
            return Err(Error::Rank {
                op: Self::NAME,
                shape: shape.to_vec(),
                rank: "at least one axis",
            });
        };
        let mut y = x.data().to_vec();
        for row in y.chunks_exact_mut(length.max(1)) {
            let log_sum = log_sum_exp(row);
            for score in row {
                *score = *score - log_sum;
            }
        }
        Ok(Tensor::from_parts(shape, y))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let length = x.shape().last().copied().unwrap_or(1).max(1);
        let mut dx = dy.data().to_vec();
        for (dx, y) in dx.chunks_exact_mut(length).zip(y.data().chunks_exact(length)) {
            let total: E = dx.iter().copied().sum();
            for (dx, y) in dx.iter_mut().zip(y) {
                *dx = *dx - E::pull_back(total, y.exp());
            }
        }
        [Tensor::from_parts(x.shape_value(), dx).into()]
    }
}

/// Cross-entropy between scores and the right classes, in nats, the mean over the rows.
///
/// ```text
/// forward   L = −(1/N) Σ_i log_softmax(x_i)[targets_i]
/// vjp       dx_i = dL · (softmax(x_i) − onehot(targets_i)) / N
/// ```
///
/// Shapes: `x` [N, V], N targets below V, `L` a single number. With no rows, 0.
pub struct CrossEntropy {
    /// The right class of each row.
    pub targets: Arc<[usize]>,
}

impl Describe for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (rows, classes) = (draw.axis(), draw.full_axis() + 1);
        let targets = draw.ids(rows, classes).into();
        (Self { targets }, vec![draw.tensor(&[rows, classes], -2.0..2.0)])
    }
}

impl CrossEntropy {
    fn validate(&self, shape: Shape) -> Result<usize, Error> {
        let op = Self::NAME;
        let [rows, size] = shape[..] else {
            return Err(Error::Rank { op, shape: shape.to_vec(), rank: "two axes, [N, V]" });
        };
        if rows != self.targets.len() {
            return Err(Error::Targets { targets: self.targets.len(), rows });
        }
        match self.targets.iter().position(|&target| target >= size) {
            Some(position) => Err(Error::Id { op, id: self.targets[position], position, size }),
            None => Ok(size),
        }
    }
}

impl<E: Element> Op<E, 1> for CrossEntropy {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let classes = self.validate(x.shape_value())?;
        let rows = x.data().chunks_exact(classes.max(1)).zip(self.targets.iter());
        let losses: Vec<E> = rows.map(|(row, &target)| log_sum_exp(row) - row[target]).collect();
        let count = losses.len().max(1) as f64;
        Ok(Tensor::from(losses).sum() / count)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let classes = x.shape()[1].max(1);
        let each = dy.item() / E::from_f64(self.targets.len().max(1) as f64);
        let mut dx = x.data().to_vec();
        for (row, &target) in dx.chunks_exact_mut(classes).zip(self.targets.iter()) {
            let log_sum = log_sum_exp(row);
            for score in row.iter_mut() {
                *score = each * (*score - log_sum).exp();
            }
            row[target] = row[target] - each;
        }
        [Tensor::from_parts(x.shape_value(), dx).into()]
    }
}

/// ln Σ e^x of one row that is not empty, with the largest subtracted first.
fn log_sum_exp<E: Element>(row: &[E]) -> E {
    let largest = row.iter().map(|x| x.value()).fold(f64::NEG_INFINITY, f64::max);
    let largest = E::from_f64(largest);
    largest + row.iter().map(|&x| (x - largest).exp()).sum::<E>().ln()
}
