//! One or the other: the larger, the smaller, the one that a mask names.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::{Mask, Tensor};

/// The larger of two numbers, broadcasting.
///
/// ```text
/// forward   y = max(a, b)
/// vjp       da = dy where a ≥ b, else 0;  db = dy where not      a tie gives all to a
/// ```
///
/// Shapes: any two that broadcast.
///
/// Edges: a NaN on either side is the result and gets the gradient, that of a if both are.
pub struct Maximum;

impl Maximum {
    /// Where a is the result.
    fn first<E: Element>(a: E, b: E) -> bool {
        a.value() >= b.value() || a.value().is_nan()
    }
}

impl Describe for Maximum {
    const NAME: &'static str = "maximum";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, never_equal(draw))
    }
}

impl<E: Element> Op<E, 2> for Maximum {
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_zip(Self::NAME, b, |a, b| if Self::first(a, b) { a } else { b })
    }

    fn vjp(&self, [a, b]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let b_wins = Mask::of_pairs(a, b, |a, b| !Self::first(a, b));
        let da = dy.masked_fill(&b_wins, 0.0);
        let db = dy.masked_fill(&!b_wins, 0.0);
        [da.sum_to(a.shape_value()).into(), db.sum_to(b.shape_value()).into()]
    }
}

/// The smaller of two numbers, broadcasting.
///
/// ```text
/// forward   y = min(a, b)
/// vjp       da = dy where a ≤ b, else 0;  db = dy where not      a tie gives all to a
/// ```
///
/// Shapes: any two that broadcast.
///
/// Edges: a NaN on either side is the result and gets the gradient, that of a if both are.
pub struct Minimum;

impl Minimum {
    /// Where a is the result.
    fn first<E: Element>(a: E, b: E) -> bool {
        a.value() <= b.value() || a.value().is_nan()
    }
}

impl Describe for Minimum {
    const NAME: &'static str = "minimum";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, never_equal(draw))
    }
}

impl<E: Element> Op<E, 2> for Minimum {
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_zip(Self::NAME, b, |a, b| if Self::first(a, b) { a } else { b })
    }

    fn vjp(&self, [a, b]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let b_wins = Mask::of_pairs(a, b, |a, b| !Self::first(a, b));
        let da = dy.masked_fill(&b_wins, 0.0);
        let db = dy.masked_fill(&!b_wins, 0.0);
        [da.sum_to(a.shape_value()).into(), db.sum_to(b.shape_value()).into()]
    }
}

/// The numbers of one tensor where a mask says yes, of another where it says no.
///
/// ```text
/// forward   y = a where mask, else b
/// vjp       da = dy where mask, else 0;  db = 0 where mask, else dy
/// ```
///
/// What is not chosen has no influence and gets exactly 0, so that
/// `Var::select(&x.mask(|x| x > 0.0), x.sqrt(), c)` has a finite gradient at x = 0.
///
/// Shapes: mask, `a` and `b` broadcast together.
///
/// Edges: ±∞ and NaN pass where they are chosen, and leave no trace where they are not.
pub struct Select {
    /// Where to choose the first input.
    pub mask: Mask,
}

impl Describe for Select {
    const NAME: &'static str = "select";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shapes = draw.broadcasting_shapes();
        let inputs = shapes.iter().map(|shape| draw.tensor(shape, -2.0..2.0)).collect();
        let mask_shape = shapes[draw.below(0..2)].clone();
        (Self { mask: random_mask(draw, &mask_shape) }, inputs)
    }
}

impl<E: Element> Op<E, 2> for Select {
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        Tensor::try_select(&self.mask, a, b)
    }

    fn vjp(&self, [a, b]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let da = dy.masked_fill(&!&self.mask, 0.0);
        let db = dy.masked_fill(&self.mask, 0.0);
        [da.sum_to(a.shape_value()).into(), db.sum_to(b.shape_value()).into()]
    }
}

/// A constant where a mask says yes, x elsewhere.
///
/// ```text
/// forward   y  = value where mask, else x
/// vjp       dx = 0 where mask, else dy
/// ```
///
/// Shapes: mask and `x` broadcast together.
///
/// Edges: ±∞ and NaN leave no trace where they are filled; the value may be −∞, as before a softmax.
pub struct MaskedFill {
    /// Where to put the value.
    pub mask: Mask,
    /// The value.
    pub value: f64,
}

impl Describe for MaskedFill {
    const NAME: &'static str = "masked_fill";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [x, mask] = draw.broadcasting_shapes();
        let op = Self { mask: random_mask(draw, &mask), value: draw.number(-2.0..2.0) };
        (op, vec![draw.tensor(&x, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for MaskedFill {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        x.try_masked_fill(&self.mask, self.value)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.masked_fill(&self.mask, 0.0).sum_to(x.shape_value()).into()]
    }
}

fn random_mask(draw: &mut Draw, shape: &[usize]) -> Mask {
    Mask::new(shape, (0..shape.iter().product()).map(|_| draw.coin()).collect())
}

/// Two tensors that broadcast, in which no number of one is near a number of the other: near even
/// multiples of 0.1, and near odd ones.
fn never_equal(draw: &mut Draw) -> Vec<Tensor<f64>> {
    let [a, b] = draw.broadcasting_shapes();
    let mut near = |shape: &[usize], offset: f64| {
        let number = |_| 0.2 * draw.below(0..20) as f64 - 2.0 + offset + draw.number(-0.03..0.03);
        Tensor::from_fn(shape, number)
    };
    vec![near(&a, 0.0), near(&b, 0.1)]
}
