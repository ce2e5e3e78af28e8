//! Adam, and Adam with decoupled weight decay.

use super::{Common, Group, OptimError, Optimizer, Slot, for_each_parameter};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// Adam: running means of the gradient and of its square, corrected for having started at zero.
///
/// ```text
/// g ← g + λ w
/// m ← β₁ m + (1 − β₁) g
/// v ← β₂ v + (1 − β₂) g²
/// w ← w − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)        t = 1, 2, …
/// ```
///
/// Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1; defaults as in PyTorch's `torch.optim.Adam`.
#[derive(Clone, Debug)]
pub struct Adam<E: Element> {
    /// The learning rate.
    pub lr: f64,
    /// How slowly the two means move, (β₁, β₂): (0.9, 0.999).
    pub betas: (f64, f64),
    /// What keeps the division finite, ε: 1e-8.
    pub eps: f64,
    /// How strongly weights are pulled to 0, λ, as a part of the gradient.
    pub weight_decay: f64,
    /// Parameters that are treated differently.
    pub groups: Vec<Group>,
    means: Means<E>,
}

/// Adam with decoupled weight decay: the weights shrink by themselves, not by way of the gradient,
/// whose size Adam would divide out.
///
/// ```text
/// w ← w − lr · λ w, and then Adam's step with λ = 0
/// ```
///
/// Source: Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2; as PyTorch's `torch.optim.AdamW`.
#[derive(Clone, Debug)]
pub struct AdamW<E: Element> {
    /// The learning rate.
    pub lr: f64,
    /// How slowly the two means move, (β₁, β₂): (0.9, 0.999).
    pub betas: (f64, f64),
    /// What keeps the division finite, ε: 1e-8.
    pub eps: f64,
    /// How strongly weights shrink, λ.
    pub weight_decay: f64,
    /// Parameters that are treated differently.
    pub groups: Vec<Group>,
    means: Means<E>,
}

/// m and v of every parameter, and t.
#[derive(Clone, Debug)]
struct Means<E: Element> {
    steps: i32,
    tensors: Vec<Vec<Tensor<E>>>,
}

impl<E: Element> Adam<E> {
    /// Adam with this learning rate and the paper's other constants.
    pub fn new(lr: f64) -> Self {
        let means = Means { steps: 0, tensors: Vec::new() };
        let (betas, eps, groups) = ((0.9, 0.999), 1e-8, Vec::new());
        Self { lr, betas, eps, weight_decay: 0.0, groups, means }
    }
}

impl<E: Element> AdamW<E> {
    /// Adam with this learning rate, this weight decay (PyTorch's is 0.01), and the paper's other constants.
    pub fn new(lr: f64, weight_decay: f64) -> Self {
        let Adam { betas, eps, groups, means, .. } = Adam::new(lr);
        Self { lr, betas, eps, weight_decay, groups, means }
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
        let Self { lr, weight_decay, betas, eps, ref groups, ref mut means } = *self;
        let common = Common { lr, weight_decay, groups, kinds: 2 };
        means.step(common, betas, eps, false, params, grads)
    }
}

impl<E: Element> Optimizer<E> for AdamW<E> {
    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let Self { lr, weight_decay, betas, eps, ref groups, ref mut means } = *self;
        let common = Common { lr, weight_decay, groups, kinds: 2 };
        means.step(common, betas, eps, true, params, grads)
    }
}

impl<E: Element> Means<E> {
    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        common: Common<'_>,
        (beta1, beta2): (f64, f64),
        eps: f64,
        decoupled: bool,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let t = self.steps + 1;
        let (correction1, correction2) = (1.0 - beta1.powi(t), (1.0 - beta2.powi(t)).sqrt());
        let [keep1, new1, keep2, new2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(E::from_f64);
        let (correction2, eps) = (E::from_f64(correction2), E::from_f64(eps));
        for_each_parameter(common, &mut self.tensors, params, grads, |slot| {
            let Slot { values, grads, state: [m, v], lr, weight_decay } = slot else {
                unreachable!("two tensors a parameter were asked for");
            };
            let step = E::from_f64(lr / correction1);
            let shrink = E::from_f64(if decoupled { 1.0 - lr * weight_decay } else { 1.0 });
            let decay = E::from_f64(if decoupled { 0.0 } else { weight_decay });
            let means = m.data_mut().iter_mut().zip(v.data_mut());
            for ((w, &g), (m, v)) in values.iter_mut().zip(grads).zip(means) {
                let g = g + decay * *w;
                *m = keep1 * *m + new1 * g;
                *v = keep2 * *v + new2 * g * g;
                *w = shrink * *w - step * *m / (v.sqrt() / correction2 + eps);
            }
        })?;
        self.steps = t;
        Ok(())
    }
}
