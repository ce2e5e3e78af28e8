//! Matrix products with transpose flags, written `a.matmul(b.t())`.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::product::Factors;
use crate::shape::Shape;

/// A matrix to be read with rows and columns exchanged. Nothing is copied: the product reads it
/// the other way.
#[derive(Clone, Copy, Debug)]
pub struct Transposed<M>(pub M);

/// A factor of a product: a matrix as it is, or [`Transposed`].
#[derive(Clone, Copy, Debug)]
pub struct Matrix<M> {
    /// The matrix as it is stored.
    pub stored: M,
    /// Whether it is read with rows and columns exchanged.
    pub transposed: bool,
}

impl<M> From<M> for Matrix<M> {
    fn from(stored: M) -> Self {
        Self { stored, transposed: false }
    }
}

impl<M> From<Transposed<M>> for Matrix<M> {
    fn from(matrix: Transposed<M>) -> Self {
        Self { stored: matrix.0, transposed: true }
    }
}

impl<E: Element> Matrix<&Tensor<E>> {
    /// Rows and columns as they are read.
    fn shape(&self) -> Option<[usize; 2]> {
        match self.stored.shape[..] {
            [rows, columns] if self.transposed => Some([columns, rows]),
            [rows, columns] => Some([rows, columns]),
            _ => None,
        }
    }

    /// The shape for an error's text.
    fn shown(&self) -> Shape {
        match self.shape() {
            Some([rows, columns]) => self.stored.shape.with(0, rows).with(1, columns),
            None => self.stored.shape,
        }
    }
}

/// The layout of a product, or why there is none.
fn factors<E: Element>(a: &Matrix<&Tensor<E>>, b: &Matrix<&Tensor<E>>) -> Result<Factors, Error> {
    let refuse =
        |advice| Error::MatMul { lhs: a.shown().to_vec(), rhs: b.shown().to_vec(), advice };
    let (Some([m, k]), Some([inner, n])) = (a.shape(), b.shape()) else {
        return Err(refuse("both must have two axes; use `reshape`"));
    };
    if k != inner {
        return Err(refuse(if k == n {
            "the last axis of the left must equal the first of the right; did you mean `b.t()`?"
        } else {
            "the last axis of the left must equal the first of the right"
        }));
    }
    Ok(Factors { m, k, n, a_transposed: a.transposed, b_transposed: b.transposed })
}

impl<E: Element> Tensor<E> {
    /// This matrix with rows and columns exchanged, as a factor of a product.
    pub fn t(&self) -> Transposed<&Self> {
        Transposed(self)
    }

    /// The matrix product [m, k] · [k, n] = [m, n]; either factor may be `.t()`.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let x = Tensor::from([[1.0, 2.0]]); // [1, 2]
    /// let w = Tensor::from([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]); // [3, 2], as PyTorch stores it
    /// assert_eq!(x.matmul(w.t()).data(), [1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the factors are no matrices, or the last axis of the left is not the first of the right.
    #[track_caller]
    pub fn matmul<'a>(&'a self, other: impl Into<Matrix<&'a Self>>) -> Self {
        expect(Self::try_matmul(self, other))
    }

    /// The matrix product, or why there is none.
    pub fn try_matmul<'a>(
        a: impl Into<Matrix<&'a Self>>,
        b: impl Into<Matrix<&'a Self>>,
    ) -> Result<Self, Error> {
        let (a, b) = (a.into(), b.into());
        let factors = factors(&a, &b)?;
        let mut product = vec![E::ZERO; factors.m * factors.n];
        E::matmul_into(factors, a.stored.data(), b.stored.data(), &mut product, false);
        let shape = Shape::new("matmul", &[factors.m, factors.n])?;
        Ok(Tensor::from_parts(shape, product))
    }

    /// Adds the product of two matrices to this one: dW += dyᵀ · x, without a temporary.
    ///
    /// # Panics
    ///
    /// If the factors do not fit each other, or their product has another shape than this tensor.
    #[track_caller]
    pub fn add_matmul<'a>(
        &mut self,
        a: impl Into<Matrix<&'a Self>>,
        b: impl Into<Matrix<&'a Self>>,
    ) {
        let (a, b) = (a.into(), b.into());
        let factors = expect(factors(&a, &b));
        assert_eq!(
            self.shape(),
            [factors.m, factors.n],
            "add_matmul: the sum and the product differ"
        );
        E::matmul_into(factors, a.stored.data(), b.stored.data(), self.data_mut(), true);
    }
}

impl<E: Element> Transposed<&Tensor<E>> {
    /// The matrix product of this transposed matrix with another.
    ///
    /// # Panics
    ///
    /// As [`Tensor::matmul`].
    #[track_caller]
    pub fn matmul<'a>(&'a self, other: impl Into<Matrix<&'a Tensor<E>>>) -> Tensor<E> {
        expect(Tensor::try_matmul(Transposed(self.0), other))
    }
}
