//! Scores to probabilities, along any axis.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// Softmax: positive numbers with sum 1, in proportion to e^x.
///
/// ```text
/// forward   y = e^x / Σ_j e^(x_j)
/// vjp       dx = y ⊙ (dy − Σ_j dy_j y_j)
/// ```
///
/// The largest score m of each line is subtracted first, in both numerator and denominator: no exponent is
/// positive, so nothing overflows, and one of them is 0, so the sum is at least 1.
///
/// Shapes: `x` and `y` any with the axis, equal. An empty axis is refused.
///
/// Edges: −∞ gives probability 0 and gradient 0; a line with ∞ or NaN, or with nothing but −∞, is NaN.
pub struct Softmax {
    /// The axis along which the result has sum 1; none for the last.
    pub axis: Option<usize>,
}

impl Describe for Softmax {
    const NAME: &'static str = "softmax";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (axis, x) = scores(draw);
        (Self { axis }, vec![x])
    }
}

impl<E: Element> Op<E, 1> for Softmax {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let axis = axis(Self::NAME, self.axis, x)?;
        Ok(x.map_lines(axis, x, |line, _| {
            let m = largest(line);
            line.iter_mut().for_each(|x| *x = *x - m);
            E::exp_all(line);
            let sum = sum(line);
            line.iter_mut().for_each(|x| *x = *x / sum);
        }))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let axis = axis(Self::NAME, self.axis, x).unwrap_or(0);
        let dx = dy.map_lines(axis, y, |line, y| {
            let along: E = line.iter().zip(y).map(|(&dy, &y)| E::pull_back(dy, y)).sum();
            line.iter_mut().zip(y).for_each(|(dy, &y)| *dy = E::pull_back(*dy - along, y));
        });
        [dx.into()]
    }
}

/// The logarithm of softmax.
///
/// ```text
/// forward   y  = x − ln Σ_j e^(x_j) = (x − m) − ln Σ_j e^(x_j − m)
/// vjp       dx = dy − softmax(x) · Σ_j dy_j        softmax(x) = e^y
/// ```
///
/// m is the largest score of the line: no exponent is positive, so nothing overflows, and one of them is
/// 0, so the sum is at least 1. And m is subtracted from x, not added to the logarithm: where all scores are
/// large, x − m is exact, and the sum of m and a small logarithm would not be.
///
/// Shapes: `x` and `y` any with the axis, equal. An empty axis is refused.
///
/// Edges: −∞ gives −∞; a line with ∞ or NaN, or with nothing but −∞, is NaN.
pub struct LogSoftmax {
    /// The axis along which the result is normalised; none for the last.
    pub axis: Option<usize>,
}

impl Describe for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (axis, x) = scores(draw);
        (Self { axis }, vec![x])
    }
}

impl<E: Element> Op<E, 1> for LogSoftmax {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let axis = axis(Self::NAME, self.axis, x)?;
        Ok(x.map_lines(axis, x, |line, _| {
            let (m, log_sum) = log_sum_exp(line);
            line.iter_mut().for_each(|x| *x = (*x - m) - log_sum);
        }))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let axis = axis(Self::NAME, self.axis, x).unwrap_or(0);
        let dx = dy.map_lines(axis, y, |line, y| {
            let total: E = line.iter().copied().sum();
            line.iter_mut().zip(y).for_each(|(dy, y)| *dy = *dy - E::pull_back(total, y.exp()));
        });
        [dx.into()]
    }
}

/// The two parts m and ln Σ e^(x − m) of ln Σ e^x, for one line that is not empty.
fn log_sum_exp<E: Element>(line: &[E]) -> (E, E) {
    let m = largest(line);
    (m, line.iter().map(|&x| (x - m).exp()).sum::<E>().ln())
}

/// How many numbers of a line are looked at side by side.
const LANES: usize = 16;

/// The largest number of a line, as a constant. NaN is passed over.
#[inline(always)]
pub(super) fn largest<E: Element>(line: &[E]) -> E {
    let larger = |m: f64, x: E| if x.value() > m { x.value() } else { m };
    let (blocks, rest) = line.as_chunks::<LANES>();
    let mut lanes = [f64::NEG_INFINITY; LANES];
    for block in blocks {
        for (m, &x) in lanes.iter_mut().zip(block) {
            *m = larger(*m, x);
        }
    }
    let m = lanes.into_iter().fold(f64::NEG_INFINITY, f64::max);
    E::from_f64(rest.iter().fold(m, |m, &x| larger(m, x)))
}

/// The sum of a line, as [`LANES`] sums side by side.
#[inline(always)]
pub(super) fn sum<E: Element>(line: &[E]) -> E {
    let (blocks, rest) = line.as_chunks::<LANES>();
    let mut lanes = [E::ZERO; LANES];
    for block in blocks {
        for (sum, &x) in lanes.iter_mut().zip(block) {
            *sum += x;
        }
    }
    lanes.into_iter().sum::<E>() + rest.iter().copied().sum::<E>()
}

/// The axis that is meant, if `x` has it and it is not empty.
fn axis<E: Element>(op: &'static str, axis: Option<usize>, x: &Tensor<E>) -> Result<usize, Error> {
    let shape = x.shape().to_vec();
    let Some(axis) = axis.or(shape.len().checked_sub(1)) else {
        return Err(Error::Rank { op, shape, rank: "at least one axis" });
    };
    match shape.get(axis) {
        None => Err(Error::Axis { op, axis, shape }),
        Some(0) => Err(Error::EmptyAxis { op, axis, shape }),
        Some(_) => Ok(axis),
    }
}

/// An axis, and scores in which it is not empty.
fn scores(draw: &mut Draw) -> (Option<usize>, Tensor<f64>) {
    let mut shape = draw.shape(1);
    let last = draw.coin();
    let axis = if last { shape.len() - 1 } else { draw.below(0..shape.len()) };
    shape[axis] = draw.full_axis();
    ((!last).then_some(axis), draw.tensor(&shape, -2.0..2.0))
}
