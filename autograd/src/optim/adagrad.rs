//! Adagrad.

use super::{OptimError, Optimizer, Slot, for_each_parameter};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// Adagrad: each parameter's step shrinks with the gradients it has seen.
///
/// ```text
/// s ← s + g²
/// w ← w − lr · g / (√s + ε)
/// ```
///
/// Source: Duchi, Hazan and Singer 2011, figure 1 (diagonal); ε as in PyTorch's `torch.optim.Adagrad`.
#[derive(Clone, Debug)]
pub struct Adagrad<E> {
    /// The learning rate.
    pub lr: f64,
    /// What keeps the division finite, ε: 1e-10.
    pub eps: f64,
    squares: Vec<Vec<Tensor<E>>>,
}

impl<E: Element> Adagrad<E> {
    /// Adagrad with this learning rate and PyTorch's ε.
    pub fn new(lr: f64) -> Self {
        Self { lr, eps: 1e-10, squares: Vec::new() }
    }
}

impl<E: Element> Optimizer<E> for Adagrad<E> {
    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let (lr, eps) = (E::from_f64(self.lr), E::from_f64(self.eps));
        for_each_parameter(self.lr, 1, &mut self.squares, params, grads, |slot| {
            let Slot { values, grads, state } = slot;
            for ((w, &g), s) in values.iter_mut().zip(grads).zip(state[0].data_mut()) {
                *s += g * g;
                *w = *w - lr * g / (s.sqrt() + eps);
            }
        })
    }
}
