//! The embedded Reber grammar: strings one by one, and a stream of them without an end.

use anyhow::Result;
use autograd::{Params, Tensor};
use rnn::data::tasks::reber::REBER;
use rnn::data::tasks::{Continual, Grammar};
use rnn::models::{Tagger, TaggerOptions};
use rnn::{Lstm, Seq, StackOptions};

use crate::{Outcome, Task, Training, generators};

const SYMBOLS: usize = REBER.len();
/// How often it is measured, in steps.
const EVERY: usize = 50;

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "reber-strings",
        bar: "embedded Reber, LSTM-16: every step of 500 strings right in at most 1,500 steps",
        run: strings,
    },
    Task {
        name: "reber-stream",
        bar: "continual embedded Reber, LSTM-24, state never reset: every one of 10,000 symbols right in at most \
              2,000 steps",
        run: stream,
    },
];

fn model(units: usize, rng: &mut impl rand::Rng) -> Tagger<Lstm, Tensor<f32>> {
    let rnn = StackOptions::new(SYMBOLS, units);
    Tagger::init(&TaggerOptions { embedding: None, rnn, tags: SYMBOLS }, rng)
}

fn strings(seed: u64) -> Result<Outcome> {
    const LIMIT: usize = 1500;
    let [mut rng, mut other] = generators(seed);
    let tests: Vec<Vec<usize>> = (0..500).map(|_| Grammar::Embedded.string(&mut other)).collect();
    let inputs = |string: &Vec<usize>| string[..string.len() - 1].to_vec();
    let read: Vec<_> = tests.iter().map(inputs).collect();

    let mut training = Training::new(model(16, &mut rng), 0.02);
    let mut right = 0;
    for step in 1..=LIMIT {
        let batch: Vec<_> = (0..32).map(|_| Grammar::Embedded.string(&mut rng)).collect();
        training.step(|tape, model| {
            let read: Vec<_> = batch.iter().map(inputs).collect();
            let next: Vec<_> = batch.iter().map(|string| &string[1..]).collect();
            let xs = model.embedding.on_tape(tape, &read)?;
            Ok(model.loss_on_tape(&xs, &next, None)?)
        })?;
        if step % EVERY == 0 {
            let model = &training.model;
            let scores = model.scores(&model.embedding.forward(&read)?).steps().cast::<f64>();
            let whole = |(b, read): &(usize, &Vec<usize>)| {
                let legal = Grammar::Embedded.legal(read);
                let row = |t| scores.entry(t).entry(*b);
                (0..read.len()).all(|t| legal[t].agrees_with(row(t).data()))
            };
            right = read.iter().enumerate().filter(whole).count();
            if right == tests.len() {
                return Ok(Outcome { steps: step, result: "500 of 500 strings".into(), met: true });
            }
        }
    }
    Ok(Outcome { steps: LIMIT, result: format!("{right} of 500 strings"), met: false })
}

fn stream(seed: u64) -> Result<Outcome> {
    const LIMIT: usize = 2000;
    const WINDOW: usize = 50;
    let [mut rng, mut other] = generators(seed);
    let mut training = Training::new(model(24, &mut rng), 0.01);
    let mut streams = Continual::new(16);
    let mut states = training.model.rnn.zero_states(16);
    let mut right = 0;
    for step in 1..=LIMIT {
        let (window, _) = streams.next_window(WINDOW, &mut rng);
        let mut carried = Vec::new();
        training.step(|tape, model| {
            let rows = Tensor::one_hot(&window.inputs, SYMBOLS);
            let xs = Seq::time_major(tape.constant(rows.reshape(&[WINDOW, 16, SYMBOLS])));
            let initial: Vec<_> =
                states.iter().map(|s| s.map(|s| tape.constant(s.clone()))).collect();
            let out = model.rnn.on_tape(&xs, Some(&initial), None);
            carried = out.carried();
            Ok(model.head.on_tape(*out.outputs.rows()).cross_entropy(&window.targets))
        })?;
        states = carried;
        if step % EVERY == 0 {
            // Other streams. In training the state was zero once only; so their first 100 symbols are not counted.
            let (window, legal) = Continual::new(10).next_window(1100, &mut other);
            let rows = Tensor::one_hot(&window.inputs, SYMBOLS);
            let xs = Seq::time_major(rows.reshape(&[1100, 10, SYMBOLS]));
            let scores = training.model.scores(&xs).rows().cast::<f64>();
            let rows = scores.data().chunks(SYMBOLS).zip(&legal).skip(1000);
            right = rows.filter(|(scores, legal)| legal.agrees_with(scores)).count();
            if right == 10_000 {
                let result = "10,000 of 10,000 symbols".into();
                return Ok(Outcome { steps: step, result, met: true });
            }
        }
    }
    Ok(Outcome { steps: LIMIT, result: format!("{right} of 10,000 symbols"), met: false })
}
