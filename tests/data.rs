//! Data from files: what is read is what is there, and what is wrong is named with its place.

mod vocabulary;
mod loaders;
mod numbers;
mod batches;
mod streams;
mod fuzz;

use std::fmt::Debug;

use rnn::data::{DataError, Place, Source};

/// A source called `data.txt`.
fn source(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Source<&[u8]> {
    Source::new("data.txt", bytes.as_ref())
}

/// A place in it.
fn at(line: usize, column: usize) -> Place {
    Place { file: "data.txt".into(), line, column }
}

/// Asserts that data is refused with this error and this sentence.
#[track_caller]
fn refused<T: Debug>(read: Result<T, DataError>, error: DataError, sentence: &str) {
    let found = read.expect_err("it is refused");
    assert_eq!(found, error);
    assert_eq!(found.to_string(), sentence);
}
