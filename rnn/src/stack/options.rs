//! What can be chosen of a stack: layers, directions and how they merge, noise, the engine.

use autograd::{Element, Tensor};

use super::StackError;
use crate::numbers::Numbers;

/// What can be chosen of a stack of a cell with the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct StackOptions<O> {
    /// The features of an input, I.
    pub input_size: usize,
    /// The units of each layer and direction, H.
    pub hidden_size: usize,
    /// The number of layers, L: at least one.
    pub layers: usize,
    /// One direction or two.
    pub directions: Directions,
    /// The probability, in training, that an output of a layer but the last is dropped.
    pub dropout: f64,
    /// The probability, in training, that an entry of h is dropped for the products of all steps.
    pub recurrent_dropout: f64,
    /// The probabilities, in training, that a step leaves an entry of the state as it was.
    pub zoneout: Zoneout,
    /// What can be chosen of the cell.
    pub cell: O,
    /// How the stack runs on a tape.
    pub engine: Engine,
}

impl<O: Default> StackOptions<O> {
    /// One layer, one direction, no noise, and the cell's default options.
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self {
            input_size,
            hidden_size,
            layers: 1,
            directions: Directions::Forward,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            zoneout: Zoneout::default(),
            cell: O::default(),
            engine: Engine::default(),
        }
    }
}

/// The probabilities of zoneout, each in [0, 1); none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zoneout {
    /// For the part of the state that the rest of the network sees.
    pub h: f64,
    /// For the others: the memory of an LSTM.
    pub c: f64,
}

/// In which direction a layer reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directions {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step to the first; each output stands at the step that was read.
    Reverse,
    /// Both, each with parameters of its own.
    Both(Merge),
}

impl Directions {
    /// Their number D.
    pub fn count(self) -> usize {
        match self {
            Self::Both(_) => 2,
            _ => 1,
        }
    }

    /// Whether direction `d`, below their number, is reverse.
    pub(super) fn is_reverse(self, d: usize) -> bool {
        self == Self::Reverse || d == 1
    }

    /// The features that come out where each direction has so many.
    pub(super) fn width(self, output: usize) -> usize {
        match self {
            Self::Both(Merge::Concat) => 2 * output,
            _ => output,
        }
    }
}

/// What becomes of the outputs of two directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// Side by side, forward first, as in PyTorch.
    #[default]
    Concat,
    /// Their sum.
    Sum,
    /// Half their sum.
    Mean,
    /// Their product, entry by entry.
    Product,
}

impl Merge {
    /// [N, P] twice to one [N, ·].
    pub(crate) fn apply<L: Numbers>(self, [a, b]: [&L; 2]) -> L {
        match self {
            Self::Concat => L::joined(&[a.clone(), b.clone()], 1),
            Self::Sum => a.plus(b),
            Self::Mean => a.plus(b).scaled(&Tensor::scalar(0.5)),
            Self::Product => a.times(b),
        }
    }

    /// The gradient in both, given that of what they became.
    pub(super) fn back<E: Element>(self, [a, b]: [&Tensor<E>; 2], d: &Tensor<E>) -> [Tensor<E>; 2] {
        let width = a.shape()[1];
        match self {
            Self::Concat => [d.columns(0, width), d.columns(width, 2 * width)],
            Self::Sum => [d.clone(), d.clone()],
            Self::Mean => [d * 0.5, d * 0.5],
            Self::Product => [d * b, d * a],
        }
    }
}

/// How a stack runs on a tape: always the same numbers, not the same speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// One layer and direction is one op, with weights packed once for a sequence and their gradients in one product
    /// after it: for [`Vanilla`](crate::Vanilla), [`Gru`](crate::Gru) and [`Lstm`](crate::Lstm), without noise and with
    /// rows of one length. Anything else runs as `Explicit`.
    #[default]
    Fused,
    /// One layer and direction is one op, whose forward and backward pass are those by hand.
    Explicit,
    /// Every step is composed of ops, as the cell's equations say.
    Tape,
}

impl<O> StackOptions<O> {
    /// Whether each probability is one.
    pub(super) fn check_probabilities(&self) -> Result<(), StackError> {
        let probabilities = [
            ("dropout", self.dropout),
            ("recurrent dropout", self.recurrent_dropout),
            ("zoneout of h", self.zoneout.h),
            ("zoneout of c", self.zoneout.c),
        ];
        match probabilities.into_iter().find(|(_, p)| !(0.0..1.0).contains(p)) {
            Some((name, p)) => Err(StackError::Probability { name, p }),
            None => Ok(()),
        }
    }
}
