//! Dual numbers: a value and its derivative along one direction (forward mode).
//!
//! ```text
//! (v + d ε) with ε² = 0        f(v + d ε) = f(v) + f′(v) d ε
//! ```
//!
//! `Dual<Dual<f64>>` carries second derivatives, and reverse mode over `Dual` gives
//! Hessian-vector products. Source: Baydin et al. 2018, section 3.1.

use std::f64::consts::FRAC_2_SQRT_PI;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::element::Element;
use crate::product::Factors;

/// A value and its derivative along one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dual<E> {
    /// The value v.
    pub value: E,
    /// The derivative d.
    pub derivative: E,
}

impl<E: Element> Dual<E> {
    /// `value` + `derivative` ε.
    pub fn new(value: E, derivative: E) -> Self {
        Self { value, derivative }
    }

    /// The value `y` = f(v), with f′(v) = `slope`.
    #[inline]
    fn chain(self, y: E, slope: E) -> Self {
        Self::new(y, self.derivative * slope)
    }
}

impl<E: Element> Add for Dual<E> {
    type Output = Self;
    #[inline]
    fn add(self, b: Self) -> Self {
        Self::new(self.value + b.value, self.derivative + b.derivative)
    }
}

impl<E: Element> Sub for Dual<E> {
    type Output = Self;
    #[inline]
    fn sub(self, b: Self) -> Self {
        Self::new(self.value - b.value, self.derivative - b.derivative)
    }
}

impl<E: Element> Mul for Dual<E> {
    type Output = Self;
    #[inline]
    fn mul(self, b: Self) -> Self {
        Self::new(self.value * b.value, self.derivative * b.value + self.value * b.derivative)
    }
}

impl<E: Element> Div for Dual<E> {
    type Output = Self;
    #[inline]
    fn div(self, b: Self) -> Self {
        let y = self.value / b.value;
        Self::new(y, (self.derivative - y * b.derivative) / b.value)
    }
}

impl<E: Element> Neg for Dual<E> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self::new(-self.value, -self.derivative)
    }
}

impl<E: Element> AddAssign for Dual<E> {
    #[inline]
    fn add_assign(&mut self, b: Self) {
        *self = *self + b;
    }
}

impl<E: Element> Sum for Dual<E> {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, Add::add)
    }
}

impl<E: Element> Element for Dual<E> {
    const ZERO: Self = Self { value: E::ZERO, derivative: E::ZERO };
    const ONE: Self = Self { value: E::ONE, derivative: E::ZERO };

    #[inline]
    fn from_f64(x: f64) -> Self {
        Self::new(E::from_f64(x), E::ZERO)
    }
    #[inline]
    fn value(self) -> f64 {
        self.value.value()
    }
    fn is_finite(self) -> bool {
        self.value.is_finite() && self.derivative.is_finite()
    }
    fn exp(self) -> Self {
        let y = self.value.exp();
        self.chain(y, y)
    }
    fn exp_m1(self) -> Self {
        self.chain(self.value.exp_m1(), self.value.exp())
    }
    fn ln(self) -> Self {
        self.chain(self.value.ln(), E::ONE / self.value)
    }
    fn ln_1p(self) -> Self {
        self.chain(self.value.ln_1p(), E::ONE / (E::ONE + self.value))
    }
    fn sqrt(self) -> Self {
        let y = self.value.sqrt();
        self.chain(y, E::from_f64(0.5) / y)
    }
    fn powf(self, p: f64) -> Self {
        if p == 0.0 {
            return Self::ONE;
        }
        let slope = E::from_f64(p) * self.value.powf(p - 1.0);
        self.chain(self.value.powf(p), slope)
    }
    fn tanh(self) -> Self {
        let (y, twice) = (self.value.tanh(), self.value + self.value);
        // 1 − tanh² v = 4 σ(2v) σ(−2v), without cancellation.
        let slope = E::from_f64(4.0) * twice.sigmoid() * (-twice).sigmoid();
        self.chain(y, slope)
    }
    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }
    fn erf(self) -> Self {
        let slope = E::from_f64(FRAC_2_SQRT_PI) * (-self.value * self.value).exp();
        self.chain(self.value.erf(), slope)
    }
    fn sigmoid(self) -> Self {
        let y = self.value.sigmoid();
        // 1 − σ(v) = σ(−v), without cancellation.
        self.chain(y, y * (-self.value).sigmoid())
    }

    /// (A + A′ε)(B + B′ε) = AB + (A′B + AB′)ε: three products of the components.
    fn matmul_into(factors: Factors, a: &[Self], b: &[Self], c: &mut [Self], accumulate: bool) {
        let parts =
            |x: &[Self]| -> (Vec<E>, Vec<E>) { x.iter().map(|x| (x.value, x.derivative)).unzip() };
        let ((a, da), (b, db)) = (parts(a), parts(b));
        let mut value = vec![E::ZERO; c.len()];
        let mut derivative = vec![E::ZERO; c.len()];
        E::matmul_into(factors, &a, &b, &mut value, false);
        E::matmul_into(factors, &da, &b, &mut derivative, false);
        E::matmul_into(factors, &a, &db, &mut derivative, true);
        for (c, (value, derivative)) in c.iter_mut().zip(value.into_iter().zip(derivative)) {
            let product = Self { value, derivative };
            *c = if accumulate { *c + product } else { product };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where tanh and σ are 1 to the last place, their slopes are small numbers with all their digits.
    #[test]
    fn slopes_keep_their_digits_where_a_function_saturates() {
        for x in [-30.0, -17.5, -3.0, 0.0, 0.25, 5.0, 18.0, 30.0_f64] {
            let e = (-2.0 * x.abs()).exp();
            let slope = Dual::new(x, 1.0).tanh().derivative;
            let exact = 4.0 * e / ((1.0 + e) * (1.0 + e));
            assert!((slope - exact).abs() <= 1e-14 * exact, "tanh at {x}: {slope:e} for {exact:e}");

            let e = (-x.abs()).exp();
            let slope = Dual::new(x, 1.0).sigmoid().derivative;
            let exact = e / ((1.0 + e) * (1.0 + e));
            assert!((slope - exact).abs() <= 1e-14 * exact, "σ at {x}: {slope:e} for {exact:e}");
        }
    }
}
