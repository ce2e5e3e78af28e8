//! Where did the NaN come from? The first op, forward or backward, that made a number that is not finite.
//!
//! A tape keeps every value, so the question can be asked after the fact, and costs nothing until then.
//!
//! ```
//! use autograd::{Tape, Tensor, anomaly::{Direction, find_anomaly}};
//!
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::from([1.0, 0.0, -2.0]));
//! let loss = x.ln().sum(); // ln 0 = −∞ and ln −2 is NaN
//! let anomaly = find_anomaly(loss).unwrap();
//! assert_eq!((anomaly.op, anomaly.direction, &anomaly.index[..]), ("ln", Direction::Forward, &[1][..]));
//! assert!(anomaly.to_string().starts_with("ln made -inf at [1] of its output [3]"));
//! ```

use std::fmt;
use std::panic::Location;

use crate::element::Element;
use crate::error::expect;
use crate::tape::{Nodes, Var, backward};
use crate::tensor::Tensor;

/// Which way an op was going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Computing its output.
    Forward,
    /// Computing its contribution to the gradient of this input.
    Backward {
        /// The number of the input, from 0.
        input: usize,
    },
}

/// The first op that made a NaN or an infinity.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// The op's name.
    pub op: &'static str,
    /// Whether in its output or in a gradient.
    pub direction: Direction,
    /// The line of the call that recorded the op.
    pub caller: &'static Location<'static>,
    /// The shapes of its inputs.
    pub inputs: Vec<Vec<usize>>,
    /// The shape of the output or gradient in which the number stands.
    pub shape: Vec<usize>,
    /// Where in it: the first such place in row-major order.
    pub index: Vec<usize>,
    /// The number.
    pub value: f64,
    /// The inputs that were not finite before, and where each came from: data, mostly.
    pub bad_inputs: Vec<(usize, &'static str, &'static Location<'static>)>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, caller, inputs, shape, index, value, .. } = self;
        match self.direction {
            Direction::Forward => {
                write!(f, "{op} made {value} at {index:?} of its output {shape:?}")?
            }
            Direction::Backward { input } => {
                write!(
                    f,
                    "{op}, going back, made {value} at {index:?} of the gradient in input {input} {shape:?}"
                )?;
            }
        }
        write!(f, "; its inputs are {inputs:?}; called at {caller}")?;
        for (input, origin, caller) in &self.bad_inputs {
            write!(f, "; input {input} was not finite already: a {origin} made at {caller}")?;
        }
        Ok(())
    }
}

/// The first op that made a NaN or an infinity on the way to `loss`, or else on the way back from it.
///
/// An infinity may be meant (a mask of −∞ before a softmax): if the loss and all gradients are finite, there
/// may still be an answer, and it is for the caller to judge.
///
/// # Panics
///
/// If `loss` is not a single number.
#[track_caller]
pub fn find_anomaly<E: Element>(loss: Var<'_, E>) -> Option<Anomaly> {
    let nodes = loss.tape().nodes();
    let last = loss.index() as usize;
    let mut i = 0;
    while i <= last {
        let outputs = nodes.origin(i).outputs as usize;
        if !nodes.inputs(i).is_empty() {
            for output in &nodes.values()[i..i + outputs] {
                if let Some((index, value)) = first_bad(output) {
                    let shape = output.shape().to_vec();
                    return Some(report(&nodes, i, Direction::Forward, shape, index, value));
                }
            }
        }
        i += outputs.max(1);
    }

    let loss = &nodes.values()[last];
    assert_eq!(
        loss.elements(),
        1,
        "find_anomaly: starts from one number, not from {:?}",
        loss.shape()
    );
    let mut found = None;
    let seed = Tensor::ones(loss.shape());
    let mut watch = |i: usize, input: usize, gradient: &Tensor<E>| {
        if found.is_none()
            && let Some((index, value)) = first_bad(gradient)
        {
            let direction = Direction::Backward { input };
            let shape = gradient.shape().to_vec();
            found = Some(report(&nodes, i, direction, shape, index, value));
        }
    };
    expect(backward(&nodes, last, seed, &mut Vec::new(), Some(&mut watch)));
    found
}

fn report<E: Element>(
    nodes: &Nodes<E>,
    i: usize,
    direction: Direction,
    shape: Vec<usize>,
    index: Vec<usize>,
    value: f64,
) -> Anomaly {
    let value_of = |input: u32| &nodes.values()[input as usize];
    let inputs = nodes.inputs(i);
    let bad = inputs.iter().enumerate().filter(|&(_, &input)| !value_of(input).is_finite());
    let bad = bad.map(|(k, &input)| (k, nodes.origin(input as usize)));
    Anomaly {
        op: nodes.origin(i).name,
        direction,
        caller: nodes.origin(i).caller,
        inputs: inputs.iter().map(|&input| value_of(input).shape().to_vec()).collect(),
        shape,
        index,
        value,
        bad_inputs: bad.map(|(k, origin)| (k, origin.name, origin.caller)).collect(),
    }
}

/// The index and the value of the first number that is not finite.
fn first_bad<E: Element>(tensor: &Tensor<E>) -> Option<(Vec<usize>, f64)> {
    let at = tensor.data().iter().position(|x| !x.is_finite())?;
    Some((tensor.shape_value().index_of(at), tensor.data()[at].value()))
}
