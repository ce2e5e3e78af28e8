//! Faults in what reads and writes rows by their ids.

use autograd::draw::Draw;
use autograd::ops::{Contribution, Rows};
use autograd::{Element, Tensor};

use super::ops::{Scatter, ScatterAdd, masked, own, set_row, table_and_rows};
use super::{Entry, Fault, op, op_with_careless};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        op_with_careless::<Overwritten, 1>("no id twice", |draw| {
            (Rows { ids: [2, 0, 3].into() }, [draw.tensor(&[4, 2], -2.0..2.0)])
        }),
        op::<OffByOne, 1>(),
        op::<ScatterUnmasked, 2>(),
        op_with_careless::<OverwrittenRowsCounted, 2>("no id twice", |draw| {
            (Scatter { ids: [2, 0, 3].into() }, table_and_rows(draw))
        }),
        op::<ScatterAddMasked, 2>(),
    ]
}

/// A sample in which one id comes twice.
fn rows(draw: &mut Draw) -> (Rows, [Tensor<f64>; 1]) {
    (Rows { ids: [2, 0, 2].into() }, [draw.tensor(&[4, 2], -2.0..2.0)])
}

/// Only a repeated id finds it.
struct Overwritten;

impl Fault<1> for Overwritten {
    type Op = Rows;
    const NAME: &'static str = "rows: overwritten for a repeated id";
    const WRONG: &'static str = "dw[ids[i]] = dy[i], not +=";

    fn sample(draw: &mut Draw) -> (Rows, [Tensor<f64>; 1]) {
        rows(draw)
    }

    fn vjp<E: Element>(
        op: &Rows,
        [w]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let mut dw = Tensor::zeros(w.shape());
        for (i, &id) in op.ids.iter().enumerate() {
            set_row(&mut dw, id, dy.entry(i).data());
        }
        [dw.into()]
    }
}

struct OffByOne;

impl Fault<1> for OffByOne {
    type Op = Rows;
    const NAME: &'static str = "rows: off by one row";
    const WRONG: &'static str = "dw[ids[i] + 1] += dy[i]";

    fn sample(draw: &mut Draw) -> (Rows, [Tensor<f64>; 1]) {
        rows(draw)
    }

    fn vjp<E: Element>(
        op: &Rows,
        [w]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let next: Vec<_> = op.ids.iter().map(|id| (id + 1) % w.shape()[0]).collect();
        [Contribution::Rows { ids: next.into(), values: dy.clone() }]
    }
}

/// Seen in candle, candle-core/src/backprop.rs at 04d015f: the masks of `Scatter` and `ScatterAdd` are
/// exchanged. This half lets the gradient through where the table was written over.
struct ScatterUnmasked;

impl Fault<2> for ScatterUnmasked {
    type Op = Scatter;
    const NAME: &'static str = "scatter: mask of scatter-add";
    const WRONG: &'static str = "d table = dy also where the table was written over";

    fn sample(draw: &mut Draw) -> (Scatter, [Tensor<f64>; 2]) {
        own(draw)
    }

    fn vjp<E: Element>(
        op: &Scatter,
        _: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        let overwritten: Vec<_> = (0..op.ids.len()).filter(|&i| !op.stays(i)).collect();
        [dy.clone().into(), masked(&dy.rows(&op.ids), &overwritten).into()]
    }
}

/// In the same place: a plain gather, also for rows that were themselves written over. Only a
/// repeated id finds it.
struct OverwrittenRowsCounted;

impl Fault<2> for OverwrittenRowsCounted {
    type Op = Scatter;
    const NAME: &'static str = "scatter: rows that were written over";
    const WRONG: &'static str = "d rows[i] = dy[ids[i]] also if a later row has the same id";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (Scatter, [Tensor<f64>; 2]) {
        own(draw)
    }

    fn vjp<E: Element>(
        op: &Scatter,
        _: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [masked(dy, &op.ids).into(), dy.rows(&op.ids).into()]
    }
}

/// The other half of candle's exchanged masks: it stops the gradient where rows were only added.
struct ScatterAddMasked;

impl Fault<2> for ScatterAddMasked {
    type Op = ScatterAdd;
    const NAME: &'static str = "scatter-add: mask of scatter";
    const WRONG: &'static str = "d table = 0 where rows were added";

    fn sample(draw: &mut Draw) -> (ScatterAdd, [Tensor<f64>; 2]) {
        own(draw)
    }

    fn vjp<E: Element>(
        op: &ScatterAdd,
        _: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [masked(dy, &op.ids).into(), dy.rows(&op.ids).into()]
    }
}
