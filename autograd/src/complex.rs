//! Complex numbers, for derivatives by complex step.
//!
//! ```text
//! f′(x) = Im f(x + ih) / h + O(h²)
//! ```
//!
//! Nothing is subtracted, so h can be 1e-30 and the derivative is exact to rounding: the sharpest
//! instrument there is for checking a gradient, as long as f is analytic.
//! Source: Squire and Trapp 1998, "Using Complex Variables to Estimate Derivatives of Real Functions".

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::element::Element;
use crate::product::Factors;

/// re + i·im, in `f64`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl Complex {
    /// re + i·im.
    pub fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }
}

impl Add for Complex {
    type Output = Self;
    #[inline]
    fn add(self, b: Self) -> Self {
        Self::new(self.re + b.re, self.im + b.im)
    }
}

impl Sub for Complex {
    type Output = Self;
    #[inline]
    fn sub(self, b: Self) -> Self {
        Self::new(self.re - b.re, self.im - b.im)
    }
}

impl Mul for Complex {
    type Output = Self;
    #[inline]
    fn mul(self, b: Self) -> Self {
        Self::new(self.re * b.re - self.im * b.im, self.re * b.im + self.im * b.re)
    }
}

/// Smith's method: the larger component of the divisor is scaled to one, so nothing overflows.
impl Div for Complex {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        if b.re.abs() >= b.im.abs() {
            let ratio = b.im / b.re;
            let scale = b.re + b.im * ratio;
            Self::new((self.re + self.im * ratio) / scale, (self.im - self.re * ratio) / scale)
        } else {
            let ratio = b.re / b.im;
            let scale = b.re * ratio + b.im;
            Self::new((self.re * ratio + self.im) / scale, (self.im * ratio - self.re) / scale)
        }
    }
}

impl Neg for Complex {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self::new(-self.re, -self.im)
    }
}

impl AddAssign for Complex {
    #[inline]
    fn add_assign(&mut self, b: Self) {
        *self = *self + b;
    }
}

impl Sum for Complex {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, Add::add)
    }
}

impl Element for Complex {
    const ZERO: Self = Self { re: 0.0, im: 0.0 };
    const ONE: Self = Self { re: 1.0, im: 0.0 };

    #[inline]
    fn from_f64(x: f64) -> Self {
        Self::new(x, 0.0)
    }
    #[inline]
    fn value(self) -> f64 {
        self.re
    }
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }
    fn exp(self) -> Self {
        let r = self.re.exp();
        Self::new(r * self.im.cos(), r * self.im.sin())
    }
    fn ln(self) -> Self {
        Self::new(self.re.hypot(self.im).ln(), self.im.atan2(self.re))
    }
    /// |1 + z|² = 1 + re (2 + re) + im², so the real part is half of ln_1p of what follows the 1.
    fn ln_1p(self) -> Self {
        let excess = self.re * (2.0 + self.re) + self.im * self.im;
        Self::new(0.5 * excess.ln_1p(), self.im.atan2(1.0 + self.re))
    }
    /// The root with positive real part: u = √((|z| + |re|) / 2), and the other part is im / 2u.
    fn sqrt(self) -> Self {
        let u = ((self.re.hypot(self.im) + self.re.abs()) / 2.0).sqrt();
        if u == 0.0 {
            Self::ZERO
        } else if self.re >= 0.0 {
            Self::new(u, self.im / (2.0 * u))
        } else {
            Self::new(self.im.abs() / (2.0 * u), u.copysign(self.im))
        }
    }
    /// A negative base is allowed for a whole exponent only, as for real numbers.
    fn powf(self, p: f64) -> Self {
        let flip = self.re < 0.0 && p.fract() == 0.0;
        let base = if flip { -self } else { self };
        let power = base.re.hypot(base.im).powf(p);
        let angle = base.im.atan2(base.re) * p;
        let y = Self::new(power * angle.cos(), power * angle.sin());
        if flip && p % 2.0 != 0.0 { -y } else { y }
    }
    /// (tanh a (1 + tan² b) + i tan b (1 − tanh² a)) / (1 + tanh² a tan² b): nothing overflows.
    fn tanh(self) -> Self {
        let (t, s) = (self.re.tanh(), self.im.tan());
        // 1 − tanh² a without cancellation.
        let e = (-2.0 * self.re.abs()).exp();
        let sech2 = 4.0 * e / ((1.0 + e) * (1.0 + e));
        let scale = 1.0 + t * t * s * s;
        Self::new(t * (1.0 + s * s) / scale, s * sech2 / scale)
    }
    fn sin(self) -> Self {
        Self::new(self.re.sin() * self.im.cosh(), self.re.cos() * self.im.sinh())
    }
    fn cos(self) -> Self {
        Self::new(self.re.cos() * self.im.cosh(), -self.re.sin() * self.im.sinh())
    }

    /// Four products of the real and imaginary parts.
    fn matmul_into(factors: Factors, a: &[Self], b: &[Self], c: &mut [Self], accumulate: bool) {
        let parts = |x: &[Self]| -> (Vec<f64>, Vec<f64>) { x.iter().map(|x| (x.re, x.im)).unzip() };
        let ((a_re, a_im), (b_re, b_im)) = (parts(a), parts(b));
        let minus_a_im: Vec<f64> = a_im.iter().map(|x| -x).collect();
        let mut re = vec![0.0; c.len()];
        let mut im = vec![0.0; c.len()];
        f64::matmul_into(factors, &a_re, &b_re, &mut re, false);
        f64::matmul_into(factors, &minus_a_im, &b_im, &mut re, true);
        f64::matmul_into(factors, &a_re, &b_im, &mut im, false);
        f64::matmul_into(factors, &a_im, &b_re, &mut im, true);
        for (c, (re, im)) in c.iter_mut().zip(re.into_iter().zip(im)) {
            let product = Self { re, im };
            *c = if accumulate { *c + product } else { product };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// |a − b| relative to the size of b.
    fn near(a: Complex, b: Complex) -> bool {
        let d = a - b;
        d.re.hypot(d.im) <= 4e-15 * (1.0 + b.re.hypot(b.im))
    }

    #[test]
    fn functions_satisfy_their_identities_off_the_real_axis() {
        for re in [-3.0, -0.7, 0.2, 1.9] {
            for im in [-1.1, -1e-30, 0.4] {
                let z = Complex::new(re, im);
                let two = Complex::from_f64(2.0);
                assert!(near(z.exp().ln(), z), "ln exp {z:?}");
                assert!(near(z.sqrt() * z.sqrt(), z), "sqrt {z:?}");
                assert!(near(z.powf(3.0), z * z * z), "powf {z:?}");
                assert!(near(z.ln_1p(), (Complex::ONE + z).ln()), "ln_1p {z:?}");
                assert!(near(z.sin() * z.sin() + z.cos() * z.cos(), Complex::ONE), "sin {z:?}");
                let (p, m) = (z.exp(), (-z).exp());
                assert!(near(z.tanh(), (p - m) / (p + m)), "tanh {z:?}");
                let half = (z / two).tanh();
                assert!(near(z.sigmoid(), (Complex::ONE + half) / two), "sigmoid {z:?}");
            }
        }
    }
}
