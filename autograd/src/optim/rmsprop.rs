//! RMSprop.

use super::{
    Common, Group, Memory, OptimError, Optimizer, Setting, Slot, Update, for_each_parameter,
};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

/// The kinds of tensors: the means of g² and of g, and the velocity.
const KINDS: [&str; 3] = ["square_avg", "grad_avg", "momentum_buffer"];

/// RMSprop: the gradient divided by a running mean of its size.
///
/// ```text
/// g ← g + λ w
/// s ← α s + (1 − α) g²
/// m ← α m + (1 − α) g                        if centred; else m = 0
/// v ← μ v + g / (√(s − m²) + ε)
/// w ← w − lr · v
/// ```
///
/// Source: Tieleman and Hinton 2012, lecture 6.5; centred as in Graves 2013, arXiv 1308.0850, equations 38 to 45; ε and
/// defaults as in PyTorch's `torch.optim.RMSprop`.
#[derive(Clone, Debug)]
pub struct RmsProp<E: Element> {
    /// The learning rate.
    pub lr: f64,
    /// How slowly the means move, α: 0.99.
    pub alpha: f64,
    /// What keeps the division finite, ε: 1e-8.
    pub eps: f64,
    /// How much of the last step is kept, μ.
    pub momentum: f64,
    /// Whether the mean gradient is taken off its mean square: then it is a variance.
    pub centered: bool,
    /// How strongly weights are pulled to 0, λ.
    pub weight_decay: f64,
    /// Parameters that are treated differently.
    pub groups: Vec<Group>,
    /// What it remembers of the steps so far.
    pub memory: Memory<E>,
}

impl<E: Element> RmsProp<E> {
    /// RMSprop with this learning rate and PyTorch's other constants.
    pub fn new(lr: f64) -> Self {
        Self {
            lr,
            alpha: 0.99,
            eps: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
            groups: Vec::new(),
            memory: Memory::new(&KINDS),
        }
    }
}

impl<E: Element> Optimizer<E> for RmsProp<E> {
    const NAME: &'static str = "RMSprop";

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn settings(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("lr", self.lr),
            ("alpha", self.alpha),
            ("eps", self.eps),
            ("momentum", self.momentum),
            ("centered", self.centered.into()),
            ("weight_decay", self.weight_decay),
        ]
    }

    fn needs(&self, kind: &str) -> bool {
        let [_, mean, velocity] = KINDS;
        match kind {
            _ if kind == mean => self.centered,
            _ if kind == velocity => self.momentum != 0.0,
            _ => KINDS.contains(&kind),
        }
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
        let [keep, new] = [self.alpha, 1.0 - self.alpha].map(E::from_f64);
        let [eps, momentum] = [self.eps, self.momentum].map(E::from_f64);
        let update = RmsPropUpdate { keep, new, eps, momentum };
        let needs = KINDS.map(|kind| self.needs(kind));
        let common = Common { lr, weight_decay, scale, groups, needs };
        for_each_parameter(common, &mut self.memory, params, grads, |lr, weight_decay| {
            (update, Setting::new(lr, weight_decay))
        })
    }
}

#[derive(Clone, Copy)]
struct RmsPropUpdate<E> {
    keep: E,
    new: E,
    eps: E,
    momentum: E,
}

impl<E: Element> Update<E, 3> for RmsPropUpdate<E> {
    #[inline(always)]
    fn update(self, setting: Setting<E>, slot: Slot<'_, E, 3>) {
        let Self { keep, new, eps, momentum } = self;
        let Slot { values, grads, state: [s, m, v] } = slot;
        for (i, ((w, &g), s)) in values.iter_mut().zip(grads).zip(s).enumerate() {
            let g = setting.gradient(g, *w);
            *s = keep * *s + new * g * g;
            let mean = match m.get_mut(i) {
                None => E::ZERO, // not centred
                Some(m) => {
                    *m = keep * *m + new * g;
                    *m
                }
            };
            let scaled = g / ((*s - mean * mean).sqrt() + eps);
            let direction = match v.get_mut(i) {
                None => scaled, // no momentum
                Some(v) => {
                    *v = momentum * *v + scaled;
                    *v
                }
            };
            *w = *w - setting.lr * direction;
        }
    }
}
