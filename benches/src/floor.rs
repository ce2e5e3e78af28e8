//! The least time that a machine can take for a case: a model.
//!
//! ```text
//! product  [m, k] · [k, n]     2·m·k·n / FMA rate
//! recurrent step               the larger of 2·B·G·H² / FMA rate and 4·G·H² bytes / read rate
//!                              (of L2 if the weights fit into it, otherwise of L3)
//! gates                        a sigmoid 0.27 ns, a tanh 0.44 ns a unit: vectorised, from L2
//!
//! fwd      X·W_ihᵀ, T steps, gates
//! fwdbwd   thrice the product, 2T steps (there and back), dW_hh in one product, gates, and 0.15, 0.40 or 0.50 ns
//!          a unit for their derivatives (RNN, GRU, LSTM)
//! train    fwdbwd; the head's product thrice; an exp a score, 0.21 ns; the embedding there and back, 0.2 ns a
//!          number; 40 bytes a parameter at the rate of L3 for the norm, the clipping and Adam
//!
//! on two cores                 half of it, and 0.3 µs a step and direction for the cores to meet, if that is less
//! ```
//!
//! G is 1, 3, 4 for RNN, GRU, LSTM. The constants in nanoseconds were measured on a Zen 4 core; the rates are
//! those of the machine at hand, so that a core at half its speed has twice the floor.

use serde::{Deserialize, Serialize};

use crate::case::{Case, Cell, Op, Shape};

/// What one core can do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Multiplications and additions of f32, GFLOP/s.
    pub fma_gflops: f64,
    /// Reading from L2, GB/s.
    pub l2_gbs: f64,
    /// Reading from L3, GB/s.
    pub l3_gbs: f64,
}

/// What a core's second cache holds.
const L2_BYTES: usize = 1 << 20;

/// The time of the cores' meeting, in microseconds.
const MEETING: f64 = 0.3;

/// The floor in microseconds on so many cores, one or two; none for what is not a layer's.
pub fn floor(case: &Case, rates: Rates, cores: usize) -> Option<f64> {
    let (cell, shape) = (case.cell?, case.shape?);
    let (one, sweeps) = match case.op {
        Op::Fwd => (forward(cell, shape, rates), 1),
        Op::Fwdbwd => (forward_backward(cell, shape, rates), 2),
        Op::Train => (forward_backward(cell, shape, rates) + rest(cell, shape, rates), 2),
        _ => return None,
    };
    match cores {
        1 => Some(one),
        _ => Some(one.min(one / 2.0 + (sweeps * shape.seq_len) as f64 * MEETING)),
    }
}

/// A product [m, k] · [k, n].
fn product(m: usize, k: usize, n: usize, rates: Rates) -> f64 {
    (2 * m * k * n) as f64 / rates.fma_gflops / 1e3
}

/// The product of one step, [B, H] · [H, G·H].
fn step(cell: Cell, shape: Shape, rates: Rates) -> f64 {
    let Shape { batch, hidden_size, .. } = shape;
    let columns = cell.gates() * hidden_size;
    let bytes = columns * hidden_size * size_of::<f32>();
    let rate = if bytes <= L2_BYTES { rates.l2_gbs } else { rates.l3_gbs };
    product(batch, hidden_size, columns, rates).max(bytes as f64 / rate / 1e3)
}

/// Nanoseconds a unit for the gates, and for their derivatives.
fn gates(cell: Cell) -> (f64, f64) {
    const SIGMOID: f64 = 0.27;
    const TANH: f64 = 0.44;
    match cell {
        Cell::Rnn => (TANH, 0.15),
        Cell::Gru => (2.0 * SIGMOID + TANH, 0.40),
        Cell::Lstm => (3.0 * SIGMOID + 2.0 * TANH, 0.50),
    }
}

/// All that is counted of a shape: T·B rows, G·H columns, T·B·H units.
fn counts(cell: Cell, shape: Shape) -> [usize; 3] {
    let rows = shape.seq_len * shape.batch;
    [rows, cell.gates() * shape.hidden_size, rows * shape.hidden_size]
}

fn forward(cell: Cell, shape: Shape, rates: Rates) -> f64 {
    let [rows, columns, units] = counts(cell, shape);
    product(rows, shape.input_size, columns, rates)
        + shape.seq_len as f64 * step(cell, shape, rates)
        + units as f64 * gates(cell).0 / 1e3
}

fn forward_backward(cell: Cell, shape: Shape, rates: Rates) -> f64 {
    let [rows, columns, units] = counts(cell, shape);
    let (forward, backward) = gates(cell);
    3.0 * product(rows, shape.input_size, columns, rates)
        + 2.0 * shape.seq_len as f64 * step(cell, shape, rates)
        + product(columns, rows, shape.hidden_size, rates)
        + units as f64 * (forward + backward) / 1e3
}

/// What a training step has besides the layer.
fn rest(cell: Cell, shape: Shape, rates: Rates) -> f64 {
    let [rows, columns, _] = counts(cell, shape);
    let (vocab, Shape { input_size, hidden_size, .. }) = (Case::VOCAB_SIZE, shape);
    let layer = columns * (input_size + hidden_size + 2);
    let parameters = layer + vocab * (hidden_size + 1) + vocab * input_size;
    3.0 * product(rows, hidden_size, vocab, rates)
        + (rows * vocab) as f64 * 0.21 / 1e3
        + (rows * input_size) as f64 * 0.2 / 1e3
        + (40 * parameters) as f64 / rates.l3_gbs / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The machine on which the floors below were reckoned.
    const ZEN4: Rates = Rates { fma_gflops: 116.0, l2_gbs: 115.0, l3_gbs: 85.0 };

    #[track_caller]
    fn check(cell: Cell, shape: [usize; 4], op: Op, one: f64, two: f64) {
        let [t, b, i, h] = shape;
        let case = Case::layer(cell, Shape::new(t, b, i, h), op);
        for (cores, wanted) in [(1, one), (2, two)] {
            let found = floor(&case, ZEN4, cores).expect("a layer");
            assert!((found / wanted - 1.0).abs() < 0.02, "{case}, {cores}: {found}, not {wanted}");
        }
    }

    #[test]
    fn the_floors_are_those_that_were_reckoned_with() {
        let small = [25, 1, 64, 100];
        check(Cell::Rnn, small, Op::Fwdbwd, 31.0, 31.0); // meeting costs more than it gains
        check(Cell::Gru, small, Op::Train, 131.0, 81.0);
        check(Cell::Lstm, small, Op::Fwd, 50.0, 33.0);
        check(Cell::Lstm, small, Op::Train, 171.0, 100.0);
        let ptb = [35, 20, 128, 128];
        check(Cell::Rnn, ptb, Op::Train, 1591.0, 817.0);
        check(Cell::Gru, ptb, Op::Fwdbwd, 3683.0, 1862.0);
        check(Cell::Lstm, ptb, Op::Fwd, 1733.0, 877.0);
        let large = [64, 64, 256, 512];
        check(Cell::Gru, large, Op::Fwd, 85_400.0, 42_700.0);
        check(Cell::Lstm, large, Op::Fwdbwd, 338_000.0, 169_000.0);
        let wide = [100, 16, 512, 1024];
        check(Cell::Rnn, wide, Op::Fwd, 44_100.0, 22_100.0);
        check(Cell::Lstm, wide, Op::Train, 533_000.0, 266_000.0);
        let long = [1000, 1, 64, 128];
        check(Cell::Rnn, long, Op::Fwdbwd, 1921.0, 1561.0);
        check(Cell::Lstm, long, Op::Fwd, 3061.0, 1830.0);
        check(Cell::Gru, long, Op::Train, 6224.0, 3712.0);
    }

    #[test]
    fn half_the_rate_is_twice_the_time_of_a_product() {
        let slow = Rates { fma_gflops: 58.0, ..ZEN4 };
        assert_eq!(product(7, 8, 9, slow), 2.0 * product(7, 8, 9, ZEN4));
    }

    #[test]
    fn weights_beyond_the_second_cache_come_from_the_third() {
        let shape = |units| Shape::new(1, 1, 1, units);
        let rate = |units: usize| {
            let bytes = 4.0 * (4 * units * units) as f64;
            bytes / step(Cell::Lstm, shape(units), ZEN4) / 1e3
        };
        assert!((rate(256) - 115.0).abs() < 1e-9);
        assert!((rate(257) - 85.0).abs() < 1e-9);
    }

    #[test]
    fn only_layers_have_a_floor() {
        assert_eq!(floor(&Case::CHARLM, ZEN4, 1), None);
        assert_eq!(floor(&Case { cell: None, shape: None, op: Op::ChainScalar }, ZEN4, 1), None);
    }
}
