//! Dropout: noise that keeps a network from relying on single numbers.

use rand::Rng;

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::init::unit;
use crate::shape::Shape;
use crate::tensor::{Mask, Tensor};

/// Some numbers set to 0, the others scaled up so that the expected value stays.
///
/// ```text
/// forward   y  = x / (1 − p) where kept, else 0
/// vjp       dx = dy / (1 − p) where kept, else 0
/// ```
///
/// The mask is drawn once, from the generator that is passed in, and belongs to the op: the same op applied
/// again, as a second backward or a checkpoint does, drops the same numbers. At evaluation it is left out.
///
/// Shapes: `x` and `y` equal, and that of the mask.
///
/// Edges: ±∞ and NaN pass where they are kept, and leave no trace where they are dropped.
///
/// Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
/// section 10, in the inverted form that scales during training.
pub struct Dropout {
    kept: Mask,
    p: f64,
}

impl Dropout {
    /// A mask for tensors of this shape, where each number is dropped with probability p.
    ///
    /// # Errors
    ///
    /// If p is not in [0, 1), or the shape is too large.
    pub fn draw(shape: &[usize], p: f64, rng: &mut impl Rng) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&p) {
            let (op, name, value) = (Self::NAME, "probability", p);
            return Err(Error::Setting { op, name, value, allowed: "in [0, 1)" });
        }
        let elements = Shape::new(Self::NAME, shape)?.elements();
        let kept = (0..elements).map(|_| unit(rng) >= p).collect();
        Ok(Self { kept: Mask::try_new(shape, kept)?, p })
    }

    /// Where numbers are kept.
    pub fn kept(&self) -> &Mask {
        &self.kept
    }

    fn apply<E: Element>(&self, x: &Tensor<E>) -> Tensor<E> {
        let scale = E::from_f64(1.0 / (1.0 - self.p));
        x.map(|x| scale * x).masked_fill(&!&self.kept, 0.0)
    }
}

impl Describe for Dropout {
    const NAME: &'static str = "dropout";
    const ELEMENTWISE: bool = true;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        let p = draw.number(0.0..0.8);
        let kept = (0..shape.iter().product()).map(|_| draw.number(0.0..1.0) >= p).collect();
        (Self { kept: Mask::new(&shape, kept), p }, vec![draw.tensor(&shape, -2.0..2.0)])
    }
}

impl<E: Element> Op<E, 1> for Dropout {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        if x.shape() != self.kept.shape() {
            let (shape, wanted) = (x.shape().to_vec(), self.kept.shape().to_vec());
            return Err(Error::InputShape { op: Self::NAME, input: "the input", shape, wanted });
        }
        Ok(self.apply(x))
    }

    fn vjp(&self, [_x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        [self.apply(dy).into()]
    }
}
