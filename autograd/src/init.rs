//! Initial values for parameters, drawn from a generator that is always passed in.

use rand::Rng;

use crate::element::Element;
use crate::tensor::Tensor;

/// A number evenly spread over [0, 1): the upper 53 bits of one draw, the same on every machine.
pub fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 * 2f64.powi(-53)
}

/// A tensor of numbers evenly spread over [−bound, bound).
///
/// With bound 1/√H this is PyTorch's initialisation of recurrent layers, with 1/√I that of linear
/// layers with I inputs.
#[track_caller]
pub fn uniform<E: Element>(shape: &[usize], bound: f64, rng: &mut impl Rng) -> Tensor<E> {
    Tensor::from_fn(shape, |_| E::from_f64((2.0 * unit(rng) - 1.0) * bound))
}

/// A tensor of normally distributed numbers with mean 0 and this standard deviation.
///
/// Source: Box and Muller 1958; one number of each pair is used, so that the result does not
/// depend on how many came before.
#[track_caller]
pub fn normal<E: Element>(shape: &[usize], deviation: f64, rng: &mut impl Rng) -> Tensor<E> {
    Tensor::from_fn(shape, |_| {
        let (u, v) = (1.0 - unit(rng), unit(rng)); // u > 0, so that ln u is finite
        E::from_f64(deviation * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos())
    })
}
