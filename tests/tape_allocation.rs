//! What a warm tape allocates: no blocks of numbers, and nothing that stays.

use std::alloc::System;

use autograd::{Tape, Tensor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Many more numbers in a tensor than a node needs beside them: 16 KiB.
const SIDE: usize = 64;
/// Products, sums, tanh and softmax on the tape. (A matrix product takes working memory in the `matrixmultiply` crate.)
const STEPS: usize = 50;

/// One training step: the tape from its start, and twice back.
fn step(tape: &mut Tape<f32>, w: &Tensor<f32>) {
    tape.reset();
    let leaf = tape.leaf(w.clone());
    let y = (0..STEPS).fold(leaf, |y, _| (y * leaf + leaf).tanh().softmax());
    let loss = y.mean();
    let first = tape.backward(loss);
    let second = tape.backward(loss);
    assert_eq!(first.of(leaf), second.of(leaf));
}

/// One test: two at once would count each other's.
#[test]
fn a_warm_step_allocates_no_numbers_and_keeps_nothing() {
    let w = Tensor::from_fn(&[SIDE, SIDE], |i| (i as f32).sin() * 0.1);
    let mut tape = Tape::new();
    for _ in 0..3 {
        step(&mut tape, &w);
    }
    let region = Region::new(ALLOCATOR);
    let steps = 20;
    for _ in 0..steps {
        step(&mut tape, &w);
    }
    let change = region.change();
    let stays = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    assert_eq!(stays, 0, "bytes that stay after {steps} steps");

    let a_step = change.bytes_allocated / steps;
    let nodes = 4 * STEPS + 2;
    println!("{a_step} bytes a step for {nodes} nodes of {} bytes of numbers", 4 * SIDE * SIDE);
    assert!(a_step <= 200 * nodes, "{a_step} bytes a step for {nodes} nodes");
}
