//! The noise of training: drawn before a pass, so that a pass is a function of its inputs alone.
//!
//! ```text
//! dropout            between two layers: x ⊙ m / (1 − p), another m at every step
//! recurrent dropout  the products read h ⊙ m / (1 − p), the same m at every step
//! zoneout            s_t = z ⊙ s_{t−1} + (1 − z) ⊙ s̃_t, z = 1 with probability p, another z at every step
//! ```
//!
//! In evaluation there is no dropout, and z = p, its expected value. The same noise gives the same numbers on every
//! engine, and the same seed the same noise.
//!
//! Sources: dropout between layers as in PyTorch; Gal and Ghahramani 2016, arXiv 1512.05287; Krueger et al.
//! 2017, arXiv 1606.01305.

use autograd::Tensor;
use autograd::init::unit;
use rand::Rng;

/// The noise of one pass through a stack, for T steps of B rows. Made by [`Stack::noise`](crate::Stack::noise).
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    pub(crate) seq_len: usize,
    pub(crate) batch: usize,
    /// The factors on the outputs of each layer but the last, [T, B, ·]; empty without dropout.
    pub(crate) between: Vec<Tensor<f64>>,
    /// Of each layer and direction.
    pub(crate) within: Vec<Within>,
}

/// The noise of one layer and direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Within {
    /// The factors on h, [B, ·]; none without recurrent dropout.
    pub(crate) recurrent: Option<Tensor<f64>>,
    /// The shares that are kept of each tensor of the state, [T, B, ·]; empty without zoneout.
    pub(crate) zoneout: Vec<Tensor<f64>>,
}

/// Zeros with probability p, else 1 / (1 − p): their expected value is 1.
pub(crate) fn dropout(shape: &[usize], p: f64, rng: &mut impl Rng) -> Tensor<f64> {
    Tensor::from_fn(shape, |_| if unit(rng) < p { 0.0 } else { 1.0 / (1.0 - p) })
}

/// Ones with probability p, else zeros: their expected value is p.
pub(crate) fn zoneout(shape: &[usize], p: f64, rng: &mut impl Rng) -> Tensor<f64> {
    Tensor::from_fn(shape, |_| if unit(rng) < p { 1.0 } else { 0.0 })
}
