//! What the ops do where numbers end: tiny, huge, zero, infinite, and not a number.
//!
//! The expectations are formulas of their own, computed in `f64` and written with other functions than the
//! ops use; what an op says of its edges is a table of numbers.

use autograd::gradcheck::every_op;
use autograd::ops::CrossEntropy;
use autograd::{Element, Mask, Tape, Tensor, Var};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// ±1e-30 … ±1e30, three to a decade.
fn sizes() -> Vec<f64> {
    let sizes = (-90..=90).map(|k| 10f64.powf(f64::from(k) / 3.0));
    sizes.flat_map(|x| [x, -x]).collect()
}

/// A function of one number on the tape.
trait Curve {
    fn call<'t, E: Element>(&self, x: Var<'t, E>) -> Var<'t, E>;
}

/// A curve with what it must give: value and slope at a finite x, and at 0, ∞, −∞, NaN.
macro_rules! curves {
    ($($name:ident: |$x:ident| $op:expr; |$v:ident| $value:expr, $slope:expr; $edges:expr;)*) => { $(
        #[test]
        fn $name() {
            struct This;
            impl Curve for This {
                fn call<'t, E: Element>(&self, $x: Var<'t, E>) -> Var<'t, E> {
                    $op
                }
            }
            let expected = |$v: f64| ($value, $slope);
            check_curve::<f64>(&This, expected, $edges, f64::EPSILON);
            check_curve::<f32>(&This, expected, $edges, f64::from(f32::EPSILON));
        }
    )*
        /// The names of the curves.
        const CURVES: &[&str] = &[$(stringify!($name)),*];
    };
}

/// Value and slope of a curve at x, and x as the element type has it.
fn value_and_slope<E: Element>(curve: &impl Curve, x: f64) -> (f64, f64, f64) {
    let tape = Tape::<E>::new();
    let at = tape.leaf(Tensor::from([E::from_f64(x)]));
    let y = curve.call(at);
    let slope = tape.backward(y).of(at).item().value();
    (at.value().item().value(), y.value().item().value(), slope)
}

#[track_caller]
fn check_curve<E: Element>(
    curve: &impl Curve,
    expected: impl Fn(f64) -> (f64, f64),
    edges: [(f64, f64); 4],
    epsilon: f64,
) {
    for x in sizes() {
        let (x, y, slope) = value_and_slope::<E>(curve, x);
        let (right_y, right_slope) = expected(x);
        assert!(near::<E>(y, right_y, x, epsilon), "value at {x:e}: {y:e}, not {right_y:e}");
        let ok = near::<E>(slope, right_slope, 1.0, epsilon);
        assert!(ok, "slope at {x:e}: {slope:e}, not {right_slope:e}");
    }
    for (x, (right_y, right_slope)) in [0.0, INF, -INF, NAN].into_iter().zip(edges) {
        let (_, y, slope) = value_and_slope::<E>(curve, x);
        let [right_y, right_slope] = [right_y, right_slope].map(|y| E::from_f64(y).value());
        assert!(same(y, right_y), "value at {x}: {y}, not {right_y}");
        assert!(same(slope, right_slope), "slope at {x}: {slope}, not {right_slope}");
    }
}

/// Equal up to rounding, relative to the larger of the number and `scale`; and what is too large for the
/// element type is infinite.
fn near<E: Element>(found: f64, right: f64, scale: f64, epsilon: f64) -> bool {
    let rounded = E::from_f64(right).value();
    if rounded.is_nan() || rounded.is_infinite() {
        return same(found, rounded);
    }
    let tiny = 1e-38; // where f32 becomes coarse
    (found - right).abs() <= 8.0 * epsilon * right.abs().max(scale.abs().min(1.0)) + tiny
}

fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

/// tanh x by e^(2x) − 1.
fn by_exp_m1(x: f64) -> f64 {
    if x > 20.0 { 1.0 } else { (2.0 * x).exp_m1() / ((2.0 * x).exp_m1() + 2.0) }
}

/// σ(x) by tanh.
fn logistic(x: f64) -> f64 {
    0.5 * (1.0 + (0.5 * x).tanh())
}

/// Φ(x) by Simpson's rule on the density.
fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 12.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let steps = 8000;
    let h = x / f64::from(steps);
    // Added with the rounding error of each sum carried over (Kahan).
    let (mut sum, mut lost) = (0.0, 0.0);
    for i in 0..=steps {
        let weight = if i == 0 || i == steps { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
        let term = weight * density(h * f64::from(i)) - lost;
        let next = sum + term;
        lost = (next - sum) - term;
        sum = next;
    }
    0.5 + sum * h / 3.0
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// u of gelu's approximation, and u′.
fn tanh_argument(x: f64) -> (f64, f64) {
    let scale = (2.0 / std::f64::consts::PI).sqrt();
    (scale * (x + 0.044715 * x.powi(3)), scale * (1.0 + 0.134145 * x * x))
}

/// a b, but 0 if a is 0.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a * b }
}

fn step(x: f64) -> f64 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

/// The same number on the tape of x, with no gradient.
fn constant<'t, E: Element>(x: Var<'t, E>, number: f64) -> Var<'t, E> {
    x.tape().constant(Tensor::from([E::from_f64(number)]))
}

// Each is named after its op. At 0, ∞, −∞, NaN: (value, slope).
curves! {
    add_one: |x| x + constant(x, 1.0); |x| 1.0 - -x, 1.0;
        [(1.0, 1.0), (INF, 1.0), (-INF, 1.0), (NAN, 1.0)];
    sub_from_one: |x| constant(x, 1.0) - x; |x| -(x - 1.0), -1.0;
        [(1.0, -1.0), (-INF, -1.0), (INF, -1.0), (NAN, -1.0)];
    mul_by_itself: |x| x * x; |x| x.powi(2), x + x;
        [(0.0, 0.0), (INF, INF), (INF, -INF), (NAN, NAN)];
    div_by_four: |x| x / constant(x, 4.0); |x| 0.25 * x, 0.25;
        [(0.0, 0.25), (INF, 0.25), (-INF, 0.25), (NAN, 0.25)];
    div_one: |x| constant(x, 1.0) / x; |x| x.powi(-1), -(x.powi(-1).powi(2));
        [(INF, -INF), (0.0, 0.0), (0.0, 0.0), (NAN, NAN)];
    select_by_sign: |x| Var::select(&x.mask(|x| x > 0.0), x, -x); |x| x.abs(), x.signum();
        [(0.0, -1.0), (INF, 1.0), (INF, -1.0), (NAN, -1.0)];
    masked_fill_of_negatives: |x| x.masked_fill(&x.mask(|x| x < 0.0), 7.0);
        |x| if x < 0.0 { 7.0 } else { x }, step(x);
        [(0.0, 1.0), (INF, 1.0), (7.0, 0.0), (NAN, 1.0)];
    dropout_of_none: |x| x.dropout(0.0, &mut tests::rng(0)); |x| x, 1.0;
        [(0.0, 1.0), (INF, 1.0), (-INF, 1.0), (NAN, 1.0)];
    exp: |x| x.exp(); |x| x.exp(), x.exp(); [(1.0, 1.0), (INF, INF), (0.0, 0.0), (NAN, NAN)];
    ln: |x| x.ln(); |x| x.log2() * std::f64::consts::LN_2, 1.0 / x;
        [(-INF, INF), (INF, 0.0), (NAN, 0.0), (NAN, NAN)];
    sqrt: |x| x.sqrt(); |x| x.powf(0.5), 0.5 * x.powf(-0.5);
        [(0.0, INF), (INF, 0.0), (NAN, NAN), (NAN, NAN)];
    powf_of_three: |x| x.powf(3.0); |x| x * x * x, 3.0 * x * x;
        [(0.0, 0.0), (INF, INF), (-INF, INF), (NAN, NAN)];
    powf_of_a_half: |x| x.powf(0.5); |x| x.sqrt(), 0.5 / x.sqrt();
        [(0.0, INF), (INF, 0.0), (INF, 0.0), (NAN, NAN)];
    powf_of_minus_two: |x| x.powf(-2.0); |x| (x * x).recip(), -2.0 * x.powi(-3);
        [(INF, -INF), (0.0, 0.0), (0.0, 0.0), (NAN, NAN)];
    powf_of_zero: |x| x.powf(0.0); |_x| 1.0, 0.0; [(1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)];
    tanh: |x| x.tanh(); |x| by_exp_m1(x), 1.0 / x.cosh().powi(2);
        [(0.0, 1.0), (1.0, 0.0), (-1.0, 0.0), (NAN, NAN)];
    sigmoid: |x| x.sigmoid(); |x| logistic(x), logistic(x) * logistic(-x);
        [(0.5, 0.25), (1.0, 0.0), (0.0, 0.0), (NAN, NAN)];
    relu: |x| x.relu(); |x| 0.5 * (x + x.abs()), step(x);
        [(0.0, 0.0), (INF, 1.0), (0.0, 0.0), (NAN, 0.0)];
    log1p: |x| x.log1p(); |x| x.ln_1p(), 1.0 / (1.0 + x);
        [(0.0, 1.0), (INF, 0.0), (NAN, 0.0), (NAN, NAN)];
    recip: |x| x.recip(); |x| x.powi(-1), -(x.powi(-1).powi(2));
        [(INF, -INF), (0.0, 0.0), (0.0, 0.0), (NAN, NAN)];
    abs: |x| x.abs(); |x| (x * x).sqrt(), x.signum();
        [(0.0, 0.0), (INF, 1.0), (INF, -1.0), (NAN, 0.0)];
    clamp: |x| x.clamp(-1.5, 2.5); |x| if x < 0.0 { x.max(-1.5) } else { x.min(2.5) }, step(x + 1.5) * step(2.5 - x);
        [(0.0, 1.0), (2.5, 0.0), (-1.5, 0.0), (NAN, 0.0)];
    leaky_relu: |x| x.leaky_relu(0.25); |x| 0.625 * x + 0.375 * x.abs(), 0.25 + 0.75 * step(x);
        [(0.0, 0.25), (INF, 1.0), (-INF, 0.25), (NAN, 0.25)];
    elu: |x| x.elu(2.0); |x| if x > 0.0 { x } else { 2.0 * x.exp_m1() },
        if x > 0.0 { 1.0 } else { 2.0 * x.exp() };
        [(0.0, 2.0), (INF, 1.0), (-2.0, 0.0), (NAN, NAN)];
    gelu: |x| x.gelu(); |x| times(normal_cdf(x), x), normal_cdf(x) + times(density(x), x);
        [(0.0, 0.5), (INF, 1.0), (0.0, 0.0), (NAN, NAN)];
    gelu_tanh: |x| x.gelu_tanh(); |x| 0.5 * times(1.0 + tanh_argument(x).0.tanh(), x),
        0.5 * (1.0 + tanh_argument(x).0.tanh())
            + 0.5 * times(tanh_argument(x).0.cosh().powi(-2), x * tanh_argument(x).1);
        [(0.0, 0.5), (INF, 1.0), (0.0, 0.0), (NAN, NAN)];
    softplus: |x| x.softplus(); |x| if x > 30.0 { x } else { x.exp().ln_1p() }, logistic(x);
        [(2f64.ln(), 0.5), (INF, 1.0), (0.0, 0.0), (NAN, NAN)];
    silu: |x| x.silu(); |x| x * logistic(x),
        logistic(x) + times(logistic(x) * logistic(-x), x);
        [(0.0, 0.5), (INF, 1.0), (0.0, 0.0), (NAN, NAN)];
    neg: |x| -x; |x| 0.0 - x, -1.0; [(0.0, -1.0), (-INF, -1.0), (INF, -1.0), (NAN, -1.0)];
    affine: |x| 2.0 * x + 1.0; |x| x + x + 1.0, 2.0; [(1.0, 2.0), (INF, 2.0), (-INF, 2.0), (NAN, 2.0)];
    maximum: |x| x.maximum(x.tape().constant(Tensor::from([E::ONE]))); |x| x.max(1.0), if x < 1.0 { 0.0 } else { 1.0 };
        [(1.0, 0.0), (INF, 1.0), (1.0, 0.0), (NAN, 1.0)];
    minimum: |x| x.minimum(x.tape().constant(Tensor::from([-E::ONE]))); |x| x.min(-1.0), if x > -1.0 { 0.0 } else { 1.0 };
        [(-1.0, 0.0), (-1.0, 0.0), (-INF, 1.0), (NAN, 1.0)];
    norm_of_one: |x| x.norm_over(&[0]); |x| x.abs(), x.signum();
        [(0.0, 0.0), (INF, NAN), (INF, NAN), (NAN, NAN)];
    log_sum_exp_of_one: |x| x.log_sum_exp_over(&[0]); |x| x, 1.0;
        [(0.0, 1.0), (INF, NAN), (-INF, 0.0), (NAN, NAN)];
}

#[test]
fn every_elementwise_op_is_among_the_curves() {
    for op in every_op().into_iter().filter(|op| op.elementwise) {
        let is_of_op = |curve: &str| {
            let rest = curve.strip_prefix(op.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let known = CURVES.iter().chain(&["sin", "cos"]).any(|curve| is_of_op(curve));
        assert!(known, "no curve of {}", op.name);
    }
}

/// Sine and cosine lose their meaning where one unit in the last place is more than a turn: only up to 1e4.
#[test]
fn sin_and_cos_follow_each_other() {
    struct Sin;
    impl Curve for Sin {
        fn call<'t, E: Element>(&self, x: Var<'t, E>) -> Var<'t, E> {
            x.sin()
        }
    }
    struct Cos;
    impl Curve for Cos {
        fn call<'t, E: Element>(&self, x: Var<'t, E>) -> Var<'t, E> {
            x.cos()
        }
    }
    for x in sizes().into_iter().filter(|x| x.abs() < 1e4) {
        let (x, sin, d_sin) = value_and_slope::<f64>(&Sin, x);
        let (_, cos, d_cos) = value_and_slope::<f64>(&Cos, x);
        assert!((sin * sin + cos * cos - 1.0).abs() < 1e-15, "{x:e}");
        assert_eq!((d_sin, d_cos), (cos, -sin));
    }
    for x in [INF, -INF, NAN] {
        assert!(value_and_slope::<f32>(&Sin, x).1.is_nan());
        assert!(value_and_slope::<f32>(&Cos, x).1.is_nan());
    }
    assert_eq!(value_and_slope::<f32>(&Sin, 0.0), (0.0, 0.0, 1.0));
    assert_eq!(value_and_slope::<f32>(&Cos, 0.0), (0.0, 1.0, 0.0));
}

/// A function of one vector.
type Vector = for<'t> fn(Var<'t, f32>) -> Var<'t, f32>;

#[test]
fn nothing_overflows_in_f32() {
    let functions: [(&str, Vector); 7] = [
        ("softmax", |x| x.softmax()),
        ("log_softmax", |x| x.log_softmax()),
        ("log_sum_exp", |x| x.log_sum_exp_over(&[0])),
        ("sigmoid", |x| x.sigmoid()),
        ("softplus", |x| x.softplus()),
        ("cross_entropy", |x| x.reshape(&[1, 3]).cross_entropy(&[1])),
        ("smoothed cross_entropy", |x| {
            let smoothed = CrossEntropy { smoothing: 0.1, ..CrossEntropy::new(&[1]) };
            x.reshape(&[1, 3]).cross_entropy_with(smoothed)
        }),
    ];
    for (name, function) in functions {
        for size in sizes() {
            for other in [0.0, size, -size] {
                let tape = Tape::new();
                let x = tape.leaf(Tensor::from([size, other, 1.0].map(|x| x as f32)));
                let y = function(x);
                assert!(y.value().is_finite(), "{name} of {:?}: {:?}", x.value(), y.value());
                let dx = tape.backward(y.sum()).of(x);
                assert!(dx.is_finite(), "gradient of {name} of {:?}: {dx:?}", x.value());
            }
        }
    }
}

#[test]
fn a_norm_neither_overflows_nor_underflows() {
    for size in [1e-30_f32, 1e30] {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::from([3.0 * size, -4.0 * size]));
        let y = x.norm_over(&[0]);
        assert!((y.value().item() / (5.0 * size) - 1.0).abs() < 1e-6);
        let dx = tape.backward(y).of(x);
        assert!((dx.at(&[0]) - 0.6).abs() < 1e-6 && (dx.at(&[1]) + 0.8).abs() < 1e-6, "{dx:?}");
    }
}

/// select(x > 0, f(x), c) at x = 0 and x = 4: value c and gradient 0 at the first, and the slope of f at
/// the second.
#[track_caller]
fn check_select(f: Vector, slope: f32) {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([0.0_f32, 4.0]));
    let c = tape.constant(Tensor::scalar(7.0));
    let y = Var::select(&x.mask(|x| x > 0.0), f(x), c);
    assert_eq!(y.value().data()[0], 7.0);
    assert!(y.value().is_finite());
    assert_eq!(tape.backward(y.sum()).of(x).data(), [0.0, slope]);
}

#[test]
fn what_select_does_not_choose_leaves_no_trace() {
    check_select(|x| x.sqrt(), 0.25);
    check_select(|x| x.ln(), 0.25);
    check_select(|x| x.recip(), -0.0625);
    check_select(|x| x.powf(-0.5), -0.0625);
    check_select(|x| x.powf(0.5), 0.25);
    check_select(|x| x.reshape(&[2, 1]).norm_over(&[1]), 1.0);
}

/// The value of `f` at x, and the gradient of its sum.
fn gradient(x: Tensor<f64>, f: impl Fn(Var<'_, f64>) -> Var<'_, f64>) -> (Vec<f64>, Vec<f64>) {
    let tape = Tape::new();
    let x = tape.leaf(x);
    let y = f(x);
    let dx = tape.backward(y.sum()).of(x);
    (y.value().data().to_vec(), dx.data().to_vec())
}

#[test]
fn a_tie_gives_all_to_the_first() {
    let x = || Tensor::from([[1.0, 3.0, 3.0], [3.0, 0.0, 0.0]]);
    let first = |i: usize| (0..6).map(|k| f64::from(u8::from(k == i))).collect::<Vec<_>>();
    assert_eq!(gradient(x(), |x| x.max_over(&[0, 1])), (vec![3.0], first(1)));
    assert_eq!(gradient(x(), |x| x.min_over(&[1, 0])), (vec![0.0], first(4)));
    assert_eq!(x().argmax(0), [1, 0, 0]);
    let (_, dx) = gradient(Tensor::from([2.0]), |x| x.maximum(x.tape().leaf(Tensor::from([2.0]))));
    assert_eq!(dx, [1.0]);
    let (_, dx) = gradient(Tensor::from([2.0]), |x| x.tape().leaf(Tensor::from([2.0])).minimum(x));
    assert_eq!(dx, [0.0]);
}

#[test]
fn a_nan_is_the_largest_and_the_smallest() {
    let x = || Tensor::from([1.0, NAN, NAN, INF]);
    for (y, dx) in [gradient(x(), |x| x.max_over(&[0])), gradient(x(), |x| x.min_over(&[0]))] {
        assert!(y[0].is_nan());
        assert_eq!(dx, [0.0, 1.0, 0.0, 0.0]);
    }
    assert_eq!(x().argmax(0), [1]);
}

#[test]
fn a_masked_score_has_probability_zero_and_gradient_zero() {
    let mask = Mask::new(&[3], vec![false, true, false]);
    let (y, dx) = gradient(Tensor::from([0.0, NAN, 0.0]), |x| {
        let y = x.masked_fill(&mask, -INF).softmax();
        y * y.detach()
    });
    assert_eq!(y, [0.25, 0.0, 0.25]);
    assert_eq!(dx, [0.0, 0.0, 0.0]);
}

#[test]
fn log_sum_exp_of_nothing_but_minus_infinity_has_no_gradient() {
    let (y, dx) = gradient(Tensor::from([-INF, -INF]), |x| x.log_sum_exp_over(&[0]));
    assert_eq!((y, dx), (vec![-INF], vec![0.0, 0.0]));
    let (y, _) = gradient(Tensor::zeros(&[0]), |x| x.log_sum_exp_over(&[0]));
    assert_eq!(y, [-INF]);
}

#[test]
fn a_variance_of_too_few_is_nan() {
    let (y, dx) = gradient(Tensor::from([[1.0], [2.0]]), |x| x.var_over(&[1], 1));
    assert!(y.into_iter().chain(dx).all(f64::is_nan));
}

#[test]
fn cross_entropy_with_every_target_ignored_is_zero() {
    for smoothing in [0.0, 0.5] {
        let options = CrossEntropy { ignore: Some(9), smoothing, ..CrossEntropy::new(&[9, 9]) };
        let x = Tensor::from([[NAN, 1.0], [INF, -INF]]);
        let found = gradient(x, |x| x.cross_entropy_with(options.clone()));
        assert_eq!(found, (vec![0.0], vec![0.0; 4]));
    }
}

#[test]
fn an_impossible_class_costs_infinitely_much_only_if_it_is_right() {
    let x = || Tensor::from([[0.0, -INF]]);
    assert_eq!(gradient(x(), |x| x.cross_entropy(&[1])).0, [INF]);
    assert_eq!(gradient(x(), |x| x.cross_entropy(&[0])), (vec![0.0], vec![0.0, 0.0]));
}

#[test]
fn what_dropout_keeps_is_scaled_and_the_rest_is_gone() {
    let mut rng = tests::rng(5);
    let x = Tensor::full(&[10_000], 3.0);
    let (y, dx) = gradient(x, |x| x.dropout(0.25, &mut tests::rng(5)));
    let again = autograd::ops::Dropout::draw(&[10_000], 0.25, &mut rng).expect("p is allowed");
    for ((y, dx), &kept) in y.iter().zip(&dx).zip(again.kept().data()) {
        assert_eq!((*y, *dx), if kept { (4.0, 4.0 / 3.0) } else { (0.0, 0.0) });
    }
    let dropped = y.iter().filter(|&&y| y == 0.0).count();
    assert!((2_400..2_600).contains(&dropped), "{dropped} of 10,000 dropped");
}
