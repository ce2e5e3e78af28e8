//! Parts of tensors: slices, concatenation, rows by id.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};

impl<E: Element> Tensor<E> {
    /// Indices `start..end` of `axis`; the other axes whole. Free along the first axis.
    ///
    /// # Panics
    ///
    /// If the tensor has no such axis, or the axis is shorter than `end`.
    #[track_caller]
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> Self {
        expect(self.try_slice(axis, start, end))
    }

    /// Indices `start..end` of `axis`, or why there are none.
    pub fn try_slice(&self, axis: usize, start: usize, end: usize) -> Result<Self, Error> {
        let shape = self.shape_value();
        if axis >= shape.len() {
            return Err(Error::Axis { op: "slice", axis, shape: shape.to_vec() });
        }
        if start > end || end > shape[axis] {
            return Err(Error::Slice { axis, start, end, shape: shape.to_vec() });
        }
        if axis == 0 {
            return Ok(self.first_axis_view(start, end - start));
        }
        let [outer, length, inner] = shape.around(axis);
        Ok(Tensor::build(shape.with(axis, end - start), |numbers| {
            for block in 0..outer {
                let block = &self.data()[block * length * inner..][..length * inner];
                numbers.extend_from_slice(&block[start * inner..end * inner]);
            }
        }))
    }

    /// Entry `index` of the first axis, without that axis and without a copy: `x[t]` of a
    /// time-major sequence.
    ///
    /// # Panics
    ///
    /// If there is no such entry.
    #[track_caller]
    pub fn entry(&self, index: usize) -> Self {
        let view = self.slice(0, index, index + 1);
        view.with_shape(self.shape_value().without(|axis| axis == 0))
    }

    /// N equal parts along the last axis: the gates of a cell.
    ///
    /// # Panics
    ///
    /// If the last axis is not a multiple of N.
    #[track_caller]
    pub fn chunk<const N: usize>(&self) -> [Self; N] {
        let last = self.shape_value().len().saturating_sub(1);
        let length = self.shape_value().get(last).copied().unwrap_or(0);
        assert!(
            !self.shape_value().is_empty() && length % N == 0,
            "chunk: the last axis of {} does not split into {N} equal parts",
            self.shape_value()
        );
        let size = length / N;
        std::array::from_fn(|part| self.slice(last, part * size, (part + 1) * size))
    }

    /// Tensors one after the other along `axis`; the other axes must agree.
    ///
    /// # Panics
    ///
    /// If there are none, or they differ in more than `axis`.
    #[track_caller]
    pub fn concat(tensors: &[&Self], axis: usize) -> Self {
        expect(Self::try_concat(tensors, axis))
    }

    /// Tensors one after the other along `axis`, or why they do not fit together.
    pub fn try_concat(tensors: &[&Self], axis: usize) -> Result<Self, Error> {
        let first = tensors.first().ok_or(Error::ConcatNothing)?.shape_value();
        if axis >= first.len() {
            return Err(Error::Axis { op: "concat", axis, shape: first.to_vec() });
        }
        for (position, tensor) in tensors.iter().enumerate() {
            let other = tensor.shape_value();
            if other.len() != first.len() || other.with(axis, first[axis]) != first {
                return Err(Error::Concat {
                    first: first.to_vec(),
                    other: other.to_vec(),
                    position,
                    axis,
                });
            }
        }
        let length = tensors.iter().map(|tensor| tensor.shape_value()[axis]).sum();
        let shape = first.with(axis, length);
        Ok(Tensor::build(shape, |numbers| {
            for block in 0..first.around(axis)[0] {
                for tensor in tensors {
                    let [_, length, inner] = tensor.shape_value().around(axis);
                    let part = length * inner;
                    numbers.extend_from_slice(&tensor.data()[block * part..][..part]);
                }
            }
        }))
    }

    /// Tensors of one shape as the entries of a new first axis.
    ///
    /// # Panics
    ///
    /// If there are none, or their shapes differ.
    #[track_caller]
    pub fn stack(tensors: &[Self]) -> Self {
        let rows: Vec<Self> =
            tensors.iter().map(|tensor| tensor.reshape(&[&[1], tensor.shape()].concat())).collect();
        Self::concat(&rows.iter().collect::<Vec<_>>(), 0)
    }

    /// Rows of a table by their ids: [V, D] and n ids give [n, D].
    ///
    /// # Panics
    ///
    /// If this is no table, or an id is not one of its rows.
    #[track_caller]
    pub fn rows(&self, ids: &[usize]) -> Self {
        expect(self.try_rows(ids))
    }

    /// Rows of a table by their ids, or which id is no row.
    pub fn try_rows(&self, ids: &[usize]) -> Result<Self, Error> {
        let [size, width] = self.shape_value()[..] else {
            return Err(Error::Rank {
                op: "rows",
                shape: self.shape_value().to_vec(),
                rank: "two axes, [V, D]",
            });
        };
        if let Some(position) = ids.iter().position(|&id| id >= size) {
            return Err(Error::Id { op: "rows", id: ids[position], position, size });
        }
        Ok(Tensor::build(self.shape_value().with(0, ids.len()), |numbers| {
            for &id in ids {
                numbers.extend_from_slice(&self.data()[id * width..(id + 1) * width]);
            }
        }))
    }

    /// Adds `values` [n, ..] to the entries of the first axis with these ids; an entry that is named
    /// twice gets both. The opposite of [`rows`](Self::rows), for any number of further axes.
    ///
    /// # Panics
    ///
    /// If there is no first axis, an id is not below its length, or `values` is not [n, ..].
    #[track_caller]
    pub fn add_rows(&mut self, ids: &[usize], values: &Self) {
        let shape = self.shape_value();
        assert!(!shape.is_empty(), "add_rows: {shape} must have at least one axis");
        assert_eq!(
            values.shape_value(),
            shape.with(0, ids.len()),
            "add_rows: the values must be one entry of {shape} for each id"
        );
        let [_, size, width] = shape.around(0);
        let table = self.data_mut();
        for (i, &id) in ids.iter().enumerate() {
            assert!(id < size, "add_rows: id {id} at position {i} is outside 0..{size}");
            let row = &values.data()[i * width..][..width];
            table[id * width..][..width].iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
        }
    }

    /// Adds `values` to the indices from `start` on of `axis`. The opposite of [`slice`](Self::slice).
    ///
    /// # Panics
    ///
    /// If there is no such axis, or `values` is not a slice of it.
    #[track_caller]
    pub fn add_slice(&mut self, axis: usize, start: usize, values: &Self) {
        let shape = self.shape_value();
        let length = values.shape().get(axis).copied().unwrap_or(0);
        assert!(
            axis < shape.len()
                && start + length <= shape[axis]
                && shape.with(axis, length) == values.shape_value(),
            "add_slice: {} does not lie at {start} of axis {axis} of {shape}",
            values.shape_value()
        );
        let [outer, whole, inner] = shape.around(axis);
        let (whole, part) = (whole * inner, length * inner);
        let numbers = self.data_mut();
        for block in 0..outer {
            let sums = &mut numbers[block * whole + start * inner..][..part];
            let values = &values.data()[block * part..][..part];
            sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += x);
        }
    }
}
