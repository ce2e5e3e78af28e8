//! Tensors: row-major, contiguous arrays of numbers, cheap to clone.
//!
//! A tensor is a shared block of numbers, the place in it where this tensor starts, and a shape.
//! Cloning, reshaping and slicing along the first axis share the block; everything else copies.
//! Writing copies first if the block is shared, so no tensor ever changes behind another's back.
//!
//! Tensors know nothing of gradients.

mod block;
mod elementwise;
mod index;
mod lines;
mod mask;
mod matmul;
mod packed;
mod reduce;
mod axes;
mod gather;
mod window;
mod conv;
mod pool;

use std::fmt;

use block::Shared;
pub use block::release;
pub(crate) use conv::Convolution;
pub use mask::Mask;
pub use matmul::{Matrix, Transposed};
pub use packed::Packed;
pub(crate) use pool::Pooling;

use crate::blocks::Block;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;
use crate::threads::{MANY, for_each_piece};

/// A row-major array with any number of axes, up to [`MAX_RANK`](crate::shape::MAX_RANK).
///
/// ```
/// use autograd::Tensor;
///
/// let x = Tensor::new(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// let column_sums = x.sum_over(&[0]);
/// assert_eq!(column_sums.data(), [5.0, 7.0, 9.0]);
/// assert_eq!((&x * &column_sums).at(&[1, 2]), 54.0); // broadcasts over the rows
/// ```
#[derive(Clone)]
pub struct Tensor<E: Element> {
    shared: Shared<E>,
    /// What part of the block this is, or in which other shape it is all of it; none if it is the block as it was made.
    /// So a tensor is two pointers, and quick to hand on.
    view: Shared<E>,
}

impl<E: Element> Tensor<E> {
    /// The tensor of this shape with these numbers, row by row.
    ///
    /// # Panics
    ///
    /// If `data` does not fill `shape`.
    #[track_caller]
    pub fn new(shape: &[usize], data: Vec<E>) -> Self {
        expect(Self::try_new(shape, data))
    }

    /// The tensor of this shape with these numbers, or why they do not fit.
    pub fn try_new(shape: &[usize], data: Vec<E>) -> Result<Self, Error> {
        let lengths = Shape::new("tensor", shape)?;
        if lengths.elements() != data.len() {
            return Err(Error::Length { len: data.len(), shape: shape.to_vec() });
        }
        Ok(Self::from_parts(lengths, data))
    }

    /// The tensor whose numbers are known to fill the shape.
    pub(crate) fn from_parts(shape: Shape, data: Vec<E>) -> Self {
        debug_assert_eq!(shape.elements(), data.len());
        Self { shared: Shared::new(shape, data), view: Shared::NONE }
    }

    /// The tensor whose numbers `fill` appends to an empty block that has room for them.
    #[inline]
    pub(crate) fn build(shape: Shape, fill: impl FnOnce(&mut Vec<E>)) -> Self {
        Self { shared: Shared::build(shape, fill), view: Shared::NONE }
    }

    /// The tensor of these numbers, which fill the shape.
    #[inline]
    pub(crate) fn collect(shape: Shape, numbers: impl Iterator<Item = E>) -> Self {
        Self::build(shape, |block| block.extend(numbers))
    }

    /// A single number: a tensor without axes.
    pub fn scalar(x: E) -> Self {
        Self::build(Shape::SCALAR, |numbers| numbers.push(x))
    }

    /// The tensor of this shape filled with `x`.
    ///
    /// # Panics
    ///
    /// If the shape has too many axes or elements, as every constructor does.
    #[track_caller]
    pub fn full(shape: &[usize], x: E) -> Self {
        Self::filled(expect(Shape::new("tensor", shape)), x)
    }

    /// The tensor of this shape filled with `x`.
    pub(crate) fn filled(shape: Shape, x: E) -> Self {
        if shape.elements() < MANY {
            return Self::build(shape, |numbers| numbers.resize(shape.elements(), x));
        }
        let mut filled = Self::unset_of(shape);
        for_each_piece(filled.data_mut(), MANY, |_, numbers| numbers.fill(x));
        filled
    }

    /// A tensor for a loop to write every number of: until then it holds those of whatever used its memory before, or
    /// zeros. It costs no pass over that memory, as [`zeros`](Self::zeros) does.
    #[track_caller]
    pub fn unset(shape: &[usize]) -> Self {
        Self::unset_of(expect(Shape::new("tensor", shape)))
    }

    /// As [`unset`](Self::unset), of a shape that is checked.
    pub(crate) fn unset_of(shape: Shape) -> Self {
        Self { shared: Shared::unset(shape), view: Shared::NONE }
    }

    /// Zeros.
    #[track_caller]
    pub fn zeros(shape: &[usize]) -> Self {
        Self::full(shape, E::ZERO)
    }

    /// Ones.
    #[track_caller]
    pub fn ones(shape: &[usize]) -> Self {
        Self::full(shape, E::ONE)
    }

    /// The tensor whose number at row-major position i is `f(i)`.
    ///
    /// ```
    /// let steps = autograd::Tensor::from_fn(&[4], |i| 0.5 * i as f64);
    /// assert_eq!(steps.data(), [0.0, 0.5, 1.0, 1.5]);
    /// ```
    #[track_caller]
    pub fn from_fn(shape: &[usize], f: impl FnMut(usize) -> E) -> Self {
        let shape = expect(Shape::new("tensor", shape));
        Self::collect(shape, (0..shape.elements()).map(f))
    }

    /// The length of each axis.
    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.dims()
    }

    /// The shape, without a copy.
    #[inline]
    pub(crate) fn dims(&self) -> &Shape {
        match self.view.block() {
            None => &self.block().shape,
            Some(view) => &view.shape,
        }
    }

    /// The block that has the numbers.
    #[inline]
    fn block(&self) -> &Block<E> {
        self.shared.block().expect("a tensor has numbers until it is gone")
    }

    /// The place of the first number in the block.
    fn start(&self) -> usize {
        self.view.block().map_or(0, |view| view.start)
    }

    /// The shape as the small `Copy` value that operations work with.
    #[inline]
    pub fn shape_value(&self) -> Shape {
        *self.dims()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.dims().elements()
    }

    /// The numbers in row-major order.
    #[inline]
    pub fn data(&self) -> &[E] {
        let numbers = &self.block().numbers;
        match self.view.block() {
            None => numbers,
            Some(view) => &numbers[view.start..view.start + view.shape.elements()],
        }
    }

    /// The numbers, to write to. Copies first if another tensor shares them.
    pub fn data_mut(&mut self) -> &mut [E] {
        if self.shared.own().is_none() {
            *self =
                Self::build(self.shape_value(), |numbers| numbers.extend_from_slice(self.data()));
        }
        let block = self.shared.own().expect("the block is this tensor's alone");
        match self.view.block() {
            None => &mut block.numbers,
            Some(view) => &mut block.numbers[view.start..view.start + view.shape.elements()],
        }
    }

    /// The number at this index, one coordinate an axis.
    ///
    /// # Panics
    ///
    /// If the index has another number of coordinates than the shape, or lies outside of it.
    #[track_caller]
    pub fn at(&self, index: &[usize]) -> E {
        let inside = index.len() == self.dims().len()
            && index.iter().zip(self.dims().iter()).all(|(i, length)| i < length);
        assert!(inside, "at: {index:?} is not an index of {}", self.dims());
        let strides = self.dims().strides();
        self.data()[index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>()]
    }

    /// The only number of a tensor with one element.
    ///
    /// # Panics
    ///
    /// If there are more or none.
    #[track_caller]
    pub fn item(&self) -> E {
        assert_eq!(self.elements(), 1, "item: {} does not hold one number", self.dims());
        self.data()[0]
    }

    /// The same numbers in another shape, without a copy.
    ///
    /// # Panics
    ///
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Self {
        expect(self.try_reshape(shape))
    }

    /// The same numbers in another shape, or why that cannot be.
    pub fn try_reshape(&self, shape: &[usize]) -> Result<Self, Error> {
        let lengths = Shape::new("reshape", shape)?;
        if lengths.elements() != self.elements() {
            let (from, to) = (self.dims().to_vec(), shape.to_vec());
            return Err(Error::Reshape { op: "reshape", from, to });
        }
        Ok(self.clone().with_shape(lengths))
    }

    /// The same numbers in a shape known to hold as many.
    pub(crate) fn with_shape(mut self, shape: Shape) -> Self {
        debug_assert_eq!(shape.elements(), self.elements());
        if *self.dims() == shape {
            return self;
        }
        match (self.shared.own(), self.view.block()) {
            (Some(block), None) => block.shape = shape,
            _ => self.view = Shared::part(self.start(), shape),
        }
        self
    }

    /// The rows `start..start + length` of the first axis, without a copy.
    pub(crate) fn first_axis_view(&self, start: usize, length: usize) -> Self {
        let row: usize = self.shape()[1..].iter().product();
        let shape = self.dims().with(0, length);
        let view = Shared::part(self.start() + start * row, shape);
        Self { shared: self.shared.clone(), view }
    }

    /// The same values as another element type; derivatives start at zero.
    ///
    /// ```
    /// use autograd::{Dual, Tensor};
    /// let x = Tensor::from([1.5_f64]).cast::<Dual<f64>>();
    /// assert_eq!(x.item(), Dual::new(1.5, 0.0));
    /// ```
    pub fn cast<F: Element>(&self) -> Tensor<F> {
        self.map(|x| F::from_f64(x.value()))
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.data().iter().all(|x| x.is_finite())
    }

    /// The Euclidean length √Σx² of all numbers as one vector, in `f64`.
    pub fn norm(&self) -> f64 {
        self.data().iter().map(|x| x.value() * x.value()).sum::<f64>().sqrt()
    }
}

impl<E: Element, const N: usize> From<[E; N]> for Tensor<E> {
    fn from(numbers: [E; N]) -> Self {
        Self::new(&[N], numbers.to_vec())
    }
}

impl<E: Element, const N: usize, const M: usize> From<[[E; M]; N]> for Tensor<E> {
    fn from(rows: [[E; M]; N]) -> Self {
        Self::new(&[N, M], rows.as_flattened().to_vec())
    }
}

impl<E: Element> From<Vec<E>> for Tensor<E> {
    fn from(numbers: Vec<E>) -> Self {
        Self::new(&[numbers.len()], numbers)
    }
}

/// Equal shape and equal numbers.
impl<E: Element> PartialEq for Tensor<E> {
    fn eq(&self, other: &Self) -> bool {
        self.dims() == other.dims() && self.data() == other.data()
    }
}

/// Shape, then numbers: `[2, 2] [1.0, 2.0, 3.0, 4.0]`.
impl<E: Element> fmt::Debug for Tensor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dims(), self.data())
    }
}
