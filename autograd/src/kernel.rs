//! Loops compiled once for each set of vector instructions, and chosen when the program runs.
//!
//! A kernel is a plain loop over slices. What runs is the copy of it that was compiled for the best instructions of
//! this processor; [`Sweep`] is such a loop of your own.
//!
//! ```text
//! avx512      x86-64 with AVX-512 F, VL, DQ, BW
//! avx2        x86-64 with AVX2 and FMA
//! neon        every AArch64
//! portable    what every processor of the target has, without a fused multiply-add
//! ```
//!
//! The environment variable `AUTOGRAD_KERNEL` names another level that the processor has; tests use it. At one level the
//! same input gives the same bytes, on any number of threads. Levels differ in rounding: all but the last multiply and
//! add in one step.
//!
//! Calling a function that was compiled for instructions which the processor might lack is the one step that the
//! compiler cannot check.

pub(crate) mod elementary;
pub(crate) mod panels;
pub(crate) mod packing;
pub(crate) mod columns;
pub(crate) mod direct;
pub(crate) mod row;
mod transpose;
pub(crate) mod sweep;

use std::sync::OnceLock;

pub use sweep::{Functions, Sweep};

/// A loop to run at the best level.
pub(crate) trait Kernel {
    /// The loop. It must be `#[inline(always)]`, so that it is compiled anew inside of each level's function.
    ///
    /// `FUSED` says whether `mul_add` is one instruction; where it is not, it would be a slow function. `BYTES` is
    /// the length of a vector register: what a loop should keep in registers is counted in it.
    fn run<const FUSED: bool, const BYTES: usize>(self);
}

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Portable,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The levels that this processor has, the best one last.
fn levels() -> Vec<(&'static str, Level)> {
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(unused_mut, reason = "there is no other level")
    )]
    let mut levels = vec![("portable", Level::Portable)];
    #[cfg(target_arch = "aarch64")]
    levels.push(("neon", Level::Neon));
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.push(("avx2", Level::Avx2));
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                levels.push(("avx512", Level::Avx512));
            }
        }
    }
    levels
}

/// The names of the levels that this processor has, the best one last: what `AUTOGRAD_KERNEL` can be.
pub fn level_names() -> Vec<&'static str> {
    levels().into_iter().map(|(name, _)| name).collect()
}

/// The level to use: the one that `AUTOGRAD_KERNEL` names, or the best.
///
/// # Panics
///
/// If the variable names none that the processor has.
fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let levels = levels();
        let Ok(wanted) = std::env::var("AUTOGRAD_KERNEL") else {
            return levels[levels.len() - 1].1;
        };
        match levels.iter().find(|(name, _)| *name == wanted) {
            Some(&(_, level)) => level,
            None => {
                panic!(
                    "AUTOGRAD_KERNEL is {wanted:?}; this processor has {}",
                    level_names().join(", ")
                )
            }
        }
    })
}

/// Whether the program was compiled for processors with a fused multiply-add only (`-C target-cpu`).
const FUSED_ANYWAY: bool = cfg!(target_feature = "fma");

/// Runs a kernel at the level of this process.
pub(crate) fn run<K: Kernel>(kernel: K) {
    run_at(level(), kernel);
}

/// Runs a kernel at this level.
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "a call into code for instructions that were found at run time")
)]
fn run_at<K: Kernel>(level: Level, kernel: K) {
    match level {
        Level::Portable => kernel.run::<FUSED_ANYWAY, 16>(),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => kernel.run::<true, 16>(), // all code of the target is compiled for NEON
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `levels` has found AVX2 and FMA, and nothing else makes this level.
        Level::Avx2 => unsafe { on_avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `levels` has found all of them, and nothing else makes this level.
        Level::Avx512 => unsafe { on_avx512(kernel) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn on_avx2<K: Kernel>(kernel: K) {
    kernel.run::<true, 32>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn on_avx512<K: Kernel>(kernel: K) {
    kernel.run::<true, 64>();
}
