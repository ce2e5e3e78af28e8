//! Large work on several threads, by the `rayon` crate.
//!
//! Each piece of work is done by one thread from its beginning to its end, and its size depends on the work alone; or
//! its numbers are the same however the work is cut, as the rows of a product are. So the same bytes come out for any
//! number of threads, and without any.
//!
//! Rayon's current pool decides how many threads there are: all cores, unless the program built its own. Without
//! the feature `threads` the pieces are done one after the other, and rayon is not compiled.
//!
//! A thread of rayon's that finds no work sleeps after some microseconds, and to wake it takes longer than many a piece of
//! work. Between the pieces of a training step there is always a little that one thread does alone. So whoever shares
//! out work keeps the other threads looking for more a while longer (module `awake`), as the runtimes of OpenMP do.

#[cfg(feature = "threads")]
mod awake;

/// From how many floating-point operations on a piece is worth handing to another thread: about 0.1 ms
/// of work, against a few microseconds to hand it over.
pub(crate) const PIECE: usize = 10_000_000;

/// From how many numbers on a pass over them is worth sharing out: some 10 µs of work.
pub(crate) const MANY: usize = 1 << 15;

/// On how many threads work can be done: those of rayon's current pool, or 1 without the feature `threads`.
pub fn count() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}

/// Calls `f` with the number of each piece of `length` entries, and the piece; the last may be shorter. Where there is one
/// piece only, the caller does it.
///
/// ```
/// use autograd::threads::for_each_piece;
///
/// let mut numbers = [10, 10, 10, 10, 10];
/// for_each_piece(&mut numbers, 2, |piece, numbers| numbers.iter_mut().for_each(|x| *x += piece));
/// assert_eq!(numbers, [10, 10, 11, 11, 12]);
/// ```
///
/// # Panics
///
/// If `length` is 0 and there are entries.
pub fn for_each_piece<T: Send>(
    data: &mut [T],
    length: usize,
    f: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    if data.len() <= length {
        return f(0, data);
    }
    #[cfg(feature = "threads")]
    if count() > 1 {
        use rayon::prelude::*;
        let pieces = data.par_chunks_mut(length).enumerate();
        return awake::while_sharing(|| pieces.for_each(|(i, piece)| f(i, piece)));
    }
    data.chunks_mut(length).enumerate().for_each(|(i, piece)| f(i, piece));
}

/// The results of two pieces of work, done at the same time if there is another thread.
///
/// ```
/// use autograd::threads::join;
///
/// let numbers = [1, 2, 3, 4];
/// let (left, right) = numbers.split_at(2);
/// assert_eq!(join(|| left.iter().sum::<i32>(), || right.iter().sum::<i32>()), (3, 7));
/// ```
pub fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    #[cfg(feature = "threads")]
    if count() > 1 {
        return awake::while_sharing(|| rayon::join(a, b));
    }
    (a(), b())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_seen_once_with_its_number() {
        let mut numbers = [9; 7];
        for_each_piece(&mut numbers, 3, |i, piece| piece.iter_mut().for_each(|x| *x += i));
        assert_eq!(numbers, [9, 9, 9, 10, 10, 10, 11]);
        for_each_piece(&mut [(); 0], 3, |i, piece| assert_eq!((i, piece.len()), (0, 0)));
    }

    #[cfg(feature = "threads")]
    #[test]
    fn several_threads_take_part() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::time::{Duration, Instant};

        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let at_work = AtomicUsize::new(0);
        let start = Instant::now();
        // Each piece waits until the other one has begun.
        pool.expect("two threads can be started").install(|| {
            for_each_piece(&mut [0; 2], 1, |_, _| {
                at_work.fetch_add(1, Ordering::SeqCst);
                while at_work.load(Ordering::SeqCst) < 2 {
                    assert!(start.elapsed() < Duration::from_secs(60), "one after the other");
                    std::thread::yield_now();
                }
            });
        });
    }
}
