//! Transforms agree with each other, at every order, and on every struct of parameters.

use autograd::draw::Draw;
use autograd::transform::{checkpoint, hessian, hvp, jacobian, jvp, value_and_grad, vjp};
use autograd::{Dual, Element, Params, Tape, Tensor, Var};
use proptest::prelude::*;
use rnn::{Cell, Gru, Lstm, LstmState};
use tests::{assert_close, config, distance, rng};

/// A function of two parameters with curvature everywhere: y = tanh(x w) ⊙ e^(−x²/2).
fn model<'t, E: Element>(_: &'t Tape<E>, [x, w]: [Var<'t, E>; 2]) -> Var<'t, E> {
    x.matmul(w).tanh() * (x * x * -0.5).exp()
}

fn loss<'t, E: Element>(tape: &'t Tape<E>, params: [Var<'t, E>; 2]) -> Var<'t, E> {
    let y = model(tape, params);
    (y * y).sum()
}

fn point(seed: u64, rows: usize, n: usize) -> [Tensor<f64>; 2] {
    let mut draw = Draw::new(seed, 0, 0);
    [draw.tensor(&[rows, n], -1.0..1.0), draw.tensor(&[n, n], -1.0..1.0)]
}

proptest! {
    #![proptest_config(config(64, file!()))]

    #[test]
    fn a_jacobian_holds_every_vjp_and_every_jvp(seed: u64, rows in 1..4_usize, n in 1..4_usize) {
        let at = point(seed, rows, n);
        let v = point(!seed, rows, n);
        let dy = Draw::new(seed ^ 1, 0, 0).tensor(&[rows, n], -1.0..1.0);
        let jacobians = jacobian(model, &at);
        let flat = |j: &Tensor<f64>, x: &Tensor<f64>| j.reshape(&[rows * n, x.elements()]);

        let (_, pulled) = vjp(model, &at, &dy);
        let (_, pushed) = jvp(model, &at, &v);
        let mut sum = Tensor::zeros(&[rows * n, 1]);
        for i in 0..2 {
            let j = flat(&jacobians[i], &at[i]);
            let row = dy.reshape(&[1, rows * n]).matmul(&j);
            prop_assert!(distance(&row.reshape(at[i].shape()), &pulled[i]) <= 1e-13);
            sum = sum + j.matmul(&v[i].reshape(&[at[i].elements(), 1]));
        }
        prop_assert!(distance(&sum.reshape(&[rows, n]), &pushed) <= 1e-13);
    }

    #[test]
    fn a_hessian_is_symmetric_and_holds_every_hvp(seed: u64, n in 1..4_usize) {
        let (at, v) = (point(seed, 2, n), point(!seed, 2, n));
        let h = hessian(loss, &at);
        let size = h.shape()[0];
        for i in 0..size {
            for j in 0..i {
                prop_assert!((h.at(&[i, j]) - h.at(&[j, i])).abs() <= 1e-13);
            }
        }
        let flat = |p: &[Tensor<f64>; 2]| {
            let numbers = [p[0].data(), p[1].data()].concat();
            Tensor::new(&[size, 1], numbers)
        };
        let (_, curve) = hvp(loss, &at, &v);
        prop_assert!(distance(&h.matmul(&flat(&v)), &flat(&curve)) <= 1e-13);
    }

    #[test]
    fn a_checkpointed_segment_has_the_same_gradients(seed: u64, n in 1..4_usize) {
        let at = point(seed, 2, n);
        let (plain, grads) = value_and_grad(loss, &at);
        let (value, again) = value_and_grad(
            |tape, params| {
                let [y] = checkpoint(tape, params, |tape, params| [model(tape, params)]);
                (y * y).sum()
            },
            &at,
        );
        prop_assert_eq!(value, plain);
        prop_assert_eq!(again, grads);
    }
}

#[test]
fn third_derivatives_come_from_dual_numbers_in_dual_numbers() {
    // f = x⁴: f′ = 4x³, f″ = 12x², f‴ = 24x.
    let at = [Tensor::from([Dual::new(1.5, 1.0)])];
    let (grad, curve) = hvp(|_, [x]| x.powf(4.0), &at, &[Tensor::from([Dual::ONE])]);
    let (d1, d2) = (grad[0].item(), curve[0].item());
    assert_eq!((d1.value, d1.derivative), (13.5, 27.0));
    assert_eq!((d2.value, d2.derivative), (27.0, 36.0));
}

/// One segment of an unrolled LSTM is computed again on the way back: all its parameters and both
/// parts of its state go in, both parts of the next state come out.
#[test]
fn a_segment_of_an_lstm_can_be_checkpointed_as_it_is() {
    let params = Lstm::init::<f64>(2, 3, &mut rng(0));
    let state = Lstm::zero_state(&params, 1).map(|z| z + 0.25);
    let x = Tensor::from([[0.5, -1.0]]);
    let run = |checkpointed: bool| {
        let tape = Tape::new();
        let leaves = params.map(|w| tape.leaf(w.clone()));
        let start = state.map(|s| tape.leaf(s.clone()));
        let inputs = [leaves.leaves(), start.leaves(), vec![tape.constant(x.clone())]].concat();
        let [h, c] = match checkpointed {
            false => two_steps(&tape, inputs),
            true => checkpoint(&tape, inputs, two_steps),
        };
        let grads = tape.backward((h * 2.0 + c).sum());
        leaves.map(|&w| grads.of(w))
    };
    assert_close("gradients", &run(true), &run(false), 1e-15);
}

fn two_steps<'t>(_: &'t Tape<f64>, inputs: Vec<Var<'t, f64>>) -> [Var<'t, f64>; 2] {
    let Ok([w_ih, w_hh, b_ih, b_hh, h, c, x]) = <[_; 7]>::try_from(inputs) else {
        panic!("seven variables");
    };
    let params = Lstm { w_ih, w_hh, b_ih: Some(b_ih), b_hh: Some(b_hh) };
    let middle = Lstm::step(&params, x, &LstmState { h, c });
    let LstmState { h, c } = Lstm::step(&params, x, &middle);
    [h, c]
}

#[test]
fn transforms_take_any_struct_of_parameters() {
    let params = Gru::init::<f64>(2, 3, &mut rng(1));
    let (_, grads) = value_and_grad(step_loss, &params);
    let direction = params.map(|w| Tensor::ones(w.shape()));
    let (_, slope) = jvp(step_loss, &params, &direction);
    let total: f64 = grads.leaves().iter().map(|g| g.sum().item()).sum();
    assert!((slope.item() - total).abs() <= 1e-13);
}

fn step_loss<'t, E: Element>(tape: &'t Tape<E>, params: Gru<Var<'t, E>>) -> Var<'t, E> {
    let x = tape.constant(Tensor::from([[0.5, -1.0]]).cast());
    let h = tape.constant(Tensor::from([[0.1, 0.2, -0.3]]).cast());
    Gru::step(&params, x, &rnn::Hidden { h }).h.sum()
}
