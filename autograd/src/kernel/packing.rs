//! Copying a matrix into panels.
//!
//! ```text
//! panel    P columns of W [k, n] as [k, P]; the columns that the last panel lacks are zeros
//! plain    W stored [k, n]: lines of P numbers are copied
//! columns  W stored [n, k]: blocks of 16 × 16 are transposed, each as 16 blocks of 4 × 4 in registers
//! ```
//!
//! A block of 16 × 16 reads and writes whole lines of the processor's cache (64 bytes, 16 `f32`), so both ways run at
//! about the rate of a plain copy.

use std::array::from_fn;

use super::Kernel;
use super::panels::Real;

/// The side of a block that is transposed.
const BLOCK: usize = 16;
/// The side of the blocks that fit into registers.
const SMALL: usize = 4;

/// W [k, n], or W stored transposed [n, k], into panels of P columns.
pub(crate) struct Pack<'a, E, const P: usize> {
    /// W as it is stored, each row `stride` numbers after the one before it.
    pub(crate) w: &'a [E],
    pub(crate) stride: usize,
    /// k and n.
    pub(crate) sizes: [usize; 2],
    pub(crate) transposed: bool,
    pub(crate) panels: &'a mut [E],
}

impl<E: Real, const P: usize> Kernel for Pack<'_, E, P> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        let [k, n] = self.sizes;
        if k == 0 || n == 0 {
            return;
        }
        let [rows, columns] = if self.transposed { [n, k] } else { [k, n] };
        let needed = (rows - 1) * self.stride + columns;
        assert!(self.w.len() >= needed, "matrix [{k}, {n}] to pack");
        assert_eq!(self.panels.len(), k * n.next_multiple_of(P), "panels of [{k}, {n}]");
        for (number, panel) in self.panels.chunks_exact_mut(k * P).enumerate() {
            let lines = panel.as_chunks_mut::<P>().0;
            let first = number * P;
            let columns = P.min(n - first);
            if columns < P {
                lines.iter_mut().for_each(|line| line[columns..].fill(E::default()));
            }
            if self.transposed {
                transpose(&self.w[first * self.stride..], self.stride, columns, lines);
                continue;
            }
            for (l, line) in lines.iter_mut().enumerate() {
                let row = &self.w[l * self.stride + first..][..columns];
                match row.first_chunk() {
                    Some(whole) => *line = *whole,
                    None => line[..columns].copy_from_slice(row),
                }
            }
        }
    }
}

/// Writes `count` rows into a panel, as its first columns.
#[inline(always)]
fn transpose<E: Real, const P: usize>(
    rows: &[E],
    stride: usize,
    count: usize,
    lines: &mut [[E; P]],
) {
    for column in (0..count).step_by(BLOCK) {
        let rows = &rows[column * stride..];
        let columns = BLOCK.min(count - column);
        let (blocks, rest) = match columns == BLOCK {
            true => lines.as_chunks_mut::<BLOCK>(),
            false => (&mut [][..], &mut *lines),
        };
        let first = blocks.len() * BLOCK;
        for (number, block) in blocks.iter_mut().enumerate() {
            for from in (0..BLOCK).step_by(SMALL) {
                let four: [&[E; BLOCK]; SMALL] = from_fn(|r| {
                    let row = &rows[(from + r) * stride + number * BLOCK..];
                    row.first_chunk().expect("a block ends where the row does or before")
                });
                for l in (0..BLOCK).step_by(SMALL) {
                    let small = E::transposed(from_fn(|r| from_fn(|i| four[r][l + i])));
                    for (i, numbers) in small.iter().enumerate() {
                        block[l + i][column + from..][..SMALL].copy_from_slice(numbers);
                    }
                }
            }
        }
        for (l, line) in rest.iter_mut().enumerate() {
            let numbers = rows[first + l..].iter().step_by(stride);
            line[column..][..columns].iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::panels::{F32, F64};
    use super::super::{levels, run_at};
    use super::*;

    macro_rules! check {
        ($float:ident, $panel:expr) => {
            let sizes = [0_usize, 1, 2, 3, 15, 16, 17, 33, 64, 100, 129];
            for (k, n) in sizes.iter().flat_map(|&k| sizes.map(|n| (k, n))) {
                for transposed in [false, true] {
                    // One number more at the end of each row, which must not come along.
                    let stride = if transposed { k } else { n } + 1;
                    let w: Vec<$float> =
                        (0..(k + 1) * (n + 1)).map(|i| 1.0 + i as $float).collect();
                    for (name, level) in levels() {
                        let mut panels = vec![$float::NAN; k * n.next_multiple_of($panel)];
                        let sizes = [k, n];
                        let pack = Pack::<_, $panel> {
                            w: &w,
                            stride,
                            sizes,
                            transposed,
                            panels: &mut panels,
                        };
                        run_at(level, pack);
                        for (i, &number) in panels.iter().enumerate() {
                            let (l, j) = (i / $panel % k, i / $panel / k * $panel + i % $panel);
                            let want = match transposed {
                                _ if j >= n => 0.0,
                                true => w[j * stride + l],
                                false => w[l * stride + j],
                            };
                            assert_eq!(
                                number, want,
                                "{name}, [{k}, {n}], {transposed}, [{l}, {j}]"
                            );
                        }
                    }
                }
            }
        };
    }

    #[test]
    fn each_number_comes_to_its_place_and_the_rest_is_zero() {
        check!(f32, F32);
        check!(f64, F64);
    }
}
