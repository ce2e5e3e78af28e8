//! Matrix products.
//!
//! ```text
//! one row                        the matrix as it is stored, by `kernel/row.rs`
//! one column times a row         plain loops
//! little work, B near            both as they are stored, by `kernel/direct.rs`
//! small, or few columns of B     the `matrixmultiply` crate
//! others                         B in panels, by the kernel of `kernel/panels.rs`
//!
//! In panels K is cut into blocks of 256, the rows of C into blocks of at most 288:
//!
//! B      every block of K in panels of its own, all of B before the first product
//! A      read where it lies; stored transposed, a block [256, 288] of it is copied first
//! C      the sums of one block of K after the other
//! ```
//!
//! A block of A and a panel of B lie in the second cache (352 KiB of `f32`), and B comes from the third once for each
//! block of rows. Which numbers are added in which order depends on K alone there: a row of C has the same bytes whatever
//! the number of rows. The rows of a large product are shared out among threads, if the feature `threads` is on.
//!
//! matrixmultiply takes raw pointers: the lengths that make them valid are asserted here, at the one call.
//! Products of [`Dual`](crate::Dual) and [`Complex`](crate::Complex) numbers split into products of their components.
#![expect(
    unsafe_code,
    reason = "matrixmultiply's interface is raw pointers; lengths are asserted beside each call"
)]

use std::cell::RefCell;
use std::iter::Sum;
use std::mem::size_of;
use std::ops::{Add, AddAssign, Mul};
use std::thread::LocalKey;

use crate::kernel::direct::Direct;
use crate::kernel::packing::Pack;
use crate::kernel::panels::{F32, F64, Product, Real};
use crate::kernel::row::{RowsSummed, SumsOfRows};
use crate::kernel::{self, Kernel};
use crate::threads::{MANY, PIECE, for_each_piece};

/// Up to how many floating-point operations a product is left to matrixmultiply: those of 16 × 16 matrices, twice.
const SMALL: usize = 4 * 16 * 16 * 16;
/// Up to how many numbers B is multiplied as it is stored.
const MOST_DIRECT: usize = 1 << 16;
/// How much of K is summed at a time.
const DEPTH: usize = 256;
/// The rows of C in a block, and the fewest in a piece for a thread.
const ROWS: usize = 288;
const FEWEST_ROWS: usize = 48;
/// Into how many pieces the rows are cut at most: each reads all of B.
const MOST_PIECES: usize = 16;
/// How many numbers of B lie in panels at a time, unless one block of K has more.
const MOST_PACKED: usize = 1 << 22;
/// The bytes of a line of the processor's cache, at whose start the panels begin.
const LINE: usize = 64;

/// The sizes of a product and how its factors lie in memory.
///
/// ```text
/// C [m, n] = op(A) · op(B)     op(A) is [m, k]: A itself, or stored [k, m] and read transposed
///                              op(B) is [k, n]: B itself, or stored [n, k] and read transposed
/// ```
///
/// All three are row-major and contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// Rows of the result.
    pub m: usize,
    /// The length that is summed over.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
    /// Whether A is stored transposed, as [k, m].
    pub a_transposed: bool,
    /// Whether B is stored transposed, as [n, k].
    pub b_transposed: bool,
}

impl Factors {
    /// Row and column strides of A.
    fn a_strides(&self) -> (isize, isize) {
        strides(self.k, self.m, self.a_transposed)
    }

    /// Row and column strides of B.
    fn b_strides(&self) -> (isize, isize) {
        strides(self.n, self.k, self.b_transposed)
    }

    /// How many floating-point operations the product takes.
    pub(crate) fn work(&self) -> usize {
        self.m.saturating_mul(self.k).saturating_mul(self.n).saturating_mul(2)
    }

    /// How many rows of the result are computed in one piece: pieces of about equal size.
    fn rows_of_a_piece(&self) -> usize {
        let worth = self.work().saturating_add(PIECE / 2) / PIECE;
        let pieces = worth.min(MOST_PIECES).min(self.m / FEWEST_ROWS).max(1);
        self.m.div_ceil(pieces).next_multiple_of(4)
    }

    /// Whether matrixmultiply, with its smaller tiles and no dispatch, is faster than panels.
    fn is_small(&self) -> bool {
        let narrow = self.a_transposed && self.n <= 32 && self.work() < PIECE;
        self.work() <= SMALL || narrow
    }

    /// Whether the factors are multiplied as they are stored: copying them into panels would take a good part of the time.
    fn is_direct(&self) -> bool {
        let columns = self.n >= Direct::<f32>::FEWEST && !self.b_transposed;
        columns && self.k * self.n <= MOST_DIRECT && (SMALL..PIECE).contains(&self.work())
    }

    fn assert_lengths(&self, a: usize, b: usize, c: usize) {
        assert_eq!(a, self.m * self.k, "left factor of {self:?}");
        assert_eq!(b, self.k * self.n, "right factor of {self:?}");
        assert_eq!(c, self.m * self.n, "result of {self:?}");
    }
}

/// Row and column strides of a matrix with `columns` columns; stored transposed, with `rows`.
fn strides(columns: usize, rows: usize, transposed: bool) -> (isize, isize) {
    if transposed { (1, rows as isize) } else { (columns as isize, 1) }
}

/// What a product needs of its numbers.
trait Number: Copy + Default + AddAssign + Add<Output = Self> + Mul<Output = Self> + Sum {}

impl Number for f32 {}
impl Number for f64 {}

macro_rules! real_product {
    ($name:ident, $type:ty, $panel:expr, $gemm:path) => {
        /// C = op(A) · op(B), or C + op(A) · op(B) if `accumulate`.
        pub(crate) fn $name(
            factors: Factors,
            a: &[$type],
            b: &[$type],
            c: &mut [$type],
            accumulate: bool,
        ) {
            factors.assert_lengths(a.len(), b.len(), c.len());
            let Factors { m, k, n, .. } = factors;
            if m == 1 {
                return match factors.b_transposed {
                    true => kernel::run(SumsOfRows { x: a, w: b, y: c, accumulate }),
                    false => kernel::run(RowsSummed { x: a, w: b, y: c, accumulate }),
                };
            }
            if k == 1 {
                if !accumulate {
                    c.fill(0.0);
                }
                return add_outer(a, b, c);
            }
            if c.is_empty() {
                return;
            }
            if factors.is_direct() {
                let (sizes, a_transposed) = ([m, k, n], factors.a_transposed);
                return kernel::run(Direct { sizes, a, a_transposed, b, c, accumulate });
            }
            if !factors.is_small() {
                thread_local! {
                    static PANELS: Buffer<$type> = const { RefCell::new(Vec::new()) };
                    static COLUMNS_OF_A: Buffer<$type> = const { RefCell::new(Vec::new()) };
                }
                return in_panels::<_, $panel>(
                    factors,
                    a,
                    b,
                    c,
                    accumulate,
                    &PANELS,
                    &COLUMNS_OF_A,
                );
            }
            let (row_a, column_a) = factors.a_strides();
            let (row_b, column_b) = factors.b_strides();
            let beta = if accumulate { 1.0 } else { 0.0 };
            // SAFETY: the lengths were asserted above. `c` is borrowed mutably, so no overlap; with these strides
            // the largest index into each matrix is its length minus one.
            unsafe {
                $gemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    row_a,
                    column_a,
                    b.as_ptr(),
                    row_b,
                    column_b,
                    beta,
                    c.as_mut_ptr(),
                    n as isize,
                    1,
                );
            }
        }
    };
}

/// Room that a thread keeps from one product to the next.
type Buffer<E> = RefCell<Vec<E>>;

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

/// C = op(A) · op(B), or C + op(A) · op(B) if `accumulate`, with B in panels of P columns.
fn in_panels<E: Real + Send + Sync, const P: usize>(
    factors: Factors,
    a: &[E],
    b: &[E],
    c: &mut [E],
    accumulate: bool,
    panels: &'static LocalKey<Buffer<E>>,
    columns_of_a: &'static LocalKey<Buffer<E>>,
) where
    for<'a> Product<'a, E>: Kernel,
{
    let Factors { m, k, n, a_transposed, b_transposed } = factors;
    let width = n.next_multiple_of(P);
    let most = (MOST_PACKED / width / DEPTH).max(1) * DEPTH;
    let rows = factors.rows_of_a_piece();
    for from in (0..k).step_by(most) {
        let pack = |block: usize, panels: &mut [E]| {
            let (l, depth) = (from + block * DEPTH, panels.len() / width);
            let (w, stride) = if b_transposed { (&b[l..], k) } else { (&b[l * n..], n) };
            kernel::run(Pack::<_, P> {
                w,
                stride,
                sizes: [depth, n],
                transposed: b_transposed,
                panels,
            });
        };
        let multiply = |row: usize, block: usize, panels: &[E], c: &mut [E]| {
            let (l, depth, m_block) = (from + block * DEPTH, panels.len() / width, c.len() / n);
            let sizes = [m_block, depth, n];
            let accumulate = accumulate || l > 0;
            let by_columns = a_transposed;
            if !a_transposed {
                let (a, stride) = (&a[row * k + l..], k);
                return kernel::run(Product {
                    sizes,
                    a,
                    stride,
                    by_columns,
                    panels,
                    c,
                    accumulate,
                });
            }
            with_room(columns_of_a, depth * m_block, |columns| {
                // Side by side: a column of A stored [k, m] is far from the next one.
                let all = a[l * m + row..].chunks(m);
                for (column, from) in columns.chunks_exact_mut(m_block).zip(all) {
                    column.copy_from_slice(&from[..m_block]);
                }
                let (a, stride) = (&*columns, m_block);
                kernel::run(Product { sizes, a, stride, by_columns, panels, c, accumulate });
            });
        };
        with_room(panels, most.min(k - from) * width, |panels| {
            let blocks = MANY.div_ceil(DEPTH * width);
            for_each_piece(panels, blocks * DEPTH * width, |piece, panels| {
                for (number, panels) in panels.chunks_mut(DEPTH * width).enumerate() {
                    pack(piece * blocks + number, panels);
                }
            });
            for_each_piece(c, rows * n, |piece, c| {
                for (number, c) in c.chunks_mut(ROWS * n).enumerate() {
                    for (block, panels) in panels.chunks(DEPTH * width).enumerate() {
                        multiply(piece * rows + number * ROWS, block, panels, c);
                    }
                }
            });
        });
    }
}

/// c_ij += a_i b_j: a column times a row.
fn add_outer<E: Number>(a: &[E], b: &[E], c: &mut [E]) {
    if b.is_empty() {
        return;
    }
    for (&a, row) in a.iter().zip(c.chunks_exact_mut(b.len())) {
        row.iter_mut().zip(b).for_each(|(c, &b)| *c += a * b);
    }
}

real_product!(f32_product, f32, F32, matrixmultiply::sgemm);
real_product!(f64_product, f64, F64, matrixmultiply::dgemm);

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, three loops.
    fn naive(f: Factors, a: &[f64], b: &[f64]) -> Vec<f64> {
        let mut c = vec![0.0; f.m * f.n];
        for i in 0..f.m {
            for j in 0..f.n {
                for l in 0..f.k {
                    let x = if f.a_transposed { a[l * f.m + i] } else { a[i * f.k + l] };
                    let y = if f.b_transposed { b[j * f.k + l] } else { b[l * f.n + j] };
                    c[i * f.n + j] += x * y;
                }
            }
        }
        c
    }

    #[test]
    fn every_layout_equals_three_loops() {
        for (m, k, n) in [
            (1, 1, 1),
            (2, 3, 4),
            (5, 1, 7),
            (9, 17, 8),
            (0, 3, 2),
            (3, 0, 2),
            (1, 37, 9),
            (1, 0, 4),
            (1, 3, 0),
            (4, 1, 0),
            (700, 100, 128),
            (64, 2 * DEPTH + 3, 40), // more than one block of K
        ] {
            for flags in 0..4 {
                let factors =
                    Factors { m, k, n, a_transposed: flags & 1 > 0, b_transposed: flags & 2 > 0 };
                let a: Vec<f64> = (0..m * k).map(|i| (i as f64).sin()).collect();
                let b: Vec<f64> = (0..k * n).map(|i| (i as f64).cos()).collect();
                assert_eq!(factors.rows_of_a_piece() < m, m == 700);
                assert_eq!(factors.is_small(), m * k * n < 4096, "{factors:?}");
                // Each of the k terms is at most 1.
                let allowed = 1e-15 * k.max(100) as f64;
                let mut c = vec![f64::NAN; m * n];
                f64_product(factors, &a, &b, &mut c, false);
                let expected = naive(factors, &a, &b);
                for (got, want) in c.iter().zip(&expected) {
                    assert!((got - want).abs() <= allowed, "{factors:?}: {got} for {want}");
                }
                f64_product(factors, &a, &b, &mut c, true);
                for (got, want) in c.iter().zip(&expected) {
                    assert!((got - 2.0 * want).abs() <= 2.0 * allowed, "{factors:?}, accumulated");
                }
            }
        }
    }
}
