//! Temporal order: which of two symbols came first, and which later; a class of four at the end.

use anyhow::Result;
use rand::RngExt;
use rnn::data::tasks::{Symbols, temporal_order};
use rnn::models::{Acceptor, AcceptorOptions, Pooling};
use rnn::{Lstm, Seq, StackOptions};

use crate::{Outcome, Task, Training, forget_bias, generators};

const BATCH: usize = 32;
const LR: f64 = 0.01;
const UNITS: usize = 16;
const STEPS: usize = 1000;
/// How often it is measured, in steps.
const EVERY: usize = 50;

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "order-open",
        bar: "length 50 to 55, LSTM-16 with forget bias 3: 99 % in at most 1,000 steps",
        run: |seed| {
            let (steps, right) = solve(Some(3.0), seed)?;
            Ok(Outcome { steps, result: format!("{:.1} %", 100.0 * right), met: right >= 0.99 })
        },
    },
    Task {
        name: "order-default",
        bar: "the same with the default bias: at chance, below 35 %, after 1,000 steps",
        run: |seed| {
            let (steps, right) = solve(None, seed)?;
            Ok(Outcome { steps, result: format!("{:.1} %", 100.0 * right), met: right < 0.35 })
        },
    },
];

fn sequences(task: &Symbols) -> Seq<autograd::Tensor<f32>> {
    Seq::time_major(task.one_hot())
}

/// Trains until 99 % are right or there are no steps left: the steps, and the share that was right at the end.
fn solve(bias: Option<f64>, seed: u64) -> Result<(usize, f64)> {
    let [mut rng, mut other] = generators(seed);
    let tests: Vec<Symbols> = (50..=55).map(|t| temporal_order(t, 100, &mut other)).collect();

    let (rnn, pooling) = (StackOptions::new(8, UNITS), Pooling::Last);
    let options = AcceptorOptions { embedding: None, rnn, pooling, classes: 4 };
    let mut model = Acceptor::<Lstm>::init::<f32>(&options, &mut rng);
    if let Some(bias) = bias {
        forget_bias(&mut model.rnn, bias);
    }
    let mut training = Training::new(model, LR);
    let mut share = 0.0;
    for step in 1..=STEPS {
        let task = temporal_order(rng.random_range(50..=55), BATCH, &mut rng);
        training.step(|tape, model| {
            let xs = sequences(&task).map_rows(|rows| tape.constant(rows.clone()));
            Ok(model.loss_on_tape(&xs, &task.targets, None)?)
        })?;
        if step % EVERY == 0 {
            let right = |test: &Symbols| {
                let found = training.model.scores(&sequences(test)).argmax(1);
                found.iter().zip(&test.targets).filter(|(found, wanted)| found == wanted).count()
            };
            share = tests.iter().map(right).sum::<usize>() as f64 / 600.0;
            if share >= 0.99 {
                return Ok((step, share));
            }
        }
    }
    Ok((STEPS, share))
}
