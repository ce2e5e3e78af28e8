//! Gradient clipping.

use crate::element::Element;
use crate::params::{Params, Path};
use crate::tensor::Tensor;

/// A gradient with a NaN or an infinity in it, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the gradient of `{name}` is not finite at {index:?}; lower the learning rate, or look for the first step that overflows"
)]
pub struct NotFinite {
    /// The parameter's name.
    pub name: String,
    /// The index of the first entry that is not finite.
    pub index: Vec<usize>,
}

/// Fails with the name of the first parameter whose gradient is not finite.
fn finite<P, E>(grads: &P) -> Result<(), NotFinite>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let mut bad = None;
    grads.map_named(&Path::default(), &mut |name, gradient| {
        let first = gradient.data().iter().position(|g| !g.is_finite());
        if let (None, Some(first)) = (&bad, first) {
            bad = Some(NotFinite { name, index: gradient.shape_value().index_of(first) });
        }
    });
    bad.map_or(Ok(()), Err)
}

/// Scales all gradients together so that their norm is at most `max_norm`, and returns the norm
/// they had (L2, over all parameters as one vector).
///
/// ```text
/// g ← g · min(1, max_norm / ‖g‖)
/// ```
///
/// The direction stays. Source: Pascanu, Mikolov and Bengio 2013, algorithm 1; the scale is
/// max_norm / (‖g‖ + 1e-6) as in PyTorch's `clip_grad_norm_`.
///
/// # Errors
///
/// If a gradient is not finite; then nothing is changed.
pub fn clip_grad_norm<P, E>(grads: &mut P, max_norm: f64) -> Result<f64, NotFinite>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    finite(grads)?;
    let mut squares = 0.0;
    grads.map(|gradient| squares += gradient.norm().powi(2));
    let norm = squares.sqrt();
    let scale = max_norm / (norm + 1e-6);
    if scale < 1.0 {
        let scale = E::from_f64(scale);
        grads.for_each_mut(&mut |gradient| {
            gradient.data_mut().iter_mut().for_each(|g| *g = *g * scale);
        });
    }
    Ok(norm)
}

/// Cuts every entry of every gradient to [−limit, limit]. This turns the gradient: its large
/// components shrink and its small ones do not.
///
/// # Errors
///
/// If a gradient is not finite; then nothing is changed.
pub fn clip_grad_value<P, E>(grads: &mut P, limit: f64) -> Result<(), NotFinite>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    finite(grads)?;
    grads.for_each_mut(&mut |gradient| {
        for g in gradient.data_mut() {
            if g.value().abs() > limit {
                *g = E::from_f64(limit.copysign(g.value()));
            }
        }
    });
    Ok(())
}
