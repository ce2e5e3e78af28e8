//! Rows of a table by their ids: an embedding.

use std::sync::Arc;

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// Rows of a table by their ids.
///
/// ```text
/// forward   y[i] = w[ids[i]]
/// vjp       dw[ids[i]] += dy[i]        a row that is used twice gets both
/// ```
///
/// Shapes: `w` [V, D], n ids below V, `y` [n, D].
pub struct Rows {
    /// The ids, each below V.
    pub ids: Arc<[usize]>,
}

impl Describe for Rows {
    const NAME: &'static str = "rows";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (size, width, count) = (draw.full_axis(), draw.axis(), draw.below(0..6));
        let ids = draw.ids(count, size).into();
        (Self { ids }, vec![draw.tensor(&[size, width], -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Rows {
    fn forward(&self, [w]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        w.try_rows(&self.ids)
    }

    fn vjp(&self, [_w]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [Contribution::Rows { ids: self.ids.clone(), values: dy.clone() }]
    }
}
