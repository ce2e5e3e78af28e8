//! The adding problem: a sum of two marked numbers, squared error; 0.167 is that of the mean.

use anyhow::Result;
use autograd::Tensor;
use rnn::data::tasks::adding;
use rnn::models::{Acceptor, AcceptorOptions, Pooling};
use rnn::{Cell, Gru, Lstm, Seq, StackOptions, Vanilla};

use crate::{Outcome, Task, Training, generators};

const BATCH: usize = 32;
const LR: f64 = 0.01;
const UNITS: usize = 32;
/// How often it is measured, in steps.
const EVERY: usize = 50;

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "adding-lstm",
        bar: "T = 50, LSTM-32: error below 0.01 in at most 2,000 steps",
        run: |seed| solve::<Lstm>(50, 2000, seed),
    },
    Task {
        name: "adding-gru",
        bar: "T = 50, GRU-32: error below 0.01 in at most 1,000 steps",
        run: |seed| solve::<Gru>(50, 1000, seed),
    },
    Task {
        name: "adding-tanh",
        bar: "T = 50, tanh-32: error above 0.14 for 2,000 steps",
        run: |seed| {
            let (steps, lowest) = lowest::<Vanilla>(50, 2000, 0.0, seed)?;
            Ok(Outcome { steps, result: format!("lowest error {lowest:.4}"), met: lowest > 0.14 })
        },
    },
    Task {
        name: "adding-far",
        bar: "T = 100, LSTM-32: error below 0.01 in at most 4,000 steps",
        run: |seed| solve::<Lstm>(100, 4000, seed),
    },
];

fn solve<C: Cell>(seq_len: usize, limit: usize, seed: u64) -> Result<Outcome> {
    let (steps, error) = lowest::<C>(seq_len, limit, 0.01, seed)?;
    Ok(Outcome { steps, result: format!("error {error:.4}"), met: error < 0.01 })
}

/// Trains until the error is below `enough` or there are no steps left: the steps, and the lowest error met.
fn lowest<C: Cell>(seq_len: usize, limit: usize, enough: f64, seed: u64) -> Result<(usize, f64)> {
    let [mut rng, mut other] = generators(seed);
    let (test, wanted) = adding::<f32>(seq_len, 1000, &mut other);
    let test = Seq::time_major(test);

    let (rnn, pooling) = (StackOptions::new(2, UNITS), Pooling::Last);
    let options = AcceptorOptions { embedding: None, rnn, pooling, classes: 1 };
    let mut training = Training::new(Acceptor::<C>::init::<f32>(&options, &mut rng), LR);
    let mut lowest = f64::INFINITY;
    for step in 1..=limit {
        let (xs, targets) = adding::<f32>(seq_len, BATCH, &mut rng);
        training.step(|tape, model| {
            let xs = Seq::time_major(tape.constant(xs));
            let error = model.scores_on_tape(&xs, None) - tape.constant(targets);
            Ok((error * error).mean())
        })?;
        if step % EVERY == 0 {
            let error: Tensor<f32> = training.model.scores(&test) - &wanted;
            lowest = lowest.min((&error * &error).cast::<f64>().sum().item() / 1000.0);
            if lowest < enough {
                return Ok((step, lowest));
            }
        }
    }
    Ok((limit, lowest))
}
