//! What a tensor's numbers live in: shared, and used again when the last tensor is gone.

use triomphe::Arc;

use crate::blocks::{Block, Blocks};
use crate::element::Element;
use crate::shape::Shape;

/// A block that tensors share. The last one to go gives it up to be used again.
#[derive(Clone)]
pub(super) struct Shared<E: Element>(Option<Arc<Block<E>>>);

impl<E: Element> Shared<E> {
    pub(super) fn new(shape: Shape, numbers: Vec<E>) -> Self {
        Self(Some(Arc::new(Block::of(numbers, shape))))
    }

    /// A block of this shape, whose numbers `fill` appends to an empty one with room for them.
    pub(super) fn build(shape: Shape, fill: impl FnOnce(&mut Vec<E>)) -> Self {
        let mut shared = take(shape.elements());
        let block = Arc::get_mut(&mut shared).expect("a block that was taken is nobody else's");
        block.shape = shape;
        block.numbers.clear();
        fill(&mut block.numbers);
        debug_assert_eq!(shape.elements(), block.numbers.len());
        Self(Some(shared))
    }

    /// A block of this shape with any numbers: those of its last use, where there are any.
    pub(super) fn unset(shape: Shape) -> Self {
        let mut shared = take(shape.elements());
        let block = Arc::get_mut(&mut shared).expect("a block that was taken is nobody else's");
        block.shape = shape;
        block.numbers.resize(shape.elements(), E::ZERO);
        Self(Some(shared))
    }

    pub(super) fn block(&self) -> &Block<E> {
        self.0.as_ref().expect("a block is given up only when it is dropped")
    }

    /// The block to write to, if no other tensor shares it.
    pub(super) fn own(&mut self) -> Option<&mut Block<E>> {
        self.0.as_mut().and_then(Arc::get_mut)
    }
}

impl<E: Element> Drop for Shared<E> {
    fn drop(&mut self) {
        if let Some(block) = self.0.take()
            && block.is_unique()
        {
            give(block);
        }
    }
}

/// A block: one that waited, or a new one.
fn take<E: Element>(length: usize) -> Arc<Block<E>> {
    let kept = E::blocks().and_then(|blocks| {
        blocks.try_with(|blocks| blocks.borrow_mut().take(length)).ok() // no more while the thread ends
    });
    kept.unwrap_or_else(|| Arc::new(Block::of(Vec::with_capacity(length), Shape::SCALAR)))
}

/// Gives up a block that nobody else holds.
fn give<E: Element>(block: Arc<Block<E>>) {
    if let Some(blocks) = E::blocks() {
        let _ = blocks.try_with(|blocks| blocks.borrow_mut().give(block));
    }
}

/// Frees the blocks that wait on this thread.
pub fn release() {
    fn free<E: Element>() {
        if let Some(blocks) = E::blocks() {
            blocks.with(|blocks| *blocks.borrow_mut() = Blocks::new());
        }
    }
    free::<f32>();
    free::<f64>();
}
