//! The matrix product, of two matrices or of batches of them.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::{Matrix, Tensor};

/// The matrix product, either factor read as it is or transposed.
///
/// ```text
/// forward   Y = op(A) · op(B)
/// vjp       d op(A) = dY · op(B)ᵀ        since Y_ij = Σ_k A_ik B_kj, so ∂L/∂A_ik = Σ_j dY_ij B_kj
///           d op(B) = op(A)ᵀ · dY
///           and the gradient of a factor that was read transposed is the transpose of that
/// ```
///
/// Shapes: op(A) [.., m, k], op(B) [.., k, n], Y [.., m, n]. The axes before the last two broadcast by
/// NumPy's rule, and a factor that was repeated along some gets the sum over its copies.
pub struct MatMul {
    /// Whether A is stored [k, m] and read transposed.
    pub a_transposed: bool,
    /// Whether B is stored [n, k] and read transposed.
    pub b_transposed: bool,
}

impl Describe for MatMul {
    const NAME: &'static str = "matmul";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let op = Self { a_transposed: draw.coin(), b_transposed: draw.coin() };
        let [m, k, n] = [draw.axis(), draw.axis(), draw.axis()];
        // Half the draws are plain matrices, the others batches with up to two axes.
        let [a, b] = if draw.coin() { Default::default() } else { draw.broadcasting_shapes() };
        let batch = |axes: Vec<usize>| axes[axes.len().saturating_sub(2)..].to_vec();
        let a = [batch(a), if op.a_transposed { vec![k, m] } else { vec![m, k] }].concat();
        let b = [batch(b), if op.b_transposed { vec![n, k] } else { vec![k, n] }].concat();
        (op, vec![draw.tensor(&a, -1.0..1.0), draw.tensor(&b, -1.0..1.0)])
    }
}

impl<E: Element> Op<E, 2> for MatMul {
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        Tensor::try_matmul(
            Matrix { stored: a, transposed: self.a_transposed },
            Matrix { stored: b, transposed: self.b_transposed },
        )
    }

    fn vjp(&self, [a, b]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let (ta, tb) = (self.a_transposed, self.b_transposed);
        let product = |left: &Tensor<E>, t_left: bool, right: &Tensor<E>, t_right: bool| {
            let (a, b) = (left.clone(), right.clone());
            Contribution::Product { a, b, transposed: [t_left, t_right] }
        };
        let da = match ta {
            false => product(dy, false, b, !tb), // dY · op(B)ᵀ
            true => product(b, tb, dy, true),    // (dY · op(B)ᵀ)ᵀ = op(B) · dYᵀ
        };
        let db = match tb {
            false => product(a, !ta, dy, false), // op(A)ᵀ · dY
            true => product(dy, true, a, ta),    // (op(A)ᵀ · dY)ᵀ = dYᵀ · op(A)
        };
        [da, db]
    }
}
