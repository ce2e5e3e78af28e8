//! Recurrent networks, each derivative written out by hand and checked against the tape.
//!
//! # A cell
//!
//! A cell is one file: its equations, its step on the tape ([`Cell::step`]), and its step by hand, forward and backward.
//! [`unroll()`] and [`bptt()`] are the loops over time. Parameters carry PyTorch's names, shapes and row order.
//!
//! ```text
//! Vanilla           tanh or relu                                            nn.RNN
//! Gru               reset gate after the product                            nn.GRU
//! GruResetBefore    reset gate before the product                           ONNX, linear_before_reset = 0
//! Lstm              the plain one                                           nn.LSTM
//! LstmVariant       peepholes, coupled gates, projection, layer norm, clip  nn.LSTM with proj_size, ONNX
//! MinGru, MinLstm   gates from the input only, so a scan runs them          Feng et al. 2024
//! ```
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
//! # A sequence
//!
//! [`Seq`] is made by naming its layout. Rows may end early: what stands behind their end has no influence, padded or
//! packed.
//!
//! ```
//! use autograd::Tensor;
//! use rnn::Seq;
//!
//! let rows = Tensor::<f64>::ones(&[2, 5, 3]); // B = 2, T = 5
//! let xs = Seq::batch_major(&rows).with_lengths(&[5, 2])?;
//! assert_eq!(xs.step(4).data(), [1.0, 1.0, 1.0, /* row 1 */ 0.0, 0.0, 0.0]);
//! assert_eq!(xs.packed().rows().shape(), [7, 3]); // 5 + 2 steps, and no padding
//! # Ok::<(), rnn::seq::SeqError>(())
//! ```
//!
//! # Layers
//!
//! A [`Stack`] is any number of layers of a cell, in one direction or two. On a tape and by hand it gives the same outputs
//! and gradients. [`Noise`] (dropout and zoneout) is drawn before a pass; without it, it is evaluation.
//!
//! ```
//! use autograd::{Params, Tape, Tensor};
//! use rand::SeedableRng;
//! use rand_chacha::ChaCha8Rng;
//! use rnn::{Directions, Lstm, Merge, Seq, Stack, StackOptions};
//!
//! let mut rng = ChaCha8Rng::seed_from_u64(0);
//! let (layers, directions) = (2, Directions::Both(Merge::Concat));
//! let options = StackOptions { layers, directions, dropout: 0.2, ..StackOptions::new(3, 4) };
//! let lstm = Stack::<Lstm>::init::<f64>(&options, &mut rng);
//! assert_eq!(lstm.names()[12], "weight_ih_l1_reverse");
//!
//! let xs = Seq::time_major(Tensor::ones(&[7, 2, 3])).with_lengths(&[7, 5])?;
//! let noise = lstm.noise(7, 2, &mut rng);
//! let trace = lstm.unroll(&xs, None, Some(&noise));
//! let back = lstm.bptt(&trace, &trace.outputs.map_rows(|h| Tensor::ones(h.shape())), None);
//!
//! let tape = Tape::new();
//! let vars = lstm.map(|w| tape.leaf(w.clone()));
//! let out = vars.on_tape(&xs.map_rows(|x| tape.constant(x.clone())), None, Some(&noise));
//! assert_eq!(out.outputs.steps().value(), trace.outputs.steps()); // [7, 2, 8]
//! assert_eq!(out.h_n().shape(), [4, 2, 4]);
//! let grads = tape.backward(out.outputs.steps().sum());
//! assert_eq!(grads.of(vars.cells[0].w_hh), back.grads.cells[0].w_hh);
//! # Ok::<(), rnn::seq::SeqError>(())
//! ```
//!
//! # Data, a model, and what it writes
//!
//! [`data`] turns files into ids and numbers; [`LanguageModel`] and [`models`] put layers between embeddings and losses;
//! [`decode`] writes with any of them: greedy, at a temperature, top-k, top-p, or by beam search.
//! [`LanguageModel::stepper`] packs the weights for many single steps, and [`LanguageModel::prepared`] for decoding.
//!
//! ```
//! use autograd::optim::{Adam, Optimizer};
//! use rand::SeedableRng;
//! use rand_chacha::ChaCha8Rng;
//! use rnn::data::{Streams, Vocabulary};
//! use rnn::decode::{Decoding, Stop, generate};
//! use rnn::{Gru, LanguageModel};
//!
//! let text = "to be or not ".repeat(20);
//! let vocabulary = Vocabulary::of(&text)?; // its characters
//! let mut streams = Streams::new(vocabulary.encode(&text)?, 2, 13)?; // B = 2, T = 13
//!
//! let mut rng = ChaCha8Rng::seed_from_u64(0);
//! let mut model = LanguageModel::<Gru>::init::<f64>(vocabulary.len(), None, 16, &mut rng);
//! let mut adam = Adam::new(0.02);
//! let mut states = model.zero_states(2);
//! for _ in 0..200 {
//!     let window = streams.next_window();
//!     if window.fresh {
//!         states = model.zero_states(2);
//!     }
//!     let found = model.window_grad(&window.inputs, &window.targets, &states, None)?;
//!     adam.step(&mut model, &found.grads)?;
//!     states = found.last_states; // truncated backpropagation: carried over, without a gradient
//! }
//!
//! let prompt = vocabulary.encode("to be")?;
//! let stop = Stop { eos: None, max_len: 8 };
//! let state = model.zero_states(1);
//! let texts = generate(&model, &[prompt], state, &Decoding::greedy(), stop, &mut [rng])?;
//! assert_eq!(vocabulary.decode(&texts[0].ids), " or not ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A checkpoint
//!
//! A file of safetensors, which PyTorch reads too: parameters, and whatever training needs to go on bit for bit. See
//! [`checkpoint`], and the example `interop`, which goes to PyTorch and back.
//!
//! ```
//! use rand::SeedableRng;
//! use rand_chacha::ChaCha8Rng;
//! use rnn::checkpoint::Checkpoint;
//! use rnn::{Gru, Stack, StackOptions};
//!
//! let stack = |seed| {
//!     Stack::<Gru>::init::<f32>(&StackOptions::new(3, 4), &mut ChaCha8Rng::seed_from_u64(seed))
//! };
//! let saved = Checkpoint::of(&stack(0))?.to_bytes()?; // or `save` to a file
//! let loaded = Checkpoint::from_bytes("saved", &saved)?.into_params(&stack(1))?;
//! assert_eq!(loaded.cells, stack(0).cells);
//! # Ok::<(), rnn::checkpoint::CheckpointError>(())
//! ```
//!
//! # What else there is
//!
//! [`by_tape!`] makes a cell of your own from its equations; [`mod@bptt`] truncates, and recomputes instead of storing;
//! [`diagnostics`] shows where the gradient goes; [`attention`], [`init`], [`onnx`].

// In reading order; each module uses only those above it.
pub mod numbers;
pub mod seq;
pub mod cell;
pub mod by_tape;
mod fused;
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
pub mod stepper;
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
pub use stepper::Stepper;
pub use unroll::{Bptt, Trace, bptt, unroll, unroll_on_tape};
pub use vanilla::{Nonlinearity, Vanilla};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
