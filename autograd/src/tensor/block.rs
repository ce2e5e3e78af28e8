//! What a tensor's numbers live in: shared, and used again when the last tensor is gone.

use std::sync::Arc;

use crate::blocks::Blocks;
use crate::element::Element;

/// Numbers that tensors share. The last one to go gives them up to be used again.
#[derive(Clone)]
pub(super) struct Block<E: Element>(Option<Arc<Vec<E>>>);

impl<E: Element> Block<E> {
    pub(super) fn new(numbers: Vec<E>) -> Self {
        Self(Some(Arc::new(numbers)))
    }

    /// A block of `length` numbers, which `fill` appends to an empty one with room for them.
    pub(super) fn filled(length: usize, fill: impl FnOnce(&mut Vec<E>)) -> Self {
        let mut block = take(length);
        let numbers = Arc::get_mut(&mut block).expect("a block that was taken is nobody else's");
        numbers.clear();
        fill(numbers);
        debug_assert_eq!(length, numbers.len());
        Self(Some(block))
    }

    pub(super) fn numbers(&self) -> &[E] {
        self.0.as_ref().expect("a block is given up only when it is dropped")
    }

    /// The numbers to write to, if no other tensor shares them.
    pub(super) fn own(&mut self) -> Option<&mut Vec<E>> {
        self.0.as_mut().and_then(Arc::get_mut)
    }
}

impl<E: Element> Drop for Block<E> {
    fn drop(&mut self) {
        if let Some(numbers) = self.0.take() {
            give(numbers);
        }
    }
}

/// A block: one that waited, or a new one.
fn take<E: Element>(length: usize) -> Arc<Vec<E>> {
    let kept = E::blocks().and_then(|blocks| {
        blocks.try_with(|blocks| blocks.borrow_mut().take(length)).ok() // no more while the thread ends
    });
    kept.unwrap_or_else(|| Arc::new(Vec::with_capacity(length)))
}

/// Gives up a block. It is kept if this was its last holder.
fn give<E: Element>(block: Arc<Vec<E>>) {
    if Arc::strong_count(&block) == 1
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
