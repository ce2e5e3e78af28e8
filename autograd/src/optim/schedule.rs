//! Schedules: the learning rate as a function of the step. Set it before each step:
//!
//! ```
//! use autograd::optim::{Adam, Optimizer, schedule::Cosine};
//!
//! let schedule = Cosine { lr: 1e-3, min_lr: 0.0, steps: 100 };
//! let mut adam = Adam::<f32>::new(schedule.lr);
//! for step in 0..100 {
//!     *adam.lr() = schedule.at(step);
//!     // adam.step(&mut params, &grads)?;
//! }
//! assert_eq!(schedule.at(50), 0.5e-3);
//! ```
//!
//! To go on after an interruption, these need no more than the step. Only [`Plateau`] has a state of its own:
//! keep its fields `lr`, `best` and `since`.

use std::f64::consts::PI;

/// Multiplied by γ every so many steps: lr · γ^⌊step / every⌋. PyTorch's `StepLR`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    /// The learning rate at the first step.
    pub lr: f64,
    /// How many steps it stays.
    pub every: usize,
    /// What it is multiplied by then, γ.
    pub gamma: f64,
}

impl StepDecay {
    /// The learning rate at this step, counted from 0.
    ///
    /// # Panics
    ///
    /// If `every` is 0.
    pub fn at(&self, step: usize) -> f64 {
        self.lr * self.gamma.powi((step / self.every) as i32)
    }
}

/// Along a straight line to zero: lr · (1 − step / steps), so still positive at the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// The learning rate at the first step.
    pub lr: f64,
    /// The number of steps.
    pub steps: usize,
}

impl Linear {
    /// The learning rate at this step, counted from 0; 0 from `steps` on.
    pub fn at(&self, step: usize) -> f64 {
        self.lr * (1.0 - step as f64 / self.steps as f64).max(0.0)
    }
}

/// Down half a cosine: min + (lr − min) (1 + cos(π step / steps)) / 2. PyTorch's `CosineAnnealingLR`; source:
/// Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    /// The learning rate at the first step.
    pub lr: f64,
    /// The learning rate at the end.
    pub min_lr: f64,
    /// The number of steps.
    pub steps: usize,
}

impl Cosine {
    /// The learning rate at this step, counted from 0; `min_lr` from `steps` on.
    pub fn at(&self, step: usize) -> f64 {
        let way = (step as f64 / self.steps as f64).min(1.0);
        self.min_lr + (self.lr - self.min_lr) * (1.0 + (PI * way).cos()) / 2.0
    }
}

/// A factor that rises along a straight line from `start` to 1 over the first steps: multiply any other
/// schedule by it. PyTorch's `LinearLR`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// The factor at the first step.
    pub start: f64,
    /// The number of steps until it is 1.
    pub steps: usize,
}

impl WarmUp {
    /// The factor at this step, counted from 0.
    pub fn at(&self, step: usize) -> f64 {
        if step >= self.steps {
            return 1.0;
        }
        self.start + (1.0 - self.start) * step as f64 / self.steps as f64
    }
}

/// Lowered when a loss no longer falls. PyTorch's `ReduceLROnPlateau` with its defaults.
///
/// ```
/// use autograd::optim::schedule::Plateau;
///
/// let mut plateau = Plateau::new(0.1);
/// plateau.patience = 1;
/// let lrs: Vec<f64> = [1.0, 0.5, 0.5, 0.5, 0.4].map(|loss| plateau.after(loss)).to_vec();
/// assert_eq!(lrs, [0.1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// The learning rate now.
    pub lr: f64,
    /// What it is multiplied by: 0.1.
    pub factor: f64,
    /// How many losses in a row may be no better before it is lowered: 10.
    pub patience: usize,
    /// How much smaller than the best, relatively, a loss must be to count as better: 1e-4.
    pub threshold: f64,
    /// The smallest learning rate: 0.
    pub min_lr: f64,
    /// The smallest loss so far; infinity before the first.
    pub best: f64,
    /// How many losses in a row were no better.
    pub since: usize,
}

impl Plateau {
    /// The smallest change of a learning rate that is made.
    const SMALLEST_CHANGE: f64 = 1e-8;

    /// Starts at this learning rate.
    pub fn new(lr: f64) -> Self {
        let (best, since) = (f64::INFINITY, 0);
        Self { lr, factor: 0.1, patience: 10, threshold: 1e-4, min_lr: 0.0, best, since }
    }

    /// The learning rate after this loss, of an epoch or of held-out data.
    pub fn after(&mut self, loss: f64) -> f64 {
        if loss < self.best * (1.0 - self.threshold) {
            (self.best, self.since) = (loss, 0);
        } else {
            self.since += 1;
        }
        if self.since > self.patience {
            self.since = 0;
            let lower = (self.lr * self.factor).max(self.min_lr);
            if self.lr - lower > Self::SMALLEST_CHANGE {
                self.lr = lower;
            }
        }
        self.lr
    }
}
