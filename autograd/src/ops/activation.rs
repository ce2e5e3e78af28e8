//! The bends between the layers: leaky relu, elu, gelu, softplus, silu.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// x where it is positive, a small multiple of it elsewhere.
///
/// ```text
/// forward   y  = x where x > 0, else slope · x
/// vjp       dx = dy where x > 0, else slope · dy      the convention at the kink: slope
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ at ∞, slope · (−∞) at −∞; NaN stays NaN, with slope `slope`.
pub struct LeakyRelu {
    /// The slope for negative x.
    pub slope: f64,
}

impl Describe for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let slope = draw.number(-0.5..0.5);
        (Self { slope }, vec![draw.signed_tensor(&shape, 0.1..2.0)])
    }
}

impl<E: Element> Op<E, 1> for LeakyRelu {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let slope = E::from_f64(self.slope);
        Ok(x.map(|x| if x.value() > 0.0 { x } else { slope * x }))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let slope = E::from_f64(self.slope);
        [dy.zip(x, |dy, x| if x.value() > 0.0 { dy } else { slope * dy }).into()]
    }
}

/// The exponential linear unit: x where it is positive, bending to −α below.
///
/// ```text
/// forward   y  = x where x > 0, else α (e^x − 1)
/// vjp       dx = dy where x > 0, else dy ⊙ α e^x      the convention at the kink: α
/// ```
///
/// Source: Clevert et al. 2015, arXiv 1511.07289, equation 15.
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ at ∞, −α with slope 0 at −∞; NaN stays NaN, and so does its slope.
pub struct Elu {
    /// What −y approaches for very negative x.
    pub alpha: f64,
}

impl Describe for Elu {
    const NAME: &'static str = "elu";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let alpha = draw.number(0.3..2.0);
        (Self { alpha }, vec![draw.signed_tensor(&shape, 0.1..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Elu {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let alpha = E::from_f64(self.alpha);
        Ok(x.map(|x| if x.value() > 0.0 { x } else { alpha * x.exp_m1() }))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let slope = |x: E| E::from_f64(self.alpha) * x.exp();
        let pull = |dy, x: E| if x.value() > 0.0 { dy } else { E::pull_back(dy, slope(x)) };
        [dy.zip(x, pull).into()]
    }
}

/// The Gaussian error linear unit: x times the probability that a normal number is below x.
///
/// ```text
/// forward   y  = x Φ(x)                         Φ(x) = (1 + erf(x/√2)) / 2
/// vjp       dx = dy ⊙ (Φ(x) + x φ(x))           φ(x) = Φ′(x) = e^(−x²/2) / √(2π)
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ with slope 1 at ∞, 0 with slope 0 at −∞; NaN stays NaN. Below −3 the error is relative to
/// |x| and not to |y|, since 1 + erf cancels there.
///
/// Source: Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2.
pub struct Gelu;

impl Gelu {
    /// Φ(x).
    fn cdf<E: Element>(x: E) -> E {
        let half = E::from_f64(0.5);
        half + half * (x * E::from_f64(FRAC_1_SQRT_2)).erf()
    }
}

impl Describe for Gelu {
    const NAME: &'static str = "gelu";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Gelu {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| E::pull_back(Self::cdf(x), x)))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let scale = E::from_f64(0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI); // 1/√(2π)
        let density = |x: E| scale * (-x * x * E::from_f64(0.5)).exp();
        let slope = |x: E| Self::cdf(x) + E::pull_back(density(x), x);
        [dy.zip(x, |dy, x| E::pull_back(dy, slope(x))).into()]
    }
}

/// The approximation of gelu by tanh, as GPT-2 uses it.
///
/// ```text
/// u         = √(2/π) (x + 0.044715 x³)
/// forward   y  = x (1 + tanh u) / 2 = x σ(2u)                 since (1 + tanh u) / 2 = σ(2u)
/// vjp       dx = dy ⊙ (s + x s (1 − s) 2u′)                   s = σ(2u)
///                with u′ = √(2/π) (1 + 3 · 0.044715 x²)
/// ```
///
/// Written with σ nothing cancels where x is negative.
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ with slope 1 at ∞, 0 with slope 0 at −∞; NaN stays NaN.
///
/// Source: Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2.
pub struct GeluTanh;

impl GeluTanh {
    const CUBIC: f64 = 0.044715;

    /// 2u, and its derivative.
    fn argument<E: Element>(x: E) -> (E, E) {
        let scale = E::from_f64(2.0 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI); // 2 √(2/π)
        let cubic = E::from_f64(Self::CUBIC) * x * x;
        let slope = scale * (E::ONE + cubic + cubic + cubic);
        (scale * x * (E::ONE + cubic), slope)
    }
}

impl Describe for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for GeluTanh {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| E::pull_back(Self::argument(x).0.sigmoid(), x)))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let slope = |x: E| {
            let (twice_u, slope) = Self::argument(x);
            let s = twice_u.sigmoid();
            s + E::pull_back(s * (-twice_u).sigmoid(), x * slope) // 1 − σ(2u) = σ(−2u)
        };
        [dy.zip(x, |dy, x| E::pull_back(dy, slope(x))).into()]
    }
}

/// The smooth positive part.
///
/// ```text
/// forward   y  = ln(1 + e^x) = max(x, 0) + ln(1 + e^(−|x|))
/// vjp       dx = dy ⊙ σ(x)
/// ```
///
/// In the second form e is never raised to a positive power: it cannot overflow.
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ with slope 1 at ∞, 0 with slope 0 at −∞; NaN stays NaN.
pub struct Softplus;

impl Describe for Softplus {
    const NAME: &'static str = "softplus";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Softplus {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(E::softplus))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [dy.zip(x, |dy, x| E::pull_back(dy, x.sigmoid())).into()]
    }
}

/// x times its logistic function, also called swish.
///
/// ```text
/// forward   y  = x σ(x)
/// vjp       dx = dy ⊙ (s + x s (1 − s))              s = σ(x), 1 − s = σ(−x)
/// ```
///
/// Shapes: `x` and `y` any, equal.
///
/// Edges: ∞ with slope 1 at ∞, 0 with slope 0 at −∞; NaN stays NaN.
pub struct Silu;

impl Describe for Silu {
    const NAME: &'static str = "silu";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -3.0..3.0)])
    }
}

impl<E: Element> Op<E, 1> for Silu {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x.map(|x| E::pull_back(x.sigmoid(), x)))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let slope = |x: E| {
            let s = x.sigmoid();
            s + E::pull_back(s * (-x).sigmoid(), x)
        };
        [dy.zip(x, |dy, x| E::pull_back(dy, slope(x))).into()]
    }
}
