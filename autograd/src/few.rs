//! Short lists.

use smallvec::SmallVec;

/// A list whose first 8 entries lie in it itself: to make a short one allocates nothing.
///
/// Reads as a slice, and is made as a `Vec` is:
///
/// ```
/// use autograd::Few;
///
/// let doubled: Few<usize> = [1, 2, 3].into_iter().map(|x| 2 * x).collect();
/// assert_eq!(doubled[..], [2, 4, 6]);
/// ```
pub type Few<T> = SmallVec<[T; 8]>;
