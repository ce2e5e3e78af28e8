//! Loops of your own at the kernels' level: [`Sweep`].
//!
//! A loop over a slice that calls one function after the other passes over memory once for each. A sweep is one loop
//! for all of them, compiled for every set of instructions, with their tanh and their logistic function inside of it.

use super::{Kernel, elementary, run};

/// What a [`Sweep`] calculates with: functions of one number, compiled into the loop that calls them.
///
/// Errors as those of [`Element::tanh_all`](crate::Element::tanh_all) and its like: a number gives the same bytes in
/// both.
pub trait Functions<E> {
    /// a b + c: rounded once where the level has an instruction for it, else twice.
    fn mul_add(a: E, b: E, c: E) -> E;
    /// e^x.
    fn exp(x: E) -> E;
    /// tanh x.
    fn tanh(x: E) -> E;
    /// 1 / (1 + e^(−x)).
    fn sigmoid(x: E) -> E;
}

/// A loop over numbers that [`Element::sweep`](crate::Element::sweep) runs with the best instructions of this processor.
///
/// ```
/// use autograd::Element;
/// use autograd::kernel::{Functions, Sweep};
///
/// /// y = y σ(x)
/// struct Gate<'a, E>(&'a [E], &'a mut [E]);
///
/// impl<E: Element> Sweep<E> for Gate<'_, E> {
///     #[inline(always)]
///     fn run<F: Functions<E>>(self) {
///         for (&x, y) in self.0.iter().zip(self.1) {
///             *y = *y * F::sigmoid(x);
///         }
///     }
/// }
///
/// let mut y = [1.0, 2.0];
/// f64::sweep(Gate(&[0.0, 3.0_f64.ln()], &mut y));
/// assert_eq!(y, [0.5, 1.5]);
/// ```
pub trait Sweep<E> {
    /// The loop. It must be `#[inline(always)]`, and so must be what it calls, to be compiled anew for each level. What
    /// is not is compiled for the portable one, where `mul_add` may be a slow function.
    fn run<F: Functions<E>>(self);
}

/// The functions at one level.
struct Level<const FUSED: bool>;

/// A sweep of one type of number as a kernel.
struct OfSingle<S>(S);
struct OfDouble<S>(S);

macro_rules! sweep {
    ($name:ident, $kernel:ident, $float:ident, $module:ident) => {
        impl<const FUSED: bool> Functions<$float> for Level<FUSED> {
            #[inline(always)]
            fn mul_add(a: $float, b: $float, c: $float) -> $float {
                if FUSED { a.mul_add(b, c) } else { a * b + c }
            }
            #[inline(always)]
            fn exp(x: $float) -> $float {
                elementary::$module::exp::<FUSED>(x)
            }
            #[inline(always)]
            fn tanh(x: $float) -> $float {
                elementary::$module::tanh::<FUSED>(x)
            }
            #[inline(always)]
            fn sigmoid(x: $float) -> $float {
                elementary::$module::sigmoid::<FUSED>(x)
            }
        }

        impl<S: Sweep<$float>> Kernel for $kernel<S> {
            #[inline(always)]
            fn run<const FUSED: bool, const BYTES: usize>(self) {
                self.0.run::<Level<FUSED>>();
            }
        }

        /// Runs a sweep at the level of this process.
        pub(crate) fn $name(sweep: impl Sweep<$float>) {
            run($kernel(sweep));
        }
    };
}

sweep!(single, OfSingle, f32, single);
sweep!(double, OfDouble, f64, double);
