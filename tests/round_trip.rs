//! A law of checkpoints: save, load, and every pass gives the same bits.

use autograd::draw::Draw;
use autograd::{Params, Tape, Tensor};
use proptest::prelude::*;
use rnn::checkpoint::{Checkpoint, Number};
use rnn::{
    Cell, Directions, Engine, Gru, GruResetBefore, Lstm, LstmVariant, MinGru, MinLstm, Seq, Stack,
    StackOptions, Vanilla,
};
use tests::drawn::Drawn;
use tests::{config, rng};

use super::stack::directions;

/// Outputs, last states and gradients, by hand and by both engines on a tape, as bits.
fn passes<C: Cell, E: Number>(stack: &Stack<C, Tensor<E>>, xs: &Seq<Tensor<E>>) -> Vec<Vec<u64>> {
    let trace = stack.unroll(xs, None, None);
    let ones = trace.outputs.map_rows(|rows| Tensor::ones(rows.shape()));
    let back = stack.bptt(&trace, &ones, None);
    let mut found = [back.grads.leaves(), vec![trace.outputs.steps(), back.d_xs.steps()]].concat();
    found.extend(trace.last.iter().flat_map(Params::leaves));
    for engine in [Engine::Explicit, Engine::Tape] {
        let tape = Tape::new();
        let mut vars = stack.map(|w| tape.leaf(w.clone()));
        vars.options.engine = engine;
        let out = vars.on_tape(&xs.map_rows(|rows| tape.constant(rows.clone())), None, None);
        let grads = tape.backward(out.outputs.steps().sum());
        found.push(out.outputs.steps().value());
        found.extend(vars.leaves().into_iter().map(|w| grads.of(w)));
    }
    let bits = |x: Tensor<E>| x.data().iter().map(|x| x.value().to_bits()).collect();
    found.into_iter().map(bits).collect()
}

fn loaded_is_saved<C: Drawn, E: Number>(
    seed: u64,
    layers: usize,
    directions: Directions,
    [seq_len, batch]: [usize; 2],
) {
    let mut draw = Draw::new(seed, 0, 0);
    let cell = C::options(&mut draw, 4);
    let options = StackOptions { layers, directions, cell, ..StackOptions::new(3, 4) };
    let saved = Stack::<C>::init::<E>(&options, &mut rng(seed));
    let other = Stack::<C>::init::<E>(&options, &mut rng(!seed));
    assert_ne!(saved.leaves(), other.leaves(), "what is loaded cannot come from the template");
    let bytes = Checkpoint::of(&saved).and_then(|all| all.to_bytes()).expect("it is finite");
    let loaded = Checkpoint::<E>::from_bytes("saved", &bytes).expect("it is whole");
    let loaded = loaded.into_params(&other).expect("it fits");
    assert_eq!(loaded.names(), saved.names());

    let lengths: Vec<usize> = (0..batch).map(|_| draw.below(0..seq_len + 1)).collect();
    let xs = Seq::time_major(draw.tensor(&[seq_len, batch, 3], -2.0..2.0).cast::<E>());
    let xs = xs.with_lengths(&lengths).expect("lengths up to T");
    for xs in [xs.packed(), xs] {
        assert!(passes(&loaded, &xs) == passes(&saved, &xs), "{} {options:?}", C::NAME);
    }
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(
        mod $module {
            use super::*;

            proptest! {
                #![proptest_config(config(50, file!()))]

                #[test]
                fn what_is_loaded_gives_the_bits_of_what_was_saved(
                    seed: u64,
                    layers in 1..=3_usize,
                    directions in directions(),
                    sizes in [0..=6_usize, 1..=3_usize],
                ) {
                    loaded_is_saved::<$cell, f32>(seed, layers, directions, sizes);
                    loaded_is_saved::<$cell, f64>(seed, layers, directions, sizes);
                }
            }
        }
    )* };
}

for_each_cell! {
    Vanilla vanilla;
    Gru gru;
    GruResetBefore gru_reset_before;
    Lstm lstm;
    LstmVariant lstm_variant;
    MinGru min_gru;
    MinLstm min_lstm;
}
