//! Lesson 05. What does learning look like when it works?      cargo lesson 05_train_loop   (10 s)
//!
//! A small network learns two moons and three spirals. Before that come two checks that cost a second:
//! the loss at step 0, and one batch learned by heart.

use std::f64::consts::{PI, TAU};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::init::{normal, uniform, unit};
use autograd::optim::{Adam, Optimizer, Sgd};
use autograd::{Params, Tape, Tensor, Var, params};
use clap::Parser;
use lessons::figure::{Anchor, Drawing};
use lessons::options::Options;
use lessons::plot::{INK, LineChart, SERIES, Series};
use lessons::report::{result, run};
use lessons::seeds::Spread;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What does learning look like when it works? Two checks, one loop, two optimizers
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

const UNITS: usize = 32;
const EPOCHS: usize = 150;
const BATCH: usize = 32;
/// Steps of a whole training run.
const STEPS: usize = EPOCHS * TRAIN.div_ceil(BATCH);
/// Points to learn from, and points to judge by.
const TRAIN: usize = 384;
const HELD_OUT: usize = 300;

/// Points in the plane, each of a class.
#[derive(Clone)]
struct Data {
    points: Tensor<f64>, // [N, 2]
    classes: Vec<usize>,
}

/// Two half circles, one hooked into the other.
fn moons(count: usize, rng: &mut ChaCha8Rng) -> Data {
    let point = |class: usize, rng: &mut ChaCha8Rng| {
        let angle = PI * unit(rng);
        match class {
            0 => [angle.cos() - 0.5, angle.sin() - 0.25],
            _ => [0.5 - angle.cos(), 0.25 - angle.sin()],
        }
    };
    scatter(count, 2, 0.1, point, rng)
}

/// Three arms that turn about one centre.
fn spirals(count: usize, rng: &mut ChaCha8Rng) -> Data {
    let point = |class: usize, rng: &mut ChaCha8Rng| {
        let radius = 0.1 + 1.1 * unit(rng);
        let angle = 4.0 * radius + TAU * class as f64 / 3.0;
        [radius * angle.cos(), radius * angle.sin()]
    };
    scatter(count, 3, 0.03, point, rng)
}

/// As many points of each class, blurred by so much.
fn scatter(
    count: usize,
    classes: usize,
    blur: f64,
    point: impl Fn(usize, &mut ChaCha8Rng) -> [f64; 2],
    rng: &mut ChaCha8Rng,
) -> Data {
    let classes: Vec<usize> = (0..count).map(|i| i % classes).collect();
    let points: Vec<f64> = classes.iter().flat_map(|&class| point(class, rng)).collect();
    let noise = normal(&[count, 2], blur, rng);
    Data { points: Tensor::new(&[count, 2], points) + noise, classes }
}

// ANCHOR: model
/// scores = W₃ tanh(W₂ tanh(W₁ x + b₁) + b₂) + b₃
#[derive(Clone)]
struct Mlp<L = ()> {
    w1: L, // [H, 2]
    b1: L, // [H]
    w2: L, // [H, H]
    b2: L, // [H]
    w3: L, // [K, H]
    b3: L, // [K]
}
params!(Mlp { w1: "w1", b1: "b1", w2: "w2", b2: "b2", w3: "w3", b3: "b3" });

impl Mlp<Tensor<f64>> {
    /// Every weight evenly within ±1/√n, n the number of inputs of its layer.
    fn init(classes: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut draw =
            |shape: &[usize], inputs: usize| uniform(shape, 1.0 / (inputs as f64).sqrt(), rng);
        Self {
            w1: draw(&[UNITS, 2], 2),
            b1: draw(&[UNITS], 2),
            w2: draw(&[UNITS, UNITS], UNITS),
            b2: draw(&[UNITS], UNITS),
            w3: draw(&[classes, UNITS], UNITS),
            b3: draw(&[classes], UNITS),
        }
    }
}

impl<'t> Mlp<Var<'t, f64>> {
    /// [B, 2] to [B, K].
    fn scores(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let h1 = (x.matmul(self.w1.t()) + self.b1).tanh();
        let h2 = (h1.matmul(self.w2.t()) + self.b2).tanh();
        h2.matmul(self.w3.t()) + self.b3
    }
}
// ANCHOR_END: model

type Model = Mlp<Tensor<f64>>;

/// The loss and its gradient on some points.
fn loss_and_gradient(
    tape: &mut Tape<f64>,
    model: &Model,
    data: &Data,
    ids: &[usize],
) -> (f64, Model) {
    // ANCHOR: gradient
    tape.reset();
    let on_tape: Mlp<_> = model.map(|w| tape.leaf(w.clone()));
    let x = tape.constant(data.points.rows(ids));
    let targets: Vec<usize> = ids.iter().map(|&i| data.classes[i]).collect();
    let loss = on_tape.scores(x).cross_entropy(&targets);
    let grads = tape.backward(loss);
    let grads: Mlp<_> = on_tape.map(|&w| grads.of(w));
    // ANCHOR_END: gradient
    (loss.value().item(), grads)
}

/// The scores of points, without a gradient.
fn predict(model: &Model, points: &Tensor<f64>) -> Tensor<f64> {
    let tape = Tape::new();
    let on_tape: Mlp<_> = model.map(|w| tape.constant(w.clone()));
    on_tape.scores(tape.constant(points.clone())).value()
}

/// The share of points whose class has the highest score.
fn accuracy(model: &Model, data: &Data) -> f64 {
    let best = predict(model, &data.points).argmax(1);
    let right = best.iter().zip(&data.classes).filter(|(a, b)| a == b).count();
    right as f64 / data.classes.len() as f64
}

/// The length of all leaves as one vector.
fn norm(model: &Model) -> f64 {
    model.leaves().iter().map(|w| w.norm().powi(2)).sum::<f64>().sqrt()
}

/// What is looked at in every step.
#[derive(Default)]
struct Log {
    loss: Vec<f64>,
    gradient: Vec<f64>,
    ratio: Vec<f64>,
}

// ANCHOR: train
/// Trains, and writes down at each step the loss, the length of the gradient, and how far the weights
/// moved as a part of their length.
fn train<O: Optimizer<f64>>(
    model: &mut Model,
    mut optimizer: O,
    data: &Data,
    seed: u64,
) -> Result<Log> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..data.classes.len()).collect();
    let mut tape = Tape::new();
    let mut log = Log::default();
    for _epoch in 0..EPOCHS {
        order.shuffle(&mut rng);
        for batch in order.chunks(BATCH) {
            let (loss, grads) = loss_and_gradient(&mut tape, model, data, batch);
            let before = model.clone();
            optimizer.step(model, &grads)?;

            log.loss.push(loss);
            log.gradient.push(norm(&grads));
            log.ratio.push(distance(model, &before) / norm(&before));
        }
    }
    Ok(log)
}
// ANCHOR_END: train

/// ‖a − b‖.
fn distance(a: &Model, b: &Model) -> f64 {
    let mut difference = a.clone();
    difference.add_assign(&b.map(|w| w * -1.0));
    norm(&difference)
}

/// A set to learn, a set to judge by, and a fresh model.
struct Problem {
    name: &'static str,
    classes: usize,
    data: Data,
    held_out: Data,
    model: Model,
    seed: u64,
}

impl Problem {
    fn new(name: &'static str, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (classes, draw): (usize, fn(usize, &mut ChaCha8Rng) -> Data) = match name {
            "moons" => (2, moons),
            _ => (3, spirals),
        };
        let (data, held_out) = (draw(TRAIN, &mut rng), draw(HELD_OUT, &mut rng));
        let model = Mlp::init(classes, &mut rng);
        Self { name, classes, data, held_out, model, seed }
    }

    /// A fresh model, trained.
    fn trained<O: Optimizer<f64>>(&self, optimizer: O) -> Result<(Model, Log)> {
        let mut model = self.model.clone();
        let log = train(&mut model, optimizer, &self.data, self.seed)?;
        Ok((model, log))
    }
}

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let seeds = [0, 1, 2].map(|more| options.seed.wrapping_add(more));
    let problems = ["moons", "spirals"].map(|name| seeds.map(|seed| Problem::new(name, seed)));

    at_step_0(&problems)?;
    by_heart(&problems[1])?;
    first_step(&problems[1])?;
    rates(&problems, folder)?;
    Ok(())
}

/// 1. The loss before anything is learned.
fn at_step_0(problems: &[[Problem; 3]; 2]) -> Result<()> {
    println!("1. the loss before the first step (three seeds)");
    println!("              ln K   as it starts             last layer × 10");
    for runs in problems {
        let all: Vec<usize> = (0..TRAIN).collect();
        let even = (runs[0].classes as f64).ln();
        let loss = |scale: f64| {
            Spread::of(runs.each_ref().map(|problem| {
                let mut model = problem.model.clone();
                model.w3 = &model.w3 * scale;
                loss_and_gradient(&mut Tape::new(), &model, &problem.data, &all).0
            }))
        };
        let [started, loud] = [1.0, 10.0].map(loss);
        println!("   {:<8} {even:>7.3}   {started:.3}   {loud:.3}", runs[0].name);
        let off = (started.median / even - 1.0).abs();
        ensure!(off < 0.05, "the loss starts {:.0} % away from ln K", 100.0 * off);
    }
    Ok(())
}

/// 2. Sixteen points learned by heart.
fn by_heart(problems: &[Problem; 3]) -> Result<()> {
    const MOST: usize = 2000;
    println!("\n2. one batch of 16 points, Adam, until its loss is below 0.01");
    let ids: Vec<usize> = (0..16).collect();
    let memorise = |data: &Data, mut model: Model| -> Result<(f64, f64)> {
        let mut adam = Adam::new(0.01);
        let mut tape = Tape::new();
        for step in 0..MOST {
            let (loss, grads) = loss_and_gradient(&mut tape, &model, data, &ids);
            if loss < 0.01 {
                return Ok((step as f64, loss));
            }
            adam.step(&mut model, &grads)?;
        }
        let (loss, _) = loss_and_gradient(&mut tape, &model, data, &ids);
        Ok((MOST as f64, loss))
    };
    for what in ["as they are", "classes shuffled", "all weights start at 0"] {
        let mut runs = Vec::new();
        for problem in problems {
            let (mut data, mut model) = (problem.data.clone(), problem.model.clone());
            match what {
                "classes shuffled" => {
                    data.classes.shuffle(&mut ChaCha8Rng::seed_from_u64(problem.seed))
                }
                "all weights start at 0" => model = model.zeros_like(),
                _ => {}
            }
            runs.push(memorise(&data, model)?);
        }
        let steps = Spread::of([0, 1, 2].map(|run: usize| runs[run].0));
        let loss = Spread::of([0, 1, 2].map(|run: usize| runs[run].1));
        println!("   {what:<24} {steps:>20.0} steps, loss {loss:.3}");
    }
    Ok(())
}

/// 3. What Adam makes of the size of a gradient.
fn first_step(problems: &[Problem; 3]) -> Result<()> {
    let problem = &problems[0];
    let all: Vec<usize> = (0..TRAIN).collect();
    println!("\n3. the first step at learning rate 0.01, by the scale of the loss");
    for scale in [0.001, 1.0, 1000.0] {
        let (_, grads) = loss_and_gradient(&mut Tape::new(), &problem.model, &problem.data, &all);
        let grads = grads.map(|g| g * scale);
        let moved = |model: &Model| {
            let pairs = model.leaves().into_iter().zip(problem.model.leaves());
            pairs.flat_map(|(a, b)| (a - b).data().to_vec()).map(f64::abs).fold(0.0, f64::max)
        };
        let (mut by_sgd, mut by_adam) = (problem.model.clone(), problem.model.clone());
        Sgd::new(0.01, 0.0).step(&mut by_sgd, &grads)?;
        Adam::new(0.01).step(&mut by_adam, &grads)?;
        println!("   × {scale:<6}  SGD {:.1e}   Adam {:.1e}", moved(&by_sgd), moved(&by_adam));
    }
    Ok(())
}

/// 4. Learning rates.
fn rates(problems: &[[Problem; 3]; 2], _folder: &Path) -> Result<()> {
    let bar = lessons::progress::bar(2 * 3 * 12);
    for runs in problems {
        for lr in [0.01, 0.03, 0.1, 0.3, 1.0, 3.0] {
            let mut sgd = [0.0; 3];
            let mut adam = [0.0; 3];
            for (i, problem) in runs.iter().enumerate() {
                sgd[i] = accuracy(&problem.trained(Sgd::new(lr, 0.0))?.0, &problem.held_out);
                adam[i] = accuracy(&problem.trained(Adam::new(lr / 10.0))?.0, &problem.held_out);
                bar.inc(2);
            }
            println!(
                "{} sgd {lr} {:.3}   adam {} {:.3}",
                runs[0].name,
                Spread::of(sgd),
                lr / 10.0,
                Spread::of(adam)
            );
        }
    }
    bar.finish_and_clear();
    Ok(())
}
