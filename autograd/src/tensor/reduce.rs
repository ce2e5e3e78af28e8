//! Sums and means over axes.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;

/// Up to this many numbers a sum is a plain loop.
const PLAIN_SUM: usize = 128;
/// Up to this many it is 16 of them.
const LANED_SUM: usize = 16 * PLAIN_SUM;

/// Σ numbers, each half summed alone: the rounding error grows with log n, not with n.
fn pairwise_sum<E: Element>(numbers: &[E]) -> E {
    if numbers.len() <= PLAIN_SUM {
        return numbers.iter().copied().sum();
    }
    if numbers.len() <= LANED_SUM {
        return laned_sum(numbers);
    }
    let (left, right) = numbers.split_at(numbers.len() / 2);
    pairwise_sum(left) + pairwise_sum(right)
}

/// Every 16th number by itself: sums side by side, which do not wait for each other.
fn laned_sum<E: Element>(numbers: &[E]) -> E {
    let (blocks, rest) = numbers.as_chunks::<16>();
    let mut sums = [E::ZERO; 16];
    for block in blocks {
        for lane in 0..16 {
            sums[lane] += block[lane];
        }
    }
    let rest: E = rest.iter().copied().sum();
    sums.into_iter().sum::<E>() + rest
}

impl Shape {
    /// This shape with the given axes of length 1.
    pub(crate) fn reduced(mut self, op: &'static str, axes: &[usize]) -> Result<Self, Error> {
        for (i, &axis) in axes.iter().enumerate() {
            if axis >= self.len() || axes[..i].contains(&axis) {
                return Err(Error::Axis { op, axis, shape: self.to_vec() });
            }
        }
        for &axis in axes {
            self = self.with(axis, 1);
        }
        Ok(self)
    }
}

impl<E: Element> Tensor<E> {
    /// The sum of all numbers, as a tensor without axes; 0 if there are none.
    pub fn sum(&self) -> Self {
        Tensor::scalar(pairwise_sum(self.data()))
    }

    /// The sum over these axes, which are gone in the result.
    ///
    /// # Panics
    ///
    /// If an axis does not exist or is given twice.
    #[track_caller]
    pub fn sum_over(&self, axes: &[usize]) -> Self {
        let kept = expect(self.try_sum_keep("sum", axes));
        kept.with_shape(self.shape_value().without(|axis| axes.contains(&axis)))
    }

    /// The sum over these axes, each left with length 1.
    pub(crate) fn try_sum_keep(&self, op: &'static str, axes: &[usize]) -> Result<Self, Error> {
        let shape = self.shape_value().reduced(op, axes)?;
        let trailing = self.shape_value().len() - axes.len();
        if axes.iter().all(|&axis| axis >= trailing) {
            // The summed axes are innermost: each sum runs over neighbours.
            let length: usize = self.shape_value()[trailing..].iter().product();
            let sum = |i| pairwise_sum(&self.data()[i * length..(i + 1) * length]);
            return Ok(Tensor::collect(shape, (0..shape.elements()).map(sum)));
        }
        Ok(self.clone().sum_to(shape))
    }
}
