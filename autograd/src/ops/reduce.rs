//! Sums and means.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The sum over some axes.
///
/// ```text
/// forward   y = Σ x over the axes
/// vjp       dx = dy, repeated along the axes
/// ```
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`. The sum over an empty
/// axis is 0.
pub struct Sum {
    /// The axes to sum over, none twice.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
}

impl Describe for Sum {
    const NAME: &'static str = "sum";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let op = Self { axes: draw.some_axes(shape.len()), keep: draw.coin() };
        (op, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Sum {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let kept = x.try_sum_keep(Self::NAME, &self.axes)?;
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [spread(dy, x, &self.axes).into()]
    }
}

/// The mean over some axes.
///
/// ```text
/// forward   y = (1/n) Σ x over the axes, n the number of elements in each sum
/// vjp       dx = dy / n, repeated along the axes
/// ```
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`. The mean over an empty
/// axis is NaN.
pub struct Mean {
    /// The axes to take the mean over, none twice.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
}

impl Describe for Mean {
    const NAME: &'static str = "mean";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let rank = draw.below(0..draw.max_rank + 1);
        let shape: Vec<usize> = (0..rank).map(|_| draw.full_axis()).collect();
        let op = Self { axes: draw.some_axes(rank), keep: draw.coin() };
        (op, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl Mean {
    /// 1 / n.
    fn share<E: Element>(&self, x: &Tensor<E>) -> f64 {
        let n: usize = self.axes.iter().map(|&axis| x.shape()[axis]).product();
        1.0 / n as f64
    }
}

impl<E: Element> Op<E, 1> for Mean {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let kept = x.try_sum_keep(Self::NAME, &self.axes)? * self.share(x);
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [(spread(dy, x, &self.axes) * self.share(x)).into()]
    }
}

/// The shape of `x` without the axes.
fn without<E: Element>(x: &Tensor<E>, axes: &[usize]) -> Shape {
    x.shape_value().without(|axis| axes.contains(&axis))
}

/// A reduced tensor, with its axes kept or not, repeated to the shape of `x`.
fn spread<E: Element>(reduced: &Tensor<E>, x: &Tensor<E>, axes: &[usize]) -> Tensor<E> {
    let mut kept = x.shape_value();
    for &axis in axes {
        kept = kept.with(axis, 1);
    }
    reduced.with_shape(kept).broadcast_to(x.shape())
}
