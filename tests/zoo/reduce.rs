//! Faults in sums, means, largest numbers, broadcasting and matrix products.

use autograd::draw::Draw;
use autograd::gradcheck::Function;
use autograd::ops::{Add, Contribution, MatMul, Mean, Mul, Op, Sum};
use autograd::{Element, Tape, Tensor, Var};

use super::ops::{Max, distinct};
use super::{Derivative, Entry, Fault, Faulty, Named, function, op, op_with_careless};

pub(super) fn entries() -> Vec<Entry> {
    let largest = "max: ties counted twice";
    vec![
        op_with_careless::<BroadcastSumMissing, 2>("equal shapes", |draw| {
            (Add, [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[2, 3], -2.0..2.0)])
        }),
        op_with_careless::<AxisOfOne, 2>("no axis of length 1", |draw| {
            (Mul, [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[2, 3], -2.0..2.0)])
        }),
        op::<WrongAxis, 1>(),
        op_with_careless::<NotDivided, 1>("an axis of length 1", |draw| {
            (mean(&[0]), [draw.tensor(&[1, 4], -2.0..2.0)])
        }),
        op_with_careless::<DividedByOneAxis, 1>("one axis", |draw| {
            (mean(&[1]), [draw.tensor(&[2, 3, 4], -2.0..2.0)])
        }),
        function(largest, "dx = dy for each of the largest", "x", LargestOfRows::sample_with_ties)
            .hidden_by("no ties", LargestOfRows::sample_without_ties),
        op::<FactorsExchanged, 2>(),
        op_with_careless::<NotTransposed, 2>("a matrix of one number", |draw| {
            (product(false), [draw.tensor(&[2, 1], -1.0..1.0), draw.tensor(&[1, 1], -1.0..1.0)])
        }),
        op_with_careless::<WeightTransposed, 2>("a matrix of one number", |draw| {
            (product(true), [draw.tensor(&[2, 1], -1.0..1.0), draw.tensor(&[1, 1], -1.0..1.0)])
        }),
    ]
}

fn mean(axes: &[usize]) -> Mean {
    Mean { axes: axes.into(), keep: false }
}

fn product(b_transposed: bool) -> MatMul {
    MatMul { a_transposed: false, b_transposed }
}

struct BroadcastSumMissing;

impl Fault<2> for BroadcastSumMissing {
    type Op = Add;
    const NAME: &'static str = "add: broadcast sum missing";
    const WRONG: &'static str = "db is the first row of dy, not the sum of its rows";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (Add, [Tensor<f64>; 2]) {
        (Add, [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[3], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Add,
        [_, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        let db = if b.shape() == dy.shape() { dy.clone() } else { dy.entry(0) };
        [dy.clone().into(), db.into()]
    }
}

/// Only an axis of length 1 in the sample finds it.
struct AxisOfOne;

impl Fault<2> for AxisOfOne {
    type Op = Mul;
    const NAME: &'static str = "mul: wrong for an axis of length 1";
    const WRONG: &'static str = "db is the first column of dy a if b has one column";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (Mul, [Tensor<f64>; 2]) {
        (Mul, [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[2, 1], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Mul,
        [a, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [(dy * b).into(), (dy * a).slice(1, 0, b.shape()[1]).into()]
    }
}

/// Equal cotangents hide it, and so does a sum over both axes.
struct WrongAxis;

impl Fault<1> for WrongAxis {
    type Op = Sum;
    const NAME: &'static str = "sum: along the wrong axis";
    const WRONG: &'static str = "dx_ij = dy_i for the sum over i: the shapes fit if x is square";

    fn sample(draw: &mut Draw) -> (Sum, [Tensor<f64>; 1]) {
        (Sum { axes: vec![0].into(), keep: false }, [draw.tensor(&[3, 3], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Sum,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [Tensor::from_fn(x.shape(), |i| dy.data()[i / x.shape()[1]]).into()]
    }
}

struct NotDivided;

impl Fault<1> for NotDivided {
    type Op = Mean;
    const NAME: &'static str = "mean: not divided by n";
    const WRONG: &'static str = "dx = dy, not dy / n";

    fn sample(draw: &mut Draw) -> (Mean, [Tensor<f64>; 1]) {
        (mean(&[0]), [draw.tensor(&[3, 4], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        op: &Mean,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let [dx] = op.vjp([x], y, dy);
        [(dx.into_dense(&x.shape_value(), dy) * x.shape()[0] as f64).into()]
    }
}

/// Only a mean over several axes finds it.
struct DividedByOneAxis;

impl Fault<1> for DividedByOneAxis {
    type Op = Mean;
    const NAME: &'static str = "mean: divided by one axis of several";
    const WRONG: &'static str = "n is the length of the first axis, not the product of all";

    fn sample(draw: &mut Draw) -> (Mean, [Tensor<f64>; 1]) {
        (mean(&[1, 2]), [draw.tensor(&[2, 3, 4], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        op: &Mean,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let [dx] = op.vjp([x], y, dy);
        let others: usize = op.axes[1..].iter().map(|&axis| x.shape()[axis]).product();
        [(dx.into_dense(&x.shape_value(), dy) * others as f64).into()]
    }
}

/// Seen in MXNet (apache/mxnet issue 18563), Theano (issue 6470) and candle (candle-core/src/backprop.rs at
/// 04d015f): a mask of all that equal the largest.
struct TiesCounted;

impl Fault<1> for TiesCounted {
    type Op = Max;
    const NAME: &'static str = "max";
    const WRONG: &'static str = "dx = dy for each of the largest";

    fn sample(draw: &mut Draw) -> (Max, [Tensor<f64>; 1]) {
        (Max, [distinct(draw, &[2, 3])])
    }

    fn vjp<E: Element>(
        _: &Max,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let row = |i: usize| i / x.shape()[1];
        let dx = |i: usize| {
            let largest = x.data()[i].value() == y.data()[row(i)].value();
            if largest { dy.data()[row(i)] } else { E::ZERO }
        };
        [Tensor::from_fn(x.shape(), dx).into()]
    }
}

/// max over [x, x]: the tied numbers are one variable and move together, so there is no kink at the tie and
/// every numeric derivative is that of max x.
struct LargestOfRows {
    derivative: Derivative,
    ties: bool,
}

impl LargestOfRows {
    fn sample_with_ties(derivative: Derivative, draw: &mut Draw) -> (Self, Named<Tensor<f64>>) {
        (Self { derivative, ties: true }, Named::new([("x", distinct(draw, &[2, 3]))]))
    }

    fn sample_without_ties(derivative: Derivative, draw: &mut Draw) -> (Self, Named<Tensor<f64>>) {
        (Self { derivative, ties: false }, Named::new([("x", distinct(draw, &[2, 3]))]))
    }
}

impl Function for LargestOfRows {
    type Params = Named;

    fn call<'t, E: Element>(&self, tape: &'t Tape<E>, params: Named<Var<'t, E>>) -> Var<'t, E> {
        let [x] = params.array();
        let rows = if self.ties { Var::concat(&[x, x], 1) } else { x };
        tape.apply(Faulty::<TiesCounted, 1> { op: Max, derivative: self.derivative }, [rows])
    }
}

/// The shapes fit if both factors are square.
struct FactorsExchanged;

impl Fault<2> for FactorsExchanged {
    type Op = MatMul;
    const NAME: &'static str = "matmul: gradients exchanged";
    const WRONG: &'static str = "dA and dB change places";

    fn sample(draw: &mut Draw) -> (MatMul, [Tensor<f64>; 2]) {
        (product(false), [draw.tensor(&[3, 3], -1.0..1.0), draw.tensor(&[3, 3], -1.0..1.0)])
    }

    fn vjp<E: Element>(
        op: &MatMul,
        inputs: [&Tensor<E>; 2],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        let [da, db] = op.vjp(inputs, y, dy);
        [db, da]
    }
}

/// The shapes fit if B is square.
struct NotTransposed;

impl Fault<2> for NotTransposed {
    type Op = MatMul;
    const NAME: &'static str = "matmul: not transposed";
    const WRONG: &'static str = "dA = dY B, not dY Bᵀ";

    fn sample(draw: &mut Draw) -> (MatMul, [Tensor<f64>; 2]) {
        (product(false), [draw.tensor(&[2, 3], -1.0..1.0), draw.tensor(&[3, 3], -1.0..1.0)])
    }

    fn vjp<E: Element>(
        _: &MatMul,
        [a, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [dy.matmul(b).into(), a.t().matmul(dy).into()]
    }
}

/// The shapes fit if the weight is square.
struct WeightTransposed;

impl Fault<2> for WeightTransposed {
    type Op = MatMul;
    const NAME: &'static str = "matmul: weight transposed";
    const WRONG: &'static str = "dW = xᵀ dY for Y = x Wᵀ, not dYᵀ x";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (MatMul, [Tensor<f64>; 2]) {
        (product(true), [draw.tensor(&[2, 3], -1.0..1.0), draw.tensor(&[3, 3], -1.0..1.0)])
    }

    fn vjp<E: Element>(
        _: &MatMul,
        [x, w]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [dy.matmul(w).into(), x.t().matmul(dy).into()]
    }
}
