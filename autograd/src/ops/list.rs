//! The list of built-in ops: for each, its number of inputs and the methods of [`Var`](crate::Var)
//! that apply it. A new op is its own item in one of the family files, and an entry here.
//!
//! ```text
//! Op [inputs] { /// doc
//!               method(arguments) / try_method = the op; … }
//! ```
//!
//! `inputs` is 1, 2, or `many`; a method of an op with two inputs takes the second one first. The `try_` twin
//! is there where the op can refuse its inputs. The gradient check goes through the same list, so that what is
//! not here cannot be used and what is here is checked.

macro_rules! with_every_op {
    ($callback:ident) => {
        $callback! {
            // The operators + − * / are methods of the standard traits; see `var.rs`.
            Add [2] {}
            Sub [2] {}
            Mul [2] {}
            Div [2] {}
            Neg [1] {}
            Affine [1] {}

            Exp [1] {
                /// e to the power of each element.
                exp() = Exp;
            }
            Ln [1] {
                /// The natural logarithm of each element.
                ln() = Ln;
            }
            Sqrt [1] {
                /// The square root of each element.
                sqrt() = Sqrt;
            }
            Powf [1] {
                /// Each element to a constant power.
                powf(exponent: f64) = Powf { exponent };
            }
            Tanh [1] {
                /// The hyperbolic tangent of each element.
                tanh() = Tanh;
            }
            Sigmoid [1] {
                /// The logistic function of each element.
                sigmoid() = Sigmoid;
            }
            Relu [1] {
                /// The positive part of each element.
                relu() = Relu;
            }

            Sum [1] {
                /// The sum over these axes, which are gone in the result.
                sum_over(axes: &[usize]) / try_sum_over = Sum { axes: axes.to_vec(), keep: false };
                /// The sum over these axes, each left with length 1.
                sum_keep(axes: &[usize]) / try_sum_keep = Sum { axes: axes.to_vec(), keep: true };
            }
            Mean [1] {
                /// The mean over these axes, which are gone in the result.
                mean_over(axes: &[usize]) / try_mean_over = Mean { axes: axes.to_vec(), keep: false };
                /// The mean over these axes, each left with length 1.
                mean_keep(axes: &[usize]) / try_mean_keep = Mean { axes: axes.to_vec(), keep: true };
            }

            // `matmul`, `concat` and `stack` take factors and lists; see `var.rs`.
            MatMul [2] {}
            Concat [many] {}
            Reshape [1] {
                /// The same numbers in another shape.
                reshape(shape: &[usize]) / try_reshape = Reshape { shape: shape.to_vec() };
            }
            Slice [1] {
                /// Indices `start..end` of one axis.
                slice(axis: usize, start: usize, end: usize) / try_slice = Slice { axis, start, end };
            }
            Rows [1] {
                /// Rows of this table [V, D] by their ids: [n, D].
                rows(ids: &[usize]) / try_rows = Rows { ids: ids.into() };
            }

            LogSoftmax [1] {
                /// The logarithm of softmax along the last axis.
                log_softmax() / try_log_softmax = LogSoftmax;
            }
            CrossEntropy [1] {
                /// The mean cross-entropy, in nats, between these scores [N, V] and N right classes.
                cross_entropy(targets: &[usize]) / try_cross_entropy =
                    CrossEntropy { targets: targets.into() };
            }
        }
    };
}

pub(crate) use with_every_op;
