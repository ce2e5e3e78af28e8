//! Products of matrices that stay as they are stored, for a right factor that fits into the nearer caches.
//!
//! ```text
//! C [m, n] = op(A) · B [k, n]      op(A) is A [m, k], or stored [k, m]
//!
//! tile     4 rows of C with S columns: 4 × S sums, which stay in registers for all of k
//! ```
//!
//! The gradient of the weights over a short sequence, dᵀ X, and that of its inputs, d W, are such products: copying
//! their factors into panels takes as long as a good part of the multiplication.
//!
//! The columns that are left of whole tiles are those of narrower ones, and the last of these begins as far left as it must:
//! what it has in common with the one before it is written twice, with the same bytes, or added once. Every number is one sum in the
//! order of k.

use std::array::from_fn;

use super::Kernel;
use super::panels::Real;

/// The rows of a tile.
const ROWS: usize = 4;

/// C = op(A) · B, or C + op(A) · B if `accumulate`.
pub(crate) struct Direct<'a, E> {
    /// m, k and n.
    pub(crate) sizes: [usize; 3],
    pub(crate) a: &'a [E],
    pub(crate) a_transposed: bool,
    pub(crate) b: &'a [E],
    pub(crate) c: &'a mut [E],
    pub(crate) accumulate: bool,
}

impl<E> Direct<'_, E> {
    /// The fewest columns.
    pub(crate) const FEWEST: usize = 16;
}

macro_rules! kernel {
    ($float:ident, $most:literal, $half:literal, $least:literal) => {
        impl Kernel for Direct<'_, $float> {
            #[inline(always)]
            fn run<const FUSED: bool, const BYTES: usize>(self) {
                match BYTES {
                    64 => self.all::<FUSED, { 4 * $most }, { 2 * $most }, $most>(),
                    32 => self.all::<FUSED, { 2 * $half }, $half, $half>(),
                    _ => self.all::<FUSED, { 2 * $least }, $least, $least>(),
                }
            }
        }
    };
}

kernel!(f32, 16, 8, 4);
kernel!(f64, 8, 4, 4);

impl<E: Real> Direct<'_, E> {
    /// In tiles of S columns, then of H and of Q.
    #[inline(always)]
    fn all<const FUSED: bool, const S: usize, const H: usize, const Q: usize>(mut self) {
        let [m, k, n] = self.sizes;
        assert!(n >= Self::FEWEST && Q <= Self::FEWEST, "{n} columns are too few");
        assert_eq!(self.a.len(), m * k, "left factor of [{m}, {k}] · [{k}, {n}]");
        assert_eq!(self.b.len(), k * n, "right factor of [{m}, {k}] · [{k}, {n}]");
        assert_eq!(self.c.len(), m * n, "result of [{m}, {k}] · [{k}, {n}]");
        let mut column = 0;
        while n - column >= S {
            self.columns::<FUSED, S>(column, 0);
            column += S;
        }
        if n - column >= H {
            self.columns::<FUSED, H>(column, 0);
            column += H;
        }
        while n - column >= Q {
            self.columns::<FUSED, Q>(column, 0);
            column += Q;
        }
        if column < n {
            self.columns::<FUSED, Q>(n - Q, Q - (n - column));
        }
    }

    /// All rows of S columns of C, from `column` on, the first of which may have been `seen` before.
    #[inline(always)]
    fn columns<const FUSED: bool, const S: usize>(&mut self, column: usize, seen: usize) {
        let m = self.sizes[0];
        let (groups, mut row) = (m.div_ceil(ROWS), 0);
        for group in 0..groups {
            let rows = (m - row).div_ceil(groups - group); // of almost equal size: 9 = 3 + 3 + 3
            match rows {
                1 => self.tile::<FUSED, 1, S>(row, column, seen),
                2 => self.tile::<FUSED, 2, S>(row, column, seen),
                3 => self.tile::<FUSED, 3, S>(row, column, seen),
                4 => self.tile::<FUSED, 4, S>(row, column, seen),
                _ => unreachable!("a group has 1 to {ROWS} rows"),
            }
            row += rows;
        }
    }

    /// R rows of S columns of C.
    #[inline(always)]
    fn tile<const FUSED: bool, const R: usize, const S: usize>(
        &mut self,
        row: usize,
        column: usize,
        seen: usize,
    ) {
        let [m, k, n] = self.sizes;
        let mut sums = [[E::default(); S]; R];
        let lines = self.b.chunks_exact(n);
        if self.a_transposed {
            for (a, b) in self.a.chunks_exact(m).zip(lines) {
                let a: &[E; R] = a[row..].first_chunk().expect("rows of a group");
                add::<E, FUSED, R, S>(&mut sums, a, &b[column..]);
            }
        } else {
            let rows: [&[E]; R] = from_fn(|r| &self.a[(row + r) * k..][..k]);
            for (l, b) in lines.enumerate() {
                let mut a = [E::default(); R];
                for r in 0..R {
                    a[r] = rows[r][l];
                }
                add::<E, FUSED, R, S>(&mut sums, &a, &b[column..]);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let c: &mut [E; S] =
                self.c[(row + r) * n + column..].first_chunk_mut().expect("columns of C");
            match self.accumulate {
                false => *c = *sums,
                true => c[seen..].iter_mut().zip(&sums[seen..]).for_each(|(c, &sum)| *c += sum),
            }
        }
    }
}

/// Adds the products of R numbers of A with S of B to the sums.
#[inline(always)]
fn add<E: Real, const FUSED: bool, const R: usize, const S: usize>(
    sums: &mut [[E; S]; R],
    a: &[E; R],
    b: &[E],
) {
    let b: &[E; S] = b.first_chunk().expect("columns of B");
    for r in 0..R {
        for s in 0..S {
            let sum = sums[r][s];
            sums[r][s] = if FUSED { a[r].mul_add(b[s], sum) } else { a[r] * b[s] + sum };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{levels, run_at};
    use super::*;

    macro_rules! check {
        ($float:ident, $tolerance:expr) => {
            let (ms, ks) = ([0_usize, 1, 2, 5, 24, 100], [0_usize, 1, 25, 129]);
            let ns = [16_usize, 17, 31, 32, 47, 48, 63, 64, 65, 100, 128, 150];
            let sizes = ms.iter().flat_map(|&m| ks.map(|k| (m, k)));
            for ((m, k), n) in sizes.flat_map(|mk| ns.map(|n| (mk, n))) {
                let number = |i: usize| ((i * 37 % 101) as $float - 50.0) / 50.0;
                let a: Vec<$float> = (0..m * k).map(number).collect();
                let b: Vec<$float> = (0..k * n).map(|i| number(i + 11)).collect();
                for (name, level) in levels() {
                    for (a_transposed, accumulate) in
                        [(false, false), (true, false), (false, true), (true, true)]
                    {
                        let start = if accumulate { 0.5 } else { $float::NAN };
                        let mut c = vec![start; m * n];
                        let (a, b, sizes) = (&a[..], &b[..], [m, k, n]);
                        run_at(level, Direct { sizes, a, a_transposed, b, c: &mut c, accumulate });
                        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                            let at = |l: usize| if a_transposed { l * m + i } else { i * k + l };
                            let term = |l: usize| f64::from(a[at(l)]) * f64::from(b[l * n + j]);
                            let before = if accumulate { 0.5 } else { 0.0 };
                            let exact = before + (0..k).map(term).sum::<f64>();
                            let error = (f64::from(c[i * n + j]) - exact).abs();
                            assert!(
                                error <= $tolerance * (1.0 + k as f64),
                                "{name}, [{m}, {k}] · [{k}, {n}], {a_transposed}, {accumulate}, at {i}, {j}: {error:e}"
                            );
                        }
                    }
                }
            }
        };
    }

    #[test]
    fn a_product_of_stored_factors_equals_three_loops_at_every_level() {
        check!(f32, 2e-7);
        check!(f64, 4e-16);
    }
}
