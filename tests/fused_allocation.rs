//! A warm forward and backward pass through a fused layer allocates nothing, however many steps it has.

use std::alloc::System;

use autograd::{Params, Tape, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Gru, Lstm, Seq, Stack, StackOptions, Vanilla};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// More than 32: the gradient of a smaller matrix may go to matrixmultiply, which allocates what it packs.
const INPUTS: usize = 48;

/// The allocations of some warm passes of so many steps, from zeros or from a given state.
fn warm_passes<C: Cell>(seq_len: usize, batch: usize, carried: bool) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let stack = Stack::<C>::init::<f32>(&StackOptions::new(INPUTS, 40), &mut rng);
    let xs = Tensor::from_fn(&[seq_len, batch, INPUTS], |i| (i as f32).sin());
    let [state] = &stack.zero_states(batch)[..] else { unreachable!("one layer has one state") };
    let mut tape = Tape::new();
    let mut pass = || {
        tape.reset();
        let vars = stack.map(|w| tape.leaf(w.clone()));
        let xs = tape.leaf(xs.clone());
        let state = [state.map(|s| tape.leaf(s.clone()))];
        let out = vars.on_tape(&Seq::time_major(xs), carried.then_some(&state), None);
        let grads = tape.backward(out.outputs.rows().sum());
        vars.for_each(&mut |&w| assert!(grads.of(w).elements() > 0));
    };
    (0..3).for_each(|_| pass());
    let region = Region::new(ALLOCATOR);
    (0..10).for_each(|_| pass());
    let change = region.change();
    let stays = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    assert_eq!(stays, 0, "{}: bytes that stay", C::NAME);
    change.allocations
}

fn check<C: Cell>() {
    for (seq_len, batch) in [(20, 20), (200, 20), (400, 1)] {
        for carried in [false, true] {
            let allocations = warm_passes::<C>(seq_len, batch, carried);
            assert_eq!(allocations, 0, "{}: {seq_len} steps, carried: {carried}", C::NAME);
        }
    }
}

/// One test: two at once would count each other's.
#[test]
fn a_warm_pass_allocates_nothing_however_long_it_is() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("no pool before");
    check::<Vanilla>();
    check::<Gru>();
    check::<Lstm>();
}
