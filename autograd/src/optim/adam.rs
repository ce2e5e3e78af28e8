//! Adam, and Adam with decoupled weight decay.

use super::{
    Common, Group, Memory, OptimError, Optimizer, Setting, Slot, Update, for_each_parameter,
};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// The kinds of tensors of Adam: the means m and v.
const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];

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
    /// What it remembers of the steps so far.
    pub memory: Memory<E>,
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
    /// What it remembers of the steps so far.
    pub memory: Memory<E>,
}

impl<E: Element> Adam<E> {
    /// Adam with this learning rate and the paper's other constants.
    pub fn new(lr: f64) -> Self {
        let memory = Memory::new(&MOMENTS);
        let (betas, eps, groups) = ((0.9, 0.999), 1e-8, Vec::new());
        Self { lr, betas, eps, weight_decay: 0.0, groups, memory }
    }
}

impl<E: Element> AdamW<E> {
    /// Adam with this learning rate, this weight decay (PyTorch's is 0.01), and the paper's other constants.
    pub fn new(lr: f64, weight_decay: f64) -> Self {
        let Adam { betas, eps, groups, memory, .. } = Adam::new(lr);
        Self { lr, betas, eps, weight_decay, groups, memory }
    }
}

impl<E: Element> Optimizer<E> for Adam<E> {
    const NAME: &'static str = "Adam";

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn settings(&self) -> Vec<(&'static str, f64)> {
        settings(self.lr, self.betas, self.eps, self.weight_decay)
    }

    fn needs(&self, kind: &str) -> bool {
        MOMENTS.contains(&kind)
    }

    fn memory(&self) -> &Memory<E> {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut Memory<E> {
        &mut self.memory
    }

    fn step_scaled<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
        scale: f64,
    ) -> Result<(), OptimError> {
        let Self { lr, weight_decay, betas, eps, ref groups, ref mut memory } = *self;
        let common = Common { lr, weight_decay, scale, groups, needs: [true; 2] };
        step(common, memory, betas, eps, false, params, grads)
    }
}

impl<E: Element> Optimizer<E> for AdamW<E> {
    const NAME: &'static str = "AdamW";

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn settings(&self) -> Vec<(&'static str, f64)> {
        settings(self.lr, self.betas, self.eps, self.weight_decay)
    }

    fn needs(&self, kind: &str) -> bool {
        MOMENTS.contains(&kind)
    }

    fn memory(&self) -> &Memory<E> {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut Memory<E> {
        &mut self.memory
    }

    fn step_scaled<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
        scale: f64,
    ) -> Result<(), OptimError> {
        let Self { lr, weight_decay, betas, eps, ref groups, ref mut memory } = *self;
        let common = Common { lr, weight_decay, scale, groups, needs: [true; 2] };
        step(common, memory, betas, eps, true, params, grads)
    }
}

/// The settings by PyTorch's names.
fn settings(lr: f64, betas: (f64, f64), eps: f64, weight_decay: f64) -> Vec<(&'static str, f64)> {
    let betas = [("beta1", betas.0), ("beta2", betas.1)];
    [&[("lr", lr)], &betas[..], &[("eps", eps), ("weight_decay", weight_decay)]].concat()
}

/// One step, with weight decay as a part of the gradient or decoupled from it.
fn step<E: Element, P: Params<Leaf = Tensor<E>>>(
    common: Common<'_, 2>,
    memory: &mut Memory<E>,
    (beta1, beta2): (f64, f64),
    eps: f64,
    decoupled: bool,
    params: &mut P,
    grads: &P,
) -> Result<(), OptimError> {
    let t = i32::try_from(memory.step + 1).unwrap_or(i32::MAX);
    let (correction1, correction2) = (1.0 - beta1.powi(t), (1.0 - beta2.powi(t)).sqrt());
    let [keep1, new1, keep2, new2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(E::from_f64);
    let [unbias2, eps] = [1.0 / correction2, eps].map(E::from_f64);
    for_each_parameter(common, memory, params, grads, |lr, weight_decay| {
        let shrink = E::from_f64(if decoupled { 1.0 - lr * weight_decay } else { 1.0 });
        let decay = if decoupled { 0.0 } else { weight_decay };
        let update = AdamUpdate { keep1, new1, keep2, new2, unbias2, eps, shrink };
        (update, Setting::new(lr / correction1, decay))
    })
}

#[derive(Clone, Copy)]
struct AdamUpdate<E> {
    keep1: E,
    new1: E,
    keep2: E,
    new2: E,
    /// 1 / √(1 − β₂ᵗ): a division less for each number.
    unbias2: E,
    eps: E,
    shrink: E,
}

impl<E: Element> Update<E, 2> for AdamUpdate<E> {
    #[inline(always)]
    fn update(self, setting: Setting<E>, slot: Slot<'_, E, 2>) {
        let Self { keep1, new1, keep2, new2, unbias2, eps, shrink } = self;
        let Slot { values, grads, state: [m, v] } = slot;
        for ((w, &g), (m, v)) in values.iter_mut().zip(grads).zip(m.iter_mut().zip(v)) {
            let g = setting.gradient(g, *w);
            *m = keep1 * *m + new1 * g;
            *v = keep2 * *v + new2 * g * g;
            *w = shrink * *w - setting.lr * *m / (v.sqrt() * unbias2 + eps);
        }
    }
}
