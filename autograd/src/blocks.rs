//! Blocks of numbers, used again: where the numbers of tensors live.
//!
//! A training step makes the same tensors as the one before it. When the last tensor that uses a block is gone, the
//! block waits on that thread for the next tensor of about its size, instead of going back to the system:
//! a warm step allocates no numbers, and touches no page for the first time.
//!
//! ```text
//! sizes     1 2 3 4 5 6 7 8 | 10 12 14 16 | 20 24 28 32 | 40 …      four to each doubling
//! waiting   at most as many of a size as this thread ever had in use at once
//! ```
//!
//! So the memory that waits is bounded by the peak of what was in use; [`release`](crate::tensor::release) gives it
//! back. `f32` and `f64` are kept, other elements are not. The reference count is that of the `triomphe` crate: without
//! weak references, to ask whether a block is shared is one load.

use std::cell::RefCell;
use std::thread::LocalKey;

use triomphe::Arc;

use crate::shape::Shape;

/// Numbers, and the shape they were made for; or a part of another block, without numbers of its own.
#[derive(Debug)]
pub struct Block<E> {
    pub(crate) numbers: Vec<E>,
    pub(crate) shape: Shape,
    /// Where a part starts in the block that it is of.
    pub(crate) start: usize,
    /// The number of its size, if it may wait.
    size: Option<u32>,
}

/// The blocks of one type of number that wait on one thread.
#[derive(Debug)]
pub struct Blocks<E> {
    sizes: Vec<Size<E>>,
}

/// The blocks of one size.
#[derive(Debug)]
struct Size<E> {
    waiting: Vec<Arc<Block<E>>>,
    /// How many were made on this thread.
    made: usize,
}

/// The blocks of a type, one collection a thread.
pub type PerThread<E> = LocalKey<RefCell<Blocks<E>>>;

impl<E> Block<E> {
    /// A block that does not wait for another use: its numbers come from elsewhere.
    pub(crate) fn of(numbers: Vec<E>, shape: Shape) -> Self {
        Self { numbers, shape, start: 0, size: None }
    }
}

impl<E> Blocks<E> {
    pub(crate) const fn new() -> Self {
        Self { sizes: Vec::new() }
    }

    /// An empty block with room for `length` numbers, which nobody else holds.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Arc<Block<E>> {
        let (number, capacity) = size(length);
        if let Some(size) = self.sizes.get_mut(number)
            && let Some(block) = size.waiting.pop()
        {
            return block;
        }
        self.make(number, capacity)
    }

    /// A new block of this size. Apart from `take`, which is asked at every op and nearly always finds one.
    #[cold]
    fn make(&mut self, number: usize, capacity: usize) -> Arc<Block<E>> {
        if self.sizes.len() <= number {
            self.sizes.resize_with(number + 1, || Size { waiting: Vec::new(), made: 0 });
        }
        self.sizes[number].made += 1;
        let numbers = Vec::with_capacity(capacity);
        Arc::new(Block { numbers, shape: Shape::SCALAR, start: 0, size: Some(number as u32) })
    }

    /// Keeps a block that nobody else holds, if there is a use for it.
    #[inline]
    pub(crate) fn give(&mut self, block: Arc<Block<E>>) {
        if let Some(number) = block.size
            && let Some(size) = self.sizes.get_mut(number as usize)
            && size.waiting.len() < size.made
        {
            size.waiting.push(block);
        }
    }
}

/// The number of the smallest size with room for `length` numbers, and its capacity.
fn size(length: usize) -> (usize, usize) {
    let below = length.saturating_sub(1);
    let shift = (usize::BITS - below.leading_zeros()).saturating_sub(3);
    let eighths = (below >> shift) + 1; // 1 to 8 of 2^shift, above 4 unless shift is 0
    (4 * shift as usize + eighths, eighths << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_room_and_wastes_at_most_a_quarter() {
        let mut last = (0, 0);
        for length in 1..5000 {
            let (number, capacity) = size(length);
            assert!(capacity >= length && capacity - length <= length / 4, "{length}: {capacity}");
            assert!((number, capacity) == last || (number > last.0 && capacity > last.1));
            assert_eq!(size(capacity), (number, capacity));
            last = (number, capacity);
        }
    }

    #[test]
    fn a_block_is_used_again_and_no_more_wait_than_were_in_use() {
        let mut blocks = Blocks::<f32>::new();
        let a = blocks.take(100);
        let address = Arc::as_ptr(&a);
        blocks.give(a);
        let a = blocks.take(97);
        assert_eq!(Arc::as_ptr(&a), address);
        blocks.give(a);
        let mut of_another_thread = Blocks::new();
        blocks.give(of_another_thread.take(100));
        blocks.give(Arc::new(Block::of(vec![0.0; 100], Shape::SCALAR)));
        assert_eq!(blocks.sizes[size(100).0].waiting.len(), 1);
    }
}
