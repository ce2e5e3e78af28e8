//! Shapes: the lengths of a tensor's axes, and the rule by which two of them broadcast.

use std::fmt;
use std::ops::Deref;

use crate::error::Error;

/// The largest number of axes.
pub const MAX_RANK: usize = 6;

/// The lengths of the axes, outermost first; no axes for a single number.
///
/// Reads as a slice: `shape[0]`, `shape.len()`, `shape.iter()`.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Ones beyond the rank: they change neither a product nor a comparison.
    lengths: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Self = Self { lengths: [1; MAX_RANK], rank: 0 };

    /// The shape with these lengths, if it has at most [`MAX_RANK`] axes and its number of
    /// elements fits in a `usize`.
    pub fn new(op: &'static str, lengths: &[usize]) -> Result<Self, Error> {
        let elements = lengths.iter().try_fold(1_usize, |n, &length| n.checked_mul(length));
        if lengths.len() > MAX_RANK || elements.is_none() {
            return Err(Error::TooLarge { op, shape: lengths.to_vec() });
        }
        let mut shape = Self::SCALAR;
        for &length in lengths {
            shape.push(length);
        }
        Ok(shape)
    }

    /// The number of elements: the product of the lengths, 1 for a single number.
    #[inline]
    pub fn elements(&self) -> usize {
        let [a, b, c, d, e, f] = self.lengths; // no loop: this is asked at every op
        (a * b) * (c * d) * (e * f)
    }

    /// How far apart in memory two neighbours along each axis are.
    pub fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut step = 1;
        for axis in (0..self.rank).rev() {
            strides[axis] = step;
            step *= self.lengths[axis];
        }
        strides
    }

    /// The coordinates of the element at this row-major position.
    pub(crate) fn index_of(&self, mut position: usize) -> Vec<usize> {
        let strides = self.strides();
        let coordinate = |axis: usize| {
            let i = position / strides[axis];
            position %= strides[axis];
            i
        };
        (0..self.rank).map(coordinate).collect()
    }

    /// The shape without the axes for which `gone` holds.
    pub(crate) fn without(&self, gone: impl Fn(usize) -> bool) -> Self {
        let mut shape = Self::SCALAR;
        for (axis, &length) in self.iter().enumerate() {
            if !gone(axis) {
                shape.push(length);
            }
        }
        shape
    }

    /// The same shape with `axis` of another length.
    pub(crate) fn with(mut self, axis: usize, length: usize) -> Self {
        self.lengths[..self.rank][axis] = length;
        self
    }

    /// The number of elements before, along, and inside of `axis`: the array seen as [a, b, c].
    pub(crate) fn around(&self, axis: usize) -> [usize; 3] {
        [self[..axis].iter().product(), self[axis], self[axis + 1..].iter().product()]
    }

    fn push(&mut self, length: usize) {
        self.lengths[self.rank] = length;
        self.rank += 1;
    }

    /// The shape to which two broadcast, by NumPy's rule: aligned from the right, two axes are
    /// equal or one of them is 1; a missing axis counts as 1.
    pub fn broadcast(op: &'static str, lhs: Self, rhs: Self) -> Result<Self, Error> {
        let rank = lhs.rank.max(rhs.rank);
        let mut shape = Self { lengths: [1; MAX_RANK], rank };
        for back in 1..=rank {
            let length = |s: &Self| if back <= s.rank { s[s.rank - back] } else { 1 };
            shape.lengths[rank - back] = match (length(&lhs), length(&rhs)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return Err(Error::Broadcast { op, lhs: lhs.to_vec(), rhs: rhs.to_vec() }),
            };
        }
        Ok(shape)
    }

    /// The strides with which a tensor of this shape is read as if it had the shape `target` that
    /// it broadcasts to: 0 along every axis that is repeated.
    pub(crate) fn strides_within(&self, target: &Self) -> [usize; MAX_RANK] {
        let own = self.strides();
        let missing = target.rank - self.rank;
        let mut strides = [0; MAX_RANK];
        for axis in missing..target.rank {
            if self.lengths[axis - missing] != 1 {
                strides[axis] = own[axis - missing];
            }
        }
        strides
    }

    /// Row-major items of this shape, repeated to the different shape `target` that it broadcasts to, appended to `repeated`.
    pub(crate) fn repeat<T: Copy>(&self, items: &[T], target: &Self, repeated: &mut Vec<T>) {
        let steps = self.strides_within(target);
        let last = target.rank - 1; // without axes the shapes would have been equal
        target.for_each_row(&steps, &steps, |at, _| {
            repeated.extend((0..target[last]).map(|i| items[at + i * steps[last]]));
        });
    }

    /// Calls `visit` with each index of the outer axes as a pair of positions, one in a tensor
    /// with `a` strides and one with `b` strides, in row-major order. The innermost axis is left
    /// to the caller, who can run along it without bookkeeping.
    pub(crate) fn for_each_row(
        &self,
        a: &[usize; MAX_RANK],
        b: &[usize; MAX_RANK],
        mut visit: impl FnMut(usize, usize),
    ) {
        let outer = self.rank.saturating_sub(1);
        let rows: usize = self[..outer].iter().product();
        let mut index = [0; MAX_RANK];
        let (mut at_a, mut at_b) = (0, 0);
        for _ in 0..rows {
            visit(at_a, at_b);
            for axis in (0..outer).rev() {
                index[axis] += 1;
                at_a += a[axis];
                at_b += b[axis];
                if index[axis] < self.lengths[axis] {
                    break;
                }
                index[axis] = 0;
                at_a -= a[axis] * self.lengths[axis];
                at_b -= b[axis] * self.lengths[axis];
            }
        }
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.lengths[..self.rank]
    }
}

/// Written without a branch: shapes are compared at every op, and nearly always equal.
impl PartialEq for Shape {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.lengths.iter().zip(&other.lengths);
        pairs.fold(self.rank ^ other.rank, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl Eq for Shape {}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        **self == other[..]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// As a list: `[2, 3]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}
