//! Sums, means, variances, lengths and largest elements, over any axes.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::few::Few;
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
    pub axes: Few<usize>,
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
    pub axes: Few<usize>,
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

/// The largest element over some axes.
///
/// ```text
/// forward   y = max x over the axes
/// vjp       dx = dy at the largest element, 0 elsewhere
/// ```
///
/// A tie gives all to the first in row-major order.
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`. An empty axis is refused.
///
/// Edges: a NaN is the result and gets the gradient, the first of several; ±∞ are ordinary numbers.
pub struct Max {
    /// The axes to reduce, none twice.
    pub axes: Few<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
}

impl Describe for Max {
    const NAME: &'static str = "max";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let x = all_different(draw);
        let op = Self { axes: draw.some_axes(x.shape().len()), keep: draw.coin() };
        (op, vec![x])
    }
}

impl Max {
    /// Where the largest elements are, and the shape with the axes kept.
    fn first<E: Element>(&self, x: &Tensor<E>) -> Result<(Shape, Vec<usize>), Error> {
        x.try_first(Self::NAME, &self.axes, |x, best| x > best)
    }
}

impl<E: Element> Op<E, 1> for Max {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let (shape, positions) = self.first(x)?;
        let kept = Tensor::collect(shape, positions.into_iter().map(|i| x.data()[i]));
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let mut dx = Tensor::zeros(x.shape());
        let numbers = dx.data_mut();
        let positions = self.first(x).map_or(Vec::new(), |(_, positions)| positions);
        for (position, &dy) in positions.into_iter().zip(dy.data()) {
            numbers[position] = dy;
        }
        [dx.into()]
    }
}

/// The smallest element over some axes.
///
/// ```text
/// forward   y = min x over the axes
/// vjp       dx = dy at the smallest element, 0 elsewhere
/// ```
///
/// A tie gives all to the first in row-major order.
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`. An empty axis is refused.
///
/// Edges: a NaN is the result and gets the gradient, the first of several; ±∞ are ordinary numbers.
pub struct Min {
    /// The axes to reduce, none twice.
    pub axes: Few<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
}

impl Describe for Min {
    const NAME: &'static str = "min";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let x = all_different(draw);
        let op = Self { axes: draw.some_axes(x.shape().len()), keep: draw.coin() };
        (op, vec![x])
    }
}

impl Min {
    /// Where the smallest elements are, and the shape with the axes kept.
    fn first<E: Element>(&self, x: &Tensor<E>) -> Result<(Shape, Vec<usize>), Error> {
        x.try_first(Self::NAME, &self.axes, |x, best| x < best)
    }
}

impl<E: Element> Op<E, 1> for Min {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let (shape, positions) = self.first(x)?;
        let kept = Tensor::collect(shape, positions.into_iter().map(|i| x.data()[i]));
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let mut dx = Tensor::zeros(x.shape());
        let numbers = dx.data_mut();
        let positions = self.first(x).map_or(Vec::new(), |(_, positions)| positions);
        for (position, &dy) in positions.into_iter().zip(dy.data()) {
            numbers[position] = dy;
        }
        [dx.into()]
    }
}

/// The variance over some axes.
///
/// ```text
/// forward   y  = Σ (x − m)² / (n − correction)      m the mean, n the number of elements in each sum
/// vjp       dx = dy · 2 (x − m) / (n − correction)   m takes no part, since Σ (x − m) = 0
/// ```
///
/// With correction 1 the estimate from a sample is right on average (Bessel); with 0 it is the mean square.
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`.
///
/// Edges: NaN if n ≤ correction, or if an element is NaN or ±∞; the gradient too.
pub struct Variance {
    /// The axes to take the variance over, none twice.
    pub axes: Few<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
    /// What is subtracted from n.
    pub correction: usize,
}

impl Describe for Variance {
    const NAME: &'static str = "var";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let rank = draw.below(0..draw.max_rank + 1);
        let shape: Vec<usize> = (0..rank).map(|_| draw.full_axis()).collect();
        let axes = draw.some_axes(rank);
        let n: usize = axes.iter().map(|&axis| shape[axis]).product();
        let correction = draw.below(0..n.min(3));
        (Self { axes, keep: draw.coin(), correction }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl Variance {
    /// 1 / (n − correction), and x − m.
    fn deviations<E: Element>(&self, x: &Tensor<E>) -> Result<(f64, Tensor<E>), Error> {
        let sum = x.try_sum_keep(Self::NAME, &self.axes)?;
        let n: usize = self.axes.iter().map(|&axis| x.shape()[axis]).product();
        let share = match n.checked_sub(self.correction) {
            Some(rest) if rest > 0 => 1.0 / rest as f64,
            _ => f64::NAN,
        };
        Ok((share, x - sum * (1.0 / n as f64)))
    }
}

impl<E: Element> Op<E, 1> for Variance {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let (share, deviations) = self.deviations(x)?;
        let squares = deviations.map(|d| d * d);
        let kept = squares.try_sum_keep(Self::NAME, &self.axes)? * share;
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let Ok((share, deviations)) = self.deviations(x) else {
            return [Tensor::zeros(x.shape()).into()];
        };
        let slopes = deviations * (2.0 * share);
        [spread(dy, x, &self.axes).zip(&slopes, E::pull_back).into()]
    }
}

/// The Euclidean length over some axes.
///
/// ```text
/// forward   y  = √Σ x²
/// vjp       dx = dy · x / y, but 0 where y = 0      the convention at the kink: among the slopes
///                                                   possible at the zero vector, the smallest
/// ```
///
/// Computed as s √Σ (x/s)² with s the largest |x|: no square overflows, and not all become 0. As y does
/// not depend on s, its derivative does not either, and s counts as a constant.
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`. The length over an empty axis
/// is 0.
///
/// Edges: ∞ if an element is ±∞, with a gradient of NaN there and 0 elsewhere; NaN stays NaN.
pub struct Norm {
    /// The axes to take the length over, none twice.
    pub axes: Few<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
}

impl Describe for Norm {
    const NAME: &'static str = "norm";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let op = Self { axes: draw.some_axes(shape.len()), keep: draw.coin() };
        (op, vec![draw.signed_tensor(&shape, 0.3..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Norm {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let usable = |size: f64| if size > 0.0 && size.is_finite() { size } else { 1.0 };
        let largest = x.try_largest(Self::NAME, &self.axes, f64::abs)?.map(usable);
        let squares = x.zip(&largest, |x, size| {
            let x = x / E::from_f64(size);
            x * x
        });
        let sums = squares.try_sum_keep(Self::NAME, &self.axes)?;
        let length = |sum: E, size| match sum.value() == 0.0 {
            true => E::ZERO, // and not √0, whose derivative is infinite
            false => E::from_f64(size) * sum.sqrt(),
        };
        let kept = sums.zip(&largest, length);
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let slope = |x: E, y: E| if y.value() == 0.0 { E::ZERO } else { x / y };
        let slopes = x.zip(&spread(y, x, &self.axes), slope);
        [spread(dy, x, &self.axes).zip(&slopes, E::pull_back).into()]
    }
}

/// The logarithm of the sum of e^x over some axes: a smooth maximum.
///
/// ```text
/// forward   y  = ln Σ e^x = m + ln Σ e^(x − m)       m the largest x
/// vjp       dx = dy · e^(x − y)                      which is softmax(x)
/// ```
///
/// With m subtracted no exponent is positive, so nothing overflows. As y does not depend on m, its
/// derivative does not either, and m counts as a constant.
///
/// Shapes: `y` is `x` without the axes, or with each of length 1 if `keep`. Over an empty axis it is −∞,
/// the logarithm of 0.
///
/// Edges: −∞ if all x are, with gradient 0; ∞ if an element is, with a gradient of NaN there and 0
/// elsewhere; NaN stays NaN.
pub struct LogSumExp {
    /// The axes to reduce, none twice.
    pub axes: Few<usize>,
    /// Whether the axes stay, with length 1.
    pub keep: bool,
}

impl Describe for LogSumExp {
    const NAME: &'static str = "log_sum_exp";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let rank = draw.below(0..draw.max_rank + 1);
        let shape: Vec<usize> = (0..rank).map(|_| draw.full_axis()).collect();
        let op = Self { axes: draw.some_axes(rank), keep: draw.coin() };
        (op, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for LogSumExp {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let usable = |m: f64| if m.is_finite() { m } else { 0.0 };
        let largest = x.try_largest(Self::NAME, &self.axes, |x| x)?.map(usable);
        let powers = x.zip(&largest, |x, m| (x - E::from_f64(m)).exp());
        let sums = powers.try_sum_keep(Self::NAME, &self.axes)?;
        let log = |sum: E, m| match sum.value() == 0.0 {
            true => E::from_f64(f64::NEG_INFINITY), // without a derivative
            false => E::from_f64(m) + sum.ln(),
        };
        let kept = sums.zip(&largest, log);
        Ok(if self.keep { kept } else { kept.with_shape(without(x, &self.axes)) })
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let none = |y: E| y.value() == f64::NEG_INFINITY;
        let share = |x: E, y: E| if none(y) { E::ZERO } else { (x - y).exp() };
        let slopes = x.zip(&spread(y, x, &self.axes), share);
        [spread(dy, x, &self.axes).zip(&slopes, E::pull_back).into()]
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
    reduced.clone().with_shape(kept).broadcast_to(x.shape())
}

/// A tensor without empty axes, in which any two elements are at least 0.05 apart.
fn all_different(draw: &mut Draw) -> Tensor<f64> {
    let rank = draw.below(0..draw.max_rank + 1);
    let shape: Vec<usize> = (0..rank).map(|_| draw.full_axis()).collect();
    let count: usize = shape.iter().product();
    let mut numbers: Vec<f64> = (0..count).map(|i| 0.1 * i as f64 - 2.0).collect();
    for i in (1..count).rev() {
        numbers.swap(i, draw.below(0..i + 1));
    }
    Tensor::from_fn(&shape, |i| numbers[i] + draw.number(0.0..0.05))
}
