//! The list of built-in ops: for each, its number of inputs and the methods of [`Var`](crate::Var)
//! that apply it. A new op is its own item in one of the family files, and an entry here.
//!
//! ```text
//! Op [inputs] { /// doc
//!               method(arguments) / try_method = the op; … }
//! ```
//!
//! `inputs` is 1, 2, 3, or `many`; a method takes the inputs after the first one before its own arguments. The `try_` twin
//! is there where the op can refuse its inputs. The gradient check goes through the same list, so that what is
//! not here cannot be used and what is here is checked.

macro_rules! with_every_op {
    ($callback:ident) => {
        $callback! {
            // The operators + − * / are methods of the standard traits; see `tape/var.rs`.
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
            Log1p [1] {
                /// ln(1 + x) of each element, exact for small ones.
                log1p() = Log1p;
            }
            Recip [1] {
                /// One divided by each element.
                recip() = Recip;
            }
            Abs [1] {
                /// The absolute value of each element.
                abs() = Abs;
            }
            Clamp [1] {
                /// Each element brought between two bounds.
                clamp(min: f64, max: f64) / try_clamp = Clamp { min, max };
            }
            Sin [1] {
                /// The sine of each element.
                sin() = Sin;
            }
            Cos [1] {
                /// The cosine of each element.
                cos() = Cos;
            }
            LeakyRelu [1] {
                /// Each element, times `slope` where it is negative.
                leaky_relu(slope: f64) = LeakyRelu { slope };
            }
            Elu [1] {
                /// Each element where it is positive, else `alpha` (e^x − 1).
                elu(alpha: f64) = Elu { alpha };
            }
            Gelu [1] {
                /// Each element times the probability that a normal number is below it.
                gelu() = Gelu;
            }
            GeluTanh [1] {
                /// The approximation of gelu by tanh.
                gelu_tanh() = GeluTanh;
            }
            Softplus [1] {
                /// ln(1 + e^x) of each element, the smooth positive part.
                softplus() = Softplus;
            }
            Silu [1] {
                /// Each element times its logistic function.
                silu() = Silu;
            }

            Maximum [2] {
                /// The larger of each pair of elements, broadcasting.
                maximum() / try_maximum = Maximum;
            }
            Minimum [2] {
                /// The smaller of each pair of elements, broadcasting.
                minimum() / try_minimum = Minimum;
            }
            // `select` takes its mask first; see `tape/var.rs`.
            Select [2] {}
            MaskedFill [1] {
                /// `value` where the mask says yes, else these elements.
                masked_fill(mask: &Mask, value: f64) / try_masked_fill =
                    MaskedFill { mask: mask.clone(), value };
            }

            Sum [1] {
                /// The sum over these axes, which are gone in the result.
                sum_over(axes: &[usize]) / try_sum_over = Sum { axes: axes.into(), keep: false };
                /// The sum over these axes, each left with length 1.
                sum_keep(axes: &[usize]) / try_sum_keep = Sum { axes: axes.into(), keep: true };
            }
            Mean [1] {
                /// The mean over these axes, which are gone in the result.
                mean_over(axes: &[usize]) / try_mean_over = Mean { axes: axes.into(), keep: false };
                /// The mean over these axes, each left with length 1.
                mean_keep(axes: &[usize]) / try_mean_keep = Mean { axes: axes.into(), keep: true };
            }
            Max [1] {
                /// The largest element over these axes, which are gone in the result.
                max_over(axes: &[usize]) / try_max_over = Max { axes: axes.into(), keep: false };
                /// The largest element over these axes, each left with length 1.
                max_keep(axes: &[usize]) / try_max_keep = Max { axes: axes.into(), keep: true };
            }
            Min [1] {
                /// The smallest element over these axes, which are gone in the result.
                min_over(axes: &[usize]) / try_min_over = Min { axes: axes.into(), keep: false };
                /// The smallest element over these axes, each left with length 1.
                min_keep(axes: &[usize]) / try_min_keep = Min { axes: axes.into(), keep: true };
            }
            Variance [1] {
                /// The variance over these axes, which are gone in the result; correction 1 is the usual one.
                var_over(axes: &[usize], correction: usize) / try_var_over =
                    Variance { axes: axes.into(), keep: false, correction };
                /// The variance over these axes, each left with length 1; correction 1 is the usual one.
                var_keep(axes: &[usize], correction: usize) / try_var_keep =
                    Variance { axes: axes.into(), keep: true, correction };
            }
            Norm [1] {
                /// The Euclidean length over these axes, which are gone in the result.
                norm_over(axes: &[usize]) / try_norm_over =
                    Norm { axes: axes.into(), keep: false };
                /// The Euclidean length over these axes, each left with length 1.
                norm_keep(axes: &[usize]) / try_norm_keep =
                    Norm { axes: axes.into(), keep: true };
            }
            LogSumExp [1] {
                /// ln Σ e^x over these axes, which are gone in the result.
                log_sum_exp_over(axes: &[usize]) / try_log_sum_exp_over =
                    LogSumExp { axes: axes.into(), keep: false };
                /// ln Σ e^x over these axes, each left with length 1.
                log_sum_exp_keep(axes: &[usize]) / try_log_sum_exp_keep =
                    LogSumExp { axes: axes.into(), keep: true };
            }

            // `matmul`, `concat` and `stack` take factors and lists; see `tape/var.rs`.
            MatMul [2] {}
            Concat [many] {}
            Reshape [1] {
                /// The same numbers in another shape.
                reshape(shape: &[usize]) / try_reshape = Reshape { shape: shape.into() };
            }
            Slice [1] {
                /// Indices `start..end` of one axis.
                slice(axis: usize, start: usize, end: usize) / try_slice = Slice { axis, start, end };
            }
            Rows [1] {
                /// Rows of this table [V, D] by their ids: [n, D].
                rows(ids: &[usize]) / try_rows = Rows { ids: ids.into() };
            }

            Softmax [1] {
                /// Softmax along the last axis.
                softmax() / try_softmax = Softmax { axis: None };
                /// Softmax along this axis.
                softmax_over(axis: usize) / try_softmax_over = Softmax { axis: Some(axis) };
            }
            LogSoftmax [1] {
                /// The logarithm of softmax along the last axis.
                log_softmax() / try_log_softmax = LogSoftmax { axis: None };
                /// The logarithm of softmax along this axis.
                log_softmax_over(axis: usize) / try_log_softmax_over = LogSoftmax { axis: Some(axis) };
            }
            CrossEntropy [1] {
                /// The mean cross-entropy, in nats, between these scores [N, V] and N right classes.
                cross_entropy(targets: &[usize]) / try_cross_entropy = CrossEntropy::new(targets);
                /// The mean cross-entropy with an ignored class, class weights or smoothing.
                cross_entropy_with(options: CrossEntropy) / try_cross_entropy_with = options;
            }
            LinearCrossEntropy [3] {
                /// The mean cross-entropy of the scores of a linear layer with this weight [V, H] and bias `[V]`.
                linear_cross_entropy(loss: CrossEntropy) / try_linear_cross_entropy =
                    LinearCrossEntropy::new(loss);
            }
            LayerNorm [3] {
                /// Each row brought to mean 0 and variance 1, times a weight `[D]`, plus a bias `[D]`.
                layer_norm(eps: f64) / try_layer_norm = LayerNorm { eps };
            }
            // `dropout` draws its mask from a generator; see `tape/var.rs`.
            Dropout [1] {}

            Permute [1] {
                /// The axes in another order: axis i of the result is axis `axes[i]`.
                permute(axes: &[usize]) / try_permute = Permute { axes: axes.into() };
            }
            Flip [1] {
                /// The order along these axes turned around.
                flip(axes: &[usize]) / try_flip = Flip { axes: axes.into() };
            }
            Gather [1] {
                /// The entries of an axis with these ids.
                gather(axis: usize, ids: &[usize]) / try_gather = Gather { axis, ids: ids.into() };
            }
            ScatterAdd [1] {
                /// Zeros with `axis` of length `size`, to which entry j of the axis is added at `ids[j]`.
                scatter_add(axis: usize, ids: &[usize], size: usize) / try_scatter_add =
                    ScatterAdd { axis, ids: ids.into(), size };
            }
            TakeAlong [1] {
                /// One number along `axis` for each id, each in its own line.
                take_along(axis: usize, ids: &[usize]) / try_take_along =
                    TakeAlong { axis, ids: ids.into() };
            }
            AddAlong [1] {
                /// Zeros with `axis` of length `size`, to which each number is added at its own id.
                add_along(axis: usize, ids: &[usize], size: usize) / try_add_along =
                    AddAlong { axis, ids: ids.into(), size };
            }
            Conv1d [2] {
                /// These inputs [B, C, L] convolved with a weight [O, C, K].
                conv1d(stride: usize, padding: usize) / try_conv1d =
                    Conv1d { stride: [stride], padding: [padding] };
            }
            Conv2d [2] {
                /// These images [B, C, H, W] convolved with a weight [O, C, KH, KW].
                conv2d(stride: [usize; 2], padding: [usize; 2]) / try_conv2d =
                    Conv2d { stride, padding };
            }
            MaxPool1d [1] {
                /// The largest number in each window of the last axis.
                max_pool1d(kernel: usize, stride: usize) / try_max_pool1d =
                    MaxPool1d { kernel: [kernel], stride: [stride] };
            }
            MaxPool2d [1] {
                /// The largest number in each window of the last two axes.
                max_pool2d(kernel: [usize; 2], stride: [usize; 2]) / try_max_pool2d =
                    MaxPool2d { kernel, stride };
            }
            MeanPool1d [1] {
                /// The mean of each window of the last axis.
                mean_pool1d(kernel: usize, stride: usize) / try_mean_pool1d =
                    MeanPool1d { kernel: [kernel], stride: [stride] };
            }
            MeanPool2d [1] {
                /// The mean of each window of the last two axes.
                mean_pool2d(kernel: [usize; 2], stride: [usize; 2]) / try_mean_pool2d =
                    MeanPool2d { kernel, stride };
            }
        }
    };
}

pub(crate) use with_every_op;
