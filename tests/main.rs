//! Everything that decides whether this project can be trusted.

mod ops;
mod cells;
mod laws;
mod long;
