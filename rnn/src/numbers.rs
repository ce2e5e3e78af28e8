//! What a layer calculates with: tensors by hand, variables on a tape.
//!
//! Going through a sequence is the same for both: rows are picked, masked, scaled, put together. So it is
//! written once, for [`Numbers`], and only the steps of a cell and their derivatives are written twice.

use autograd::{Element, Mask, Shape, Tensor, Var};

/// An array of numbers: a tensor, or a variable on a tape.
///
/// The methods are those of both; rows are the entries of the first axis.
pub trait Numbers: Clone {
    /// The type of each number.
    type Element: Element;

    /// The length of each axis.
    fn axes(&self) -> Shape;

    /// A tensor beside this array: itself, or a constant on the same tape.
    fn constant(&self, value: Tensor<Self::Element>) -> Self;

    /// The same numbers in another shape.
    fn view(&self, shape: &[usize]) -> Self;

    /// The first two axes exchanged.
    fn exchanged(&self) -> Self;

    /// The rows `start..end`.
    fn part(&self, start: usize, end: usize) -> Self;

    /// The parts `start..end` of the last of two axes.
    fn columns(&self, start: usize, end: usize) -> Self;

    /// The rows with these ids.
    fn picked(&self, ids: &[usize]) -> Self;

    /// `size` rows of zeros, to which these rows are added at their ids.
    fn spread(&self, ids: &[usize], size: usize) -> Self;

    /// Arrays one after the other along an axis; there is at least one.
    fn joined(parts: &[Self], axis: usize) -> Self;

    /// The sum, broadcasting.
    fn plus(&self, other: &Self) -> Self;

    /// The product of each pair of numbers, broadcasting.
    fn times(&self, other: &Self) -> Self;

    /// Zero where the mask says yes.
    fn zeroed(&self, mask: &Mask) -> Self;

    /// The numbers of `yes` where the mask says so, else those of `no`.
    fn chosen(mask: &Mask, yes: &Self, no: &Self) -> Self;

    /// The product with constant factors, broadcasting.
    fn scaled(&self, factors: &Tensor<f64>) -> Self {
        self.times(&self.constant(factors.cast()))
    }
}

impl<E: Element> Numbers for Tensor<E> {
    type Element = E;

    fn axes(&self) -> Shape {
        self.shape_value()
    }

    fn constant(&self, value: Self) -> Self {
        value
    }

    #[track_caller]
    fn view(&self, shape: &[usize]) -> Self {
        self.reshape(shape)
    }

    #[track_caller]
    fn exchanged(&self) -> Self {
        self.transpose(0, 1)
    }

    #[track_caller]
    fn part(&self, start: usize, end: usize) -> Self {
        self.slice(0, start, end)
    }

    #[track_caller]
    fn columns(&self, start: usize, end: usize) -> Self {
        self.slice(1, start, end)
    }

    #[track_caller]
    fn picked(&self, ids: &[usize]) -> Self {
        self.gather(0, ids)
    }

    #[track_caller]
    fn spread(&self, ids: &[usize], size: usize) -> Self {
        self.scatter_add(0, ids, size)
    }

    #[track_caller]
    fn joined(parts: &[Self], axis: usize) -> Self {
        Self::concat(&parts.iter().collect::<Vec<_>>(), axis)
    }

    #[track_caller]
    fn plus(&self, other: &Self) -> Self {
        self + other
    }

    #[track_caller]
    fn times(&self, other: &Self) -> Self {
        self * other
    }

    #[track_caller]
    fn zeroed(&self, mask: &Mask) -> Self {
        self.masked_fill(mask, 0.0)
    }

    #[track_caller]
    fn chosen(mask: &Mask, yes: &Self, no: &Self) -> Self {
        Self::select(mask, yes, no)
    }
}

impl<E: Element> Numbers for Var<'_, E> {
    type Element = E;

    fn axes(&self) -> Shape {
        self.shape()
    }

    #[track_caller]
    fn constant(&self, value: Tensor<E>) -> Self {
        self.tape().constant(value)
    }

    #[track_caller]
    fn view(&self, shape: &[usize]) -> Self {
        self.reshape(shape)
    }

    #[track_caller]
    fn exchanged(&self) -> Self {
        self.transpose(0, 1)
    }

    #[track_caller]
    fn part(&self, start: usize, end: usize) -> Self {
        // The whole needs no node of its own.
        match (start, end) == (0, self.value().shape()[0]) {
            true => *self,
            false => self.slice(0, start, end),
        }
    }

    #[track_caller]
    fn columns(&self, start: usize, end: usize) -> Self {
        self.slice(1, start, end)
    }

    #[track_caller]
    fn picked(&self, ids: &[usize]) -> Self {
        self.gather(0, ids)
    }

    #[track_caller]
    fn spread(&self, ids: &[usize], size: usize) -> Self {
        self.scatter_add(0, ids, size)
    }

    #[track_caller]
    fn joined(parts: &[Self], axis: usize) -> Self {
        Self::concat(parts, axis)
    }

    #[track_caller]
    fn plus(&self, other: &Self) -> Self {
        *self + *other
    }

    #[track_caller]
    fn times(&self, other: &Self) -> Self {
        *self * *other
    }

    #[track_caller]
    fn zeroed(&self, mask: &Mask) -> Self {
        self.masked_fill(mask, 0.0)
    }

    #[track_caller]
    fn chosen(mask: &Mask, yes: &Self, no: &Self) -> Self {
        Self::select(mask, *yes, *no)
    }
}
