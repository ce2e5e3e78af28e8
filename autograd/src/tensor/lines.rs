//! Lines along one axis: what softmax normalises, and where the largest element is.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;

impl<E: Element> Tensor<E> {
    /// The index along `axis` of the largest element of each line, the first of several; a NaN counts as
    /// the largest. In row-major order of the other axes.
    ///
    /// # Panics
    ///
    /// If there is no such axis, or it is empty.
    ///
    /// ```
    /// let scores = autograd::Tensor::from([[1.0, 5.0, 2.0], [7.0, 7.0, 0.0]]);
    /// assert_eq!(scores.argmax(1), [1, 0]);
    /// ```
    #[track_caller]
    pub fn argmax(&self, axis: usize) -> Vec<usize> {
        expect(self.try_argmax(axis))
    }

    /// As [`Tensor::argmax`], or why there is none.
    pub fn try_argmax(&self, axis: usize) -> Result<Vec<usize>, Error> {
        let (_, positions) = self.try_first("argmax", &[axis], |x, best| x > best)?;
        let [_, length, inner] = self.shape_value().around(axis);
        Ok(positions.into_iter().map(|position| position / inner % length).collect())
    }

    /// For each line, plane … along these axes, the row-major position of its first element that no other
    /// `beats`; a NaN beats every number. With the shape that is left, the axes kept with length 1.
    pub(crate) fn try_first(
        &self,
        op: &'static str,
        axes: &[usize],
        beats: impl Fn(f64, f64) -> bool,
    ) -> Result<(Shape, Vec<usize>), Error> {
        let reduced = self.shape_value().reduced(op, axes)?;
        if let Some(&axis) = axes.iter().find(|&&axis| self.shape_value()[axis] == 0) {
            return Err(Error::EmptyAxis { op, axis, shape: self.shape_value().to_vec() });
        }
        let x = self.data();
        let mut first: Vec<Option<usize>> = vec![None; reduced.elements()];
        self.for_each_element(reduced, |at, into| {
            let better = first[into].is_none_or(|best| {
                let (x, best) = (x[at].value(), x[best].value());
                beats(x, best) || x.is_nan() && !best.is_nan()
            });
            if better {
                first[into] = Some(at);
            }
        });
        Ok((reduced, first.into_iter().flatten().collect()))
    }

    /// The largest `size` of a number for each line, plane … along these axes, as constants in a tensor
    /// that keeps them with length 1; −∞ where there are none. NaN does not count.
    pub(crate) fn try_largest(
        &self,
        op: &'static str,
        axes: &[usize],
        size: impl Fn(f64) -> f64,
    ) -> Result<Tensor<f64>, Error> {
        let reduced = self.shape_value().reduced(op, axes)?;
        let mut largest = vec![f64::NEG_INFINITY; reduced.elements()];
        self.for_each_element(reduced, |at, into| {
            largest[into] = largest[into].max(size(self.data()[at].value()));
        });
        Ok(Tensor::from_parts(reduced, largest))
    }

    /// Calls `visit` with the position of each element and that of its sum in the shape `reduced`, in
    /// row-major order.
    fn for_each_element(&self, reduced: Shape, mut visit: impl FnMut(usize, usize)) {
        if self.shape_value() == reduced {
            return (0..self.elements()).for_each(|at| visit(at, at));
        }
        let into = reduced.strides_within(&self.shape_value());
        let last = self.shape_value().len() - 1; // a shape without axes reduces to itself
        self.shape_value().for_each_row(&self.shape_value().strides(), &into, |at, sum| {
            (0..self.shape_value()[last]).for_each(|i| visit(at + i, sum + i * into[last]));
        });
    }

    /// A copy in which `f` has changed each line along `axis`, beside the same line of `other`.
    pub(crate) fn map_lines(
        &self,
        axis: usize,
        other: &Self,
        mut f: impl FnMut(&mut [E], &[E]),
    ) -> Self {
        debug_assert_eq!(self.shape_value(), other.shape_value());
        let mut mapped = Self::collect(self.shape_value(), self.data().iter().copied());
        let numbers = mapped.data_mut();
        let [outer, length, inner] = self.shape_value().around(axis);
        if inner == 1 {
            let others = other.data().chunks_exact(length.max(1));
            numbers.chunks_exact_mut(length.max(1)).zip(others).for_each(|(x, y)| f(x, y));
            return mapped;
        }
        let (mut line, mut beside) = (vec![E::ZERO; length], vec![E::ZERO; length]);
        for start in (0..outer).flat_map(|o| (0..inner).map(move |i| o * length * inner + i)) {
            for k in 0..length {
                line[k] = numbers[start + k * inner];
                beside[k] = other.data()[start + k * inner];
            }
            f(&mut line, &beside);
            for k in 0..length {
                numbers[start + k * inner] = line[k];
            }
        }
        mapped
    }
}
