//! What one step of an optimizer does.

use autograd::draw::Draw;
use autograd::optim::{Adam, Optimizer, Sgd};
use autograd::transform::value_and_grad;
use autograd::{Tape, Tensor, Var};
use proptest::prelude::*;
use tests::{config, distance};

/// Σ w² + sin w: something curved, with a gradient that is not 0 for w > 0.
fn loss<'t>(_: &'t Tape<f64>, [w]: [Var<'t, f64>; 1]) -> Var<'t, f64> {
    (w * w).sum() + w.sin().sum()
}

proptest! {
    #![proptest_config(config(128, file!()))]

    #[test]
    fn a_small_step_lowers_the_loss_by_the_rate_times_the_gradients_square(seed: u64) {
        let mut w = [Draw::new(seed, 0, 0).tensor(&[4], 0.5..2.0)];
        let (before, gradient) = value_and_grad(loss, &w);
        let rate = 1e-6;
        Sgd::new(rate, 0.0).step(&mut w, &gradient).unwrap();
        let (after, _) = value_and_grad(loss, &w);
        let square = gradient[0].norm().powi(2);
        prop_assert!(((before.item() - after.item()) / rate / square - 1.0).abs() < 1e-4);
    }

    #[test]
    fn adams_first_step_is_its_rate_in_each_weight_whatever_the_gradient(seed: u64, power in -3..4) {
        let mut draw = Draw::new(seed, 0, 0);
        let gradient = [draw.signed_tensor(&[5], 0.5..2.0) * 10f64.powi(power)];
        let mut w = [Tensor::zeros(&[5])];
        Adam::new(0.01).step(&mut w, &gradient).unwrap();
        let signs = gradient[0].map(|g| -0.01 * g.signum());
        prop_assert!(distance(&w[0], &signs) <= 1e-6);
    }

    #[test]
    fn a_constant_gradient_moves_adam_by_its_rate_in_every_step(seed: u64) {
        let gradient = [Draw::new(seed, 0, 0).signed_tensor(&[3], 0.5..2.0)];
        let mut w = [Tensor::zeros(&[3])];
        let mut adam = Adam::new(0.01);
        for step in 1..=50 {
            adam.step(&mut w, &gradient).unwrap();
            let expected = gradient[0].map(|g| -0.01 * f64::from(step) * g.signum());
            prop_assert!(distance(&w[0], &expected) <= 1e-6);
        }
    }

    #[test]
    fn equal_scores_cost_ln_k(classes in 1..20_usize, score in -3.0..3.0_f64) {
        let tape = Tape::new();
        let scores = tape.leaf(Tensor::full(&[4, classes], score));
        let targets: Vec<usize> = (0..4).map(|row| row % classes).collect();
        let loss = scores.cross_entropy(&targets).value().item();
        prop_assert!((loss - (classes as f64).ln()).abs() < 1e-13);
    }

    #[test]
    fn from_weights_of_zero_only_the_last_bias_learns(seed: u64) {
        let mut draw = Draw::new(seed, 0, 0);
        let x = draw.tensor(&[6, 2], -1.0..1.0);
        let targets = [0, 0, 1, 1, 1, 2];
        let zeros = [&[4, 2][..], &[4], &[3, 4], &[3]].map(Tensor::zeros);
        let (_, grads) = value_and_grad(
            |tape, [w1, b1, w2, b2]| {
                let h = (tape.constant(x.clone()).matmul(w1.t()) + b1).tanh();
                (h.matmul(w2.t()) + b2).cross_entropy(&targets)
            },
            &zeros,
        );
        let norms = grads.map(|g| g.norm());
        prop_assert_eq!(&norms[..3], &[0.0; 3]);
        prop_assert!(norms[3] > 0.1);
    }
}
