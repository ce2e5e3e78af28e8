//! Pooling over one or two axes.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::tensor::{Pooling, Tensor};

/// The largest number in each window of the last D axes, 1 or 2.
///
/// ```text
/// forward   y[i] = max_{u < K} x[i s + u]                     s stride
/// vjp       dx[i s + u*] += dy[i]                             u* where the largest stands
/// ```
///
/// for one axis; for two, i, u, K and s are pairs. A tie gives all to the first, row by row; a NaN in
/// a window is its largest number.
///
/// Shapes: `x` [.., L], `y` [.., ⌊(L − K) / s⌋ + 1]; for two axes, so for each. Source: PyTorch's
/// `max_pool1d` and `max_pool2d` without padding and dilation.
pub struct MaxPool<const D: usize> {
    /// The lengths of the window, at least 1.
    pub kernel: [usize; D],
    /// How far the window moves from one place to the next, along each axis; at least 1.
    pub stride: [usize; D],
}

/// The largest number in each window of the last axis.
pub type MaxPool1d = MaxPool<1>;

/// The largest number in each window of the last two axes.
pub type MaxPool2d = MaxPool<2>;

impl<const D: usize> Describe for MaxPool<D> {
    const NAME: &'static str = if D == 1 { "max_pool1d" } else { "max_pool2d" };
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (kernel, stride, shape) = windows(draw);
        (Self { kernel, stride }, vec![distinct(draw, &shape)])
    }
}

impl<E: Element, const D: usize> Op<E, 1> for MaxPool<D> {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(Pooling::new(Self::NAME, x, self.kernel, self.stride)?.max(x))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let pooling = expect(Pooling::new(Self::NAME, x, self.kernel, self.stride));
        [pooling.max_backward(x, dy).into()]
    }
}

/// The mean of each window of the last D axes, 1 or 2.
///
/// ```text
/// forward   y[i] = (1/K) Σ_{u < K} x[i s + u]                 s stride
/// vjp       dx[i s + u] += dy[i] / K                          for each u
/// ```
///
/// for one axis; for two, i, u and s are pairs, and K is the product of the window's lengths.
///
/// Shapes: `x` [.., L], `y` [.., ⌊(L − K) / s⌋ + 1]; for two axes, so for each. Source: PyTorch's
/// `avg_pool1d` and `avg_pool2d` without padding.
pub struct MeanPool<const D: usize> {
    /// The lengths of the window, at least 1.
    pub kernel: [usize; D],
    /// How far the window moves from one place to the next, along each axis; at least 1.
    pub stride: [usize; D],
}

/// The mean of each window of the last axis.
pub type MeanPool1d = MeanPool<1>;

/// The mean of each window of the last two axes.
pub type MeanPool2d = MeanPool<2>;

impl<const D: usize> Describe for MeanPool<D> {
    const NAME: &'static str = if D == 1 { "mean_pool1d" } else { "mean_pool2d" };
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (kernel, stride, shape) = windows(draw);
        (Self { kernel, stride }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element, const D: usize> Op<E, 1> for MeanPool<D> {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(Pooling::new(Self::NAME, x, self.kernel, self.stride)?.mean(x))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let pooling = expect(Pooling::new(Self::NAME, x, self.kernel, self.stride));
        [pooling.mean_backward(x, dy).into()]
    }
}

/// A window, how far it moves, and a shape that it fits on, with up to two axes before the last D.
fn windows<const D: usize>(draw: &mut Draw) -> ([usize; D], [usize; D], Vec<usize>) {
    let mut shape = draw.shape(0);
    shape.truncate(2);
    let (mut kernel, mut stride) = ([0; D], [0; D]);
    for axis in 0..D {
        kernel[axis] = draw.below(1..4);
        stride[axis] = draw.below(1..4);
        shape.push(kernel[axis] + draw.axis());
    }
    (kernel, stride, shape)
}

/// Numbers in random order, evenly spaced, so that none is near another.
fn distinct(draw: &mut Draw, shape: &[usize]) -> Tensor<f64> {
    let count: usize = shape.iter().product();
    let mut numbers: Vec<f64> =
        (0..count).map(|i| 4.0 * (i as f64 + 0.5) / count as f64 - 2.0).collect();
    for i in (1..count).rev() {
        numbers.swap(i, draw.below(0..i + 1));
    }
    Tensor::new(shape, numbers)
}
