//! Large work on several threads, by the `rayon` crate.
//!
//! Work is cut into pieces whose size depends on the work alone, and each piece is done by one thread from
//! its beginning to its end. So the same bytes come out for any number of threads, and without any.
//!
//! Rayon's current pool decides how many threads there are: all cores, unless the program built its own. Without
//! the feature `threads` the pieces are done one after the other, and rayon is not compiled.

/// From how many floating-point operations on a piece is worth handing to another thread: about 0.1 ms
/// of work, against a few microseconds to hand it over.
pub(crate) const PIECE: usize = 10_000_000;

/// Calls `f` with the number of each piece of `length` entries, and the piece; the last may be shorter.
pub(crate) fn for_each_piece<T: Send>(
    data: &mut [T],
    length: usize,
    f: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    if data.len() <= length {
        return f(0, data);
    }
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        data.par_chunks_mut(length).enumerate().for_each(|(i, piece)| f(i, piece));
    }
    #[cfg(not(feature = "threads"))]
    data.chunks_mut(length).enumerate().for_each(|(i, piece)| f(i, piece));
}
