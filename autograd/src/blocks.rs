//! Blocks of numbers, used again: where the numbers of tensors live.
//!
//! A training step makes the same tensors as the one before it. When the last tensor that uses a block is gone, the
//! block waits on that thread for the next tensor of about its size, instead of going back to the system:
//! a warm step allocates nothing, and touches no page for the first time.
//!
//! ```text
//! sizes     1 2 3 4 5 6 7 8 | 10 12 14 16 | 20 24 28 32 | 40 …      four to each doubling
//! waiting   at most as many of a size as this thread ever had in use at once
//! ```
//!
//! So the memory that waits is bounded by the peak of what was in use; [`release`](crate::tensor::release) gives it back. `f32` and `f64`
//! are kept, other elements are not.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread::LocalKey;

/// The blocks of one type of number that wait on one thread.
#[derive(Debug)]
pub struct Blocks<E> {
    sizes: Vec<Size<E>>,
}

/// The blocks of one size.
#[derive(Debug)]
struct Size<E> {
    waiting: Vec<Arc<Vec<E>>>,
    /// How many were taken and did not come back yet.
    in_use: usize,
}

/// The blocks of a type, one collection a thread.
pub type PerThread<E> = LocalKey<RefCell<Blocks<E>>>;

impl<E> Blocks<E> {
    pub(crate) const fn new() -> Self {
        Self { sizes: Vec::new() }
    }

    /// An empty block with room for `length` numbers, which nobody else holds.
    pub(crate) fn take(&mut self, length: usize) -> Arc<Vec<E>> {
        let (number, capacity) = size(length);
        while self.sizes.len() <= number {
            self.sizes.push(Size { waiting: Vec::new(), in_use: 0 });
        }
        let size = &mut self.sizes[number];
        size.in_use += 1;
        size.waiting.pop().unwrap_or_else(|| Arc::new(Vec::with_capacity(capacity)))
    }

    /// Keeps a block that nobody else holds, if there is a use for it.
    pub(crate) fn give(&mut self, block: Arc<Vec<E>>) {
        let (number, capacity) = size(block.capacity());
        if block.capacity() == capacity
            && let Some(size) = self.sizes.get_mut(number)
            && size.in_use > 0
        {
            size.in_use -= 1;
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
        let from_elsewhere = Arc::new(Vec::with_capacity(size(100).1));
        blocks.give(from_elsewhere);
        assert_eq!(blocks.sizes[size(100).0].waiting.len(), 1);
    }
}
