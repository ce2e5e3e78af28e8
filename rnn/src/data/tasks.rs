//! Classic problems for recurrent networks, drawn from a generator.
//!
//! ```text
//! adding            two marked numbers among T to add            loss at the end, squared error
//! parity            are the ones so far odd?                     loss at every step, or at the end
//! temporal_order    X and Y, far apart: in which order?          loss at the end
//! copy_memory       ten symbols to repeat after T blanks         loss at every step
//! selective_copy    symbols scattered among noise to repeat      loss at the last steps
//! Echo              a stream: what was read d steps ago?         loss at every step, state carried
//! reber             strings of a grammar, and a stream of them   next symbol
//! agreement         sentences whose verb depends on the subject  next word
//! ```
//!
//! Each names the loss of a model that has learned nothing but how often each answer is right: the baseline that
//! has to be beaten.
//!
//! Shapes: ids `[T·B]`, time-major; numbers [T, B, F].

pub mod adding;
pub mod parity;
pub mod order;
pub mod copying;
pub mod echo;
pub mod reber;
pub mod agreement;

pub use adding::adding;
pub use agreement::{Agreement, agreement};
pub use copying::{copy_memory, selective_copy};
pub use echo::Echo;
pub use order::temporal_order;
pub use parity::parity;
pub use reber::{Continual, Grammar, Legal};

use autograd::{Element, Tensor};

/// A batch of symbol sequences of one length, with what should come out at the last steps.
///
/// With `n` = [`answers`](Self::answers) the targets are those of the last n of T steps: all for n = T, only the
/// last for n = 1. The rows of the scores [T·B, V] that the loss looks at are the last n·B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbols {
    /// The symbols, `[T·B]`, time-major.
    pub inputs: Vec<usize>,
    /// What should come out, `[n·B]`, time-major.
    pub targets: Vec<usize>,
    /// The number of sequences B.
    pub batch: usize,
    /// The number of different input symbols V.
    pub vocab_size: usize,
    /// The number of different targets.
    pub classes: usize,
}

impl Symbols {
    /// The number of steps T; 0 without sequences.
    pub fn seq_len(&self) -> usize {
        self.inputs.len().checked_div(self.batch).unwrap_or(0)
    }

    /// The number of steps n, at the end, that have a target; 0 without sequences.
    pub fn answers(&self) -> usize {
        self.targets.len().checked_div(self.batch).unwrap_or(0)
    }

    /// With the target of the last step only.
    #[must_use]
    pub fn at_end(mut self) -> Self {
        self.targets.drain(..self.targets.len().saturating_sub(self.batch));
        self
    }

    /// The inputs as vectors with a single one, [T, B, V].
    pub fn one_hot<E: Element>(&self) -> Tensor<E> {
        let rows = Tensor::one_hot(&self.inputs, self.vocab_size);
        rows.reshape(&[self.seq_len(), self.batch, self.vocab_size])
    }

    /// B sequences, each with its targets, side by side.
    fn side_by_side(
        batch: usize,
        vocab_size: usize,
        classes: usize,
        mut draw: impl FnMut() -> (Vec<usize>, Vec<usize>),
    ) -> Self {
        let (inputs, targets): (Vec<_>, Vec<_>) = (0..batch).map(|_| draw()).unzip();
        let time_major = |rows| super::pad_ids(rows, 0).0; // of one length: nothing is padded
        Self {
            inputs: time_major(inputs),
            targets: time_major(targets),
            batch,
            vocab_size,
            classes,
        }
    }
}
