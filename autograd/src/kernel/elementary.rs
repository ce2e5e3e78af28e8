//! e^x, tanh and the logistic function for whole slices, several numbers at a time.
//!
//! ```text
//! exp       x = n ln 2 + r,  n whole,  |r| ≤ ½ ln 2          e^x = 2ⁿ e^r,   e^r by its Taylor polynomial
//! expm1     e^x − 1 = 2ⁿ (e^r − 1) + (2ⁿ − 1)                exact to rounding for small x, where n = 0
//! tanh      m = e^(2|x|) − 1                                 tanh |x| = m / (m + 2)
//! sigmoid   e = e^(−|x|)                                     σ(|x|) = 1 / (1 + e),   σ(−|x|) = e / (1 + e)
//! ```
//!
//! ln 2 is subtracted in two parts, the first with so few digits that n times it is exact. 2ⁿ is multiplied in two
//! halves, since 2ⁿ itself may be too large or too small where e^x is not. The polynomial has as many terms as needed for
//! its remainder r^(k+1)/(k+1)! to be a tenth of a unit in the last place: 7 in `f32`, 13 in `f64`.
//!
//! Nothing branches, so that the compiler turns each loop into vector instructions. Errors against the correctly
//! rounded result, measured: at most 2 units in the last place for exp, 4 for tanh and the logistic function, over the
//! whole range, subnormal results included. NaN gives NaN, ±∞ the limit.

use super::Kernel;

macro_rules! elementary {
    (
        $module:ident: $float:ident, $int:ident, $bits:ident,
        mantissa $mantissa:literal, bias $bias:literal,
        ln2 $ln2_high:expr, rest $ln2_low:expr,
        exp_from $lowest:literal to $highest:literal, one_from $one:literal,
        taylor [$($coefficient:expr),+]
    ) => {
        pub(crate) mod $module {
            use super::Kernel;

            /// a b + c.
            #[inline(always)]
            fn mul_add<const FUSED: bool>(a: $float, b: $float, c: $float) -> $float {
                if FUSED { a.mul_add(b, c) } else { a * b + c }
            }

            /// n and r of x = n ln 2 + r, and e^r − 1.
            #[inline(always)]
            fn reduce<const FUSED: bool>(x: $float) -> ($int, $float) {
                // Added to a number of at most a quarter of it, this leaves the nearest whole number in the last digits.
                const ROUND: $float = 1.5 * (1_u64 << $mantissa) as $float;
                let rounded = mul_add::<FUSED>(x, std::$float::consts::LOG2_E, ROUND);
                let n = rounded - ROUND;
                let r = mul_add::<FUSED>(n, -($ln2_high), x);
                let r = mul_add::<FUSED>(n, -($ln2_low), r);
                // r + r²/2! + r³/3! + …, from the last term on
                let mut p = 0.0;
                $(p = mul_add::<FUSED>(p, r, $coefficient);)+
                let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as $int;
                (whole, mul_add::<FUSED>(p * r, r, r))
            }

            /// 2ⁿ for an n whose result is a normal number.
            #[inline(always)]
            fn power_of_two(n: $int) -> $float {
                $float::from_bits((n.wrapping_add($bias) as $bits) << $mantissa)
            }

            /// x between two bounds; NaN stays NaN.
            #[inline(always)]
            fn between(x: $float, lowest: $float, highest: $float) -> $float {
                let x = if x > highest { highest } else { x };
                if x < lowest { lowest } else { x }
            }

            /// e^x.
            #[inline(always)]
            pub(crate) fn exp<const FUSED: bool>(x: $float) -> $float {
                let (n, m) = reduce::<FUSED>(between(x, $lowest, $highest));
                let half = n >> 1;
                (1.0 + m) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
            }

            /// tanh x.
            #[inline(always)]
            pub(crate) fn tanh<const FUSED: bool>(x: $float) -> $float {
                let (n, m) = reduce::<FUSED>(2.0 * between(x.abs(), 0.0, $one));
                let power = power_of_two(n);
                let m = mul_add::<FUSED>(power, m, power - 1.0);
                (m / (m + 2.0)).copysign(x)
            }

            /// 1 / (1 + e^(−x)).
            #[inline(always)]
            pub(crate) fn sigmoid<const FUSED: bool>(x: $float) -> $float {
                let e = exp::<FUSED>(-x.abs());
                (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
            }

            /// What to do with every number of a slice.
            pub(crate) struct Exp<'a>(pub(crate) &'a mut [$float]);
            pub(crate) struct Tanh<'a>(pub(crate) &'a mut [$float]);
            pub(crate) struct Sigmoid<'a>(pub(crate) &'a mut [$float]);

            impl Kernel for Exp<'_> {
                #[inline(always)]
                fn run<const FUSED: bool, const BYTES: usize>(self) {
                    self.0.iter_mut().for_each(|x| *x = exp::<FUSED>(*x));
                }
            }

            impl Kernel for Tanh<'_> {
                #[inline(always)]
                fn run<const FUSED: bool, const BYTES: usize>(self) {
                    self.0.iter_mut().for_each(|x| *x = tanh::<FUSED>(*x));
                }
            }

            impl Kernel for Sigmoid<'_> {
                #[inline(always)]
                fn run<const FUSED: bool, const BYTES: usize>(self) {
                    self.0.iter_mut().for_each(|x| *x = sigmoid::<FUSED>(*x));
                }
            }
        }
    };
}

// 1/k! from the last term of the polynomial down to 1/2.
elementary! {
    single: f32, i32, u32, mantissa 23, bias 127,
    ln2 355.0 / 512.0, rest -2.121_944_4e-4,
    exp_from -104.0 to 89.0, one_from 10.0,
    taylor [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5]
}

elementary! {
    double: f64, i64, u64, mantissa 52, bias 1023,
    ln2 0.693_147_180_369_123_8, rest 1.908_214_929_270_587_7e-10,
    exp_from -746.0 to 710.0, one_from 20.0,
    taylor [
        1.0 / 6_227_020_800.0, 1.0 / 479_001_600.0, 1.0 / 39_916_800.0, 1.0 / 3_628_800.0,
        1.0 / 362_880.0, 1.0 / 40_320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0,
        1.0 / 6.0, 0.5
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Level, levels, run_at};
    use super::*;

    /// How many numbers of the type lie between two, counted through 0.
    macro_rules! ulps {
        ($a:expr, $b:expr, $signed:ty) => {{
            let place = |bits: $signed| if bits < 0 { <$signed>::MIN - bits } else { bits };
            place($a.to_bits() as $signed).abs_diff(place($b.to_bits() as $signed))
        }};
    }

    /// Compares a function at each level with the exact value, for every `step`-th `f32`.
    fn check_f32(
        at: impl Fn(Level, &mut [f32]),
        exact: impl Fn(f64) -> f64,
        allowed: u32,
        step: usize,
    ) {
        let mut inputs: Vec<f32> = (0..=u32::MAX).step_by(step).map(f32::from_bits).collect();
        inputs.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN]);
        let expected: Vec<f32> = inputs.iter().map(|&x| exact(f64::from(x)) as f32).collect();
        for (name, level) in levels() {
            let mut found = inputs.clone();
            at(level, &mut found);
            for ((&x, &y), &exact) in inputs.iter().zip(&found).zip(&expected) {
                let right =
                    y.is_nan() == exact.is_nan() && (y.is_nan() || ulps!(y, exact, i32) <= allowed);
                assert!(right, "{name}: {x:e} gives {y:e}, exactly {exact:e}");
            }
        }
    }

    /// The same for `f64` against the standard library, which is itself a unit or two off.
    fn check_f64(at: impl Fn(Level, &mut [f64]), exact: impl Fn(f64) -> f64, allowed: u64) {
        let mut inputs: Vec<f64> = (0..=u32::MAX)
            .step_by(10_007)
            .map(|high| f64::from_bits(u64::from(high) << 32 | 0x9e37_79b9))
            .collect();
        inputs.extend((-80_000..80_000).map(|i| f64::from(i) * 0.01));
        inputs.extend([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, f64::MIN]);
        for (name, level) in levels() {
            let mut found = inputs.clone();
            at(level, &mut found);
            for (&x, &y) in inputs.iter().zip(&found) {
                let exact = exact(x);
                let right =
                    y.is_nan() == exact.is_nan() && (y.is_nan() || ulps!(y, exact, i64) <= allowed);
                assert!(right, "{name}: {x:e} gives {y:e}, exactly {exact:e}");
            }
        }
    }

    fn sigmoid(x: f64) -> f64 {
        let e = (-x.abs()).exp();
        if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        check_f32(|level, x| run_at(level, single::Exp(x)), f64::exp, 2, 1009);
        check_f64(|level, x| run_at(level, double::Exp(x)), f64::exp, 2);
    }

    #[test]
    fn tanh_is_within_four_units_in_the_last_place() {
        check_f32(|level, x| run_at(level, single::Tanh(x)), f64::tanh, 4, 1009);
        check_f64(|level, x| run_at(level, double::Tanh(x)), f64::tanh, 4);
    }

    #[test]
    fn the_logistic_function_is_within_four_units_in_the_last_place() {
        check_f32(|level, x| run_at(level, single::Sigmoid(x)), sigmoid, 4, 1009);
        check_f64(|level, x| run_at(level, double::Sigmoid(x)), sigmoid, 4);
    }

    #[test]
    fn a_number_gives_the_same_wherever_it_stands_in_a_slice() {
        let inputs: Vec<f32> = (0..1000).map(|i| (i as f32 - 500.0) * 0.013).collect();
        for (name, level) in levels() {
            let mut all = inputs.clone();
            run_at(level, single::Tanh(&mut all));
            for (i, &x) in inputs.iter().enumerate() {
                let mut alone = [x];
                run_at(level, single::Tanh(&mut alone));
                assert_eq!(alone[0].to_bits(), all[i].to_bits(), "{name}");
            }
        }
    }
}
