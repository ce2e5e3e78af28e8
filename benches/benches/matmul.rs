//! Products of `f32` matrices: the recurrent one, h [B, H] · W_hhᵀ [H, H], and a large one.
//!
//! Beside each the three loops of the definition, in the same run, for the ratio; and a larger one on one thread
//! and on two. Weights packed once beside the general product, which packs them at every call. Throughput is floating-point operations a second: 2 · m · k · n for [m, k] · [k, n].

use std::hint::black_box;

use autograd::Tensor;
use autograd::tensor::Packed;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// c[i, j] = Σ_p a[i, p] · b[j, p], as it is written.
fn three_loops(a: &Tensor<f32>, b: &Tensor<f32>) -> Tensor<f32> {
    let ([m, k], [n, _]) = (sides(a), sides(b));
    let (a, b) = (a.data(), b.data());
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            let mut sum = 0.0;
            for p in 0..k {
                sum += a[i * k + p] * b[j * k + p];
            }
            c[i * n + j] = sum;
        }
    }
    Tensor::new(&[m, n], c)
}

fn sides(matrix: &Tensor<f32>) -> [usize; 2] {
    [matrix.shape()[0], matrix.shape()[1]]
}

fn products(criterion: &mut Criterion) {
    for (m, k, n) in [(1, 128, 128), (1, 256, 256), (32, 128, 128), (32, 256, 256), (512, 512, 512)]
    {
        let a = Tensor::from_fn(&[m, k], |i| (i % 17) as f32 / 17.0);
        let b = Tensor::from_fn(&[n, k], |i| (i % 13) as f32 / 13.0);
        let mut group = criterion.benchmark_group(format!("matmul_{m}x{k}x{n}"));
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function("matmul", |bench| {
            bench.iter(|| black_box(&a).matmul(black_box(&b).t()))
        });
        group.bench_function("three_loops", |bench| {
            bench.iter(|| three_loops(black_box(&a), black_box(&b)))
        });
        group.finish();
    }
}

/// A recurrent step's product, h [B, H] · W_hhᵀ [H, 4H], and the packing alone.
fn packed(criterion: &mut Criterion) {
    for k in [128, 256, 512] {
        let n = 4 * k;
        let w = Tensor::from_fn(&[n, k], |i| (i % 13) as f32 / 13.0);
        let packed = Packed::new(w.t());
        for m in [1, 16, 20, 64] {
            let a = Tensor::from_fn(&[m, k], |i| (i % 17) as f32 / 17.0);
            let mut c = vec![0.0; m * n];
            let mut group = criterion.benchmark_group(format!("packed_{m}x{k}x{n}"));
            group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
            group.bench_function("packed", |bench| {
                bench.iter(|| packed.multiply(black_box(a.data()), black_box(&mut c)))
            });
            group.bench_function("matmul", |bench| {
                bench.iter(|| black_box(&a).matmul(black_box(&w).t()))
            });
            group.finish();
        }
        let mut group = criterion.benchmark_group(format!("packing_{n}x{k}"));
        group.throughput(Throughput::Elements((k * n) as u64));
        group.bench_function("packed", |bench| bench.iter(|| Packed::new(black_box(&w).t())));
        group.finish();
    }
}

fn threads(criterion: &mut Criterion) {
    let [m, k, n] = [2048, 256, 1024];
    let a = Tensor::from_fn(&[m, k], |i| (i % 17) as f32 / 17.0);
    let b = Tensor::from_fn(&[k, n], |i| (i % 13) as f32 / 13.0);
    let mut group = criterion.benchmark_group(format!("matmul_{m}x{k}x{n}"));
    group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.expect("threads can be started");
        group.bench_function(format!("threads_{threads}"), |bench| {
            bench.iter(|| pool.install(|| black_box(&a).matmul(black_box(&b))))
        });
    }
    group.finish();
}

criterion_group!(matmul, products, packed, threads);
criterion_main!(matmul);
