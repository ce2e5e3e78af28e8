//! A cell of the user's own, in at most 40 lines, gets everything else.

use autograd::draw::Draw;
use autograd::{Element, Tensor, Var, init, params};
use proptest::prelude::*;
use rand::Rng;
use rnn::cell::{Cell, Hidden, Sizes};
use tests::config;
use tests::drawn::Drawn;

use super::cells;

// The cell begins.
/// A spring: the state is pulled towards a place that the input sets, the harder the further the state has gone.
/// h′ = h + k ⊙ (tanh(W_ih x) − h), k = σ(W_hh (h ⊙ h) + b)
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spring<L = ()> {
    w_ih: L,
    w_hh: L,
    b: L,
}
params!(Spring { w_ih: "weight_ih", w_hh: "weight_hh", b: "bias" });

impl Cell for Spring {
    const NAME: &'static str = "spring";
    type Options = ();
    type State = Hidden;

    fn init_with<E: Element>(_: &(), i: usize, h: usize, rng: &mut impl Rng) -> Spring<Tensor<E>> {
        let mut draw = |shape: &[usize]| init::uniform(shape, 1.0 / (h as f64).sqrt(), rng);
        Spring { w_ih: draw(&[h, i]), w_hh: draw(&[h, h]), b: draw(&[h]) }
    }

    fn sizes<E: Element>(params: &Spring<Tensor<E>>) -> Sizes {
        let [hidden, input] = params.w_ih.shape()[..] else { panic!("weight_ih is a matrix") };
        Sizes { input, hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &Spring<Var<'t, E>>,
        x: Var<'t, E>,
        &Hidden { h }: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let k = ((h * h).matmul(params.w_hh.t()) + params.b).sigmoid();
        Hidden { h: h + k * (x.matmul(params.w_ih.t()).tanh() - h) }
    }

    rnn::by_tape!();
}
// The cell ends.

impl Drawn for Spring {
    fn options(_: &mut Draw, _: usize) {}
}

#[test]
fn a_cell_of_ones_own_takes_at_most_40_lines() {
    let lines = include_str!("own_cell.rs").lines();
    let from_begin = lines.skip_while(|line| *line != "// The cell begins.").skip(1);
    let count = from_begin.take_while(|line| *line != "// The cell ends.").count();
    assert!((20..=40).contains(&count), "{count} lines");
}

proptest! {
    #![proptest_config(config(64, file!()))]

    #[test]
    fn numeric_gradient_equals_the_tape(seed: u64, sizes in cells::sizes()) {
        cells::numeric_gradient_equals_the_tape::<Spring>(seed, sizes);
    }

    #[test]
    fn unrolled_and_back_equals_the_tape(seed: u64, sizes in cells::sizes()) {
        cells::by_hand_equals_the_tape::<Spring>(seed, sizes);
    }

    #[test]
    fn curvature_equals_complex_step_by_hand(seed: u64, sizes in cells::sizes()) {
        cells::curvature_equals_complex_step_by_hand::<Spring>(seed, sizes);
    }

    #[test]
    fn a_language_model_by_hand_equals_the_tape(seed: u64, embedding: bool) {
        cells::language_model_by_hand_equals_the_tape::<Spring>(seed, embedding);
    }
}
