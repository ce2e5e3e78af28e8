//! Products with a matrix that lies in panels, for few rows.
//!
//! ```text
//! C [m, n] = A [m, k] · W [k, n]       W in panels of P columns, each [k, P], the last one filled with zeros
//!
//! tile     R rows of A with S columns of a panel: R × S sums, which stay in registers for all of k
//! rows     in groups of almost equal size: 20 = 5 × 4, 17 = 4 + 4 + 3 + 3 + 3
//! ```
//!
//! A general product copies its factors into such an order at every call, which for few rows takes longer than
//! multiplying. A matrix that is used at every step of a sequence is copied once.
//!
//! How many columns a tile has depends on the number of its rows: a sum waits for the one before it, so that at least
//! 8 registers of sums are needed to keep the processor busy (4 of the longest), and there are 16 (32 of the longest).
//!
//! The last columns, if they are at most a half or a quarter of a panel, are computed in a narrower tile.
//!
//! Every number of C is one sum in the order of k, whatever the tile: a row gives the same bytes in any company.

use std::array::from_fn;
use std::ops::{Add, AddAssign, Mul};

use super::{Kernel, transpose};

/// Columns of a panel of `f32`: 256 bytes, 4 registers of AVX-512.
pub(crate) const F32: usize = 64;
/// Columns of a panel of `f64`, of the same bytes.
pub(crate) const F64: usize = 32;

/// What the sums need of a number.
pub(crate) trait Real:
    Copy + Default + Add<Output = Self> + AddAssign + Mul<Output = Self>
{
    /// `self` b + c, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// The rows of a small matrix as columns.
    fn transposed(rows: [[Self; 4]; 4]) -> [[Self; 4]; 4];
}

impl Real for f32 {
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }

    #[inline(always)]
    fn transposed(rows: [[Self; 4]; 4]) -> [[Self; 4]; 4] {
        transpose::singles(rows)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }

    #[inline(always)]
    fn transposed(rows: [[Self; 4]; 4]) -> [[Self; 4]; 4] {
        transpose::doubles(rows)
    }
}

/// C = A · W, or C + A · W if `accumulate`.
pub(crate) struct Product<'a, E> {
    /// m, k and n.
    pub(crate) sizes: [usize; 3],
    /// The rows of A, each `stride` numbers after the one before it; or its columns, if `by_columns`.
    pub(crate) a: &'a [E],
    pub(crate) stride: usize,
    pub(crate) by_columns: bool,
    pub(crate) panels: &'a [E],
    pub(crate) c: &'a mut [E],
    pub(crate) accumulate: bool,
}

impl Kernel for Product<'_, f32> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        match BYTES {
            64 => self.all::<FUSED, F32, 32, 16, 64, 64, 64, 4>(),
            32 => self.all::<FUSED, F32, 32, 16, 64, 32, 16, 6>(),
            _ => self.all::<FUSED, F32, 32, 16, 32, 16, 8, 4>(),
        }
    }
}

impl Kernel for Product<'_, f64> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        match BYTES {
            64 => self.all::<FUSED, F64, 16, 8, 32, 32, 32, 4>(),
            32 => self.all::<FUSED, F64, 16, 8, 32, 16, 8, 6>(),
            _ => self.all::<FUSED, F64, 16, 8, 16, 8, 4, 4>(),
        }
    }
}

impl<E: Real> Product<'_, E> {
    /// The product with panels of P columns (H are a half of them, Q a quarter), by groups of at most `MOST` rows, and
    /// tiles of `ONE` columns for one row, `TWO` for two, `MORE` for more.
    #[inline(always)]
    fn all<
        const FUSED: bool,
        const P: usize,
        const H: usize,
        const Q: usize,
        const ONE: usize,
        const TWO: usize,
        const MORE: usize,
        const MOST: usize,
    >(
        mut self,
    ) {
        let [m, k, n] = self.sizes;
        let [lines, length] = if self.by_columns { [k, m] } else { [m, k] };
        let needed = if m * k == 0 { 0 } else { (lines - 1) * self.stride + length };
        assert!(self.a.len() >= needed, "left factor of a product [{m}, {k}] · [{k}, {n}]");
        assert_eq!(self.panels.len(), k * n.next_multiple_of(P), "panels of [{k}, {n}]");
        assert_eq!(self.c.len(), m * n, "result of a product [{m}, {k}] · [{k}, {n}]");
        if m == 0 {
            return;
        }
        if k == 0 && !self.accumulate {
            self.c.fill(E::default());
        }
        let groups = m.div_ceil(MOST);
        let (fewest, larger) = (m / groups, m % groups);
        for (number, panel) in self.panels.chunks_exact((k * P).max(1)).enumerate() {
            let panel = panel.as_chunks::<P>().0;
            let column = number * P;
            let mut row = 0;
            for group in 0..groups {
                let rows = fewest + usize::from(group < larger);
                match rows {
                    1 => self.tiles::<FUSED, P, H, Q, 1, ONE>(panel, row, column),
                    2 => self.tiles::<FUSED, P, H, Q, 2, TWO>(panel, row, column),
                    3 => self.tiles::<FUSED, P, H, Q, 3, MORE>(panel, row, column),
                    4 => self.tiles::<FUSED, P, H, Q, 4, MORE>(panel, row, column),
                    5 if MOST > 4 => self.tiles::<FUSED, P, H, Q, 5, MORE>(panel, row, column),
                    6 if MOST > 5 => self.tiles::<FUSED, P, H, Q, 6, MORE>(panel, row, column),
                    _ => unreachable!("a group has 1 to {MOST} rows"),
                }
                row += rows;
            }
        }
    }

    /// R rows of C, from `row` on, in the columns of a panel, the first of which is `column`.
    #[inline(always)]
    fn tiles<
        const FUSED: bool,
        const P: usize,
        const H: usize,
        const Q: usize,
        const R: usize,
        const S: usize,
    >(
        &mut self,
        panel: &[[E; P]],
        row: usize,
        column: usize,
    ) {
        if self.by_columns {
            let columns = Columns::<'_, E, R> { first: &self.a[row..], stride: self.stride };
            self.tiles_of::<FUSED, P, H, Q, R, S>(columns, panel, row, column);
        } else {
            let rows = from_fn(|r| &self.a[(row + r) * self.stride..][..panel.len()]);
            self.tiles_of::<FUSED, P, H, Q, R, S>(rows, panel, row, column);
        }
    }

    #[inline(always)]
    fn tiles_of<
        const FUSED: bool,
        const P: usize,
        const H: usize,
        const Q: usize,
        const R: usize,
        const S: usize,
    >(
        &mut self,
        rows: impl Rows<E, R>,
        panel: &[[E; P]],
        row: usize,
        column: usize,
    ) {
        let n = self.sizes[2];
        for first in (0..P.min(n - column)).step_by(S) {
            let place = [row, column + first];
            match n - column - first {
                rest if S > Q && rest <= Q => {
                    self.put(tile::<E, FUSED, P, R, Q>(rows, panel, first), place);
                }
                rest if S > H && rest <= H => {
                    self.put(tile::<E, FUSED, P, R, H>(rows, panel, first), place);
                }
                _ => self.put(tile::<E, FUSED, P, R, S>(rows, panel, first), place),
            }
        }
    }

    /// Writes or adds the sums of a tile at a row and column of C.
    #[inline(always)]
    fn put<const R: usize, const S: usize>(
        &mut self,
        sums: [[E; S]; R],
        [row, column]: [usize; 2],
    ) {
        let n = self.sizes[2];
        for (r, sums) in sums.iter().enumerate() {
            let c = &mut self.c[(row + r) * n + column..(row + r + 1) * n];
            match c.first_chunk_mut() {
                Some(c) => put::<E, S>(c, sums, self.accumulate),
                None => {
                    // The last columns of C: what the zeros in the panel gave is left out.
                    let mut whole = [E::default(); S];
                    whole[..c.len()].copy_from_slice(c);
                    put(&mut whole, sums, self.accumulate);
                    c.copy_from_slice(&whole[..c.len()]);
                }
            }
        }
    }
}

/// R rows of A, however they lie.
trait Rows<E, const R: usize>: Copy {
    /// The numbers of the rows in the l-th column.
    fn column(self, l: usize) -> [E; R];
}

/// Rows that lie one by one.
impl<E: Real, const R: usize> Rows<E, R> for [&[E]; R] {
    #[inline(always)]
    fn column(self, l: usize) -> [E; R] {
        let mut column = [E::default(); R];
        for r in 0..R {
            column[r] = self[r][l];
        }
        column
    }
}

/// Rows of a matrix that is stored by columns, from the first one's first number on.
#[derive(Clone, Copy)]
struct Columns<'a, E, const R: usize> {
    first: &'a [E],
    stride: usize,
}

impl<E: Real, const R: usize> Rows<E, R> for Columns<'_, E, R> {
    #[inline(always)]
    fn column(self, l: usize) -> [E; R] {
        *self.first[l * self.stride..].first_chunk().expect("a column has all rows")
    }
}

/// Σ_l a_rl w_ls for R rows and for S columns of a panel, from `first` on.
#[inline(always)]
fn tile<E: Real, const FUSED: bool, const P: usize, const R: usize, const S: usize>(
    rows: impl Rows<E, R>,
    panel: &[[E; P]],
    first: usize,
) -> [[E; S]; R] {
    let mut sums = [[E::default(); S]; R];
    for (l, line) in panel.iter().enumerate() {
        let w: &[E; S] = line[first..].first_chunk().expect("a panel is whole tiles");
        let column = rows.column(l);
        for r in 0..R {
            let a = column[r];
            for s in 0..S {
                let sum = sums[r][s];
                sums[r][s] = if FUSED { a.mul_add(w[s], sum) } else { a * w[s] + sum };
            }
        }
    }
    sums
}

/// c = sums, or c + sums.
#[inline(always)]
fn put<E: Real, const S: usize>(c: &mut [E; S], sums: &[E; S], accumulate: bool) {
    if accumulate {
        for s in 0..S {
            c[s] += sums[s];
        }
    } else {
        *c = *sums;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{levels, run_at};
    use super::*;

    /// W [k, n] in panels of P columns.
    fn in_panels<E: Real>(w: &[E], [k, n]: [usize; 2], p: usize) -> Vec<E> {
        let mut panels = vec![E::default(); k * n.next_multiple_of(p)];
        for l in 0..k {
            for j in 0..n {
                panels[(j / p * k + l) * p + j % p] = w[l * n + j];
            }
        }
        panels
    }

    /// The sizes to test: of a batch, of a layer, and edges.
    const SIZES: [usize; 9] = [0, 1, 2, 3, 17, 33, 64, 100, 129];

    macro_rules! check {
        ($float:ident, $panel:expr, $tolerance:expr) => {
            let number = |i: usize| ((i * 37 % 101) as $float - 50.0) / 50.0;
            for (m, k, n) in SIZES
                .iter()
                .flat_map(|&m| SIZES.map(|k| (m, k)))
                .flat_map(|(m, k)| SIZES.map(|n| (m, k, n)))
            {
                let a: Vec<$float> = (0..m * k).map(number).collect();
                let columns: Vec<$float> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
                let w: Vec<$float> = (0..k * n).map(|i| number(i + 11)).collect();
                let start: Vec<$float> = (0..m * n).map(|i| number(i + 5)).collect();
                let panels = in_panels(&w, [k, n], $panel);
                let mut exact = vec![0.0_f64; m * n];
                for i in 0..m {
                    for j in 0..n {
                        for l in 0..k {
                            exact[i * n + j] += f64::from(a[i * k + l]) * f64::from(w[l * n + j]);
                        }
                    }
                }
                for (name, level) in levels() {
                    for (accumulate, by_columns) in
                        [(false, false), (true, false), (false, true)]
                    {
                        let mut c = match accumulate {
                            true => start.clone(),
                            false => vec![$float::NAN; m * n],
                        };
                        let product = Product {
                            sizes: [m, k, n],
                            a: if by_columns { &columns } else { &a },
                            stride: if by_columns { m } else { k },
                            by_columns,
                            panels: &panels,
                            c: &mut c,
                            accumulate,
                        };
                        run_at(level, product);
                        for i in 0..m * n {
                            let before = if accumulate { f64::from(start[i]) } else { 0.0 };
                            let error = (f64::from(c[i]) - before - exact[i]).abs();
                            assert!(
                                error <= $tolerance * (1.0 + k as f64),
                                "{name}, [{m}, {k}] · [{k}, {n}], {accumulate}, {by_columns}, at {i}: {error:e}"
                            );
                        }
                    }
                }
            }
        };
    }

    #[test]
    fn a_product_of_f32_equals_three_loops_at_every_level() {
        check!(f32, F32, 2e-7);
    }

    #[test]
    fn a_product_of_f64_equals_three_loops_at_every_level() {
        check!(f64, F64, 4e-16);
    }

    #[test]
    fn a_row_gives_the_same_bytes_in_any_company() {
        let [k, n] = [129, 200];
        let number = |i: usize| ((i * 37 % 101) as f32).sin();
        let a: Vec<f32> = (0..40 * k).map(number).collect();
        let w: Vec<f32> = (0..k * n).map(|i| number(i + 11)).collect();
        let panels = in_panels(&w, [k, n], F32);
        for (name, level) in levels() {
            let rows = |from: usize, m: usize| {
                let mut c = vec![0.0; m * n];
                let product = Product {
                    sizes: [m, k, n],
                    a: &a[from * k..(from + m) * k],
                    stride: k,
                    by_columns: false,
                    panels: &panels,
                    c: &mut c,
                    accumulate: false,
                };
                run_at(level, product);
                c.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            let all = rows(0, 40);
            for m in 1..14 {
                for from in [0, 1, 26] {
                    assert_eq!(rows(from, m), all[from * n..(from + m) * n], "{name}, {m} rows");
                }
            }
        }
    }
}
