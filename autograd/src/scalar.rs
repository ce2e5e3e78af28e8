//! The scalar engine: reverse-mode differentiation of single numbers, in one file.
//!
//! ```text
//! forward    y = f(a, b) appends a node that remembers ∂y/∂a and ∂y/∂b
//! backward   from the last node to the first: da += dy · ∂y/∂a,  db += dy · ∂y/∂b
//! ```
//!
//! That is the whole of backpropagation. A node stands behind everything that it was computed from,
//! so going through the nodes in reverse order meets each one after all of its uses: its gradient
//! is complete before it is passed on. And `+=`, because a number that is used twice gets both.
//!
//! ```
//! use autograd::scalar::Tape;
//!
//! let tape = Tape::new();
//! let a = tape.var(2.0);
//! let b = a * a + 3.0 * a; // b = a² + 3a
//! let grads = tape.backward(b);
//! assert_eq!(b.value(), 10.0);
//! assert_eq!(grads.of(a), 7.0); // db/da = 2a + 3
//! ```
//!
//! Source: Wengert 1964, "A simple automatic derivative evaluation program"; the interface follows
//! Karpathy's micrograd. Not here: tensors, other number types, errors; see [`crate::Tape`].

use std::cell::RefCell;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What a node was computed by, for pictures and listings of the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the function of the same name")]
pub enum Op {
    Leaf,
    Add,
    Sub,
    Mul,
    Div,
    Neg,
    Exp,
    Ln,
    Tanh,
    Sigmoid,
    Relu,
    Powf,
}

/// One number on the tape.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Its value.
    pub value: f64,
    /// What computed it.
    pub op: Op,
    /// The nodes it was computed from; its own number where there is none.
    pub parents: [u32; 2],
    /// Its derivative in each parent; 0 where there is none.
    pub slopes: [f64; 2],
}

/// Records what is computed with its variables.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: RefCell<Vec<Node>>,
}

/// A number on a tape: a `Copy` handle, so that formulas read as on paper.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape,
    index: u32,
}

/// The derivative of one number in every number on the tape.
#[derive(Clone, Debug)]
pub struct Gradients(Vec<f64>);

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// A variable to differentiate with respect to.
    #[inline]
    pub fn var(&self, value: f64) -> Var<'_> {
        let own = self.len() as u32;
        self.push(value, Op::Leaf, [own; 2], [0.0; 2])
    }

    #[inline]
    fn push(&self, value: f64, op: Op, parents: [u32; 2], slopes: [f64; 2]) -> Var<'_> {
        let mut nodes = self.nodes.borrow_mut();
        let index = u32::try_from(nodes.len()).expect("a tape holds at most 2³² nodes");
        nodes.push(Node { value, op, parents, slopes });
        Var { tape: self, index }
    }

    /// The derivative of `output` in every number on the tape.
    ///
    /// # Panics
    ///
    /// If `output` is on another tape.
    pub fn backward(&self, output: Var<'_>) -> Gradients {
        assert!(std::ptr::eq(self, output.tape), "backward: the variable is on another tape");
        let nodes = self.nodes.borrow();
        let mut grads = vec![0.0; nodes.len()];
        grads[output.index as usize] = 1.0;
        for i in (0..=output.index as usize).rev() {
            let Node { parents: [a, b], slopes: [to_a, to_b], .. } = nodes[i];
            let dy = grads[i];
            grads[a as usize] += dy * to_a;
            grads[b as usize] += dy * to_b;
        }
        Gradients(grads)
    }

    /// Forgets all nodes but keeps their memory. The borrow checker rejects variables from before.
    pub fn reset(&mut self) {
        self.nodes.get_mut().clear();
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The nodes in the order in which they were made.
    pub fn nodes(&self) -> Vec<Node> {
        self.nodes.borrow().clone()
    }
}

impl Gradients {
    /// The derivative in `var`; 0 if the output does not depend on it.
    pub fn of(&self, var: Var<'_>) -> f64 {
        self.0.get(var.index as usize).copied().unwrap_or(0.0)
    }
}

impl<'t> Var<'t> {
    /// The value.
    #[inline]
    pub fn value(self) -> f64 {
        self.tape.nodes.borrow()[self.index as usize].value
    }

    /// The number of its node, counted from 0.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// A function of one number: its value and its slope there.
    #[inline]
    fn unary(self, op: Op, value: f64, slope: f64) -> Self {
        self.tape.push(value, op, [self.index; 2], [slope, 0.0])
    }

    /// A function of two numbers: its value and its slope in each.
    #[inline]
    fn binary(self, other: Self, op: Op, value: f64, slopes: [f64; 2]) -> Self {
        assert!(std::ptr::eq(self.tape, other.tape), "{op:?}: the variables are on two tapes");
        self.tape.push(value, op, [self.index, other.index], slopes)
    }

    /// A constant on the same tape.
    #[inline]
    fn constant(self, value: f64) -> Self {
        self.tape.var(value)
    }

    /// e^x, with slope e^x.
    #[inline]
    pub fn exp(self) -> Self {
        let y = self.value().exp();
        self.unary(Op::Exp, y, y)
    }

    /// ln x, with slope 1 / x.
    pub fn ln(self) -> Self {
        let x = self.value();
        self.unary(Op::Ln, x.ln(), 1.0 / x)
    }

    /// tanh x, with slope 1 − tanh² x.
    #[inline]
    pub fn tanh(self) -> Self {
        let y = self.value().tanh();
        self.unary(Op::Tanh, y, 1.0 - y * y)
    }

    /// σ(x) = 1 / (1 + e^(−x)), with slope σ (1 − σ).
    pub fn sigmoid(self) -> Self {
        let y = 1.0 / (1.0 + (-self.value()).exp());
        self.unary(Op::Sigmoid, y, y * (1.0 - y))
    }

    /// max(x, 0), with slope 1 above 0 and, by convention, 0 at 0.
    pub fn relu(self) -> Self {
        let x = self.value();
        if x > 0.0 { self.unary(Op::Relu, x, 1.0) } else { self.unary(Op::Relu, 0.0, 0.0) }
    }

    /// x^p for a constant p, with slope p x^(p−1).
    pub fn powf(self, p: f64) -> Self {
        let x = self.value();
        self.unary(Op::Powf, x.powf(p), if p == 0.0 { 0.0 } else { p * x.powf(p - 1.0) })
    }
}

/// a + b, with slopes 1 and 1.
impl Add for Var<'_> {
    type Output = Self;
    #[inline]
    fn add(self, b: Self) -> Self {
        self.binary(b, Op::Add, self.value() + b.value(), [1.0, 1.0])
    }
}

/// a − b, with slopes 1 and −1.
impl Sub for Var<'_> {
    type Output = Self;
    #[inline]
    fn sub(self, b: Self) -> Self {
        self.binary(b, Op::Sub, self.value() - b.value(), [1.0, -1.0])
    }
}

/// a · b, with slopes b and a.
impl Mul for Var<'_> {
    type Output = Self;
    #[inline]
    fn mul(self, b: Self) -> Self {
        let (x, y) = (self.value(), b.value());
        self.binary(b, Op::Mul, x * y, [y, x])
    }
}

/// a / b, with slopes 1/b and −a/b².
impl Div for Var<'_> {
    type Output = Self;
    #[inline]
    fn div(self, b: Self) -> Self {
        let (x, y) = (self.value(), b.value());
        self.binary(b, Op::Div, x / y, [1.0 / y, -x / (y * y)])
    }
}

/// −a, with slope −1.
impl Neg for Var<'_> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        self.unary(Op::Neg, -self.value(), -1.0)
    }
}

/// Operators between a variable and a number, which becomes a variable of its own.
macro_rules! with_numbers {
    ($($trait:ident $method:ident;)*) => { $(
        impl $trait<f64> for Var<'_> {
            type Output = Self;
            fn $method(self, b: f64) -> Self {
                $trait::$method(self, self.constant(b))
            }
        }

        impl<'t> $trait<Var<'t>> for f64 {
            type Output = Var<'t>;
            fn $method(self, b: Var<'t>) -> Var<'t> {
                $trait::$method(b.constant(self), b)
            }
        }
    )* };
}

with_numbers! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var {} = {}", self.index, self.value())
    }
}
