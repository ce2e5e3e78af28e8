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

/// `op = number of inputs`, or `many` for any number.
macro_rules! list {
    ($($op:ident = $inputs:tt),* $(,)?) => {
        vec![$(OpCheck {
            name: $op::NAME,
            run: |draw, check| {
                let (op, inputs) = $op::sample(draw);
                list!(@check $inputs, check, op, inputs)
            },
        }),*]
    };
    (@check many, $check:ident, $op:ident, $inputs:ident) => { $check.op_many($op, &$inputs) };
    (@check $n:literal, $check:ident, $op:ident, $inputs:ident) => {
        $check.op::<_, $n>($op, &$inputs)
    };
}

/// Every built-in op with its check.
pub fn every_op() -> Vec<OpCheck> {
    list![
        Add = 2,
        Sub = 2,
        Mul = 2,
        Div = 2,
        Neg = 1,
        Affine = 1,
        Exp = 1,
        Ln = 1,
        Sqrt = 1,
        Powf = 1,
        Tanh = 1,
        Sigmoid = 1,
        Relu = 1,
        Sum = 1,
        Mean = 1,
        MatMul = 2,
        Reshape = 1,
        Slice = 1,
        Concat = many,
        Rows = 1,
        LogSoftmax = 1,
        CrossEntropy = 1,
    ]
}
