//! The same numbers in other places: reshape, slice, concatenate.

use super::{Contribution, Describe, Op, OpMany};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::few::Few;
use crate::tensor::Tensor;

/// The same numbers in another shape.
///
/// ```text
/// forward   y  = x, seen in the new shape
/// vjp       dx = dy, seen in the shape of x
/// ```
///
/// Shapes: as many elements before as after.
pub struct Reshape {
    /// The new shape.
    pub shape: Few<usize>,
}

impl Describe for Reshape {
    const NAME: &'static str = "reshape";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let from = draw.shape(0);
        // Merge two neighbouring axes, split one off, or turn the order of the axes around.
        let mut shape = from.clone();
        match draw.below(0..3) {
            0 if shape.len() >= 2 => {
                let merged = shape.remove(0);
                shape[0] *= merged;
            }
            1 => shape.insert(draw.below(0..shape.len() + 1), 1),
            _ => shape.reverse(),
        }
        (Self { shape: shape.into() }, vec![draw.tensor(&from, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Reshape {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_reshape(&self.shape)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.clone().with_shape(x.shape_value()).into()]
    }
}

/// Indices `start..end` of one axis.
///
/// ```text
/// forward   y = x[.., start..end, ..]
/// vjp       dx[.., start..end, ..] = dy, and 0 elsewhere (which is not stored)
/// ```
///
/// Shapes: `y` is `x` with the axis `end − start` long.
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first index.
    pub start: usize,
    /// One past the last index.
    pub end: usize,
}

impl Describe for Slice {
    const NAME: &'static str = "slice";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(1);
        let axis = draw.below(0..shape.len());
        let start = draw.below(0..shape[axis] + 1);
        let end = draw.below(start..shape[axis] + 1);
        (Self { axis, start, end }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Slice {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_slice(self.axis, self.start, self.end)
    }

    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [Contribution::Part { axis: self.axis, start: self.start, values: dy.clone() }]
    }
}

/// Tensors one after the other along an axis.
///
/// ```text
/// forward   y = [x₁, x₂, …] along the axis
/// vjp       dx_i = the part of dy where x_i went
/// ```
///
/// Shapes: equal but for the axis, along which their lengths add up.
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Describe for Concat {
    const NAME: &'static str = "concat";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let mut shape = draw.shape(1);
        let axis = draw.below(0..shape.len());
        let inputs = (0..draw.below(1..4)).map(|_| {
            shape[axis] = draw.axis();
            draw.tensor(&shape, -2.0..2.0)
        });
        let inputs = inputs.collect();
        (Self { axis }, inputs)
    }
}

impl<E: Element> OpMany<E> for Concat {
    fn forward(&self, inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        Ok(Few::from_iter([Tensor::try_concat(inputs, self.axis)?]))
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        _outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        _needs: &[bool],
    ) -> Few<Contribution<E>> {
        let mut end = 0;
        let part = |x: &&Tensor<E>| {
            let start = end;
            end += x.shape()[self.axis];
            d_outputs[0].slice(self.axis, start, end).into()
        };
        inputs.iter().map(part).collect()
    }
}
