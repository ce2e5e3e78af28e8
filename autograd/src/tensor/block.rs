//! What a tensor's numbers live in: shared, and used again when the last tensor is gone.

use triomphe::Arc;

use crate::blocks::{Block, Blocks};
use crate::element::Element;
use crate::shape::Shape;

/// A block that tensors share, or none. The last one to go gives it up to be used again.
#[derive(Clone)]
pub(super) struct Shared<E: Element>(Option<Arc<Block<E>>>);

impl<E: Element> Shared<E> {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn new(shape: Shape, numbers: Vec<E>) -> Self {
        Self(Some(Arc::new(Block::of(numbers, shape))))
    }

    /// A block of this shape, whose numbers `fill` appends to an empty one with room for them.
    #[inline]
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

    /// A block of this shape that is a part of another.
    pub(super) fn part(start: usize, shape: Shape) -> Self {
        let mut shared = take(0);
        let block = Arc::get_mut(&mut shared).expect("a block that was taken is nobody else's");
        (block.start, block.shape) = (start, shape);
        Self(Some(shared))
    }

    #[inline]
    pub(super) fn block(&self) -> Option<&Block<E>> {
        self.0.as_deref()
    }

    /// The block to write to, if no other tensor shares it.
    pub(super) fn own(&mut self) -> Option<&mut Block<E>> {
        self.0.as_mut().and_then(Arc::get_mut)
    }
}

impl<E: Element> Drop for Shared<E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(block) = self.0.take() {
            leave(block);
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

/// Gives up a block if nobody else holds it.
#[inline(never)]
fn leave<E: Element>(block: Arc<Block<E>>) {
    if block.is_unique()
        && let Some(blocks) = E::blocks()
    {
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
