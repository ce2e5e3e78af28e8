//! Variables: what a formula is written with.
//!
//! Ops are methods, by the list in `ops/list.rs`. Each has a `try_` twin where shapes can clash; the plain
//! one panics with the same sentence at the caller's line.

use std::fmt;

use rand::Rng;

use super::Tape;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::few::Few;
use crate::ops::*;
use crate::shape::Shape;
use crate::tensor::{Mask, Matrix, Tensor, Transposed};

/// A place on a tape: a `Copy` handle, so that `x * w + b` reads as the formula does.
pub struct Var<'t, E: Element> {
    tape: &'t Tape<E>,
    index: u32,
}

impl<E: Element> Clone for Var<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Element> Copy for Var<'_, E> {}

impl<E: Element> fmt::Debug for Var<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var {} = {:?}", self.index, self.value())
    }
}

impl<'t, E: Element> Var<'t, E> {
    pub(crate) fn new(tape: &'t Tape<E>, index: u32) -> Self {
        Self { tape, index }
    }

    /// The tape that this variable is on.
    pub fn tape(&self) -> &'t Tape<E> {
        self.tape
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The value. It shares its numbers with the tape, so this is cheap.
    pub fn value(&self) -> Tensor<E> {
        self.tape.value(self.index).clone()
    }

    /// The length of each axis.
    pub fn shape(&self) -> Shape {
        self.tape.value(self.index).shape_value()
    }

    /// The same value as a constant: no gradient goes back through it. This is where truncated
    /// backpropagation through time cuts.
    #[track_caller]
    pub fn detach(self) -> Self {
        self.tape.constant(self.value())
    }

    /// This matrix with rows and columns exchanged, as a factor of a product.
    pub fn t(self) -> Transposed<Self> {
        Transposed(self)
    }

    /// The matrix product [.., m, k] · [.., k, n] = [.., m, n]; either factor may be `.t()`, and the
    /// axes before the last two broadcast. See [`MatMul`].
    #[track_caller]
    pub fn matmul(self, other: impl Into<Matrix<Self>>) -> Self {
        expect(matmul(self.into(), other.into()))
    }

    /// The matrix product, or why there is none.
    #[track_caller]
    pub fn try_matmul(self, other: impl Into<Matrix<Self>>) -> Result<Self, Error> {
        matmul(self.into(), other.into())
    }

    /// The sum of all elements, a single number. See [`Sum`].
    #[track_caller]
    pub fn sum(self) -> Self {
        self.sum_over(&self.all_axes())
    }

    /// The mean of all elements, a single number. See [`Mean`].
    #[track_caller]
    pub fn mean(self) -> Self {
        self.mean_over(&self.all_axes())
    }

    /// Where `holds` of the value, its real part if it carries derivatives: a decision, through which no
    /// gradient goes.
    pub fn mask(self, holds: impl Fn(f64) -> bool) -> Mask {
        self.value().mask(holds)
    }

    /// `if_true` where `mask` says yes, else `if_false`; all three broadcast. See [`Select`].
    ///
    /// ```
    /// use autograd::{Tape, Tensor, Var};
    ///
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from([0.0, 4.0]));
    /// let zero = tape.constant(Tensor::scalar(0.0));
    /// let y = Var::select(&x.mask(|x| x > 0.0), x.sqrt(), zero);
    /// assert_eq!(tape.backward(y.sum()).of(x).data(), [0.0, 0.25]); // and no NaN
    /// ```
    #[track_caller]
    pub fn select(mask: &Mask, if_true: Self, if_false: Self) -> Self {
        expect(Self::try_select(mask, if_true, if_false))
    }

    /// As [`Var::select`], or why it cannot be.
    #[track_caller]
    pub fn try_select(mask: &Mask, if_true: Self, if_false: Self) -> Result<Self, Error> {
        if_true.tape.try_apply(Select { mask: mask.clone() }, [if_true, if_false])
    }

    /// Each element set to 0 with probability p, the others divided by 1 − p. See [`Dropout`].
    ///
    /// # Panics
    ///
    /// If p is not in [0, 1).
    #[track_caller]
    pub fn dropout(self, p: f64, rng: &mut impl Rng) -> Self {
        expect(self.try_dropout(p, rng))
    }

    /// As [`Var::dropout`], or why it cannot be.
    #[track_caller]
    pub fn try_dropout(self, p: f64, rng: &mut impl Rng) -> Result<Self, Error> {
        let op = Dropout::draw(&self.shape(), p, rng)?;
        self.tape.try_apply(op, [self])
    }

    fn all_axes(self) -> Few<usize> {
        (0..self.shape().len()).collect()
    }

    /// N equal parts along the last axis: the gates of a cell.
    ///
    /// # Panics
    ///
    /// If the last axis is not a multiple of N.
    #[track_caller]
    pub fn chunk<const N: usize>(self) -> [Self; N] {
        let shape = self.value().shape_value();
        let last = shape.len().saturating_sub(1);
        let length = shape.get(last).copied().unwrap_or(0);
        assert!(
            !shape.is_empty() && length % N == 0,
            "chunk: the last axis of {shape} does not split into {N} equal parts"
        );
        let size = length / N;
        // A loop and not a closure: a closure would hide the caller's line.
        let mut parts = [self; N];
        for (i, part) in parts.iter_mut().enumerate() {
            *part = self.slice(last, i * size, (i + 1) * size);
        }
        parts
    }

    /// Entry `index` of the first axis, without that axis: `x[t]` of a time-major sequence.
    #[track_caller]
    pub fn entry(self, index: usize) -> Self {
        let rest = self.value().shape().get(1..).unwrap_or(&[]).to_vec();
        self.slice(0, index, index + 1).reshape(&rest)
    }

    /// Variables one after the other along `axis`. See [`Concat`].
    ///
    /// # Panics
    ///
    /// If there are none, or they differ in more than `axis`.
    #[track_caller]
    pub fn concat(vars: &[Self], axis: usize) -> Self {
        expect(Self::try_concat(vars, axis))
    }

    /// Variables one after the other along `axis`, or why they do not fit together.
    #[track_caller]
    pub fn try_concat(vars: &[Self], axis: usize) -> Result<Self, Error> {
        let first = vars.first().ok_or(Error::ConcatNothing)?;
        Ok(first.tape.try_apply_many(Concat { axis }, vars)?[0])
    }

    /// Variables of one shape as the entries of a new first axis.
    ///
    /// # Panics
    ///
    /// If there are none, or their shapes differ.
    #[track_caller]
    pub fn stack(vars: &[Self]) -> Self {
        let mut rows = Vec::with_capacity(vars.len());
        for var in vars {
            rows.push(var.reshape(&[&[1], &*var.shape()].concat()));
        }
        Self::concat(&rows, 0)
    }

    /// Two axes exchanged. For a factor of a matrix product use [`t`](Self::t), which copies nothing.
    /// See [`Permute`].
    ///
    /// # Panics
    ///
    /// If there are no such axes.
    #[track_caller]
    pub fn transpose(self, a: usize, b: usize) -> Self {
        expect(self.try_transpose(a, b))
    }

    /// Two axes exchanged, or which of them does not exist.
    #[track_caller]
    pub fn try_transpose(self, a: usize, b: usize) -> Result<Self, Error> {
        let axes = self.value().shape_value().exchanged(a, b)?;
        self.try_permute(&axes)
    }

    /// Parts of these sizes along `axis`, one after the other. See [`Slice`].
    ///
    /// # Panics
    ///
    /// If there is no such axis, or the sizes do not add up to its length.
    #[track_caller]
    pub fn split(self, axis: usize, sizes: &[usize]) -> Vec<Self> {
        expect(self.try_split(axis, sizes))
    }

    /// Parts of these sizes along `axis`, or why it does not split so.
    #[track_caller]
    pub fn try_split(self, axis: usize, sizes: &[usize]) -> Result<Vec<Self>, Error> {
        let starts = self.value().shape_value().split(axis, sizes)?;
        // A loop and not a closure: a closure would hide the caller's line.
        let mut parts = Vec::with_capacity(sizes.len());
        for (start, size) in starts.into_iter().zip(sizes) {
            parts.push(self.try_slice(axis, start, start + size)?);
        }
        Ok(parts)
    }
}

/// The product of two factors, each as it is or transposed.
#[track_caller]
fn matmul<'t, E: Element>(
    a: Matrix<Var<'t, E>>,
    b: Matrix<Var<'t, E>>,
) -> Result<Var<'t, E>, Error> {
    let op = MatMul { a_transposed: a.transposed, b_transposed: b.transposed };
    a.stored.tape.try_apply(op, [a.stored, b.stored])
}

impl<'t, E: Element> Transposed<Var<'t, E>> {
    /// The matrix product of this transposed matrix with another. See [`MatMul`].
    #[track_caller]
    pub fn matmul(self, other: impl Into<Matrix<Var<'t, E>>>) -> Var<'t, E> {
        expect(matmul(self.into(), other.into()))
    }
}

/// A method of the list: the receiver is the first input, and the others follow.
macro_rules! method {
    ($op_name:ident [1] $(#[$doc:meta])* $name:ident ($($arg:ident : $type:ty),*) $op:expr) => {
        $(#[$doc])*
        #[doc = concat!(" See [`", stringify!($op_name), "`].")]
        #[track_caller]
        pub fn $name(self, $($arg: $type),*) -> Self {
            self.tape.apply($op, [self])
        }
    };
    ($op_name:ident [2] $(#[$doc:meta])* $name:ident ($($arg:ident : $type:ty),*) $op:expr) => {
        $(#[$doc])*
        #[doc = concat!(" See [`", stringify!($op_name), "`].")]
        #[track_caller]
        pub fn $name(self, other: Self, $($arg: $type),*) -> Self {
            self.tape.apply($op, [self, other])
        }
    };
    ($op_name:ident [3] $(#[$doc:meta])* $name:ident ($($arg:ident : $type:ty),*) $op:expr) => {
        $(#[$doc])*
        #[doc = concat!(" See [`", stringify!($op_name), "`].")]
        #[track_caller]
        pub fn $name(self, second: Self, third: Self, $($arg: $type),*) -> Self {
            self.tape.apply($op, [self, second, third])
        }
    };
    ($op_name:ident $n:tt $(#[$doc:meta])* $name:ident / $try_name:ident $args:tt $op:expr) => {
        method! { $op_name $n $(#[$doc])* $name $args $op }
        method! { @twin $n $name $try_name $args $op }
    };
    (@twin [1] $name:ident $try_name:ident ($($arg:ident : $type:ty),*) $op:expr) => {
        #[doc = concat!("As [`Var::", stringify!($name), "`], or why it cannot be.")]
        #[track_caller]
        pub fn $try_name(self, $($arg: $type),*) -> Result<Self, Error> {
            self.tape.try_apply($op, [self])
        }
    };
    (@twin [2] $name:ident $try_name:ident ($($arg:ident : $type:ty),*) $op:expr) => {
        #[doc = concat!("As [`Var::", stringify!($name), "`], or why it cannot be.")]
        #[track_caller]
        pub fn $try_name(self, other: Self, $($arg: $type),*) -> Result<Self, Error> {
            self.tape.try_apply($op, [self, other])
        }
    };
    (@twin [3] $name:ident $try_name:ident ($($arg:ident : $type:ty),*) $op:expr) => {
        #[doc = concat!("As [`Var::", stringify!($name), "`], or why it cannot be.")]
        #[track_caller]
        pub fn $try_name(self, second: Self, third: Self, $($arg: $type),*) -> Result<Self, Error> {
            self.tape.try_apply($op, [self, second, third])
        }
    };
}

macro_rules! methods {
    ($($op_name:ident $n:tt {
        $( $(#[$doc:meta])* $name:ident $args:tt $(/ $try_name:ident)? = $op:expr; )*
    })*) => {
        impl<'t, E: Element> Var<'t, E> {
            $($( method! { $op_name $n $(#[$doc])* $name $(/ $try_name)? $args $op } )*)*
        }
    };
}

with_every_op!(methods);

/// A binary operator between variables, and between a variable and a constant.
macro_rules! operator {
    ($trait:ident, $method:ident, $try_method:ident,
     |$var:ident, $c:ident| $var_first:expr, $constant_first:expr) => {
        impl<'t, E: Element> Var<'t, E> {
            #[doc = concat!("As the operator, or why the shapes do not broadcast. See [`", stringify!($trait), "`].")]
            #[track_caller]
            pub fn $try_method(self, other: Self) -> Result<Self, Error> {
                self.tape.try_apply($trait, [self, other])
            }
        }

        impl<'t, E: Element> std::ops::$trait for Var<'t, E> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                self.tape.apply($trait, [self, other])
            }
        }

        impl<'t, E: Element> std::ops::$trait<f64> for Var<'t, E> {
            type Output = Self;
            #[track_caller]
            fn $method(self, $c: f64) -> Self {
                let $var = self;
                $var_first
            }
        }

        impl<'t, E: Element> std::ops::$trait<Var<'t, E>> for f64 {
            type Output = Var<'t, E>;
            #[track_caller]
            fn $method(self, $var: Var<'t, E>) -> Var<'t, E> {
                let $c = self;
                $constant_first
            }
        }
    };
}

operator!(Add, add, try_add, |x, c| affine(x, 1.0, c), affine(x, 1.0, c));
operator!(Sub, sub, try_sub, |x, c| affine(x, 1.0, -c), affine(x, -1.0, c));
operator!(Mul, mul, try_mul, |x, c| affine(x, c, 0.0), affine(x, c, 0.0));
operator!(Div, div, try_div, |x, c| affine(x, 1.0 / c, 0.0), affine(x.powf(-1.0), c, 0.0));

/// scale · x + shift.
#[track_caller]
fn affine<'t, E: Element>(x: Var<'t, E>, scale: f64, shift: f64) -> Var<'t, E> {
    x.tape.apply(Affine { scale, shift }, [x])
}

impl<'t, E: Element> std::ops::Neg for Var<'t, E> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        self.tape.apply(Neg, [self])
    }
}
