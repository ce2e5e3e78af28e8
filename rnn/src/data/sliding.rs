//! Windows of a series of numbers: what a forecaster reads, and what it should say.
//!
//! ```text
//! window n    inputs   x_n     … x_{n+T−1}        targets   x_{n+h}   … x_{n+T−1+h}         h the horizon
//! ```
//!
//! Every window is there, N = steps − T − h + 1 of them, each one step later than the one before. So two
//! neighbours share T − 1 steps: split the series into its parts first, and slide over each part.
//!
//! Shapes: the series [steps, F]; inputs and targets [T, N, F].

use autograd::{Element, Tensor};

/// All windows of `seq_len` steps of a series, and for each step the one `horizon` steps later.
///
/// ```
/// use autograd::Tensor;
///
/// let series = Tensor::from([[1.0], [2.0], [3.0], [4.0], [5.0]]);
/// let (xs, targets) = rnn::data::sliding(&series, 3, 1)?; // T = 3, N = 2
/// assert_eq!(xs, Tensor::new(&[3, 2, 1], vec![1.0, 2.0, 2.0, 3.0, 3.0, 4.0]));
/// assert_eq!(targets.entry(2), Tensor::from([[4.0], [5.0]])); // what follows each window
///
/// let batch = xs.gather(1, &[1]); // some of the windows
/// assert_eq!(batch.data(), [2.0, 3.0, 4.0]);
/// # Ok::<(), rnn::data::SeriesTooShort>(())
/// ```
///
/// # Errors
///
/// If the series does not fill one window and its targets.
///
/// # Panics
///
/// If the series has not two axes, or `seq_len` is 0.
#[track_caller]
pub fn sliding<E: Element>(
    series: &Tensor<E>,
    seq_len: usize,
    horizon: usize,
) -> Result<(Tensor<E>, Tensor<E>), SeriesTooShort> {
    let &[steps, features] = series.shape() else {
        panic!("sliding: a series is [T, F] and not {:?}", series.shape());
    };
    assert!(seq_len > 0, "sliding: a window of 0 steps; use at least 1");
    let needed = seq_len.saturating_add(horizon);
    if steps < needed {
        return Err(SeriesTooShort { steps, seq_len, horizon, needed });
    }
    let windows = steps - needed + 1;
    let read = |ahead| {
        // Step t of all windows is a run of the series.
        let runs = (0..seq_len)
            .flat_map(|t| &series.data()[(t + ahead) * features..][..windows * features]);
        Tensor::new(&[seq_len, windows, features], runs.copied().collect())
    };
    Ok((read(0), read(horizon)))
}

/// A series that is shorter than a window and its targets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the series has {steps} steps; a window of {seq_len} with targets {horizon} later needs {needed}; use a shorter window"
)]
pub struct SeriesTooShort {
    /// The number of steps that there are.
    pub steps: usize,
    /// The number of steps of a window.
    pub seq_len: usize,
    /// How much later the targets are.
    pub horizon: usize,
    /// The number of steps that there should be.
    pub needed: usize,
}
