//! The fused engine against the steps composed on the tape, at sizes around those of its registers.

use autograd::{Element, Params, Tape, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Directions, Engine, Lstm, Merge, Seq, Stack, StackOptions};

/// T, B, I, H.
const SIZES: [[usize; 4]; 7] = [
    [1, 1, 1, 1],
    [3, 1, 17, 33],
    [17, 3, 3, 17],
    [5, 33, 1, 3],
    [4, 20, 33, 100],
    [3, 17, 129, 129],
    [0, 2, 3, 4],
];

/// The outputs, the last state and every gradient of a stack, for a loss that weights all outputs differently.
fn run<C: Cell, E: Element>(
    engine: Engine,
    directions: Directions,
    [seq_len, batch, inputs, units]: [usize; 4],
) -> Vec<Tensor<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut draw =
        |shape: &[usize]| autograd::init::uniform::<f64>(shape, 1.0, &mut rng).cast::<E>();
    let xs = draw(&[seq_len, batch, inputs]);
    let width = directions.count() * units;
    let weights = draw(&[seq_len, batch, width]);
    let states = [(); 4].map(|()| draw(&[batch, units]));
    let options = StackOptions { directions, engine, ..StackOptions::new(inputs, units) };
    let mut stack = Stack::<C>::init::<f64>(&options, &mut rng).cast::<f64, E>();
    stack.options.engine = engine;

    let tape = Tape::new();
    let vars = stack.map(|w| tape.leaf(w.clone()));
    let xs = tape.leaf(xs);
    let mut states = states.iter();
    let initial: Vec<_> = stack
        .zero_states(batch)
        .iter()
        .map(|state| state.map(|_| tape.leaf(states.next().expect("one a tensor").clone())))
        .collect();
    let out = vars.on_tape(&Seq::time_major(xs), Some(&initial), None);
    let hs = out.outputs.steps();
    let last: Vec<_> = out.last.iter().flat_map(Params::leaves).collect();
    let loss = last.iter().fold((hs * tape.constant(weights)).sum(), |sum, &s| sum + (s * s).sum());
    let grads = tape.backward(loss);

    let leaves = [vars.leaves(), vec![xs], initial.iter().flat_map(Params::leaves).collect()];
    let found = [vec![hs.value()], last.iter().map(|s| s.value()).collect()].concat();
    let found = found.into_iter().chain(leaves.concat().into_iter().map(|x| grads.of(x)));
    found.map(|x| x.cast()).collect()
}

/// The largest distance of two lists of tensors, each relative to its norm.
#[track_caller]
fn distance(a: &[Tensor<f64>], b: &[Tensor<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let each = a.iter().zip(b).map(|(a, b)| {
        let error = (a - b).norm();
        assert!(!error.is_nan(), "NaN");
        if error == 0.0 { 0.0 } else { error / b.norm() }
    });
    each.fold(0.0, f64::max)
}

#[track_caller]
fn check<C: Cell>(directions: Directions) {
    for sizes in SIZES {
        let exact = run::<C, f64>(Engine::Tape, directions, sizes);
        let error = distance(&run::<C, f64>(Engine::Fused, directions, sizes), &exact);
        assert!(error <= 1e-12, "{} {sizes:?} in f64: {error:e}", C::NAME);
        let error = distance(&run::<C, f32>(Engine::Fused, directions, sizes), &exact);
        assert!(error <= 5e-6, "{} {sizes:?} in f32: {error:e}", C::NAME);
    }
}

#[test]
fn an_lstm_equals_its_composed_steps() {
    check::<Lstm>(Directions::Forward);
}

#[test]
fn an_lstm_in_both_directions_equals_its_composed_steps() {
    check::<Lstm>(Directions::Both(Merge::Concat));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let run = || run::<Lstm, f32>(Engine::Fused, Directions::Forward, [5, 20, 33, 100]);
    assert_eq!(run(), run());
}
