//! What chapter 7 derives: what one step of a vanilla network makes of a small change of the state before it.

use autograd::{Tensor, draw::Draw};
use rnn::{Cell, Hidden, Seq, Vanilla, unroll};

#[test]
fn a_change_of_the_state_before_arrives_times_w_hh_and_the_slope_of_tanh() {
    let (inputs, units, h) = (4, 5, 1e-5);
    for seed in 0..20 {
        let mut draw = Draw::new(seed, 0, 0);
        let cell = Vanilla::init::<f64>(inputs, units, draw.rng());
        let xs = Seq::time_major(draw.tensor(&[1, 1, inputs], -1.0..1.0));
        let before = draw.tensor(&[1, units], -0.9..0.9);
        let step = |h: &Tensor<f64>| {
            let trace = unroll::<Vanilla, f64>(&cell, &xs, &Hidden { h: h.clone() });
            trace.outputs().reshape(&[units])
        };
        let after = step(&before);
        for j in 0..units {
            let moved = |by: f64| {
                let mut state = before.clone();
                state.data_mut()[j] += by;
                step(&state)
            };
            let numeric = (moved(h) - moved(-h)) * (0.5 / h);
            let formula = Tensor::from_fn(&[units], |i| {
                (1.0 - after.data()[i].powi(2)) * cell.w_hh.data()[i * units + j]
            });
            assert!((numeric - formula).norm() <= 1e-9, "seed {seed}, unit {j}");
        }
    }
}
