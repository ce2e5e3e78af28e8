//! A linear layer and the cross-entropy of its scores in one: the end of a language model.

use std::any::Any;
use std::sync::OnceLock;

use super::loss::scaled;
use super::{Contribution, CrossEntropy, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;

/// Cross-entropy between the scores x Wᵀ + b and the right classes, in nats, the mean over the rows.
///
/// ```text
/// forward   L = cross_entropy(s),   s = x Wᵀ + b
/// vjp       dx = ds W      dW = dsᵀ x      db = Σ_i ds_i      ds the gradient of cross-entropy
/// ```
///
/// As [`CrossEntropy`] of a product and a sum, with its options and its edges, but the scores are never kept: the forward
/// pass turns them into their own gradient.
///
/// Shapes: `x` [N, H], `w` [V, H], `b` `[V]`, N targets below V, `L` a single number.
///
/// ```
/// use autograd::{Tape, Tensor, ops::CrossEntropy};
///
/// let tape = Tape::new();
/// let [x, w] = [tape.leaf(Tensor::from([[1.0, 2.0]])), tape.leaf(Tensor::zeros(&[2, 2]))];
/// let b = tape.leaf(Tensor::zeros(&[2]));
/// let loss = x.linear_cross_entropy(w, b, CrossEntropy::new(&[1]));
/// assert_eq!(loss.value().item(), 2f64.ln());
/// assert_eq!(tape.backward(loss).of(w), Tensor::from([[0.5, 1.0], [-0.5, -1.0]]));
/// ```
pub struct LinearCrossEntropy {
    loss: CrossEntropy,
    /// What the first forward pass found: a [`Kept`] of its element type.
    kept: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// dL/ds, and the inputs it was found for.
struct Kept<E: Element> {
    inputs: [Tensor<E>; 3],
    d_scores: Tensor<E>,
}

impl LinearCrossEntropy {
    /// With this loss of the scores.
    pub fn new(loss: CrossEntropy) -> Self {
        Self { loss, kept: OnceLock::new() }
    }

    /// L and dL/ds.
    fn run<E: Element>(&self, inputs: [&Tensor<E>; 3]) -> Result<(E, Tensor<E>), Error> {
        self.loss.loss_and_grad(scores(inputs)?)
    }
}

/// x Wᵀ + b, or what does not fit.
fn scores<E: Element>([x, w, b]: [&Tensor<E>; 3]) -> Result<Tensor<E>, Error> {
    let op = LinearCrossEntropy::NAME;
    let &[rows, features] = x.shape() else {
        return Err(Error::Rank { op, shape: x.shape().to_vec(), rank: "two axes, [N, H]" });
    };
    let classes = w.shape().first().copied().unwrap_or(0);
    for (input, shape, wanted) in [
        ("the weight", w.shape(), &[classes, features][..]),
        ("the bias", b.shape(), &[classes][..]),
    ] {
        if shape != wanted {
            let (shape, wanted) = (shape.to_vec(), wanted.to_vec());
            return Err(Error::InputShape { op, input, shape, wanted });
        }
    }
    let mut scores = Tensor::filled(crate::shape::Shape::new(op, &[rows, classes])?, E::ZERO);
    if classes > 0 {
        let rows = scores.data_mut().chunks_exact_mut(classes);
        rows.for_each(|row| row.copy_from_slice(b.data()));
    }
    scores.add_matmul(x, w.t());
    Ok(scores)
}

/// Whether two tensors are the same numbers in the same place.
fn is_same<E: Element>(a: &Tensor<E>, b: &Tensor<E>) -> bool {
    a.shape() == b.shape() && std::ptr::eq(a.data(), b.data())
}

impl Describe for LinearCrossEntropy {
    const NAME: &'static str = "linear_cross_entropy";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (loss, inputs) = CrossEntropy::sample(draw);
        let &[rows, classes] = inputs[0].shape() else { unreachable!("scores are [N, V]") };
        let features = draw.axis();
        let shapes = [&[rows, features][..], &[classes, features], &[classes]];
        let inputs = shapes.iter().map(|shape| draw.tensor(shape, -1.0..1.0)).collect();
        (Self::new(loss), inputs)
    }
}

impl<E: Element> Op<E, 3> for LinearCrossEntropy {
    fn forward(&self, inputs: [&Tensor<E>; 3]) -> Result<Tensor<E>, Error> {
        let (loss, d_scores) = self.run(inputs)?;
        self.kept.get_or_init(|| Box::new(Kept { inputs: inputs.map(Tensor::clone), d_scores }));
        Ok(Tensor::scalar(loss))
    }

    fn vjp(&self, inputs: [&Tensor<E>; 3], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 3] {
        let kept = self.kept.get().and_then(|kept| kept.downcast_ref::<Kept<E>>());
        let d_scores = match kept {
            Some(kept) if kept.inputs.iter().zip(inputs).all(|(a, b)| is_same(a, b)) => {
                kept.d_scores.clone()
            }
            // Another forward pass than this one's.
            _ => match self.run(inputs) {
                Ok((_, d_scores)) => d_scores,
                Err(error) => unreachable!("the forward pass took these inputs: {error}"),
            },
        };
        let ds = scaled(d_scores, dy.item());
        let [x, w, _] = inputs.map(Tensor::clone);
        let db = ds.sum_over(&[0]);
        [
            Contribution::Product { a: ds.clone(), b: w, transposed: [false, false] },
            Contribution::Product { a: ds, b: x, transposed: [true, false] },
            db.into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_its_own_inputs_and_not_of_the_first_ones() {
        let op = LinearCrossEntropy::new(CrossEntropy::new(&[0, 2]));
        let x = |shift: usize| Tensor::from_fn(&[2, 3], |i| ((i + shift) as f64).sin());
        let (w, b) = (Tensor::from_fn(&[4, 3], |i| (i as f64).cos()), Tensor::zeros(&[4]));
        let one = Tensor::scalar(1.0);
        let grads = |op: &LinearCrossEntropy, x: &Tensor<f64>| {
            let contributions = op.vjp([x, &w, &b], &one, &one);
            let pairs = contributions.into_iter().zip([x, &w, &b]);
            pairs.map(|(c, input)| c.into_dense(input.dims(), &one)).collect::<Vec<_>>()
        };
        op.forward([&x(0), &w, &b]).expect("the shapes fit");
        let fresh = LinearCrossEntropy::new(CrossEntropy::new(&[0, 2]));
        assert_eq!(grads(&op, &x(1)), grads(&fresh, &x(1)));
        assert_eq!(grads(&op, &x(0)), grads(&fresh, &x(0)));
        assert_ne!(grads(&op, &x(0)), grads(&op, &x(1)));
    }

    #[test]
    fn it_is_the_cross_entropy_of_the_product() {
        for seed in 0..200 {
            let (op, inputs) = LinearCrossEntropy::sample(&mut Draw::new(seed, 4, 40));
            let [x, w, b] = &inputs[..] else { unreachable!("three inputs") };
            let loss = op.forward([x, w, b]).expect("a sample fits").item();
            let scores = x.matmul(w.t()) + b;
            let expected = op.loss.forward([&scores]).expect("a sample fits").item();
            assert!((loss - expected).abs() <= 1e-14 * (1.0 + expected), "{loss} for {expected}");
        }
    }
}
