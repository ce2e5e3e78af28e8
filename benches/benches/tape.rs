//! What a tape costs: record, walk back, drop.
//!
//! Every iteration starts with an empty tape and frees it, so the time is what a user pays for one
//! evaluation with its gradient; `_reset` keeps the tape's memory instead. Throughput is nodes (scalar engine) or operations (tensor engine)
//! a second.

use std::hint::black_box;

use autograd::init::unit;
use autograd::scalar;
use autograd::{Element, Tape, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// So many products y ← y · w, and the slope in w, which is so near 1 that no number becomes subnormal.
fn chain(tape: &scalar::Tape, products: usize) -> f64 {
    let w = tape.var(black_box(1.0 - 1e-9));
    let y = (0..products).fold(tape.var(1.0), |y, _| y * w);
    tape.backward(y).of(w)
}

fn scalar_chain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scalar_chain");
    for products in [1_000, 1_000_000] {
        group.throughput(Throughput::Elements(products as u64 + 2));
        group.bench_function(format!("{products}"), |bench| {
            bench.iter(|| chain(&scalar::Tape::new(), products))
        });
        group.bench_function(format!("{products}_reset"), |bench| {
            let mut tape = scalar::Tape::new();
            bench.iter(|| {
                tape.reset();
                chain(&tape, products)
            })
        });
    }
    group.finish();
}

/// Weights and biases of layers of these sizes, in the order in which they are used.
fn weights(sizes: &[usize]) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let count: usize = sizes.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
    (0..count).map(|_| unit(&mut rng) - 0.5).collect()
}

/// A perceptron 16-16-16-1 with tanh after each layer, one weight a variable.
fn scalar_mlp(criterion: &mut Criterion) {
    let sizes = [16, 16, 16, 1];
    let weights = weights(&sizes);
    let run = || {
        let tape = scalar::Tape::new();
        let weights: Vec<_> = weights.iter().map(|&w| tape.var(w)).collect();
        let mut next = weights.iter().copied();
        let mut xs: Vec<_> = (0..sizes[0]).map(|i| tape.var(black_box(i as f64 / 16.0))).collect();
        for &size in &sizes[1..] {
            let mut ys: Vec<_> = next.by_ref().take(size).collect(); // the biases
            for y in &mut ys {
                *y = xs.iter().zip(&mut next).fold(*y, |sum, (&x, w)| sum + w * x).tanh();
            }
            xs = ys;
        }
        (tape.len(), tape.backward(xs[0]).of(weights[0]))
    };
    let mut group = criterion.benchmark_group("scalar_mlp");
    group.throughput(Throughput::Elements(run().0 as u64));
    group.bench_function("16-16-16-1", |bench| bench.iter(run));
    group.finish();
}

/// 300 times y ← tanh(y ⊙ w + b), a product, a sum and a tanh each.
fn tensor_chain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tensor_chain");
    group.throughput(Throughput::Elements(900));
    for side in [1, 4] {
        of::<f32>(&mut group, side, "f32");
        of::<f64>(&mut group, side, "f64");
    }
    group.finish();

    type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;
    fn of<E: Element>(group: &mut Group<'_>, side: usize, element: &str) {
        let full = |x| Tensor::full(&[side, side], E::from_f64(x));
        let (y0, w0, b0) = (full(0.5), full(0.9), full(0.1));
        let run = |tape: &Tape<E>| {
            let [y, w, b] = [&y0, &w0, &b0].map(|x| tape.leaf(x.clone()));
            let y = (0..300).fold(y, |y, _| (y * w + b).tanh());
            tape.backward(y.sum()).of(w)
        };
        group.bench_function(format!("{side}x{side}_{element}"), |bench| {
            bench.iter(|| run(&Tape::new()))
        });
        group.bench_function(format!("{side}x{side}_{element}_reset"), |bench| {
            let mut tape = Tape::new();
            bench.iter(|| {
                tape.reset();
                run(&tape)
            })
        });
    }
}

criterion_group!(tape, scalar_chain, scalar_mlp, tensor_chain);
criterion_main!(tape);
