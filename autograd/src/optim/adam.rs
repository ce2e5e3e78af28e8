//! Adam.

use super::{OptimError, Optimizer, Slot, for_each_parameter};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// Adam: running means of the gradient and of its square, corrected for having started at zero.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g
/// v ← β₂ v + (1 − β₂) g²
/// w ← w − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)        t = 1, 2, …
/// ```
///
/// Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1; defaults as in PyTorch's `torch.optim.Adam`.
#[derive(Clone, Debug)]
pub struct Adam<E> {
    /// The learning rate.
    pub lr: f64,
    /// How slowly the two means move, (β₁, β₂): (0.9, 0.999).
    pub betas: (f64, f64),
    /// What keeps the division finite, ε: 1e-8.
    pub eps: f64,
    steps: i32,
    means: Vec<Vec<Tensor<E>>>,
}

impl<E: Element> Adam<E> {
    /// Adam with this learning rate and the paper's other constants.
    pub fn new(lr: f64) -> Self {
        Self { lr, betas: (0.9, 0.999), eps: 1e-8, steps: 0, means: Vec::new() }
    }
}

impl<E: Element> Optimizer<E> for Adam<E> {
    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let (beta1, beta2) = self.betas;
        let t = self.steps + 1;
        let step = E::from_f64(self.lr / (1.0 - beta1.powi(t)));
        let correction = E::from_f64((1.0 - beta2.powi(t)).sqrt());
        let eps = E::from_f64(self.eps);
        let (keep1, new1) = (E::from_f64(beta1), E::from_f64(1.0 - beta1));
        let (keep2, new2) = (E::from_f64(beta2), E::from_f64(1.0 - beta2));
        for_each_parameter(self.lr, 2, &mut self.means, params, grads, |slot| {
            let Slot { values, grads, state: [m, v] } = slot else {
                unreachable!("two tensors a parameter were asked for");
            };
            let means = m.data_mut().iter_mut().zip(v.data_mut());
            for ((w, &g), (m, v)) in values.iter_mut().zip(grads).zip(means) {
                *m = keep1 * *m + new1 * g;
                *v = keep2 * *v + new2 * g * g;
                *w = *w - step * *m / (v.sqrt() / correction + eps);
            }
        })?;
        self.steps = t;
        Ok(())
    }
}
