//! Stochastic gradient descent.

use super::{
    Common, Group, Memory, OptimError, Optimizer, Setting, Slot, Update, for_each_parameter,
};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// The kind of tensors that momentum needs: v.
const VELOCITY: &str = "momentum_buffer";

/// Stochastic gradient descent with momentum, plain or Nesterov's.
///
/// ```text
/// g ← g + λ w
/// v ← μ v + g                    (v starts at 0)
/// w ← w − lr · v                 or, with Nesterov's look ahead, w − lr · (g + μ v)
/// ```
///
/// Source: PyTorch's `torch.optim.SGD` without dampening; Sutskever et al. 2013 for Nesterov's form.
#[derive(Clone, Debug)]
pub struct Sgd<E: Element> {
    /// The learning rate.
    pub lr: f64,
    /// How much of the last step's direction is kept, μ; 0 for plain descent.
    pub momentum: f64,
    /// Whether to look ahead along the momentum.
    pub nesterov: bool,
    /// How strongly weights are pulled to 0, λ.
    pub weight_decay: f64,
    /// Parameters that are treated differently.
    pub groups: Vec<Group>,
    /// What it remembers of the steps so far.
    pub memory: Memory<E>,
}

impl<E: Element> Sgd<E> {
    /// Descent with this learning rate and momentum.
    pub fn new(lr: f64, momentum: f64) -> Self {
        Self {
            lr,
            momentum,
            nesterov: false,
            weight_decay: 0.0,
            groups: Vec::new(),
            memory: Memory::new(&[VELOCITY]),
        }
    }
}

impl<E: Element> Optimizer<E> for Sgd<E> {
    const NAME: &'static str = "SGD";

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn settings(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("lr", self.lr),
            ("momentum", self.momentum),
            ("nesterov", self.nesterov.into()),
            ("weight_decay", self.weight_decay),
        ]
    }

    fn needs(&self, kind: &str) -> bool {
        kind == VELOCITY && self.momentum != 0.0
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
        let Self { lr, weight_decay, ref groups, nesterov, .. } = *self;
        let update = SgdUpdate { momentum: E::from_f64(self.momentum), nesterov };
        let common = Common { lr, weight_decay, scale, groups, needs: [self.needs(VELOCITY)] };
        for_each_parameter(common, &mut self.memory, params, grads, |lr, weight_decay| {
            (update, Setting::new(lr, weight_decay))
        })
    }
}

#[derive(Clone, Copy)]
struct SgdUpdate<E> {
    momentum: E,
    nesterov: bool,
}

impl<E: Element> Update<E, 1> for SgdUpdate<E> {
    #[inline(always)]
    fn update(self, setting: Setting<E>, slot: Slot<'_, E, 1>) {
        let Slot { values, grads, state: [v] } = slot;
        if v.is_empty() {
            for (w, &g) in values.iter_mut().zip(grads) {
                *w = *w - setting.lr * setting.gradient(g, *w);
            }
            return;
        }
        for ((w, &g), v) in values.iter_mut().zip(grads).zip(v) {
            let g = setting.gradient(g, *w);
            *v = self.momentum * *v + g;
            let direction = if self.nesterov { g + self.momentum * *v } else { *v };
            *w = *w - setting.lr * direction;
        }
    }
}
