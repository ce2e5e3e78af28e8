//! Convolution, as matrix products.
//!
//! ```text
//! y[b, o, i, j] = Σ_{c, u, v} w[o, c, u, v] x[b, c, i s + u − p, j s + v − p]      s stride, p padding
//! ```
//!
//! The numbers under all windows of one image are laid out as a matrix X [C·KH·KW, places], a column
//! for each place ("im2col"); with W = w seen as [O, C·KH·KW] the convolution and both its gradients
//! are products, and the gradient of the layout adds each number back to where it came from:
//!
//! ```text
//! Y = W X        dW = Σ_b dY Xᵀ        dX = Wᵀ dY
//! ```
//!
//! Shapes are PyTorch's: x [B, C, H, W], w [O, C, KH, KW]; without H and KH for one axis. The kernel is
//! not flipped, so that mathematicians call this a cross-correlation. No dilation and no groups.
//!
//! Source: Chellapilla et al. 2006, "High Performance Convolutional Neural Networks for Document
//! Processing".

use super::Tensor;
use super::window::{Run, Windows};
use crate::element::Element;
use crate::error::{Error, expect};
use crate::product::Factors;
use crate::shape::Shape;

impl<E: Element> Tensor<E> {
    /// Inputs [B, C, L] convolved with a weight [O, C, K]: [B, O, places]. A bias b `[O]` is added as
    /// `+ b.reshape(&[O, 1])`.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let x = Tensor::from([1.0, 2.0, 4.0, 8.0]).reshape(&[1, 1, 4]);
    /// let difference = Tensor::from([-1.0, 1.0]).reshape(&[1, 1, 2]);
    /// assert_eq!(x.conv1d(&difference, 1, 0).data(), [1.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a shape has not three axes, the channels C differ, `stride` is 0, or the kernel is longer
    /// than the input with `padding` zeros at each end.
    #[track_caller]
    pub fn conv1d(&self, weight: &Self, stride: usize, padding: usize) -> Self {
        expect(self.try_conv1d(weight, stride, padding))
    }

    /// Inputs [B, C, L] convolved with a weight [O, C, K], or why they do not fit.
    pub fn try_conv1d(&self, weight: &Self, stride: usize, padding: usize) -> Result<Self, Error> {
        let sizes = Convolution::new("conv1d", self, weight, [stride], [padding])?;
        Ok(sizes.forward(self, weight))
    }

    /// Images [B, C, H, W] convolved with a weight [O, C, KH, KW]: [B, O, places, places]. A bias b `[O]`
    /// is added as `+ b.reshape(&[O, 1, 1])`.
    ///
    /// # Panics
    ///
    /// If a shape has not four axes, the channels C differ, a stride is 0, or the kernel is larger
    /// than the input with `padding` zeros on each side.
    #[track_caller]
    pub fn conv2d(&self, weight: &Self, stride: [usize; 2], padding: [usize; 2]) -> Self {
        expect(self.try_conv2d(weight, stride, padding))
    }

    /// Images [B, C, H, W] convolved with a weight [O, C, KH, KW], or why they do not fit.
    pub fn try_conv2d(
        &self,
        weight: &Self,
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<Self, Error> {
        let sizes = Convolution::new("conv2d", self, weight, stride, padding)?;
        Ok(sizes.forward(self, weight))
    }
}

/// The sizes of a convolution over one or two axes.
#[derive(Clone, Copy)]
pub(crate) struct Convolution {
    in_channels: usize,
    out_channels: usize,
    windows: Windows,
    shape: Shape,
}

impl Convolution {
    /// The sizes, or why the shapes do not fit.
    pub(crate) fn new<E: Element, const D: usize>(
        op: &'static str,
        x: &Tensor<E>,
        weight: &Tensor<E>,
        stride: [usize; D],
        padding: [usize; D],
    ) -> Result<Self, Error> {
        let names = |of_x| match (D, of_x) {
            (1, true) => "three axes, [B, C, L]",
            (1, false) => "three axes, [O, C, K]",
            (_, true) => "four axes, [B, C, H, W]",
            (_, false) => "four axes, [O, C, KH, KW]",
        };
        for (tensor, of_x) in [(x, true), (weight, false)] {
            if tensor.shape().len() != D + 2 {
                return Err(Error::Rank { op, shape: tensor.shape().to_vec(), rank: names(of_x) });
            }
        }
        let in_channels = x.shape_value()[1];
        if in_channels != weight.shape_value()[1] {
            let (input, weight) = (x.shape_value().to_vec(), weight.shape_value().to_vec());
            return Err(Error::Channels { op, input, weight });
        }
        let mut kernel = [0; D];
        kernel.copy_from_slice(&weight.shape_value()[2..]);
        let windows = Windows::new(op, &x.shape_value(), kernel, stride, padding)?;
        Shape::new(op, &[in_channels, windows.taps(), windows.count()])?; // X must fit in memory
        let out_channels = weight.shape_value()[0];
        let shape = windows.shape_of_places::<D>(op, &x.shape_value().with(1, out_channels))?;
        Ok(Self { in_channels, out_channels, windows, shape })
    }

    /// The layout of Y = W X.
    fn factors(&self) -> Factors {
        let k = self.in_channels * self.windows.taps();
        let (m, n) = (self.out_channels, self.windows.count());
        Factors { m, k, n, a_transposed: false, b_transposed: false }
    }

    /// The length of each image of x, and of each of y; 1 instead of 0, so that they can be counted off.
    fn image_lengths(&self) -> [usize; 2] {
        let [x, y] =
            [self.in_channels * self.windows.area(), self.out_channels * self.windows.count()];
        [x.max(1), y.max(1)]
    }

    /// The numbers under all windows of one image, written over X [C·KH·KW, places]. What belongs to
    /// the padding stays as it is there: 0.
    fn lay_out<E: Element>(&self, image: &[E], columns: &mut [E]) {
        let Self { windows, .. } = self;
        let planes = image.chunks_exact(windows.area().max(1));
        let blocks = columns.chunks_exact_mut(windows.taps() * windows.count());
        for (plane, block) in planes.zip(blocks) {
            windows.for_each_run(|Run { column, plane: at, length, step }| {
                let row = &mut block[column..][..length];
                match step {
                    1 => row.copy_from_slice(&plane[at..][..length]),
                    _ => {
                        let numbers = plane[at..].iter().step_by(step);
                        row.iter_mut().zip(numbers).for_each(|(column, &x)| *column = x);
                    }
                }
            });
        }
    }

    /// The opposite: adds each number of `columns` to the place of the image that it came from.
    fn add_back<E: Element>(&self, columns: &[E], image: &mut [E]) {
        let Self { windows, .. } = self;
        let planes = image.chunks_exact_mut(windows.area().max(1));
        let blocks = columns.chunks_exact(windows.taps() * windows.count());
        for (plane, block) in planes.zip(blocks) {
            windows.for_each_run(|Run { column, plane: at, length, step }| {
                let sums = plane[at..].iter_mut().step_by(step);
                sums.zip(&block[column..][..length]).for_each(|(sum, &x)| *sum += x);
            });
        }
    }

    /// y, with Y = W X for each image.
    pub(crate) fn forward<E: Element>(&self, x: &Tensor<E>, weight: &Tensor<E>) -> Tensor<E> {
        let factors = self.factors();
        let [x_length, y_length] = self.image_lengths();
        let mut columns = vec![E::ZERO; factors.k * factors.n];
        let mut y = vec![E::ZERO; self.shape.elements()];
        let images = x.data().chunks_exact(x_length);
        for (image, y) in images.zip(y.chunks_exact_mut(y_length)) {
            self.lay_out(image, &mut columns);
            E::matmul_into(factors, weight.data(), &columns, y, false);
        }
        Tensor::from_parts(self.shape, y)
    }

    /// dx, with dX = Wᵀ dY for each image.
    pub(crate) fn dx<E: Element>(&self, shape: Shape, w: &Tensor<E>, dy: &Tensor<E>) -> Tensor<E> {
        let Factors { m, k, n, .. } = self.factors();
        let factors = Factors { m: k, k: m, n, a_transposed: true, b_transposed: false };
        let [x_length, y_length] = self.image_lengths();
        let mut d_columns = vec![E::ZERO; k * n];
        let mut dx = vec![E::ZERO; shape.elements()];
        let images = dx.chunks_exact_mut(x_length);
        for (d_image, dy) in images.zip(dy.data().chunks_exact(y_length)) {
            E::matmul_into(factors, w.data(), dy, &mut d_columns, false);
            self.add_back(&d_columns, d_image);
        }
        Tensor::from_parts(shape, dx)
    }

    /// dw, with dW = Σ dY Xᵀ over all images.
    pub(crate) fn dw<E: Element>(&self, shape: Shape, x: &Tensor<E>, dy: &Tensor<E>) -> Tensor<E> {
        let Factors { m, k, n, .. } = self.factors();
        let factors = Factors { m, k: n, n: k, a_transposed: false, b_transposed: true };
        let [x_length, y_length] = self.image_lengths();
        let mut columns = vec![E::ZERO; k * n];
        let mut dw = vec![E::ZERO; shape.elements()];
        let images = x.data().chunks_exact(x_length);
        for (image, dy) in images.zip(dy.data().chunks_exact(y_length)) {
            self.lay_out(image, &mut columns);
            E::matmul_into(factors, dy, &columns, &mut dw, true);
        }
        Tensor::from_parts(shape, dw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// The definition, six loops and the sum over channels; numbers outside of the image are 0.
    fn naive(x: &Tensor<f64>, w: &Tensor<f64>, s: [usize; 2], p: [usize; 2]) -> Tensor<f64> {
        let ([batch, channels, height, width], [out, _, rows, columns]) =
            (x.shape().try_into().unwrap(), w.shape().try_into().unwrap());
        let down = (height + 2 * p[0] - rows) / s[0] + 1;
        let right = (width + 2 * p[1] - columns) / s[1] + 1;
        let at = |b: usize, c: usize, i: usize, j: usize| match (
            i.checked_sub(p[0]),
            j.checked_sub(p[1]),
        ) {
            (Some(i), Some(j)) if i < height && j < width => x.at(&[b, c, i, j]),
            _ => 0.0,
        };
        let mut y = Vec::new();
        for b in 0..batch {
            for o in 0..out {
                for i in 0..down {
                    for j in 0..right {
                        let mut sum = 0.0;
                        for c in 0..channels {
                            for u in 0..rows {
                                for v in 0..columns {
                                    sum +=
                                        w.at(&[o, c, u, v]) * at(b, c, i * s[0] + u, j * s[1] + v);
                                }
                            }
                        }
                        y.push(sum);
                    }
                }
            }
        }
        Tensor::new(&[batch, out, down, right], y)
    }

    /// A convolution that is allowed: x, w, stride, padding.
    fn drawn(draw: &mut Draw) -> (Tensor<f64>, Tensor<f64>, [usize; 2], [usize; 2]) {
        let [batch, channels, out] = [draw.below(0..3), draw.below(0..4), draw.below(0..4)];
        let [mut size, mut kernel, mut stride, mut padding] = [[0; 2]; 4];
        for axis in 0..2 {
            kernel[axis] = draw.below(1..6);
            stride[axis] = draw.below(1..4);
            padding[axis] = draw.below(0..4);
            size[axis] = kernel[axis].saturating_sub(2 * padding[axis]) + draw.below(0..5);
        }
        let x = draw.tensor(&[batch, channels, size[0], size[1]], -1.0..1.0);
        let w = draw.tensor(&[out, channels, kernel[0], kernel[1]], -1.0..1.0);
        (x, w, stride, padding)
    }

    #[test]
    fn two_axes_equal_six_loops() {
        for seed in 0..2000 {
            let (x, w, stride, padding) = drawn(&mut Draw::new(seed, 0, 0));
            let (y, expected) = (x.conv2d(&w, stride, padding), naive(&x, &w, stride, padding));
            assert_eq!(y.shape(), expected.shape());
            let error = (y - expected).norm();
            assert!(
                error < 1e-13,
                "{error:e}: {:?} {:?} {stride:?} {padding:?}",
                x.shape_value(),
                w.shape_value()
            );
        }
    }

    #[test]
    fn one_axis_equals_two_with_one_row() {
        for seed in 0..500 {
            let (x, w, [_, stride], [_, padding]) = drawn(&mut Draw::new(seed, 0, 0));
            if x.shape_value()[2] == 0 {
                continue;
            }
            let (x, w) = (x.slice(2, 0, 1), w.slice(2, 0, 1));
            let y = x.conv2d(&w, [1, stride], [0, padding]);
            let without_rows =
                |t: &Tensor<f64>| t.clone().with_shape(t.shape_value().without(|axis| axis == 2));
            let got = without_rows(&x).conv1d(&without_rows(&w), stride, padding);
            assert_eq!(got, without_rows(&y));
        }
    }

    #[test]
    fn both_agree_with_pytorch() {
        let sines = |shape: &[usize]| Tensor::from_fn(shape, |i| (i as f64 * 0.7).sin());
        let backward = |c: Convolution, x: &Tensor<f64>, w: &Tensor<f64>| {
            let y = c.forward(x, w);
            let dy = &y * 2.0;
            let (dx, dw) = (c.dx(x.shape_value(), w, &dy), c.dw(w.shape_value(), x, &dy));
            (y, dx, dw)
        };
        // seq = lambda *s: (torch.arange(math.prod(s)).double() * 0.7).sin().reshape(s)
        // x, w = seq(2, 3, 5, 4), seq(2, 3, 3, 2).cos()
        // y = F.conv2d(x, w, stride=(2, 1), padding=(1, 1)); (y * y).sum().backward()
        let (x, w) = (sines(&[2, 3, 5, 4]), sines(&[2, 3, 3, 2]).map(f64::cos));
        let c = Convolution::new("conv2d", &x, &w, [2, 1], [1, 1]).unwrap();
        let (y, dx, dw) = backward(c, &x, &w);
        assert_close(&[
            (y.at(&[1, 0, 1, 2]), 1.2468195077243456), // y[1, 0, 1, 2]
            (y.at(&[0, 1, 2, 4]), -0.13265515543900924), // y[0, 1, 2, 4]
            (dx.at(&[1, 2, 3, 1]), 1.5954279270244816), // x.grad[1, 2, 3, 1]
            (dw.at(&[1, 2, 0, 1]), -4.027149822738721), // w.grad[1, 2, 0, 1]
        ]);
        // x, w = seq(2, 3, 7), seq(4, 3, 3).cos()
        // y = F.conv1d(x, w, stride=2, padding=1); (y * y).sum().backward()
        let (x, w) = (sines(&[2, 3, 7]), sines(&[4, 3, 3]).map(f64::cos));
        let c = Convolution::new("conv1d", &x, &w, [2], [1]).unwrap();
        let (y, dx, dw) = backward(c, &x, &w);
        assert_close(&[
            (y.at(&[1, 3, 0]), 2.1139792684858105),  // y[1, 3, 0]
            (y.at(&[0, 2, 3]), 0.8154032236649766),  // y[0, 2, 3]
            (dx.at(&[0, 1, 6]), 6.1621484560839015), // x.grad[0, 1, 6]
            (dw.at(&[3, 0, 2]), -5.380488350593837), // w.grad[3, 0, 2]
        ]);
    }

    #[track_caller]
    fn assert_close(pairs: &[(f64, f64)]) {
        let error = |&(a, b): &(f64, f64)| (a - b).abs();
        assert!(pairs.iter().map(error).all(|error| error <= 1e-13), "{pairs:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_shapes_and_advice() {
        let refuses = |x: &[usize], w: &[usize], stride, padding, sentence: &str| {
            let (x, w) = (Tensor::<f64>::zeros(x), Tensor::zeros(w));
            let error = x.try_conv2d(&w, stride, padding).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        };
        refuses(
            &[2, 3, 5, 5],
            &[4, 2, 3, 3],
            [1, 1],
            [0, 0],
            "conv2d: the channels of the input [2, 3, 5, 5] and of the weight [4, 2, 3, 3] differ; the second axes must be equal",
        );
        refuses(
            &[2, 3, 5, 2],
            &[4, 3, 3, 5],
            [1, 1],
            [0, 1],
            "conv2d: no place for a window of [3, 5] on [2, 3, 5, 2] with stride [1, 1] and padding [0, 1]; the window must not be longer than the padded input",
        );
        refuses(
            &[2, 3, 5, 5],
            &[4, 3, 3, 3],
            [1, 0],
            [0, 0],
            "conv2d: no place for a window of [3, 3] on [2, 3, 5, 5] with stride [1, 0] and padding [0, 0]; kernel and stride must be at least 1",
        );
        refuses(
            &[3, 5, 5],
            &[4, 3, 3, 3],
            [1, 1],
            [0, 0],
            "conv2d: [3, 5, 5] must have four axes, [B, C, H, W]",
        );
        let x = Tensor::<f64>::zeros(&[1, 1, 1, 1]);
        for (padding, sentence) in [
            (usize::MAX / 2, "18446744073709551615] is too large"),
            (usize::MAX, "the padding is too long"),
        ] {
            let error = x.try_conv2d(&x, [1, 1], [padding, padding]).unwrap_err();
            assert!(error.to_string().contains(sentence), "{error}");
        }
        let x = Tensor::<f64>::zeros(&[2, 3, 5]);
        let error = x.try_conv1d(&Tensor::zeros(&[3, 3]), 1, 0).unwrap_err();
        assert_eq!(error.to_string(), "conv1d: [3, 3] must have three axes, [O, C, K]");
    }
}
