//! RMSprop.

use super::{Common, Group, Memory, OptimError, Optimizer, Slot, for_each_parameter};
use crate::element::Element;
use crate::params::Params;
use crate::tensor::Tensor;

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
            memory: Memory::new(&["square_avg", "grad_avg", "momentum_buffer"]),
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

    fn needs(&self) -> Vec<&'static str> {
        let optional = [(self.centered, "grad_avg"), (self.momentum != 0.0, "momentum_buffer")];
        let mut needs = vec!["square_avg"];
        needs.extend(optional.iter().filter(|(needed, _)| *needed).map(|&(_, kind)| kind));
        needs
    }

    fn memory(&self) -> &Memory<E> {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut Memory<E> {
        &mut self.memory
    }

    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let Self { lr, weight_decay, ref groups, .. } = *self;
        let [keep, new] = [self.alpha, 1.0 - self.alpha].map(E::from_f64);
        let (eps, momentum) = (E::from_f64(self.eps), E::from_f64(self.momentum));
        let common = Common { lr, weight_decay, groups, needs: self.needs() };
        for_each_parameter(common, &mut self.memory, params, grads, |slot| {
            let Slot { values, grads, state: [s, m, v], lr, weight_decay } = slot;
            let (lr, decay) = (E::from_f64(lr), E::from_f64(weight_decay));
            for (i, ((w, &g), s)) in values.iter_mut().zip(grads).zip(s).enumerate() {
                let g = g + decay * *w;
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
                *w = *w - lr * direction;
            }
        })
    }
}
