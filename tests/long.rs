//! Length costs memory, never stack.

use autograd::{Tape, Tensor, scalar};
use rnn::{Cell, Hidden, Seq, Vanilla, bptt, unroll, unroll_on_tape};
use tests::rng;

const STEPS: usize = 1_000_000;

/// Runs in a thread whose stack a recursive backward or drop would overflow.
fn in_a_small_stack(bytes: usize, body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(bytes).spawn(body);
    thread.expect("the thread starts").join().expect("no overflow and no panic");
}

#[test]
fn a_million_steps_on_the_tape_need_no_more_stack_than_one() {
    in_a_small_stack(2 << 20, || {
        let params = Vanilla::init::<f64>(1, 1, &mut rng(0));
        let tape = Tape::new();
        let vars = autograd::Params::map(&params, |w| tape.leaf(w.clone()));
        let x = tape.constant(Tensor::ones(&[1, 1]));
        let initial = Hidden { h: tape.leaf(Tensor::zeros(&[1, 1])) };
        let (outputs, last) = unroll_on_tape::<Vanilla, f64>(&vars, &vec![x; STEPS], &initial);
        assert_eq!(outputs.len(), STEPS);
        let grads = tape.backward(last.h.sum());
        assert!(grads.of(vars.w_hh).is_finite());
        drop((grads, outputs));
        drop(tape);
    });
}

#[test]
fn a_million_steps_by_hand_need_no_more_stack_than_one() {
    in_a_small_stack(2 << 20, || {
        let params = Vanilla::init::<f64>(1, 1, &mut rng(0));
        let xs = Seq::time_major(Tensor::ones(&[STEPS, 1, 1]));
        let trace = unroll::<Vanilla, f64>(&params, &xs, &Vanilla::zero_state(&params, 1));
        let back = bptt::<Vanilla, f64>(&params, &trace, &Tensor::ones(&[STEPS, 1, 1]), None);
        assert!(back.grads.w_hh.is_finite());
        assert_eq!(back.delta_norms.len(), STEPS);
    });
}

#[test]
fn a_million_scalar_nodes_need_no_more_stack_than_one() {
    in_a_small_stack(256 << 10, || {
        let tape = scalar::Tape::new();
        let x = tape.var(1.0);
        let mut y = x;
        for _ in 0..STEPS {
            y = y + x;
        }
        assert_eq!(tape.backward(y).of(x), STEPS as f64 + 1.0);
    });
}
