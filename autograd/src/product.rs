//! Matrix products.
//!
//! ```text
//! one row                        the matrix as it is stored, by `kernel/row.rs`
//! one column times a row         plain loops
//! little work, B near            both as they are stored, by `kernel/direct.rs`
//! small, or few columns of B     the `matrixmultiply` crate
//! others                         B in panels, by `product/in_panels.rs`
//! ```
//!
//! matrixmultiply takes raw pointers: the lengths that make them valid are asserted here, at the one call.
//! Products of [`Dual`](crate::Dual) and [`Complex`](crate::Complex) numbers split into products of their components.
#![expect(
    unsafe_code,
    reason = "matrixmultiply's interface is raw pointers; lengths are asserted beside each call"
)]

mod in_panels;

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use crate::few::Few;
use crate::kernel;
use crate::kernel::direct::Direct;
use crate::kernel::row::{RowsSummed, SumsOfRows};
use crate::threads::PIECE;
use in_panels::{Left, Right};

/// Up to how many floating-point operations a product is left to matrixmultiply: those of 16 × 16 matrices, twice.
const SMALL: usize = 4 * 16 * 16 * 16;
/// Up to how many numbers B is multiplied as it is stored.
const MOST_DIRECT: usize = 1 << 16;

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

    /// Whether B is put in panels.
    fn is_large(&self) -> bool {
        let Self { m, k, n, .. } = *self;
        m > 1 && k > 1 && n > 0 && !self.is_direct() && !self.is_small()
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
    ($name:ident, $gradients:ident, $type:ty, $in_panels:path, $gemm:path) => {
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
                let Factors { a_transposed, b_transposed, .. } = factors;
                let left = Left { a, m, k, transposed: a_transposed };
                let right = Right { b, from: 0, k, n, transposed: b_transposed, accumulate };
                return $in_panels(left, &[right], Few::from_iter([c]), &mut []);
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

        /// The gradients of weights and a bias; where the products are large, all of them at once.
        pub(crate) fn $gradients(
            d: &[$type],
            m: usize,
            of: Few<WeightGradient<'_, $type>>,
            d_bias: &mut [$type],
        ) {
            let k = rows_of(d, m, d_bias);
            d_bias.fill(0.0);
            let left = Left { a: d, m, k, transposed: true };
            if !of.iter().all(|of| of.factors(k, m).is_large()) {
                of.into_iter().for_each(|of| of.alone(d, m, $name));
                return $in_panels(left, &[], Few::new(), d_bias);
            }
            let (rights, cs): (Few<_>, Few<_>) = of
                .into_iter()
                .map(|of| {
                    let Factors { k, n, .. } = of.factors(k, m);
                    let (b, from, transposed) = (of.x, of.from, false);
                    (Right { b, from, k, n, transposed, accumulate: false }, of.dw)
                })
                .unzip();
            $in_panels(left, &rights, cs, d_bias);
        }
    };
}

/// How many rows d [rows, m] has; `d_bias` must be as long as one of them, or empty.
pub(crate) fn rows_of<E>(d: &[E], m: usize, d_bias: &[E]) -> usize {
    let rows = d.len().checked_div(m).unwrap_or(0);
    assert_eq!(d.len(), rows * m, "{} numbers are not whole rows of {m}", d.len());
    assert!(d_bias.is_empty() || d_bias.len() == m, "{} sums of {m} columns", d_bias.len());
    rows
}

/// Rows that were multiplied with weights, y = x Wᵀ, and where the gradient of the weights goes: see
/// [`Element::weight_gradients`](crate::Element::weight_gradients).
#[derive(Debug)]
pub struct WeightGradient<'a, E> {
    /// X [k, n].
    pub x: &'a [E],
    /// Beside which row of d its first one is.
    pub from: usize,
    /// dW [m, n].
    pub dw: &'a mut [E],
}

impl<E> WeightGradient<'_, E> {
    /// Those of dᵀ X for the rows of d beside X, of the `rows` that d [rows, m] has.
    fn factors(&self, rows: usize, m: usize) -> Factors {
        let n = self.dw.len().checked_div(m).unwrap_or(0);
        let k = self.x.len().checked_div(n).unwrap_or(0);
        let factors = Factors { m, k, n, a_transposed: true, b_transposed: false };
        factors.assert_lengths(k * m, self.x.len(), self.dw.len());
        assert!(self.from + k <= rows, "{k} rows from {} on, and d has {rows}", self.from);
        factors
    }

    /// dW = dᵀ X, by this product.
    pub(crate) fn alone(
        self,
        d: &[E],
        m: usize,
        multiply: impl FnOnce(Factors, &[E], &[E], &mut [E], bool),
    ) {
        let factors = self.factors(d.len().checked_div(m).unwrap_or(0), m);
        multiply(factors, &d[self.from * m..][..factors.k * m], self.x, self.dw, false);
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

real_product!(f32_product, f32_gradients, f32, in_panels::singles, matrixmultiply::sgemm);
real_product!(f64_product, f64_gradients, f64, in_panels::doubles, matrixmultiply::dgemm);

#[cfg(test)]
mod tests {
    use super::in_panels::{DEPTH, rows_of_a_piece};
    use super::*;
    use crate::Element;

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
                assert_eq!(rows_of_a_piece(m, factors.work()) < m, m == 700);
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

    #[test]
    fn weight_gradients_equal_three_loops() {
        // Rows and columns of d, and of each X the columns, the row of d beside its first one, and its rows.
        let cases: [(usize, usize, &[[usize; 3]]); 7] = [
            (700, 100, &[[128, 0, 700], [40, 20, 680]]),
            (700, 129, &[[200, 300, 400], [130, 0, 510]]), // not all have rows in every block of K
            (700, 100, &[[128, 0, 700], [4, 0, 700]]),     // one of them is small
            (5, 7, &[[3, 0, 5], [4, 1, 4]]),
            (3, 4, &[[2, 3, 0]]),
            (600, 83, &[]),
            (0, 4, &[[2, 0, 0]]),
        ];
        for (rows, m, of) in cases {
            let d: Vec<f64> = (0..rows * m).map(|i| (i as f64).sin()).collect();
            let xs: Vec<Vec<f64>> =
                of.iter().map(|[n, _, k]| (0..k * n).map(|i| (i as f64).cos()).collect()).collect();
            let mut dws: Vec<_> = of.iter().map(|[n, ..]| vec![f64::NAN; m * n]).collect();
            let mut d_bias = vec![f64::NAN; m];
            let gradients = of.iter().zip(&xs).zip(&mut dws);
            let gradients =
                gradients.map(|((&[_, from, _], x), dw)| WeightGradient { x, from, dw }).collect();
            f64::weight_gradients(&d, m, gradients, &mut d_bias);

            let allowed = 1e-15 * rows.max(100) as f64;
            for ((&[n, from, k], x), dw) in of.iter().zip(&xs).zip(&dws) {
                let factors = Factors { m, k, n, a_transposed: true, b_transposed: false };
                for (got, want) in dw.iter().zip(naive(factors, &d[from * m..], x)) {
                    assert!((got - want).abs() <= allowed, "{rows}, {factors:?}: {got}, {want}");
                }
            }
            for (j, got) in d_bias.iter().enumerate() {
                let want: f64 = (0..rows).map(|i| d[i * m + j]).sum();
                assert!((got - want).abs() <= allowed, "sums of [{rows}, {m}]: {got} for {want}");
            }
        }
    }
}
