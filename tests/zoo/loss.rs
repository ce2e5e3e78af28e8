//! Faults in probabilities and the loss.

use autograd::draw::Draw;
use autograd::ops::{Contribution, CrossEntropy, LogSoftmax, Op};
use autograd::{Element, Tensor};

use super::ops::{Softmax, own};
use super::{Entry, Fault, op, op_with_careless};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        op::<SumMissing, 1>(),
        op::<Zero, 1>(),
        op::<SumOfOutputs, 1>(),
        op_with_careless::<NotDivided, 1>("one row", |draw| {
            (CrossEntropy::new(&[2]), [draw.tensor(&[1, 4], -2.0..2.0)])
        }),
        op::<TargetOffByOne, 1>(),
    ]
}

/// Three rows of scores for four classes.
fn scores(draw: &mut Draw) -> (CrossEntropy, [Tensor<f64>; 1]) {
    (CrossEntropy::new(&draw.ids(3, 4)), [draw.tensor(&[3, 4], -2.0..2.0)])
}

struct SumMissing;

impl Fault<1> for SumMissing {
    type Op = Softmax;
    const NAME: &'static str = "softmax: sum missing";
    const WRONG: &'static str = "dx = y dy, not y (dy − Σ y dy)";

    fn sample(draw: &mut Draw) -> (Softmax, [Tensor<f64>; 1]) {
        own(draw)
    }

    fn vjp<E: Element>(
        _: &Softmax,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(y * dy).into()]
    }
}

/// The outputs of softmax add up to 1, so their unweighted sum has the derivative 0.
struct Zero;

impl Fault<1> for Zero {
    type Op = Softmax;
    const NAME: &'static str = "softmax: zero";
    const WRONG: &'static str = "dx = 0: right for the sum of the outputs, which is always 1";

    fn sample(draw: &mut Draw) -> (Softmax, [Tensor<f64>; 1]) {
        own(draw)
    }

    fn vjp<E: Element>(
        _: &Softmax,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        _dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [Tensor::zeros(x.shape()).into()]
    }
}

struct SumOfOutputs;

impl Fault<1> for SumOfOutputs {
    type Op = LogSoftmax;
    const NAME: &'static str = "log-softmax: sum of the outputs";
    const WRONG: &'static str = "dx = dy − e^y Σ y, not dy − e^y Σ dy";

    fn sample(draw: &mut Draw) -> (LogSoftmax, [Tensor<f64>; 1]) {
        (LogSoftmax { axis: None }, [draw.tensor(&[3, 4], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &LogSoftmax,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let total = y.sum_over(&[1]).reshape(&[x.shape()[0], 1]);
        [(dy - y.map(E::exp) * total).into()]
    }
}

/// Only several rows find it.
struct NotDivided;

impl Fault<1> for NotDivided {
    type Op = CrossEntropy;
    const NAME: &'static str = "cross-entropy: not divided by N";
    const WRONG: &'static str = "dx = dL (softmax(x) − onehot), without the 1/N of the mean";

    fn sample(draw: &mut Draw) -> (CrossEntropy, [Tensor<f64>; 1]) {
        scores(draw)
    }

    fn vjp<E: Element>(
        op: &CrossEntropy,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let [dx] = op.vjp([x], y, dy);
        [(dx.into_dense(&x.shape_value(), dy) * x.shape()[0] as f64).into()]
    }
}

struct TargetOffByOne;

impl Fault<1> for TargetOffByOne {
    type Op = CrossEntropy;
    const NAME: &'static str = "cross-entropy: target off by one";
    const WRONG: &'static str = "the one is subtracted from the class after the right one";

    fn sample(draw: &mut Draw) -> (CrossEntropy, [Tensor<f64>; 1]) {
        scores(draw)
    }

    fn vjp<E: Element>(
        op: &CrossEntropy,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let next: Vec<_> = op.targets.iter().map(|target| (target + 1) % x.shape()[1]).collect();
        CrossEntropy::new(&next).vjp([x], y, dy)
    }
}
