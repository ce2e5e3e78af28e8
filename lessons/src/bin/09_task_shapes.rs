//! Lesson 09. One cell, four shapes of problem      cargo lesson 09_task_shapes   (10 s)
//!
//! The same cell and the same loop solve five kinds of problem: one input or many, one answer or many, at once or
//! later. What differs is where symbols go in and where the loss looks. Then the loss is moved, and a problem that
//! was easy cannot be learned any more.

use std::f64::consts::LN_2;
use std::ops::Range;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::ops::CrossEntropy;
use autograd::optim::{Adam, Optimizer};
use autograd::transform::value_and_grad;
use autograd::{Tape, Tensor, clip::clip_grad_norm};
use clap::Parser;
use lessons::figure::{Anchor, Drawing};
use lessons::options::Options;
use lessons::plot::{INK, LineChart, SERIES, Series};
use lessons::progress::{self, ProgressBar};
use lessons::report::{result, run};
use lessons::seeds::Spread;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Gru, LanguageModel, Lstm, Seq, Vanilla};

const V: usize = 3; // symbols: 0, 1 and a blank
const BLANK: usize = 2;
const NO_ANSWER: usize = 3; // a step at which the loss does not look
const H: usize = 16;
const B: usize = 64;
const STEPS: usize = 800;
const MEAN_OF: usize = 20; // steps that a point of the loss curve stands for
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

/// Draws an example, of a given length where the task has no length of its own.
type Draw = fn(usize, &mut ChaCha8Rng) -> Example;

/// A shape of problem, a task of this shape, and a short picture of it: an x where something goes in or comes out.
struct Shape {
    key: &'static str,
    name: &'static str,
    task: &'static str,
    draw: Draw,
    inputs: &'static str,
    answers: &'static str,
}

const IN_STEP: &str = "many to many, in step";
#[rustfmt::skip]
const SHAPES: [Shape; 5] = [
    Shape { key: "one_to_one", name: "one to one", task: "the other bit", draw: other, inputs: "x", answers: "x" },
    Shape { key: "one_to_many", name: "one to many", task: "a bit, then by turns", draw: alternate, inputs: "x...", answers: "xxxx" },
    Shape { key: "many_to_one", name: "many to one", task: "more ones than zeros?", draw: majority, inputs: "xxxx", answers: "...x" },
    Shape { key: "later", name: "many to many, later", task: "repeat four bits", draw: repeat, inputs: "xxx...", answers: "...xxx" },
    Shape { key: "in_step", name: IN_STEP, task: "parity so far", draw: parity, inputs: "xxxx", answers: "xxxx" },
];

// ANCHOR: shapes
/// One to one: the other bit.
fn other(_length: usize, rng: &mut ChaCha8Rng) -> Example {
    let bit = rng.random_range(0..2);
    (vec![bit], vec![1 - bit])
}

/// One to many: a bit goes in, six come out, by turns.
fn alternate(_length: usize, rng: &mut ChaCha8Rng) -> Example {
    let bit = rng.random_range(0..2);
    let inputs = (0..6).map(|t| if t == 0 { bit } else { BLANK }).collect();
    (inputs, (0..6).map(|t| (bit + t) % 2).collect())
}

/// Many to one: are there more ones than zeros?
fn majority(_length: usize, rng: &mut ChaCha8Rng) -> Example {
    let bits = bits(9, rng);
    let ones: usize = bits.iter().sum();
    let mut answers = vec![NO_ANSWER; 9];
    answers[8] = usize::from(ones > 4);
    (bits, answers)
}

/// Many to many, later: read four bits, then write them.
fn repeat(_length: usize, rng: &mut ChaCha8Rng) -> Example {
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
    let seeds = [0, 1, 2].map(|i| options.seed + i);
    let bar = progress::bar(((5 + 3) * seeds.len() * STEPS) as u64);

    // 1. Five shapes, one cell, one loop.
    println!("1. a vanilla cell with {H} units: right answers, median of {} seeds", seeds.len());
    let mut found = Vec::new();
    let (mut parities, mut everywhere) = (Vec::new(), Vec::new());
    for Shape { name, task, draw, .. } in SHAPES {
        let mut right = [0.0; 3];
        for (seed, right) in seeds.into_iter().zip(&mut right) {
            let (model, losses) = train::<Vanilla>(draw, 2..11, seed, &bar)?;
            *right = accuracy(&model, |rng| draw(10, rng), seed)?;
            if name == IN_STEP {
                parities.push(model);
                everywhere = losses;
            }
        }
        let right = Spread::of(right);
        bar.suspend(|| println!("   {name:<22} {task:<22} {right}"));
        ensure!(right.median >= 0.98, "{name}: only {right} of the answers are right");
        found.push(right);
    }

    // 2. In step, parity was learned on 2 to 10 bits. It holds for more.
    println!("\n2. parity by the loss at every step, judged on longer sequences");
    let mut by_length = Vec::new();
    for length in LENGTHS {
        let mut right = [0.0; 3];
        for (i, model) in parities.iter().enumerate() {
            right[i] = accuracy(model, |rng| parity(length, rng), seeds[i])?;
        }
        println!("   {length:3} bits   {}", Spread::of(right));
        by_length.push(Spread::of(right));
    }
    let long = by_length[LENGTHS.len() - 1];
    ensure!(long.median >= 0.995, "parity of {} bits: only {long} are right", LENGTHS[4]);

    // 3. The loss at the end only: all bits must be right at once before anything gets better.
    println!("\n3. parity of 16 bits, the loss at the end only");
    let at_end = [
        ("vanilla", at_end::<Vanilla>(seeds, &bar)?),
        ("GRU", at_end::<Gru>(seeds, &bar)?),
        ("LSTM", at_end::<Lstm>(seeds, &bar)?),
    ];
    bar.finish_and_clear();
    for (cell, (right, _)) in &at_end {
        println!("   {cell:<8} {right}");
        ensure!(right.median <= 0.6, "{cell}: {right} of the parities are right, and not half");
    }

    wiring(&found).write(&folder.join("wiring.svg"))?;
    let mut chart = LineChart::new("Parity, by where the loss looks", "step", "loss");
    chart.series.push(curve("vanilla, everywhere", &everywhere));
    for (cell, (_, losses)) in &at_end {
        chart.series.push(curve(&format!("{cell}, at the end"), losses));
    }
    chart.baseline("a guess, ln 2", LN_2);
    chart.write(&folder.join("parity.svg"))?;

    println!();
    for (Shape { key, .. }, right) in SHAPES.iter().zip(&found) {
        result(key, format!("{:.2}", right.median));
        result(&format!("{key}_spread"), right.range(2));
    }
    for (length, right) in LENGTHS.iter().zip(&by_length) {
        result(&format!("parity_{length}"), format!("{:.2}", right.median));
        result(&format!("parity_{length}_spread"), right.range(2));
    }
    for (cell, (right, _)) in &at_end {
        let cell = cell.to_lowercase();
        result(&format!("at_end_{cell}"), format!("{:.2}", right.median));
        result(&format!("at_end_{cell}_spread"), right.range(2));
    }
    Ok(())
}

/// The five wirings side by side: where a symbol goes in, where an answer is wanted, and what came of it.
fn wiring(found: &[Spread]) -> Drawing {
    let mut drawing = Drawing::new(680, 230);
    drawing.text([12.0, 18.0], Anchor::Start, 16, INK, "Where does the loss look?");
    let mut left = 8.0;
    for (Shape { name, inputs, answers, .. }, right) in SHAPES.iter().zip(found) {
        let width = 27.0 * inputs.len().max(4) as f64;
        let middle = left + width / 2.0;
        let from = middle - 27.0 * inputs.len() as f64 / 2.0 + 13.5;
        for t in 0..inputs.len() {
            let x = from + 27.0 * t as f64;
            if t > 0 {
                drawing.line([x - 18.0, 110.0], [x - 9.0, 110.0], INK, 1.5);
            }
            drawing.rect([x - 9.0, 101.0], [18.0, 18.0], SERIES[0], 1.0);
            if inputs.as_bytes()[t] == b'x' {
                drawing.line([x, 119.0], [x, 138.0], INK, 1.5);
                drawing.circle([x, 143.0], 5.0, SERIES[2]);
            }
            if answers.as_bytes()[t] == b'x' {
                drawing.line([x, 82.0], [x, 101.0], INK, 1.5);
                drawing.circle([x, 77.0], 5.0, SERIES[1]);
            }
        }
        let (shape, when) = name.split_once(", ").unwrap_or((name, ""));
        drawing.text([middle, 168.0], Anchor::Middle, 13, INK, shape);
        drawing.text([middle, 184.0], Anchor::Middle, 13, INK, when);
        let right = format!("{:.2}", right.median);
        drawing.text([middle, 206.0], Anchor::Middle, 16, INK, &right);
        left += width + 17.0;
    }
    drawing.text([12.0, 48.0], Anchor::Start, 13, SERIES[1], "an answer, and the loss");
    drawing.text([220.0, 48.0], Anchor::Start, 13, SERIES[0], "the cell, once a step");
    drawing.text([400.0, 48.0], Anchor::Start, 13, SERIES[2], "a symbol goes in");
    drawing
}

/// Parity with the loss at the end, for a cell of any kind; and the losses of the last seed.
fn at_end<C: Cell>(seeds: [u64; 3], bar: &ProgressBar) -> Result<(Spread, Vec<f64>)> {
    let (mut right, mut curve) = ([0.0; 3], Vec::new());
    for (seed, right) in seeds.into_iter().zip(&mut right) {
        let (model, losses) = train::<C>(parity_at_end, 16..17, seed, bar)?;
        *right = accuracy(&model, |rng| parity_at_end(16, rng), seed)?;
        curve = losses;
    }
    Ok((Spread::of(right), curve))
}

/// The mean loss of every [`MEAN_OF`] steps.
fn curve(name: &str, losses: &[f64]) -> Series {
    let mean = |(i, part): (usize, &[f64])| {
        (
            (i * MEAN_OF) as f64 + part.len() as f64 / 2.0,
            part.iter().sum::<f64>() / part.len() as f64,
        )
    };
    Series::new(name, losses.chunks(MEAN_OF).enumerate().map(mean).collect())
}

/// A model, and its loss at each step of the training.
type Trained<C> = (LanguageModel<C, Tensor<f32>>, Vec<f64>);

// ANCHOR: train
/// The loop, the same for every shape: examples, a loss where answers are, a step.
fn train<C: Cell>(
    draw: Draw,
    lengths: Range<usize>,
    seed: u64,
    bar: &ProgressBar,
) -> Result<Trained<C>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = LanguageModel::<C>::init::<f32>(V, None, H, &mut rng);
    let mut adam = Adam::new(1e-2);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let length = rng.random_range(lengths.clone());
        let (inputs, answers) = side_by_side((0..B).map(|_| draw(length, &mut rng)));
        let (loss, mut grads) = value_and_grad(
            |tape: &Tape<f32>, model: LanguageModel<C, _>| {
                let shape = [inputs.len() / B, B, V];
                let xs = tape.constant(Tensor::one_hot(&inputs, V).reshape(&shape));
                let hs = model.rnn.on_tape(&Seq::time_major(xs), None, None).outputs;
                let scores = model.head.on_tape(*hs.rows()); // [T·B, V]
                let mut looks = CrossEntropy::new(&answers);
                looks.ignore = Some(NO_ANSWER);
                scores.cross_entropy_with(looks)
            },
            &model,
        );
        clip_grad_norm(&mut grads, 1.0)?;
        *adam.lr() = 1e-2 * (1.0 - step as f64 / STEPS as f64);
        adam.step(&mut model, &grads)?;
        losses.push(f64::from(loss.item()));
        bar.inc(1);
    }
    Ok((model, losses))
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
