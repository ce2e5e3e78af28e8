//! What is added to an LSTM, each with its way back: peepholes, layer norm, clipping. Without the addition both are the
//! identity.
//!
//! ```text
//! peephole      s = a + p ⊙ c                  dp += Σ da ⊙ c over the rows, dc += da ⊙ p
//! layer norm    y = LN(x) ⊙ γ + β              as autograd's op of this name; β alone is added without a norm
//! clipping      c′ = min(max(k, −clip), clip)  dk = dc′ where |k| ≤ clip, else 0
//! ```

use autograd::ops::{Clamp, LayerNorm, Op};
use autograd::{Element, Tensor};

use super::LstmVariant;

/// sum + p ⊙ c, where there is a peephole.
pub(super) fn peep<E: Element>(sum: Tensor<E>, p: &Option<Tensor<E>>, c: &Tensor<E>) -> Tensor<E> {
    match p {
        Some(p) => sum + p * c,
        None => sum,
    }
}

/// The way back through a peephole: adds to dp, and returns dc + da ⊙ p.
pub(super) fn peep_backward<E: Element>(
    dc: Tensor<E>,
    da: &Tensor<E>,
    c: &Tensor<E>,
    p: &Option<Tensor<E>>,
    dp: &mut Option<Tensor<E>>,
) -> Tensor<E> {
    let (Some(p), Some(dp)) = (p, dp) else { return dc };
    *dp = &*dp + (da * c).sum_over(&[0]);
    dc + da * p
}

/// The scale of a layer norm and its gradient, both absent without one.
pub(super) struct Norm<'a, E: Element> {
    pub(super) scale: &'a Option<Tensor<E>>,
    pub(super) d_scale: &'a mut Option<Tensor<E>>,
}

impl<E: Element> LstmVariant<Tensor<E>> {
    fn layer_norm(&self) -> Option<LayerNorm> {
        self.settings.layer_norm.map(|eps| LayerNorm { eps })
    }

    /// LN(y) ⊙ scale + shift, or y + shift without a layer norm.
    #[track_caller]
    pub(super) fn norm(
        &self,
        y: &Tensor<E>,
        scale: Option<&Tensor<E>>,
        shift: Option<&Tensor<E>>,
    ) -> Tensor<E> {
        let (Some(op), Some(scale)) = (self.layer_norm(), scale) else {
            return shift.map_or_else(|| y.clone(), |shift| y + shift);
        };
        let zero = Tensor::zeros(scale.shape());
        match op.forward([y, scale, shift.unwrap_or(&zero)]) {
            Ok(normed) => normed,
            Err(error) => panic!("{error}"),
        }
    }

    /// The way back: adds to the gradients of scale and shift, and returns dy. `y` may be absent without a norm.
    pub(super) fn norm_backward(
        &self,
        y: Option<&Tensor<E>>,
        d_normed: &Tensor<E>,
        norm: Norm<'_, E>,
        d_shift: &mut Option<Tensor<E>>,
    ) -> Tensor<E> {
        if let Some(d_shift) = d_shift {
            *d_shift = &*d_shift + d_normed.sum_over(&[0]);
        }
        let (Some(op), Some(y), Some(scale), Some(d_scale)) =
            (self.layer_norm(), y, norm.scale, norm.d_scale)
        else {
            return d_normed.clone();
        };
        let zero = Tensor::zeros(scale.shape()); // the shift, of which no derivative depends
        let [dy, dw, _] = op.vjp([y, scale, &zero], y, d_normed);
        dw.add_to(d_scale, d_normed);
        dy.into_dense(&y.shape_value(), d_normed)
    }

    /// The clamp to ±clip, if there is one.
    fn clamp(&self) -> Option<Clamp> {
        self.settings.clip.map(|clip| Clamp { min: -clip, max: clip })
    }

    pub(super) fn clip(&self, k: &Tensor<E>) -> Tensor<E> {
        match self.clamp() {
            Some(op) => op.forward([k]).expect("clip is positive"),
            None => k.clone(),
        }
    }

    pub(super) fn clip_backward(&self, k: &Tensor<E>, dc: Tensor<E>) -> Tensor<E> {
        let Some(op) = self.clamp() else { return dc };
        let [dk] = op.vjp([k], k, &dc);
        dk.into_dense(&k.shape_value(), &dc)
    }
}
