//! The way through a sequence, in blocks of steps, and rows of the batch for different threads.
//!
//! ```text
//! [T, B, W]      block of at most 64 steps → for each step the rows of one thread
//! ```
//!
//! A row is multiplied with the same numbers in the same order whatever rows are beside it. So the number of pieces may
//! follow the number of threads, and the bytes do not.

use std::array::from_fn;
use std::ops::Range;

use autograd::threads::{self, join};

use super::lanes::LANES;

/// How many steps threads take before they meet.
pub(super) const BLOCK: usize = 64;
/// The fewest rows that a thread takes: those of a tile of a packed product.
const FEWEST_ROWS: usize = 4;
/// The fewest units that are halved.
const FEWEST_UNITS: usize = 64;
/// From how many numbers of the weights in all steps on halving pays: 0.1 ms of reading them.
const WORTH_HALVING: usize = 2_500_000;
/// From how many floating-point operations on a second thread pays: 0.1 ms of work.
const WORTH: usize = 10_000_000;

/// The way through a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) steps: usize,
    pub(super) batch: usize,
    pub(super) reverse: bool,
    /// Where the units are cut in two, if they are.
    pub(super) middle: Option<usize>,
}

/// Where to cut the units of a layer with G gates in two, if it pays: where there is one row, which cannot be shared out.
pub(super) fn middle(steps: usize, batch: usize, gates: usize, units: usize) -> Option<usize> {
    let numbers = steps * gates * units * units;
    let pays =
        batch == 1 && units >= FEWEST_UNITS && numbers >= WORTH_HALVING && threads::count() > 1;
    pays.then(|| (units / 2).next_multiple_of(LANES))
}

impl Way {
    /// Blocks of steps, in the order in which they are taken.
    pub(super) fn blocks(self) -> impl DoubleEndedIterator<Item = Range<usize>> {
        let Self { steps, reverse, .. } = self;
        (0..steps.div_ceil(BLOCK)).map(move |k| {
            let (from, to) = (k * BLOCK, steps.min((k + 1) * BLOCK));
            if reverse { steps - to..steps - from } else { from..to }
        })
    }

    /// The steps of a block in the order in which they are taken.
    pub(super) fn order(
        self,
        block: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = usize> + Clone {
        let (first, last) = (block.start, block.end);
        (first..last).map(move |t| if self.reverse { first + last - 1 - t } else { t })
    }

    /// At most `count` steps of a block, step t the first to be taken.
    pub(super) fn from(self, t: usize, count: usize, block: &Range<usize>) -> Range<usize> {
        match self.reverse {
            false => t..block.end.min(t + count),
            true => block.start.max((t + 1).saturating_sub(count))..t + 1,
        }
    }

    /// The step before step t, if it is not the first one.
    pub(super) fn before(self, t: usize) -> Option<usize> {
        if self.reverse { Some(t + 1).filter(|&t| t < self.steps) } else { t.checked_sub(1) }
    }

    /// The numbers of some rows of step t among those of all steps, `width` for each row.
    pub(super) fn rows<'a, E>(
        self,
        all: &'a [E],
        t: usize,
        rows: &Range<usize>,
        width: usize,
    ) -> &'a [E] {
        &all[(t * self.batch + rows.start) * width..][..rows.len() * width]
    }

    /// In how many pieces the rows of the batch are worth cutting, for this work in all.
    pub(super) fn pieces(self, work: usize) -> usize {
        let worth = threads::count().min(work / WORTH).min(self.batch / FEWEST_ROWS);
        worth.max(1)
    }
}

/// Some rows of the batch in the steps of a block, to write to.
pub(super) struct Steps<'a, E> {
    /// Those of each step; nothing behind the last one.
    parts: [&'a mut [E]; BLOCK],
    width: usize,
}

impl<'a, E> Steps<'a, E> {
    /// All rows of a block of a buffer [T, B, W].
    pub(super) fn new(all: &'a mut [E], block: &Range<usize>, batch: usize, width: usize) -> Self {
        let step = batch * width;
        let mut steps = match step {
            0 => [].chunks_mut(1), // nothing of this kind is kept
            _ => all[block.start * step..block.end * step].chunks_mut(step),
        };
        Self { parts: from_fn(|_| steps.next().unwrap_or_default()), width }
    }

    /// The rows of the k-th step of the block.
    pub(super) fn of(&mut self, k: usize) -> &mut [E] {
        self.parts[k]
    }

    /// The first rows, and the others.
    pub(super) fn split(self, rows: usize) -> [Self; 2] {
        let Self { mut parts, width } = self;
        let firsts = from_fn(|k| {
            let rows = (rows * width).min(parts[k].len());
            parts[k].split_off_mut(..rows).unwrap_or_default()
        });
        [Self { parts: firsts, width }, Self { parts, width }]
    }
}

/// The numbers of the first rows, and those of the others; `all` has `count` rows, of any length.
pub(super) fn split_rows<E>(all: &mut [E], rows: usize, count: usize) -> [&mut [E]; 2] {
    all.split_at_mut(all.len() / count * rows).into()
}

/// Work on rows of the batch that can be divided.
pub(super) trait Piece: Send + Sized {
    /// The number of rows.
    fn rows(&self) -> usize;
    /// The work on the first rows, and that on the others.
    fn split(self, rows: usize) -> [Self; 2];
}

/// Does a work in pieces of about equal size, each on one thread.
pub(super) fn share<P: Piece>(work: P, pieces: usize, run: &(impl Fn(P) + Sync)) {
    if pieces <= 1 {
        return run(work);
    }
    let half = pieces / 2;
    let rows = work.rows() * half / pieces;
    let [first, rest] = work.split(rows);
    join(|| share(first, half, run), || share(rest, pieces - half, run));
}

/// Does a work that is going to be cut into pieces where the threads are, so that not every cut has to wake them.
pub(super) fn enter(pieces: usize, work: impl FnOnce() + Send) {
    match pieces {
        1 => work(),
        _ => {
            join(work, || ());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_through_every_step_once_and_each_knows_the_one_before() {
        for steps in [0, 1, 2, 63, 64, 65, 200] {
            for reverse in [false, true] {
                let way = Way { steps, batch: 3, reverse, middle: None };
                let order: Vec<_> = way.blocks().flat_map(|block| way.order(block)).collect();
                let mut expected: Vec<_> = (0..steps).collect();
                if reverse {
                    expected.reverse();
                }
                assert_eq!(order, expected);
                for (k, &t) in order.iter().enumerate() {
                    assert_eq!(way.before(t), k.checked_sub(1).map(|k| order[k]));
                }
            }
        }
    }

    #[test]
    fn every_row_of_every_step_is_in_one_piece() {
        let (batch, width) = (5, 2);
        let mut all = vec![0; 3 * batch * width];
        let [mut first, mut rest] = Steps::new(&mut all, &(1..3), batch, width).split(2);
        for k in 0..2 {
            first.of(k).fill(1 + k);
            rest.of(k).fill(3 + k);
        }
        let row = |row: usize| all[row * width..][..width].to_vec();
        for r in 0..batch {
            assert_eq!(row(r), [0; 2]);
            assert_eq!(row(batch + r), [if r < 2 { 1 } else { 3 }; 2]);
            assert_eq!(row(2 * batch + r), [if r < 2 { 2 } else { 4 }; 2]);
        }
    }
}
