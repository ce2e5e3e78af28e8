//! RMSprop.

use super::{Common, Group, OptimError, Optimizer, Slot, for_each_parameter};
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
    means: Vec<Vec<Tensor<E>>>,
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
            means: Vec::new(),
        }
    }
}

impl<E: Element> Optimizer<E> for RmsProp<E> {
    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError> {
        let Self { lr, weight_decay, ref groups, centered, .. } = *self;
        let [keep, new] = [self.alpha, 1.0 - self.alpha].map(E::from_f64);
        let (eps, momentum) = (E::from_f64(self.eps), E::from_f64(self.momentum));
        let common = Common { lr, weight_decay, groups, kinds: 3 };
        for_each_parameter(common, &mut self.means, params, grads, |slot| {
            let Slot { values, grads, state: [s, m, v], lr, weight_decay } = slot else {
                unreachable!("three tensors a parameter were asked for");
            };
            let (lr, decay) = (E::from_f64(lr), E::from_f64(weight_decay));
            let means = s.data_mut().iter_mut().zip(m.data_mut()).zip(v.data_mut());
            for ((w, &g), ((s, m), v)) in values.iter_mut().zip(grads).zip(means) {
                let g = g + decay * *w;
                *s = keep * *s + new * g * g;
                if centered {
                    *m = keep * *m + new * g;
                }
                *v = momentum * *v + g / ((*s - *m * *m).sqrt() + eps);
                *w = *w - lr * *v;
            }
        })
    }
}
