//! Right ops whose derivatives the zoo spoils: what it needs beside the ops of the engine.

use std::sync::Arc;

use autograd::draw::Draw;
use autograd::ops::{Concat, Contribution, Describe, Op, OpMany};
use autograd::{Element, Error, Tensor};

/// The Gaussian error linear unit, by the formula with tanh.
///
/// ```text
/// forward   y  = x (1 + t) / 2,  t = tanh(k (x + c x³)),  k = √(2/π),  c = 0.044715
/// vjp       dx = dy ⊙ ((1 + t) / 2 + x (1 − t²) k (1 + 3 c x²) / 2)
/// ```
pub(super) struct Gelu;

impl Gelu {
    const K: f64 = 0.797_884_560_802_865_4;
    const C: f64 = 0.044715;
}

impl Describe for Gelu {
    const NAME: &'static str = "gelu";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![draw.tensor(&[3, 4], -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Gelu {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let t = ((x + x * x * x * Self::C) * Self::K).map(E::tanh);
        Ok(x * (t + 1.0) * 0.5)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let t = ((x + x * x * x * Self::C) * Self::K).map(E::tanh);
        let inner = (x * x * (3.0 * Self::C) + 1.0) * Self::K;
        let slope = (&t + 1.0) * 0.5 + x * (1.0 - &t * &t) * inner * 0.5;
        [(dy * slope).into()]
    }
}

/// The third power.
///
/// ```text
/// forward   y  = x³
/// vjp       dx = dy ⊙ 3 x²
/// ```
pub(super) struct Cube;

impl Describe for Cube {
    const NAME: &'static str = "cube";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![draw.signed_tensor(&[3, 4], 0.5..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Cube {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(x * x * x)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [(dy * x * x * 3.0).into()]
    }
}

/// The largest of each row; a tie gives all to the first.
///
/// ```text
/// forward   y_i = max_j x_ij
/// vjp       dx_ij = dy_i where j is the first largest, else 0
/// ```
///
/// Shapes: x [R, V] with V ≥ 1, y `[R]`.
pub(super) struct Max;

impl Max {
    /// The position of the first largest number of a row.
    fn first<E: Element>(row: &[E]) -> usize {
        (1..row.len()).fold(0, |best, j| if row[j].value() > row[best].value() { j } else { best })
    }
}

impl Describe for Max {
    const NAME: &'static str = "max";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![distinct(draw, &[2, 3])])
    }
}

impl<E: Element> Op<E, 1> for Max {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let rows = x.data().chunks_exact(x.shape()[1]);
        Ok(rows.map(|row| row[Self::first(row)]).collect::<Vec<_>>().into())
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let mut dx = Tensor::zeros(x.shape());
        let length = x.shape()[1];
        let rows = dx.data_mut().chunks_exact_mut(length).zip(x.data().chunks_exact(length));
        for ((dx, x), &dy) in rows.zip(dy.data()) {
            dx[Self::first(x)] = dy;
        }
        [dx.into()]
    }
}

/// Numbers at least 0.3 apart, so that no two of them change places in a check.
pub(super) fn distinct(draw: &mut Draw, shape: &[usize]) -> Tensor<f64> {
    let elements = shape.iter().product::<usize>();
    let mut numbers: Vec<f64> =
        (0..elements).map(|i| 0.5 * i as f64 + draw.number(0.0..0.2)).collect();
    for i in (1..elements).rev() {
        numbers.swap(i, draw.below(0..i + 1));
    }
    Tensor::new(shape, numbers)
}

/// Softmax along the last axis.
///
/// ```text
/// forward   y_j  = e^(x_j) / Σ_k e^(x_k)
/// vjp       dx_j = y_j (dy_j − Σ_k y_k dy_k)
/// ```
///
/// Shapes: x and y [R, V].
pub(super) struct Softmax;

impl Describe for Softmax {
    const NAME: &'static str = "softmax";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![draw.tensor(&[3, 4], -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Softmax {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let e = x.map(E::exp);
        Ok(&e / e.sum_over(&[1]).reshape(&[x.shape()[0], 1]))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let total = (y * dy).sum_over(&[1]).reshape(&[x.shape()[0], 1]);
        [(y * (dy - total)).into()]
    }
}

/// Writes rows over those of a table; the last of several for one id stays.
///
/// ```text
/// forward   y = table,  y[ids[i]] = rows[i]
/// vjp       d table   = dy where no row was written, else 0
///           d rows[i] = dy[ids[i]] if rows[i] stayed, else 0
/// ```
///
/// Shapes: table [V, D], rows [n, D], y [V, D].
pub(super) struct Scatter {
    pub(super) ids: Arc<[usize]>,
}

impl Scatter {
    /// Whether row i is the last one for its id.
    pub(super) fn stays(&self, i: usize) -> bool {
        !self.ids[i + 1..].contains(&self.ids[i])
    }
}

impl Describe for Scatter {
    const NAME: &'static str = "scatter";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self { ids: [2, 0, 2].into() }, table_and_rows(draw).into())
    }
}

/// A table of 4 rows and 3 more rows, 2 wide.
pub(super) fn table_and_rows(draw: &mut Draw) -> [Tensor<f64>; 2] {
    [draw.tensor(&[4, 2], -2.0..2.0), draw.tensor(&[3, 2], -2.0..2.0)]
}

/// Writes one row over another.
pub(super) fn set_row<E: Element>(table: &mut Tensor<E>, id: usize, row: &[E]) {
    table.data_mut()[id * row.len()..][..row.len()].copy_from_slice(row);
}

/// A table with zeros in these rows.
pub(super) fn masked<E: Element>(table: &Tensor<E>, ids: &[usize]) -> Tensor<E> {
    let mut kept = table.clone();
    for &id in ids {
        set_row(&mut kept, id, &vec![E::ZERO; table.shape()[1]]);
    }
    kept
}

impl<E: Element> Op<E, 2> for Scatter {
    fn forward(&self, [table, rows]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        let mut y = table.clone();
        for (i, &id) in self.ids.iter().enumerate() {
            set_row(&mut y, id, rows.entry(i).data());
        }
        Ok(y)
    }

    fn vjp(&self, _: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let overwritten: Vec<_> = (0..self.ids.len()).filter(|&i| !self.stays(i)).collect();
        let d_rows = masked(&dy.rows(&self.ids), &overwritten);
        [masked(dy, &self.ids).into(), d_rows.into()]
    }
}

/// Adds rows to those of a table; several for one id are all added.
///
/// ```text
/// forward   y = table,  y[ids[i]] += rows[i]
/// vjp       d table = dy,  d rows[i] = dy[ids[i]]
/// ```
///
/// Shapes: table [V, D], rows [n, D], y [V, D].
pub(super) struct ScatterAdd {
    pub(super) ids: Arc<[usize]>,
}

impl Describe for ScatterAdd {
    const NAME: &'static str = "scatter_add";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self { ids: [2, 0, 2].into() }, table_and_rows(draw).into())
    }
}

impl<E: Element> Op<E, 2> for ScatterAdd {
    fn forward(&self, [table, rows]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        let mut y = table.clone();
        y.add_rows(&self.ids, rows);
        Ok(y)
    }

    fn vjp(&self, _: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        [dy.clone().into(), dy.rows(&self.ids).into()]
    }
}

/// Each column twice: upsampling to the nearest neighbour.
///
/// ```text
/// forward   y_ij  = x_i⌊j/2⌋
/// vjp       dx_ij = dy_i,2j + dy_i,2j+1
/// ```
///
/// Shapes: x [R, V], y [R, 2V].
pub(super) struct Upsample;

impl Describe for Upsample {
    const NAME: &'static str = "upsample";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![draw.tensor(&[2, 3], -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Upsample {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let shape = [x.shape()[0], 2 * x.shape()[1]];
        Ok(Tensor::from_fn(&shape, |i| x.data()[i / 2]))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let both = |i: usize| dy.data()[2 * i] + dy.data()[2 * i + 1];
        [Tensor::from_fn(x.shape(), both).into()]
    }
}

/// The value that x has at the point of the check, as a constant: what `detach` is to a numeric
/// derivative, which would otherwise see x move.
///
/// ```text
/// forward   y  = x at the point
/// vjp       dx = 0
/// ```
pub(super) struct Detach {
    pub(super) at: Tensor<f64>,
}

impl Describe for Detach {
    const NAME: &'static str = "detach";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let x = draw.tensor(&[3, 4], -2.0..2.0);
        (Self { at: x.clone() }, vec![x])
    }
}

impl<E: Element> Op<E, 1> for Detach {
    fn forward(&self, _: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(self.at.cast())
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, _dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [Tensor::zeros(x.shape()).into()]
    }
}

/// Two tensors one after the other: [`Concat`] with its number of inputs fixed.
pub(super) struct Pair(pub(super) Concat);

impl Describe for Pair {
    const NAME: &'static str = Concat::NAME;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let parts = [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[2, 3], -2.0..2.0)];
        (Self(Concat { axis: 1 }), parts.into())
    }
}

impl<E: Element> Op<E, 2> for Pair {
    fn forward(&self, parts: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        Tensor::try_concat(&parts, self.0.axis)
    }

    fn vjp(&self, parts: [&Tensor<E>; 2], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let found = self.0.vjp(&parts, &[y], std::slice::from_ref(dy), &[true, true]).into_vec();
        found.try_into().unwrap_or_else(|_| unreachable!("one for each of two inputs"))
    }
}

/// The op and inputs of an op's own test specification.
pub(super) fn own<O: Describe, const N: usize>(draw: &mut Draw) -> (O, [Tensor<f64>; N]) {
    let (op, inputs) = O::sample(draw);
    (op, inputs.try_into().unwrap_or_else(|_| unreachable!("as many inputs as the op has")))
}
