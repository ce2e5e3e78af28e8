//! Backpropagation through time beyond the plain loop of [`bptt()`](crate::bptt()).
//!
//! - [`truncated_bptt`]: every k1 steps, over the last k2. A gradient that leaves out what is further than k2
//!   steps away, for the time of k2 / k1 sweeps.
//! - [`checkpointed_bptt`]: the exact gradient, in the memory of √T steps, of a number of states, or of a number of
//!   bytes, for the time of some steps that run again.
//!
//! Both hold for every [`Cell`](crate::Cell), a [`Deep`](crate::Deep) one among them. Absent is the exact
//! gradient without going back at all (real-time recurrent learning), whose cost grows with H⁴.

mod schedule;
mod truncated;
mod checkpointed;

pub use checkpointed::{Checkpointed, checkpointed_bptt, step_bytes};
pub use schedule::{Memory, Schedule, StepBytes};
pub use truncated::{Pass, Truncated, Truncation, truncated_bptt, truncated_pass};

/// A setting with which there is no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BpttError {
    /// Truncation without a period.
    #[error(
        "truncated bptt: k1 is 0, but it is the number of steps from pass to pass; give at least 1"
    )]
    NoPeriod,
    /// Truncation to nothing.
    #[error(
        "truncated bptt: k2 is 0, but it is the number of steps a pass goes back; give at least 1"
    )]
    NoDepth,
    /// Checkpoints without a slot.
    #[error(
        "checkpointed bptt: 0 slots; give at least 1, which holds the state before the first step"
    )]
    NoSlots,
    /// A budget in which nothing can be computed.
    #[error(
        "checkpointed bptt: a budget of {budget} bytes is too small; \
         give at least {needed}, {state} for a state and {step} for a step"
    )]
    Budget {
        /// The bytes given.
        budget: usize,
        /// The bytes needed.
        needed: usize,
        /// Of these, for one state.
        state: usize,
        /// And for one step.
        step: usize,
    },
}
