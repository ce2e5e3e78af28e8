//! Functions of one number, applied to each.

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
pub struct Exp;

impl Describe for Exp {
    const NAME: &'static str = "exp";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Exp {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::exp))
    }

    fn vjp(&self, [_x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(y, E::pull_back).into()]
    }
}

/// Natural logarithm. −∞ at 0 and NaN below, as `f64::ln`.
///
/// ```text
/// forward   y  = ln x
/// vjp       dx = dy / x
/// ```
///
/// Shapes: `x` and `y` any, equal.
pub struct Ln;

impl Describe for Ln {
    const NAME: &'static str = "ln";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, 0.3..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Ln {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::ln))
    }

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
pub struct Sqrt;

impl Describe for Sqrt {
    const NAME: &'static str = "sqrt";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, 0.3..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Sqrt {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::sqrt))
    }

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
pub struct Powf {
    /// The exponent p.
    pub exponent: f64,
}

impl Describe for Powf {
    const NAME: &'static str = "powf";
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
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| x.powf(self.exponent)))
    }

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
pub struct Tanh;

impl Describe for Tanh {
    const NAME: &'static str = "tanh";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Tanh {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::tanh))
    }

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
pub struct Sigmoid;

impl Describe for Sigmoid {
    const NAME: &'static str = "sigmoid";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Sigmoid {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::sigmoid))
    }

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
/// Shapes: `x` and `y` any, equal. NaN stays NaN.
pub struct Relu;

impl Describe for Relu {
    const NAME: &'static str = "relu";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.signed_tensor(&shape, 0.1..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Relu {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| if x.value() <= 0.0 { E::ZERO } else { x }))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| if x.value() > 0.0 { dy } else { E::ZERO }).into()]
    }
}
