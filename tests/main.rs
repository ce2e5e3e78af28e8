//! Everything that decides whether this project can be trusted.

mod ops;
mod cells;
mod goldens;
mod laws;
mod long;
