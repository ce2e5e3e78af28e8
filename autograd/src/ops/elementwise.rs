//! Functions of one number, applied to each.

use std::ops::RangeInclusive;

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// e to the power of x.
///
/// ```text
/// forward   y  = e^x
/// vjp       dx = dy ⊙ y
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ beyond the largest number, 0 below the smallest, as the slope; NaN stays NaN.
pub struct Exp;

impl Describe for Exp {
    const NAME: &'static str = "exp";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Exp {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.exp())
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(y, E::pull_back).into()]
    }
}

/// Natural logarithm.
///
/// ```text
/// forward   y  = ln x
/// vjp       dx = dy / x
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: −∞ with slope ±∞ at ±0, NaN below; ∞ at ∞ with slope 0; NaN stays NaN.
pub struct Ln;

impl Describe for Ln {
    const NAME: &'static str = "ln";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, 0.3..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Ln {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::ln))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| E::pull_back(dy, E::ONE / x)).into()]
    }
}

/// Square root.
///
/// ```text
/// forward   y  = √x
/// vjp       dx = dy / (2 y)
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: 0 with slope ±∞ at ±0, NaN below; ∞ at ∞ with slope 0; NaN stays NaN.
pub struct Sqrt;

impl Describe for Sqrt {
    const NAME: &'static str = "sqrt";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, 0.3..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Sqrt {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::sqrt))
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let half = E::from_f64(0.5);
        [dy.zip(y, |dy, y| E::pull_back(dy, half / y)).into()]
    }
}

/// A constant power. A negative base is allowed for a whole exponent only.
///
/// ```text
/// forward   y  = x^p
/// vjp       dx = dy ⊙ p x^(p−1)        0 for p = 0
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: as `f64::powf`: at 0, ∞ for p < 0, and slope ∞ for p < 1; x⁰ = 1 even at NaN; otherwise
/// NaN stays NaN.
pub struct Powf {
    /// The exponent p.
    pub exponent: f64,
}

impl Describe for Powf {
    const NAME: &'static str = "powf";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        if draw.coin() {
            let exponent = draw.number(-2.0..3.0);
            (Self { exponent }, vec![draw.tensor(&shape, 0.5..2.0)])
        } else {
            let exponent = draw.below(0..5) as f64 - 1.0;
            (Self { exponent }, vec![draw.signed_tensor(&shape, 0.5..2.0)])
        }
    }
}

impl<E: Element> Op<E, 1> for Powf {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| x.powf(self.exponent)))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let p = self.exponent;
        if p == 0.0 {
            return [dy.map(|_| E::ZERO).into()];
        }
        let slope = |x: E| E::from_f64(p) * x.powf(p - 1.0);
        [dy.zip(x, |dy, x| E::pull_back(dy, slope(x))).into()]
    }
}

/// Hyperbolic tangent.
///
/// ```text
/// forward   y  = tanh x
/// vjp       dx = dy ⊙ (1 − y²)         since d tanh(x)/dx = 1 − tanh²(x)
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ±1 with slope 0 at ±∞; NaN stays NaN.
pub struct Tanh;

impl Describe for Tanh {
    const NAME: &'static str = "tanh";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Tanh {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.tanh())
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(y, |dy, y| E::pull_back(dy, E::ONE - y * y)).into()]
    }
}

/// The logistic function.
///
/// ```text
/// forward   y  = σ(x) = 1 / (1 + e^(−x))
/// vjp       dx = dy ⊙ y (1 − y)
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: 0 and 1 with slope 0 at −∞ and ∞, and no overflow; NaN stays NaN.
pub struct Sigmoid;

impl Describe for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Sigmoid {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.sigmoid())
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(y, |dy, y| E::pull_back(dy, y * (E::ONE - y))).into()]
    }
}

/// The positive part.
///
/// ```text
/// forward   y  = max(x, 0)
/// vjp       dx = dy where x > 0, else 0       the convention at the kink: relu′(0) = 0
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: 0 at −∞, ∞ at ∞; NaN stays NaN, with gradient 0.
pub struct Relu;

impl Describe for Relu {
    const NAME: &'static str = "relu";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.signed_tensor(&shape, 0.1..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Relu {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| if x.value() <= 0.0 { E::ZERO } else { x }))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| if x.value() > 0.0 { dy } else { E::ZERO }).into()]
    }
}

/// ln(1 + x), exact for small x.
///
/// ```text
/// forward   y  = ln(1 + x)
/// vjp       dx = dy / (1 + x)
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: −∞ with slope ∞ at −1, NaN below; ∞ at ∞ with slope 0; NaN stays NaN.
pub struct Log1p;

impl Describe for Log1p {
    const NAME: &'static str = "log1p";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -0.6..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Log1p {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::ln_1p))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| E::pull_back(dy, E::ONE / (E::ONE + x))).into()]
    }
}

/// One divided by x.
///
/// ```text
/// forward   y  = 1 / x
/// vjp       dx = −dy ⊙ y²                    since d(1/x)/dx = −1/x²
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ±∞ with slope −∞ at ±0; 0 at ±∞ with slope 0; NaN stays NaN.
pub struct Recip;

impl Describe for Recip {
    const NAME: &'static str = "recip";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.signed_tensor(&shape, 0.5..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Recip {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| E::ONE / x))
    }

    #[inline]
    fn vjp(&self, [_x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(y, |dy, y| E::pull_back(dy, -y * y)).into()]
    }
}

/// The absolute value.
///
/// ```text
/// forward   y  = |x|
/// vjp       dx = dy where x > 0, −dy where x < 0, else 0      the convention at the kink: abs′(0) = 0
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ at ±∞ with slope ±1; NaN stays NaN, with gradient 0.
pub struct Abs;

impl Describe for Abs {
    const NAME: &'static str = "abs";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.signed_tensor(&shape, 0.1..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Abs {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let size = |x: E| match sign(x) {
            0 => E::from_f64(x.value().abs()),
            1 => x,
            _ => -x,
        };
        Ok(x.map(size))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let pull = |dy: E, x: E| match sign(x) {
            0 => E::ZERO,
            1 => dy,
            _ => -dy,
        };
        [dy.zip(x, pull).into()]
    }
}

/// 1, −1, or 0 for zero and NaN.
fn sign<E: Element>(x: E) -> i8 {
    i8::from(x.value() > 0.0) - i8::from(x.value() < 0.0)
}

/// x brought between two bounds; one of them may be infinite.
///
/// ```text
/// forward   y  = min(max(x, min), max)
/// vjp       dx = dy where min ≤ x ≤ max, else 0      at a bound the gradient passes, as in PyTorch
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ±∞ give the bounds; NaN stays NaN, with gradient 0. `min` above `max`, or a NaN bound, is refused.
pub struct Clamp {
    /// The lower bound.
    pub min: f64,
    /// The upper bound.
    pub max: f64,
}

impl Describe for Clamp {
    const NAME: &'static str = "clamp";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let op = Self { min: draw.number(-1.5..-0.5), max: draw.number(0.5..1.5) };
        let x = Tensor::from_fn(&shape, |_| match draw.below(0..3) {
            0 => op.min - draw.number(0.1..1.0),
            1 => draw.number(-0.4..0.4),
            _ => op.max + draw.number(0.1..1.0),
        });
        (op, vec![x])
    }
}

impl<E: Element> Op<E, 1> for Clamp {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let inside = self.bounds::<E>()?;
        let clamp = |x: E| match x.value() {
            v if v < *inside.start() => E::from_f64(self.min),
            v if v > *inside.end() => E::from_f64(self.max),
            _ => x,
        };
        Ok(x.map(clamp))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let inside = self.bounds::<E>().unwrap_or(f64::NAN..=f64::NAN);
        [dy.zip(x, |dy, x| if inside.contains(&x.value()) { dy } else { E::ZERO }).into()]
    }
}

impl Clamp {
    /// The bounds, rounded to the element type as x is: so that x = 0.1 is inside up to 0.1 in `f32` too.
    fn bounds<E: Element>(&self) -> Result<RangeInclusive<f64>, Error> {
        let (op, value) = (Self::NAME, self.min);
        if self.max.is_nan() {
            let (name, value) = ("maximum", self.max);
            return Err(Error::Setting { op, name, value, allowed: "a number" });
        }
        if self.min <= self.max {
            return Ok(E::from_f64(self.min).value()..=E::from_f64(self.max).value());
        }
        Err(Error::Setting { op, name: "minimum", value, allowed: "at most the maximum" })
    }
}

/// The sine.
///
/// ```text
/// forward   y  = sin x
/// vjp       dx = dy ⊙ cos x
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: NaN at ±∞; NaN stays NaN.
pub struct Sin;

impl Describe for Sin {
    const NAME: &'static str = "sin";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Sin {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::sin))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| E::pull_back(dy, x.cos())).into()]
    }
}

/// The cosine.
///
/// ```text
/// forward   y  = cos x
/// vjp       dx = −dy ⊙ sin x
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: NaN at ±∞; NaN stays NaN.
pub struct Cos;

impl Describe for Cos {
    const NAME: &'static str = "cos";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Cos {
    #[inline]
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::cos))
    }

    #[inline]
    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| E::pull_back(dy, -x.sin())).into()]
    }
}
