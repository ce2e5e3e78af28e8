//! Ops on a tape: what the reverse sweep asks them, and where they live.

use std::any::Any;

use super::nodes::Nodes;
use super::zeros;
use crate::element::Element;
use crate::few::Few;
use crate::ops::{Contribution, Op, OpMany};
use crate::tensor::Tensor;

/// Takes what an op hands on: the number of the input, the contribution, and the gradient of the op's first output.
pub(crate) type HandOn<'a, E> = &'a mut dyn FnMut(usize, Contribution<E>, &Tensor<E>);

/// An op on a tape, whatever its number of inputs and outputs.
pub(crate) trait Recorded<E: Element>: Any + Send + Sync {
    /// Hands each contribution to `add`.
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>);

    /// Lets go of what the op holds, where it is in a [`Slot`].
    fn empty(&mut self) {}
}

/// Where the reverse sweep stands: what an op read and made, and the gradients of what it made.
pub(crate) struct At<'a, E: Element> {
    pub(super) nodes: &'a Nodes<E>,
    pub(super) node: usize,
    pub(super) d_outputs: &'a [Option<Tensor<E>>],
}

impl<'a, E: Element> At<'a, E> {
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &'a Tensor<E>> {
        self.nodes.inputs(self.node).iter().map(|&input| &self.nodes.values()[input as usize])
    }

    fn outputs(&self) -> impl Iterator<Item = &'a Tensor<E>> {
        self.nodes.values()[self.node..][..self.d_outputs.len()].iter()
    }

    /// The gradients of all outputs: zeros for one that the loss does not depend on.
    pub(crate) fn d_outputs(&self) -> impl Iterator<Item = Tensor<E>> {
        let pairs = self.d_outputs.iter().zip(self.outputs());
        pairs.map(|(dy, y)| dy.clone().unwrap_or_else(|| zeros(y)))
    }
}

/// An op with N inputs and one output.
pub(super) struct Fixed<O, const N: usize>(pub(super) O);

impl<E: Element, O: Op<E, N>, const N: usize> Recorded<E> for Fixed<O, N> {
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>) {
        let dy = at.d_outputs[0].as_ref().expect("the sweep stops only where there is a gradient");
        let (values, inputs) = (at.nodes.values(), at.nodes.inputs(at.node));
        let inputs = std::array::from_fn(|k| &values[inputs[k] as usize]);
        let contributions = self.0.vjp(inputs, &values[at.node], dy);
        contributions.into_iter().enumerate().for_each(|(k, dx)| add(k, dx, dy));
    }
}

/// An op with any number of inputs and outputs.
pub(super) struct Many<O>(pub(super) O);

impl<E: Element, O: OpMany<E>> Recorded<E> for Many<O> {
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>) {
        let (inputs, outputs): (Few<_>, Few<_>) = (at.inputs().collect(), at.outputs().collect());
        let d_outputs: Few<_> = at.d_outputs().collect();
        let needs_grad = |&input: &u32| at.nodes.origin(input as usize).needs_grad;
        let needs: Few<_> = at.nodes.inputs(at.node).iter().map(needs_grad).collect();
        let contributions = self.0.vjp(&inputs, &outputs, &d_outputs, &needs);
        assert_eq!(contributions.len(), inputs.len(), "{}: one contribution an input", O::NAME);
        contributions.into_iter().enumerate().for_each(|(k, dx)| add(k, dx, &d_outputs[0]));
    }
}

/// An op that holds something, in memory that another op of its type can have after it.
struct Slot<R>(Option<R>);

impl<E: Element, R: Recorded<E>> Recorded<E> for Slot<R> {
    fn pull(&self, at: At<'_, E>, add: HandOn<'_, E>) {
        self.0.as_ref().expect("a slot on a tape has its op").pull(at, add);
    }

    fn empty(&mut self) {
        self.0 = None;
    }
}

/// The memory of the ops that were on a tape before its last reset, the first op's at the end: computations that are
/// the same again find theirs in the order in which they need it.
pub(super) struct Spare<E: Element>(Vec<Box<dyn Recorded<E>>>);

impl<E: Element> Spare<E> {
    pub(super) const NONE: Self = Self(Vec::new());

    /// The op in a box: in the next spare one, if that was of the same type.
    pub(super) fn place<R: Recorded<E>>(&mut self, op: R) -> Box<dyn Recorded<E>> {
        if size_of::<R>() == 0 {
            return Box::new(op); // takes no memory
        }
        let spare = self.0.pop().map(|slot| slot as Box<dyn Any>);
        match spare.and_then(|slot| slot.downcast::<Slot<R>>().ok()) {
            Some(mut slot) => {
                slot.0 = Some(op);
                slot
            }
            None => Box::new(Slot(Some(op))),
        }
    }

    /// Keeps the memory of these ops, the last one of the tape first, in the place of what was kept before.
    #[inline]
    pub(super) fn replace(&mut self, ops: impl Iterator<Item = Option<Box<dyn Recorded<E>>>>) {
        self.0.clear();
        for op in ops {
            if let Some(mut op) = op
                && size_of_val(&*op) > 0
            {
                op.empty();
                self.0.push(op);
            }
        }
    }
}
