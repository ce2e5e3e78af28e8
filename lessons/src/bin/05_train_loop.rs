//! Lesson 05. What does learning look like when it works?      cargo lesson 05_train_loop   (5 s)
//!
//! A small network learns two moons and three spirals. Before that come two checks that cost a second:
//! the loss at step 0, and one batch learned by heart.

use std::f64::consts::{PI, TAU};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

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
    /// Every weight evenly within ±1/√n, n the number of inputs of its layer; in the
    /// last layer within a tenth of that, so that at first no class is preferred.
    fn init(classes: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut draw = |shape: &[usize], inputs: usize, scale: f64| {
            uniform(shape, scale / (inputs as f64).sqrt(), rng)
        };
        Self {
            w1: draw(&[UNITS, 2], 2, 1.0),
            b1: draw(&[UNITS], 2, 1.0),
            w2: draw(&[UNITS, UNITS], UNITS, 1.0),
            b2: draw(&[UNITS], UNITS, 1.0),
            w3: draw(&[classes, UNITS], UNITS, 0.1),
            b3: draw(&[classes], UNITS, 0.1),
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

/// One of the lists of a log.
type OfLog = fn(&Log) -> &[f64];

// ANCHOR: train
/// Trains, and writes down at each step the loss, the length of the gradient, and how
/// far the weights moved as a part of their length.
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

/// Adam's learning rate in 4. and 5.
const ADAM: f64 = 0.003;
/// Plain descent at a rate that is good for the spirals.
const SGD: f64 = 0.3;

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let seeds = [0, 1, 2].map(|more| options.seed.wrapping_add(more));
    let problems = ["moons", "spirals"].map(|name| seeds.map(|seed| Problem::new(name, seed)));
    let [moons, spirals] = &problems;

    let started = at_step_0(&problems)?;
    let by_heart = by_heart(spirals)?;
    let moved = first_step(spirals)?;
    let without = uncorrected();
    let accuracies = both_sets(moons, spirals, &folder.join("regions.svg"))?;
    let ratios = three_curves(&spirals[0], folder)?;
    let table = learning_rates(spirals)?;

    println!();
    let [[even, small, usual, _], _] = started;
    result("moons_ln_k", format!("{:.3}", even.median));
    result("sixteen_classes_s_half", format!("{:.2}", loss_of_noise(16, 0.5, options.seed)?));
    result("moons_small", format!("{small:.3}"));
    result("moons_usual", format!("{usual:.3}"));
    for (name, (steps, ..)) in ["true", "shuffled", "zero"].iter().zip(&by_heart) {
        result(&format!("batch_{name}_steps"), format!("{:.0}", steps.median));
        result(&format!("batch_{name}_steps_spread"), steps.range(0));
    }
    let [_, (_, _, held_out), (_, loss, _)] = by_heart;
    result("batch_shuffled_held_out", format!("{:.2}", held_out.median));
    result("batch_zero_loss", format!("{:.3}", loss.median));
    for (scale, [sgd, adam]) in [("thousandth", moved[0]), ("thousand", moved[2])] {
        result(&format!("first_sgd_{scale}"), format!("{sgd:.1e}"));
        result(&format!("first_adam_{scale}"), format!("{adam:.1e}"));
    }
    for (t, ratio) in &without[..2] {
        result(&format!("uncorrected_{t}"), format!("{ratio:.2}"));
    }
    for (name, accuracy) in ["moons", "spirals"].iter().zip(&accuracies) {
        result(&format!("{name}_accuracy"), format!("{:.2}", accuracy.median));
        result(&format!("{name}_accuracy_spread"), accuracy.range(2));
    }
    for (name, ratio) in ["adam", "good", "slow", "fast"].iter().zip(ratios) {
        result(&format!("ratio_{name}"), format!("{ratio:.0e}"));
    }
    for (key, accuracy) in [
        ("sgd_0.01", &table[0][0]),
        ("sgd_0.03", &table[0][1]),
        ("sgd_1", &table[0][4]),
        ("adam_0.001", &table[1][0]),
        ("adam_0.03", &table[1][3]),
    ] {
        result(key, format!("{:.2}", accuracy.median));
    }
    result("steps", STEPS);
    Ok(())
}

/// Section 1. The loss before anything is learned: ln K, and what it is with a last layer that starts smaller or larger.
fn at_step_0(problems: &[[Problem; 3]; 2]) -> Result<[[Spread; 4]; 2]> {
    println!("1. the loss at step 0, median of three seeds (spread), with the last");
    println!("   layer as it is usually drawn, times 0.1, 1 and 10");
    let mut found = [[Spread::of([0.0; 3]); 4]; 2];
    for (runs, found) in problems.iter().zip(&mut found) {
        let all: Vec<usize> = (0..TRAIN).collect();
        let even = Spread::of([(runs[0].classes as f64).ln(); 3]);
        // The model's last layer is the one that is usual, × 0.1.
        let loss = |scale: f64| {
            Spread::of(runs.each_ref().map(|problem| {
                let mut model = problem.model.clone();
                model.w3 = &model.w3 * (10.0 * scale);
                model.b3 = &model.b3 * (10.0 * scale);
                loss_and_gradient(&mut Tape::new(), &model, &problem.data, &all).0
            }))
        };
        let [small, usual, loud] = [0.1, 1.0, 10.0].map(loss);
        println!("   {} (ln K = {:.3})", runs[0].name, even.median);
        for (scale, loss) in [("× 0.1", small), ("× 1", usual), ("× 10", loud)] {
            println!("      {scale:<8} {loss:.3}");
        }
        let off = (small.median / even.median - 1.0).abs();
        ensure!(off < 0.05, "the loss starts {:.0} % away from ln K", 100.0 * off);
        *found = [even, small, usual, loud];
    }
    Ok(found)
}

/// The mean loss of scores that are noise of standard deviation s, over many draws, each with every class as the right one:
/// the section's formula says about ln K + s²/2 (1 − 1/K).
fn loss_of_noise(classes: usize, s: f64, seed: u64) -> Result<f64> {
    let scores = normal::<f64>(&[20_000, classes], s, &mut ChaCha8Rng::seed_from_u64(seed));
    let loss = -Tape::new().constant(scores).log_softmax().mean().value().item();
    let k = classes as f64;
    let formula = k.ln() + s * s / 2.0 * (1.0 - 1.0 / k);
    ensure!((loss - formula).abs() < 0.005, "noise costs {loss:.4}, by the formula {formula:.4}");
    Ok(loss)
}

/// Steps taken, loss after them, and accuracy on held-out points.
type Memory = (Spread, Spread, Spread);

/// Section 2. Sixteen points learned by heart: with their classes, with classes of other points, and from weights that are
/// all 0.
fn by_heart(problems: &[Problem; 3]) -> Result<[Memory; 3]> {
    const MOST: usize = 2000;
    println!("\n2. one batch of 16 points, Adam, until its loss is below 0.01");
    println!("                  steps                 loss    held-out accuracy");
    let ids: Vec<usize> = (0..16).collect();
    // ANCHOR: by_heart
    let memorise = |data: &Data, model: &mut Model| -> Result<(usize, f64)> {
        let mut adam = Adam::new(0.01);
        let mut tape = Tape::new();
        for step in 0.. {
            let (loss, grads) = loss_and_gradient(&mut tape, model, data, &ids);
            if loss < 0.01 || step == MOST {
                return Ok((step, loss));
            }
            adam.step(model, &grads)?;
        }
        unreachable!("the loop ends at {MOST} steps")
    };
    // ANCHOR_END: by_heart
    let mut found = Vec::new();
    for what in ["true classes", "shuffled", "weights 0"] {
        let mut runs = [[0.0; 3]; 3];
        for (run, problem) in problems.iter().enumerate() {
            let (mut data, mut model) = (problem.data.clone(), problem.model.clone());
            match what {
                "shuffled" => data.classes.shuffle(&mut ChaCha8Rng::seed_from_u64(problem.seed)),
                "weights 0" => model = model.zeros_like(),
                _ => {}
            }
            let (steps, loss) = memorise(&data, &mut model)?;
            runs[0][run] = steps as f64;
            runs[1][run] = loss;
            runs[2][run] = accuracy(&model, &problem.held_out);
        }
        let [steps, loss, held_out] = runs.map(Spread::of);
        let range = format!("{steps:.0}");
        println!("   {what:<14} {range:<21} {:.3}   {held_out:.2}", loss.median);
        found.push((steps, loss, held_out));
    }
    let [real, shuffled, zero] = found[..] else { unreachable!("three cases") };
    ensure!(real.1.median < 0.01, "one batch is not learned by heart");
    Ok([real, shuffled, zero])
}

/// Section 3. The largest change of a weight in the first step, by SGD and by Adam, when the loss is scaled.
fn first_step(problems: &[Problem; 3]) -> Result<[[f64; 2]; 3]> {
    let problem = &problems[0];
    let all: Vec<usize> = (0..TRAIN).collect();
    let (_, unscaled) = loss_and_gradient(&mut Tape::new(), &problem.model, &problem.data, &all);
    println!("\n3. the largest change of a weight in the first step, rate 0.01");
    println!("   loss times       SGD      Adam");
    let mut found = [[0.0; 2]; 3];
    for (scale, found) in [0.001, 1.0, 1000.0].into_iter().zip(&mut found) {
        let grads = unscaled.map(|g| g * scale);
        let largest_change = |model: &Model| {
            let pairs = model.leaves().into_iter().zip(problem.model.leaves());
            let changes = pairs.flat_map(|(after, before)| (after - before).data().to_vec());
            changes.map(f64::abs).fold(0.0, f64::max)
        };
        let (mut by_sgd, mut by_adam) = (problem.model.clone(), problem.model.clone());
        Sgd::new(0.01, 0.0).step(&mut by_sgd, &grads)?;
        Adam::new(0.01).step(&mut by_adam, &grads)?;
        *found = [largest_change(&by_sgd), largest_change(&by_adam)];
        println!("   {scale:<10} {:>9.1e} {:>9.1e}", found[0], found[1]);
        ensure!(found[1] < 1.001 * 0.01, "Adam's first step is longer than its learning rate");
    }
    Ok(found)
}

/// Adam's step for a gradient that never changes, in learning rates, if its means are not corrected for having started
/// at 0; corrected, it is 1.
fn uncorrected() -> [(i32, f64); 4] {
    println!("\n   Adam without bias correction, gradient constant: step / rate");
    let (beta1, beta2) = (0.9_f64, 0.999_f64);
    [1, 10, 100, 1000].map(|t| {
        let (m, v) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t)); // for g = 1
        let ratio = m / v.sqrt();
        println!("   step {t:<5} {ratio:>6.2}");
        (t, ratio)
    })
}

/// Section 4. Both sets, by Adam: accuracy on points that were not seen.
fn both_sets(moons: &[Problem; 3], spirals: &[Problem; 3], figure: &Path) -> Result<[Spread; 2]> {
    println!("\n4. held-out accuracy after {STEPS} steps of Adam at {ADAM}");
    let mut models = Vec::new();
    let mut found = Vec::new();
    for runs in [moons, spirals] {
        let mut accuracies = [0.0; 3];
        for (problem, found) in runs.iter().zip(&mut accuracies) {
            let start = Instant::now();
            let (model, _) = problem.trained(Adam::new(ADAM))?;
            let seconds = start.elapsed().as_secs_f64();
            ensure!(seconds < 5.0, "a training run took {seconds:.1} s");
            *found = accuracy(&model, &problem.held_out);
            models.push(model);
        }
        let spread = Spread::of(accuracies);
        println!("   {:<8} {spread:.2}", runs[0].name);
        ensure!(spread.median >= 0.97, "{} are learned to {:.3} only", runs[0].name, spread.median);
        found.push(spread);
    }
    draw_regions([(&moons[0], &models[0]), (&spirals[0], &models[3])]).write(figure)?;
    Ok([found[0], found[1]])
}

/// Section 5. What to look at while a network learns: four runs, and three curves of those that settle. Returns for each run the median over its steps
/// of the update's length as a part of the weights'.
fn three_curves(problem: &Problem, folder: &Path) -> Result<[f64; 4]> {
    let runs = [
        (format!("Adam {ADAM}"), problem.trained(Adam::new(ADAM))?.1),
        (format!("SGD {SGD}"), problem.trained(Sgd::new(SGD, 0.0))?.1),
        ("SGD 0.01".to_owned(), problem.trained(Sgd::new(0.01, 0.0))?.1),
        ("SGD 3".to_owned(), problem.trained(Sgd::new(3.0, 0.0))?.1),
    ];
    let curves: [(&str, &str, &str, OfLog); 3] = [
        ("loss", "The loss of a batch", "nats", |log| &log.loss),
        ("gradient", "The length of the gradient", "‖g‖", |log| &log.gradient),
        ("ratio", "How far one step moves the weights", "‖Δw‖ / ‖w‖", |log| &log.ratio),
    ];
    for (file, title, unit, of) in curves {
        let mut chart = LineChart::new(title, "step", unit);
        chart.log_y = true;
        for (name, log) in &runs[..3] {
            chart.series.push(Series::new(name, epochs(of(log))));
        }
        if file == "ratio" {
            // What is often recommended.
            chart.baseline("a thousandth", 1e-3);
        }
        chart.write(&folder.join(format!("{file}.svg")))?;
    }
    println!("\n5. spirals, four runs            loss of an epoch       ‖Δw‖ / ‖w‖,");
    println!("                                1st     10th    last     median");
    Ok(runs.map(|(name, log)| {
        let losses = epochs(&log.loss);
        let [first, tenth, last] = [0, 9, EPOCHS - 1].map(|epoch| losses[epoch].1);
        let mut ratios = log.ratio;
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[ratios.len() / 2];
        let [first, tenth, last] = [first, tenth, last].map(|loss| match loss > 1.5 {
            true => "> 1.5".to_owned(), // jumps about, on another machine in another way
            false => format!("{loss:.2}"),
        });
        println!("   {name:<25} {first:>7} {tenth:>8} {last:>7} {ratio:>10.0e}");
        ratio
    }))
}

/// The mean of each epoch, at the number of its middle step.
fn epochs(log: &[f64]) -> Vec<(f64, f64)> {
    let length = log.len() / EPOCHS;
    let mean = |(epoch, part): (usize, &[f64])| {
        ((epoch as f64 + 0.5) * length as f64, part.iter().sum::<f64>() / length as f64)
    };
    log.chunks(length).enumerate().map(mean).collect()
}

/// An accuracy with its spread. A run that never settles ends anywhere, on another machine elsewhere: where three
/// seeds are far apart, no number is shown.
fn shown(accuracy: &Spread) -> String {
    if accuracy.high - accuracy.low > 0.1 {
        return "unsteady".to_owned();
    }
    format!("{accuracy:.2}")
}

const SGD_RATES: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
const ADAM_RATES: [f64; 6] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];

/// Section 6. The same run at six learning rates each.
fn learning_rates(problems: &[Problem; 3]) -> Result<[[Spread; 6]; 2]> {
    let bar = lessons::progress::bar(12);
    let mut found = [[Spread::of([0.0; 3]); 6]; 2];
    for rate in 0..6 {
        let (mut sgd, mut adam) = ([0.0; 3], [0.0; 3]);
        for (run, problem) in problems.iter().enumerate() {
            let (by_sgd, _) = problem.trained(Sgd::new(SGD_RATES[rate], 0.0))?;
            let (by_adam, _) = problem.trained(Adam::new(ADAM_RATES[rate]))?;
            sgd[run] = accuracy(&by_sgd, &problem.held_out);
            adam[run] = accuracy(&by_adam, &problem.held_out);
        }
        bar.inc(2);
        found[0][rate] = Spread::of(sgd);
        found[1][rate] = Spread::of(adam);
    }
    bar.finish_and_clear();
    println!("\n6. spirals, held-out accuracy by the learning rate (three seeds)");
    println!("   SGD                            Adam");
    for rate in 0..6 {
        let [sgd, adam] = [found[0][rate], found[1][rate]].map(|spread| shown(&spread));
        println!("   {:<6} {sgd:<23} {:<6} {adam}", SGD_RATES[rate], ADAM_RATES[rate]);
    }
    let enough = |found: &[Spread; 6]| found.iter().filter(|a| a.median >= 0.97).count();
    let [by_sgd, by_adam] = found.each_ref().map(enough);
    ensure!(by_adam > by_sgd, "Adam asks for its learning rate as exactly as SGD");
    Ok(found)
}

/// Held-out points, and which class the model sees where.
fn draw_regions(panels: [(&Problem, &Model); 2]) -> Drawing {
    const SIDE: f64 = 320.0;
    const CELLS: usize = 64;
    const REACH: f64 = 1.7; // the plane from −REACH to REACH
    let mut drawing = Drawing::new(680, 360);
    for (panel, (problem, model)) in panels.into_iter().enumerate() {
        let (left, top) = (10.0 + panel as f64 * (SIDE + 20.0), 32.0);
        let cell = SIDE / CELLS as f64;
        let place = |i: usize| -REACH + 2.0 * REACH * (i as f64 + 0.5) / CELLS as f64;
        for row in 0..CELLS {
            let line =
                Tensor::from_fn(
                    &[CELLS, 2],
                    |i| {
                        if i % 2 == 0 { place(i / 2) } else { -place(row) }
                    },
                );
            let seen = predict(model, &line).argmax(1);
            let mut start = 0;
            for run in seen.chunk_by(|a, b| a == b) {
                let corner = [left + start as f64 * cell, top + row as f64 * cell];
                drawing.rect(corner, [run.len() as f64 * cell, cell], SERIES[run[0]], 0.2);
                start += run.len();
            }
        }
        let points = problem.held_out.points.data().chunks_exact(2);
        for (point, &class) in points.zip(&problem.held_out.classes) {
            let [x, y] = [point[0], -point[1]].map(|x| (x + REACH) / (2.0 * REACH) * SIDE);
            drawing.circle([left + x, top + y], 2.2, SERIES[class]);
        }
        drawing.text([left, 16.0], Anchor::Start, 15, INK, problem.name);
    }
    drawing
}
