//! The adding problem: two of T numbers are marked, and their sum is wanted.
//!
//! ```text
//! x_t     (u_t, m_t)       u_t evenly spread over [0, 1)
//! m_t     1 at one step of the first ⌊T/2⌋ and at one step of the rest, drawn evenly; 0 elsewhere
//! target  u_i + u_j        where m_i = m_j = 1, after the last step
//! ```
//!
//! The best constant answer is 1, with the squared error Var(u_i) + Var(u_j) = 2 · 1/12 = **0.167**.
//!
//! Source: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory", experiment 4, in the form of Arjovsky, Shah and
//! Bengio 2016, arXiv 1511.06464. The original draws from [−1, 1], marks one of the first ten steps and one other of
//! the first half, varies the length by a tenth, and wants 0.5 + (u_i + u_j)/4.

use autograd::init::unit;
use autograd::{Element, Tensor};
use rand::{Rng, RngExt};

/// A batch of the adding problem: inputs [T, B, 2] (number, mark) and targets [B, 1].
///
/// ```
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let (xs, targets) = rnn::data::tasks::adding::<f64>(50, 20, &mut rng);
/// assert_eq!((xs.shape(), targets.shape()), (&[50, 20, 2][..], &[20, 1][..]));
/// ```
///
/// # Panics
///
/// If `seq_len` is less than 2.
#[track_caller]
pub fn adding<E: Element>(
    seq_len: usize,
    batch: usize,
    rng: &mut impl Rng,
) -> (Tensor<E>, Tensor<E>) {
    assert!(seq_len >= 2, "adding: {seq_len} steps do not hold two marks; use at least 2");
    let mut xs = vec![E::ZERO; seq_len * batch * 2];
    let mut targets = Vec::with_capacity(batch);
    for b in 0..batch {
        let half = seq_len / 2;
        let marks = [rng.random_range(0..half), rng.random_range(half..seq_len)];
        let mut sum = E::ZERO;
        for t in 0..seq_len {
            let (u, mark) = (E::from_f64(unit(rng)), marks.contains(&t));
            let x = &mut xs[(t * batch + b) * 2..][..2];
            x[0] = u;
            if mark {
                x[1] = E::ONE;
                sum += u;
            }
        }
        targets.push(sum);
    }
    (Tensor::new(&[seq_len, batch, 2], xs), Tensor::new(&[batch, 1], targets))
}
