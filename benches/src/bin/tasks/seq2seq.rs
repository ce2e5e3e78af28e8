//! Copying a sentence of 20 symbols by an encoder–decoder.

use anyhow::Result;
use rand::RngExt;
use rnn::attention::Score;
use rnn::decode::{Decoding, Stop, generate};
use rnn::models::{EncoderDecoder, EncoderDecoderOptions, Look};
use rnn::{Gru, StackOptions};

use crate::{Outcome, Task, Training, generators};

const LENGTH: usize = 20;
const SYMBOLS: usize = 10;
const BATCH: usize = 32;
const LR: f64 = 0.005;
/// How often it is measured, in steps.
const EVERY: usize = 100;

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "seq2seq-attention",
        bar: "copy 20 of 10 symbols, GRU-64 with additive attention: 98 % of the symbols that it writes right in at \
              most 1,500 steps",
        run: |seed| {
            let look = Look::Before(Score::Additive { attention_size: 64 });
            let (steps, right) = copy(Some(look), 1500, seed)?;
            Ok(Outcome { steps, result: format!("{:.1} %", 100.0 * right), met: right >= 0.98 })
        },
    },
    Task {
        name: "seq2seq-plain",
        bar: "the same without attention: below 30 % after 1,000 steps",
        run: |seed| {
            let (steps, right) = copy(None, 1000, seed)?;
            Ok(Outcome { steps, result: format!("{:.1} %", 100.0 * right), met: right < 0.30 })
        },
    },
];

/// Trains until 98 % are right or there are no steps left: the steps, and the share of the symbols that was right.
fn copy(look: Option<Look>, limit: usize, seed: u64) -> Result<(usize, f64)> {
    let [mut rng, mut other] = generators(seed);
    let sentence = |rng: &mut _| -> Vec<usize> {
        let draw = |rng: &mut rand_chacha::ChaCha8Rng| rng.random_range(0..SYMBOLS);
        (0..LENGTH).map(|_| draw(rng)).collect()
    };
    let tests: Vec<_> = (0..100).map(|_| sentence(&mut other)).collect();

    let (rnn, source_size, target_size) = (StackOptions::new(32, 64), SYMBOLS, SYMBOLS);
    let options = EncoderDecoderOptions { source_size, target_size, rnn, look };
    let model = EncoderDecoder::<Gru>::init::<f32>(&options, &mut rng);
    let mut training = Training::new(model, LR);
    let mut share = 0.0;
    for step in 1..=limit {
        let batch: Vec<_> = (0..BATCH).map(|_| sentence(&mut rng)).collect();
        training.step(|tape, model| Ok(model.loss_on_tape(tape, &batch, &batch)?))?;
        if step % EVERY == 0 {
            let model = &training.model;
            let stop = Stop { eos: Some(model.eos()), max_len: LENGTH };
            let (prompts, read) = (vec![[model.bos()]; 100], model.encode(&tests)?);
            let mut unused = vec![other.clone(); 100]; // greedy: nothing is drawn
            let texts = generate(model, &prompts, read, &Decoding::greedy(), stop, &mut unused)?;
            let right = texts.iter().zip(&tests).map(|(text, wanted)| {
                text.ids.iter().zip(wanted).filter(|(found, wanted)| found == wanted).count()
            });
            share = right.sum::<usize>() as f64 / (100 * LENGTH) as f64;
            if share >= 0.98 {
                return Ok((step, share));
            }
        }
    }
    Ok((limit, share))
}
