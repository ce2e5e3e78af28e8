//! The formulas that chapters display and no other test executes, each in a test of its own.

use autograd::Tensor;
use autograd::draw::Draw;
use autograd::scalar::{Tape, Var};

/// Expects that two numbers agree to 1e-7 of the larger, or of 1.
#[track_caller]
fn assert_close(what: &str, a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-7 * a.abs().max(b.abs()).max(1.0), "{what}: {a} and {b}");
}

/// dy/dx by central differences, as in chapter 1.
fn slope(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
}

#[test]
fn every_operator_of_the_scalar_engine_has_the_slopes_in_the_table() {
    type Binary = (for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>, fn(f64, f64) -> [f64; 2]);
    let binary: [Binary; 4] = [
        (|a, b| a + b, |_, _| [1.0, 1.0]),
        (|a, b| a - b, |_, _| [1.0, -1.0]),
        (|a, b| a * b, |a, b| [b, a]),
        (|a, b| a / b, |a, b| [1.0 / b, -a / (b * b)]),
    ];
    type Unary = (for<'t> fn(Var<'t>) -> Var<'t>, fn(f64) -> f64);
    let unary: [Unary; 7] = [
        (|a| -a, |_| -1.0),
        (|a| a.exp(), f64::exp),
        (|a| a.ln(), |a| 1.0 / a),
        (|a| a.tanh(), |a| 1.0 - a.tanh().powi(2)),
        (|a| a.sigmoid(), |a| (-a).exp() / (1.0 + (-a).exp()).powi(2)),
        (|a| a.relu(), |a| f64::from(a > 0.0)),
        (|a| a.powf(3.0), |a| 3.0 * a * a),
    ];
    let mut draw = Draw::new(2, 0, 0);
    for _ in 0..100 {
        let (x, y) = (draw.number(0.2..2.0), draw.number(0.2..2.0));
        for (f, slopes) in binary {
            let value = |x: f64, y: f64| {
                let tape = Tape::new();
                f(tape.var(x), tape.var(y)).value()
            };
            let [to_a, to_b] = slopes(x, y);
            assert_close("the left slope", to_a, slope(|x| value(x, y), x));
            assert_close("the right slope", to_b, slope(|y| value(x, y), y));
            let tape = Tape::new();
            let (a, b) = (tape.var(x), tape.var(y));
            let grads = tape.backward(f(a, b));
            assert_close("the left gradient", grads.of(a), to_a);
            assert_close("the right gradient", grads.of(b), to_b);
        }
        for (f, expected) in unary {
            let value = |x: f64| f(Tape::new().var(x)).value();
            for x in [x, -x].into_iter().filter(|&x| value(x).is_finite()) {
                assert_close("the slope", expected(x), slope(value, x));
                let tape = Tape::new();
                let a = tape.var(x);
                assert_close("the gradient", tape.backward(f(a)).of(a), expected(x));
            }
        }
    }
}

#[test]
fn the_gradient_of_a_number_is_the_sum_over_its_uses() {
    // L = u v + w with u = a b, v = tanh a, w = a / b: a is used three times.
    let (x, y) = (0.7, 1.3);
    let tape = Tape::new();
    let (a, b) = (tape.var(x), tape.var(y));
    let (u, v, w) = (a * b, a.tanh(), a / b);
    let grads = tape.backward(u * v + w);
    let sum = grads.of(u) * y + grads.of(v) * (1.0 - v.value().powi(2)) + grads.of(w) / y;
    assert_close("the sum over the uses", grads.of(a), sum);
    assert_close("the slope", sum, slope(|x| x * y * x.tanh() + x / y, x));
}

#[test]
fn the_gradient_of_a_state_is_its_own_loss_and_the_step_after_it() {
    let (rows, units, steps) = (2, 3, 4);
    let mut draw = Draw::new(8, 0, 0);
    let w = draw.tensor(&[units, units], -0.9..0.9);
    let losses = draw.tensor(&[steps, rows, units], -1.0..1.0);
    let start = draw.tensor(&[rows, units], -1.0..1.0);
    // The states from step t on, if the state before it is h.
    let states = |h: &Tensor<f64>, t: usize| {
        let mut hs = vec![h.clone()];
        (t..steps).for_each(|_| hs.push(hs[hs.len() - 1].matmul(w.t()).tanh()));
        hs
    };
    let loss_from = |h: &Tensor<f64>, t: usize| -> f64 {
        let hs = states(h, t + 1);
        (t..steps).map(|s| (&hs[s - t] * losses.entry(s)).sum().item()).sum()
    };
    let hs = states(&start, 0);
    let mut dhnext = Tensor::zeros(&[rows, units]);
    for t in (0..steps).rev() {
        let h = &hs[t + 1];
        let dh = losses.entry(t) + &dhnext;
        for i in 0..h.elements() {
            let moved = |x: f64| {
                let mut h = h.clone();
                h.data_mut()[i] = x;
                loss_from(&h, t)
            };
            assert_close("∂L/∂h_t", dh.data()[i], slope(moved, h.data()[i]));
        }
        dhnext = (&dh * (1.0 - h * h)).matmul(&w);
    }
}
