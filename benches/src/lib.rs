//! What the benchmarks share: the figures and their names, how time and memory are measured, the floor.
//!
//! ```text
//! sequence    this project, one figure a line          peers/    candle, burn, PyTorch, NumPy: the same lines
//! compare     all of them in turns, in one run, with the limits of the machine; the table, the bars
//! ```
//!
//! `README.md` beside this crate says how to run them and what a figure means.

// In reading order; each module uses only those above it.
pub mod case;
pub mod figure;
pub mod timing;
pub mod memory;
pub mod program;
pub mod probe;
pub mod floor;

pub use case::{Case, Cell, Op, Shape};
pub use figure::{Figure, Found};
pub use program::{Program, Way};
