//! How parameters start: the matrices, and what a cell does with them.

use autograd::{Tensor, init as matrices};
use rnn::cell::Biased;
use rnn::init::{Block, InitError, chrono, inputs, keep_bias, recurrent};
use rnn::lstm_variant::{LstmOptions, Settings};
use rnn::min_gru::MinOptions;
use rnn::{Cell, Gru, Hidden, Lstm, LstmVariant, MinGru, MinLstm, Vanilla};
use tests::{distance, rng};

#[test]
fn an_orthogonal_matrix_has_orthogonal_rows_or_columns() {
    for (rows, columns) in [(1, 1), (1, 5), (5, 1), (4, 4), (3, 7), (7, 3), (64, 64)] {
        let w: Tensor<f64> = matrices::orthogonal(&[rows, columns], 2.0, &mut rng(1));
        let product = if rows <= columns { w.matmul(w.t()) } else { w.t().matmul(&w) };
        let error = distance(&product, &matrices::identity(product.shape(), 4.0));
        assert!(error <= 1e-13, "{rows} by {columns}: {error:.1e}");
    }
}

/// Over many matrices each entry is as often positive as negative: no sign is fixed by how they are made.
#[test]
fn orthogonal_matrices_have_no_favourite_direction() {
    let mut rng = rng(2);
    let mut mean = Tensor::zeros(&[3, 3]);
    for _ in 0..4000 {
        mean = mean + matrices::orthogonal::<f64>(&[3, 3], 1.0, &mut rng) / 4000.0;
    }
    assert!(mean.data().iter().all(|m| m.abs() < 0.05), "{mean:?}"); // deviation 1/√3/√4000 = 0.009
}

#[test]
fn matrices_have_the_spread_of_their_formulas() {
    let shape = [100, 300];
    let deviation = |w: &Tensor<f64>| (w.norm().powi(2) / w.elements() as f64).sqrt();
    let mut rng = rng(3);
    let largest = |w: &Tensor<f64>| w.data().iter().fold(0.0_f64, |max, w| max.max(w.abs()));
    for (name, w, wanted) in [
        (
            "xavier_uniform",
            matrices::xavier_uniform(&shape, 2.0, &mut rng),
            2.0 * (2.0 / 400.0_f64).sqrt(),
        ),
        (
            "xavier_normal",
            matrices::xavier_normal(&shape, 2.0, &mut rng),
            2.0 * (2.0 / 400.0_f64).sqrt(),
        ),
        (
            "kaiming_uniform",
            matrices::kaiming_uniform(&shape, 2.0, &mut rng),
            2.0 / 300.0_f64.sqrt(),
        ),
        ("kaiming_normal", matrices::kaiming_normal(&shape, 2.0, &mut rng), 2.0 / 300.0_f64.sqrt()),
    ] {
        let found = deviation(&w);
        assert!((found / wanted - 1.0).abs() < 0.02, "{name}: {found} is not near {wanted}");
        if name.ends_with("uniform") {
            let (bound, largest) = (3f64.sqrt() * wanted, largest(&w));
            assert!(largest <= bound && largest > 0.99 * bound, "{name}: {largest}, {bound}");
        }
    }
    assert_eq!(matrices::fans(&[4, 3, 5, 2]), (30, 40));
}

#[test]
fn the_identity_need_not_be_square() {
    let w: Tensor<f64> = matrices::identity(&[2, 3], 0.5);
    assert_eq!(w, Tensor::from([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]));
}

#[test]
#[should_panic(
    expected = "init: [3] must have at least two axes, [out, in, ..], for there to be fans"
)]
fn a_vector_has_no_fans() {
    matrices::fans(&[3]);
}

#[test]
fn each_gate_gets_an_orthogonal_block_of_its_own() {
    let mut rng = rng(4);
    let mut lstm = Lstm::init::<f64>(2, 5, &mut rng);
    let before = lstm.clone();
    recurrent::<Lstm, f64>(&mut lstm, Block::Orthogonal { gain: 1.0 }, &mut rng).expect("a w_hh");
    let blocks: Vec<_> = (0..4).map(|k| lstm.w_hh.slice(0, 5 * k, 5 * k + 5)).collect();
    for block in &blocks {
        assert!(distance(&block.matmul(block.t()), &matrices::identity(&[5, 5], 1.0)) <= 1e-13);
    }
    assert_ne!(blocks[0], blocks[1]);
    assert_eq!((&lstm.w_ih, &lstm.b_ih, &lstm.b_hh), (&before.w_ih, &before.b_ih, &before.b_hh));

    inputs::<Lstm, f64>(&mut lstm, Block::XavierUniform { gain: 1.0 }, &mut rng);
    let bound = (6.0 / 7.0_f64).sqrt(); // of a block [5, 2], not of [20, 2]
    let largest = lstm.w_ih.data().iter().fold(0.0_f64, |max, w| max.max(w.abs()));
    assert!(largest <= bound && largest > 0.8 * bound, "{largest}");
}

/// Le, Jaitly and Hinton 2015: a relu cell with W_hh = I and no biases adds its inputs up.
#[test]
fn a_relu_cell_that_starts_as_the_identity_remembers_everything() {
    let mut rng = rng(5);
    let mut cell = Vanilla::init::<f64>(3, 3, &mut rng);
    cell.nonlinearity = rnn::Nonlinearity::Relu;
    (cell.b_ih, cell.b_hh) = (None, None);
    recurrent::<Vanilla, f64>(&mut cell, Block::Identity { gain: 1.0 }, &mut rng).expect("a w_hh");
    inputs::<Vanilla, f64>(&mut cell, Block::Identity { gain: 1.0 }, &mut rng);
    let x = Tensor::from([[1.0, 2.0, 3.0]]);
    let mut state = Hidden { h: Tensor::zeros(&[1, 3]) };
    for _ in 0..100 {
        state = Vanilla::forward(&cell, &Vanilla::input(&cell, &x), &state).0;
    }
    assert_eq!(state.h.data(), [100.0, 200.0, 300.0]);
}

#[test]
fn the_forget_gate_gets_the_constant_once_and_not_twice() {
    let mut lstm = Lstm::init::<f64>(2, 3, &mut rng(6));
    let before = lstm.clone();
    keep_bias::<Lstm, f64>(&mut lstm, 1.0).expect("biases");
    let biases = |lstm: &Lstm<Tensor<f64>>| {
        [&lstm.b_ih, &lstm.b_hh].map(|b| b.as_ref().expect("biases").data().to_vec())
    };
    let ([b_ih, b_hh], [old_ih, old_hh]) = (biases(&lstm), biases(&before));
    assert_eq!((&b_ih[3..6], &b_hh[3..6]), (&[1.0; 3][..], &[0.0; 3][..]));
    assert_eq!((&b_ih[..3], &b_ih[6..]), (&old_ih[..3], &old_ih[6..]));
    assert_eq!((&b_hh[..3], &b_hh[6..]), (&old_hh[..3], &old_hh[6..]));
}

/// Without input a share σ(b) of the state is kept at each step, whether the gate keeps or takes.
#[test]
fn keep_bias_keeps_a_share_of_sigmoid_b() {
    let share = 1.0 / (1.0 + (-2.0_f64).exp());
    macro_rules! kept {
        ($cell:ident, $options:expr, $part:ident) => {{
            let mut params = $cell::init_with::<f64>(&$options, 2, 3, &mut rng(7));
            keep_bias::<$cell, f64>(&mut params, 2.0).expect("biases");
            let state = $cell::zero_state(&params, 1);
            let a = $cell::input(&params, &Tensor::zeros(&[1, 2]));
            let mut probe = state.clone();
            probe.$part = Tensor::full(&[1, 3], 1e-6); // so little that no gate sees it
            let [with, without] =
                [probe, state].map(|state| $cell::forward(&params, &a, &state).0.$part);
            let kept = (with - without) / 1e-6;
            (stringify!($cell), kept.data().to_vec())
        }};
    }
    let coupled = LstmOptions {
        settings: Settings { coupled: true, ..Settings::default() },
        ..LstmOptions::default()
    };
    for (cell, kept) in [
        kept!(Lstm, Biased::default(), c),
        kept!(LstmVariant, coupled, c),
        kept!(MinGru, MinOptions::default(), h),
    ] {
        assert!(kept.iter().all(|kept| (kept - share).abs() < 1e-4), "{cell}: {kept:?}, {share}");
    }
}

#[test]
fn chrono_spreads_the_memories_from_2_to_t_max_steps() {
    let mut rng = rng(8);
    let mut lstm = Lstm::init::<f64>(1, 2000, &mut rng);
    chrono::<Lstm, f64>(&mut lstm, 100.0, &mut rng).expect("biases");
    let b_ih = lstm.b_ih.expect("biases");
    let (b_i, b_f) = (&b_ih.data()[..2000], &b_ih.data()[2000..4000]);
    let steps: Vec<f64> = b_f.iter().map(|b| 1.0 + b.exp()).collect();
    let (min, max) = (
        steps.iter().fold(1e9_f64, |a, &b| a.min(b)),
        steps.iter().fold(0.0, |a: f64, &b| a.max(b)),
    );
    assert!((2.0..2.5).contains(&min) && (99.0..=100.0).contains(&max), "{min} to {max}");
    let mean = steps.iter().sum::<f64>() / 2000.0;
    assert!((mean - 51.0).abs() < 3.0, "evenly spread: {mean}");
    assert!(b_i.iter().zip(b_f).all(|(i, f)| *i == -f));
    assert!(lstm.b_hh.expect("biases").data()[..4000].iter().all(|&b| b == 0.0));

    let mut gru = Gru::init::<f64>(1, 4, &mut rng);
    chrono::<Gru, f64>(&mut gru, 100.0, &mut rng).expect("biases");
    assert!(gru.b_ih.expect("biases").data()[4..8].iter().all(|&b| b > 0.0)); // z keeps
    let mut min = MinGru::init::<f64>(1, 4, &mut rng);
    chrono::<MinGru, f64>(&mut min, 100.0, &mut rng).expect("biases");
    assert!(min.b_ih.expect("biases").data()[..4].iter().all(|&b| b < 0.0)); // z takes
}

#[test]
fn what_a_cell_does_not_have_is_said() {
    let mut rng = rng(9);
    let mut vanilla = Vanilla::init::<f64>(1, 2, &mut rng);
    assert_eq!(
        keep_bias::<Vanilla, f64>(&mut vanilla, 1.0).unwrap_err().to_string(),
        "rnn: this cell has no gate that keeps its state; choose a cell with gates"
    );
    let mut bare = Gru::init_with::<f64>(&Biased { bias: false }, 1, 2, &mut rng);
    assert_eq!(
        chrono::<Gru, f64>(&mut bare, 9.0, &mut rng).unwrap_err().to_string(),
        "gru: these parameters have no bias_ih to set; make them with biases"
    );
    assert_eq!(
        chrono::<Gru, f64>(&mut bare, 1.5, &mut rng),
        Err(InitError::Horizon { t_max: 1.5 })
    );
    let mut min = MinLstm::init::<f64>(1, 2, &mut rng);
    let block = Block::Identity { gain: 1.0 };
    assert_eq!(
        recurrent::<MinLstm, f64>(&mut min, block, &mut rng).unwrap_err().to_string(),
        "min_lstm: this cell has no weight_hh; only its inputs can be chosen"
    );
}
