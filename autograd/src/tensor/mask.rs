//! Masks: yes or no for each element, and what is chosen by them.

use std::fmt;
use std::ops::Not;
use std::sync::Arc;

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;

/// A row-major array of yes and no, cheap to clone. It broadcasts as tensors do.
///
/// ```
/// use autograd::Tensor;
///
/// let x = Tensor::from([4.0, -1.0, 9.0]);
/// let positive = x.mask(|x| x > 0.0);
/// assert_eq!(positive.data(), [true, false, true]);
/// assert_eq!(x.masked_fill(&!positive, 0.0).data(), [4.0, 0.0, 9.0]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    shape: Shape,
    bits: Arc<[bool]>,
}

impl Mask {
    /// The mask of this shape with these bits, row by row.
    ///
    /// # Panics
    ///
    /// If `bits` does not fill `shape`.
    #[track_caller]
    pub fn new(shape: &[usize], bits: Vec<bool>) -> Self {
        expect(Self::try_new(shape, bits))
    }

    /// The mask of this shape with these bits, or why they do not fit.
    pub fn try_new(shape: &[usize], bits: Vec<bool>) -> Result<Self, Error> {
        let lengths = Shape::new("mask", shape)?;
        if lengths.elements() != bits.len() {
            return Err(Error::Length { len: bits.len(), shape: shape.to_vec() });
        }
        Ok(Self { shape: lengths, bits: bits.into() })
    }

    /// Where `holds` of the pair of numbers, the shapes broadcast together.
    pub(crate) fn of_pairs<E: Element>(
        a: &Tensor<E>,
        b: &Tensor<E>,
        holds: impl Fn(E, E) -> bool + Sync,
    ) -> Self {
        let yes = a.zip(b, |a, b| if holds(a, b) { E::ONE } else { E::ZERO });
        yes.mask(|yes| yes == 1.0)
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The bits in row-major order.
    pub fn data(&self) -> &[bool] {
        &self.bits
    }

    /// This mask repeated to a shape that it broadcasts to.
    fn repeat_to(&self, shape: Shape) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        let mut bits = Vec::with_capacity(shape.elements());
        self.shape.repeat(&self.bits, &shape, &mut bits);
        Self { shape, bits: bits.into() }
    }
}

/// Yes and no exchanged.
impl Not for &Mask {
    type Output = Mask;
    fn not(self) -> Mask {
        Mask { shape: self.shape, bits: self.bits.iter().map(|bit| !bit).collect() }
    }
}

/// Yes and no exchanged.
impl Not for Mask {
    type Output = Self;
    fn not(self) -> Self {
        !&self
    }
}

/// Shape, then bits: `[3] [true, false, true]`.
impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.shape, self.bits)
    }
}

impl<E: Element> Tensor<E> {
    /// Where `holds` of the number, its real part if it carries derivatives.
    pub fn mask(&self, holds: impl Fn(f64) -> bool) -> Mask {
        let bits = self.data().iter().map(|x| holds(x.value())).collect();
        Mask { shape: self.shape_value(), bits }
    }

    /// The numbers of `if_true` where `mask` says yes, else those of `if_false`; all three broadcast.
    ///
    /// # Panics
    ///
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn select(mask: &Mask, if_true: &Self, if_false: &Self) -> Self {
        expect(Self::try_select(mask, if_true, if_false))
    }

    /// As [`Tensor::select`], or why the shapes do not broadcast.
    pub fn try_select(mask: &Mask, if_true: &Self, if_false: &Self) -> Result<Self, Error> {
        let both = Shape::broadcast("select", if_true.shape_value(), if_false.shape_value())?;
        let shape = Shape::broadcast("select", mask.shape, both)?;
        let (a, b) = (if_true.broadcast_to(&shape), if_false.broadcast_to(&shape));
        let pairs = a.data().iter().zip(b.data());
        let mask = mask.repeat_to(shape);
        let chosen = mask.bits.iter().zip(pairs).map(|(&yes, (&a, &b))| if yes { a } else { b });
        Ok(Tensor::collect(shape, chosen))
    }

    /// These numbers, but `value` where `mask` says yes; the two broadcast.
    ///
    /// # Panics
    ///
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Mask, value: f64) -> Self {
        expect(self.try_masked_fill(mask, value))
    }

    /// As [`Tensor::masked_fill`], or why the shapes do not broadcast.
    pub fn try_masked_fill(&self, mask: &Mask, value: f64) -> Result<Self, Error> {
        let shape = Shape::broadcast("masked_fill", self.shape_value(), mask.shape)?;
        let (x, mask, value) =
            (self.broadcast_to(&shape), mask.repeat_to(shape), E::from_f64(value));
        let filled = x.data().iter().zip(&*mask.bits).map(|(&x, &yes)| if yes { value } else { x });
        Ok(Tensor::collect(shape, filled))
    }
}
