//! The slope of a function along a direction, and what two uses of one parameter send back.

use autograd::draw::Draw;
use autograd::transform::{jvp, value_and_grad};
use autograd::{Element, Tape, Tensor, Var};
use proptest::prelude::*;
use tests::{config, distance};

/// Σ tanh(x wᵀ) c, with x data: a function of w.
struct Case {
    x: Tensor<f64>,
    c: Tensor<f64>,
    w: [Tensor<f64>; 1],
    v: [Tensor<f64>; 1],
}

impl Case {
    fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed, 0, 0);
        let [x, c] = [[3, 4], [3, 2]].map(|shape| draw.tensor(&shape, -1.0..1.0));
        let [w, v] = [[2, 4]; 2].map(|shape| [draw.tensor(&shape, -1.0..1.0)]);
        Self { x, c, w, v }
    }

    fn call<'t, E: Element>(&self, tape: &'t Tape<E>, [w]: [Var<'t, E>; 1]) -> Var<'t, E> {
        let y = tape.constant(self.x.cast()).matmul(w.t()).tanh();
        (y * tape.constant(self.c.cast())).sum()
    }

    fn at(&self, h: f64) -> f64 {
        let tape = Tape::new();
        let w = tape.constant(&self.w[0] + &self.v[0] * h);
        self.call(&tape, [w]).value().item()
    }
}

proptest! {
    #![proptest_config(config(128, file!()))]

    #[test]
    fn the_slope_along_a_direction_is_the_gradient_times_the_direction(seed: u64) {
        let case = Case::draw(seed);
        let (_, [gradient]) = value_and_grad(|tape, w| case.call(tape, w), &case.w);
        let slope = (&gradient * &case.v[0]).sum().item();
        let (_, by_dual) = jvp(|tape, w| case.call(tape, w), &case.w, &case.v);
        let h = 1e-5;
        let by_differences = (case.at(h) - case.at(-h)) / (2.0 * h);
        prop_assert!((slope - by_dual.item()).abs() <= 1e-13);
        prop_assert!((slope - by_differences).abs() <= 1e-8);
    }

    #[test]
    fn a_table_that_is_read_and_written_with_gets_both_contributions(seed: u64) {
        let mut draw = Draw::new(seed, 0, 0);
        let table = draw.tensor(&[5, 3], -1.0..1.0);
        let (ids, targets) = (draw.ids(4, 5), draw.ids(4, 5));
        let at = [table.clone()];
        let (_, [gradient]) = value_and_grad(
            |_, [table]| table.gather(0, &ids).tanh().matmul(table.t()).cross_entropy(&targets),
            &at,
        );
        let h = table.rows(&ids).tanh();
        let scores = h.matmul(table.t());
        let (_, [d_scores]) = value_and_grad(|_, [s]| s.cross_entropy(&targets), &[scores]);
        let mut sum = d_scores.t().matmul(&h); // as what the states are multiplied with
        let dx = d_scores.matmul(&table) * h.map(|h| 1.0 - h * h);
        sum.add_rows(&ids, &dx); // as what is read
        prop_assert!(distance(&gradient, &sum) <= 1e-13);
    }
}
