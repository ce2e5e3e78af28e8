//! Gradient clipping.

use crate::element::Element;
use crate::kernel::{self, Kernel};
use crate::params::{Params, Path};
use crate::tensor::Tensor;
use crate::threads;

/// From how many numbers on a sum is cut in two: half a megabyte of `f32`, some 20 microseconds.
const PIECE: usize = 1 << 17;

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
    let mut all = true;
    grads.for_each(&mut |gradient| {
        kernel::run(Finite { numbers: gradient.data(), all: &mut all });
    });
    if all {
        return Ok(());
    }
    let mut bad = None;
    grads.map_named(&Path::default(), &mut |name, gradient| {
        let first = gradient.data().iter().position(|g| !g.is_finite());
        if let (None, Some(first)) = (&bad, first) {
            bad = Some(NotFinite { name, index: gradient.shape_value().index_of(first) });
        }
    });
    bad.map_or(Ok(()), Err)
}

/// The norm of all gradients together (L2, over all parameters as one vector), summed in `f64`.
///
/// ```
/// use autograd::{Tensor, clip::grad_norm};
/// assert_eq!(grad_norm(&[Tensor::from([3.0_f32, 0.0]), Tensor::from([-4.0])]), Ok(5.0));
/// ```
///
/// # Errors
///
/// If a gradient is not finite.
pub fn grad_norm<P, E>(grads: &P) -> Result<f64, NotFinite>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let mut sum = 0.0;
    grads.for_each(&mut |gradient| sum += squares(gradient.data()));
    // What is not finite makes the sum so, and so do squares that are too large.
    if !sum.is_finite() {
        finite(grads)?;
    }
    Ok(sum.sqrt())
}

/// Σ x², in pieces whose size depends on the number of numbers alone.
fn squares<E: Element>(numbers: &[E]) -> f64 {
    if numbers.len() <= PIECE {
        let mut sum = 0.0;
        kernel::run(Squares { numbers, sum: &mut sum });
        return sum;
    }
    let (a, b) = numbers.split_at(numbers.len() / 2);
    let (a, b) = threads::join(|| squares(a), || squares(b));
    a + b
}

/// Σ x² in as many sums side by side as fill vector registers.
struct Squares<'a, E> {
    numbers: &'a [E],
    sum: &'a mut f64,
}

impl<E: Element> Kernel for Squares<'_, E> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        const LANES: usize = 32;
        let square = |x: E| x.value() * x.value();
        let (blocks, rest) = self.numbers.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] += square(block[lane]);
            }
        }
        *self.sum = sums.iter().sum::<f64>() + rest.iter().map(|&x| square(x)).sum::<f64>();
    }
}

/// Whether all numbers are finite, asked without an end before the last one: that fills vector registers.
struct Finite<'a, E> {
    numbers: &'a [E],
    /// Becomes false if one is not.
    all: &'a mut bool,
}

impl<E: Element> Kernel for Finite<'_, E> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        *self.all &= self.numbers.iter().fold(true, |all, x| all & x.is_finite());
    }
}

/// Cuts every number to [−limit, limit].
struct Cut<'a, E> {
    numbers: &'a mut [E],
    limit: f64,
}

impl<E: Element> Kernel for Cut<'_, E> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        for x in self.numbers {
            let value = x.value();
            let cut = E::from_f64(self.limit.copysign(value));
            *x = if value.abs() > self.limit { cut } else { *x };
        }
    }
}

/// How much a gradient of this norm is scaled for its norm to be at most `max_norm`: by
/// max_norm / (‖g‖ + 1e-6) as in PyTorch's `clip_grad_norm_`, and never by more than 1.
pub(crate) fn scale_for(norm: f64, max_norm: f64) -> f64 {
    (max_norm / (norm + 1e-6)).min(1.0)
}

/// Scales all gradients together so that their norm is at most `max_norm`, and returns the norm
/// they had. See also [`Optimizer::step_clipped`](crate::optim::Optimizer::step_clipped), which scales in passing.
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
    let norm = grad_norm(grads)?;
    let scale = scale_for(norm, max_norm);
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
        kernel::run(Cut { numbers: gradient.data_mut(), limit });
    });
    Ok(())
}
