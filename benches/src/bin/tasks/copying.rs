//! Copying: ten symbols to keep over many blanks.

use anyhow::Result;
use autograd::Tensor;
use rnn::data::tasks::{Symbols, copy_memory};
use rnn::models::{Tagger, TaggerOptions};
use rnn::{Cell, Lstm, Seq, StackOptions, Vanilla};

use crate::{Outcome, Task, Training, generators};

/// The blanks T, and the loss of one who knows when but not what.
const BLANKS: usize = 20;
const MEMORY_STEPS: usize = 2000;

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "memory-lstm",
        bar: "copy memory, T = 20, LSTM-64: loss below 0.9 of the baseline 10 ln 8/(T + 20) after 2,000 steps",
        run: |seed| {
            let share = memory::<Lstm>(seed)?;
            let result = format!("{share:.3} of the baseline");
            Ok(Outcome { steps: MEMORY_STEPS, result, met: share < 0.9 })
        },
    },
    Task {
        name: "memory-tanh",
        bar: "the same with tanh-64: loss at the baseline, at least 0.95 of it",
        run: |seed| {
            let share = memory::<Vanilla>(seed)?;
            let result = format!("{share:.3} of the baseline");
            Ok(Outcome { steps: MEMORY_STEPS, result, met: share >= 0.95 })
        },
    },
];

/// Symbols as vectors.
fn sequences(task: &Symbols) -> Seq<Tensor<f32>> {
    Seq::time_major(task.one_hot())
}

/// The loss at the end, as a share of the baseline.
fn memory<C: Cell>(seed: u64) -> Result<f64> {
    let [mut rng, mut other] = generators(seed);
    let test = copy_memory(BLANKS, 200, &mut other);
    let rnn = StackOptions::new(test.vocab_size, 64);
    let options = TaggerOptions { embedding: None, rnn, tags: test.classes };
    let mut training = Training::new(Tagger::<C>::init::<f32>(&options, &mut rng), 0.01);
    for _ in 0..MEMORY_STEPS {
        let task = copy_memory(BLANKS, 32, &mut rng);
        training.step(|tape, model| {
            let xs = sequences(&task).map_rows(|rows| tape.constant(rows.clone()));
            Ok(model.scores_on_tape(&xs, None).rows().cross_entropy(&task.targets))
        })?;
    }
    let scores = training.model.scores(&sequences(&test));
    let loss = rnn::language_model::cross_entropy(scores.rows(), &test.targets)?;
    Ok(f64::from(loss) / (10.0 * 8f64.ln() / (BLANKS + 20) as f64))
}
