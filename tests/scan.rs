//! The scan: equal to the loop it replaces, for any number of threads, and differentiable.

use autograd::draw::Draw;
use autograd::gradcheck::Check;
use autograd::ops::{Describe, Op};
use autograd::transform::value_and_grad;
use autograd::{Params, Tape, Tensor};
use proptest::prelude::*;
use rnn::by_scan::{Scannable, bptt_by_scan, scan_on_tape, unroll_by_scan};
use rnn::scan::{Scan, Space, scan_backward, scan_by_loop};
use rnn::{Hidden, MinGru, MinLstm, Seq, bptt, unroll};
use tests::drawn::{Drawn, draw_params};
use tests::{assert_close, config, distance};

/// T mostly short, up to 1000: one chunk, a chunk's edges, many chunks.
fn seq_lens() -> impl Strategy<Value = usize> {
    prop_oneof![0..=5_usize, 62..=66_usize, 126..=130_usize, 1..=1000_usize]
}

/// a, b, and an initial state; the space decides whether they may be negative.
fn case(seed: u64, [seq_len, batch, units]: [usize; 3], space: Space) -> [Tensor<f64>; 3] {
    let mut draw = Draw::new(seed, 0, 0);
    let low = if space == Space::Linear { -1.0 } else { 0.0 };
    [
        draw.tensor(&[seq_len, batch, units], low..1.0),
        draw.tensor(&[seq_len, batch, units], low..1.0),
        draw.tensor(&[batch, units], low..1.0),
    ]
}

proptest! {
    #![proptest_config(config(128, file!()))]

    #[test]
    fn a_scan_equals_the_loop(seed: u64, seq_len in seq_lens(), batch in 1..=3_usize, units in 1..=4_usize) {
        let [a, b, initial] = case(seed, [seq_len, batch, units], Space::Linear);
        let by_scan = Scan { space: Space::Linear }.forward([&a, &b, &initial]).expect("shapes that fit");
        let error = distance(&by_scan, &scan_by_loop(&a, &b, &initial));
        prop_assert!(error <= 1e-10, "differs by {error:.1e}");
    }

    #[test]
    fn a_scan_in_log_space_equals_the_loop(seed: u64, seq_len in seq_lens(), batch in 1..=3_usize, units in 1..=4_usize) {
        let [a, b, initial] = case(seed, [seq_len, batch, units], Space::Log);
        let [ln_a, ln_b] = [&a, &b].map(|x| x.map(f64::ln));
        let by_scan = Scan { space: Space::Log }.forward([&ln_a, &ln_b, &initial]).expect("shapes that fit");
        let error = distance(&by_scan, &scan_by_loop(&a, &b, &initial));
        prop_assert!(error <= 1e-10, "differs by {error:.1e}");
    }

    #[test]
    fn the_derivative_of_a_scan_is_right(seed: u64, rank in 0..=2_usize, axis in 1..=4_usize) {
        let (op, inputs) = Scan::sample(&mut Draw::new(seed, rank, axis));
        if let Err(failure) = Check::with_seed(seed).order_2().op(op, &inputs) {
            panic!("{:?}: {failure}", inputs[0].shape());
        }
    }

    /// One sentence for both ways: the loop read from its end, written out.
    #[test]
    fn a_scan_backwards_equals_the_loop_from_the_end(seed: u64, seq_len in seq_lens()) {
        let [a, dh, _] = case(seed, [seq_len, 2, 3], Space::Linear);
        let deltas = scan_backward(&a, &dh);
        let mut delta = Tensor::zeros(&[2, 3]);
        for t in (0..seq_len).rev() {
            delta = match t + 1 < seq_len {
                true => dh.entry(t) + a.entry(t + 1) * delta,
                false => dh.entry(t),
            };
            let error = distance(&deltas.entry(t), &delta);
            prop_assert!(error <= 1e-10, "δ_{t} differs by {error:.1e}");
        }
    }
}

fn by_scan_equals_step_by_step<C: Scannable + Drawn>(seed: u64, seq_len: usize, batch: usize) {
    let mut draw = Draw::new(seed, 0, 0);
    let params = draw_params::<C>(&mut draw, [3, 4]);
    let xs = Seq::time_major(draw.tensor(&[seq_len, batch, 3], -1.0..1.0));
    let initial = Hidden { h: draw.tensor(&[batch, 4], 0.0..1.0) };
    let d_outputs = draw.signed_tensor(&[seq_len, batch, 4], 0.5..1.5);
    let d_last = draw.coin().then(|| Hidden { h: draw.signed_tensor(&[batch, 4], 0.5..1.5) });

    let steps = unroll::<C, f64>(&params, &xs, &initial);
    let scan = unroll_by_scan::<C, f64>(&params, &xs, &initial);
    let error = distance(&scan.outputs, &steps.outputs());
    assert!(error <= 1e-12, "{}: outputs differ by {error:.1e}", C::NAME);
    let back = bptt::<C, f64>(&params, &steps, &d_outputs, d_last.as_ref());
    let by_scan = bptt_by_scan::<C, f64>(&params, &scan, &d_outputs, d_last.as_ref());
    assert_close(C::NAME, &by_scan.grads, &back.grads, 1e-12);
    assert_close(C::NAME, &by_scan.d_initial, &back.d_initial, 1e-12);
    assert!(distance(&by_scan.d_xs, &back.d_xs) <= 1e-12, "{}: inputs", C::NAME);
    let norms = [by_scan.delta_norms, back.delta_norms].map(Tensor::from);
    assert!(distance(&norms[0], &norms[1]) <= 1e-12, "{}: norms of δ", C::NAME);
}

fn by_scan_equals_the_tape<C: Scannable + Drawn>(seed: u64, seq_len: usize, batch: usize) {
    let mut draw = Draw::new(seed, 0, 0);
    let params = draw_params::<C>(&mut draw, [3, 4]);
    let xs = draw.tensor(&[seq_len, batch, 3], -1.0..1.0);
    let initial = draw.tensor(&[batch, 4], 0.1..1.0);
    let d_outputs = draw.signed_tensor(&[seq_len, batch, 4], 0.5..1.5);

    let state = Hidden { h: initial.clone() };
    let trace = unroll_by_scan::<C, f64>(&params, &Seq::time_major(xs.clone()), &state);
    let back = bptt_by_scan::<C, f64>(&params, &trace, &d_outputs, None);
    let by_hand = [back.grads.leaves(), vec![back.d_xs, back.d_initial.h]].concat();
    let leaves = [params.leaves(), vec![xs, initial]].concat();
    let (_, by_tape) = value_and_grad(
        |tape, leaves: Vec<_>| {
            let mut leaves = leaves.into_iter();
            let mut next = || leaves.next().expect("as many variables as leaves");
            let params = params.map(|_| next());
            let h = scan_on_tape::<C, f64>(&params, next(), &Hidden { h: next() });
            (h * tape.constant(d_outputs.clone())).sum()
        },
        &leaves,
    );
    assert_close(C::NAME, &by_hand, &by_tape, 1e-12);
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(64, file!()))]

            #[test]
            fn by_scan_equals_step_by_step(seed: u64, seq_len in 0..=300_usize, batch in 1..=3_usize) {
                super::by_scan_equals_step_by_step::<$cell>(seed, seq_len, batch);
            }

            #[test]
            fn by_scan_equals_the_tape(seed: u64, seq_len in 0..=200_usize, batch in 1..=3_usize) {
                super::by_scan_equals_the_tape::<$cell>(seed, seq_len, batch);
            }
        }

        #[test]
        fn gates_that_are_far_closed_give_no_nan() {
            for space in [Space::Linear, Space::Log] {
                for sum in [-800.0, 800.0] {
                    let mut params = draw_params::<$cell>(&mut Draw::new(1, 0, 0), [2, 3]);
                    params.space = space;
                    params.w_ih = Tensor::full(params.w_ih.shape(), sum);
                    let xs = Seq::time_major(Tensor::ones(&[70, 1, 2]));
                    let state = Hidden { h: Tensor::zeros(&[1, 3]) };
                    let trace = unroll_by_scan::<$cell, f64>(&params, &xs, &state);
                    let ones = Tensor::ones(&[70, 1, 3]);
                    let back = bptt_by_scan::<$cell, f64>(&params, &trace, &ones, None);
                    assert!(trace.outputs.is_finite(), "{space:?}, {sum}: {:?}", trace.outputs);
                    assert!(back.grads.leaves().iter().all(Tensor::is_finite), "{space:?}, {sum}");
                }
            }
        }
    })* };
}

for_each_cell! {
    MinGru min_gru;
    MinLstm min_lstm;
}

#[test]
fn the_bytes_are_the_same_for_any_number_of_threads() {
    for space in [Space::Linear, Space::Log] {
        let [a, b, initial] = case(3, [1000, 2, 5], space);
        let [a, b] = match space {
            Space::Linear => [a, b],
            Space::Log => [a.map(f64::ln), b.map(f64::ln)],
        };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| {
                let h = Scan { space }.forward([&a, &b, &initial]).expect("shapes that fit");
                let bits =
                    |x: &Tensor<f64>| x.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                (bits(&h), bits(&scan_backward(&a, &b)))
            })
        };
        let alone = run(1);
        for threads in [2, 3, 4, 8] {
            assert_eq!(run(threads), alone, "{space:?} with {threads} threads");
        }
    }
}

#[test]
fn a_state_of_zero_has_a_gradient_in_log_space() {
    let tape = Tape::new();
    let [ln_a, ln_b] = [0.5_f64, 0.25].map(|x| tape.leaf(Tensor::full(&[2, 1, 1], x.ln())));
    let initial = tape.leaf(Tensor::zeros(&[1, 1]));
    let h = tape.apply(Scan { space: Space::Log }, [ln_a, ln_b, initial]);
    assert!(distance(&h.value(), &Tensor::new(&[2, 1, 1], vec![0.25, 0.375])) <= 1e-15);
    let grads = tape.backward(h.sum());
    assert!(distance(&grads.of(initial), &Tensor::from([[0.75]])) <= 1e-15);
    assert!(distance(&grads.of(ln_a), &Tensor::new(&[2, 1, 1], vec![0.0, 0.125])) <= 1e-15);
}

#[test]
fn what_does_not_fit_is_named_with_its_shape() {
    let scan = |space, shapes: [&[usize]; 3], state| {
        let [a, b, initial] = shapes.map(|shape| Tensor::full(shape, state));
        Scan { space }.forward([&a, &b, &initial]).expect_err("they do not fit").to_string()
    };
    assert_eq!(
        scan(Space::Linear, [&[3, 2], &[3, 2], &[2]], 0.5),
        "scan: [3, 2] must have three axes, [T, B, H]"
    );
    assert_eq!(
        scan(Space::Linear, [&[5, 3, 2], &[4, 3, 2], &[3, 2]], 0.5),
        "scan: b has the shape [4, 3, 2], and must have [5, 3, 2]"
    );
    assert_eq!(
        scan(Space::Linear, [&[5, 3, 2], &[5, 3, 2], &[1, 2]], 0.5),
        "scan: the initial state has the shape [1, 2], and must have [3, 2]"
    );
    assert_eq!(
        scan(Space::Log, [&[5, 3, 2], &[5, 3, 2], &[3, 2]], -0.5),
        "scan: the initial state in log space is -0.5, and must be 0 or more"
    );
}
