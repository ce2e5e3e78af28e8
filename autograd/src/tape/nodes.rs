//! What a tape holds: values in the order in which they were made, and where each came from.

use std::panic::Location;

use super::recorded::{Recorded, Spare};
use crate::element::Element;
use crate::tensor::Tensor;

/// The nodes of a tape, each at the same place of three lists. What all of them read lies in a fourth: so a node needs no
/// memory of its own, and goes from the registers of the processor straight to its place.
pub(crate) struct Nodes<E: Element> {
    values: Vec<Tensor<E>>,
    ops: Vec<Option<Box<dyn Recorded<E>>>>,
    origins: Vec<Origin>,
    inputs: Vec<u32>,
    /// The memory of the ops before the last reset.
    spare: Spare<E>,
}

/// Where a value came from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// The name of the op that made it, and the line of the user's call.
    pub(crate) name: &'static str,
    pub(crate) caller: &'static Location<'static>,
    /// How many nodes, from this one on, are outputs of the op.
    pub(crate) outputs: u32,
    /// Where the list of inputs has those of the op: start and end.
    inputs: [u32; 2],
    /// Whether a gradient can reach a leaf through this node.
    pub(crate) needs_grad: bool,
}

impl<E: Element> Nodes<E> {
    pub(super) const EMPTY: Self = Self {
        values: Vec::new(),
        ops: Vec::new(),
        origins: Vec::new(),
        inputs: Vec::new(),
        spare: Spare::NONE,
    };

    /// Appends the first output of an op that read `inputs`, or what no op made, which reads nothing. The op is none for
    /// leaves, constants and further outputs, and where no gradient is needed.
    pub(super) fn push(
        &mut self,
        value: Tensor<E>,
        op: Option<Box<dyn Recorded<E>>>,
        inputs: &[u32],
        outputs: u32,
        needs_grad: bool,
        (name, caller): (&'static str, &'static Location<'static>),
    ) -> u32 {
        let number = |length| u32::try_from(length).expect("a tape holds at most 2³² nodes");
        let (index, start) = (number(self.values.len()), number(self.inputs.len()));
        self.values.push(value);
        self.ops.push(op);
        inputs.iter().for_each(|&input| self.inputs.push(input));
        let inputs = [start, number(self.inputs.len())];
        self.origins.push(Origin { name, caller, outputs, inputs, needs_grad });
        index
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn values(&self) -> &[Tensor<E>] {
        &self.values
    }

    /// Where node `i` came from.
    #[inline]
    pub(crate) fn origin(&self, i: usize) -> &Origin {
        &self.origins[i]
    }

    /// The op whose first output node `i` is.
    #[inline]
    pub(super) fn op(&self, i: usize) -> Option<&dyn Recorded<E>> {
        self.ops[i].as_deref()
    }

    /// The numbers of the nodes that node `i` read.
    #[inline]
    pub(crate) fn inputs(&self, i: usize) -> &[u32] {
        let [start, end] = self.origins[i].inputs;
        &self.inputs[start as usize..end as usize]
    }

    /// The op in a box for a node.
    pub(super) fn place<R: Recorded<E>>(&mut self, op: R) -> Box<dyn Recorded<E>> {
        self.spare.place(op)
    }

    /// Forgets all nodes but keeps their memory.
    pub(super) fn reset(&mut self) {
        self.values.clear();
        self.origins.clear();
        self.inputs.clear();
        self.spare.replace(self.ops.drain(..).rev());
    }
}
