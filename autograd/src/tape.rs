//! The tape: what was computed, in order, so that it can be walked backwards.
//!
//! ```text
//! forward    each op appends a node: its value, the op, and which earlier nodes it read
//! backward   from the loss to the first node, each op turns dL/d(output) into its contributions
//!            to dL/d(inputs); a node that is read twice gets the sum
//! ```
//!
//! Nodes stand in the order in which they were made, so every node comes after what it reads and
//! the reverse of that order is a topological order of the graph: one loop, no recursion, in
//! backward and in drop alike. A million steps need no more stack than one.

mod nodes;
mod recorded;
mod var;

use std::cell::{Ref, RefCell};
use std::fmt;
use std::mem::{swap, take};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use nodes::Nodes;
pub(crate) use recorded::{At, HandOn, Recorded};
use recorded::{Fixed, Many};
pub use var::Var;

use crate::element::Element;
use crate::error::{Error, expect};
use crate::few::Few;
use crate::ops::{Contribution, Op, OpMany};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Records computations on [`Var`]s and differentiates them.
///
/// ```
/// use autograd::{Tape, Tensor};
///
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::from([1.0, 2.0, 3.0]));
/// let y = (x * x).sum();
/// let grads = tape.backward(y);
/// assert_eq!(y.value().item(), 14.0);
/// assert_eq!(grads.of(x).data(), [2.0, 4.0, 6.0]);
/// ```
pub struct Tape<E: Element> {
    nodes: RefCell<Nodes<E>>,
    gradients: Waiting<E>,
    /// Different for every tape and after every reset.
    id: u64,
}

/// The gradients of all nodes; none where the loss does not depend on a node.
pub(crate) type Grads<E> = Vec<Option<Tensor<E>>>;

/// The memory of a list of gradients that is gone, for the next one.
type Waiting<E> = Arc<Mutex<Grads<E>>>;

/// Numbers the tapes and their resets.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<E: Element> Default for Tape<E> {
    fn default() -> Self {
        Self { nodes: RefCell::new(Nodes::EMPTY), gradients: Waiting::default(), id: next_id() }
    }
}

impl<E: Element> Tape<E> {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all nodes but keeps their memory. No variable survives: the borrow checker sees to it.
    ///
    /// ```compile_fail
    /// # use autograd::{Tape, Tensor};
    /// let mut tape = Tape::new();
    /// let x = tape.leaf(Tensor::scalar(1.0));
    /// tape.reset();
    /// x.value(); // error: `tape` was borrowed mutably while `x` still borrows it
    /// ```
    pub fn reset(&mut self) {
        self.nodes.get_mut().reset();
        self.id = next_id();
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// The number of numbers that the nodes hold together.
    pub fn elements(&self) -> usize {
        self.nodes.borrow().values().iter().map(Tensor::elements).sum()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A variable to differentiate with respect to.
    #[track_caller]
    pub fn leaf(&self, value: Tensor<E>) -> Var<'_, E> {
        self.source(value, "leaf", true)
    }

    /// A value that needs no gradient: data, a mask, a state carried over. No op computes one for it.
    #[track_caller]
    pub fn constant(&self, value: Tensor<E>) -> Var<'_, E> {
        self.source(value, "constant", false)
    }

    #[track_caller]
    fn source(&self, value: Tensor<E>, name: &'static str, needs_grad: bool) -> Var<'_, E> {
        let from = (name, Location::caller());
        Var::new(self, self.nodes.borrow_mut().push(value, None, &[], 1, needs_grad, from))
    }

    /// Appends the outputs of an op: the first one carries the op and its inputs, the others only stand
    /// behind it.
    #[track_caller]
    pub(crate) fn record(
        &self,
        name: &'static str,
        values: Few<Tensor<E>>,
        op: impl Recorded<E>,
        inputs: &[Var<'_, E>],
    ) -> Few<Var<'_, E>> {
        let from = (name, Location::caller());
        let indices: Few<_> = inputs.iter().map(Var::index).collect();
        let mut nodes = self.nodes.borrow_mut();
        let needs_grad = indices.iter().any(|&input| nodes.origin(input as usize).needs_grad);
        let mut op = needs_grad.then(|| nodes.place(op));
        let (mut inputs, mut outputs) = (&indices[..], values.len() as u32);
        let mut append = |value| {
            let index = nodes.push(value, op.take(), inputs, outputs, needs_grad, from);
            (inputs, outputs) = (&[], 1);
            Var::new(self, index)
        };
        values.into_iter().map(&mut append).collect()
    }

    pub(crate) fn value(&self, index: u32) -> Ref<'_, Tensor<E>> {
        Ref::map(self.nodes.borrow(), |nodes| &nodes.values()[index as usize])
    }

    /// Applies an op to variables: the way to use an op of your own.
    ///
    /// # Panics
    ///
    /// If the op does not accept the inputs, or they are on another tape.
    #[track_caller]
    pub fn apply<O: Op<E, N>, const N: usize>(&self, op: O, inputs: [Var<'_, E>; N]) -> Var<'_, E> {
        expect(self.try_apply(op, inputs))
    }

    /// Applies an op to variables, or says why it cannot be.
    #[track_caller]
    #[inline]
    pub fn try_apply<O: Op<E, N>, const N: usize>(
        &self,
        op: O,
        inputs: [Var<'_, E>; N],
    ) -> Result<Var<'_, E>, Error> {
        self.own::<O>(&inputs)?;
        let from = (O::NAME, Location::caller());
        let inputs = inputs.map(|var| var.index());
        let (value, needs_grad) = {
            let nodes = self.nodes.borrow();
            let value = op.forward(inputs.map(|input| &nodes.values()[input as usize]))?;
            (value, inputs.iter().any(|&input| nodes.origin(input as usize).needs_grad))
        };
        let mut nodes = self.nodes.borrow_mut();
        let op = needs_grad.then(|| nodes.place(Fixed::<O, N>(op)));
        Ok(Var::new(self, nodes.push(value, op, &inputs, 1, needs_grad, from)))
    }

    /// Applies an op with any number of inputs and outputs.
    ///
    /// # Panics
    ///
    /// If the op does not accept the inputs, or they are on another tape.
    #[track_caller]
    pub fn apply_many<O: OpMany<E>>(&self, op: O, inputs: &[Var<'_, E>]) -> Few<Var<'_, E>> {
        expect(self.try_apply_many(op, inputs))
    }

    /// Applies an op with any number of inputs and outputs, or says why it cannot be.
    #[track_caller]
    pub fn try_apply_many<O: OpMany<E>>(
        &self,
        op: O,
        inputs: &[Var<'_, E>],
    ) -> Result<Few<Var<'_, E>>, Error> {
        self.own::<O>(inputs)?;
        let values = {
            let nodes = self.nodes.borrow();
            let value = |var: &Var<'_, E>| &nodes.values()[var.index() as usize];
            op.forward(&inputs.iter().map(value).collect::<Few<_>>())?
        };
        Ok(self.record(O::NAME, values, Many(op), inputs))
    }

    /// Whether all of these variables live here.
    fn own<O: crate::ops::Describe>(&self, vars: &[Var<'_, E>]) -> Result<(), Error> {
        match vars.iter().all(|var| std::ptr::eq(var.tape(), self)) {
            true => Ok(()),
            false => Err(Error::TwoTapes { op: O::NAME }),
        }
    }

    /// The gradient of `loss`, a single number, in every variable it depends on.
    ///
    /// The tape stays as it is: it can be walked again, from here or from another loss.
    ///
    /// # Panics
    ///
    /// If `loss` is not a single number, or is on another tape.
    #[track_caller]
    pub fn backward(&self, loss: Var<'_, E>) -> Gradients<E> {
        expect(self.try_backward(loss))
    }

    /// The gradient of `loss` in every variable it depends on, or why there is none.
    pub fn try_backward(&self, loss: Var<'_, E>) -> Result<Gradients<E>, Error> {
        let shape = loss.value().shape_value();
        if shape.elements() != 1 {
            return Err(Error::NotScalar { shape: shape.to_vec() });
        }
        self.try_backward_from(loss, Tensor::filled(shape, E::ONE))
    }

    /// The gradient of ⟨`seed`, `output`⟩ in every variable: a vector-Jacobian product.
    pub fn try_backward_from(
        &self,
        output: Var<'_, E>,
        seed: Tensor<E>,
    ) -> Result<Gradients<E>, Error> {
        if !std::ptr::eq(output.tape(), self) {
            return Err(Error::TwoTapes { op: "backward" });
        }
        let nodes = self.nodes.borrow();
        let shape = nodes.values()[output.index() as usize].shape_value();
        if seed.shape_value() != shape {
            let (from, to) = (seed.shape().to_vec(), shape.to_vec());
            return Err(Error::Reshape { op: "backward", from, to });
        }
        let memory = self.gradients.try_lock().map(|mut list| take(&mut *list)).unwrap_or_default();
        let mut found = Gradients { grads: memory, id: self.id, waiting: self.gradients.clone() };
        backward(&nodes, output.index() as usize, seed, &mut found.grads, None)?;
        Ok(found)
    }

    pub(crate) fn nodes(&self) -> Ref<'_, Nodes<E>> {
        self.nodes.borrow()
    }

    /// The name of the op that made a variable, and the line of the call that did.
    pub fn origin(&self, var: Var<'_, E>) -> (&'static str, &'static Location<'static>) {
        let origin = *self.nodes.borrow().origin(var.index() as usize);
        (origin.name, origin.caller)
    }
}

/// Sees each contribution as it is handed on: the op's node, the number of its input, and the contribution as a tensor.
pub(crate) type Watch<'a, E> = &'a mut dyn FnMut(usize, usize, &Tensor<E>);

/// The reverse sweep: from `last` to the first node, every op hands on what it got. `grads` are none at first.
pub(crate) fn backward<E: Element>(
    nodes: &Nodes<E>,
    last: usize,
    seed: Tensor<E>,
    grads: &mut Grads<E>,
    mut watch: Option<Watch<'_, E>>,
) -> Result<(), Error> {
    let mut wrong = None;
    grads.resize_with(nodes.len(), || None);
    grads[last] = Some(seed);
    for i in (0..=last).rev() {
        // What an op reads was made before it.
        let (before, after) = grads.split_at_mut(i);
        let origin = nodes.origin(i);
        let d_outputs = &after[..origin.outputs as usize];
        let (Some(op), true) = (nodes.op(i), d_outputs.iter().any(Option::is_some)) else {
            continue;
        };
        op.pull(At { nodes, node: i, d_outputs }, &mut |k, contribution, dy| {
            let input = nodes.inputs(i)[k] as usize;
            let shape = nodes.values()[input].dims();
            match &contribution {
                Contribution::Dense(dx) if dx.dims() != shape => {
                    let (expected, found) = (shape.to_vec(), dx.shape().to_vec());
                    let op = origin.name;
                    wrong = Some(Error::Contribution { op, input: k, expected, found });
                }
                _ if nodes.origin(input).needs_grad => {
                    if let Some(watch) = &mut watch {
                        watch(i, k, &contribution.clone().into_dense(shape, dy));
                    }
                    add(&mut before[input], shape, contribution, dy);
                }
                _ => {}
            }
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
    }
    Ok(())
}

/// Adds a contribution to a gradient: the only place where gradients are added. A first dense one is
/// taken as it is.
#[inline]
fn add<E: Element>(
    gradient: &mut Option<Tensor<E>>,
    shape: &Shape,
    contribution: Contribution<E>,
    dy: &Tensor<E>,
) {
    match gradient {
        Some(sum) => contribution.add_to(sum, dy),
        empty => *empty = Some(contribution.into_dense(shape, dy)),
    }
}

fn zeros<E: Element>(like: &Tensor<E>) -> Tensor<E> {
    Tensor::zeros(like.shape())
}

/// What [`Tape::backward`] found: the gradient of one loss in every variable.
///
/// It borrows nothing, and can be sent to another thread.
#[derive(Clone)]
pub struct Gradients<E: Element> {
    grads: Grads<E>,
    id: u64,
    waiting: Waiting<E>,
}

/// The longest list that has gone waits for the next gradients.
impl<E: Element> Drop for Gradients<E> {
    fn drop(&mut self) {
        self.grads.clear();
        if let Ok(mut waiting) = self.waiting.try_lock()
            && waiting.capacity() < self.grads.capacity()
        {
            swap(&mut *waiting, &mut self.grads);
        }
    }
}

impl<E: Element> fmt::Debug for Gradients<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.grads).finish()
    }
}

impl<E: Element> Gradients<E> {
    /// The gradient in the variable with this number, if the loss depends on it.
    pub(crate) fn at(&self, index: usize) -> Option<&Tensor<E>> {
        self.grads.get(index)?.as_ref()
    }

    /// The gradient in `var`, of the shape of `var`; zeros if the loss does not depend on it.
    ///
    /// # Panics
    ///
    /// If `var` belongs to another tape, or to this one before a reset.
    #[track_caller]
    pub fn of(&self, var: Var<'_, E>) -> Tensor<E> {
        assert!(
            var.tape().id == self.id,
            "gradients: the variable is not on the tape that these gradients come from"
        );
        let gradient = self.grads.get(var.index() as usize).cloned().flatten();
        gradient.unwrap_or_else(|| zeros(&var.value()))
    }
}
