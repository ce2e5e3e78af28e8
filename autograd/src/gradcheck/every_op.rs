//! The list of built-in ops, each with the check of its derivative.

use super::{Check, Errors, Failure};
use crate::draw::Draw;
use crate::ops::*;

/// An op that can be checked: on inputs drawn by its own test specification.
pub struct OpCheck {
    /// The op's name.
    pub name: &'static str,
    /// Draws an instance and its inputs, and checks every derivative.
    pub run: fn(&mut Draw, &Check) -> Result<Errors, Box<Failure>>,
}

macro_rules! checks {
    ($($op:ident [$n:tt] $methods:tt)*) => {
        /// Every built-in op with its check.
        pub fn every_op() -> Vec<OpCheck> {
            vec![$(OpCheck {
                name: $op::NAME,
                run: |draw, check| {
                    let (op, inputs) = $op::sample(draw);
                    checks!(@run [$n] check, op, inputs)
                },
            }),*]
        }
    };
    (@run [many] $check:ident, $op:ident, $inputs:ident) => { $check.op_many($op, &$inputs) };
    (@run [$n:tt] $check:ident, $op:ident, $inputs:ident) => {
        $check.op::<_, $n>($op, &$inputs)
    };
}

with_every_op!(checks);
