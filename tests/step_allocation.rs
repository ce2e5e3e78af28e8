//! What a step of a prepared model allocates, and a large product that was there before: nothing.

use std::alloc::System;
use std::hint::black_box;

use autograd::optim::{Adam, Optimizer};
use autograd::{Element, Params, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Gru, LanguageModel, Lstm, StackOptions, Vanilla};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often something was allocated while `f` ran.
fn allocations(f: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    f();
    let change = region.change();
    change.allocations + change.reallocations
}

/// Steps of two texts.
fn check<C: Cell>(embedding: bool) {
    let width = if embedding { 10 } else { 65 };
    let options = StackOptions { layers: 2, ..StackOptions::new(width, 100) };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let model = LanguageModel::<C>::init_with::<f32>(65, embedding, &options, &mut rng);
    let mut stepper = model.stepper(2);
    let mut run = |steps: usize| {
        for t in 0..steps {
            let scores = stepper.step(&[t % 65, (7 * t) % 65]).expect("the ids are symbols");
            black_box(scores);
        }
    };
    run(3);
    let count = allocations(|| run(100));
    assert_eq!(count, 0, "{}, embedding: {embedding}", C::NAME);
}

/// Steps of Adam with clipping, after the first.
fn an_optimizer() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut model = LanguageModel::<Lstm>::init::<f32>(65, Some(32), 64, &mut rng);
    let grads = model.map(|w| Tensor::full(w.shape(), 0.1_f32));
    let mut adam = Adam::new(1e-3);
    let mut run = |steps: usize| {
        for _ in 0..steps {
            adam.step_clipped(&mut model, &grads, 5.0).expect("a step can be taken");
        }
    };
    run(3);
    assert_eq!(allocations(|| run(100)), 0, "Adam");
}

/// Products of 100 MFLOP, with each factor as it is and transposed: more rows than a piece for a thread has, and more
/// than one block of K.
fn large_products<E: Element>() {
    let sines = |shape: &[usize]| Tensor::from_fn(shape, |i| E::from_f64((i as f64).sin()));
    let [m, k, n] = [700, 300, 250];
    let [a, a_t, b, b_t] = [[m, k], [k, m], [k, n], [n, k]].map(|shape| sines(&shape));
    let run = |times: usize| {
        for _ in 0..times {
            black_box([a.matmul(&b), a_t.t().matmul(&b), a.matmul(b_t.t())]);
            black_box(a_t.t().matmul(b_t.t()));
        }
    };
    run(3);
    assert_eq!(allocations(|| run(5)), 0, "large products");
}

/// One test: two at once would count each other's. On one thread: what those of a pool need when they start would be
/// counted, and which of several needs the rows of a transposed factor first is by chance.
#[test]
fn a_step_that_writes_and_a_step_that_learns_and_a_large_product_allocate_nothing() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("a thread can be started").install(|| {
        for embedding in [false, true] {
            check::<Vanilla>(embedding);
            check::<Gru>(embedding);
            check::<Lstm>(embedding);
        }
        an_optimizer();
        large_products::<f32>();
        large_products::<f64>();
    });
}
