//! Echo: a stream of symbols, to be repeated d steps later.
//!
//! ```text
//! x_t     one of S symbols, evenly
//! y_t     x_{t−d}                      before the stream began, 0
//! ```
//!
//! The stream goes on from window to window, and so must the state. A window shorter than d + 1 steps never
//! holds an answer together with its cause: truncated backpropagation has no path from one to the other.
//!
//! The baseline is one symbol of S right, ln S nats an answer.

use std::collections::VecDeque;

use rand::{Rng, RngExt};

use crate::data::streams::Window;

/// B streams, each of which is to be repeated with a delay.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::data::tasks::Echo;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let mut echo = Echo::new(8, 4, 1);
/// let (first, second) = (echo.next_window(10, &mut rng), echo.next_window(10, &mut rng));
/// assert_eq!(first.targets[8..], first.inputs[..2]);
/// assert_eq!(second.targets[..8], first.inputs[2..]);
/// assert!(first.fresh && !second.fresh);
/// ```
#[derive(Clone, Debug)]
pub struct Echo {
    symbols: usize,
    batch: usize,
    /// What is still to be repeated, the oldest step first, [d·B].
    waiting: VecDeque<usize>,
    fresh: bool,
}

impl Echo {
    /// `batch` streams of `symbols` different symbols, to be repeated after `delay` steps.
    ///
    /// # Panics
    ///
    /// If there are no symbols.
    #[track_caller]
    pub fn new(delay: usize, symbols: usize, batch: usize) -> Self {
        assert!(symbols > 0, "Echo::new: streams of 0 symbols; use at least 1");
        Self { symbols, batch, waiting: vec![0; delay * batch].into(), fresh: true }
    }

    /// The next `seq_len` steps of all streams.
    pub fn next_window(&mut self, seq_len: usize, rng: &mut impl Rng) -> Window {
        let len = seq_len * self.batch;
        let inputs: Vec<usize> = (0..len).map(|_| rng.random_range(0..self.symbols)).collect();
        self.waiting.extend(&inputs);
        let targets = self.waiting.drain(..len).collect();
        Window { inputs, targets, fresh: std::mem::replace(&mut self.fresh, false) }
    }
}
