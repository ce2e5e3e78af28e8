//! Pooling: one number for each window over the last one or two axes.
//!
//! ```text
//! max    y[i, j] = max of x under the window at (i, j)
//! mean   y[i, j] = (1/n) Σ of x under the window at (i, j)      n the size of the window
//! ```
//!
//! Shapes: x [.., H, W] gives y [.., places, places] with ⌊(H − KH) / stride⌋ + 1 places along H; without
//! H for one axis. No padding: what a last window would need beyond the end is left out.
//!
//! Source: PyTorch's max_pool2d and avg_pool2d.

use super::Tensor;
use super::window::Windows;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;

impl<E: Element> Tensor<E> {
    /// The largest number in each window of the last axis. NaN if one is NaN.
    ///
    /// # Panics
    ///
    /// If there is no axis, `kernel` or `stride` is 0, or the kernel is longer than the axis.
    #[track_caller]
    pub fn max_pool1d(&self, kernel: usize, stride: usize) -> Self {
        expect(self.try_max_pool1d(kernel, stride))
    }

    /// The largest number in each window of the last axis, or why there are no windows.
    pub fn try_max_pool1d(&self, kernel: usize, stride: usize) -> Result<Self, Error> {
        Ok(Pooling::new("max_pool1d", self, [kernel], [stride])?.max(self))
    }

    /// The largest number in each window of the last two axes. NaN if one is NaN.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let x = Tensor::from([[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 9.0, 7.0]]);
    /// assert_eq!(x.max_pool2d([2, 2], [2, 2]), Tensor::from([[5.0, 9.0]]));
    /// ```
    ///
    /// # Panics
    ///
    /// If there are not two axes, a length of `kernel` or `stride` is 0, or the kernel is larger than
    /// the axes.
    #[track_caller]
    pub fn max_pool2d(&self, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        expect(self.try_max_pool2d(kernel, stride))
    }

    /// The largest number in each window of the last two axes, or why there are no windows.
    pub fn try_max_pool2d(&self, kernel: [usize; 2], stride: [usize; 2]) -> Result<Self, Error> {
        Ok(Pooling::new("max_pool2d", self, kernel, stride)?.max(self))
    }

    /// The mean of each window of the last axis.
    ///
    /// # Panics
    ///
    /// As [`max_pool1d`](Self::max_pool1d).
    #[track_caller]
    pub fn mean_pool1d(&self, kernel: usize, stride: usize) -> Self {
        expect(self.try_mean_pool1d(kernel, stride))
    }

    /// The mean of each window of the last axis, or why there are no windows.
    pub fn try_mean_pool1d(&self, kernel: usize, stride: usize) -> Result<Self, Error> {
        Ok(Pooling::new("mean_pool1d", self, [kernel], [stride])?.mean(self))
    }

    /// The mean of each window of the last two axes.
    ///
    /// # Panics
    ///
    /// As [`max_pool2d`](Self::max_pool2d).
    #[track_caller]
    pub fn mean_pool2d(&self, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        expect(self.try_mean_pool2d(kernel, stride))
    }

    /// The mean of each window of the last two axes, or why there are no windows.
    pub fn try_mean_pool2d(&self, kernel: [usize; 2], stride: [usize; 2]) -> Result<Self, Error> {
        Ok(Pooling::new("mean_pool2d", self, kernel, stride)?.mean(self))
    }
}

/// The windows of a pooling over one or two axes.
pub(crate) struct Pooling {
    windows: Windows,
    shape: Shape,
}

impl Pooling {
    /// The windows over the last D axes of `x`, or why there are none.
    pub(crate) fn new<E: Element, const D: usize>(
        op: &'static str,
        x: &Tensor<E>,
        kernel: [usize; D],
        stride: [usize; D],
    ) -> Result<Self, Error> {
        if x.shape_value().len() < D {
            let rank = if D == 1 { "at least one axis" } else { "at least two axes, [.., H, W]" };
            return Err(Error::Rank { op, shape: x.shape_value().to_vec(), rank });
        }
        let windows = Windows::new(op, &x.shape_value(), kernel, stride, [0; D])?;
        let shape = windows.shape_of_places::<D>(op, &x.shape_value())?;
        Ok(Self { windows, shape })
    }

    /// For each window of each plane, in order: where its plane starts, and its place there.
    fn each_window(&self) -> impl Iterator<Item = (usize, (usize, usize))> + use<> {
        let windows = self.windows;
        let planes = self.shape.elements() / windows.count();
        (0..planes).flat_map(move |plane| {
            windows.each_place().map(move |place| (plane * windows.area(), place))
        })
    }

    /// The position of the largest number of each window; the first of them in a tie, and the first
    /// NaN if there is one.
    fn largest<E: Element>(&self, x: &Tensor<E>) -> impl Iterator<Item = usize> {
        let windows = self.windows;
        self.each_window().map(move |(plane, (i, j))| {
            let mut positions = windows.positions(i, j).map(|position| plane + position);
            let first = positions.next().expect("a window is not empty");
            positions.fold(first, |best, other| {
                let [largest, number] = [best, other].map(|position| x.data()[position].value());
                let replaces = number > largest || (number.is_nan() && !largest.is_nan());
                if replaces { other } else { best }
            })
        })
    }

    pub(crate) fn max<E: Element>(&self, x: &Tensor<E>) -> Tensor<E> {
        let numbers = self.largest(x).map(|position| x.data()[position]);
        Tensor::collect(self.shape, numbers)
    }

    pub(crate) fn mean<E: Element>(&self, x: &Tensor<E>) -> Tensor<E> {
        let n = E::from_f64(self.windows.taps() as f64);
        let means = self.each_window().map(|(plane, (i, j))| {
            let numbers = self.windows.positions(i, j).map(|position| x.data()[plane + position]);
            numbers.sum::<E>() / n
        });
        Tensor::collect(self.shape, means)
    }

    /// dx of max pooling: each dy goes to the position of the largest number.
    pub(crate) fn max_backward<E: Element>(&self, x: &Tensor<E>, dy: &Tensor<E>) -> Tensor<E> {
        let mut dx = Tensor::filled(x.shape_value(), E::ZERO);
        let sums = dx.data_mut();
        for (position, &dy) in self.largest(x).zip(dy.data()) {
            sums[position] += dy;
        }
        dx
    }

    /// dx of mean pooling: each dy goes in equal shares to its window.
    pub(crate) fn mean_backward<E: Element>(&self, x: &Tensor<E>, dy: &Tensor<E>) -> Tensor<E> {
        let n = E::from_f64(self.windows.taps() as f64);
        let mut dx = Tensor::filled(x.shape_value(), E::ZERO);
        let sums = dx.data_mut();
        for ((plane, (i, j)), &dy) in self.each_window().zip(dy.data()) {
            let share = dy / n;
            for position in self.windows.positions(i, j) {
                sums[plane + position] += share;
            }
        }
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// The definition: for each place the list of numbers under its window.
    fn naive(
        x: &Tensor<f64>,
        kernel: [usize; 2],
        stride: [usize; 2],
        f: impl Fn(&[f64]) -> f64,
    ) -> Tensor<f64> {
        let [planes, height, width]: [usize; 3] = x.shape().try_into().unwrap();
        let places = [0, 1].map(|i| ([height, width][i] - kernel[i]) / stride[i] + 1);
        let mut y = Vec::new();
        for plane in 0..planes {
            for i in 0..places[0] {
                for j in 0..places[1] {
                    let mut window = Vec::new();
                    for u in 0..kernel[0] {
                        for v in 0..kernel[1] {
                            window.push(x.at(&[plane, i * stride[0] + u, j * stride[1] + v]));
                        }
                    }
                    y.push(f(&window));
                }
            }
        }
        Tensor::new(&[planes, places[0], places[1]], y)
    }

    #[test]
    fn max_and_mean_equal_loops_over_windows() {
        for seed in 0..1000 {
            let mut draw = Draw::new(seed, 0, 0);
            let kernel = [draw.below(1..4), draw.below(1..4)];
            let stride = [draw.below(1..4), draw.below(1..4)];
            let size = kernel.map(|k| k + draw.below(0..5));
            let shape = [draw.below(0..4), size[0], size[1]];
            let x = draw.tensor(&shape, -1.0..1.0);
            let max = |window: &[f64]| window.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mean = |window: &[f64]| window.iter().sum::<f64>() / window.len() as f64;
            assert_eq!(x.max_pool2d(kernel, stride), naive(&x, kernel, stride, max));
            assert_eq!(x.mean_pool2d(kernel, stride), naive(&x, kernel, stride, mean));
            let ([_, k], [_, s]) = (kernel, stride);
            assert_eq!(x.max_pool1d(k, s), naive(&x, [1, k], [1, s], max));
            assert_eq!(x.mean_pool1d(k, s), naive(&x, [1, k], [1, s], mean));
        }
    }

    #[test]
    fn both_agree_with_pytorch() {
        // x = (torch.arange(120).double() * 0.7).sin().reshape(2, 3, 5, 4)
        // y = F.max_pool2d(x, (3, 2), (2, 1)); (y * y).sum().backward()
        let x = Tensor::from_fn(&[2, 3, 5, 4], |i| (i as f64 * 0.7).sin());
        let y = x.max_pool2d([3, 2], [2, 1]);
        let pooling = Pooling::new("test", &x, [3, 2], [2, 1]).unwrap();
        let dx = pooling.max_backward(&x, &(&y * 2.0));
        assert_close(&[
            (y.at(&[1, 2, 1, 0]), 0.7844298476278219), // y[1, 2, 1, 0]
            (y.at(&[0, 1, 0, 2]), 0.8366556385360561), // y[0, 1, 0, 2]
            (dx.at(&[0, 0, 2, 3]), 3.952672935508001), // x.grad[0, 0, 2, 3], used by two windows
            (dx.sum().item(), 64.68395537694937),      // x.grad.sum()
        ]);
        // y = F.avg_pool2d(x, (3, 2), (2, 1)); (y * y).sum().backward()
        let y = x.mean_pool2d([3, 2], [2, 1]);
        let dx = pooling.mean_backward(&x, &(&y * 2.0));
        assert_close(&[
            (y.at(&[1, 2, 1, 0]), 0.05778085167571012), // y[1, 2, 1, 0]
            (dx.at(&[1, 1, 2, 1]), -0.16574401857144577), // x.grad[1, 1, 2, 1]
        ]);
        // x = (torch.arange(18).double() * 0.7).sin().reshape(2, 9)
        let x = Tensor::from_fn(&[2, 9], |i| (i as f64 * 0.7).sin());
        assert_close(&[
            (x.max_pool1d(3, 2).at(&[0, 3]), -0.6312666378723216), // F.max_pool1d(x, 3, 2)[0, 3]
            (x.mean_pool1d(4, 3).at(&[1, 1]), -0.0181194046964908), // F.avg_pool1d(x, 4, 3)[1, 1]
        ]);
    }

    #[track_caller]
    fn assert_close(pairs: &[(f64, f64)]) {
        let error = |&(a, b): &(f64, f64)| (a - b).abs();
        assert!(pairs.iter().map(error).all(|error| error <= 1e-13), "{pairs:?}");
    }

    #[test]
    fn a_tie_gives_all_to_the_first() {
        let x = Tensor::from([[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]]);
        let pooling = Pooling::new("test", &x, [2, 3], [1, 1]).unwrap();
        let dx = pooling.max_backward(&x, &Tensor::from([[5.0]]));
        assert_eq!(dx, Tensor::from([[0.0, 5.0, 0.0], [0.0, 0.0, 0.0]]));
    }

    #[test]
    fn a_nan_in_a_window_is_its_largest_number() {
        let x = Tensor::from([1.0, f64::NAN, 3.0, f64::NEG_INFINITY, f64::NEG_INFINITY]);
        let y = x.max_pool1d(2, 1);
        assert!(y.data()[0].is_nan() && y.data()[1].is_nan());
        assert_eq!(y.data()[2..], [3.0, f64::NEG_INFINITY]);
    }

    #[test]
    fn windows_that_do_not_fit_are_refused_with_shape_and_advice() {
        let x = Tensor::<f64>::zeros(&[2, 3, 4]);
        assert_eq!(
            x.try_max_pool2d([4, 2], [1, 1]).unwrap_err().to_string(),
            "max_pool2d: no place for a window of [4, 2] on [2, 3, 4] with stride [1, 1] and padding [0, 0]; the window must not be longer than the padded input"
        );
        assert_eq!(
            x.try_mean_pool1d(0, 1).unwrap_err().to_string(),
            "mean_pool1d: no place for a window of [0] on [2, 3, 4] with stride [1] and padding [0]; kernel and stride must be at least 1"
        );
        assert_eq!(
            Tensor::scalar(1.0).try_max_pool1d(1, 1).unwrap_err().to_string(),
            "max_pool1d: [] must have at least one axis"
        );
    }
}
