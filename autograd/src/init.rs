//! Initial values for parameters, drawn from a generator that is always passed in.
//!
//! ```text
//! uniform, normal           the same spread whatever the shape
//! xavier                    variance 2 / (fan_in + fan_out): as much comes out as went in, both ways on average
//! kaiming                   variance gain² / fan_in: as much comes out as went in, forward
//! orthogonal                W Wᵀ = gain² or Wᵀ W = gain²: no direction grows or shrinks more than another
//! identity                  gain on the diagonal
//! ```
//!
//! A weight is [out, in] or, of a convolution, [out, in, kernel ..]. Its fans are how many numbers go into an output, in ·
//! kernel, and how many outputs an input goes into, out · kernel.

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

/// The fans of a weight, (in, out).
///
/// # Panics
///
/// If the shape has less than two axes.
#[track_caller]
pub fn fans(shape: &[usize]) -> (usize, usize) {
    let [outputs, inputs, kernel @ ..] = shape else {
        panic!("init: {shape:?} must have at least two axes, [out, in, ..], for there to be fans");
    };
    let kernel: usize = kernel.iter().product();
    (inputs * kernel, outputs * kernel)
}

/// A weight evenly spread over ±gain √(6 / (fan_in + fan_out)).
///
/// Source: Glorot and Bengio 2010, "Understanding the Difficulty of Training Deep Feedforward Neural Networks",
/// equation 16; PyTorch's xavier_uniform_.
#[track_caller]
pub fn xavier_uniform<E: Element>(shape: &[usize], gain: f64, rng: &mut impl Rng) -> Tensor<E> {
    uniform(shape, 3f64.sqrt() * xavier_deviation(shape, gain), rng)
}

/// A normally distributed weight with standard deviation gain √(2 / (fan_in + fan_out)): PyTorch's xavier_normal_.
#[track_caller]
pub fn xavier_normal<E: Element>(shape: &[usize], gain: f64, rng: &mut impl Rng) -> Tensor<E> {
    normal(shape, xavier_deviation(shape, gain), rng)
}

#[track_caller]
fn xavier_deviation(shape: &[usize], gain: f64) -> f64 {
    let (fan_in, fan_out) = fans(shape);
    gain * (2.0 / (fan_in + fan_out) as f64).sqrt()
}

/// A weight evenly spread over ±gain √(3 / fan_in); the gain is √2 before a relu, 5/3 before a tanh.
///
/// Source: He et al. 2015, arXiv 1502.01852, equation 10; PyTorch's kaiming_uniform_ with mode fan_in.
#[track_caller]
pub fn kaiming_uniform<E: Element>(shape: &[usize], gain: f64, rng: &mut impl Rng) -> Tensor<E> {
    uniform(shape, 3f64.sqrt() * kaiming_deviation(shape, gain), rng)
}

/// A normally distributed weight with standard deviation gain √(1 / fan_in): PyTorch's kaiming_normal_ with mode fan_in.
#[track_caller]
pub fn kaiming_normal<E: Element>(shape: &[usize], gain: f64, rng: &mut impl Rng) -> Tensor<E> {
    normal(shape, kaiming_deviation(shape, gain), rng)
}

#[track_caller]
fn kaiming_deviation(shape: &[usize], gain: f64) -> f64 {
    gain / (fans(shape).0 as f64).sqrt()
}

/// A matrix whose rows (columns, if it has more rows than columns) are orthogonal to each other and `gain` long, evenly
/// distributed among all such matrices. Axes after the first count as columns.
///
/// Made from normally distributed rows by the Gram–Schmidt process, each row made orthogonal to those before it twice,
/// because once leaves rounding errors; computed in `f64` whatever the element.
///
/// Source: Saxe et al. 2014, arXiv 1312.6120; PyTorch's orthogonal_.
///
/// # Panics
///
/// If the shape has less than two axes.
///
/// ```
/// use autograd::{Tensor, init};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let w: Tensor<f64> = init::orthogonal(&[2, 3], 2.0, &mut ChaCha8Rng::seed_from_u64(0));
/// let error = w.matmul(w.t()) - Tensor::from([[4.0, 0.0], [0.0, 4.0]]);
/// assert!(error.norm() < 1e-14);
/// ```
#[track_caller]
pub fn orthogonal<E: Element>(shape: &[usize], gain: f64, rng: &mut impl Rng) -> Tensor<E> {
    let [rows, ..] = shape[..] else { panic!("init::orthogonal: a single number has no rows") };
    assert!(
        shape.len() >= 2,
        "init::orthogonal: {shape:?} must have at least two axes, [out, in, ..]"
    );
    let columns = shape[1..].iter().product();
    let (count, length) = (rows.min(columns), rows.max(columns));
    let drawn: Tensor<f64> = normal(&[count, length], 1.0, rng);
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for i in 0..count {
        let mut v = drawn.entry(i).data().to_vec();
        for _ in 0..2 {
            for u in &vectors {
                let share: f64 = v.iter().zip(u).map(|(v, u)| v * u).sum();
                v.iter_mut().zip(u).for_each(|(v, u)| *v -= share * u);
            }
        }
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= norm);
        vectors.push(v);
    }
    let at = |row: usize, column: usize| match rows <= columns {
        true => vectors[row][column],
        false => vectors[column][row],
    };
    Tensor::from_fn(shape, |i| E::from_f64(gain * at(i / columns, i % columns)))
}

/// A matrix with `gain` on the diagonal and 0 elsewhere; it need not be square. PyTorch's eye_, scaled.
///
/// # Panics
///
/// If the shape has not two axes.
#[track_caller]
pub fn identity<E: Element>(shape: &[usize], gain: f64) -> Tensor<E> {
    let &[_, columns] = shape else { panic!("init::identity: {shape:?} must be a matrix") };
    let number = |i| if i / columns == i % columns { gain } else { 0.0 };
    Tensor::from_fn(shape, |i| E::from_f64(number(i)))
}
