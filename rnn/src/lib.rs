//! Recurrent networks, each derivative written out by hand and checked against the tape.
//!
//! ```
//! use autograd::{Params, Tensor};
//! use rand::SeedableRng;
//! use rand_chacha::ChaCha8Rng;
//! use rnn::{Cell, Gru, Seq, bptt, unroll};
//!
//! let mut rng = ChaCha8Rng::seed_from_u64(0);
//! let gru = Gru::init::<f64>(3, 4, &mut rng); // I = 3, H = 4
//! let xs = Seq::time_major(Tensor::ones(&[7, 2, 3])); // T = 7, B = 2
//!
//! let trace = unroll::<Gru, f64>(&gru, &xs, &Gru::zero_state(&gru, 2));
//! assert_eq!(trace.outputs().shape(), [7, 2, 4]);
//!
//! // L = Σ h over all steps, so ∂L/∂h_t is one from the loss itself, and more from step t + 1.
//! let back = bptt::<Gru, f64>(&gru, &trace, &Tensor::ones(&[7, 2, 4]), None);
//! assert_eq!(back.grads.w_hh.shape(), [12, 4]);
//! assert_eq!(back.delta_norms.len(), 7);
//! ```
//!
//! A cell is one file: its equations, its step on the tape ([`Cell::step`]), and its step by hand,
//! forward and backward. [`unroll()`] and [`bptt()`] are the loops over time. Parameters carry PyTorch's
//! names, shapes and row order.
//!
//! ```text
//! Vanilla           tanh or relu                                            nn.RNN
//! Gru               reset gate after the product                            nn.GRU
//! GruResetBefore    reset gate before the product                           ONNX, linear_before_reset = 0
//! Lstm              the plain one                                           nn.LSTM
//! LstmVariant       peepholes, coupled gates, projection, layer norm, clip  nn.LSTM with proj_size, ONNX
//! MinGru, MinLstm   gates from the input only, so a scan runs them          Feng et al. 2024
//! ```

// In reading order; each module uses only those above it.
pub mod numbers;
pub mod seq;
pub mod cell;
pub mod by_tape;
pub mod vanilla;
pub mod gru;
pub mod lstm;
pub mod gru_reset_before;
pub mod lstm_variant;
pub mod walk;
pub mod unroll;
pub mod scan;
pub mod by_scan;
pub mod min_gru;
pub mod min_lstm;
pub mod init;
pub mod onnx;
pub mod explicit;
pub mod noise;
pub mod stack;
pub mod deep;
pub mod bptt;
pub mod diagnostics;
pub mod linear;
pub mod attention;
pub mod language_model;
pub mod data;
pub mod decode;
pub mod models;
pub mod checkpoint;

pub use attention::{Attention, AttentionPooling};
pub use autograd; // for `by_tape!`
pub use cell::{Cell, Hidden, State, StateOf};
pub use deep::{Deep, DeepOptions, DeepState};
pub use gru::Gru;
pub use gru_reset_before::GruResetBefore;
pub use language_model::LanguageModel;
pub use linear::Linear;
pub use lstm::{Lstm, LstmState};
pub use lstm_variant::LstmVariant;
pub use min_gru::MinGru;
pub use min_lstm::MinLstm;
pub use noise::Noise;
pub use seq::Seq;
pub use stack::{Directions, Engine, Merge, Output, Stack, StackOptions, Zoneout};
pub use unroll::{Bptt, Trace, bptt, unroll, unroll_on_tape};
pub use vanilla::{Nonlinearity, Vanilla};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
