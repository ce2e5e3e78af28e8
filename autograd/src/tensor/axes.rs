//! The axes in another order or direction, and the parts of one: permute, transpose, flip, split.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::{MAX_RANK, Shape};

impl<E: Element> Tensor<E> {
    /// The axes in another order: axis i of the result is axis `axes[i]` of this tensor.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let xs = Tensor::from_fn(&[2, 3, 4], |i| i as f64); // [B, T, F]
    /// let time_major = xs.permute(&[1, 0, 2]); // [T, B, F]
    /// assert_eq!(time_major.shape(), [3, 2, 4]);
    /// assert_eq!(time_major.at(&[2, 1, 3]), xs.at(&[1, 2, 3]));
    /// ```
    ///
    /// # Panics
    ///
    /// If `axes` does not name each axis once.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Self {
        expect(self.try_permute(axes))
    }

    /// The axes in another order, or why that is none.
    pub fn try_permute(&self, axes: &[usize]) -> Result<Self, Error> {
        let rank = self.shape_value().len();
        let once = |axis| axes.iter().filter(|&&other| other == axis).count() == 1;
        if axes.len() != rank || !(0..rank).all(once) {
            return Err(Error::Permute { axes: axes.to_vec(), shape: self.shape_value().to_vec() });
        }
        if axes.is_sorted() {
            return Ok(self.clone());
        }
        let own = self.shape_value().strides();
        let (mut shape, mut steps) = (self.shape_value(), [0; MAX_RANK]);
        for (place, &axis) in axes.iter().enumerate() {
            shape = shape.with(place, self.shape_value()[axis]);
            steps[place] = own[axis];
        }
        let source = self.data();
        let (length, step) = (shape[rank - 1], steps[rank - 1]);
        Ok(Tensor::build(shape, |numbers| {
            shape.for_each_row(&steps, &steps, |at, _| match step {
                1 => numbers.extend_from_slice(&source[at..at + length]),
                _ => numbers.extend((0..length).map(|i| source[at + i * step])),
            });
        }))
    }

    /// Two axes exchanged. For a factor of a matrix product use [`t`](Self::t), which copies nothing.
    ///
    /// # Panics
    ///
    /// If the tensor has no such axes.
    #[track_caller]
    pub fn transpose(&self, a: usize, b: usize) -> Self {
        expect(self.try_transpose(a, b))
    }

    /// Two axes exchanged, or which of them does not exist.
    pub fn try_transpose(&self, a: usize, b: usize) -> Result<Self, Error> {
        self.try_permute(&self.shape_value().exchanged(a, b)?)
    }

    /// The order along these axes turned around.
    ///
    /// # Panics
    ///
    /// If an axis does not exist or is given twice.
    #[track_caller]
    pub fn flip(&self, axes: &[usize]) -> Self {
        expect(self.try_flip(axes))
    }

    /// The order along these axes turned around, or which axis does not exist or is given twice.
    pub fn try_flip(&self, axes: &[usize]) -> Result<Self, Error> {
        self.shape_value().reduced("flip", axes)?; // for its check of the axes
        let mut flipped = self.clone();
        for &axis in axes {
            let [outer, length, inner] = self.shape_value().around(axis);
            let source = flipped.data();
            flipped = Tensor::build(self.shape_value(), |numbers| {
                for block in 0..outer {
                    for i in (0..length).rev() {
                        numbers.extend_from_slice(&source[(block * length + i) * inner..][..inner]);
                    }
                }
            });
        }
        Ok(flipped)
    }

    /// Parts of these sizes along `axis`, one after the other. Free along the first axis.
    ///
    /// # Panics
    ///
    /// If there is no such axis, or the sizes do not add up to its length.
    #[track_caller]
    pub fn split(&self, axis: usize, sizes: &[usize]) -> Vec<Self> {
        expect(self.try_split(axis, sizes))
    }

    /// Parts of these sizes along `axis`, or why it does not split so.
    pub fn try_split(&self, axis: usize, sizes: &[usize]) -> Result<Vec<Self>, Error> {
        let starts = self.shape_value().split(axis, sizes)?;
        let parts = starts.into_iter().zip(sizes);
        parts.map(|(start, size)| self.try_slice(axis, start, start + size)).collect()
    }
}

impl Shape {
    /// The order of the axes with `a` and `b` exchanged.
    pub(crate) fn exchanged(&self, a: usize, b: usize) -> Result<Vec<usize>, Error> {
        let axis = a.max(b);
        if axis >= self.len() {
            return Err(Error::Axis { op: "transpose", axis, shape: self.to_vec() });
        }
        let mut axes: Vec<usize> = (0..self.len()).collect();
        axes.swap(a, b);
        Ok(axes)
    }

    /// Where parts of these sizes start along `axis`.
    pub(crate) fn split(&self, axis: usize, sizes: &[usize]) -> Result<Vec<usize>, Error> {
        let Some(&length) = self.get(axis) else {
            return Err(Error::Axis { op: "split", axis, shape: self.to_vec() });
        };
        let mut end = Some(0_usize);
        let mut starts = Vec::with_capacity(sizes.len());
        for &size in sizes {
            starts.extend(end);
            end = end.and_then(|end| end.checked_add(size));
        }
        if end != Some(length) {
            return Err(Error::Split { axis, sizes: sizes.to_vec(), shape: self.to_vec() });
        }
        Ok(starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// The definition: each element where its index says.
    fn naive(x: &Tensor<f64>, shape: Shape, from: impl Fn(&[usize]) -> Vec<usize>) -> Tensor<f64> {
        Tensor::from_fn(&shape, |i| x.at(&from(&shape.index_of(i))))
    }

    #[test]
    fn permute_puts_each_number_where_its_index_says() {
        for seed in 0..500 {
            let mut draw = Draw::new(seed, 5, 4);
            let shape = draw.shape(0);
            let x = draw.tensor(&shape, -1.0..1.0);
            let mut axes: Vec<usize> = (0..shape.len()).collect();
            for i in (1..axes.len()).rev() {
                axes.swap(i, draw.below(0..i + 1));
            }
            let permuted: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
            let permuted = Shape::new("test", &permuted).unwrap();
            let expected = naive(&x, permuted, |index| {
                let mut from = vec![0; index.len()];
                axes.iter().zip(index).for_each(|(&axis, &i)| from[axis] = i);
                from
            });
            assert_eq!(x.permute(&axes), expected, "{shape:?} by {axes:?}");
        }
    }

    #[test]
    fn flip_puts_each_number_where_its_index_says() {
        for seed in 0..500 {
            let mut draw = Draw::new(seed, 4, 4);
            let shape = draw.shape(0);
            let axes = draw.some_axes(shape.len());
            let x = draw.tensor(&shape, -1.0..1.0);
            let expected = naive(&x, x.shape_value(), |index| {
                let turned = |(axis, &i): (usize, &usize)| {
                    if axes.contains(&axis) { shape[axis] - 1 - i } else { i }
                };
                index.iter().enumerate().map(turned).collect()
            });
            assert_eq!(x.flip(&axes), expected, "{shape:?} along {axes:?}");
        }
    }

    #[test]
    fn permute_and_flip_agree_with_pytorch() {
        // x = (torch.arange(24, dtype=torch.float64) * 0.7).sin().reshape(2, 3, 4)
        let x = Tensor::from_fn(&[2, 3, 4], |i| (i as f64 * 0.7).sin());
        // x.permute(2, 0, 1).flatten()[:5]
        let permuted =
            [0.0, 0.3349881501559051, -0.6312666378723216, 0.8545989080882814, -0.9791777291513174];
        assert_close(&x.permute(&[2, 0, 1]).data()[..5], &permuted);
        // x.flip(0, 2).flatten()[:5]
        let flipped = [
            -0.87969575997167,
            -0.36647912925192677,
            0.3190983623493521,
            0.8545989080882814,
            0.669569762196601,
        ];
        assert_close(&x.flip(&[0, 2]).data()[..5], &flipped);
    }

    #[track_caller]
    fn assert_close(got: &[f64], expected: &[f64]) {
        let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-14);
        assert!(got.len() == expected.len() && close, "{got:?} for {expected:?}");
    }

    #[test]
    fn split_parts_concatenate_to_the_whole() {
        let x = Tensor::from_fn(&[2, 7, 3], |i| i as f64);
        let parts = x.split(1, &[2, 0, 4, 1]);
        assert_eq!(parts.iter().map(|part| part.shape()[1]).collect::<Vec<_>>(), [2, 0, 4, 1]);
        assert_eq!(Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1), x);
    }

    #[track_caller]
    fn refuses<T: std::fmt::Debug>(result: Result<T, Error>, sentence: &str) {
        assert_eq!(result.unwrap_err().to_string(), sentence);
    }

    #[test]
    fn wrong_axes_and_sizes_are_refused_by_name() {
        let x = Tensor::<f64>::zeros(&[2, 3]);
        refuses(
            x.try_permute(&[0, 0]),
            "permute: [0, 0] is not an order of the axes of [2, 3]; name each of them once",
        );
        refuses(
            x.try_permute(&[1]),
            "permute: [1] is not an order of the axes of [2, 3]; name each of them once",
        );
        refuses(
            x.try_transpose(0, 2),
            "transpose: axis 2 is not an axis of [2, 3], or is given twice",
        );
        refuses(x.try_flip(&[1, 1]), "flip: axis 1 is not an axis of [2, 3], or is given twice");
        for sizes in [[1, 1], [2, 2], [usize::MAX, 4]] {
            refuses(
                x.try_split(1, &sizes),
                &format!(
                    "split: the sizes {sizes:?} do not add up to the length of axis 1 of [2, 3]"
                ),
            );
        }
    }
}
