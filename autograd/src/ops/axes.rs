//! The axes in another order or direction.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::few::Few;
use crate::tensor::Tensor;

/// The axes in another order.
///
/// ```text
/// forward   y[i_p(0), i_p(1), …] = x[i_0, i_1, …]      p = axes
/// vjp       dx = dy with its axes in the inverse order q, q(p(k)) = k
/// ```
///
/// Shapes: axis k of `y` is axis p(k) of `x`. Source: NumPy's `transpose`, PyTorch's `permute`.
pub struct Permute {
    /// For each axis of the result, the axis of the input; each once.
    pub axes: Few<usize>,
}

impl Describe for Permute {
    const NAME: &'static str = "permute";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let mut axes = draw.some_axes(shape.len());
        let missing: Vec<_> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        axes.extend(missing);
        (Self { axes }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Permute {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_permute(&self.axes)
    }

    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let mut inverse = vec![0; self.axes.len()];
        for (place, &axis) in self.axes.iter().enumerate() {
            inverse[axis] = place;
        }
        [dy.permute(&inverse).into()]
    }
}

/// The order along some axes turned around.
///
/// ```text
/// forward   y[.., i, ..]  = x[.., n − 1 − i, ..]         along each of the axes, n its length
/// vjp       dx[.., i, ..] = dy[.., n − 1 − i, ..]        flipping twice changes nothing
/// ```
///
/// Shapes: `x` and `y` any, equal. Source: PyTorch's `flip`.
pub struct Flip {
    /// The axes to turn around, none twice.
    pub axes: Few<usize>,
}

impl Describe for Flip {
    const NAME: &'static str = "flip";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let axes = draw.some_axes(shape.len());
        (Self { axes }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Flip {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_flip(&self.axes)
    }

    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.flip(&self.axes).into()]
    }
}
