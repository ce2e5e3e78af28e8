//! The loss that training minimises.

use std::sync::Arc;

use super::softmax::log_sum_exp;
use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Cross-entropy between scores and the right classes, in nats, the mean over the rows.
///
/// ```text
/// t_i       = targets_i                           over the rows i whose target is not `ignore`
/// q_i       = (1 − ε) w_(t_i) onehot(t_i) + (ε/V) w        ε the smoothing, w the class weights, or 1
/// W         = Σ_i w_(t_i)                                  without weights the number of rows
/// forward   L = −(1/W) Σ_i Σ_c q_ic log_softmax(x_i)_c
/// vjp       dx_i = (dL/W) (softmax(x_i) Σ_c q_ic − q_i)
/// ```
///
/// Without options this is −(1/N) Σ_i log_softmax(x_i)\[t_i\]. The weighted mean divides by the weights of
/// the targets, also for the smoothed part: PyTorch's `cross_entropy` with `reduction="mean"`.
///
/// Shapes: `x` [N, V], N targets below V, `L` a single number. With no rows, with every target ignored, or
/// if all their weights are 0, it is 0 with zero gradient.
///
/// Edges: a score of −∞ is a class of probability 0: ∞ if it is right, no trace otherwise unless smoothed;
/// a row that counts and has ∞ or NaN gives NaN.
///
/// ```
/// use autograd::{Tape, Tensor, ops::CrossEntropy};
///
/// let tape = Tape::new();
/// let scores = tape.leaf(Tensor::from([[0.0, 0.0], [3.0, 1.0]]));
/// let padding = CrossEntropy { ignore: Some(9), ..CrossEntropy::new(&[1, 9]) };
/// assert_eq!(scores.cross_entropy_with(padding).value().item(), 2f64.ln());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy {
    /// The right class of each row.
    pub targets: Arc<[usize]>,
    /// Rows with this target do not count; it may be outside of the classes.
    pub ignore: Option<usize>,
    /// The weight of each class, finite and not negative.
    pub weights: Option<Arc<[f64]>>,
    /// How much of the target is spread evenly over all classes, in [0, 1].
    pub smoothing: f64,
}

impl CrossEntropy {
    /// With these targets, all of which count the same and in full.
    pub fn new(targets: &[usize]) -> Self {
        Self { targets: targets.into(), ignore: None, weights: None, smoothing: 0.0 }
    }
}

impl Describe for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (rows, classes) = (draw.axis(), draw.full_axis() + 1);
        let op = Self {
            ignore: draw.coin().then(|| draw.below(0..classes)),
            weights: draw.coin().then(|| (0..classes).map(|_| draw.number(0.3..2.0)).collect()),
            smoothing: if draw.coin() { draw.number(0.0..1.0) } else { 0.0 },
            ..Self::new(&draw.ids(rows, classes))
        };
        (op, vec![draw.tensor(&[rows, classes], -2.0..2.0)])
    }
}

impl CrossEntropy {
    /// The number of classes, or what does not fit.
    fn validate(&self, shape: Shape) -> Result<usize, Error> {
        let op = Self::NAME;
        let [rows, size] = shape[..] else {
            return Err(Error::Rank { op, shape: shape.to_vec(), rank: "two axes, [N, V]" });
        };
        if rows != self.targets.len() {
            return Err(Error::Targets { targets: self.targets.len(), rows });
        }
        if !(0.0..=1.0).contains(&self.smoothing) {
            let (name, value) = ("label smoothing", self.smoothing);
            return Err(Error::Setting { op, name, value, allowed: "in [0, 1]" });
        }
        if let Some(weights) = &self.weights {
            if weights.len() != size {
                let (shape, wanted) = (vec![weights.len()], vec![size]);
                return Err(Error::InputShape {
                    op,
                    input: "the list of class weights",
                    shape,
                    wanted,
                });
            }
            if let Some(&value) = weights.iter().find(|w| !(0.0..f64::INFINITY).contains(*w)) {
                let (name, allowed) = ("weight of a class", "finite and not negative");
                return Err(Error::Setting { op, name, value, allowed });
            }
        }
        let wrong = |&target: &usize| target >= size && Some(target) != self.ignore;
        match self.targets.iter().position(wrong) {
            Some(position) => Err(Error::Id { op, id: self.targets[position], position, size }),
            None => Ok(size),
        }
    }

    /// w_c.
    fn weight(&self, class: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[class])
    }

    /// 1 / W, or 0 if no row counts.
    fn share(&self) -> f64 {
        let counted = self.targets.iter().filter(|&&target| Some(target) != self.ignore);
        let total: f64 = counted.map(|&target| self.weight(target)).sum();
        if total == 0.0 { 0.0 } else { 1.0 / total }
    }

    /// What q_i has at its target beyond the smoothed part.
    fn sharp(&self, target: usize) -> f64 {
        (1.0 - self.smoothing) * self.weight(target)
    }

    /// What q_i has at each class, its target included.
    fn smooth(&self, class: usize, classes: usize) -> f64 {
        self.smoothing / classes as f64 * self.weight(class)
    }
}

impl<E: Element> Op<E, 1> for CrossEntropy {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        let classes = self.validate(x.shape_value())?;
        let share = self.share();
        if share == 0.0 {
            return Ok(Tensor::scalar(E::ZERO));
        }
        // −q log_softmax, but 0 for q = 0 even where the logarithm is −∞.
        let part = |q: f64, minus_log: E| E::pull_back(E::from_f64(q), minus_log);
        let loss = |(row, &target): (&[E], &usize)| {
            if Some(target) == self.ignore {
                return E::ZERO;
            }
            let (m, log_sum) = log_sum_exp(row);
            let sharp = part(self.sharp(target), log_sum - (row[target] - m));
            if self.smoothing == 0.0 {
                return sharp;
            }
            let each = row.iter().enumerate();
            sharp + each.map(|(c, &x)| part(self.smooth(c, classes), log_sum - (x - m))).sum()
        };
        let losses = x.data().chunks_exact(classes).zip(self.targets.iter()).map(loss);
        Ok(Tensor::from(losses.collect::<Vec<E>>()).sum() * share)
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let share = self.share();
        if share == 0.0 {
            return [Tensor::zeros(x.shape()).into()];
        }
        let classes = x.shape()[1];
        let each = dy.item() * E::from_f64(share);
        let all_smooth: f64 = match self.smoothing {
            0.0 => 0.0,
            _ => (0..classes).map(|class| self.smooth(class, classes)).sum(),
        };
        let mut dx = x.map(|x| x);
        for (row, &target) in dx.data_mut().chunks_exact_mut(classes).zip(self.targets.iter()) {
            if Some(target) == self.ignore {
                row.fill(E::ZERO);
                continue;
            }
            let (m, log_sum) = log_sum_exp(row);
            let sharp = self.sharp(target);
            let total = each * E::from_f64(sharp + all_smooth);
            for score in row.iter_mut() {
                *score = total * (*score - m - log_sum).exp();
            }
            row[target] = row[target] - each * E::from_f64(sharp);
            if self.smoothing > 0.0 {
                for (class, dx) in row.iter_mut().enumerate() {
                    *dx = *dx - each * E::from_f64(self.smooth(class, classes));
                }
            }
        }
        [dx.into()]
    }
}
