//! Lesson 09. One cell, four shapes of problem      cargo lesson 09_task_shapes   (20 s)
//!
//! The same cell and the same loop solve five kinds of problem: one input or many, one answer or many, at once or
//! later. What differs is where symbols go in and where the loss looks. Then the loss is moved, and a problem that
//! was easy cannot be learned any more.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::ops::CrossEntropy;
use autograd::optim::{Adam, Optimizer};
use autograd::transform::value_and_grad;
use autograd::{Tape, Tensor, clip::clip_grad_norm};
use clap::Parser;
use lessons::options::Options;
use lessons::plot::{LineChart, Series};
use lessons::progress;
use lessons::report::{result, run};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Gru, LanguageModel, Lstm, Vanilla};

const V: usize = 3; // symbols: 0, 1 and a blank
const BLANK: usize = 2;
const NO_ANSWER: usize = 3; // a step at which the loss does not look
const H: usize = 16;
const B: usize = 64;
const STEPS: usize = 800;
const SEEDS: u64 = 3;
const EXAMPLES: usize = 1_000; // to judge by
const LENGTHS: [usize; 5] = [10, 20, 50, 100, 200]; // to judge parity at

/// One cell, four shapes of problem: where the loss looks decides what can be learned
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

// ANCHOR: example
/// A sequence of symbols, and the answer wanted at each step, or none.
type Example = (Vec<usize>, Vec<usize>);
// ANCHOR_END: example

// ANCHOR: shapes
/// One to one: the other bit.
fn other(rng: &mut ChaCha8Rng) -> Example {
    let bit = rng.random_range(0..2);
    (vec![bit], vec![1 - bit])
}

/// One to many: a bit goes in, six come out, by turns.
fn alternate(rng: &mut ChaCha8Rng) -> Example {
    let bit = rng.random_range(0..2);
    let inputs = (0..6).map(|t| if t == 0 { bit } else { BLANK }).collect();
    (inputs, (0..6).map(|t| (bit + t) % 2).collect())
}

/// Many to one: are there more ones than zeros?
fn majority(rng: &mut ChaCha8Rng) -> Example {
    let bits = bits(9, rng);
    let ones: usize = bits.iter().sum();
    let mut answers = vec![NO_ANSWER; 9];
    answers[8] = usize::from(ones > 4);
    (bits, answers)
}

/// Many to many, later: read four bits, then write them.
fn repeat(rng: &mut ChaCha8Rng) -> Example {
    let bits = bits(4, rng);
    let inputs = [&bits[..], &[BLANK; 4]].concat();
    (inputs, [&[NO_ANSWER; 4], &bits[..]].concat())
}

/// Many to many, in step: is the number of ones odd so far?
fn parity(length: usize, rng: &mut ChaCha8Rng) -> Example {
    let bits = bits(length, rng);
    let answers = bits.iter().scan(0, |odd, bit| {
        *odd ^= bit;
        Some(*odd)
    });
    (bits.clone(), answers.collect())
}
// ANCHOR_END: shapes

// ANCHOR: at_end
/// The same bits, the same answer at the end; but the loss looks nowhere else.
fn parity_at_end(length: usize, rng: &mut ChaCha8Rng) -> Example {
    let (bits, mut answers) = parity(length, rng);
    answers[..length - 1].fill(NO_ANSWER);
    (bits, answers)
}
// ANCHOR_END: at_end

fn bits(count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    (0..count).map(|_| rng.random_range(0..2)).collect()
}

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let seeds = || options.seed..options.seed + SEEDS;

    // 1. to 5. Five shapes, one cell, one loop.
    type Draw = fn(usize, &mut ChaCha8Rng) -> Example;
    let shapes: [(&str, &str, Draw); 5] = [
        ("one to one", "the other bit", |_, rng| other(rng)),
        ("one to many", "a bit, then by turns", |_, rng| alternate(rng)),
        ("many to one", "more ones than zeros?", |_, rng| majority(rng)),
        ("many to many, later", "repeat four bits", |_, rng| repeat(rng)),
        ("many to many, in step", "parity so far", parity),
    ];
    let bar = progress::bar((5 + 3) * SEEDS * STEPS as u64);
    println!("1. a vanilla cell with {H} units: right answers, median of {SEEDS} seeds");
    let mut models = Vec::new();
    for (i, (shape, task, draw)) in shapes.iter().enumerate() {
        let mut found = Vec::new();
        for seed in seeds() {
            let model = train::<Vanilla>(*draw, 2..11, STEPS, seed, &bar)?;
            found.push(accuracy(&model, |rng| draw(10, rng), seed)?);
            if i == 4 {
                models.push(model);
            }
        }
        let (middle, spread) = summary(&found);
        let line = format!("   {shape:<22} {task:<22} {middle:.2}   ({spread})");
        bar.suspend(|| println!("{line}"));
        ensure!(middle >= 0.98, "{shape}: only {middle:.2} of the answers are right");
    }

    // 6. In step, parity was learned on 2 to 10 bits. It holds for more.
    println!("\n2. parity by the loss at every step, judged on longer sequences");
    let mut by_length = Vec::new();
    for length in LENGTHS {
        let found = models
            .iter()
            .zip(seeds())
            .map(|(model, seed)| accuracy(model, |rng| parity(length, rng), seed));
        let found = found.collect::<Result<Vec<_>>>()?;
        let cells: Vec<String> = found.iter().map(|x| format!("{x:.2}")).collect();
        println!("   {length:3} bits   {}", cells.join("  "));
        by_length.push(summary(&found));
    }

    // 7. The loss at the end only: all bits must be right at once before anything gets better.
    println!("\n3. parity of 16 bits, the loss at the end only");
    let at_end = [
        ("vanilla", learn_at_end::<Vanilla>(seeds(), &bar)?),
        ("GRU", learn_at_end::<Gru>(seeds(), &bar)?),
        ("LSTM", learn_at_end::<Lstm>(seeds(), &bar)?),
    ];
    bar.finish_and_clear();
    for (cell, found) in &at_end {
        let (middle, spread) = summary(found);
        println!("   {cell:<8} {middle:.2}   ({spread})");
        ensure!(
            middle <= 0.6,
            "{cell}: {middle:.2} of the parities are right, against expectation"
        );
    }
    let (long, _) = by_length[LENGTHS.len() - 1];
    ensure!(long >= 0.995, "parity of 200 bits is right at only {long:.2} of the steps");

    let mut chart = LineChart::new("Parity, learned on at most 10 bits", "bits", "right answers");
    chart.log_x = true;
    for (seed, model) in seeds().zip(&models) {
        let points = LENGTHS.iter().map(|&length| {
            accuracy(model, |rng| parity(length, rng), seed).map(|y| (length as f64, y))
        });
        let points = points.collect::<Result<_>>()?;
        chart.series.push(Series::new(&format!("seed {seed}"), points));
    }
    chart.baseline("a guess", 0.5);
    chart.write(&folder.join("parity.svg"))?;

    println!();
    for (length, (middle, spread)) in LENGTHS.iter().zip(&by_length) {
        result(&format!("parity_{length}"), format!("{middle:.2}"));
        result(&format!("parity_{length}_spread"), spread);
    }
    for (cell, found) in &at_end {
        let (middle, spread) = summary(found);
        result(&format!("at_end_{}", cell.to_lowercase()), format!("{middle:.2}"));
        result(&format!("at_end_{}_spread", cell.to_lowercase()), spread);
    }
    Ok(())
}

/// Parity with the loss at the end, for a cell of any kind.
fn learn_at_end<C: Cell>(
    seeds: impl Iterator<Item = u64>,
    bar: &progress::ProgressBar,
) -> Result<Vec<f64>> {
    let one = |seed| {
        let model = train::<C>(parity_at_end, 16..17, STEPS, seed, bar)?;
        accuracy(&model, |rng| parity_at_end(16, rng), seed)
    };
    seeds.map(one).collect()
}

// ANCHOR: train
/// The loop, the same for every shape: examples, a loss where there are answers, a step.
fn train<C: Cell>(
    draw: impl Fn(usize, &mut ChaCha8Rng) -> Example,
    lengths: std::ops::Range<usize>,
    steps: usize,
    seed: u64,
    bar: &progress::ProgressBar,
) -> Result<LanguageModel<C, Tensor<f32>>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = LanguageModel::<C>::init::<f32>(V, None, H, &mut rng);
    let mut adam = Adam::new(1e-2);
    for step in 0..steps {
        let length = rng.random_range(lengths.clone());
        let (inputs, answers) = side_by_side((0..B).map(|_| draw(length, &mut rng)));
        let (_loss, mut grads) = value_and_grad(
            |tape: &Tape<f32>, model: LanguageModel<C, _>| {
                let xs =
                    tape.constant(Tensor::one_hot(&inputs, V).reshape(&[inputs.len() / B, B, V]));
                let hs = model.rnn.on_tape(&rnn::Seq::time_major(xs), None, None).outputs;
                let scores = model.head.on_tape(*hs.rows()); // [T·B, V]
                let looks = CrossEntropy { ignore: Some(NO_ANSWER), ..CrossEntropy::new(&answers) };
                scores.cross_entropy_with(looks)
            },
            &model,
        );
        clip_grad_norm(&mut grads, 1.0)?;
        *adam.lr() = 1e-2 * (1.0 - step as f64 / steps as f64);
        adam.step(&mut model, &grads)?;
        bar.inc(1);
    }
    Ok(model)
}
// ANCHOR_END: train

/// Examples of one length as columns of a table whose rows are the steps: time-major, [T·B].
fn side_by_side(examples: impl Iterator<Item = Example>) -> Example {
    let (inputs, answers): (Vec<_>, Vec<_>) = examples.unzip();
    let time_major = |columns: Vec<Vec<usize>>| -> Vec<usize> {
        (0..columns[0].len()).flat_map(|t| columns.iter().map(move |column| column[t])).collect()
    };
    (time_major(inputs), time_major(answers))
}

/// The share of right answers in new examples.
fn accuracy<C: Cell>(
    model: &LanguageModel<C, Tensor<f32>>,
    draw: impl Fn(&mut ChaCha8Rng) -> Example,
    seed: u64,
) -> Result<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed + 1_000);
    let (inputs, answers) = side_by_side((0..EXAMPLES).map(|_| draw(&mut rng)));
    let (_, scores) = model.forward(&inputs, &model.zero_states(EXAMPLES), None)?;
    let wanted = answers.iter().enumerate().filter(|&(_, &answer)| answer != NO_ANSWER);
    let right = wanted.clone().filter(|&(i, &answer)| {
        let scores = &scores.data()[i * V..][..V];
        (0..V).all(|other| other == answer || scores[answer] > scores[other])
    });
    Ok(right.count() as f64 / wanted.count() as f64)
}

/// The middle of the results, and the least and the most.
fn summary(found: &[f64]) -> (f64, String) {
    let mut found = found.to_vec();
    found.sort_by(f64::total_cmp);
    let [low, .., high] = found[..] else { unreachable!("three seeds") };
    (found[found.len() / 2], format!("{low:.2} to {high:.2}"))
}
