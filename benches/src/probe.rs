//! What the cores of this machine can do now: arithmetic, and reading from their caches.
//!
//! ```text
//! FMA    a ← a · b + c in registers, f32, as many chains as hide the latency
//! L2     the sum of 384 KiB a core, again and again
//! L3     the sum of 4 MiB a core
//! ```
//!
//! With the widest vectors that the processor has. Each rate is the best of several short bursts, on one core and on
//! several at the same time.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use crate::floor::Rates;

/// What was found: with one core at work, and with several the sum over them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// One core alone.
    pub one: Rates,
    /// All together.
    pub all: Rates,
    /// How many they are.
    pub cores: usize,
}

impl Limits {
    /// Measures for about a fifth of a second.
    pub fn probe(cores: usize) -> Self {
        Self { one: rates(1), all: rates(cores), cores }
    }

    /// What one core does at its best, alone or in company.
    pub fn best(self) -> Rates {
        let cores = self.cores as f64;
        Rates {
            fma_gflops: self.one.fma_gflops.max(self.all.fma_gflops / cores),
            l2_gbs: self.one.l2_gbs.max(self.all.l2_gbs / cores),
            l3_gbs: self.one.l3_gbs.max(self.all.l3_gbs / cores),
        }
    }

    /// The greater of each number.
    pub fn max(self, other: Self) -> Self {
        let max = |a: Rates, b: Rates| Rates {
            fma_gflops: a.fma_gflops.max(b.fma_gflops),
            l2_gbs: a.l2_gbs.max(b.l2_gbs),
            l3_gbs: a.l3_gbs.max(b.l3_gbs),
        };
        let (one, all) = (max(self.one, other.one), max(self.all, other.all));
        Self { one, all, cores: self.cores }
    }
}

/// How long a burst takes at least, and how many there are.
const BURST: Duration = Duration::from_millis(4);
const BURSTS: usize = 6;

fn rates(cores: usize) -> Rates {
    let arch = Arch::new();
    let read = |bytes: usize| {
        on_each_core(cores, move || {
            let data = vec![1.0_f32; bytes / size_of::<f32>()];
            move || {
                black_box(arch.dispatch(Sum(black_box(&data))));
                bytes as f64
            }
        })
    };
    Rates {
        fma_gflops: on_each_core(cores, move || move || arch.dispatch(Fma)),
        l2_gbs: read(384 << 10),
        l3_gbs: read(4 << 20),
    }
}

/// The work a nanosecond of so many cores, given what makes one core's work ready and does a piece of it.
fn on_each_core<W: FnMut() -> f64>(cores: usize, work: impl Fn() -> W + Sync) -> f64 {
    let barrier = Barrier::new(cores);
    let one_core = || {
        let mut work = work();
        work();
        let mut best = [0.0_f64; BURSTS];
        for best in &mut best {
            barrier.wait();
            let start = Instant::now();
            let mut done = 0.0;
            while start.elapsed() < BURST {
                done += work();
            }
            *best = done / start.elapsed().as_nanos() as f64;
        }
        best
    };
    let bursts: Vec<[f64; BURSTS]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(one_core)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let sums = (0..BURSTS).map(|i| bursts.iter().map(|burst| burst[i]).sum());
    sums.fold(0.0, f64::max)
}

/// Fused multiply-adds in registers; returns how many operations they were.
struct Fma;

impl WithSimd for Fma {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        const CHAINS: usize = 12;
        const ROUNDS: usize = 4096;
        let (b, c) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut chains = [simd.splat_f32s(1.0); CHAINS];
        for _ in 0..ROUNDS {
            for a in &mut chains {
                *a = simd.mul_add_f32s(*a, b, c);
            }
        }
        black_box(chains);
        (2 * CHAINS * ROUNDS * S::F32_LANES) as f64
    }
}

/// The sum of all numbers, which reads each of them once.
struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (vectors, rest) = S::as_simd_f32s(self.0);
        let mut sums = [simd.splat_f32s(0.0); 8];
        let blocks = vectors.chunks_exact(8);
        let tail = blocks.remainder();
        for block in blocks {
            for (sum, &x) in sums.iter_mut().zip(block) {
                *sum = simd.add_f32s(*sum, x);
            }
        }
        for (sum, &x) in sums.iter_mut().zip(tail) {
            *sum = simd.add_f32s(*sum, x);
        }
        let sums = sums.into_iter().reduce(|a, b| simd.add_f32s(a, b)).expect("eight of them");
        simd.reduce_sum_f32s(sums) + rest.iter().sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_reads_every_number() {
        for length in [0, 1, 15, 16, 100, 1000, 1023] {
            let data: Vec<f32> = (0..length).map(|i| (i % 7) as f32).collect();
            let wanted: f32 = data.iter().sum();
            assert_eq!(Arch::new().dispatch(Sum(&data)), wanted, "{length}");
        }
    }

    #[test]
    fn a_core_does_something() {
        let limits = Limits::probe(1);
        for rate in [limits.one.fma_gflops, limits.one.l2_gbs, limits.one.l3_gbs] {
            assert!(rate > 0.1 && rate < 10_000.0, "{limits:?}");
        }
    }
}
