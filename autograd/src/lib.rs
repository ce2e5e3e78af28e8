//! Reverse-mode automatic differentiation, written from nothing and checked to rounding error.
//!
//! Two engines, which share nothing:
//!
//! - [`scalar`]: single numbers, one file, to understand backpropagation;
//! - [`Tape`] with [`Var`] and [`Tensor`]: to train with, at any [`Element`] type.
//!
//! ```
//! use autograd::{Tape, Tensor};
//!
//! let tape = Tape::new();
//! let w = tape.leaf(Tensor::from([[0.5, -1.0], [2.0, 0.0]])); // [2, 2]
//! let x = tape.constant(Tensor::from([[1.0, 2.0]])); // [1, 2]
//! let y = x.matmul(w.t()).tanh().sum();
//! let grads = tape.backward(y);
//! assert_eq!(grads.of(w).shape(), [2, 2]);
//! ```
//!
//! Model code is generic in its element, and so serves training in `f32`, checks in `f64`, exact
//! directional derivatives with [`Dual`] numbers and derivatives to rounding error with [`Complex`]
//! ones. [`gradcheck`] uses all of them to decide whether a gradient is right.

// In reading order; each module uses only those above it.
pub mod scalar;

mod erf;
pub mod element;
pub mod dual;
pub mod complex;
pub mod product;
pub mod error;
pub mod shape;
pub mod tensor;
pub mod init;
pub mod draw;
pub mod ops;
pub mod tape;
pub mod var;
pub mod params;
pub mod transform;
pub mod anomaly;
pub mod picture;
pub mod gradcheck;
pub mod clip;
pub mod optim;

pub use complex::Complex;
pub use dual::Dual;
pub use element::Element;
pub use error::Error;
pub use params::{Family, Params};
pub use shape::Shape;
pub use tape::{Gradients, Tape};
pub use tensor::{Mask, Tensor};
pub use var::Var;
