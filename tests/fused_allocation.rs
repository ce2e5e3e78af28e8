//! What a warm forward and backward pass through a fused layer allocates: no numbers, and nothing in the loops over time.
//!
//! What is left are lists of variables and tensors, boxes of the ops and of their contributions, and views: 41 pieces
//! of at most 288 bytes, 2.6 KB in all.

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

/// The allocations and bytes of a warm pass of so many steps.
fn warm_pass<C: Cell>(seq_len: usize, batch: usize) -> [usize; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let stack = Stack::<C>::init::<f32>(&StackOptions::new(INPUTS, 40), &mut rng);
    let xs = Tensor::from_fn(&[seq_len, batch, INPUTS], |i| (i as f32).sin());
    let mut tape = Tape::new();
    let mut pass = || {
        tape.reset();
        let vars = stack.map(|w| tape.leaf(w.clone()));
        let xs = tape.leaf(xs.clone());
        let out = vars.on_tape(&Seq::time_major(xs), None, None);
        let grads = tape.backward(out.outputs.rows().sum());
        assert_eq!(grads.of(vars.leaves()[0]).shape()[1], INPUTS);
    };
    (0..3).for_each(|_| pass());
    let region = Region::new(ALLOCATOR);
    let passes = 10;
    (0..passes).for_each(|_| pass());
    let change = region.change();
    let stays = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    assert_eq!(stays, 0, "{}: bytes that stay after {passes} passes", C::NAME);
    [change.allocations / passes, change.bytes_allocated / passes]
}

fn check<C: Cell>() {
    let short = warm_pass::<C>(20, 20);
    for (seq_len, batch) in [(200, 20), (400, 1)] {
        let long = warm_pass::<C>(seq_len, batch);
        let name = C::NAME;
        println!("{name}: {long:?} allocations and bytes for {seq_len} steps");
        assert!(long[0] <= short[0], "{name}: {long:?} for {seq_len} steps, {short:?} for 20");
        assert!(long[1] <= 4096, "{name}: {long:?} for {seq_len} steps");
    }
}

/// One test: two at once would count each other's.
#[test]
fn a_warm_pass_allocates_no_numbers_however_long_it_is() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("no pool before");
    check::<Vanilla>();
    check::<Gru>();
    check::<Lstm>();
}
