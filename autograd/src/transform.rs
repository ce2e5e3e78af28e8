//! Functions that take a function and give its derivative.
//!
//! Each runs the function at one element type, so a closure will do; the same function, written
//! once for any element, can be passed to all of them.

use crate::dual::Dual;
use crate::element::Element;
use crate::params::{Family, Params};
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// The struct P with another leaf.
type Of<P, L> = <<P as Params>::Family as Family>::Of<L>;

/// The value of a loss and its gradient in every parameter.
///
/// ```
/// use autograd::{Tensor, transform::value_and_grad};
///
/// let [x, w] = [Tensor::from([1.0, 2.0]), Tensor::from([3.0, -1.0])];
/// let (loss, [dx, dw]) = value_and_grad(|_, [x, w]| (x * w).tanh().sum(), &[x, w]);
/// assert_eq!(loss.item(), f64::tanh(3.0) + f64::tanh(-2.0));
/// assert_eq!(dx.at(&[0]), 3.0 * (1.0 - f64::tanh(3.0).powi(2)));
/// assert_eq!(dw.shape(), [2]);
/// ```
///
/// # Panics
///
/// If the function does not return a single number.
#[track_caller]
pub fn value_and_grad<P, E>(
    f: impl for<'t> FnOnce(&'t Tape<E>, Of<P, Var<'t, E>>) -> Var<'t, E>,
    at: &P,
) -> (Tensor<E>, Of<P, Tensor<E>>)
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let tape = Tape::new();
    let (vars, leaves) = place(&tape, at, at.leaves());
    let loss = f(&tape, vars);
    let grads = tape.backward(loss);
    (loss.value().clone(), collect(at, leaves.iter().map(|&var| grads.of(var))))
}

/// The value of a function and its derivative along one direction (forward mode), at no more than
/// a small multiple of the cost of the function itself.
///
/// ```text
/// jvp(f, x, v) = (f(x), J(x) v)
/// ```
///
/// ```
/// use autograd::{Tensor, transform::jvp};
///
/// let (y, dy) = jvp(|_, [x]| x * x, &[Tensor::from([3.0])], &[Tensor::from([1.0])]);
/// assert_eq!((y.item(), dy.item()), (9.0, 6.0));
/// ```
///
/// # Panics
///
/// If a direction has another shape than its parameter.
#[track_caller]
pub fn jvp<P, E>(
    f: impl for<'t> FnOnce(&'t Tape<Dual<E>>, Of<P, Var<'t, Dual<E>>>) -> Var<'t, Dual<E>>,
    at: &P,
    direction: &P,
) -> (Tensor<E>, Tensor<E>)
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let tape = Tape::new();
    let (vars, _) = place(&tape, at, along(at, direction));
    let y = f(&tape, vars);
    let y = y.value();
    (y.map(|y| y.value), y.map(|y| y.derivative))
}

/// The gradient of a loss and its derivative along one direction: reverse mode over dual numbers.
///
/// ```text
/// hvp(f, x, v) = (∇f(x), H(x) v)
/// ```
///
/// ```
/// use autograd::{Tensor, transform::hvp};
///
/// // f = x³: f′ = 3x², f″ = 6x.
/// let (grad, curve) = hvp(|_, [x]| (x * x * x).sum(), &[Tensor::from([2.0])], &[Tensor::from([1.0])]);
/// assert_eq!((grad[0].item(), curve[0].item()), (12.0, 12.0));
/// ```
///
/// # Panics
///
/// If a direction has another shape than its parameter, or the function does not return a single number.
#[track_caller]
pub fn hvp<P, E>(
    f: impl for<'t> FnOnce(&'t Tape<Dual<E>>, Of<P, Var<'t, Dual<E>>>) -> Var<'t, Dual<E>>,
    at: &P,
    direction: &P,
) -> (Of<P, Tensor<E>>, Of<P, Tensor<E>>)
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let tape = Tape::new();
    let (vars, leaves) = place(&tape, at, along(at, direction));
    let grads = tape.backward(f(&tape, vars));
    let grads: Vec<_> = leaves.iter().map(|&var| grads.of(var)).collect();
    (
        collect(at, grads.iter().map(|grad| grad.map(|g| g.value))),
        collect(at, grads.iter().map(|grad| grad.map(|g| g.derivative))),
    )
}

/// The dual points x + v ε, one a parameter.
#[track_caller]
fn along<P, E>(at: &P, direction: &P) -> Vec<Tensor<Dual<E>>>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let (at, direction) = (at.leaves(), direction.leaves());
    assert_eq!(at.len(), direction.len(), "a direction has as many parts as there are parameters");
    for (x, v) in at.iter().zip(&direction) {
        assert_eq!(x.shape(), v.shape(), "a direction has the shape of its parameter");
    }
    at.iter().zip(&direction).map(|(x, v)| x.zip(v, Dual::new)).collect()
}

/// Leaves on a tape with these values, as the struct of `like` and as a list.
fn place<'t, P, E, F>(
    tape: &'t Tape<F>,
    like: &P,
    values: Vec<Tensor<F>>,
) -> (Of<P, Var<'t, F>>, Vec<Var<'t, F>>)
where
    P: Params<Leaf = Tensor<E>>,
    F: Element,
{
    let vars: Vec<_> = values.into_iter().map(|value| tape.leaf(value)).collect();
    (collect(like, vars.iter().copied()), vars)
}

/// The struct of `like` with these leaves.
fn collect<P: Params, L>(like: &P, leaves: impl IntoIterator<Item = L>) -> Of<P, L> {
    let mut leaves = leaves.into_iter();
    like.map(|_| leaves.next().expect("as many leaves as there are parameters"))
}
