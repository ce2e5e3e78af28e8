//! Picking numbers by ids along an axis, and adding numbers up by ids.
//!
//! Each op is linear, and its derivative is its opposite: what was picked from one place adds up
//! there, what was added at one place comes from there.

use std::sync::Arc;

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// The entries of an axis with these ids.
///
/// ```text
/// forward   y[.., j, ..] = x[.., ids[j], ..]
/// vjp       dx[.., ids[j], ..] += dy[.., j, ..]      an entry that is used twice gets both
/// ```
///
/// Along the first axis the gradient is stored for the entries that were used alone.
///
/// Shapes: `y` is `x` with the axis as long as the list of ids. Source: PyTorch's `index_select`.
pub struct Gather {
    /// The axis.
    pub axis: usize,
    /// The ids, each below the length of the axis.
    pub ids: Arc<[usize]>,
}

impl Describe for Gather {
    const NAME: &'static str = "gather";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (shape, axis) = shape_and_axis(draw);
        let count = draw.below(0..6);
        let ids = draw.ids(count, shape[axis]).into();
        (Self { axis, ids }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Gather {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_gather(self.axis, &self.ids)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [match self.axis {
            0 => Contribution::Rows { ids: self.ids.clone(), values: dy.clone() },
            axis => dy.scatter_add(axis, &self.ids, x.shape()[axis]).into(),
        }]
    }
}

/// Zeros, to which the entries of an axis are added at these ids.
///
/// ```text
/// forward   y[.., ids[j], ..] += x[.., j, ..]        what has the same id adds up
/// vjp       dx[.., j, ..] = dy[.., ids[j], ..]
/// ```
///
/// Shapes: `x` with one id for each index of the axis; `y` is `x` with the axis `size` long.
/// Source: PyTorch's `index_add` on zeros.
pub struct ScatterAdd {
    /// The axis.
    pub axis: usize,
    /// The ids, each below `size`.
    pub ids: Arc<[usize]>,
    /// The length of the axis in the result.
    pub size: usize,
}

impl Describe for ScatterAdd {
    const NAME: &'static str = "scatter_add";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (shape, axis) = shape_and_axis(draw);
        let size = draw.full_axis();
        let ids = draw.ids(shape[axis], size).into();
        (Self { axis, ids, size }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for ScatterAdd {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_scatter_add(self.axis, &self.ids, self.size)
    }

    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.gather(self.axis, &self.ids).into()]
    }
}

/// One number along an axis for each id, each in its own line.
///
/// ```text
/// forward   y[.., j, ..] = x[.., ids[.., j, ..], ..]
/// vjp       dx[.., ids[.., j, ..], ..] += dy[.., j, ..]
/// ```
///
/// Shapes: the ids fill `y` row by row; `y` is `x` with the axis as long as there are ids for each
/// line. Source: PyTorch's `gather`, with ids of the input's shape but for the axis.
pub struct TakeAlong {
    /// The axis.
    pub axis: usize,
    /// The ids, each below the length of the axis.
    pub ids: Arc<[usize]>,
}

impl Describe for TakeAlong {
    const NAME: &'static str = "take_along";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (shape, axis) = shape_and_axis(draw);
        let lines = shape.iter().product::<usize>() / shape[axis];
        let count = lines * draw.below(0..6);
        let ids = draw.ids(count, shape[axis]).into();
        (Self { axis, ids }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for TakeAlong {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_take_along(self.axis, &self.ids)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.add_along(self.axis, &self.ids, x.shape()[self.axis]).into()]
    }
}

/// Zeros, to which each number is added at its own id along an axis, in its own line.
///
/// ```text
/// forward   y[.., ids[.., j, ..], ..] += x[.., j, ..]
/// vjp       dx[.., j, ..] = dy[.., ids[.., j, ..], ..]
/// ```
///
/// Shapes: `x` with one id for each of its elements, row by row; `y` is `x` with the axis `size`
/// long. Source: PyTorch's `scatter_add` on zeros.
pub struct AddAlong {
    /// The axis.
    pub axis: usize,
    /// The ids, each below `size`.
    pub ids: Arc<[usize]>,
    /// The length of the axis in the result.
    pub size: usize,
}

impl Describe for AddAlong {
    const NAME: &'static str = "add_along";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (shape, axis) = shape_and_axis(draw);
        let size = draw.full_axis();
        let ids = draw.ids(shape.iter().product(), size).into();
        (Self { axis, ids, size }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for AddAlong {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_add_along(self.axis, &self.ids, self.size)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        // No lines, no ids: then their number does not tell the length of the axis.
        [dy.take_along(self.axis, &self.ids).with_shape(x.shape_value()).into()]
    }
}

/// A shape and one of its axes, which is not empty.
fn shape_and_axis(draw: &mut Draw) -> (Vec<usize>, usize) {
    let mut shape = draw.shape(1);
    let axis = draw.below(0..shape.len());
    shape[axis] = draw.full_axis();
    (shape, axis)
}
