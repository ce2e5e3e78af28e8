//! Data: text and numbers from files, as ids and tensors, in batches; and tasks that need no files.
//!
//! ```text
//! Source         a file or any reader, line by line     text, labelled, pairs, Csv, conllu read from it
//! Vocabulary     characters or words as ids             Counts leaves rare ones out
//! Streams        one long text in parallel streams      for truncated backpropagation
//! buckets, pad   many sequences in padded batches       split: to train with, to test with
//! Scaler         columns of numbers on one scale        sliding: windows of them, to forecast
//! tasks          classic problems, drawn from a generator
//! ```
//!
//! Every loader reads a line at a time and ends with an error that names file, line and column.
//!
//! Shapes: ids `[T·B]` and numbers [T, B, F], time-major.

pub mod error;
pub mod text;
pub mod symbol;
pub mod vocabulary;
pub mod counts;
pub mod lines;
pub mod conllu;
pub mod series;
pub mod scale;
pub mod sliding;
pub mod streams;
pub mod batches;
pub mod tasks;

pub use batches::{buckets, pad, pad_ids, split};
pub use conllu::conllu;
pub use counts::Counts;
pub use error::{DataError, Place};
pub use lines::{Labelled, Pair, labelled, pairs};
pub use scale::{NothingToFit, Scaler};
pub use series::{Column, Csv, Series};
pub use sliding::{SeriesTooShort, sliding};
pub use streams::{StreamError, Streams, Window, split_at_fraction};
pub use symbol::Symbol;
pub use text::{Source, read_text};
pub use vocabulary::{Special, Token, UnknownSymbol, Vocabulary, VocabularyError};
