//! Windows that move over the last one or two axes of an array: what convolution and pooling share.
//!
//! ```text
//! number of places along an axis = ⌊(length + 2 padding − kernel) / stride⌋ + 1
//! ```
//!
//! A window over one axis is one over two, of which the first has length 1.

use crate::error::Error;
use crate::shape::Shape;

/// The places of a window on a plane [H, W] with zeros around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    /// The lengths of the plane.
    plane: [usize; 2],
    /// The lengths of the window.
    kernel: [usize; 2],
    /// How far apart two places are.
    stride: [usize; 2],
    /// How many zeros stand at each end.
    padding: [usize; 2],
    /// The number of places.
    places: [usize; 2],
}

/// Numbers that lie in one line both in the plane and in the list of windows.
pub(super) struct Run {
    /// Where the first stands among those in all windows, [KH, KW, places, places].
    pub(super) column: usize,
    /// Where it stands in the plane.
    pub(super) plane: usize,
    /// How many there are.
    pub(super) length: usize,
    /// How far apart they are in the plane.
    pub(super) step: usize,
}

impl Windows {
    /// The places of a window over the last D axes of `shape`, or why there are none.
    pub(super) fn new<const D: usize>(
        op: &'static str,
        shape: &[usize],
        kernel: [usize; D],
        stride: [usize; D],
        padding: [usize; D],
    ) -> Result<Self, Error> {
        let refuse = |advice| Error::Window {
            op,
            kernel: kernel.to_vec(),
            shape: shape.to_vec(),
            stride: stride.into(),
            padding: padding.into(),
            advice,
        };
        let mut plane = [0; D];
        plane.copy_from_slice(&shape[shape.len() - D..]);
        let mut places = [0; D];
        for axis in 0..D {
            if kernel[axis] == 0 || stride[axis] == 0 {
                return Err(refuse("kernel and stride must be at least 1"));
            }
            let padded = padding[axis].checked_mul(2).and_then(|p| p.checked_add(plane[axis]));
            let Some(padded) = padded else {
                return Err(refuse("the padding is too long"));
            };
            let Some(room) = padded.checked_sub(kernel[axis]) else {
                return Err(refuse("the window must not be longer than the padded input"));
            };
            places[axis] = room / stride[axis] + 1;
        }
        let (kernel, places) = (two(kernel, 1), two(places, 1));
        Shape::new(op, &[kernel, places].concat())?; // so that `taps` and `count` fit in usize
        Ok(Self {
            plane: two(plane, 1),
            kernel,
            stride: two(stride, 1),
            padding: two(padding, 0),
            places,
        })
    }

    /// The shape of one number for each place: `shape` with its last D axes that long.
    pub(super) fn shape_of_places<const D: usize>(
        &self,
        op: &'static str,
        shape: &[usize],
    ) -> Result<Shape, Error> {
        Shape::new(op, &[&shape[..shape.len() - D], &self.places[2 - D..]].concat())
    }

    /// The number of places.
    pub(super) fn count(&self) -> usize {
        self.places.iter().product()
    }

    /// The number of elements of a plane.
    pub(super) fn area(&self) -> usize {
        self.plane.iter().product()
    }

    /// The positions in the plane under a window at place (i, j), row by row; without padding.
    pub(super) fn positions(&self, i: usize, j: usize) -> impl Iterator<Item = usize> + use<> {
        let Self { plane: [_, width], kernel: [rows, columns], stride, .. } = *self;
        let corner = i * stride[0] * width + j * stride[1];
        (0..rows).flat_map(move |row| (0..columns).map(move |k| corner + row * width + k))
    }

    /// The places (i, j), row by row.
    pub(super) fn each_place(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [rows, columns] = self.places;
        (0..rows).flat_map(move |i| (0..columns).map(move |j| (i, j)))
    }

    /// The number of elements of a window.
    pub(super) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Calls `visit` with all numbers of the plane in all windows, run by run. What lies in the padding
    /// is left out.
    pub(super) fn for_each_run(&self, mut visit: impl FnMut(Run)) {
        let [[_, width], [rows, columns], [down, right]] = [self.plane, self.kernel, self.places];
        for row in 0..rows {
            for column in 0..columns {
                let (top, bottom) = self.inside(0, row);
                let (left, end) = self.inside(1, column);
                if left == end {
                    continue;
                }
                for i in top..bottom {
                    let y = i * self.stride[0] + row - self.padding[0];
                    let x = left * self.stride[1] + column - self.padding[1];
                    visit(Run {
                        column: ((row * columns + column) * down + i) * right + left,
                        plane: y * width + x,
                        length: end - left,
                        step: self.stride[1],
                    });
                }
            }
        }
    }

    /// From which place to which (exclusive) the window's index `k` along an axis lies on the plane:
    /// 0 ≤ place · stride + k − padding < length.
    fn inside(&self, axis: usize, k: usize) -> (usize, usize) {
        let [length, padding, stride, places] =
            [self.plane[axis], self.padding[axis], self.stride[axis], self.places[axis]];
        let first = padding.saturating_sub(k).div_ceil(stride);
        let end = (length + padding).saturating_sub(k).div_ceil(stride).min(places);
        (first.min(end), end)
    }
}

/// One or two lengths as two; the missing one comes first.
fn two<const D: usize>(lengths: [usize; D], missing: usize) -> [usize; 2] {
    const { assert!(D == 1 || D == 2, "windows move over one or two axes") };
    let mut two = [missing; 2];
    two[2 - D..].copy_from_slice(&lengths);
    two
}
