//! Stochastic gradient descent.

use super::{OptimError, Optimizer, Slot, for_each_parameter};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// Stochastic gradient descent with momentum.
///
/// ```text
/// v ← μ v + g        (at the first step v = g)
/// w ← w − lr · v
/// ```
///
/// Source: PyTorch's `torch.optim.SGD`, without dampening.
#[derive(Clone, Debug)]
pub struct Sgd<E> {
    /// The learning rate.
    pub lr: f64,
    /// How much of the last step's direction is kept, μ; 0 for plain descent.
    pub momentum: f64,
    velocity: Vec<Vec<Tensor<E>>>,
}

impl<E: Element> Sgd<E> {
    /// Descent with this learning rate and momentum.
    pub fn new(lr: f64, momentum: f64) -> Self {
        Self { lr, momentum, velocity: Vec::new() }
    }
}

impl<E: Element> Optimizer<E> for Sgd<E> {
    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let (lr, momentum) = (E::from_f64(self.lr), E::from_f64(self.momentum));
        for_each_parameter(self.lr, 1, &mut self.velocity, params, grads, |slot| {
            let Slot { values, grads, state } = slot;
            // Velocities start at zero, so the first one is g.
            for ((w, &g), v) in values.iter_mut().zip(grads).zip(state[0].data_mut()) {
                *v = momentum * *v + g;
                *w = *w - lr * *v;
            }
        })
    }
}
