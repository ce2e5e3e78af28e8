//! Norms of Jacobians, spectral radii and gate histograms against what is known of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::draw::Draw;
use autograd::{Params, Tensor, Var, transform};
use proptest::prelude::*;
use rnn::diagnostics::{
    Wrt, gate_histograms, jacobian, jacobian_norms, spectral_norm, spectral_norms, spectral_radius,
};
use rnn::{Cell, Deep, DeepOptions, Gru, Lstm, Seq, Trace, Vanilla, unroll, unroll_on_tape};
use tests::{config, distance, rng};

/// A trace of T steps from a drawn state.
fn trace<C: Cell>(
    options: &C::Options,
    seed: u64,
    [seq_len, batch, units]: [usize; 3],
) -> (C::Of<Tensor<f64>>, Trace<C, f64>) {
    let mut draw = Draw::new(seed, 0, 0);
    let params = C::init_with(options, 2, units, &mut rng(seed));
    let xs = Seq::time_major(draw.tensor(&[seq_len, batch, 2], -1.0..1.0));
    let initial = C::zero_state(&params, batch).map(|z| draw.tensor(z.shape(), -1.0..1.0));
    let trace = unroll::<C, f64>(&params, &xs, &initial);
    (params, trace)
}

/// The derivative of every entry of h_T in every entry of the state at t, by the tape: its blocks of one row of the
/// batch are J_t, and all others are 0.
fn jacobian_equals_the_tape<C: Cell>(options: &C::Options, seed: u64, sizes: [usize; 3], t: usize) {
    let (params, trace) = trace::<C>(options, seed, sizes);
    let [seq_len, batch, units] = sizes;
    let by_tape = transform::jacobian(
        |tape, parts: Vec<Var<'_, f64>>| {
            let params = params.map(|w| tape.constant(w.clone()));
            let mut parts = parts.into_iter();
            let state = trace.states[t].map(|_| parts.next().expect("one a part"));
            let steps: Vec<_> = (t..seq_len).map(|t| tape.constant(trace.xs.step(t))).collect();
            *C::output(&unroll_on_tape::<C, f64>(&params, &steps, &state).1)
        },
        &trace.states[t].leaves(),
    );
    let by_hand = jacobian::<C, f64>(&params, &trace, t, Wrt::State);
    let mut column = 0;
    for part in by_tape {
        let width = part.shape()[3];
        for (from, to) in (0..batch).flat_map(|from| (0..batch).map(move |to| (from, to))) {
            for (i, j) in (0..units).flat_map(|i| (0..width).map(move |j| (i, j))) {
                let tape = part.at(&[to, i, from, j]);
                let hand = if from == to { by_hand.at(&[to, i, column + j]) } else { 0.0 };
                assert!((tape - hand).abs() <= 1e-12, "{} at {i}, {j}: {hand}, {tape}", C::NAME);
            }
        }
        column += width;
    }
    assert_eq!(by_hand.shape(), [batch, units, column]);
}

/// Both norms of all J_t are those of J_t itself, and power iteration without a matrix finds the same.
fn norms_are_those_of_the_matrix<C: Cell>(options: &C::Options, seed: u64, sizes: [usize; 3]) {
    let (params, trace) = trace::<C>(options, seed, sizes);
    let [seq_len, batch, _] = sizes;
    for wrt in [Wrt::Output, Wrt::State] {
        let norms = jacobian_norms::<C, f64>(&params, &trace, wrt);
        assert_eq!(norms.spectral.shape(), [seq_len + 1, batch]);
        for t in 0..=seq_len {
            let j = jacobian::<C, f64>(&params, &trace, t, wrt);
            let iterated =
                spectral_norms::<C, f64>(&params, &trace, t, wrt, 1e-12, 10_000, &mut rng(seed));
            for (b, iterated) in iterated.into_iter().enumerate() {
                let (spectral, frobenius) =
                    (norms.spectral.at(&[t, b]), norms.frobenius.at(&[t, b]));
                assert!((frobenius - j.entry(b).norm()).abs() <= 1e-12 * frobenius);
                assert!((spectral - spectral_norm(&j.entry(b))).abs() <= 1e-10 * spectral);
                let error = (iterated - spectral).abs();
                assert!(error <= 1e-4 * spectral, "{} t = {t}: {error:.1e}", C::NAME);
                assert!(iterated <= spectral * (1.0 + 1e-9), "from below");
            }
        }
    }
}

macro_rules! for_each_cell {
    ($($module:ident: $cell:ty, $options:expr;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(24, file!()))]

            #[test]
            fn jacobian_equals_the_tape(
                seed: u64, steps in 0..8_usize, batch in 1..3_usize, units in 1..5_usize, at in 0.0..=1.0,
            ) {
                let t = (steps as f64 * at) as usize;
                super::jacobian_equals_the_tape::<$cell>(&$options, seed, [steps, batch, units], t);
            }

            #[test]
            fn norms_are_those_of_the_matrix(
                seed: u64, steps in 0..4_usize, batch in 1..3_usize, units in 1..5_usize,
            ) {
                super::norms_are_those_of_the_matrix::<$cell>(&$options, seed, [steps, batch, units]);
            }
        }
    })* };
}

for_each_cell! {
    vanilla: Vanilla, Default::default();
    gru: Gru, Default::default();
    lstm: Lstm, Default::default();
    deep_lstm: Deep<Lstm>, DeepOptions { layers: 2, ..Default::default() };
}

/// An orthogonal matrix: a product of drawn reflections I − 2 v vᵀ / vᵀ v.
fn orthogonal(size: usize, seed: u64) -> Tensor<f64> {
    let mut draw = Draw::new(seed, 0, 0);
    (0..size).fold(diagonal(&vec![1.0; size]), |product, _| {
        let v = draw.signed_tensor(&[size, 1], 0.1..1.0);
        let along = v.matmul(product.t().matmul(&v).t()); // v vᵀ product
        product - along * (2.0 / v.norm().powi(2))
    })
}

/// At h = 0 with no input tanh has slope 1, so that J_t is W to the power of T − t.
#[test]
fn the_gradient_of_a_scaled_rotation_shrinks_by_its_scale_at_every_step() {
    let (units, steps) = (6, 60);
    let mut cell = Vanilla::init::<f64>(1, units, &mut rng(0));
    (cell.b_ih, cell.b_hh) = (None, None);
    cell.w_hh = orthogonal(units, 1) * 0.9;
    let zero = Vanilla::zero_state(&cell, 1);
    let trace =
        unroll::<Vanilla, f64>(&cell, &Seq::time_major(Tensor::zeros(&[steps, 1, 1])), &zero);
    let norms = jacobian_norms::<Vanilla, f64>(&cell, &trace, Wrt::Output);
    assert!((spectral_radius(&cell.w_hh) - 0.9).abs() < 1e-11);
    for t in 0..=steps {
        let wanted = 0.9_f64.powi((steps - t) as i32);
        let [spectral, frobenius] = [&norms.spectral, &norms.frobenius].map(|n| n.at(&[t, 0]));
        assert!((spectral / wanted - 1.0).abs() < 1e-10, "t = {t}: {spectral}, {wanted}");
        assert!((frobenius / wanted - (units as f64).sqrt()).abs() < 1e-10, "t = {t}");
    }
}

/// With its forget gate open and all others shut, what an LSTM remembers passes through c and not through h.
#[test]
fn what_an_lstm_remembers_is_in_its_whole_state_only() {
    let units = 3;
    let mut cell = Lstm::init::<f64>(1, units, &mut rng(0));
    cell.w_hh = Tensor::zeros(cell.w_hh.shape());
    let bias = [-40.0, 40.0, 0.0, 40.0]; // i, f, g, o
    cell.b_ih = Some(Tensor::from_fn(&[4 * units], |i| bias[i / units]));
    let zero = Lstm::zero_state(&cell, 1);
    let trace = unroll::<Lstm, f64>(&cell, &Seq::time_major(Tensor::zeros(&[50, 1, 1])), &zero);
    let [output, state] = [Wrt::Output, Wrt::State]
        .map(|wrt| jacobian_norms::<Lstm, f64>(&cell, &trace, wrt).spectral.at(&[0, 0]));
    assert!(output == 0.0 && (state - 1.0).abs() < 1e-9, "{output}, {state}");
}

#[test]
fn a_jacobian_at_no_state_is_refused() {
    let (params, trace) = trace::<Gru>(&Default::default(), 0, [3, 1, 2]);
    let call = || jacobian::<Gru, f64>(&params, &trace, 4, Wrt::State);
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("there is no state 4");
    let sentence = panic.downcast_ref::<String>().expect("with a sentence");
    assert_eq!(sentence, "jacobian: there is no state 4; the states are 0 to 3");
}

/// Asserts the spectral radius of a matrix, of its transpose, and of those with exponents near the ends.
#[track_caller]
fn check_radius(w: &Tensor<f64>, wanted: f64, allowed: f64) {
    for scale in [1.0, 1e150, 1e-150, 1e300, 1e-300] {
        for w in [w.clone(), w.transpose(0, 1)] {
            let found = spectral_radius(&(w * scale)) / scale;
            let error = (found - wanted).abs();
            assert!(error <= allowed * wanted, "{found}, not {wanted}, at scale {scale:e}");
        }
    }
}

/// S A S⁻¹ for an upper triangular matrix S of ones and its inverse: the eigenvalues stay, the matrix is
/// not normal any more.
fn sheared(a: &Tensor<f64>) -> Tensor<f64> {
    let n = a.shape()[0];
    let s = Tensor::from_fn(&[n, n], |i| f64::from(i % n >= i / n));
    let inverse = Tensor::from_fn(&[n, n], |i| match (i % n) as isize - (i / n) as isize {
        0 => 1.0,
        1 => -1.0,
        _ => 0.0,
    });
    s.matmul(a).matmul(&inverse)
}

fn diagonal(values: &[f64]) -> Tensor<f64> {
    let n = values.len();
    Tensor::from_fn(&[n, n], |i| if i % n == i / n { values[i % n] } else { 0.0 })
}

#[test]
fn the_spectral_radius_of_a_diagonal_matrix_is_its_largest_entry() {
    check_radius(&diagonal(&[0.3, -1.7, 1.2]), 1.7, 1e-12);
    check_radius(&diagonal(&[2.0, -2.0]), 2.0, 1e-12); // a power of it never settles
    check_radius(&sheared(&diagonal(&[0.3, -1.7, 1.2, 0.1, 1.69])), 1.7, 1e-11);
    check_radius(&diagonal(&[0.25]), 0.25, 1e-12);
}

#[test]
fn the_spectral_radius_of_a_rotation_is_its_scale() {
    for angle in [0.1_f64, 1.0, 2.0, 3.1] {
        let (sin, cos) = angle.sin_cos();
        let turn = Tensor::from([[cos, -sin], [sin, cos]]);
        check_radius(&turn, 1.0, 1e-12);
        check_radius(&(turn * 0.7), 0.7, 1e-12);
    }
    // A pair of modulus 1.1 beside a real 1.0 that a vector would see for long.
    let pair = Tensor::from([[0.0, -1.1, 0.0], [1.1, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    check_radius(&sheared(&pair), 1.1, 1e-12);
    for seed in 0..5 {
        check_radius(&orthogonal(12, seed), 1.0, 1e-12);
    }
}

#[test]
fn the_spectral_radius_of_a_defective_matrix_is_its_eigenvalue() {
    for size in [2, 5, 10] {
        let jordan = Tensor::from_fn(&[size, size], |i| match (i % size).wrapping_sub(i / size) {
            0 => 0.9,
            1 => 1.0,
            _ => 0.0,
        });
        check_radius(&jordan, 0.9, 1e-11);
    }
}

#[test]
fn the_spectral_radius_of_a_matrix_with_a_power_of_zero_is_zero() {
    let shift = Tensor::from_fn(&[5, 5], |i| f64::from(i % 5 == i / 5 + 1));
    assert_eq!(spectral_radius(&shift), 0.0);
    assert_eq!(spectral_radius(&Tensor::<f64>::zeros(&[3, 3])), 0.0);
    assert_eq!(spectral_radius(&Tensor::<f64>::zeros(&[0, 0])), 0.0);
}

/// The companion matrix of (x − 2)(x² + x + 3): eigenvalues 2 and a pair of modulus √3.
#[test]
fn the_spectral_radius_of_a_companion_matrix_is_its_largest_root() {
    check_radius(&Tensor::from([[1.0, -1.0, 6.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), 2.0, 1e-11);
}

#[test]
fn a_spectral_radius_needs_a_square_matrix_of_numbers() {
    let call = || spectral_radius(&Tensor::<f64>::zeros(&[8, 2]));
    let panic = catch_unwind(call).expect_err("not square");
    let sentence = panic.downcast_ref::<String>().expect("with a sentence");
    assert!(sentence.contains("[8, 2]") && sentence.contains("one"), "{sentence}");
    assert!(spectral_radius(&Tensor::from([[f64::NAN]])).is_nan());
    assert_eq!(spectral_radius(&Tensor::from([[f64::NEG_INFINITY]])), f64::INFINITY);
}

#[test]
fn the_spectral_norm_is_the_largest_singular_value() {
    let check = |w: &Tensor<f64>, wanted: f64| {
        let found = spectral_norm(w);
        assert!((found - wanted).abs() <= 1e-11 * wanted, "{found}, not {wanted}");
    };
    // Rank one: ‖u‖ ‖v‖.
    let u = Tensor::from([[3.0], [4.0]]);
    let v = Tensor::from([[1.0, 2.0, 2.0]]);
    check(&u.matmul(&v), 15.0);
    check(&(u.matmul(&v) * 1e-200), 15e-200);
    check(&diagonal(&[0.5, -3.0, 3.0]), 3.0);
    check(&orthogonal(7, 0).matmul(&diagonal(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])), 7.0);
    // Nilpotent, yet it makes a vector five times as long.
    check(&Tensor::from([[0.0, 5.0], [0.0, 0.0]]), 5.0);
    assert_eq!(spectral_norm(&Tensor::<f64>::zeros(&[2, 3])), 0.0);
}

#[test]
fn gate_histograms_count_every_value_once() {
    let (_, trace) = trace::<Lstm>(&Default::default(), 3, [20, 2, 5]);
    let found = gate_histograms::<Lstm, f64>(&trace, 4);
    let names: Vec<_> = found.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(names, ["i", "f", "o"]);
    let values: Vec<f64> = trace.saved.iter().flat_map(|s| s.f.data().to_vec()).collect();
    let fraction = |of: &dyn Fn(f64) -> bool| {
        values.iter().filter(|&&x| of(x)).count() as f64 / values.len() as f64
    };
    assert_eq!(found[1].counts.iter().sum::<u64>(), 20 * 2 * 5);
    for (part, &count) in found[1].counts.iter().enumerate() {
        let range = part as f64 / 4.0..(part + 1) as f64 / 4.0;
        assert_eq!(count as f64 / values.len() as f64, fraction(&|x| range.contains(&x)));
    }
    assert_eq!(found[1].shut, fraction(&|x| x < 0.1));
    assert_eq!(found[1].open, fraction(&|x| x > 0.9));
}

#[test]
fn gates_of_a_deep_cell_have_the_layer_in_their_names_and_a_vanilla_cell_has_none() {
    let options = DeepOptions { layers: 2, ..Default::default() };
    let (_, deep) = trace::<Deep<Gru>>(&options, 3, [4, 1, 2]);
    let names: Vec<_> =
        gate_histograms::<Deep<Gru>, f64>(&deep, 10).into_iter().map(|gate| gate.name).collect();
    assert_eq!(names, ["r_l0", "z_l0", "r_l1", "z_l1"]);
    let (_, vanilla) = trace::<Vanilla>(&Default::default(), 3, [4, 1, 2]);
    assert_eq!(gate_histograms::<Vanilla, f64>(&vanilla, 10), []);
}

#[test]
fn dead_and_open_gates_are_told_apart() {
    let mut cell = Lstm::init::<f32>(2, 4, &mut rng(0));
    let bias = [-30.0, 30.0, 0.0, 0.0]; // i shut, f open
    cell.b_ih = Some(Tensor::from_fn(&[16], |i| bias[i / 4]));
    let xs = Seq::time_major(Tensor::ones(&[6, 1, 2]));
    let trace = unroll::<Lstm, f32>(&cell, &xs, &Lstm::zero_state(&cell, 1));
    let found = gate_histograms::<Lstm, f32>(&trace, 10);
    let saturated: Vec<_> = found.iter().map(|gate| (gate.shut, gate.open)).collect();
    assert_eq!(saturated, [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]);
    assert_eq!((found[0].counts[0], found[1].counts[9]), (24, 24));
    assert!(distance(&trace.saved[0].f, &Tensor::ones(&[1, 4])) < 1e-6);
}
