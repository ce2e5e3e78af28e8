//! The ops: each one item with its formula, its forward computation and its derivative side by side.
//!
//! An op knows tensors and nothing of tapes. Its [`vjp`](Op::vjp) (vector-Jacobian product) gets the
//! gradient dy of the loss in the output and returns, for each input, what this op *contributes* to
//! that input's gradient. Adding contributions up is the tape's business alone.
//!
//! Every op carries its own test specification ([`Describe::sample`]), so an op without one does
//! not compile, and the gradient check runs on built-in and user-written ops alike.

mod list;
mod arithmetic;
mod elementwise;
mod activation;
mod choice;
mod reduce;
mod matmul;
mod layout;
mod rows;
mod softmax;
mod loss;
mod linear_loss;
mod normalise;
mod dropout;
mod axes;
mod gather;
mod conv;
mod pool;

use std::fmt;
use std::sync::Arc;

pub use activation::*;
pub use arithmetic::*;
pub use axes::*;
pub use choice::*;
pub use conv::*;
pub use dropout::*;
pub use elementwise::*;
pub use gather::*;
pub use layout::*;
pub use linear_loss::*;
pub(crate) use list::with_every_op;
pub use loss::*;
pub use matmul::*;
pub use normalise::*;
pub use pool::*;
pub use reduce::*;
pub use rows::*;
pub use softmax::*;

use crate::draw::Draw;
use crate::element::Element;
use crate::error::{self, Error};
use crate::few::Few;
use crate::shape::Shape;
use crate::tensor::{Matrix, Tensor};

/// What an op says of itself whatever the element type: its name and its test specification.
pub trait Describe: Sized + Send + Sync + 'static {
    /// The name in error messages and pictures of the tape.
    const NAME: &'static str;

    /// Whether an entry of the output is computed from the entries at its own place alone, after
    /// broadcasting. The gradient check allows such an op a tenth of the error of the others.
    const ELEMENTWISE: bool = false;

    /// An instance of the op with inputs it accepts, in a region where its derivative is smooth
    /// and of order 1. The gradient check draws from here.
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>);
}

/// An operation on N tensors that gives one.
///
/// ```text
/// forward   y = f(x₁ … x_N)
/// vjp       dx_i = (∂y/∂x_i)ᵀ dy, one contribution for each input
/// ```
pub trait Op<E: Element, const N: usize>: Describe {
    /// y = f(x), or why the inputs do not fit.
    fn forward(&self, inputs: [&Tensor<E>; N]) -> Result<Tensor<E>, Error>;

    /// What this op contributes to the gradient of each input, given the gradient of its output.
    fn vjp(&self, inputs: [&Tensor<E>; N], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; N];
}

/// An operation on any number of tensors that gives any number of them.
pub trait OpMany<E: Element>: Describe {
    /// The outputs, or why the inputs do not fit.
    fn forward(&self, inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error>;

    /// What this op contributes to the gradient of each input, given those of all outputs (zeros
    /// for an output that the loss does not depend on). Where an input does not need one, as `needs` says for each,
    /// it may be [`Nothing`](Contribution::Nothing).
    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        needs: &[bool],
    ) -> Few<Contribution<E>>;
}

/// What to add to the gradient of an input, and where.
///
/// Most ops return a [`Dense`](Self::Dense) tensor (write `.into()`). The others exist so that
/// the gradient of a part never costs as much as the whole.
#[derive(Clone, Debug)]
pub enum Contribution<E: Element> {
    /// Zeros: nothing is added.
    Nothing,
    /// A tensor of the input's shape.
    Dense(Tensor<E>),
    /// The gradient of the op's first output, as it is: dx = dy. Nothing is copied where the input has a gradient
    /// already.
    Whole,
    /// The gradient of the op's first output times these factors, broadcasting, and summed over the axes that the input
    /// was repeated along. It is computed straight into the gradient, and not at all if the input does not need one.
    Times(Tensor<E>),
    /// A tensor for a part of the input: the indices of `axis` from `start` on.
    Part {
        /// The axis.
        axis: usize,
        /// The first index of that axis.
        start: usize,
        /// The gradient of the part.
        values: Tensor<E>,
    },
    /// One entry of the first axis for each id (a row, if there are two axes); the same id may come
    /// several times.
    Rows {
        /// The ids of the entries.
        ids: Arc<[usize]>,
        /// The gradients, [ids.len(), ..].
        values: Tensor<E>,
    },
    /// A matrix product, computed straight into the gradient, and not at all if the input does
    /// not need one. Batch axes that the input lacks are summed over.
    Product {
        /// The left factor.
        a: Tensor<E>,
        /// The right factor.
        b: Tensor<E>,
        /// Which of the two is read transposed.
        transposed: [bool; 2],
    },
    /// A tensor of the input's shape, computed only if the input needs a gradient: see
    /// [`lazy`](Self::lazy).
    Lazy(Lazy<E>),
}

/// How to compute a contribution.
#[derive(Clone)]
pub struct Lazy<E: Element>(Arc<dyn Fn() -> Tensor<E> + Send + Sync>);

impl<E: Element> fmt::Debug for Lazy<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}

/// The factors of a product, as `Tensor::matmul` takes them.
fn factors<'a, E: Element>(
    a: &'a Tensor<E>,
    b: &'a Tensor<E>,
    transposed: [bool; 2],
) -> [Matrix<&'a Tensor<E>>; 2] {
    let [of_a, of_b] = transposed;
    [Matrix { stored: a, transposed: of_a }, Matrix { stored: b, transposed: of_b }]
}

/// dy ⊙ factors, summed to the shape of the input.
fn times<E: Element>(dy: &Tensor<E>, factors: &Tensor<E>, shape: &Shape) -> Tensor<E> {
    dy.zip(factors, E::pull_back).sum_to(*shape)
}

impl<E: Element> Contribution<E> {
    /// A contribution that is costly, and of no use where the input is data and not a variable to
    /// differentiate in.
    pub fn lazy(compute: impl Fn() -> Tensor<E> + Send + Sync + 'static) -> Self {
        Self::Lazy(Lazy(Arc::new(compute)))
    }

    /// This contribution alone, as a tensor of the input's shape. `dy` is the gradient of the op's first output.
    #[inline]
    pub fn into_dense(self, shape: &Shape, dy: &Tensor<E>) -> Tensor<E> {
        match self {
            Self::Dense(values) => values,
            Self::Whole => dy.clone(),
            Self::Times(factors) => times(dy, &factors, shape),
            other => other.computed(shape),
        }
    }

    /// As [`into_dense`](Self::into_dense), where there is something to compute.
    fn computed(self, shape: &Shape) -> Tensor<E> {
        match self {
            Self::Lazy(Lazy(compute)) => {
                let values = compute();
                assert_eq!(values.dims(), shape, "a gradient has its variable's shape");
                values
            }
            Self::Product { a, b, transposed }
                if [shape, a.dims(), b.dims()].iter().all(|s| s.len() == 2) =>
            {
                let [a, b] = factors(&a, &b, transposed);
                let product = error::expect(Tensor::try_matmul(a, b));
                assert_eq!(product.dims(), shape, "a gradient has its variable's shape");
                product
            }
            part => {
                let mut sum = Tensor::zeros(shape);
                part.add_part_to(&mut sum);
                sum
            }
        }
    }

    /// Adds this contribution to a gradient of the input's shape. `dy` is the gradient of the op's first output.
    #[inline]
    pub fn add_to(self, sum: &mut Tensor<E>, dy: &Tensor<E>) {
        let values = match &self {
            Self::Dense(values) => values,
            Self::Whole => dy,
            Self::Times(factors) if factors.dims() == dy.dims() && dy.dims() == sum.dims() => {
                let pairs = dy.data().iter().zip(factors.data());
                let sums = sum.data_mut().iter_mut().zip(pairs);
                return sums.for_each(|(sum, (&dy, &x))| *sum += E::pull_back(dy, x));
            }
            Self::Times(factors) => &times(dy, factors, sum.dims()),
            _ => return self.add_part_to(sum),
        };
        debug_assert_eq!(values.shape(), sum.shape(), "a gradient has its variable's shape");
        sum.data_mut().iter_mut().zip(values.data()).for_each(|(sum, &x)| *sum += x);
    }

    /// As [`add_to`](Self::add_to), where it is no tensor of the input's shape that is at hand.
    fn add_part_to(self, sum: &mut Tensor<E>) {
        match self {
            Self::Dense(_) | Self::Whole | Self::Times(_) => unreachable!("these are at hand"),
            Self::Nothing => {}
            Self::Part { axis, start, values } => sum.add_slice(axis, start, &values),
            Self::Rows { ids, values } => sum.add_rows(&ids, &values),
            Self::Product { a, b, transposed } => {
                let [a, b] = factors(&a, &b, transposed);
                sum.add_matmul(a, b);
            }
            Self::Lazy(_) => {
                let values = self.computed(sum.dims());
                sum.data_mut().iter_mut().zip(values.data()).for_each(|(sum, &x)| *sum += x);
            }
        }
    }
}

impl<E: Element> From<Tensor<E>> for Contribution<E> {
    fn from(gradient: Tensor<E>) -> Self {
        Self::Dense(gradient)
    }
}

/// A shared op is an op: the same one on several tapes.
impl<O: Describe> Describe for Arc<O> {
    const NAME: &'static str = O::NAME;
    const ELEMENTWISE: bool = O::ELEMENTWISE;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (op, inputs) = O::sample(draw);
        (Arc::new(op), inputs)
    }
}

impl<E: Element, O: Op<E, N>, const N: usize> Op<E, N> for Arc<O> {
    fn forward(&self, inputs: [&Tensor<E>; N]) -> Result<Tensor<E>, Error> {
        (**self).forward(inputs)
    }

    fn vjp(&self, inputs: [&Tensor<E>; N], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; N] {
        (**self).vjp(inputs, y, dy)
    }
}

impl<E: Element, O: OpMany<E>> OpMany<E> for Arc<O> {
    fn forward(&self, inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        (**self).forward(inputs)
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        needs: &[bool],
    ) -> Few<Contribution<E>> {
        (**self).vjp(inputs, outputs, d_outputs, needs)
    }
}
