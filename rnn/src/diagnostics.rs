//! What becomes of a gradient on its way back, and of the gates on the way forward.
//!
//! ```text
//! J_t = ∂h_T/∂s_t = Π_{k = T … t+1} ∂s_k/∂s_{k−1}, the rows of h of it
//! ‖J‖₂ = max ‖J v‖ / ‖v‖        the most that a change of the state at t can change the last output
//! ‖J‖_F = √Σ J_ij²              at most √rank times that
//! ρ(W) = max |λ_i(W)|           what W^k grows with: lim ‖W^k‖^(1/k)
//! ```
//!
//! - [`jacobian`] and [`jacobian_norms`]: exact, all basis vectors of h_T at once backwards; H sweeps.
//! - [`spectral_norms`]: by power iteration on Jᵀ J, with no matrix ever formed.
//! - [`gate_histograms`]: how often each gate is shut or open.
//! - [`spectral_radius`] of a recurrent matrix, complex pairs and defective matrices included.
//!
//! Sources: Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063, "On the Difficulty of Training Recurrent Neural
//! Networks"; Karpathy, Johnson and Li 2015, arXiv 1506.02078, "Visualizing and Understanding
//! Recurrent Networks", for the gates. The norms of δ_t, which depend on the loss, are in
//! [`Bptt`](crate::Bptt).

mod gates;
mod jacobian;
mod spectrum;

pub use gates::{GateHistogram, gate_histograms};
pub use jacobian::{JacobianNorms, Wrt, jacobian, jacobian_norms, spectral_norms};
pub use spectrum::{spectral_norm, spectral_radius};
