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

mod var;

use std::cell::{Ref, RefCell};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

pub use var::Var;

use crate::element::Element;
use crate::error::{Error, expect};
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
    nodes: RefCell<Vec<Node<E>>>,
    /// Different for every tape and after every reset.
    id: u64,
}

/// One value on a tape and where it came from.
pub(crate) struct Node<E: Element> {
    pub(crate) value: Tensor<E>,
    /// The op whose first output this is; none for leaves, constants and further outputs, and where no
    /// gradient is needed.
    pub(crate) op: Option<Box<dyn Recorded<E>>>,
    pub(crate) inputs: SmallVec<[u32; 4]>,
    /// How many nodes, from this one on, are outputs of the op.
    pub(crate) outputs: u32,
    /// Whether a gradient can reach a leaf through this node.
    pub(crate) needs_grad: bool,
    /// The name of the op that made it, and the line of the user's call.
    pub(crate) name: &'static str,
    pub(crate) caller: &'static Location<'static>,
}

/// Takes what an op hands on: the number of the input, the contribution, and the gradient of the op's first output.
pub(crate) type HandOn<'a, E> = &'a mut dyn FnMut(usize, Contribution<E>, &Tensor<E>);

/// An op on a tape, whatever its number of inputs and outputs.
pub(crate) trait Recorded<E: Element>: Send + Sync {
    /// Hands each contribution to `add`.
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>);
}

/// Where the reverse sweep stands: what an op read and made, and the gradients of what it made.
pub(crate) struct At<'a, E: Element> {
    nodes: &'a [Node<E>],
    node: usize,
    d_outputs: &'a [Option<Tensor<E>>],
}

impl<'a, E: Element> At<'a, E> {
    fn input(&self, k: usize) -> &'a Tensor<E> {
        &self.nodes[self.nodes[self.node].inputs[k] as usize].value
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = &'a Tensor<E>> {
        (0..self.nodes[self.node].inputs.len()).map(|k| self.input(k))
    }

    fn outputs(&self) -> impl Iterator<Item = &'a Tensor<E>> {
        self.nodes[self.node..][..self.d_outputs.len()].iter().map(|node| &node.value)
    }

    /// The gradients of all outputs: zeros for one that the loss does not depend on.
    pub(crate) fn d_outputs(&self) -> impl Iterator<Item = Tensor<E>> {
        let pairs = self.d_outputs.iter().zip(self.outputs());
        pairs.map(|(dy, y)| dy.clone().unwrap_or_else(|| zeros(y)))
    }
}

/// An op with N inputs and one output.
struct Fixed<O, const N: usize>(O);

impl<E: Element, O: Op<E, N>, const N: usize> Recorded<E> for Fixed<O, N> {
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>) {
        let dy = at.d_outputs[0].as_ref().expect("the sweep stops only where there is a gradient");
        let y = &at.nodes[at.node].value;
        let contributions = self.0.vjp(std::array::from_fn(|k| at.input(k)), y, dy);
        contributions.into_iter().enumerate().for_each(|(k, dx)| add(k, dx, dy));
    }
}

/// An op with any number of inputs and outputs.
struct Many<O>(O);

impl<E: Element, O: OpMany<E>> Recorded<E> for Many<O> {
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>) {
        let (inputs, outputs): (Vec<_>, Vec<_>) = (at.inputs().collect(), at.outputs().collect());
        let d_outputs: Vec<_> = at.d_outputs().collect();
        let contributions = self.0.vjp(&inputs, &outputs, &d_outputs);
        assert_eq!(contributions.len(), inputs.len(), "{}: one contribution an input", O::NAME);
        contributions.into_iter().enumerate().for_each(|(k, dx)| add(k, dx, &d_outputs[0]));
    }
}

/// Numbers the tapes and their resets.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<E: Element> Default for Tape<E> {
    fn default() -> Self {
        Self { nodes: RefCell::new(Vec::new()), id: next_id() }
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
        self.nodes.get_mut().clear();
        self.id = next_id();
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// The number of numbers that the nodes hold together.
    pub fn elements(&self) -> usize {
        self.nodes.borrow().iter().map(|node| node.value.elements()).sum()
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
        self.push(value, None, SmallVec::new(), 1, needs_grad, name)
    }

    /// Appends the outputs of an op: the first one carries the op and its inputs, the others only stand
    /// behind it.
    #[track_caller]
    pub(crate) fn record(
        &self,
        name: &'static str,
        values: Vec<Tensor<E>>,
        op: Box<dyn Recorded<E>>,
        inputs: &[Var<'_, E>],
    ) -> Vec<Var<'_, E>> {
        let needs_grad = {
            let nodes = self.nodes.borrow();
            inputs.iter().any(|var| nodes[var.index() as usize].needs_grad)
        };
        let mut indices: SmallVec<_> = inputs.iter().map(Var::index).collect();
        let mut op = needs_grad.then_some(op);
        let mut outputs = values.len() as u32;
        let mut vars = Vec::with_capacity(values.len());
        for value in values {
            let inputs = std::mem::take(&mut indices);
            vars.push(self.push(value, op.take(), inputs, outputs, needs_grad, name));
            outputs = 1;
        }
        vars
    }

    #[track_caller]
    fn push(
        &self,
        value: Tensor<E>,
        op: Option<Box<dyn Recorded<E>>>,
        inputs: SmallVec<[u32; 4]>,
        outputs: u32,
        needs_grad: bool,
        name: &'static str,
    ) -> Var<'_, E> {
        let caller = Location::caller();
        let mut nodes = self.nodes.borrow_mut();
        let index = u32::try_from(nodes.len()).expect("a tape holds at most 2³² nodes");
        nodes.push(Node { value, op, inputs, outputs, needs_grad, name, caller });
        Var::new(self, index)
    }

    pub(crate) fn value(&self, index: u32) -> Ref<'_, Tensor<E>> {
        Ref::map(self.nodes.borrow(), |nodes| &nodes[index as usize].value)
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
    pub fn try_apply<O: Op<E, N>, const N: usize>(
        &self,
        op: O,
        inputs: [Var<'_, E>; N],
    ) -> Result<Var<'_, E>, Error> {
        self.own::<O>(&inputs)?;
        let (value, needs_grad) = {
            let nodes = self.nodes.borrow();
            let node = |i: usize| &nodes[inputs[i].index() as usize];
            let value = op.forward(std::array::from_fn(|i| &node(i).value))?;
            (value, (0..N).any(|i| node(i).needs_grad))
        };
        let indices = SmallVec::from_slice(&inputs.map(|var| var.index()));
        let op = needs_grad.then(|| Box::new(Fixed::<O, N>(op)) as Box<dyn Recorded<E>>);
        Ok(self.push(value, op, indices, 1, needs_grad, O::NAME))
    }

    /// Applies an op with any number of inputs and outputs.
    ///
    /// # Panics
    ///
    /// If the op does not accept the inputs, or they are on another tape.
    #[track_caller]
    pub fn apply_many<O: OpMany<E>>(&self, op: O, inputs: &[Var<'_, E>]) -> Vec<Var<'_, E>> {
        expect(self.try_apply_many(op, inputs))
    }

    /// Applies an op with any number of inputs and outputs, or says why it cannot be.
    #[track_caller]
    pub fn try_apply_many<O: OpMany<E>>(
        &self,
        op: O,
        inputs: &[Var<'_, E>],
    ) -> Result<Vec<Var<'_, E>>, Error> {
        self.own::<O>(inputs)?;
        let values = {
            let nodes = self.nodes.borrow();
            let value = |var: &Var<'_, E>| &nodes[var.index() as usize].value;
            op.forward(&inputs.iter().map(value).collect::<Vec<_>>())?
        };
        Ok(self.record(O::NAME, values, Box::new(Many(op)), inputs))
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
        self.try_backward_from(loss, Tensor::from_parts(shape, vec![E::ONE]))
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
        let shape = nodes[output.index() as usize].value.shape_value();
        if seed.shape_value() != shape {
            let (from, to) = (seed.shape().to_vec(), shape.to_vec());
            return Err(Error::Reshape { op: "backward", from, to });
        }
        Ok(Gradients { grads: backward(&nodes, output.index() as usize, seed, None)?, id: self.id })
    }

    pub(crate) fn nodes(&self) -> Ref<'_, Vec<Node<E>>> {
        self.nodes.borrow()
    }

    /// The name of the op that made a variable, and the line of the call that did.
    pub fn origin(&self, var: Var<'_, E>) -> (&'static str, &'static Location<'static>) {
        let node = &self.nodes.borrow()[var.index() as usize];
        (node.name, node.caller)
    }
}

/// Sees each contribution as it is handed on: the op's node, the number of its input, and the contribution as a tensor.
pub(crate) type Watch<'a, E> = &'a mut dyn FnMut(usize, usize, &Tensor<E>);

/// The reverse sweep: from `last` to the first node, every op hands on what it got.
pub(crate) fn backward<E: Element>(
    nodes: &[Node<E>],
    last: usize,
    seed: Tensor<E>,
    mut watch: Option<Watch<'_, E>>,
) -> Result<Vec<Option<Tensor<E>>>, Error> {
    let mut wrong = None;
    let mut grads: Vec<Option<Tensor<E>>> = vec![None; nodes.len()];
    grads[last] = Some(seed);
    for (i, node) in nodes[..=last].iter().enumerate().rev() {
        // What an op reads was made before it.
        let (before, after) = grads.split_at_mut(i);
        let d_outputs = &after[..node.outputs as usize];
        let (Some(op), true) = (&node.op, d_outputs.iter().any(Option::is_some)) else {
            continue;
        };
        op.pull(At { nodes, node: i, d_outputs }, &mut |k, contribution, dy| {
            let input = node.inputs[k] as usize;
            let Node { value, needs_grad, .. } = &nodes[input];
            let shape = value.dims();
            match &contribution {
                Contribution::Dense(dx) if dx.dims() != shape => {
                    let (expected, found) = (shape.to_vec(), dx.shape().to_vec());
                    wrong = Some(Error::Contribution { op: node.name, input: k, expected, found });
                }
                _ if *needs_grad => {
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
    Ok(grads)
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
#[derive(Clone, Debug)]
pub struct Gradients<E: Element> {
    grads: Vec<Option<Tensor<E>>>,
    id: u64,
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
