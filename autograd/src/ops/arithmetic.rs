//! Addition, subtraction, multiplication, division: element by element, broadcasting.
//!
//! An input that was repeated to fit gets the sum over its copies: [`Tensor::sum_to`].

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// Sum, broadcasting.
///
/// ```text
/// forward   y = a + b
/// vjp       da = dy,  db = dy          each summed over the axes it was repeated along
/// ```
///
/// Shapes: any two that broadcast.
pub struct Add;

impl Describe for Add {
    const NAME: &'static str = "add";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, pair(draw))
    }
}

impl<E: Element> Op<E, 2> for Add {
    #[inline]
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_add(b)
    }

    #[inline]
    fn vjp(&self, [a, b]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        [a, b].map(|x| whole(dy, x))
    }
}

/// dy for an input: as it is, or summed over what was repeated.
#[inline]
fn whole<E: Element>(dy: &Tensor<E>, x: &Tensor<E>) -> Contribution<E> {
    if x.dims() == dy.dims() {
        Contribution::Whole
    } else {
        dy.clone().sum_to(x.shape_value()).into()
    }
}

/// Difference, broadcasting.
///
/// ```text
/// forward   y = a − b
/// vjp       da = dy,  db = −dy
/// ```
///
/// Shapes: any two that broadcast.
pub struct Sub;

impl Describe for Sub {
    const NAME: &'static str = "sub";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, pair(draw))
    }
}

impl<E: Element> Op<E, 2> for Sub {
    #[inline]
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_sub(b)
    }

    #[inline]
    fn vjp(&self, [a, b]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        [whole(dy, a), (-dy).sum_to(b.shape_value()).into()]
    }
}

/// Product, element by element, broadcasting.
///
/// ```text
/// forward   y = a ⊙ b
/// vjp       da = dy ⊙ b,  db = dy ⊙ a
/// ```
///
/// Shapes: any two that broadcast.
pub struct Mul;

impl Describe for Mul {
    const NAME: &'static str = "mul";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, pair(draw))
    }
}

impl<E: Element> Op<E, 2> for Mul {
    #[inline]
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_mul(b)
    }

    #[inline]
    fn vjp(
        &self,
        [a, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        _dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [Contribution::Times(b.clone()), Contribution::Times(a.clone())]
    }
}

/// Quotient, element by element, broadcasting.
///
/// ```text
/// forward   y = a / b
/// vjp       da = dy / b,  db = −dy ⊙ y / b      since d(a/b)/db = −a/b² = −y/b
/// ```
///
/// Shapes: any two that broadcast.
pub struct Div;

impl Describe for Div {
    const NAME: &'static str = "div";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [a, b] = draw.broadcasting_shapes();
        (Self, vec![draw.tensor(&a, -2.0..2.0), draw.signed_tensor(&b, 0.5..2.0)])
    }
}

impl<E: Element> Op<E, 2> for Div {
    #[inline]
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_div(b)
    }

    #[inline]
    fn vjp(&self, [a, b]: [&Tensor<E>; 2], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let da = dy.zip(b, |dy, b| E::pull_back(dy, E::ONE / b));
        let db = dy.zip(&y.zip(b, |y, b| -y / b), E::pull_back);
        [da.sum_to(a.shape_value()).into(), db.sum_to(b.shape_value()).into()]
    }
}

/// The negative.
///
/// ```text
/// forward   y  = −x
/// vjp       dx = −dy
/// ```
///
/// Shapes: `x` and `y` any, equal.
pub struct Neg;

impl Describe for Neg {
    const NAME: &'static str = "neg";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Neg {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(-x)
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [(-dy).into()]
    }
}

/// A constant times x plus a constant: what `1.0 - x`, `2.0 * x` and `x + 3.0` become.
///
/// ```text
/// forward   y  = scale · x + shift
/// vjp       dx = scale · dy
/// ```
///
/// Shapes: `x` and `y` any, equal.
pub struct Affine {
    /// The factor.
    pub scale: f64,
    /// What is added.
    pub shift: f64,
}

impl Describe for Affine {
    const NAME: &'static str = "affine";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let op = Self { scale: draw.number(-2.0..2.0), shift: draw.number(-2.0..2.0) };
        (op, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Affine {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let (scale, shift) = (E::from_f64(self.scale), E::from_f64(self.shift));
        Ok(x.map(|x| scale * x + shift))
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [(dy * self.scale).into()]
    }
}

fn pair(draw: &mut Draw) -> Vec<Tensor<f64>> {
    draw.broadcasting_shapes().iter().map(|shape| draw.tensor(shape, -2.0..2.0)).collect()
}
