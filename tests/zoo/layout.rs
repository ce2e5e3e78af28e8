//! Faults in reshape, slice and concat.

use autograd::draw::Draw;
use autograd::ops::{Concat, Contribution, Reshape, Slice};
use autograd::{Element, Tensor};

use super::ops::{Pair, own};
use super::{Entry, Fault, op, op_with_careless};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        op_with_careless::<Permuted, 1>("one row", |draw| {
            (Reshape { shape: vec![4].into() }, [draw.tensor(&[1, 4], -2.0..2.0)])
        }),
        op_with_careless::<AtZero, 1>("a slice from the start", |draw| {
            (Slice { axis: 1, start: 0, end: 2 }, [draw.tensor(&[2, 5], -2.0..2.0)])
        }),
        op::<StartOffByOne, 1>(),
        op::<PartsExchanged, 2>(),
        op_with_careless::<AfterEmpty, 2>("no empty part", own),
    ]
}

/// Equal cotangents hide it.
struct Permuted;

impl Fault<1> for Permuted {
    type Op = Reshape;
    const NAME: &'static str = "reshape: permuted";
    const WRONG: &'static str = "dx is filled column by column";

    fn sample(draw: &mut Draw) -> (Reshape, [Tensor<f64>; 1]) {
        (Reshape { shape: vec![6].into() }, [draw.tensor(&[2, 3], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Reshape,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let (rows, columns) = (x.shape()[0], x.shape()[1]);
        let column_major = |i: usize| dy.data()[i % columns * rows + i / columns];
        [Tensor::from_fn(x.shape(), column_major).into()]
    }
}

/// The slice must not begin at the start.
struct AtZero;

impl Fault<1> for AtZero {
    type Op = Slice;
    const NAME: &'static str = "slice: written at the start";
    const WRONG: &'static str = "dx[0..] = dy, not dx[start..]";

    fn sample(draw: &mut Draw) -> (Slice, [Tensor<f64>; 1]) {
        (Slice { axis: 1, start: 2, end: 4 }, [draw.tensor(&[2, 5], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        op: &Slice,
        _: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [Contribution::Part { axis: op.axis, start: 0, values: dy.clone() }]
    }
}

struct StartOffByOne;

impl Fault<1> for StartOffByOne {
    type Op = Slice;
    const NAME: &'static str = "slice: start off by one";
    const WRONG: &'static str = "dx[start + 1..] = dy, not dx[start..]";

    fn sample(draw: &mut Draw) -> (Slice, [Tensor<f64>; 1]) {
        (Slice { axis: 1, start: 2, end: 4 }, [draw.tensor(&[2, 5], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        op: &Slice,
        _: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [Contribution::Part { axis: op.axis, start: op.start + 1, values: dy.clone() }]
    }
}

/// The shapes fit if the parts are of one length; equal cotangents hide it.
struct PartsExchanged;

impl Fault<2> for PartsExchanged {
    type Op = Pair;
    const NAME: &'static str = "concat: parts exchanged";
    const WRONG: &'static str = "each part gets the gradient of the other";

    fn sample(draw: &mut Draw) -> (Pair, [Tensor<f64>; 2]) {
        own(draw)
    }

    fn vjp<E: Element>(
        _: &Pair,
        [a, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        let (a, b) = (a.shape()[1], b.shape()[1]);
        [dy.slice(1, b, a + b).into(), dy.slice(1, 0, b).into()]
    }
}

/// Only an axis of length 0 in the sample finds it.
struct AfterEmpty;

impl Fault<2> for AfterEmpty {
    type Op = Pair;
    const NAME: &'static str = "concat: wrong after an empty part";
    const WRONG: &'static str = "an empty part ends the walk over the parts, the next gets zeros";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (Pair, [Tensor<f64>; 2]) {
        (Pair(Concat { axis: 1 }), [Tensor::zeros(&[2, 0]), draw.tensor(&[2, 3], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Pair,
        [a, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        let end = a.shape()[1];
        let db = match end {
            0 => Tensor::zeros(b.shape()),
            _ => dy.slice(1, end, end + b.shape()[1]),
        };
        [dy.slice(1, 0, end).into(), db.into()]
    }
}
