//! Numbers picked by ids along an axis, and their opposites, which add up: gather, take, one-hot.
//!
//! ```text
//! gather        y[.., j, ..] = x[.., ids[j], ..]              one id for each index of the axis
//! scatter_add   y[.., ids[j], ..] += x[.., j, ..]
//! take_along    y[.., j, ..] = x[.., ids[.., j, ..], ..]      one id for each element
//! add_along     y[.., ids[.., j, ..], ..] += x[.., j, ..]
//! ```
//!
//! In PyTorch's words: `index_select`, `zeros.index_add`, `gather`, `zeros.scatter_add`. Ids may
//! repeat; what is added at one place adds up in the order of the ids. Each pair is linear in x and
//! each the transpose of the other, so that one is the derivative of the other.

use super::Tensor;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::shape::Shape;

impl<E: Element> Tensor<E> {
    /// The entries of `axis` with these ids, in their order. For rows of a table see also
    /// [`rows`](Self::rows).
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.gather(1, &[2, 0, 2]), Tensor::from([[3.0, 1.0, 3.0], [6.0, 4.0, 6.0]]));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such axis, or an id is not below its length.
    #[track_caller]
    pub fn gather(&self, axis: usize, ids: &[usize]) -> Self {
        expect(self.try_gather(axis, ids))
    }

    /// The entries of `axis` with these ids, or which id is none.
    pub fn try_gather(&self, axis: usize, ids: &[usize]) -> Result<Self, Error> {
        let shape = self.shape_value().resized("gather", axis, ids.len())?;
        let [outer, length, inner] = self.shape_value().around(axis);
        check_ids("gather", ids, length)?;
        Ok(Tensor::build(shape, |numbers| {
            for block in 0..outer {
                for &id in ids {
                    let at = (block * length + id) * inner;
                    numbers.extend_from_slice(&self.data()[at..at + inner]);
                }
            }
        }))
    }

    /// Zeros with `axis` of length `size`, to which entry j of this tensor's `axis` is added at
    /// `ids[j]`. The opposite of [`gather`](Self::gather).
    ///
    /// # Panics
    ///
    /// If there is no such axis, there is not one id for each of its entries, or an id is not below
    /// `size`.
    #[track_caller]
    pub fn scatter_add(&self, axis: usize, ids: &[usize], size: usize) -> Self {
        expect(self.try_scatter_add(axis, ids, size))
    }

    /// As [`scatter_add`](Self::scatter_add), or why the ids do not fit.
    pub fn try_scatter_add(&self, axis: usize, ids: &[usize], size: usize) -> Result<Self, Error> {
        let shape = self.shape_value().resized("scatter_add", axis, size)?;
        let [outer, length, inner] = self.shape_value().around(axis);
        if ids.len() != length {
            let advice = "give one id for each index of the axis";
            return Err(count_error("scatter_add", ids, axis, self.shape_value(), advice));
        }
        check_ids("scatter_add", ids, size)?;
        let mut summed = Tensor::filled(shape, E::ZERO);
        let sums = summed.data_mut();
        for block in 0..outer {
            for (j, &id) in ids.iter().enumerate() {
                let values = &self.data()[(block * length + j) * inner..][..inner];
                let sums = &mut sums[(block * size + id) * inner..][..inner];
                sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += x);
            }
        }
        Ok(summed)
    }

    /// One number along `axis` for each id: the ids fill, row by row, a tensor whose other axes are
    /// this tensor's, and each picks along `axis` in its own line.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let scores = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let of_targets = scores.take_along(1, &[2, 0]); // one id a row
    /// assert_eq!(of_targets, Tensor::from([[3.0], [4.0]]));
    /// ```
    ///
    /// Shapes: with n ids for each line along `axis`, the result has `axis` of length n; without any
    /// lines (another axis is empty) there are no ids, and the length is 0.
    ///
    /// # Panics
    ///
    /// If there is no such axis, the ids are not as many for each line, or an id is not below the
    /// axis's length.
    #[track_caller]
    pub fn take_along(&self, axis: usize, ids: &[usize]) -> Self {
        expect(self.try_take_along(axis, ids))
    }

    /// As [`take_along`](Self::take_along), or why the ids do not fit.
    pub fn try_take_along(&self, axis: usize, ids: &[usize]) -> Result<Self, Error> {
        self.shape_value().resized("take_along", axis, 0)?;
        let [outer, length, inner] = self.shape_value().around(axis);
        let lines = outer * inner;
        if !ids.len().is_multiple_of(lines) {
            let advice = "give as many for each line along the axis";
            return Err(count_error("take_along", ids, axis, self.shape_value(), advice));
        }
        check_ids("take_along", ids, length)?;
        let shape = self.shape_value().with(axis, ids.len() / lines.max(1));
        let places = ids.iter().enumerate().map(|(position, id)| {
            let (block, within) = line(shape.around(axis), position);
            self.data()[(block * length + id) * inner + within]
        });
        Ok(Tensor::collect(shape, places))
    }

    /// Zeros with `axis` of length `size`, to which each number of this tensor is added at its own
    /// id along `axis`, in its own line. The opposite of [`take_along`](Self::take_along).
    ///
    /// # Panics
    ///
    /// If there is no such axis, there is not one id for each number, or an id is not below `size`.
    #[track_caller]
    pub fn add_along(&self, axis: usize, ids: &[usize], size: usize) -> Self {
        expect(self.try_add_along(axis, ids, size))
    }

    /// As [`add_along`](Self::add_along), or why the ids do not fit.
    pub fn try_add_along(&self, axis: usize, ids: &[usize], size: usize) -> Result<Self, Error> {
        let shape = self.shape_value().resized("add_along", axis, size)?;
        if ids.len() != self.elements() {
            let advice = "give one id for each element";
            return Err(count_error("add_along", ids, axis, self.shape_value(), advice));
        }
        check_ids("add_along", ids, size)?;
        let [_, _, inner] = self.shape_value().around(axis);
        let mut summed = Tensor::filled(shape, E::ZERO);
        let sums = summed.data_mut();
        for (position, (id, &x)) in ids.iter().zip(self.data()).enumerate() {
            let (block, within) = line(self.shape_value().around(axis), position);
            sums[(block * size + id) * inner + within] += x;
        }
        Ok(summed)
    }
}

/// How many rows of a matrix are gone through together, so that whole lines of the cache are written.
const ROWS: usize = 16;

impl<E: Element> Tensor<E> {
    /// The columns of a matrix with these ids, each as a row: the product of one-hot rows with the transposed matrix.
    ///
    /// ```
    /// use autograd::Tensor;
    ///
    /// let w = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(w.take_columns(&[2, 0]), Tensor::from([[3.0, 6.0], [1.0, 4.0]]));
    /// assert_eq!(w.take_columns(&[2, 0]), Tensor::one_hot(&[2, 0], 3).matmul(w.t()));
    /// ```
    ///
    /// # Panics
    ///
    /// If there are not two axes, or an id is not below the number of columns.
    #[track_caller]
    pub fn take_columns(&self, ids: &[usize]) -> Self {
        let (rows, size) = self.rows_and_columns("take_columns");
        expect(check_ids("take_columns", ids, size));
        let mut columns = Self::unset(&[ids.len(), rows]);
        let (to, from) = (columns.data_mut(), self.data());
        for first in (0..rows).step_by(ROWS) {
            let block = first..rows.min(first + ROWS);
            for (i, id) in ids.iter().enumerate() {
                let to = &mut to[i * rows..][block.clone()];
                for (to, row) in to.iter_mut().zip(block.clone()) {
                    *to = from[row * size + id];
                }
            }
        }
        columns
    }

    /// Adds the rows of `values` to the columns with these ids. The opposite of [`take_columns`](Self::take_columns).
    ///
    /// # Panics
    ///
    /// If there are not two axes, an id is not below the number of columns, or there is not one row of values, as long as
    /// a column, for each id.
    #[track_caller]
    pub fn add_columns(&mut self, ids: &[usize], values: &Self) {
        let (rows, size) = self.rows_and_columns("add_columns");
        expect(check_ids("add_columns", ids, size));
        assert_eq!(
            values.shape(),
            [ids.len(), rows],
            "add_columns: the values must be one row, as long as a column, for each id"
        );
        let (to, from) = (self.data_mut(), values.data());
        for first in (0..rows).step_by(ROWS) {
            let block = first..rows.min(first + ROWS);
            for (i, id) in ids.iter().enumerate() {
                let from = &from[i * rows..][block.clone()];
                for (&from, row) in from.iter().zip(block.clone()) {
                    to[row * size + id] += from;
                }
            }
        }
    }

    #[track_caller]
    fn rows_and_columns(&self, op: &str) -> (usize, usize) {
        match *self.shape() {
            [rows, columns] => (rows, columns),
            ref shape => panic!("{op}: {shape:?} must have two axes"),
        }
    }

    /// A row of zeros with a one at the id, for each of n ids: [n, size].
    ///
    /// # Panics
    ///
    /// If an id is not below `size`.
    #[track_caller]
    pub fn one_hot(ids: &[usize], size: usize) -> Self {
        expect(Self::try_one_hot(ids, size))
    }

    /// A row of zeros with a one at the id, for each id, or which id is not below `size`.
    pub fn try_one_hot(ids: &[usize], size: usize) -> Result<Self, Error> {
        let shape = Shape::new("one_hot", &[ids.len(), size])?;
        check_ids("one_hot", ids, size)?;
        let mut rows = Tensor::filled(shape, E::ZERO);
        for (row, &id) in rows.data_mut().chunks_exact_mut(size.max(1)).zip(ids) {
            row[id] = E::ONE;
        }
        Ok(rows)
    }
}

impl Shape {
    /// The same shape with `axis` of another length, if it has that axis and is not too large then.
    fn resized(&self, op: &'static str, axis: usize, length: usize) -> Result<Self, Error> {
        if axis >= self.len() {
            return Err(Error::Axis { op, axis, shape: self.to_vec() });
        }
        Self::new(op, &self.with(axis, length))
    }
}

/// The line along the middle axis in which the element at this position of an array [a, b, c] stands:
/// its index along a, and that along c.
fn line([_, length, inner]: [usize; 3], position: usize) -> (usize, usize) {
    (position / (length * inner), position % inner)
}

fn check_ids(op: &'static str, ids: &[usize], size: usize) -> Result<(), Error> {
    match ids.iter().position(|&id| id >= size) {
        Some(position) => Err(Error::Id { op, id: ids[position], position, size }),
        None => Ok(()),
    }
}

fn count_error(
    op: &'static str,
    ids: &[usize],
    axis: usize,
    shape: Shape,
    advice: &'static str,
) -> Error {
    Error::IdCount { op, ids: ids.len(), axis, shape: shape.to_vec(), advice }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// A tensor, one of its axes (not empty), and its shape as [a, b, c] around that axis.
    fn drawn(draw: &mut Draw) -> (Tensor<f64>, usize, [usize; 3]) {
        let mut shape = draw.shape(1);
        let axis = draw.below(0..shape.len());
        shape[axis] = draw.full_axis();
        let x = draw.tensor(&shape, -1.0..1.0);
        (x, axis, Shape::new("test", &shape).unwrap().around(axis))
    }

    #[test]
    fn gather_and_scatter_add_equal_three_loops() {
        for seed in 0..500 {
            let mut draw = Draw::new(seed, 4, 4);
            let (x, axis, [outer, length, inner]) = drawn(&mut draw);
            let count = draw.below(0..6);
            let ids = draw.ids(count, length);
            let y = x.gather(axis, &ids).reshape(&[outer, count, inner]);
            let from = x.reshape(&[outer, length, inner]);

            let size = draw.full_axis();
            let targets = draw.ids(length, size);
            let sums = x.scatter_add(axis, &targets, size).reshape(&[outer, size, inner]);
            let mut expected = Tensor::zeros(&[outer, size, inner]);
            for a in 0..outer {
                for c in 0..inner {
                    for (j, &id) in ids.iter().enumerate() {
                        assert_eq!(y.at(&[a, j, c]), from.at(&[a, id, c]));
                    }
                    for (j, &id) in targets.iter().enumerate() {
                        expected.data_mut()[(a * size + id) * inner + c] += from.at(&[a, j, c]);
                    }
                }
            }
            assert_eq!(sums, expected);
        }
    }

    #[test]
    fn take_along_and_add_along_equal_three_loops() {
        for seed in 0..500 {
            let mut draw = Draw::new(seed, 4, 4);
            let (x, axis, [outer, length, inner]) = drawn(&mut draw);
            let count = if outer * inner == 0 { 0 } else { draw.below(0..6) };
            let ids = draw.ids(outer * count * inner, length);
            let y = x.take_along(axis, &ids).reshape(&[outer, count, inner]);
            let from = x.reshape(&[outer, length, inner]);

            let size = draw.full_axis();
            let targets = draw.ids(x.elements(), size);
            let sums = x.add_along(axis, &targets, size).reshape(&[outer, size, inner]);
            let mut expected = Tensor::zeros(&[outer, size, inner]);
            for a in 0..outer {
                for j in 0..count {
                    for c in 0..inner {
                        let id = ids[(a * count + j) * inner + c];
                        assert_eq!(y.at(&[a, j, c]), from.at(&[a, id, c]));
                    }
                }
                for j in 0..length {
                    for c in 0..inner {
                        let id = targets[(a * length + j) * inner + c];
                        expected.data_mut()[(a * size + id) * inner + c] += from.at(&[a, j, c]);
                    }
                }
            }
            assert_eq!(sums, expected);
        }
    }

    #[test]
    fn columns_and_their_opposite_equal_products_with_one_hot_rows() {
        for (rows, size, count) in [(1, 1, 0), (3, 5, 4), (16, 2, 7), (37, 9, 30)] {
            let w = Tensor::from_fn(&[rows, size], |i| (i % 11) as f64);
            let ids: Vec<usize> = (0..count).map(|i| (i * 7 + i / 3) % size).collect();
            let one_hot = Tensor::one_hot(&ids, size);
            assert_eq!(w.take_columns(&ids), one_hot.matmul(w.t()));
            let values = Tensor::from_fn(&[count, rows], |i| (i % 13) as f64);
            let mut sum = w.clone();
            sum.add_columns(&ids, &values);
            assert_eq!(sum, &w + values.transpose(0, 1).matmul(&one_hot));
        }
    }

    #[test]
    fn picking_agrees_with_pytorch() {
        // x = (torch.arange(24, dtype=torch.float64) * 0.7).sin().reshape(2, 3, 4)
        let x = Tensor::from_fn(&[2, 3, 4], |i| (i as f64 * 0.7).sin());
        // x.index_select(1, torch.tensor([2, 0, 2]))[1, 0]
        let row = [0.9906073556948704, 0.8457468311429343, 0.303118356745704, -0.38207141718400583];
        assert_close(x.gather(1, &[2, 0, 2]).entry(1).entry(0).data(), &row);
        // x.gather(2, torch.tensor([[[0,3],[1,1],[2,0]], [[3,3],[0,2],[1,0]]]))[1]
        let taken = x.take_along(2, &[0, 3, 1, 1, 2, 0, 3, 3, 0, 2, 1, 0]);
        let expected = [
            -0.87969575997167,
            -0.87969575997167,
            -0.9791777291513174,
            0.0336230472211367,
            0.8457468311429343,
            0.9906073556948704,
        ];
        assert_close(taken.entry(1).data(), &expected);
        // torch.zeros(2, 3, 2).double().scatter_add(2, torch.tensor([0,1,1,0]).expand(2,3,4), x)[0]
        let expected = [
            0.8632093666488739,
            1.6296674172261512,
            -0.6474644624684275,
            -1.2223590001032076,
            0.35690159600467863,
            0.6738004992031388,
        ];
        assert_close(x.scatter_add(2, &[0, 1, 1, 0], 2).entry(0).data(), &expected);
        // torch.zeros(2, 5).double().scatter_add(1, torch.tensor([[4,0,4], [2,2,2]]), x.flatten()[:6].reshape(2, 3))
        let x = Tensor::from_fn(&[2, 3], |i| (i as f64 * 0.7).sin());
        let expected = [
            [0.644217687237691, 0.0, 0.0, 0.0, 0.9854497299884601],
            [0.0, 0.0, 0.847414289115159, 0.0, 0.0],
        ];
        assert_close(x.add_along(1, &[4, 0, 4, 2, 2, 2], 5).data(), expected.as_flattened());
    }

    #[track_caller]
    fn assert_close(got: &[f64], expected: &[f64]) {
        let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-14);
        assert!(got.len() == expected.len() && close, "{got:?} for {expected:?}");
    }

    #[test]
    fn one_hot_gathers_what_ids_gather() {
        let table = Tensor::from_fn(&[4, 3], |i| i as f64);
        let ids = [3, 0, 3];
        assert_eq!(Tensor::one_hot(&ids, 4).matmul(&table), table.rows(&ids));
        assert_eq!(Tensor::<f64>::one_hot(&[], 4).shape(), [0, 4]);
    }

    #[track_caller]
    fn refuses(result: Result<Tensor<f64>, Error>, sentence: &str) {
        assert_eq!(result.unwrap_err().to_string(), sentence);
    }

    #[test]
    fn ids_that_do_not_fit_are_refused_with_place_and_size() {
        let x = Tensor::zeros(&[2, 3]);
        refuses(x.try_gather(1, &[0, 3]), "gather: id 3 at position 1 is outside 0..3");
        refuses(
            x.try_gather(2, &[0]),
            "gather: axis 2 is not an axis of [2, 3], or is given twice",
        );
        refuses(
            x.try_scatter_add(1, &[0, 4, 1], 4),
            "scatter_add: id 4 at position 1 is outside 0..4",
        );
        refuses(
            x.try_scatter_add(1, &[0, 1], 4),
            "scatter_add: 2 ids do not fit axis 1 of [2, 3]; give one id for each index of the axis",
        );
        refuses(
            x.try_take_along(1, &[0, 1, 2, 5]),
            "take_along: id 5 at position 3 is outside 0..3",
        );
        refuses(
            x.try_take_along(1, &[0, 1, 2]),
            "take_along: 3 ids do not fit axis 1 of [2, 3]; give as many for each line along the axis",
        );
        refuses(
            x.try_add_along(0, &[0, 1], 4),
            "add_along: 2 ids do not fit axis 0 of [2, 3]; give one id for each element",
        );
        refuses(Tensor::try_one_hot(&[1, 2], 2), "one_hot: id 2 at position 1 is outside 0..2");
        refuses(
            Tensor::try_one_hot(&[0, 0], usize::MAX),
            &format!(
                "one_hot: the shape [2, {}] is too large; at most 6 axes, and their product must fit in usize",
                usize::MAX
            ),
        );
    }
}
