//! Everything that decides whether this project can be trusted.

mod ops;
mod errors;
mod extremes;
mod anomaly;
mod transforms;
mod cells;
mod goldens;
mod layers_goldens;
mod zoo;
mod laws;
mod stack;
mod long;
mod op_table;
mod layers;
mod threads;
mod picture;
mod decode;
mod data;
mod tasks;
mod scan;
mod by_rows;
mod onnx;
mod projection;
mod init;
mod own_cell;
