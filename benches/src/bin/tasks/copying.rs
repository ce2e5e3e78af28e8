//! Copying: ten symbols to keep over many blanks; and symbols to pick from noise, by layers without a state in their
//! gates.

use anyhow::Result;
use autograd::Tensor;
use rnn::data::tasks::{Symbols, copy_memory, selective_copy};
use rnn::models::{Tagger, TaggerOptions};
use rnn::{Cell, Lstm, MinGru, Seq, StackOptions, Vanilla};

use crate::{Outcome, Task, Training, generators};

/// The blanks T, and the loss of one who knows when but not what.
const BLANKS: usize = 20;
const MEMORY_STEPS: usize = 3000;
const SELECT_STEPS: usize = 1500;

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "memory-lstm",
        bar: "copy memory, T = 20, LSTM-64: loss below 0.9 of the baseline 10 ln 8/(T + 20) after 3,000 steps",
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
    Task {
        name: "select-mingru",
        bar: "selective copy, 4 of 8 symbols among 40 steps, minGRU-64: better with each layer from 1 to 3, after \
              1,500 steps",
        run: |seed| {
            let mut rights = Vec::new();
            for layers in 1..=3 {
                rights.push(select(layers, seed)?);
            }
            let result = rights.iter().map(|right| format!("{:.1} %", 100.0 * right));
            let result = result.collect::<Vec<_>>().join(", ");
            Ok(Outcome { steps: SELECT_STEPS, result, met: rights.is_sorted_by(|a, b| a < b) })
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

/// The share of the symbols that are right at the end.
fn select(layers: usize, seed: u64) -> Result<f64> {
    let [mut rng, mut other] = generators(seed);
    let test = selective_copy(4, 8, 40, 500, &mut other);
    let rnn = StackOptions { layers, ..StackOptions::new(test.vocab_size, 64) };
    let options = TaggerOptions { embedding: None, rnn, tags: test.classes };
    let model = Tagger::<MinGru>::init::<f32>(&options, &mut rng);
    let mut training = Training::new(model, 0.005);
    for _ in 0..SELECT_STEPS {
        let task = selective_copy(4, 8, 40, 32, &mut rng);
        training.step(|tape, model| {
            let xs = sequences(&task).map_rows(|rows| tape.constant(rows.clone()));
            let scores = *model.scores_on_tape(&xs, None).rows();
            let rows = scores.shape()[0];
            let answers = scores.slice(0, rows - task.targets.len(), rows);
            Ok(answers.cross_entropy(&task.targets))
        })?;
    }
    let scores = training.model.scores(&sequences(&test));
    let rows = scores.rows().shape()[0];
    let found = scores.rows().slice(0, rows - test.targets.len(), rows).argmax(1);
    let right = found.iter().zip(&test.targets).filter(|(found, wanted)| found == wanted).count();
    Ok(right as f64 / test.targets.len() as f64)
}
