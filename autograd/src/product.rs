//! Matrix products, by the `matrixmultiply` crate.
//!
//! The only module with `unsafe` code: matrixmultiply takes raw pointers, and the lengths that
//! make them valid are asserted here, at the one call. Products of [`Dual`](crate::Dual) and
//! [`Complex`](crate::Complex) numbers split into products of their components.
//!
//! The rows of a large product are shared out among threads, if the feature `threads` is on.
#![expect(
    unsafe_code,
    reason = "matrixmultiply's interface is raw pointers; lengths are asserted beside each call"
)]

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use crate::threads::{PIECE, for_each_piece};

/// Of how many rows matrixmultiply makes a block: pieces of whole blocks sum in the same order, with the
/// same bytes, as the whole product would.
const BLOCK: usize = 64;
/// The fewest rows of a piece. Each piece copies B into another order, which must be little beside the
/// products.
const FEWEST_ROWS: usize = 4 * BLOCK;

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

    /// How many rows of the result are computed in one piece.
    fn rows_of_a_piece(&self) -> usize {
        let row = Self { m: 1, ..*self }.work();
        PIECE.div_ceil(row.max(1)).max(FEWEST_ROWS).next_multiple_of(BLOCK)
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
    ($name:ident, $type:ty, $gemm:path) => {
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
            if m == 1 || k == 1 {
                if !accumulate {
                    c.fill(0.0);
                }
                return match (m, factors.b_transposed) {
                    (1, true) => add_dots(a, b, c),
                    (1, false) => add_rows(a, b, c),
                    _ => add_outer(a, b, c),
                };
            }
            if c.is_empty() {
                return;
            }
            let (row_a, column_a) = factors.a_strides();
            let (row_b, column_b) = factors.b_strides();
            let beta = if accumulate { 1.0 } else { 0.0 };
            let rows = factors.rows_of_a_piece();
            for_each_piece(c, rows * n, |piece, c| {
                let a = &a[piece * rows * row_a as usize..];
                // SAFETY: the lengths were asserted above. `c` is whole rows of the result, borrowed
                // mutably, so no overlap; with these strides the largest index into B is its length
                // minus one, and that into A, for as many rows as `c` has from where `a` starts, too.
                unsafe {
                    $gemm(
                        c.len() / n,
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
            });
        }
    };
}

/// c_j += Σ_l a_l b_jl: a row times a matrix that is stored by columns.
///
/// matrixmultiply copies its factors into another order first, which pays if each is used many times.
/// With one row nothing is used twice, so this and the next two are plain loops.
fn add_dots<E: Number>(a: &[E], b: &[E], c: &mut [E]) {
    if a.is_empty() {
        return;
    }
    for (c, row) in c.iter_mut().zip(b.chunks_exact(a.len())) {
        *c += dot(a, row);
    }
}

/// Σ a b in 16 sums side by side, which the compiler keeps in vector registers.
fn dot<E: Number>(a: &[E], b: &[E]) -> E {
    const LANES: usize = 16;
    let (blocks_a, rest_a) = a.as_chunks::<LANES>();
    let (blocks_b, rest_b) = b.as_chunks::<LANES>();
    let mut sums = [E::default(); LANES];
    for (a, b) in blocks_a.iter().zip(blocks_b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: E = rest_a.iter().zip(rest_b).map(|(&a, &b)| a * b).sum();
    sums.into_iter().sum::<E>() + rest
}

/// c_j += Σ_l a_l b_lj: a row times a matrix that is stored by rows.
fn add_rows<E: Number>(a: &[E], b: &[E], c: &mut [E]) {
    if c.is_empty() {
        return;
    }
    for (&a, row) in a.iter().zip(b.chunks_exact(c.len())) {
        c.iter_mut().zip(row).for_each(|(c, &b)| *c += a * b);
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

real_product!(f32_product, f32, matrixmultiply::sgemm);
real_product!(f64_product, f64, matrixmultiply::dgemm);

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
        ] {
            for flags in 0..4 {
                let factors =
                    Factors { m, k, n, a_transposed: flags & 1 > 0, b_transposed: flags & 2 > 0 };
                let a: Vec<f64> = (0..m * k).map(|i| (i as f64).sin()).collect();
                let b: Vec<f64> = (0..k * n).map(|i| (i as f64).cos()).collect();
                assert_eq!(factors.rows_of_a_piece() < m, m == 700);
                let mut c = vec![f64::NAN; m * n];
                f64_product(factors, &a, &b, &mut c, false);
                let expected = naive(factors, &a, &b);
                for (got, want) in c.iter().zip(&expected) {
                    assert!((got - want).abs() < 1e-13, "{factors:?}: {got} for {want}");
                }
                f64_product(factors, &a, &b, &mut c, true);
                for (got, want) in c.iter().zip(&expected) {
                    assert!((got - 2.0 * want).abs() < 1e-13, "{factors:?}, accumulated");
                }
            }
        }
    }
}
