//! The fused engine against the steps composed on the tape and those by hand, at sizes around those of its registers
//! and at those of real layers, at every level of the kernels and on any number of threads.

use autograd::{Element, Params, Tape, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::cell::Biased;
use rnn::vanilla::VanillaOptions;
use rnn::{
    Cell, Directions, Engine, Gru, Lstm, Merge, Nonlinearity, Seq, Stack, StackOptions, Vanilla,
};
use tests::at_every_level;

/// T, B, I, H around the sizes of registers, tiles and panels, and none of each.
const ODD: [[usize; 4]; 11] = [
    [1, 1, 1, 1],
    [3, 1, 17, 33],
    [17, 3, 3, 17],
    [5, 33, 1, 3],
    [4, 20, 33, 100],
    [3, 17, 129, 129],
    [2, 129, 100, 17],
    [66, 2, 3, 1],
    [0, 2, 3, 4],
    [3, 0, 3, 4],
    [1, 100, 33, 16],
];

/// Batches and layers that are in use, for a few steps.
const USUAL: [[usize; 4]; 6] = [
    [25, 1, 64, 100],
    [20, 20, 128, 128],
    [5, 32, 128, 256],
    [7, 64, 256, 512], // W_ih is read once for 4 steps, then for 3
    [2, 16, 512, 1024],
    [130, 1, 64, 128],
];

const BOTH: Directions = Directions::Both(Merge::Concat);

/// One case: a cell with these options, in this direction.
struct Case<C: Cell> {
    cell: C::Options,
    directions: Directions,
    sizes: [usize; 4],
}

/// The outputs, the last state and every gradient of a layer, for a loss that weights all outputs differently.
fn run<C: Cell, E: Element>(engine: Engine, case: &Case<C>) -> Vec<Tensor<f64>> {
    let Case { ref cell, directions, sizes: [seq_len, batch, inputs, units] } = *case;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut draw =
        |shape: &[usize]| autograd::init::uniform::<f64>(shape, 1.0, &mut rng).cast::<E>();
    let xs = draw(&[seq_len, batch, inputs]);
    let width = directions.count() * units;
    let weights = draw(&[seq_len, batch, width]);
    let states = [(); 4].map(|()| draw(&[batch, units]));
    let options =
        StackOptions { directions, engine, cell: cell.clone(), ..StackOptions::new(inputs, units) };
    let stack = Stack::<C>::init::<f64>(&options, &mut rng).cast::<f64, E>();

    let tape = Tape::new();
    let vars = stack.map(|w| tape.leaf(w.clone()));
    let on_tape = tape.leaf(xs.clone());
    let mut states = states.iter();
    let initial: Vec<_> = stack
        .zero_states(batch)
        .iter()
        .map(|state| state.map(|_| states.next().expect("one a tensor").clone()))
        .collect();
    let leaves: Vec<_> = initial.iter().map(|s| s.map(|s| tape.leaf(s.clone()))).collect();
    let out = vars.on_tape(&Seq::time_major(on_tape), Some(&leaves), None);
    let hs = out.outputs.steps();
    let last: Vec<_> = out.last.iter().flat_map(Params::leaves).collect();
    let loss = last.iter().fold((hs * tape.constant(weights)).sum(), |sum, &s| sum + (s * s).sum());
    let grads = tape.backward(loss);

    // Without a tape there are the same outputs.
    let alone = stack.run(&Seq::time_major(xs), Some(&initial));
    let alone_last = alone.last.iter().flat_map(Params::leaves);
    if engine == Engine::Fused {
        assert_eq!(alone.outputs.steps(), hs.value());
        assert!(alone_last.eq(last.iter().map(|s| s.value())));
    }

    let leaves = [vars.leaves(), vec![on_tape], leaves.iter().flat_map(Params::leaves).collect()];
    let found = [vec![hs.value()], last.iter().map(|s| s.value()).collect()].concat();
    let found = found.into_iter().chain(leaves.concat().into_iter().map(|x| grads.of(x)));
    found.map(|x| x.cast()).collect()
}

/// How far two lists of tensors are apart: all of them as one vector, relative to its norm, and each tensor of several
/// numbers relative to its own; the larger.
///
/// The terms of a single number (a bias, where there is one unit) may cancel to any part of what they were, with the same
/// rounding errors in it: that counts among all numbers only.
#[track_caller]
fn distance(a: &[Tensor<f64>], b: &[Tensor<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let relative = |error: f64, norm: f64| if error == 0.0 { 0.0 } else { error / norm };
    let pairs = || a.iter().zip(b).map(|(a, b)| ((a - b).norm(), b));
    let (error, norm) = pairs().fold((0.0, 0.0), |(error, norm): (f64, f64), (more, b)| {
        (error.hypot(more), norm.hypot(b.norm()))
    });
    assert!(!error.is_nan(), "NaN");
    let each =
        pairs().filter(|(_, b)| b.elements() > 1).map(|(error, b)| relative(error, b.norm()));
    each.fold(relative(error, norm), f64::max)
}

#[track_caller]
fn check<C: Cell>(cell: C::Options, directions: Directions, all: &[[usize; 4]]) {
    for &sizes in all {
        let case = Case::<C> { cell: cell.clone(), directions, sizes };
        let exact = run::<C, f64>(Engine::Tape, &case);
        for engine in [Engine::Fused, Engine::Explicit] {
            let error = distance(&run::<C, f64>(engine, &case), &exact);
            assert!(error <= 1e-12, "{} {cell:?} {sizes:?} {engine:?} in f64: {error:e}", C::NAME);
        }
        let error = distance(&run::<C, f32>(Engine::Fused, &case), &exact);
        assert!(error <= 5e-6, "{} {cell:?} {sizes:?} in f32: {error:e}", C::NAME);
    }
}

fn vanilla(nonlinearity: Nonlinearity, bias: bool) -> VanillaOptions {
    VanillaOptions { nonlinearity, biased: Biased { bias } }
}

#[test]
fn a_vanilla_layer_equals_its_composed_steps() {
    check::<Vanilla>(vanilla(Nonlinearity::Tanh, true), Directions::Forward, &ODD);
    check::<Vanilla>(vanilla(Nonlinearity::Relu, true), Directions::Forward, &ODD);
}

#[test]
fn a_gru_equals_its_composed_steps() {
    check::<Gru>(Biased::default(), Directions::Forward, &ODD);
}

#[test]
fn an_lstm_equals_its_composed_steps() {
    check::<Lstm>(Biased::default(), Directions::Forward, &ODD);
}

#[test]
fn both_directions_without_biases_equal_their_composed_steps() {
    let bias = false;
    check::<Vanilla>(vanilla(Nonlinearity::Tanh, bias), BOTH, &ODD);
    check::<Gru>(Biased { bias }, BOTH, &ODD);
    check::<Lstm>(Biased { bias }, BOTH, &ODD);
}

#[test]
fn layers_of_usual_sizes_equal_their_composed_steps() {
    check::<Vanilla>(VanillaOptions::default(), Directions::Reverse, &USUAL);
    check::<Gru>(Biased::default(), Directions::Forward, &USUAL);
    check::<Lstm>(Biased::default(), Directions::Reverse, &USUAL);
}

/// What another process runs at another level.
#[test]
fn each_cell_equals_its_composed_steps_at_the_level_of_this_process() {
    check::<Vanilla>(vanilla(Nonlinearity::Tanh, true), BOTH, &ODD);
    check::<Vanilla>(vanilla(Nonlinearity::Relu, true), BOTH, &ODD);
    check::<Gru>(Biased::default(), BOTH, &ODD);
    check::<Lstm>(Biased::default(), BOTH, &ODD);
}

#[test]
fn each_cell_equals_its_composed_steps_at_every_level() {
    at_every_level("fused::each_cell_equals_its_composed_steps_at_the_level_of_this_process");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    fn check<C: Cell>() {
        for sizes in [[70, 33, 17, 65], [300, 1, 33, 128], [300, 3, 33, 129], [5, 128, 129, 260]] {
            let case = || Case::<C> { cell: C::Options::default(), directions: BOTH, sizes };
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.expect("threads can be started");
                pool.install(|| run::<C, f32>(Engine::Fused, &case()))
            };
            let one = run(1);
            for threads in [2, 4, 8] {
                assert!(run(threads) == one, "{} {sizes:?} on {threads} threads", C::NAME);
            }
        }
    }
    check::<Vanilla>();
    check::<Gru>();
    check::<Lstm>();
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_at_every_level() {
    at_every_level("fused::any_number_of_threads_gives_the_same_bytes");
}

#[test]
fn the_fused_engine_is_the_default() {
    assert_eq!(StackOptions::<Biased>::new(1, 1).engine, Engine::Fused);
}

/// Where the inputs of a layer come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    Rows,
    Table,
    OneHot,
}

/// The gradients of the parameters of two layers and of their inputs, of which parameter number `held` is data and has
/// none.
fn gradients<C: Cell>(source: Source, held: Option<usize>) -> Vec<Option<Tensor<f64>>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let options = StackOptions { layers: 2, ..StackOptions::new(3, 4) };
    let stack = Stack::<C>::init::<f64>(&options, &mut rng);
    let tape = Tape::new();
    let mut places = 0..;
    let vars = stack.map(|w| match places.next() == held {
        true => tape.constant(w.clone()),
        false => tape.leaf(w.clone()),
    });
    let table = tape.leaf(Tensor::from_fn(&[6, 3], |i| (i as f64).sin()));
    let ids = [0, 2, 1, 1, 0, 2];
    let out = match source {
        Source::Rows => Ok(vars.on_tape(&Seq::time_major(table.reshape(&[3, 2, 3])), None, None)),
        Source::Table => vars.on_tape_ids(&tape, Some(table), &ids, 2, None, None),
        Source::OneHot => vars.on_tape_ids(&tape, None, &ids, 2, None, None),
    };
    let hs = *out.expect("ids below 3 and two rows").outputs.rows();
    let grads = tape.backward((hs * hs).sum());
    let inputs = (source != Source::OneHot).then_some(table);
    let vars = vars.leaves().into_iter().chain(inputs).enumerate();
    vars.map(|(place, x)| (held != Some(place)).then(|| grads.of(x))).collect()
}

/// What a layer says of the other gradients does not depend on whether one is asked for.
fn a_parameter_held_constant_changes_no_other_gradient<C: Cell>() {
    for source in [Source::Rows, Source::Table, Source::OneHot] {
        let all = gradients::<C>(source, None);
        assert!(all.iter().flatten().all(|g| g.norm() > 0.0), "{} {source:?}", C::NAME);
        for held in 0..8 {
            let some = gradients::<C>(source, Some(held));
            let pairs = some.iter().zip(&all).enumerate().filter(|&(place, _)| place != held);
            for (place, (some, all)) in pairs {
                assert_eq!(some, all, "{} {source:?}: {place}, with {held} held", C::NAME);
            }
        }
    }
}

#[test]
fn a_parameter_held_constant_in_a_layer_changes_no_other_gradient() {
    a_parameter_held_constant_changes_no_other_gradient::<Vanilla>();
    a_parameter_held_constant_changes_no_other_gradient::<Gru>();
    a_parameter_held_constant_changes_no_other_gradient::<Lstm>();
}
