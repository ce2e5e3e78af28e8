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

use crate::element::{Element, erf};
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
    /// e^(a + ib) − 1 = (e^a − 1) cos b − 2 sin²(b/2) + i e^a sin b, since cos b − 1 = −2 sin²(b/2).
    fn exp_m1(self) -> Self {
        let half = (0.5 * self.im).sin();
        let re = self.re.exp_m1() * self.im.cos() - 2.0 * half * half;
        Self::new(re, self.re.exp() * self.im.sin())
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
    /// erf(a) plus the integral from a to a + ib by its Taylor series, for |b| ≤ ½. The series starts with
    /// i b (2/√π) e^(−a²), which for the b of complex step is all that is left of it. A derivative that is
    /// itself written with erf and exp gets exact complex steps in the same way.
    fn erf(self) -> Self {
        let from_a = erf::from(self.re, Self::new(0.0, self.im), erf::TERMS_COMPLEX);
        Self::new(erf::erf(self.re, erf::TERMS_F64), 0.0) + from_a
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
                assert!(near(z.exp_m1() + Complex::ONE, z.exp()), "exp_m1 {z:?}");
                assert!(near(z.sin() * z.sin() + z.cos() * z.cos(), Complex::ONE), "sin {z:?}");
                let (p, m) = (z.exp(), (-z).exp());
                assert!(near(z.tanh(), (p - m) / (p + m)), "tanh {z:?}");
                let half = (z / two).tanh();
                assert!(near(z.sigmoid(), (Complex::ONE + half) / two), "sigmoid {z:?}");
            }
        }
    }

    /// erf at complex points, from mpmath with 60 digits: the real part to two units in the last place.
    #[test]
    fn erf_is_right_on_the_real_axis_and_near_it() {
        for (z, y) in [
            ([1e-300, 0.0], [1.1283791670955126e-300, 0.0]),
            ([0.1, 0.0], [0.1124629160182849, 0.0]),
            ([0.124, 0.0], [0.13920518102987042, 0.0]),
            ([0.126, 1e-30], [0.14142695085161722, 1.1106064723845077e-30]),
            ([0.5, 1e-30], [0.5204998778130465, 8.787825789354449e-31]),
            ([-0.7, 1e-30], [-0.6778011938374184, 6.912748604105386e-31]),
            ([1.1, -1e-30], [0.8802050695740817, -3.364795977932441e-31]),
            ([2.3, 1e-30], [0.9988568234026434, 5.6890172425253675e-33]),
            ([-3.3, 1e-30], [-0.9999969422902035, 2.1037210443580337e-35]),
            ([5.8, 1e-30], [0.9999999999999998, 2.7719710361283794e-45]),
            ([6.5, 1e-30], [1.0, 5.052580003062653e-49]),
            ([0.3, 0.4], [0.3820432325830179, 0.4312520362319642]),
            ([-1.2, 0.25], [-0.9303849840490266, 0.06416588691309118]),
        ] {
            let (z, y): ([f64; 2], [f64; 2]) = (z, y);
            let found = Complex::new(z[0], z[1]).erf();
            assert!(
                (found.re - y[0]).abs() <= 2.0 * f64::EPSILON * y[0].abs(),
                "re erf {z:?}: {found:?}"
            );
            assert!((found.im - y[1]).abs() <= 4e-15 * y[1].abs(), "im erf {z:?}: {found:?}");
        }
    }
}
