//! Everything that decides whether this project can be trusted.

mod ops;
mod errors;
mod extremes;
mod anomaly;
mod transforms;
mod cells;
mod goldens;
mod zoo;
mod laws;
mod long;
mod op_table;
mod layers;
mod checkpoint;
mod checkpoint_files;
mod resume;
