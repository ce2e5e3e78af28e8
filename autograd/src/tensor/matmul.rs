//! Matrix products with transpose flags, written `a.matmul(b.t())`.
//!
//! ```text
//! C[.., i, j] = Σ_l op(A)[.., i, l] op(B)[.., l, j]
//! ```
//!
//! The last two axes are the matrices; all before them are batch axes, which broadcast by NumPy's
//! rule, so that one matrix may be multiplied with each of many. Where the matrices of a batch lie so
//! that they are one large matrix, they are multiplied as one.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::product::Factors;
use crate::shape::{MAX_RANK, Shape};
use crate::threads::{PIECE, for_each_piece};

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
        match self.stored.shape_value()[..] {
            [.., rows, columns] if self.transposed => Some([columns, rows]),
            [.., rows, columns] => Some([rows, columns]),
            _ => None,
        }
    }

    /// The shape for an error's text.
    fn shown(&self) -> Shape {
        let (shape, rank) = (self.stored.shape_value(), self.stored.shape_value().len());
        match self.shape() {
            Some([rows, columns]) => shape.with(rank - 2, rows).with(rank - 1, columns),
            None => shape,
        }
    }

    /// Whether this is one matrix and not a batch of them.
    fn is_one(&self) -> bool {
        self.stored.shape_value().len() == 2
    }

    fn data(&self) -> &[E] {
        self.stored.data()
    }
}

/// The axes before the last two.
fn batch_axes(shape: Shape) -> Shape {
    let rank = shape.len();
    shape.without(|axis| axis + 2 >= rank)
}

/// An error that names both shapes as they are read.
fn refuse<E: Element>(
    a: &Matrix<&Tensor<E>>,
    b: &Matrix<&Tensor<E>>,
    advice: &'static str,
) -> Error {
    Error::MatMul { lhs: a.shown().to_vec(), rhs: b.shown().to_vec(), advice }
}

/// The layout of the product of two matrices, or of two of a batch, or why there is none.
fn factors<E: Element>(a: &Matrix<&Tensor<E>>, b: &Matrix<&Tensor<E>>) -> Result<Factors, Error> {
    let (Some([m, k]), Some([inner, n])) = (a.shape(), b.shape()) else {
        return Err(refuse(a, b, "both must have at least two axes; use `reshape`"));
    };
    if k != inner {
        let advice = match (b.is_one(), k == n) {
            (true, true) => {
                "the last axis of the left must equal the first of the right; did you mean `b.t()`?"
            }
            (true, false) => "the last axis of the left must equal the first of the right",
            (false, true) => {
                "the last axis of the left must equal the last but one of the right; did you mean `b.t()`?"
            }
            (false, false) => "the last axis of the left must equal the last but one of the right",
        };
        return Err(refuse(a, b, advice));
    }
    Ok(Factors { m, k, n, a_transposed: a.transposed, b_transposed: b.transposed })
}

/// The products of two batches of matrices.
struct Batch {
    /// The layout of each product.
    factors: Factors,
    /// The batch axes after broadcasting: one product for each of their indices.
    axes: Shape,
    /// How many matrices further each batch axis leads in A and in B: 0 where one is repeated.
    a_steps: [usize; MAX_RANK],
    b_steps: [usize; MAX_RANK],
}

impl Batch {
    fn new<E: Element>(a: &Matrix<&Tensor<E>>, b: &Matrix<&Tensor<E>>) -> Result<Self, Error> {
        let factors = factors(a, b)?;
        let (a_axes, b_axes) =
            (batch_axes(a.stored.shape_value()), batch_axes(b.stored.shape_value()));
        let Ok(axes) = Shape::broadcast("matmul", a_axes, b_axes) else {
            let advice =
                "of the axes before the last two, each pair must be equal or one of them 1";
            return Err(refuse(a, b, advice));
        };
        let (a_steps, b_steps) = (a_axes.strides_within(&axes), b_axes.strides_within(&axes));
        Ok(Self { factors, axes, a_steps, b_steps })
    }

    /// The shape of the product.
    fn shape(&self) -> Result<Shape, Error> {
        Shape::new("matmul", &[&*self.axes, &[self.factors.m, self.factors.n]].concat())
    }

    /// C += A · B for each index of the batch axes, with C `c_steps` apart. A matrix of C that several
    /// indices lead to gets the sum.
    fn add_to<E: Element>(&self, a: &[E], b: &[E], c: &mut [E], c_steps: &[usize; MAX_RANK]) {
        let Factors { m, k, n, .. } = self.factors;
        let strides = self.axes.strides();
        let place = |i: usize, steps: &[usize; MAX_RANK]| {
            let axes = self.axes.iter().zip(strides).zip(steps);
            axes.map(|((length, stride), step)| i / stride % length * step).sum::<usize>()
        };
        let add = |i: usize, c: &mut [E]| {
            let a = &a[place(i, &self.a_steps) * m * k..][..m * k];
            let b = &b[place(i, &self.b_steps) * k * n..][..k * n];
            E::matmul_into(self.factors, a, b, c, true);
        };
        if *c_steps == strides && m * n > 0 {
            // One matrix of C for each index: they may be computed side by side.
            let count = PIECE.div_ceil(self.factors.work().max(1));
            for_each_piece(c, count * m * n, |piece, c| {
                let matrices = c.chunks_exact_mut(m * n).enumerate();
                matrices.for_each(|(i, c)| add(piece * count + i, c));
            });
        } else {
            for i in 0..self.axes.elements() {
                add(i, &mut c[place(i, c_steps) * m * n..][..m * n]);
            }
        }
    }
}

impl<E: Element> Tensor<E> {
    /// This matrix with rows and columns (of a batch: the last two axes) exchanged, as a factor of a
    /// product.
    pub fn t(&self) -> Transposed<&Self> {
        Transposed(self)
    }

    /// The matrix product [.., m, k] · [.., k, n] = [.., m, n]; either factor may be `.t()`, and the
    /// axes before the last two broadcast.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let x = Tensor::from([[1.0, 2.0]]); // [1, 2]
    /// let w = Tensor::from([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]); // [3, 2], as PyTorch stores it
    /// assert_eq!(x.matmul(w.t()).data(), [1.0, 2.0, 3.0]);
    ///
    /// let xs = Tensor::<f64>::zeros(&[5, 4, 1, 2]);
    /// assert_eq!(xs.matmul(w.t()).shape(), [5, 4, 1, 3]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a factor has less than two axes, the last axis of the left is not the last but one of the
    /// right, or the axes before these do not broadcast.
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
        if a.is_one() && b.is_one() {
            let factors = factors(&a, &b)?;
            let shape = Shape::new("matmul", &[factors.m, factors.n])?;
            let mut product = Tensor::unset_of(shape);
            E::matmul_into(factors, a.data(), b.data(), product.data_mut(), false);
            return Ok(product);
        }
        let batch = Batch::new(&a, &b)?;
        let shape = batch.shape()?;
        if b.is_one() && !a.transposed {
            // The rows of all matrices of A lie under each other: one large A.
            let mut product = Tensor::unset_of(shape);
            let factors = Factors { m: batch.axes.elements() * batch.factors.m, ..batch.factors };
            E::matmul_into(factors, a.data(), b.data(), product.data_mut(), false);
            return Ok(product);
        }
        let mut product = Tensor::filled(shape, E::ZERO);
        batch.add_to(a.data(), b.data(), product.data_mut(), &batch.axes.strides());
        Ok(product)
    }

    /// Adds the product of two matrices to this one: dW += dyᵀ · x, without a temporary. Products of
    /// batches are summed over the batch axes along which this tensor is shorter.
    ///
    /// # Panics
    ///
    /// If the factors do not fit each other, or this tensor does not broadcast to their product.
    #[track_caller]
    pub fn add_matmul<'a>(
        &mut self,
        a: impl Into<Matrix<&'a Self>>,
        b: impl Into<Matrix<&'a Self>>,
    ) {
        let (a, b) = (a.into(), b.into());
        if self.shape_value().len() == 2 && a.is_one() && b.is_one() {
            let factors = expect(factors(&a, &b));
            assert_eq!(
                self.shape(),
                [factors.m, factors.n],
                "add_matmul: the sum and the product differ"
            );
            return E::matmul_into(factors, a.data(), b.data(), self.data_mut(), true);
        }
        let batch = expect(Batch::new(&a, &b));
        let axes = batch_axes(self.shape_value());
        assert!(
            self.shape_value().ends_with(&[batch.factors.m, batch.factors.n])
                && Shape::broadcast("add_matmul", axes, batch.axes) == Ok(batch.axes),
            "add_matmul: the sum {} does not broadcast to a batch {} of products [{}, {}]",
            self.shape_value(),
            batch.axes,
            batch.factors.m,
            batch.factors.n
        );
        let count = batch.axes.elements();
        let same = batch_axes(a.stored.shape_value()) == batch_axes(b.stored.shape_value());
        if axes == batch.axes && b.is_one() && !a.transposed {
            // One large A, as in the product.
            let factors = Factors { m: count * batch.factors.m, ..batch.factors };
            E::matmul_into(factors, a.data(), b.data(), self.data_mut(), true);
        } else if axes.is_empty() && same && a.transposed && !b.transposed {
            // Σ AᵢᵀBᵢ is the product of all rows of A under each other, transposed, with those of B.
            let factors = Factors { k: count * batch.factors.k, ..batch.factors };
            E::matmul_into(factors, a.data(), b.data(), self.data_mut(), true);
        } else {
            batch.add_to(a.data(), b.data(), self.data_mut(), &axes.strides_within(&batch.axes));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// The definition: broadcast both, then three loops for each index of the batch axes.
    fn naive(a: Matrix<&Tensor<f64>>, b: Matrix<&Tensor<f64>>) -> Tensor<f64> {
        let read = |m: Matrix<&Tensor<f64>>| {
            let last = m.stored.shape().len() - 1;
            if m.transposed { m.stored.transpose(last - 1, last) } else { m.stored.clone() }
        };
        let (a, b) = (read(a), read(b));
        let axes =
            Shape::broadcast("test", batch_axes(a.shape_value()), batch_axes(b.shape_value()))
                .expect("they fit");
        let [m, k] = a.shape_value()[a.shape_value().len() - 2..] else { unreachable!() };
        let n = b.shape_value()[b.shape_value().len() - 1];
        let a = a.broadcast_to(&[&*axes, &[m, k]].concat());
        let b = b.broadcast_to(&[&*axes, &[k, n]].concat());
        let shape = Shape::new("test", &[&*axes, &[m, n]].concat()).unwrap();
        Tensor::from_fn(&shape, |position| {
            let index = shape.index_of(position);
            let (batch, [i, j]) =
                (&index[..axes.len()], [index[axes.len()], index[axes.len() + 1]]);
            let term = |l| a.at(&[batch, &[i, l]].concat()) * b.at(&[batch, &[l, j]].concat());
            (0..k).map(term).sum()
        })
    }

    #[test]
    fn every_batch_equals_three_loops() {
        for seed in 0..1000 {
            let mut draw = Draw::new(seed, 3, 4);
            let [a_axes, b_axes] = draw.broadcasting_shapes();
            let [m, k, n] = [draw.axis(), draw.axis(), draw.axis()];
            let [ta, tb] = [draw.coin(), draw.coin()];
            let a_shape = [&*a_axes, &if ta { [k, m] } else { [m, k] }].concat();
            let b_shape = [&*b_axes, &if tb { [n, k] } else { [k, n] }].concat();
            let a = draw.tensor(&a_shape, -1.0..1.0);
            let b = draw.tensor(&b_shape, -1.0..1.0);
            let a = Matrix { stored: &a, transposed: ta };
            let b = Matrix { stored: &b, transposed: tb };
            let (product, expected) = (Tensor::try_matmul(a, b).unwrap(), naive(a, b));
            assert_eq!(product.shape(), expected.shape(), "{a:?} {b:?}");
            let error = (&product - &expected).norm();
            assert!(error < 1e-14, "{error:e}: {a:?} {b:?}");

            // The sum over the batch axes of a shorter tensor.
            let mut target = product.shape().to_vec();
            for length in &mut target[..product.shape().len() - 2] {
                *length = if draw.coin() { 1 } else { *length };
            }
            let missing = draw.below(0..target.len() - 1);
            let mut sum = Tensor::ones(&target[missing..]);
            let expected = &sum + expected.sum_to(sum.shape_value());
            sum.add_matmul(a, b);
            let error = (&sum - &expected).norm();
            assert!(error < 1e-13, "{error:e}: {a:?} {b:?} into {target:?}");
        }
    }

    #[test]
    fn a_batch_agrees_with_pytorch() {
        // a = (torch.arange(24).double() * 0.7).sin().reshape(2, 1, 3, 4)
        // b = (torch.arange(120).double() * 0.7).sin().reshape(5, 6, 4).cos()
        // y = a @ b.transpose(-1, -2); (y * y).sum().backward()
        let a = Tensor::from_fn(&[2, 1, 3, 4], |i| (i as f64 * 0.7).sin());
        let b = Tensor::from_fn(&[5, 6, 4], |i| (i as f64 * 0.7).sin().cos());
        let y = a.matmul(b.t());
        assert_eq!(y.shape(), [2, 5, 3, 6]);
        let dy = &y * 2.0;
        let (mut da, mut db) = (Tensor::zeros(a.shape()), Tensor::zeros(b.shape()));
        da.add_matmul(&dy, &b);
        db.add_matmul(dy.t(), &a);
        for (got, expected) in [
            (y.at(&[1, 4, 2, 5]), 1.7177617175264928),  // y[1, 4, 2, 5]
            (da.at(&[1, 0, 2, 3]), 59.147065192483915), // a.grad[1, 0, 2, 3]
            (db.at(&[3, 1, 2]), 6.304915439511648),     // b.grad[3, 1, 2]
        ] {
            assert!((got - expected).abs() <= 1e-13 * expected.abs(), "{got} for {expected}");
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused_with_the_axes_that_clash() {
        let refuses = |a: &[usize], b: &[usize], sentence: &str| {
            let (a, b) = (Tensor::<f64>::zeros(a), Tensor::zeros(b));
            assert_eq!(Tensor::try_matmul(&a, &b).unwrap_err().to_string(), sentence);
        };
        refuses(
            &[2, 3],
            &[4, 3],
            "matmul: cannot multiply [2, 3] by [4, 3]; the last axis of the left must equal the first of the right; did you mean `b.t()`?",
        );
        refuses(
            &[5, 2, 3],
            &[5, 4, 2],
            "matmul: cannot multiply [5, 2, 3] by [5, 4, 2]; the last axis of the left must equal the last but one of the right",
        );
        refuses(
            &[5, 2, 3],
            &[4, 3, 2],
            "matmul: cannot multiply [5, 2, 3] by [4, 3, 2]; of the axes before the last two, each pair must be equal or one of them 1",
        );
        refuses(
            &[3],
            &[3, 2],
            "matmul: cannot multiply [3] by [3, 2]; both must have at least two axes; use `reshape`",
        );
    }
}
