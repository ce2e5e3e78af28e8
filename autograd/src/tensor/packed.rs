//! A matrix prepared for many products with few rows each: the weights of a recurrent layer.
//!
//! ```text
//! W [K, N] → panels of 64 columns (f32; 32 in f64), each [K, 64], the last one filled with zeros
//! ```
//!
//! [`Tensor::matmul`] copies its factors into an order of its own at every call. With few rows that takes longer than
//! the product itself; a matrix that is used at every step of a sequence is better copied once.
//!
//! Elements other than `f32` and `f64` have one panel of all columns, and the general product.

use std::mem::size_of;

use super::Tensor;
use super::matmul::Matrix;
use crate::element::Element;
use crate::product::Factors;

/// The bytes of a line of the processor's cache, at whose start the panels begin.
const LINE: usize = 64;

/// A matrix W [K, N] to multiply many times from the left, by few rows at a time.
///
/// ```
/// use autograd::Tensor;
/// use autograd::tensor::Packed;
///
/// let w = Tensor::from([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]); // [3, 2], as PyTorch stores it
/// let packed = Packed::new(w.t()); // [2, 3]
/// let x = [1.0, 2.0, 10.0, 20.0]; // two rows
/// let mut y = [0.0; 6];
/// packed.multiply(&x, &mut y);
/// assert_eq!(y, [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
/// packed.add_product(&x[..2], &mut y[..3]);
/// assert_eq!(y[..3], [2.0, 4.0, 6.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Packed<E: Element> {
    /// The panels, with what stands before and behind them so that they begin at a line.
    numbers: Tensor<E>,
    start: usize,
    k: usize,
    n: usize,
}

impl<E: Element> Packed<E> {
    /// Copies a matrix, or a transposed one: `Packed::new(&w)` of W stored [K, N], `Packed::new(w.t())` of [N, K].
    ///
    /// # Panics
    ///
    /// If `w` does not have two axes.
    #[track_caller]
    pub fn new<'a>(w: impl Into<Matrix<&'a Tensor<E>>>) -> Self {
        let w = w.into();
        let [k, n] = sizes(&w);
        let room = length::<E>([k, n]) + LINE / size_of::<E>();
        let numbers = Tensor::<E>::unset(&[room]);
        let start = numbers.data().as_ptr().align_offset(LINE).min(LINE / size_of::<E>());
        let mut packed = Self { numbers, start, k, n };
        packed.set(w);
        packed
    }

    /// Copies another matrix of the same size to where this one was.
    ///
    /// # Panics
    ///
    /// If `w` does not have this matrix's rows and columns.
    #[track_caller]
    pub fn set<'a>(&mut self, w: impl Into<Matrix<&'a Tensor<E>>>) {
        let w = w.into();
        let (size, own) = (sizes(&w), self.shape());
        assert_eq!(
            size, own,
            "packed: a matrix {size:?} does not fit where {own:?} was; use `new`"
        );
        let panels = &mut self.numbers.data_mut()[self.start..][..length::<E>(own)];
        E::pack_into(w.stored.data(), own, w.transposed, panels);
    }

    /// The rows and columns [K, N] of the matrix.
    pub fn shape(&self) -> [usize; 2] {
        [self.k, self.n]
    }

    /// C = A · W for the rows of A [B, K] and C [B, N], row-major.
    ///
    /// For `f32` and `f64` a row of C has the same bytes whatever the number of rows, on one kind of processor.
    ///
    /// # Panics
    ///
    /// If `a` or `c` is not whole rows, or they have different numbers of rows.
    #[track_caller]
    pub fn multiply(&self, a: &[E], c: &mut [E]) {
        self.into(a, c, false);
    }

    /// C += A · W, otherwise as [`multiply`](Self::multiply). The product is summed first, then added.
    ///
    /// # Panics
    ///
    /// As [`multiply`](Self::multiply).
    #[track_caller]
    pub fn add_product(&self, a: &[E], c: &mut [E]) {
        self.into(a, c, true);
    }

    #[track_caller]
    fn into(&self, a: &[E], c: &mut [E], accumulate: bool) {
        let Self { k, n, .. } = *self;
        let m = match (a.len().checked_div(k), c.len().checked_div(n)) {
            (Some(m), _) | (None, Some(m)) => m,
            (None, None) => 0,
        };
        assert!(
            a.len() == m * k && c.len() == m * n,
            "packed: {} numbers times [{k}, {n}] are not the {} of the result; give whole rows",
            a.len(),
            c.len()
        );
        let panels = &self.numbers.data()[self.start..][..length::<E>([k, n])];
        let factors = Factors { m, k, n, a_transposed: false, b_transposed: false };
        E::packed_into(factors, a, panels, c, accumulate);
    }
}

/// Rows and columns of a matrix as it is read.
#[track_caller]
fn sizes<E: Element>(w: &Matrix<&Tensor<E>>) -> [usize; 2] {
    match (w.stored.shape(), w.transposed) {
        (&[k, n], false) | (&[n, k], true) => [k, n],
        (shape, _) => panic!("packed: {shape:?} is no matrix; give two axes"),
    }
}

/// How many numbers the panels of a matrix have.
fn length<E: Element>([k, n]: [usize; 2]) -> usize {
    k * n.next_multiple_of(E::panel(n).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Complex, Dual};

    /// Both ways of storing W, several numbers of rows.
    fn check<E: Element>(tolerance: f64) {
        let sizes = [0, 1, 3, 17, 33, 100, 129];
        for (k, n) in sizes.iter().flat_map(|&k| sizes.map(|n| (k, n))) {
            let number = |i: usize| E::from_f64(((i * 37 % 101) as f64 - 50.0) / 50.0);
            let w = Tensor::from_fn(&[k, n], |i| number(i + 3));
            let stored = w.transpose(0, 1);
            for packed in [Packed::new(&w), Packed::new(stored.t())] {
                assert_eq!(packed.shape(), [k, n]);
                for m in [1, 5, 20] {
                    let a = Tensor::from_fn(&[m, k], number);
                    let expected = a.matmul(&w);
                    let mut c = vec![E::from_f64(f64::NAN); m * n];
                    packed.multiply(a.data(), &mut c);
                    let mut sum = vec![E::ONE; m * n];
                    packed.add_product(a.data(), &mut sum);
                    for ((&c, &sum), &want) in c.iter().zip(&sum).zip(expected.data()) {
                        let error = (c - want).value().abs() + (sum - E::ONE - want).value().abs();
                        assert!(error <= tolerance, "[{m}, {k}] · [{k}, {n}]: {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_packed_product_equals_the_general_one_for_every_element() {
        check::<f32>(5e-5);
        check::<f64>(1e-13);
        check::<Dual<f64>>(1e-13);
        check::<Complex>(1e-13);
    }

    #[test]
    #[should_panic(expected = "packed: 5 numbers times [2, 3] are not the 6 of the result")]
    fn rows_that_are_not_whole_panic() {
        let packed = Packed::new(&Tensor::<f64>::zeros(&[2, 3]));
        packed.multiply(&[0.0; 5], &mut [0.0; 6]);
    }
}
