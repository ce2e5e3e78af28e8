//! The classic problems for recurrent networks: how many steps each takes, and whether that meets its bar.
//!
//! ```text
//! cargo run --release -p benches --bin tasks -- [NAME] [--seeds 3]
//! ```
//!
//! One thread, `f32`, Adam, gradients clipped to norm 1. Batch size and learning rate are the same for cells that are
//! compared. What is measured is measured on data that was not trained on.

mod adding;
mod order;
mod reber;
mod copying;
mod seq2seq;

use std::time::Instant;

use anyhow::{Result, bail};
use autograd::clip::clip_grad_norm;
use autograd::optim::{Adam, Optimizer};
use autograd::{Family, Params, Tape, Tensor, Var};
use clap::Parser;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Lstm, Stack};

/// Trains small networks on classic problems and says whether each meets its bar.
#[derive(Parser)]
#[command(name = "tasks")]
struct Arguments {
    /// The problems whose names begin so; all by default.
    name: Option<String>,
    /// How many seeds, from 0.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
}

/// A problem, a network, and what is asked of it.
struct Task {
    name: &'static str,
    /// What must be found, in words.
    bar: &'static str,
    run: fn(seed: u64) -> Result<Outcome>,
}

/// What one seed came to.
struct Outcome {
    /// Training steps taken.
    steps: usize,
    /// The figure, in words.
    result: String,
    met: bool,
}

fn main() -> Result<()> {
    let Arguments { name, seeds } = Arguments::parse();
    let name = name.unwrap_or_default();
    let all = [adding::TASKS, reber::TASKS, order::TASKS, copying::TASKS, seq2seq::TASKS].concat();
    let chosen: Vec<&Task> = all.iter().filter(|task| task.name.starts_with(&name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|task| task.name).collect();
        bail!("no problem begins with `{name}`; there are {}", names.join(", "));
    }
    for task in chosen {
        println!("{}: {}", task.name, task.bar);
        let mut met = 0;
        for seed in 0..seeds {
            let start = Instant::now();
            let outcome = (task.run)(seed)?;
            let (seconds, verdict) =
                (start.elapsed().as_secs_f64(), ["no", "yes"][usize::from(outcome.met)]);
            println!(
                "  seed {seed}: {:5} steps  {}  {seconds:.1} s  met: {verdict}",
                outcome.steps, outcome.result
            );
            met += u64::from(outcome.met);
        }
        println!("  met by {met} of {seeds}\n");
    }
    Ok(())
}

impl Clone for Task {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

/// A network in training.
struct Training<P> {
    model: P,
    adam: Adam<f32>,
    tape: Tape<f32>,
}

impl<P> Training<P>
where
    P: Params<Leaf = Tensor<f32>, Family: Family<Of<Tensor<f32>> = P>>,
{
    fn new(model: P, lr: f64) -> Self {
        Self { model, adam: Adam::new(lr), tape: Tape::new() }
    }

    /// One step down a loss, with the clipped gradient. Returns the loss.
    fn step(
        &mut self,
        loss: impl for<'t> FnOnce(
            &'t Tape<f32>,
            &<P::Family as Family>::Of<Var<'t, f32>>,
        ) -> Result<Var<'t, f32>>,
    ) -> Result<f32> {
        self.tape.reset();
        let on_tape = self.model.map(|w| self.tape.leaf(w.clone()));
        let loss = loss(&self.tape, &on_tape)?;
        let grads = self.tape.backward(loss);
        let mut grads: P = on_tape.map(|&w| grads.of(w));
        let loss = loss.value().item();
        clip_grad_norm(&mut grads, 1.0)?;
        self.adam.step(&mut self.model, &grads)?;
        Ok(loss)
    }
}

/// The generator of what is trained on, and that of what is measured on.
fn generators(seed: u64) -> [ChaCha8Rng; 2] {
    [seed, seed + 1_000_000].map(ChaCha8Rng::seed_from_u64)
}

/// Sets the bias of the forget gate of an LSTM: that of the input, the other being 0.
fn forget_bias(rnn: &mut Stack<Lstm, Tensor<f32>>, bias: f64) {
    for cell in &mut rnn.cells {
        let units = cell.w_hh.shape()[1];
        for (b, value) in [(&mut cell.b_ih, bias as f32), (&mut cell.b_hh, 0.0)] {
            let b = b.as_mut().expect("an LSTM with biases");
            b.data_mut()[units..2 * units].fill(value); // rows i, f, g, o
        }
    }
}
