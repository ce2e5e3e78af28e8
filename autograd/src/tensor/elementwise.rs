//! Element by element: maps, broadcasting pairs, the operators, and the inverse of broadcasting.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;
use crate::threads::{MANY, for_each_piece};

impl<E: Element> Tensor<E> {
    /// `f` of each number.
    pub fn map<F: Element>(&self, f: impl Fn(E) -> F) -> Tensor<F> {
        Tensor::collect(self.shape_value(), self.data().iter().map(|&x| f(x)))
    }

    /// A copy in which `f` has changed all numbers at once.
    fn map_all(&self, f: impl FnOnce(&mut [E])) -> Self {
        Tensor::build(self.shape_value(), |numbers| {
            numbers.extend_from_slice(self.data());
            f(numbers);
        })
    }

    /// e to the power of each number.
    pub fn exp(&self) -> Self {
        self.map_all(E::exp_all)
    }

    /// The hyperbolic tangent of each number.
    pub fn tanh(&self) -> Self {
        self.map_all(E::tanh_all)
    }

    /// The logistic function of each number.
    pub fn sigmoid(&self) -> Self {
        self.map_all(E::sigmoid_all)
    }

    /// `f` of each pair of numbers, the shapes broadcast together.
    ///
    /// # Panics
    ///
    /// If the shapes do not broadcast.
    #[inline]
    #[track_caller]
    pub fn zip<F: Element, G: Element>(
        &self,
        other: &Tensor<F>,
        f: impl Fn(E, F) -> G + Sync,
    ) -> Tensor<G> {
        expect(self.try_zip("zip", other, f))
    }

    /// `f` of each pair of numbers, the shapes broadcast together; `op` is for the error's text.
    #[inline]
    pub fn try_zip<F: Element, G: Element>(
        &self,
        op: &'static str,
        other: &Tensor<F>,
        f: impl Fn(E, F) -> G + Sync,
    ) -> Result<Tensor<G>, Error> {
        let (a, b) = (self.data(), other.data());
        if self.dims() == other.dims() {
            if a.len() > MANY {
                let mut zipped = Tensor::unset(self.shape());
                for_each_piece(zipped.data_mut(), MANY, |piece, numbers| {
                    let own = piece * MANY..piece * MANY + numbers.len();
                    let pairs = a[own.clone()].iter().zip(&b[own]);
                    numbers.iter_mut().zip(pairs).for_each(|(z, (&x, &y))| *z = f(x, y));
                });
                return Ok(zipped);
            }
            let pairs = a.iter().zip(b);
            return Ok(Tensor::collect(self.shape_value(), pairs.map(|(&x, &y)| f(x, y))));
        }
        let shape = Shape::broadcast(op, self.shape_value(), other.shape_value())?;
        let steps_a = self.shape_value().strides_within(&shape);
        let steps_b = other.shape_value().strides_within(&shape);
        let last = shape.len() - 1; // both without axes would have been equal shapes
        let (length, step_a, step_b) = (shape[last], steps_a[last], steps_b[last]);
        Ok(Tensor::build(shape, |numbers| {
            shape.for_each_row(&steps_a, &steps_b, |at_a, at_b| match (step_a, step_b) {
                (1, 1) => {
                    let pairs = a[at_a..at_a + length].iter().zip(&b[at_b..at_b + length]);
                    numbers.extend(pairs.map(|(&x, &y)| f(x, y)));
                }
                (1, 0) => {
                    let y = b[at_b];
                    numbers.extend(a[at_a..at_a + length].iter().map(|&x| f(x, y)));
                }
                (0, 1) => {
                    let x = a[at_a];
                    numbers.extend(b[at_b..at_b + length].iter().map(|&y| f(x, y)));
                }
                _ => {
                    let pair = |i| (a[at_a + i * step_a], b[at_b + i * step_b]);
                    numbers.extend((0..length).map(pair).map(|(x, y)| f(x, y)));
                }
            });
        }))
    }

    /// This tensor repeated along the axes where `shape` is longer.
    ///
    /// # Panics
    ///
    /// If it does not broadcast to exactly `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        let target = expect(Shape::new("broadcast_to", shape));
        assert!(
            Shape::broadcast("broadcast_to", self.shape_value(), target) == Ok(target),
            "broadcast_to: {} does not broadcast to {target}",
            self.shape_value()
        );
        match self.data() {
            _ if self.shape_value() == target => return self.clone(),
            &[number] => return Self::filled(target, number),
            _ => {}
        }
        Tensor::build(target, |numbers| self.shape_value().repeat(self.data(), &target, numbers))
    }

    /// The inverse of broadcasting: sums over the axes along which `shape` was repeated to give
    /// this tensor's shape.
    ///
    /// ```text
    /// y = broadcast(x)        dx[i] = Σ dy[j] over all j that were copied from i
    /// ```
    ///
    /// Every op that broadcasts uses this one function for its gradient.
    #[inline]
    pub fn sum_to(self, shape: Shape) -> Self {
        if *self.dims() == shape { self } else { self.summed_to(&shape) }
    }

    /// As [`sum_to`](Tensor::sum_to), where something was repeated.
    fn summed_to(&self, shape: &Shape) -> Self {
        let mut summed = Tensor::filled(*shape, E::ZERO);
        let sums = summed.data_mut();
        let target = shape.strides_within(&self.shape_value());
        let source = self.data();
        let last = self.shape_value().len() - 1;
        let length = self.shape_value()[last];
        self.shape_value().for_each_row(&self.shape_value().strides(), &target, |at, into| {
            let row = &source[at..at + length];
            if target[last] == 0 {
                sums[into] += row.iter().copied().sum();
            } else {
                for (sum, &x) in sums[into..into + length].iter_mut().zip(row) {
                    *sum += x;
                }
            }
        });
        summed
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $try_method:ident, $symbol:tt, $name:literal) => {
        impl<E: Element> Tensor<E> {
            #[doc = concat!("`self ", stringify!($symbol), " other`, or why the shapes do not broadcast.")]
            pub fn $try_method(&self, other: &Self) -> Result<Self, Error> {
                self.try_zip($name, other, |x, y| x $symbol y)
            }
        }

        /// Element by element, broadcasting; panics if the shapes do not broadcast.
        impl<E: Element> $trait<&Tensor<E>> for &Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, other: &Tensor<E>) -> Tensor<E> {
                expect(self.$try_method(other))
            }
        }

        impl<E: Element> $trait<Tensor<E>> for &Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, other: Tensor<E>) -> Tensor<E> {
                self $symbol &other
            }
        }

        impl<E: Element> $trait<&Tensor<E>> for Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, other: &Tensor<E>) -> Tensor<E> {
                &self $symbol other
            }
        }

        impl<E: Element> $trait<Tensor<E>> for Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, other: Tensor<E>) -> Tensor<E> {
                &self $symbol &other
            }
        }

        impl<E: Element> $trait<f64> for &Tensor<E> {
            type Output = Tensor<E>;
            fn $method(self, constant: f64) -> Tensor<E> {
                let constant = E::from_f64(constant);
                self.map(|x| x $symbol constant)
            }
        }

        impl<E: Element> $trait<f64> for Tensor<E> {
            type Output = Tensor<E>;
            fn $method(self, constant: f64) -> Tensor<E> {
                &self $symbol constant
            }
        }

        impl<E: Element> $trait<&Tensor<E>> for f64 {
            type Output = Tensor<E>;
            fn $method(self, tensor: &Tensor<E>) -> Tensor<E> {
                let constant = E::from_f64(self);
                tensor.map(|x| constant $symbol x)
            }
        }

        impl<E: Element> $trait<Tensor<E>> for f64 {
            type Output = Tensor<E>;
            fn $method(self, tensor: Tensor<E>) -> Tensor<E> {
                self $symbol &tensor
            }
        }
    };
}

operator!(Add, add, try_add, +, "add");
operator!(Sub, sub, try_sub, -, "sub");
operator!(Mul, mul, try_mul, *, "mul");
operator!(Div, div, try_div, /, "div");

impl<E: Element> Neg for &Tensor<E> {
    type Output = Tensor<E>;
    fn neg(self) -> Tensor<E> {
        self.map(|x| -x)
    }
}

impl<E: Element> Neg for Tensor<E> {
    type Output = Tensor<E>;
    fn neg(self) -> Tensor<E> {
        -&self
    }
}
