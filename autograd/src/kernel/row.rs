//! One row times a matrix that stays as it is stored.
//!
//! ```text
//! sums of rows    y_j = Σ_l x_l w_jl     W stored [n, k]: each number of y is a sum over a row of W
//! rows, summed    y_j = Σ_l x_l w_lj     W stored [k, n]: the rows of W are added up, up to 8 registers of y at a time
//! ```
//!
//! Each number of W is used once, so the time is that of reading W once, in order. Copying it into panels first pays only
//! if it is multiplied some hundred times.
//!
//! A length that is not whole registers ends with one that begins further left: in sums of rows x is zero where it
//! overlaps the one before, and of summed rows only what is new is kept.

use std::array::from_fn;

use super::Kernel;
use super::panels::Real;

/// How many rows of W are summed side by side.
const ROWS: usize = 4;

/// y = x Wᵀ for W stored [n, k], or y + x Wᵀ if `accumulate`.
pub(crate) struct SumsOfRows<'a, E> {
    pub(crate) x: &'a [E],
    pub(crate) w: &'a [E],
    pub(crate) y: &'a mut [E],
    pub(crate) accumulate: bool,
}

/// y = x W for W stored [k, n], or y + x W if `accumulate`.
pub(crate) struct RowsSummed<'a, E> {
    pub(crate) x: &'a [E],
    pub(crate) w: &'a [E],
    pub(crate) y: &'a mut [E],
    pub(crate) accumulate: bool,
}

macro_rules! kernels {
    ($float:ident, $most:literal, $half:literal, $least:literal) => {
        impl Kernel for SumsOfRows<'_, $float> {
            #[inline(always)]
            fn run<const FUSED: bool, const BYTES: usize>(self) {
                match BYTES {
                    64 => self.all::<FUSED, $most>(),
                    32 => self.all::<FUSED, $half>(),
                    _ => self.all::<FUSED, $least>(),
                }
            }
        }

        impl Kernel for RowsSummed<'_, $float> {
            #[inline(always)]
            fn run<const FUSED: bool, const BYTES: usize>(self) {
                match BYTES {
                    64 => blocks!(self, FUSED, $most),
                    32 => blocks!(self, FUSED, $half),
                    _ => blocks!(self, FUSED, $least),
                }
            }
        }
    };
}

/// All columns, in blocks of at most 8 registers of L numbers.
macro_rules! blocks {
    ($kernel:ident, $fused:ident, $l:literal) => {{
        let mut kernel = $kernel;
        let mut first = kernel.start::<$l>();
        while first < kernel.y.len() {
            first += match (kernel.y.len() - first).div_ceil($l) {
                1 => kernel.columns::<$fused, $l, 0>(first),
                2 => kernel.columns::<$fused, $l, $l>(first),
                3 => kernel.columns::<$fused, $l, { 2 * $l }>(first),
                4 => kernel.columns::<$fused, $l, { 3 * $l }>(first),
                5 => kernel.columns::<$fused, $l, { 4 * $l }>(first),
                6 => kernel.columns::<$fused, $l, { 5 * $l }>(first),
                7 => kernel.columns::<$fused, $l, { 6 * $l }>(first),
                _ => kernel.columns::<$fused, $l, { 7 * $l }>(first),
            };
        }
    }};
}

kernels!(f32, 16, 8, 4);
kernels!(f64, 8, 4, 4);

/// a b + c.
#[inline(always)]
fn mul_add<E: Real, const FUSED: bool>(a: E, b: E, c: E) -> E {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

impl<E: Real> SumsOfRows<'_, E> {
    /// With registers of L numbers.
    #[inline(always)]
    fn all<const FUSED: bool, const L: usize>(self) {
        let Self { x, w, y, accumulate } = self;
        let k = x.len();
        assert_eq!(w.len(), k * y.len(), "a row of {k} numbers times a matrix of {}", w.len());
        if !accumulate {
            y.fill(E::default());
        }
        let (xs, rest) = x.as_chunks::<L>();
        if xs.is_empty() {
            // Too short for a register.
            for (j, y) in y.iter_mut().enumerate() {
                let row = &w[j * k..][..k];
                *y += x.iter().zip(row).fold(E::default(), |sum, (&x, &w)| sum + x * w);
            }
            return;
        }
        let mut last = [E::default(); L];
        last[L - rest.len()..].copy_from_slice(rest);
        let last = (!rest.is_empty()).then_some(&last);

        let (blocks, single) = y.as_chunks_mut::<ROWS>();
        let (w, w_single) = w.split_at(blocks.len() * ROWS * k);
        for (y, w) in blocks.iter_mut().zip(w.chunks_exact(ROWS * k)) {
            let rows = from_fn(|r| &w[r * k..][..k]);
            let sums = E::transposed(sums::<E, FUSED, L, ROWS>(rows, xs, last).map(four));
            for r in 0..ROWS {
                y[r] += (sums[0][r] + sums[1][r]) + (sums[2][r] + sums[3][r]);
            }
        }
        for (y, row) in single.iter_mut().zip(w_single.chunks_exact(k)) {
            let [sums] = sums::<E, FUSED, L, 1>([row], xs, last).map(four);
            *y += (sums[0] + sums[1]) + (sums[2] + sums[3]);
        }
    }
}

/// The products of R rows of W with x, added up number by number in registers of L.
#[inline(always)]
fn sums<E: Real, const FUSED: bool, const L: usize, const R: usize>(
    rows: [&[E]; R],
    xs: &[[E; L]],
    last: Option<&[E; L]>,
) -> [[E; L]; R] {
    let whole = rows.map(|row| &row.as_chunks::<L>().0[..xs.len()]);
    let mut sums = [[E::default(); L]; R];
    for (c, x) in xs.iter().enumerate() {
        for r in 0..R {
            for s in 0..L {
                sums[r][s] = mul_add::<E, FUSED>(x[s], whole[r][c][s], sums[r][s]);
            }
        }
    }
    if let Some(x) = last {
        for r in 0..R {
            let w: &[E; L] = rows[r].last_chunk().expect("a row is at least a register long");
            for s in 0..L {
                sums[r][s] = mul_add::<E, FUSED>(x[s], w[s], sums[r][s]);
            }
        }
    }
    sums
}

/// L sums, 4, 8 or 16, as four: halves are added to halves.
#[inline(always)]
fn four<E: Real, const L: usize>(sums: [E; L]) -> [E; 4] {
    match L {
        16 => four(added::<E, 8>(&sums)),
        8 => added(&sums),
        _ => *sums.first_chunk().expect("four sums"),
    }
}

/// The first H numbers, and the last H added to them.
#[inline(always)]
fn added<E: Real, const H: usize>(sums: &[E]) -> [E; H] {
    let mut first: [E; H] = *sums.first_chunk().expect("two halves");
    let last: &[E; H] = sums.last_chunk().expect("two halves");
    for s in 0..H {
        first[s] += last[s];
    }
    first
}

impl<E: Real> RowsSummed<'_, E> {
    /// The first column that is left for registers of L numbers: all if there are fewer.
    #[inline(always)]
    fn start<const L: usize>(&mut self) -> usize {
        let (k, n) = (self.x.len(), self.y.len());
        assert_eq!(self.w.len(), k * n, "a row of {k} numbers times a matrix of {}", self.w.len());
        if n >= L {
            return 0;
        }
        if !self.accumulate {
            self.y.fill(E::default());
        }
        for (&x, row) in self.x.iter().zip(self.w.chunks_exact(n.max(1))) {
            self.y.iter_mut().zip(row).for_each(|(y, &w)| *y += x * w);
        }
        n
    }

    /// At most W + L columns of y from `first` on: W of them, and a register that may begin further left. Returns how many.
    #[inline(always)]
    fn columns<const FUSED: bool, const L: usize, const W: usize>(
        &mut self,
        first: usize,
    ) -> usize {
        let n = self.y.len();
        let end = n.min(first + W + L);
        let (mut sums, mut sums_last) = ([E::default(); W], [E::default(); L]);
        for (&x, row) in self.x.iter().zip(self.w.chunks_exact(n)) {
            let w: &[E; W] = row[first..].first_chunk().expect("columns of W");
            let last: &[E; L] = row[end - L..].first_chunk().expect("columns of W");
            for s in 0..W {
                sums[s] = mul_add::<E, FUSED>(x, w[s], sums[s]);
            }
            for s in 0..L {
                sums_last[s] = mul_add::<E, FUSED>(x, last[s], sums_last[s]);
            }
        }
        let seen = first + W - (end - L); // how many numbers of the last register are also among the others
        let y = &mut self.y[first..end];
        if self.accumulate {
            y[..W].iter_mut().zip(&sums).for_each(|(y, &sum)| *y += sum);
            y[W..].iter_mut().zip(&sums_last[seen..]).for_each(|(y, &sum)| *y += sum);
        } else {
            *y.first_chunk_mut().expect("W columns") = sums;
            // Of a last register that begins before `first`, only what is new.
            y[W..].copy_from_slice(&sums_last[seen..]);
        }
        end - first
    }
}

#[cfg(test)]
mod tests {
    use super::super::{levels, run_at};
    use super::*;

    macro_rules! check {
        ($float:ident, $tolerance:expr) => {
            let sizes = [0_usize, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100, 127, 128, 129, 300];
            for (k, n) in sizes.iter().flat_map(|&k| sizes.map(|n| (k, n))) {
                let number = |i: usize| ((i * 37 % 101) as $float - 50.0) / 50.0;
                let x: Vec<$float> = (0..k).map(number).collect();
                let start: Vec<$float> = (0..n).map(|i| number(i + 5)).collect();
                let w: Vec<$float> = (0..k * n).map(|i| number(i + 11)).collect();
                for ((name, level), (transposed, accumulate)) in levels()
                    .into_iter()
                    .flat_map(|level| [(false, false), (false, true), (true, false), (true, true)].map(|c| (level, c)))
                {
                    let mut y = if accumulate { start.clone() } else { vec![$float::NAN; n] };
                    let (x, w) = (&x[..], &w[..]);
                    match transposed {
                        true => run_at(level, SumsOfRows { x, w, y: &mut y, accumulate }),
                        false => run_at(level, RowsSummed { x, w, y: &mut y, accumulate }),
                    }
                    for j in 0..n {
                        let at = |l: usize| if transposed { j * k + l } else { l * n + j };
                        let before = if accumulate { f64::from(start[j]) } else { 0.0 };
                        let exact: f64 = (0..k).map(|l| f64::from(x[l]) * f64::from(w[at(l)])).sum();
                        let error = (f64::from(y[j]) - before - exact).abs();
                        assert!(
                            error <= $tolerance * (1.0 + k as f64),
                            "{name}, {k} times [{k}, {n}], {transposed}, {accumulate}, at {j}: {error:e}"
                        );
                    }
                }
            }
        };
    }

    #[test]
    fn one_row_times_a_matrix_equals_the_definition_at_every_level() {
        check!(f32, 4e-7);
        check!(f64, 8e-16);
    }
}
