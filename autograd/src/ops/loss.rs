//! The loss that training minimises.
//!
//! Loss and gradient are found together: the softmax of the scores is nearly both.

use std::sync::Arc;

use super::softmax::{largest, sum};
use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::Error;
use crate::kernel::{self, Kernel};
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

impl CrossEntropy {
    /// The loss of scores [N, V], and its gradient in the place of the scores.
    ///
    /// ```
    /// use autograd::{Tensor, ops::CrossEntropy};
    ///
    /// let (loss, d_scores) = CrossEntropy::new(&[1]).loss_and_grad(Tensor::from([[0.0, 0.0]]))?;
    /// assert_eq!(loss, 2f64.ln());
    /// assert_eq!(d_scores, Tensor::from([[0.5, -0.5]])); // softmax − onehot
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the scores are not [N, V] with N targets below V, or an option is out of its range.
    pub fn loss_and_grad<E: Element>(&self, scores: Tensor<E>) -> Result<(E, Tensor<E>), Error> {
        let classes = self.validate(scores.shape_value())?;
        let mut scores = scores;
        let loss = self.descend(scores.data_mut(), classes);
        Ok((loss, scores))
    }

    /// Puts dL/dx in the place of valid scores x, and returns L.
    ///
    /// ```text
    /// x_i ← x_i − m_i          and d_i = Σ_c q_ic x_ic, of which −d_i is a part of the loss of row i
    /// x_i ← e^(x_i)            all rows at once
    /// s_i = Σ_c x_ic           L = (1/W) Σ_i (ln s_i Σ_c q_ic − d_i)
    /// x_i ← (x_i Σ_c q_ic / s_i − q_i) / W
    /// ```
    fn descend<E: Element>(&self, scores: &mut [E], classes: usize) -> E {
        let share = self.share();
        if share == 0.0 {
            scores.fill(E::ZERO);
            return E::ZERO;
        }
        let all_smooth = match self.smoothing {
            0.0 => 0.0,
            _ => (0..classes).map(|class| self.smooth(class, classes)).sum(),
        };
        let mut losses = Tensor::zeros(&[self.targets.len()]);
        let rows = losses.data_mut();
        kernel::run(Shift { op: self, scores, losses: rows, classes });
        E::exp_all(scores);
        kernel::run(Finish { op: self, scores, losses: rows, classes, share, all_smooth });
        losses.sum().item() * E::from_f64(share)
    }
}

/// Takes the largest score off each row, and finds the part −Σ_c q_c x_c of its loss. Rows that do not count become zeros.
struct Shift<'a, E> {
    op: &'a CrossEntropy,
    scores: &'a mut [E],
    losses: &'a mut [E],
    classes: usize,
}

impl<E: Element> Kernel for Shift<'_, E> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        let Self { op, scores, losses, classes } = self;
        let rows = scores.chunks_exact_mut(classes).zip(losses).zip(op.targets.iter());
        for ((row, loss), &target) in rows {
            if Some(target) == op.ignore {
                row.fill(E::ZERO);
                continue;
            }
            let m = largest(row);
            row.iter_mut().for_each(|x| *x = *x - m);
            // −q x, but 0 for q = 0 even where x is −∞.
            let part = |q: f64, x: E| E::pull_back(E::from_f64(-q), x);
            *loss = part(op.sharp(target), row[target]);
            if op.smoothing > 0.0 {
                let each = row.iter().enumerate();
                *loss += each.map(|(c, &x)| part(op.smooth(c, classes), x)).sum::<E>();
            }
        }
    }
}

/// Turns e^x into dL/dx, row by row, and completes the losses of the rows.
struct Finish<'a, E> {
    op: &'a CrossEntropy,
    scores: &'a mut [E],
    losses: &'a mut [E],
    classes: usize,
    share: f64,
    all_smooth: f64,
}

impl<E: Element> Kernel for Finish<'_, E> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        let Self { op, scores, losses, classes, share, all_smooth } = self;
        let rows = scores.chunks_exact_mut(classes).zip(losses).zip(op.targets.iter());
        for ((row, loss), &target) in rows {
            if Some(target) == op.ignore {
                row.fill(E::ZERO);
                continue;
            }
            let sum = sum(row);
            let total = op.sharp(target) + all_smooth;
            *loss += E::pull_back(E::from_f64(total), sum.ln());
            let scale = E::from_f64(share * total) / sum;
            row.iter_mut().for_each(|x| *x = scale * *x);
            row[target] = row[target] - E::from_f64(share * op.sharp(target));
            if op.smoothing > 0.0 {
                for (class, dx) in row.iter_mut().enumerate() {
                    *dx = *dx - E::from_f64(share * op.smooth(class, classes));
                }
            }
        }
    }
}

impl<E: Element> Op<E, 1> for CrossEntropy {
    fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
        Ok(Tensor::scalar(self.loss_and_grad(x.clone())?.0))
    }

    fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
        let mut dx = x.clone();
        self.descend(dx.data_mut(), x.shape()[1]);
        [scaled(dx, dy.item()).into()]
    }
}

/// The gradient in scores, given that in the loss.
pub(super) fn scaled<E: Element>(d_scores: Tensor<E>, dy: E) -> Tensor<E> {
    let mut d_scores = d_scores;
    if dy != E::ONE {
        d_scores.data_mut().iter_mut().for_each(|d| *d = *d * dy);
    }
    d_scores
}
