//! Adagrad.

use super::{
    Common, Group, Memory, OptimError, Optimizer, Setting, Slot, Update, for_each_parameter,
};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// Adagrad: each parameter's step shrinks with the gradients it has seen.
///
/// ```text
/// g ← g + λ w
/// s ← s + g²
/// w ← w − lr · g / (√s + ε)
/// ```
///
/// Source: Duchi, Hazan and Singer 2011, figure 1 (diagonal); ε as in PyTorch's `torch.optim.Adagrad`.
#[derive(Clone, Debug)]
pub struct Adagrad<E: Element> {
    /// The learning rate.
    pub lr: f64,
    /// What keeps the division finite, ε: 1e-10.
    pub eps: f64,
    /// How strongly weights are pulled to 0, λ.
    pub weight_decay: f64,
    /// Parameters that are treated differently.
    pub groups: Vec<Group>,
    /// What it remembers of the steps so far.
    pub memory: Memory<E>,
}

impl<E: Element> Adagrad<E> {
    /// Adagrad with this learning rate and PyTorch's ε.
    pub fn new(lr: f64) -> Self {
        let memory = Memory::new(&["sum"]);
        Self { lr, eps: 1e-10, weight_decay: 0.0, groups: Vec::new(), memory }
    }
}

impl<E: Element> Optimizer<E> for Adagrad<E> {
    const NAME: &'static str = "Adagrad";

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn settings(&self) -> Vec<(&'static str, f64)> {
        vec![("lr", self.lr), ("eps", self.eps), ("weight_decay", self.weight_decay)]
    }

    fn needs(&self, kind: &str) -> bool {
        kind == "sum"
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
        let Self { lr, weight_decay, ref groups, .. } = *self;
        let update = AdagradUpdate { eps: E::from_f64(self.eps) };
        let common = Common { lr, weight_decay, scale, groups, needs: [true] };
        for_each_parameter(common, &mut self.memory, params, grads, |lr, weight_decay| {
            (update, Setting::new(lr, weight_decay))
        })
    }
}

#[derive(Clone, Copy)]
struct AdagradUpdate<E> {
    eps: E,
}

impl<E: Element> Update<E, 1> for AdagradUpdate<E> {
    #[inline(always)]
    fn update(self, setting: Setting<E>, slot: Slot<'_, E, 1>) {
        let Slot { values, grads, state: [s] } = slot;
        for ((w, &g), s) in values.iter_mut().zip(grads).zip(s) {
            let g = setting.gradient(g, *w);
            *s += g * g;
            *w = *w - setting.lr * g / (s.sqrt() + self.eps);
        }
    }
}
