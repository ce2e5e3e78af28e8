//! The spectral radius and the spectral norm of a matrix, by squaring.
//!
//! ```text
//! ρ(W) = lim ‖W^k‖^(1/k)        Gelfand's formula; k = 2^m after m squarings
//! A_0 = W / n_0                 n_0 = ‖W‖_F
//! A_{j+1} = A_j² / n_{j+1}      n_{j+1} = ‖A_j²‖_F
//! ln ‖W^(2^m)‖ / 2^m = Σ_j ln(n_j) / 2^j
//! ```
//!
//! Power iteration on a vector turns for ever with a complex pair and creeps with a defective matrix. Here neither
//! matters: ‖W^k‖ ≤ κ k^(d−1) ρ^k for a Jordan block of d rows, so that with k = 2^48 the relative
//! error of the formula is ln(κ k^(d−1)) / k: 10⁻¹³ for d = 2 and 10⁻¹¹ for d = 100. What remains is rounding,
//! which moves an eigenvalue of a d-fold defective matrix by ε^(1/d), as it does in any method.

use autograd::{Element, Tensor};

/// m: as the terms fall by half, those after it are below the rounding of the sum.
const SQUARINGS: i32 = 48;

/// The largest |λ| among the eigenvalues of a square matrix [H, H], complex ones included.
///
/// Relative error: about 10⁻¹¹ for matrices whose eigenvalues are well conditioned, H up to 1,000; for others as
/// much as rounding moves the eigenvalues. 0 for a matrix one of whose powers is exactly 0, infinite or NaN if
/// an entry is. Cost: 48 products of two H × H matrices, in f64.
///
/// The gates of an LSTM or a GRU have one recurrent matrix each: take its rows with `w_hh.slice(0, i * h, (i +
/// 1) * h)`.
///
/// ```
/// use autograd::Tensor;
/// use rnn::diagnostics::spectral_radius;
///
/// let turn = Tensor::from([[0.0, -0.9], [0.9, 0.0]]); // eigenvalues ±0.9 i
/// assert!((spectral_radius(&turn) - 0.9).abs() < 1e-12);
/// let nilpotent = Tensor::from([[0.0, 5.0], [0.0, 0.0]]);
/// assert_eq!(spectral_radius(&nilpotent), 0.0);
/// ```
///
/// # Panics
///
/// If the matrix is not square.
#[track_caller]
pub fn spectral_radius<E: Element>(w: &Tensor<E>) -> f64 {
    let shape = w.shape();
    assert!(
        shape.len() == 2 && shape[0] == shape[1],
        "spectral_radius: {shape:?} must be square; of several gates, take the rows of one"
    );
    let mut power = w.map(|x| x.value());
    if !power.is_finite() {
        return power.sum().item().abs(); // ∞ or NaN
    }
    let mut log = 0.0;
    for j in 0..=SQUARINGS {
        let norm = norm(power.data());
        if norm == 0.0 {
            return 0.0;
        }
        log += norm.ln() / 2f64.powi(j);
        power = power.map(|x| x / norm);
        power = power.matmul(&power);
    }
    log.exp()
}

/// ‖W‖₂, the largest singular value of a matrix [N, M], to about 10⁻¹¹: √ρ(W Wᵀ), or √ρ(Wᵀ W), whichever is smaller.
///
/// # Panics
///
/// If there are not two axes.
#[track_caller]
pub fn spectral_norm<E: Element>(w: &Tensor<E>) -> f64 {
    let &[rows, columns] = w.shape() else {
        panic!("spectral_norm: {:?} must have two axes", w.shape());
    };
    let w = w.map(|x| x.value());
    let scale = norm(w.data());
    if scale == 0.0 || !scale.is_finite() {
        return scale;
    }
    let w = w.map(|x| x / scale);
    let gram = if rows < columns { w.matmul(w.t()) } else { w.t().matmul(&w) };
    scale * spectral_radius(&gram).sqrt()
}

/// √Σ x², without overflow or underflow on the way.
pub(super) fn norm(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0, |m: f64, x| if x.is_nan() { *x } else { m.max(x.abs()) });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * values.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}
