//! The list of built-in ops, each with the check of its derivative.

use std::sync::Arc;

use super::{Check, Errors, Failure, OpManySubject, OpSubject, Run};
use crate::draw::Draw;
use crate::ops::*;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// An op that can be checked: on inputs drawn by its own test specification.
pub struct OpCheck {
    /// The op's name.
    pub name: &'static str,
    /// Whether each entry of the output depends on its own place alone.
    pub elementwise: bool,
    /// Draws an instance and its inputs, and checks every derivative.
    pub run: fn(&mut Draw, &Check) -> Result<Errors, Box<Failure>>,
    /// Draws an instance and its inputs, to do something else with.
    pub draw: fn(&mut Draw) -> DrawnOp,
}

/// An op of any type with inputs that it accepts.
pub struct DrawnOp {
    /// The inputs.
    pub inputs: Vec<Tensor<f64>>,
    op: Box<dyn Run<f64>>,
}

impl DrawnOp {
    /// Applies the op to variables of the shapes of the inputs.
    ///
    /// # Panics
    ///
    /// If the op does not accept them.
    #[track_caller]
    pub fn apply<'t>(&self, tape: &'t Tape<f64>, inputs: Vec<Var<'t, f64>>) -> Vec<Var<'t, f64>> {
        self.op.run(tape, inputs)
    }
}

macro_rules! checks {
    ($($op:ident [$n:tt] $methods:tt)*) => {
        /// Every built-in op with its check.
        pub fn every_op() -> Vec<OpCheck> {
            vec![$(OpCheck {
                name: $op::NAME,
                elementwise: $op::ELEMENTWISE,
                run: |draw, check| {
                    let (op, inputs) = $op::sample(draw);
                    checks!(@run [$n] check, op, inputs)
                },
                draw: |draw| {
                    let (op, inputs) = $op::sample(draw);
                    DrawnOp { inputs, op: checks!(@any [$n] op) }
                },
            }),*]
        }
    };
    (@run [many] $check:ident, $op:ident, $inputs:ident) => { $check.op_many($op, &$inputs) };
    (@run [$n:tt] $check:ident, $op:ident, $inputs:ident) => {
        $check.op::<_, $n>($op, &$inputs)
    };
    (@any [many] $op:ident) => { Box::new(OpManySubject(Arc::new($op))) };
    (@any [$n:tt] $op:ident) => { Box::new(OpSubject::<_, $n>(Arc::new($op))) };
}

with_every_op!(checks);
