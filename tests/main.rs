//! Everything that decides whether this project can be trusted.

mod ops;
mod errors;
mod extremes;
mod anomaly;
mod transforms;
mod cells;
mod goldens;
mod attention;
mod models;
mod layers_goldens;
mod zoo;
mod laws;
mod stack;
mod long;
mod op_table;
mod layers;
mod decode;
mod data;
mod tasks;
mod scan;
