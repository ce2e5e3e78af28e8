//! How much memory loading a checkpoint takes: at most twice the file and a little for each tensor, whatever
//! the file says of itself.
//!
//! All that is allocated counts, even what is freed again at once: more than the memory in use at any time.

use std::alloc::System;
use std::hint::black_box;
use std::path::Path;

use autograd::Tensor;
use autograd::optim::{Adam, Optimizer};
use rnn::checkpoint::Checkpoint;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is allowed beside twice the file, once: a piece of it that is read at once.
const BESIDE: usize = 1 << 17;
/// What is allowed for each tensor: its name, its shape, its place.
const EACH: usize = 2048;

/// The bytes that are allocated while `f` runs, and what it returns.
fn allocated<T>(f: impl FnOnce() -> T) -> (usize, T) {
    let region = Region::new(ALLOCATOR);
    let result = black_box(f());
    (region.change().bytes_allocated, result)
}

#[track_caller]
fn check(path: &Path, whole: bool, tensors: usize) -> f64 {
    let file = std::fs::metadata(path).expect("it is there").len() as usize;
    let (bytes, loaded) = allocated(|| Checkpoint::<f32>::load(path));
    assert_eq!(loaded.is_ok(), whole, "{loaded:?}");
    assert!(
        bytes <= 2 * file + BESIDE + EACH * tensors,
        "{bytes} bytes allocated for a file of {file}"
    );
    bytes as f64 / file as f64
}

/// One test: two at once would count each other's.
#[test]
fn loading_allocates_at_most_twice_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x");

    // A model of a million parameters in eight tensors, with Adam's state.
    let mut model = vec![Tensor::full(&[125, 1000], 0.5_f32); 8];
    let mut adam = Adam::new(1e-3);
    adam.step(&mut model.clone(), &model).expect("it fits");
    adam.step(&mut model, &vec![Tensor::ones(&[125, 1000]); 8]).expect("it fits");
    let mut all = Checkpoint::of(&model).expect("it is finite");
    all.insert_optimizer("optimizer", &adam, &model).expect("it is finite");
    all.save(&path).expect("it is writable");
    let whole = std::fs::read(&path).expect("it is there");
    assert!(whole.len() > 12_000_000);
    let ratio = check(&path, true, 24);
    assert!(ratio <= 1.05, "{ratio} times the file");
    println!("{} bytes: {ratio:.3} times the file", whole.len());

    // Small files, and one of many small tensors.
    for tensors in [0, 1, 10, 1000] {
        let model: Vec<_> = (0..tensors).map(|_| Tensor::full(&[25], 0.5_f32)).collect();
        Checkpoint::of(&model).and_then(|all| all.save(&path)).expect("it is finite");
        let ratio = check(&path, true, tensors);
        println!("{tensors} tensors of 25 numbers: {ratio:.3} times the file");
    }

    // Files that are cut short, that are damaged, or that promise more than they hold.
    for len in [0, 7, 8, 9, 1000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..len]).expect("it is writable");
        check(&path, false, 0);
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().expect("it is not empty") ^= 1;
    std::fs::write(&path, damaged).expect("it is writable");
    check(&path, false, 0);
    let shapes = ["[4000000000]", "[4294967296,4294967296]", "[0,9000000000000000000]"];
    let headers = shapes.map(|shape| {
        format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,16000000000]}}}}"#)
    });
    for (n, header) in headers.iter().map(|header| (header.len() as u64, header.as_str())).chain([
        (u64::MAX, ""),
        (1 << 62, "{}"),
        (90_000_000, "{}"),
    ]) {
        let bytes = [&n.to_le_bytes()[..], header.as_bytes(), &[0; 64]].concat();
        std::fs::write(&path, bytes).expect("it is writable");
        check(&path, false, 0);
    }
}
