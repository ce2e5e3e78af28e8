//! What the tests share: drawing cases, and comparing numbers.

pub mod drawn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use autograd::draw::Draw;
use autograd::{Element, Params, Tensor, kernel};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The sizes and the seed of a drawn case: rank 0 to 4, axes up to 4 long (0 and 1 among them). A failing
/// case shrinks to smaller sizes.
pub fn draws() -> impl Strategy<Value = (u64, Draw)> {
    (0..=4_usize, 1..=4_usize, any::<u64>())
        .prop_map(|(rank, axis, seed)| (seed, Draw::new(seed, rank, axis)))
}

/// So many cases, or as many as `PROPTEST_CASES` says. What fails is saved beside the source.
pub fn config(cases: u32, source_file: &'static str) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: wanted.unwrap_or(cases),
        ..ProptestConfig::with_source_file(source_file)
    }
}

/// The generator that every test passes in.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The largest |a − b| / max(1, |a|, |b|) over two tensors of one shape; infinite if one is NaN.
#[track_caller]
pub fn distance<E: Element>(a: &Tensor<E>, b: &Tensor<E>) -> f64 {
    assert_eq!(a.shape(), b.shape(), "two shapes");
    let errors = a.data().iter().zip(b.data()).map(|(a, b)| {
        let (a, b) = (a.value(), b.value());
        let error = (a - b).abs() / 1f64.max(a.abs()).max(b.abs());
        if error.is_nan() && a.to_bits() != b.to_bits() { f64::INFINITY } else { error }
    });
    errors.fold(0.0, f64::max)
}

/// Asserts that two structs of tensors agree, and names the first that does not.
#[track_caller]
pub fn assert_close<P, E>(what: &str, a: &P, b: &P, allowed: f64)
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    for ((name, a), b) in a.names().iter().zip(a.leaves()).zip(b.leaves()) {
        let error = distance(&a, &b);
        assert!(error <= allowed, "{what}: `{name}` differs by {error:.1e}, allowed {allowed:.0e}");
    }
}

/// Asserts that a result is this error, and that its sentence holds these facts.
#[track_caller]
pub fn refused<T, E>(result: Result<T, E>, variant: fn(&E) -> bool, facts: &[&str])
where
    E: std::error::Error,
{
    let error = result.err().expect("it is refused");
    assert!(variant(&error), "another variant: {error:?}");
    let sentence = error.to_string();
    for fact in facts {
        assert!(sentence.contains(fact), "`{fact}` is not in: {sentence}");
    }
    assert!(!sentence.contains('\n') && !sentence.ends_with('.'), "one sentence: {sentence}");
}

/// Asserts that a call panics with a sentence that holds these facts.
#[track_caller]
pub fn panics<T>(call: impl FnOnce() -> T, facts: &[&str]) {
    let panic = catch_unwind(AssertUnwindSafe(call)).err().expect("it panics");
    let sentence = panic.downcast_ref::<String>().expect("with a sentence");
    for fact in facts {
        assert!(sentence.contains(fact), "`{fact}` is not in: {sentence}");
    }
}

/// Runs a test of this binary once for each level of the kernels, each time in a process of its own: a process stays at one.
#[track_caller]
pub fn at_every_level(test: &str) {
    let this = std::env::current_exe().expect("a program knows where it is");
    for level in kernel::level_names() {
        let mut command = Command::new(&this);
        let output = command.args(["--exact", test]).env("AUTOGRAD_KERNEL", level).output();
        let output = output.expect("the tests can be started again");
        let [said, went_wrong] =
            [&output.stdout, &output.stderr].map(|x| String::from_utf8_lossy(x));
        let passed = output.status.success() && said.contains("1 passed");
        assert!(passed, "{test} at {level}: {said}{went_wrong}");
    }
}
