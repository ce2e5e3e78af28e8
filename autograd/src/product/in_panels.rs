//! Large products, by panels.
//!
//! K is cut into blocks of 256, the rows of C into blocks of at most 288:
//!
//! ```text
//! B      every block of K in panels of its own, all of B before the first product
//! A      read where it lies; stored transposed, a block [256, 288] of it is copied first
//! C      the sums of one block of K after the other
//! ```
//!
//! A block of A and a panel of B lie in the second cache (352 KiB of `f32`), and B comes from the third once for each
//! block of rows. A may be multiplied with several B at once: a block of it is then copied once for all. Which numbers are
//! added in which order depends on K alone: a row of C has the same bytes whatever the number of rows. The rows of a large
//! product are shared out among threads, if the feature `threads` is on.

use std::cell::RefCell;
use std::mem::size_of;
use std::ops::Range;
use std::thread::LocalKey;

use smallvec::SmallVec;

use crate::few::Few;
use crate::kernel::columns::Columns;
use crate::kernel::packing::Pack;
use crate::kernel::panels::{F32, F64, Product, Real};
use crate::kernel::{self, Kernel};
use crate::threads::{self, MANY, PIECE, for_each_piece};

/// How much of K is summed at a time.
pub(super) const DEPTH: usize = 256;
/// The rows of C in a block, and the fewest in a piece for a thread.
const ROWS: usize = 288;
const FEWEST_ROWS: usize = 48;
/// Into how many pieces the rows are cut at most, and for each thread: each piece reads all of B.
const MOST_PIECES: usize = 16;
const PIECES_OF_A_THREAD: usize = 4;
/// How many numbers of B lie in panels at a time, unless one block of K has more.
const MOST_PACKED: usize = 1 << 22;
/// The bytes of a line of the processor's cache, at whose start the panels begin.
const LINE: usize = 64;

/// Room that a thread keeps from one product to the next.
type Buffer<E> = RefCell<Vec<E>>;

/// op(A) [m, k].
pub(super) struct Left<'a, E> {
    pub(super) a: &'a [E],
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) transposed: bool,
}

/// op(B) for some columns of op(A), from `from` on: [k, n] where k may be less than that of A.
pub(super) struct Right<'a, E> {
    pub(super) b: &'a [E],
    pub(super) from: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) transposed: bool,
    /// Whether the product is added to what C holds.
    pub(super) accumulate: bool,
}

/// How many rows of C are computed in one piece: pieces of about equal size, as many for each thread.
pub(super) fn rows_of_a_piece(m: usize, work: usize) -> usize {
    let threads = threads::count();
    let most = MOST_PIECES.min(PIECES_OF_A_THREAD * threads).min(m / FEWEST_ROWS);
    let pieces = (work.saturating_add(PIECE / 2) / PIECE).min(most);
    let pieces = if pieces > threads { pieces / threads * threads } else { pieces.max(1) };
    m.div_ceil(pieces).next_multiple_of(4)
}

/// Calls `f` with `length` numbers that begin at a line of the cache and hold anything. The room is taken out of the
/// buffer meanwhile: a thread that waits for another may begin a product inside of this one.
fn with_room<E: Real, R>(
    buffer: &'static LocalKey<Buffer<E>>,
    length: usize,
    f: impl FnOnce(&mut [E]) -> R,
) -> R {
    let spare = LINE / size_of::<E>();
    let mut numbers = buffer.take();
    if numbers.len() < length + spare {
        numbers.resize(length + spare, E::default());
    }
    let start = numbers.as_ptr().align_offset(LINE).min(spare);
    let result = f(&mut numbers[start..][..length]);
    buffer.set(numbers);
    result
}

impl<E: Real> Left<'_, E> {
    /// How much room the copy of a block takes.
    fn room(&self, block: &Range<usize>, rows: usize) -> usize {
        if self.transposed { block.len() * rows } else { 0 }
    }

    /// Copies a block that is stored transposed, and adds up its rows.
    fn copy(&self, block: &Range<usize>, rows: &Range<usize>, copy: &mut [E], sums: &mut [E]) {
        if !self.transposed {
            return;
        }
        kernel::run(Columns {
            from: &self.a[block.start * self.m + rows.start..],
            stride: self.m,
            rows: block.len(),
            width: rows.len(),
            to: copy,
            sums,
        });
    }

    /// Adds up all rows, if that is wanted.
    fn add_up(&self, sums: &mut [E]) {
        if sums.is_empty() {
            return;
        }
        for start in (0..self.k).step_by(DEPTH) {
            kernel::run(Columns {
                from: &self.a[start * self.m..],
                stride: self.m,
                rows: DEPTH.min(self.k - start),
                width: self.m,
                to: &mut [],
                sums,
            });
        }
    }

    /// These rows and columns of a block, and the distance from one to the next.
    fn part<'b>(
        &'b self,
        block: &Range<usize>,
        rows: &Range<usize>,
        columns: &Range<usize>,
        copy: &'b [E],
    ) -> (&'b [E], usize) {
        match self.transposed {
            true => (&copy[(columns.start - block.start) * rows.len()..], rows.len()),
            false => (&self.a[rows.start * self.k + columns.start..], self.k),
        }
    }
}

impl<E> Right<'_, E> {
    fn work(&self, m: usize) -> usize {
        2_usize.saturating_mul(m).saturating_mul(self.k).saturating_mul(self.n)
    }

    /// Which of A's columns of a block belong to B.
    fn part(&self, block: &Range<usize>) -> Range<usize> {
        block.start.max(self.from)..block.end.min(self.from + self.k)
    }
}

impl<E: Real> Right<'_, E> {
    /// Copies the rows of op(B) beside these columns of A into panels of P columns.
    fn pack<const P: usize>(&self, part: Range<usize>, panels: &mut [E]) {
        let first = part.start - self.from;
        let (w, stride) = match self.transposed {
            true => (&self.b[first..], self.k),
            false => (&self.b[first * self.n..], self.n),
        };
        let (sizes, transposed) = ([part.len(), self.n], self.transposed);
        kernel::run(Pack::<_, P> { w, stride, sizes, transposed, panels });
    }
}

macro_rules! of_type {
    ($name:ident, $type:ty, $panel:expr) => {
        /// C = op(A) · op(B) for each B. To `sums`, if they are not empty, is added the sum of each row of op(A), which must
        /// be stored transposed.
        pub(super) fn $name(
            left: Left<'_, $type>,
            rights: &[Right<'_, $type>],
            cs: Few<&mut [$type]>,
            sums: &mut [$type],
        ) {
            thread_local! {
                static PANELS: Buffer<$type> = const { RefCell::new(Vec::new()) };
                static COLUMNS_OF_A: Buffer<$type> = const { RefCell::new(Vec::new()) };
            }
            if rights.is_empty() {
                return left.add_up(sums);
            }
            in_panels::<_, $panel>(left, rights, cs, sums, [&PANELS, &COLUMNS_OF_A]);
        }
    };
}

of_type!(singles, f32, F32);
of_type!(doubles, f64, F64);

/// The products, with B in panels of P columns.
fn in_panels<E: Real + Send + Sync, const P: usize>(
    left: Left<'_, E>,
    rights: &[Right<'_, E>],
    cs: Few<&mut [E]>,
    sums: &mut [E],
    [panels, columns_of_a]: [&'static LocalKey<Buffer<E>>; 2],
) where
    for<'a> Product<'a, E>: Kernel,
{
    let k = left.k;
    let widths: Few<usize> = rights.iter().map(|right| right.n.next_multiple_of(P)).collect();
    let width: usize = widths.iter().sum();
    let rows = rows_of_a_piece(left.m, rights.iter().map(|right| right.work(left.m)).sum());
    let cs = rights.iter().zip(cs).map(|(right, c)| (right.n, c));
    let mut pieces: SmallVec<[_; MOST_PIECES]> = cut(0..left.m, rows, cs, sums).collect();
    let most = (MOST_PACKED / width / DEPTH).max(1) * DEPTH;
    for from in (0..k).step_by(most) {
        let block = |number: usize| {
            let start = from + number * DEPTH;
            start..k.min(start + DEPTH)
        };
        // Which B have rows in a block of K, which rows, and where their panels are.
        let parts = |block: Range<usize>| {
            let mut start = 0;
            let all =
                rights.iter().zip(&widths).enumerate().map(move |(number, (right, width))| {
                    let part = right.part(&block);
                    let place = start..start + part.len() * width;
                    start += block.len() * width;
                    (number, right, part, place)
                });
            all.filter(|(.., part, _)| !part.is_empty())
        };
        with_room(panels, most.min(k - from) * width, |panels| {
            let blocks = MANY.div_ceil(DEPTH * width);
            for_each_piece(panels, blocks * DEPTH * width, |piece, panels| {
                for (number, panels) in panels.chunks_mut(DEPTH * width).enumerate() {
                    for (_, right, part, place) in parts(block(piece * blocks + number)) {
                        right.pack::<P>(part, &mut panels[place]);
                    }
                }
            });
            for_each_piece(&mut pieces, 1, |_, pieces| {
                for c in pieces.iter_mut().flat_map(Piece::blocks) {
                    let Piece { rows, mut cs, sums } = c;
                    for (number, panels) in panels.chunks(DEPTH * width).enumerate() {
                        let block = block(number);
                        let room = left.room(&block, rows.len());
                        with_room(columns_of_a, room, |columns| {
                            left.copy(&block, &rows, columns, sums);
                            for (number, right, part, place) in parts(block.clone()) {
                                let (a, stride) = left.part(&block, &rows, &part, columns);
                                kernel::run(Product {
                                    sizes: [rows.len(), part.len(), right.n],
                                    a,
                                    stride,
                                    by_columns: left.transposed,
                                    panels: &panels[place],
                                    c: cs[number],
                                    accumulate: right.accumulate || part.start > right.from,
                                });
                            }
                        });
                    }
                }
            });
        });
    }
}

/// Some rows of every C, and of the sums of A's rows.
struct Piece<'a, E> {
    rows: Range<usize>,
    cs: Few<&'a mut [E]>,
    sums: &'a mut [E],
}

impl<E> Piece<'_, E> {
    /// The rows in blocks.
    fn blocks(&mut self) -> impl Iterator<Item = Piece<'_, E>> {
        let count = self.rows.len();
        cut(
            self.rows.clone(),
            ROWS,
            self.cs.iter_mut().map(move |c| (c.len() / count, &mut **c)),
            self.sums,
        )
    }
}

/// The rows of C, of each C so many columns, in pieces of at most `most` rows.
fn cut<'a, E>(
    rows: Range<usize>,
    most: usize,
    cs: impl Iterator<Item = (usize, &'a mut [E])>,
    sums: &'a mut [E],
) -> impl Iterator<Item = Piece<'a, E>> {
    let mut cs: Few<_> = cs.map(|(n, c)| c.chunks_mut(most * n)).collect();
    let mut sums = sums.chunks_mut(most);
    let end = rows.end;
    rows.step_by(most).map(move |first| Piece {
        rows: first..end.min(first + most),
        cs: cs.iter_mut().map(|c| c.next().expect("rows of every C")).collect(),
        sums: sums.next().unwrap_or_default(),
    })
}
