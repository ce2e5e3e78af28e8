//! The numbers that tensors hold: `f32`, `f64`, [`Dual`](crate::Dual) and [`Complex`](crate::Complex).
//!
//! A model written once for any [`Element`] trains in `f32`, is checked in `f64`, gives exact
//! directional derivatives with dual numbers and derivatives to rounding error with complex ones.
//! For that to hold, a derivative may use only what this trait offers: analytic functions, and
//! decisions (a sign, a maximum) taken on the real part alone.

pub(crate) mod erf;

use std::cell::RefCell;
use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::blocks::{Blocks, PerThread};
use crate::few::Few;
use crate::kernel::packing::Pack;
use crate::kernel::{self, Functions, Sweep, elementary, panels, sweep};
use crate::product::{self, Factors, WeightGradient};
use crate::threads::{MANY, for_each_piece};
use erf::{TERMS_F32, TERMS_F64, erf};

/// A number that can be differentiated through.
pub trait Element:
    Copy
    + Debug
    + Default
    + PartialEq
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
    /// Zero, with no derivative.
    const ZERO: Self;
    /// One, with no derivative.
    const ONE: Self;

    /// The constant `x`, rounded to this type.
    fn from_f64(x: f64) -> Self;
    /// The real part without derivatives: what comparisons look at and reports print.
    fn value(self) -> f64;
    /// Whether every component is finite.
    fn is_finite(self) -> bool;

    /// e to the power of `self`.
    fn exp(self) -> Self;
    /// e^x − 1, exact for small x.
    fn exp_m1(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x), exact for small x.
    fn ln_1p(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// `self` to a constant power.
    fn powf(self, exponent: f64) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The sine.
    fn sin(self) -> Self;
    /// The cosine.
    fn cos(self) -> Self;
    /// The error function (2/√π) ∫₀ˣ e^(−t²) dt.
    fn erf(self) -> Self;

    /// The logistic function 1 / (1 + e^(−x)), written so that e is never raised to a positive
    /// power: it cannot overflow, and keeps its relative precision where it is small.
    fn sigmoid(self) -> Self {
        if self.value() >= 0.0 {
            Self::ONE / (Self::ONE + (-self).exp())
        } else {
            let e = self.exp();
            e / (Self::ONE + e)
        }
    }

    /// e to the power of every number of a slice, in place.
    fn exp_all(numbers: &mut [Self]) {
        numbers.iter_mut().for_each(|x| *x = x.exp());
    }

    /// The hyperbolic tangent of every number of a slice, in place.
    fn tanh_all(numbers: &mut [Self]) {
        numbers.iter_mut().for_each(|x| *x = x.tanh());
    }

    /// The logistic function of every number of a slice, in place.
    fn sigmoid_all(numbers: &mut [Self]) {
        numbers.iter_mut().for_each(|x| *x = x.sigmoid());
    }

    /// Runs a loop of your own over numbers of this type, at the kernels' level for `f32` and `f64`: see [`Sweep`].
    fn sweep(sweep: impl Sweep<Self>) {
        sweep.run::<Plain>();
    }

    /// ln(1 + e^x), written so that e is never raised to a positive power. Its slope is the logistic function.
    fn softplus(self) -> Self {
        match self.value() > 0.0 {
            true => self + (-self).exp().ln_1p(),
            false => self.exp().ln_1p(),
        }
    }

    /// `dy · slope`, but 0 where `dy` is 0: what has no influence on the loss gets no gradient,
    /// even where the slope is infinite (√x at 0).
    #[inline]
    fn pull_back(dy: Self, slope: Self) -> Self {
        if dy == Self::ZERO { Self::ZERO } else { dy * slope }
    }

    /// Where blocks of this type wait to be used again, if they do.
    fn blocks() -> Option<&'static PerThread<Self>> {
        None
    }

    /// C = op(A) · op(B), added to what `c` holds if `accumulate`. See [`Factors`] for the layout.
    fn matmul_into(factors: Factors, a: &[Self], b: &[Self], c: &mut [Self], accumulate: bool);

    /// The gradients of weights W_j and of a bias b in y = Σ_j x_j W_jᵀ + b, from d = ∂L/∂y of some rows, [N, m]:
    ///
    /// ```text
    /// dW_j = dᵀ X_j            d_bias = Σ d over the rows, unless it is empty
    /// ```
    ///
    /// X_j may have fewer rows than d: see [`WeightGradient`].
    ///
    /// ```
    /// use autograd::{Element, Few};
    /// use autograd::product::WeightGradient;
    ///
    /// let d = [1.0, 2.0, 3.0, 4.0]; // two rows of two
    /// let (mut dw, mut d_bias) = ([0.0; 2], [0.0; 2]); // written, whatever they hold
    /// let of_w = WeightGradient { x: &[10.0, 100.0], from: 0, dw: &mut dw }; // two rows of one
    /// f64::weight_gradients(&d, 2, Few::from_iter([of_w]), &mut d_bias);
    /// assert_eq!((dw, d_bias), ([310.0, 420.0], [4.0, 6.0]));
    /// ```
    ///
    /// # Panics
    ///
    /// If a length does not fit.
    fn weight_gradients(
        d: &[Self],
        m: usize,
        of: Few<WeightGradient<'_, Self>>,
        d_bias: &mut [Self],
    ) {
        product::rows_of(d, m, d_bias);
        of.into_iter().for_each(|of| of.alone(d, m, Self::matmul_into));
        if !d_bias.is_empty() {
            d_bias.fill(Self::ZERO);
            for d in d.chunks_exact(m) {
                d_bias.iter_mut().zip(d).for_each(|(sum, &d)| *sum += d);
            }
        }
    }

    /// How many columns of a matrix with n columns stand side by side in a panel of
    /// [`Packed`](crate::tensor::Packed): all of them, where the type has no product of its own for panels.
    fn panel(n: usize) -> usize {
        n
    }

    /// Copies a matrix [k, n], or one stored transposed as [n, k], into panels of [`panel`](Element::panel) columns.
    fn pack_into(w: &[Self], [k, n]: [usize; 2], transposed: bool, panels: &mut [Self]) {
        match transposed {
            false => panels.copy_from_slice(w),
            true => (0..k * n).for_each(|i| panels[i] = w[i % n * k + i / n]),
        }
    }

    /// As [`matmul_into`](Element::matmul_into), where B is in panels and neither factor is transposed.
    fn packed_into(factors: Factors, a: &[Self], b: &[Self], c: &mut [Self], accumulate: bool) {
        Self::matmul_into(factors, a, b, c, accumulate);
    }
}

/// The functions of a sweep over numbers that have no kernels.
struct Plain;

impl<E: Element> Functions<E> for Plain {
    fn mul_add(a: E, b: E, c: E) -> E {
        a * b + c
    }
    fn exp(x: E) -> E {
        x.exp()
    }
    fn tanh(x: E) -> E {
        x.tanh()
    }
    fn sigmoid(x: E) -> E {
        x.sigmoid()
    }
}

macro_rules! real {
    ($type:ident, $module:ident, $gemm:path, $gradients:path, $panel:path, $erf_terms:expr) => {
        impl Element for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            #[inline]
            fn value(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }
            #[inline]
            fn exp(self) -> Self {
                <$type>::exp(self)
            }
            #[inline]
            fn exp_m1(self) -> Self {
                <$type>::exp_m1(self)
            }
            #[inline]
            fn ln(self) -> Self {
                <$type>::ln(self)
            }
            #[inline]
            fn ln_1p(self) -> Self {
                <$type>::ln_1p(self)
            }
            #[inline]
            fn sqrt(self) -> Self {
                <$type>::sqrt(self)
            }
            #[inline]
            fn powf(self, exponent: f64) -> Self {
                <$type>::powf(self, exponent as $type)
            }
            #[inline]
            fn tanh(self) -> Self {
                <$type>::tanh(self)
            }
            #[inline]
            fn sin(self) -> Self {
                <$type>::sin(self)
            }
            #[inline]
            fn cos(self) -> Self {
                <$type>::cos(self)
            }
            fn erf(self) -> Self {
                erf(f64::from(self), $erf_terms) as $type
            }

            fn exp_all(numbers: &mut [Self]) {
                kernel::run(elementary::$module::Exp(numbers));
            }
            fn tanh_all(numbers: &mut [Self]) {
                kernel::run(elementary::$module::Tanh(numbers));
            }
            fn sigmoid_all(numbers: &mut [Self]) {
                kernel::run(elementary::$module::Sigmoid(numbers));
            }

            fn sweep(numbers: impl Sweep<Self>) {
                sweep::$module(numbers);
            }

            fn blocks() -> Option<&'static PerThread<Self>> {
                thread_local! {
                    static BLOCKS: RefCell<Blocks<$type>> = const { RefCell::new(Blocks::new()) };
                }
                Some(&BLOCKS)
            }

            fn matmul_into(
                factors: Factors,
                a: &[Self],
                b: &[Self],
                c: &mut [Self],
                accumulate: bool,
            ) {
                $gemm(factors, a, b, c, accumulate);
            }

            fn weight_gradients(
                d: &[Self],
                m: usize,
                of: Few<WeightGradient<'_, Self>>,
                d_bias: &mut [Self],
            ) {
                $gradients(d, m, of, d_bias);
            }

            fn panel(_n: usize) -> usize {
                $panel
            }

            fn pack_into(w: &[Self], [k, n]: [usize; 2], transposed: bool, panels: &mut [Self]) {
                let stride = if transposed { k } else { n };
                let count = MANY.div_ceil((k * $panel).max(1));
                for_each_piece(panels, count * k * $panel, |piece, panels| {
                    let first = piece * count * $panel;
                    let sizes = [k, (n - first).min(count * $panel)];
                    let w = &w[first * if transposed { stride } else { 1 }..];
                    kernel::run(Pack::<_, { $panel }> { w, stride, sizes, transposed, panels });
                });
            }

            fn packed_into(
                Factors { m, k, n, .. }: Factors,
                a: &[Self],
                b: &[Self],
                c: &mut [Self],
                accumulate: bool,
            ) {
                let sizes = [m, k, n];
                kernel::run(panels::Product {
                    sizes,
                    a,
                    stride: k,
                    by_columns: false,
                    panels: b,
                    c,
                    accumulate,
                });
            }
        }
    };
}

real!(f32, single, product::f32_product, product::f32_gradients, panels::F32, TERMS_F32);
real!(f64, double, product::f64_product, product::f64_gradients, panels::F64, TERMS_F64);
