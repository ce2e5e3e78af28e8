//! A linear layer: what turns hidden states into scores.
//!
//! ```text
//! y = x Wᵀ + b
//! dW += dyᵀ x        db += Σ_N dy        dx = dy W
//! ```
//!
//! Shapes: x [N, I], W [O, I], b `[O]`, y [N, O]. Names and initialisation as PyTorch's nn.Linear.

use autograd::{Element, Params, Tensor, Var, init, params};
use rand::Rng;

use crate::cell::affine_backward;

/// A linear layer: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear<L = ()> {
    /// The weights W, `[O, I]`.
    pub weight: L,
    /// The bias b, `[O]`.
    pub bias: L,
}

params!(Linear { weight: "weight", bias: "bias" });

impl Linear {
    /// Parameters drawn as PyTorch does: uniform on ±1/√I.
    pub fn init<E: Element>(
        input_size: usize,
        output_size: usize,
        rng: &mut impl Rng,
    ) -> Linear<Tensor<E>> {
        let bound = 1.0 / (input_size as f64).sqrt();
        let weight = init::uniform(&[output_size, input_size], bound, rng);
        Linear { weight, bias: init::uniform(&[output_size], bound, rng) }
    }
}

impl<'t, E: Element> Linear<Var<'t, E>> {
    /// y = x Wᵀ + b on a tape.
    ///
    /// # Panics
    ///
    /// If x is not [N, I].
    #[track_caller]
    pub fn on_tape(&self, x: Var<'t, E>) -> Var<'t, E> {
        x.matmul(self.weight.t()) + self.bias
    }
}

impl<E: Element> Linear<Tensor<E>> {
    /// y = x Wᵀ + b.
    ///
    /// # Panics
    ///
    /// If x is not [N, I].
    #[track_caller]
    pub fn forward(&self, x: &Tensor<E>) -> Tensor<E> {
        x.matmul(self.weight.t()) + &self.bias
    }

    /// The gradients in the parameters and in x, given the x of the forward pass and dL/dy.
    ///
    /// # Panics
    ///
    /// If the shapes are not those of a forward pass.
    #[track_caller]
    pub fn backward(&self, x: &Tensor<E>, dy: &Tensor<E>) -> (Self, Tensor<E>) {
        let mut grads = self.map(|w| Tensor::zeros(w.shape()));
        let dx = affine_backward(&self.weight, x, dy, &mut grads.weight, Some(&mut grads.bias));
        (grads, dx)
    }
}
