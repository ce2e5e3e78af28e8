//! Some columns of a matrix, side by side, and the sum of each.
//!
//! A block of rows is added up in registers while it is copied. Whoever adds up more rows does it block by block: a sum of
//! many thousand numbers one after the other would lose digits of `f32`.

use super::Kernel;
use super::panels::Real;

/// How many columns are copied at once: 4 registers of AVX-512 full of `f32`, or one where fewer columns are left.
const MANY: usize = 64;
const FEW: usize = 16;

/// The first `width` columns of a block of rows, copied and added up.
pub(crate) struct Columns<'a, E> {
    /// The rows, each `stride` numbers after the one before it.
    pub(crate) from: &'a [E],
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Where they are copied, [rows, width]; empty if they are not to be.
    pub(crate) to: &'a mut [E],
    /// To what the sum of the block is added, [width]; empty if it is not wanted.
    pub(crate) sums: &'a mut [E],
}

impl<E: Real> Kernel for Columns<'_, E> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(mut self) {
        let [many, few] = [MANY, FEW].map(|strip| self.width / strip * strip);
        (0..many).step_by(MANY).for_each(|first| self.strip::<MANY>(first));
        (many..few).step_by(FEW).for_each(|first| self.strip::<FEW>(first));
        (few..self.width).for_each(|first| self.strip::<1>(first));
    }
}

impl<E: Real> Columns<'_, E> {
    /// S columns, from `first` on.
    #[inline(always)]
    fn strip<const S: usize>(&mut self, first: usize) {
        let mut block = [E::default(); S];
        for row in 0..self.rows {
            let numbers = self.from[row * self.stride + first..].first_chunk::<S>();
            let numbers = numbers.expect("a row has all columns");
            if !self.to.is_empty() {
                let to = self.to[row * self.width + first..].first_chunk_mut::<S>();
                *to.expect("room for all rows and columns") = *numbers;
            }
            block.iter_mut().zip(numbers).for_each(|(sum, &x)| *sum += x);
        }
        if !self.sums.is_empty() {
            self.sums[first..].iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{levels, run_at};
    use super::*;

    macro_rules! check {
        ($float:ident) => {
            for (rows, width) in
                [0, 1, 5, 256].iter().flat_map(|&rows| [0, 1, 17, 100].map(|n| (rows, n)))
            {
                let stride = width + 3; // numbers of other columns, which must not come along
                let from: Vec<$float> =
                    (0..(rows + 1) * stride).map(|i| (i * 37 % 101) as $float).collect();
                let row = |l: usize| &from[l * stride..][..width];
                for (name, level) in levels() {
                    for (copied, summed) in [(true, true), (true, false), (false, true)] {
                        let mut to = vec![$float::NAN; if copied { rows * width } else { 0 }];
                        let mut sums: Vec<$float> = vec![7.0; if summed { width } else { 0 }];
                        let columns = Columns {
                            from: &from,
                            stride,
                            rows,
                            width,
                            to: &mut to,
                            sums: &mut sums,
                        };
                        run_at(level, columns);
                        let case = format!("{name}, [{rows}, {width}], {copied}, {summed}");
                        for (l, to) in to.chunks(width.max(1)).enumerate() {
                            assert_eq!(to, row(l), "{case}, row {l}");
                        }
                        for (j, &sum) in sums.iter().enumerate() {
                            // Whole numbers, and so without rounding.
                            let want = 7.0 + (0..rows).map(|l| row(l)[j]).sum::<$float>();
                            assert_eq!(sum, want, "{case}, column {j}");
                        }
                    }
                }
            }
        };
    }

    #[test]
    fn columns_are_copied_and_added_up_at_every_level() {
        check!(f32);
        check!(f64);
    }
}
