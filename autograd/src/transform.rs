//! Functions that take a function and give its derivative.
//!
//! Each runs the function at one element type, so a closure will do; the same function, written
//! once for any element, can be passed to all of them.

use crate::dual::Dual;
use crate::element::Element;
use crate::error::expect;
use crate::params::{Family, Params};
use crate::tape::{At, HandOn, Recorded, Tape, Var};
use crate::tensor::Tensor;

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
    (loss.value(), collect(at, leaves.iter().map(|&var| grads.of(var))))
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

/// The value of a function and, for a given gradient dL/dy in that value, the gradient in every
/// parameter (a vector-Jacobian product, reverse mode).
///
/// ```text
/// vjp(f, x, dy) = (f(x), J(x)ᵀ dy)
/// ```
///
/// ```
/// use autograd::{Tensor, transform::vjp};
///
/// let x = Tensor::from([1.0, 2.0]);
/// let (y, [dx]) = vjp(|_, [x]| x * x, &[x], &Tensor::from([1.0, 10.0]));
/// assert_eq!((y.data(), dx.data()), (&[1.0, 4.0][..], &[2.0, 40.0][..]));
/// ```
///
/// # Panics
///
/// If `dy` has another shape than the value.
#[track_caller]
pub fn vjp<P, E>(
    f: impl for<'t> FnOnce(&'t Tape<E>, Of<P, Var<'t, E>>) -> Var<'t, E>,
    at: &P,
    dy: &Tensor<E>,
) -> (Tensor<E>, Of<P, Tensor<E>>)
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let tape = Tape::new();
    let (vars, leaves) = place(&tape, at, at.leaves());
    let y = f(&tape, vars);
    let grads = expect(tape.try_backward_from(y, dy.clone()));
    (y.value(), collect(at, leaves.iter().map(|&var| grads.of(var))))
}

/// The derivative of every entry of a function's value in every entry of every parameter.
///
/// For a value of shape Y and a parameter of shape X, the parameter's Jacobian has the shape Y followed
/// by X. One walk back over the same tape for each entry of the value.
///
/// ```
/// use autograd::{Tensor, transform::jacobian};
///
/// let [dx, dw] = jacobian(|_, [x, w]| x * w, &[Tensor::from([1.0, 2.0]), Tensor::from([3.0])]);
/// assert_eq!(dx, Tensor::from([[3.0, 0.0], [0.0, 3.0]]));
/// assert_eq!(dw, Tensor::from([[1.0], [2.0]]));
/// ```
///
/// # Panics
///
/// If Y and X have more than six axes together.
#[track_caller]
pub fn jacobian<P, E>(
    f: impl for<'t> FnOnce(&'t Tape<E>, Of<P, Var<'t, E>>) -> Var<'t, E>,
    at: &P,
) -> Of<P, Tensor<E>>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let tape = Tape::new();
    let (vars, leaves) = place(&tape, at, at.leaves());
    let y = f(&tape, vars);
    let shape = y.shape();
    let mut rows: Vec<Vec<E>> = leaves.iter().map(|_| Vec::new()).collect();
    for i in 0..y.value().elements() {
        let seed = Tensor::from_fn(&shape, |j| if i == j { E::ONE } else { E::ZERO });
        let grads = expect(tape.try_backward_from(y, seed));
        for (rows, &leaf) in rows.iter_mut().zip(&leaves) {
            rows.extend_from_slice(grads.of(leaf).data());
        }
    }
    let jacobians = leaves
        .iter()
        .zip(rows)
        .map(|(leaf, rows)| expect(Tensor::try_new(&[&shape[..], &leaf.shape()].concat(), rows)));
    collect(at, jacobians.collect::<Vec<_>>())
}

/// All second derivatives of a loss: [N, N] for parameters of N numbers in all, in the order in which
/// [`Params`] walks them. One Hessian-vector product for each of the N.
///
/// ```
/// use autograd::{Tensor, transform::hessian};
///
/// // f = x² y: ∂²f/∂x² = 2y, ∂²f/∂x∂y = 2x, ∂²f/∂y² = 0.
/// let at = [Tensor::scalar(3.0), Tensor::scalar(5.0)];
/// let h = hessian(|_, [x, y]| x * x * y, &at);
/// assert_eq!(h, Tensor::from([[10.0, 6.0], [6.0, 0.0]]));
/// ```
///
/// # Panics
///
/// If the function does not return a single number.
#[track_caller]
pub fn hessian<P, E>(
    f: impl for<'t> Fn(&'t Tape<Dual<E>>, Of<P, Var<'t, Dual<E>>>) -> Var<'t, Dual<E>>,
    at: &P,
) -> Tensor<E>
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
{
    let leaves = at.leaves();
    let n = leaves.iter().map(Tensor::elements).sum();
    let mut rows = Vec::with_capacity(n * n);
    for (moved, leaf) in leaves.iter().enumerate() {
        for entry in 0..leaf.elements() {
            let points = leaves.iter().enumerate().map(|(i, x)| {
                let mut x = x.map(|x| Dual::new(x, E::ZERO));
                if i == moved {
                    x.data_mut()[entry].derivative = E::ONE;
                }
                x
            });
            let tape = Tape::new();
            let (vars, leaves) = place(&tape, at, points);
            let grads = tape.backward(f(&tape, vars));
            for leaf in leaves {
                rows.extend(grads.of(leaf).data().iter().map(|g| g.derivative));
            }
        }
    }
    Tensor::new(&[n, n], rows)
}

/// Computes `f` of some variables without keeping what it computes on the way: the backward pass
/// computes it once more. For a long sequence cut into segments this trades a second forward pass for most of
/// the memory.
///
/// `f` sees the variables on a tape of their own, and may use no others: everything that needs a gradient
/// goes through `inputs`.
///
/// ```
/// use autograd::{Tape, Tensor, transform::checkpoint};
///
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::from([0.5]));
/// let [y] = checkpoint(&tape, [x], |_, [x]| [x.tanh().exp().sigmoid()]);
/// assert_eq!(tape.len(), 2); // x and y; tanh and exp left no trace
/// let slope = tape.backward(y.sum()).of(x);
/// # let z = x.tanh().exp().sigmoid();
/// # assert_eq!(slope, tape.backward(z.sum()).of(x));
/// ```
///
/// Source: Chen et al. 2016, arXiv 1604.06174; Griewank and Walther 2000.
#[track_caller]
pub fn checkpoint<'t, P, E, const N: usize>(
    tape: &'t Tape<E>,
    inputs: P,
    f: impl for<'a> Fn(&'a Tape<E>, Of<P, Var<'a, E>>) -> [Var<'a, E>; N] + Send + Sync + 'static,
) -> [Var<'t, E>; N]
where
    P: Params<Leaf = Var<'t, E>>,
    Of<P, ()>: Send + Sync + 'static,
    E: Element,
{
    // The struct without its leaves is what the op remembers of `inputs`.
    let segment = Segment::<P::Family, _, N> { like: inputs.map(|_| ()), f };
    let inputs = inputs.leaves();
    let values: Vec<_> = inputs.iter().map(|var| var.value()).collect();
    let inner = Tape::new();
    let constants = values.into_iter().map(|value| inner.constant(value));
    let outputs = (segment.f)(&inner, collect(&segment.like, constants));
    let outputs = outputs.iter().map(|y| y.value()).collect();
    let outputs = tape.record("checkpoint", outputs, segment, &inputs);
    std::array::from_fn(|i| outputs[i])
}

/// A piece of computation that is done again on the way back.
struct Segment<P: Family, F, const N: usize> {
    like: P::Of<()>,
    f: F,
}

impl<P, F, E, const N: usize> Recorded<E> for Segment<P, F, N>
where
    P: Family,
    P::Of<()>: Send + Sync + 'static,
    F: for<'a> Fn(&'a Tape<E>, P::Of<Var<'a, E>>) -> [Var<'a, E>; N] + Send + Sync + 'static,
    E: Element,
{
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>) {
        let d_outputs: Vec<_> = at.d_outputs().collect();
        let tape = Tape::new();
        let leaves: Vec<_> = at.inputs().map(|value| tape.leaf(value.clone())).collect();
        let outputs = (self.f)(&tape, collect(&self.like, leaves.iter().copied()));
        // ⟨dy, y⟩ has the gradient dy in y.
        let mut total = tape.constant(Tensor::scalar(E::ZERO));
        for (y, dy) in outputs.into_iter().zip(&d_outputs) {
            total = total + (y * tape.constant(dy.clone())).sum();
        }
        let grads = tape.backward(total);
        for (i, &leaf) in leaves.iter().enumerate() {
            add(i, grads.of(leaf).into(), &d_outputs[0]);
        }
    }
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
    values: impl IntoIterator<Item = Tensor<F>>,
) -> (Of<P, Var<'t, F>>, Vec<Var<'t, F>>)
where
    P: Params<Leaf = Tensor<E>>,
    E: Element,
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
