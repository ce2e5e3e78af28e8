//! Clipping and a step in one pass: the same as one after the other, on any number of threads.

use autograd::clip::{NotFinite, clip_grad_norm, clip_grad_value, grad_norm};
use autograd::optim::{Adagrad, Adam, AdamW, Group, OptimError, Optimizer, RmsProp, Sgd};
use autograd::{Dual, Element, Params, Tensor, init};
use tests::{assert_close, refused, rng};

/// Parameters of many sizes, one of them so large that it is cut.
fn drawn<E: Element>(seed: u64) -> Vec<Tensor<E>> {
    let shapes: [&[usize]; 6] = [&[], &[3], &[0, 4], &[17, 5], &[33], &[500, 700]];
    shapes.map(|shape| init::normal(shape, 1.0, &mut rng(seed))).to_vec()
}

/// Five steps, clipped to this norm, in one pass and in two.
fn check<E: Element, O: Optimizer<E> + Clone>(optimizer: &O, max_norm: f64, allowed: f64) {
    let (mut one, mut two) = (optimizer.clone(), optimizer.clone());
    let mut params = drawn::<E>(0);
    let mut expected = params.clone();
    for step in 1..=5 {
        let grads = drawn::<E>(step);
        let mut clipped = grads.clone();
        let norm = one.step_clipped(&mut params, &grads, max_norm).expect("a step can be taken");
        let wanted = clip_grad_norm(&mut clipped, max_norm).expect("finite");
        two.step(&mut expected, &clipped).expect("a step can be taken");
        assert_eq!(norm, wanted);
        assert_eq!(grads, drawn(step), "the gradients are as they were");
    }
    assert_close(O::NAME, &params, &expected, allowed);
}

fn check_all<E: Element>(allowed: f64) {
    // Clipped, and not.
    for max_norm in [3.0, 1e9] {
        let allowed = if max_norm > 1e6 { 0.0 } else { allowed };
        check::<E, _>(&Sgd::new(0.1, 0.0), max_norm, allowed);
        let nesterov = Sgd { nesterov: true, weight_decay: 0.1, ..Sgd::new(0.1, 0.9) };
        check::<E, _>(&nesterov, max_norm, allowed);
        check::<E, _>(&Adagrad::new(0.1), max_norm, allowed);
        let centred = RmsProp { centered: true, momentum: 0.5, ..RmsProp::new(0.01) };
        check::<E, _>(&centred, max_norm, allowed);
        check::<E, _>(&Adam { weight_decay: 0.1, ..Adam::new(0.01) }, max_norm, allowed);
        let mut groups = AdamW::new(0.01, 0.1);
        groups.groups.push(Group::of(|name| name == "3").weight_decay(0.0).lr_factor(0.5));
        check::<E, _>(&groups, max_norm, allowed);
    }
}

#[test]
fn a_clipped_step_is_clipping_and_a_step() {
    check_all::<f64>(0.0);
    check_all::<f32>(0.0);
}

#[test]
fn the_norm_is_that_of_all_numbers_as_one_vector() {
    let grads = drawn::<f64>(1);
    let squares: f64 = grads.iter().flat_map(|g| g.data()).map(|g| g * g).sum();
    let norm = grad_norm(&grads).expect("finite");
    assert!((norm - squares.sqrt()).abs() <= 1e-12 * norm);
}

#[test]
fn nothing_is_changed_if_a_gradient_is_not_finite() {
    let mut params = drawn::<f64>(0);
    let mut grads = drawn::<f64>(1);
    grads[3].data_mut()[7] = f64::NAN;
    let mut adam = Adam::new(0.1);
    let variant = |error: &OptimError| matches!(error, OptimError::NotFinite(NotFinite { .. }));
    let step = adam.step_clipped(&mut params, &grads, 1.0);
    refused(step, variant, &["`3`", "not finite at [1, 2]"]);
    assert_eq!((params, adam.memory.step()), (drawn(0), 0));
}

#[test]
fn a_step_gives_the_same_bytes_with_any_number_of_threads() {
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads can be started").install(|| {
            let (mut params, grads) = (drawn::<f32>(0), drawn::<f32>(1));
            let mut adam = Adam::new(0.1);
            let norm = adam.step_clipped(&mut params, &grads, 1.0).expect("finite");
            let bits = |w: &Tensor<f32>| w.data().iter().map(|w| w.to_bits()).collect::<Vec<_>>();
            let leaves: Vec<_> = params.leaves().iter().map(bits).collect();
            (norm.to_bits(), leaves)
        })
    };
    let one = bytes(1);
    for threads in [2, 4, 8] {
        assert!(bytes(threads) == one, "other bytes with {threads} threads");
    }
}

/// More than a vector register of numbers, and no whole number of them.
const LONG: usize = 101;

#[test]
fn every_entry_is_cut_wherever_it_stands() {
    let mut grads = [Tensor::from_fn(&[LONG], |i| i as f32 - 50.0)];
    clip_grad_value(&mut grads, 20.5).expect("finite");
    for (i, &g) in grads[0].data().iter().enumerate() {
        assert_eq!(g, (i as f32 - 50.0).clamp(-20.5, 20.5), "at {i}");
    }
}

#[test]
fn what_is_not_finite_is_found_wherever_it_stands() {
    for (i, bad) in (0..LONG).zip([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].iter().cycle()) {
        let mut grads = [Tensor::full(&[LONG], f64::MAX)];
        grads[0].data_mut()[i] = *bad;
        let found = clip_grad_value(&mut grads, 1.0).expect_err("it is there");
        assert_eq!(found.index, [i]);
        assert_eq!(grads[0].data()[(i + 1) % LONG], f64::MAX, "nothing is changed");
    }
}

#[test]
fn a_number_is_finite_only_if_its_derivative_is() {
    let bad = Dual { value: 1.0, derivative: f64::NAN };
    let mut grads = [Tensor::full(&[LONG], Dual::from_f64(1.0))];
    grads[0].data_mut()[7] = bad;
    assert_eq!(clip_grad_value(&mut grads, 1.0).expect_err("NaN").index, [7]);
}
