//! Lesson 04. How do I know a gradient is right without 2N evaluations?
//!                                                  cargo lesson 04_gradcheck_lab   (3 s)
//!
//! One random direction asks all parameters at once. Twelve wrong gradients are held against it, and a
//! thousand right ones; then the directions, the tolerance and the sample are chosen badly.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::draw::Draw;
use autograd::init::{normal, unit};
use autograd::transform::{jvp, value_and_grad};
use autograd::{Element, Params, Tape, Tensor, Var, params};
use clap::Parser;
use lessons::options::Options;
use lessons::plot::{LineChart, Series};
use lessons::progress::ProgressBar;
use lessons::report::{power_of_ten_above, result, run};
use lessons::seeds::Spread;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How do I know a gradient is right without 2N evaluations? Random directions against planted bugs
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

/// The step of a central difference.
const H: f64 = 1e-5;
/// What |⟨g, v⟩ − slope| may be, as a part of ‖g‖.
const ALLOWED: f64 = 1e-6;
/// How many directions are tried to measure how often one finds a bug.
const TRIALS: usize = 1000;
/// How many projections one check has at most.
const MOST: usize = 8;

// ANCHOR: model
/// A classifier that reads one symbol and scores the next. The embedding is used twice,
/// so it gets two contributions.
///
/// ```text
/// x = embedding[id],   h = tanh(W x + b),   scores = embedding · h + bias
/// ```
struct Model<L = ()> {
    embedding: L, // [V, D]
    w: L,         // [D, D]
    b: L,         // [D]
    bias: L,      // [V]
}
params!(Model { embedding: "embedding", w: "w", b: "b", bias: "bias" });

/// The mean cross-entropy over a batch, for any element type.
fn loss<'t, E: Element>(model: &Model<Var<'t, E>>, batch: &Batch) -> Var<'t, E> {
    let x = model.embedding.gather(0, &batch.ids); // [B, D]
    let h = (x.matmul(model.w.t()) + model.b).tanh(); // [B, D]
    let scores = h.matmul(model.embedding.t()) + model.bias; // [B, V]
    scores.cross_entropy(&batch.targets)
}
// ANCHOR_END: model

struct Batch {
    ids: Vec<usize>,
    targets: Vec<usize>,
}

type Weights = Model<Tensor<f64>>;

/// A point to check at: parameters and a batch.
struct Point {
    model: Weights,
    batch: Batch,
}

impl Point {
    fn draw(symbols: usize, width: usize, rows: usize, seed: u64) -> Self {
        let mut draw = Draw::new(seed, 0, 0);
        let mut ids = draw.ids(rows, symbols);
        ids[1] = ids[0]; // one symbol comes twice
        let batch = Batch { ids, targets: draw.ids(rows, symbols) };
        let deviation = 1.0 / (width as f64).sqrt();
        let shapes = Model {
            embedding: vec![symbols, width],
            w: vec![width, width],
            b: vec![width],
            bias: vec![symbols],
        };
        let model = shapes.map(|shape| normal(shape, deviation, draw.rng()));
        Self { model, batch }
    }

    /// L at the parameters moved by h along v: one evaluation.
    fn loss_at(&self, v: &Weights, h: f64) -> f64 {
        let tape = Tape::new();
        let mut steps = v.leaves().into_iter();
        let moved = self.model.map(|w| {
            let step = steps.next().expect("as many leaves");
            tape.constant(w + step * h)
        });
        loss(&moved, &self.batch).value().item()
    }

    // ANCHOR: slope
    /// The slope of L along v, from two evaluations, however many parameters there are.
    fn slope(&self, v: &Weights) -> f64 {
        (self.loss_at(v, H) - self.loss_at(v, -H)) / (2.0 * H)
    }

    /// How far a gradient is from it, as a part of the gradient's length.
    fn error(&self, g: &Weights, v: &Weights, slope: f64) -> f64 {
        (dot(g, v) - slope).abs() / norm(g)
    }
    // ANCHOR_END: slope
}

/// Σ a b over all parameters.
fn dot(a: &Weights, b: &Weights) -> f64 {
    a.leaves().iter().zip(b.leaves()).map(|(a, b)| (a * &b).sum().item()).sum()
}

fn norm(a: &Weights) -> f64 {
    dot(a, a).sqrt()
}

/// How v is drawn: each has ‖v‖² = N on average.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    /// √N along one parameter: a spot check.
    Entry,
    /// ±1 for each parameter.
    Signs,
    /// A normally distributed number for each parameter.
    Normal,
}

// ANCHOR: direction
fn direction(kind: Direction, model: &Weights, rng: &mut ChaCha8Rng) -> Weights {
    match kind {
        Direction::Entry => {
            let count = model.count();
            let mut left = (rng.next_u64() % count as u64) as usize;
            let mut v = model.zeros_like();
            v.for_each_mut(&mut |w| {
                if let Some(entry) = w.data_mut().get_mut(left) {
                    *entry = (count as f64).sqrt();
                }
                left = left.wrapping_sub(w.elements());
            });
            v
        }
        Direction::Signs => {
            let mut sign = |_| if unit(rng) < 0.5 { 1.0 } else { -1.0 };
            model.map(|w| Tensor::from_fn(w.shape(), &mut sign))
        }
        Direction::Normal => model.map(|w| normal(w.shape(), 1.0, rng)),
    }
}
// ANCHOR_END: direction

/// A mistake in the gradient that is written by hand below.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    SumForMean,
    LastRowForgotten,
    TanhOfTanh,
    SquareForgotten,
    ProductTransposed,
    WeightTransposed,
    MeanOfCopies,
    RepeatedIdReplaced,
    SecondUseForgotten,
    LastEntryForgotten,
    TwoEntriesSwapped,
    SmoothingLeftIn,
}

use Bug::*;

/// Every bug, and what it is.
const BUGS: [(Bug, &str); 12] = [
    (SumForMean, "loss is a mean, gradient of the sum"),
    (LastRowForgotten, "last row of the batch forgotten"),
    (TanhOfTanh, "1 − tanh²(h), h being a tanh already"),
    (SquareForgotten, "1 − h for 1 − h²"),
    (ProductTransposed, "dW transposed, W being square"),
    (WeightTransposed, "W for Wᵀ on the way back"),
    (MeanOfCopies, "db a mean over the batch, not a sum"),
    (RepeatedIdReplaced, "= for += where an id comes twice"),
    (SecondUseForgotten, "embedding as input forgotten"),
    (LastEntryForgotten, "loop over the biases one short"),
    (TwoEntriesSwapped, "two biases in the wrong order"),
    (SmoothingLeftIn, "label smoothing of 0.001 left in"),
];

// ANCHOR: by_hand
/// The gradient, written by hand; with a bug, if one is asked for.
fn gradient(point: &Point, bug: Option<Bug>) -> Weights {
    let Point { model, batch } = point;
    let has = |planted| bug == Some(planted);
    let rows = batch.ids.len();
    let symbols = model.bias.elements();

    let x = model.embedding.rows(&batch.ids); // [B, D]
    let h = (x.matmul(model.w.t()) + &model.b).tanh(); // [B, D]
    let scores = h.matmul(model.embedding.t()) + &model.bias; // [B, V]

    // d scores = (softmax − onehot) / B
    let exp = scores.exp();
    let sums = exp.sum_over(&[1]).reshape(&[rows, 1]);
    let mut wanted = Tensor::one_hot(&batch.targets, symbols);
    if has(SmoothingLeftIn) {
        wanted = wanted * 0.999 + Tensor::scalar(0.001 / symbols as f64);
    }
    let mut dscores = exp / sums - wanted;
    if !has(SumForMean) {
        dscores = dscores / rows as f64;
    }
    if has(LastRowForgotten) {
        dscores.data_mut()[(rows - 1) * symbols..].fill(0.0);
    }
    let mut dbias = dscores.sum_over(&[0]); // [V], one sum for all copies
    if has(LastEntryForgotten) {
        dbias.data_mut()[symbols - 1] = 0.0;
    }
    if has(TwoEntriesSwapped) {
        dbias.data_mut().swap(0, 1);
    }

    let dh = dscores.matmul(&model.embedding); // [B, D]
    let slope = match bug {
        Some(TanhOfTanh) => h.map(|h| 1.0 - h.tanh().powi(2)),
        Some(SquareForgotten) => h.map(|h| 1.0 - h),
        _ => h.map(|h| 1.0 - h * h),
    };
    let dz = dh * slope; // [B, D], z = W x + b
    let dw = if has(ProductTransposed) { x.t().matmul(&dz) } else { dz.t().matmul(&x) };
    let mut db = dz.sum_over(&[0]);
    if has(MeanOfCopies) {
        db = db / rows as f64;
    }

    let w = &model.w;
    let dx = if has(WeightTransposed) { dz.matmul(w.t()) } else { dz.matmul(w) };
    let mut dembedding = dscores.t().matmul(&h); // as output: [V, D]
    if has(RepeatedIdReplaced) {
        let mut last = Tensor::zeros(model.embedding.shape());
        let width = x.shape()[1];
        for (row, &id) in batch.ids.iter().enumerate() {
            let entry = &mut last.data_mut()[id * width..][..width];
            entry.copy_from_slice(dx.entry(row).data());
        }
        dembedding = dembedding + last;
    } else if !has(SecondUseForgotten) {
        dembedding.add_rows(&batch.ids, &dx); // as input
    }
    Model { embedding: dembedding, w: dw, b: db, bias: dbias }
}
// ANCHOR_END: by_hand

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let seeds = [0, 1, 2].map(|more| options.seed.wrapping_add(more));

    let slopes = one_direction(seeds)?;
    let bar = lessons::progress::bar(9);
    let found = seeds.map(|seed| hunt(&Point::draw(12, 8, 8, seed), seed, &bar));
    bar.finish_and_clear();
    let detected = report(&found, &folder.join("detection.svg"))?;
    let counted = tolerance(&found);
    let [twice, once] = sample(seeds)?;
    let alarms = alarms(seeds)?;
    let large = large(seeds)?;

    println!();
    result("parameters", slopes.parameters);
    result("evaluations", 2 * slopes.parameters);
    result("dual_error_below", power_of_ten_above(slopes.dual.high));
    result("difference_error_below", power_of_ten_above(slopes.differences.high));
    result("bugs", BUGS.len());
    result("detected", detected.median);
    result("detected_spread", detected.range(0));
    result("signs_swapped", format!("{:.3}", median_rate(&found, 1, 10, 1)));
    result("signs_circle_3", format!("{:.3}", signs_see_circle(options.seed, 3)));
    for (name, kind) in [("entry", 0), ("signs", 1), ("normal", 2)] {
        let rates = (0..BUGS.len()).map(|bug| median_rate(&found, kind, bug, MOST));
        result(&format!("{name}_hardest_{MOST}"), format!("{:.3}", rates.fold(1.0, f64::min)));
    }
    result("smoothing_size", format!("{:.1e}", smoothing_size(&found).median));
    let [_, (foretold, at_3), _, (_, at_6)] = counted;
    result("foretold_1e-3", format!("{foretold:.3}"));
    result("counted_1e-3", format!("{:.3}", at_3.median));
    result("counted_1e-3_spread", at_3.range(3));
    result("counted_1e-6", format!("{:.3}", at_6.median));
    result("found_if_twice", twice.median);
    result("found_if_once", once.median);
    result("runs", TRIALS);
    result("alarms_by_slope_1e-8", format!("{:.2}", alarms.by_slope.median));
    result("largest_by_length", format!("{:.0e}", alarms.largest.median));
    result("large_parameters", large.0);
    result("large_detected", large.1.median);
    Ok(())
}

/// How far ⟨g, v⟩ is from the slope found in two other ways, as a part of ‖g‖.
struct Slopes {
    parameters: usize,
    dual: Spread,
    differences: Spread,
}

/// Section 1. What one direction costs, and how exact it is.
fn one_direction(seeds: [u64; 3]) -> Result<Slopes> {
    let mut parameters = 0;
    let errors = seeds.map(|seed| {
        let point = Point::draw(12, 8, 8, seed);
        parameters = point.model.count();
        let g = gradient(&point, None);
        let (_, tape) = value_and_grad(
            |_, model: Model<Var<'_, f64>>| loss(&model, &point.batch),
            &point.model,
        );
        let v = direction(Direction::Normal, &point.model, &mut ChaCha8Rng::seed_from_u64(seed));
        // ANCHOR: three_slopes
        let by_gradient = dot(&g, &v);
        let by_differences = point.slope(&v); // two evaluations of the loss
        let (_, by_dual) = jvp(|_, model| loss(&model, &point.batch), &point.model, &v); // one
        // ANCHOR_END: three_slopes
        let size = norm(&g);
        let difference = |a: f64| (a - by_gradient).abs() / size;
        let of_tape = difference(dot(&tape, &v));
        (by_gradient, [of_tape, difference(by_dual.item()), difference(by_differences)])
    });
    let [tape, dual, differences] =
        [0, 1, 2].map(|way| Spread::of(errors.map(|(_, error)| error[way])));
    println!("1. {parameters} parameters; the slope along one random direction v");
    println!("   ⟨g, v⟩, the gradient by hand       {:.6}", errors[0].0);
    println!("   further from it, as a part of ‖g‖, for three seeds:");
    println!("   ⟨g, v⟩, the gradient by the tape   below {}", power_of_ten_above(tape.high));
    println!("   dual numbers, 1 evaluation         below {}", power_of_ten_above(dual.high));
    println!(
        "   differences, 2 evaluations         below {}",
        power_of_ten_above(differences.high)
    );
    println!("   every parameter alone takes {} evaluations", 2 * parameters);
    ensure!(dual.median < 1e-12, "dual numbers differ from the gradient by {:.1e}", dual.median);
    ensure!(differences.median < ALLOWED, "the right gradient does not pass");
    Ok(Slopes { parameters, dual, differences })
}

/// What the search for twelve bugs has found, at one point.
struct Found {
    /// For each bug: wrong entries, and ‖error‖ / ‖gradient‖.
    wrong: [(usize, f64); 12],
    /// For each kind of direction, each bug and each number of projections from 1 on: the share of checks that
    /// found it.
    rates: [[[f64; MOST]; 12]; 3],
    /// The errors along normal directions of the last bug.
    last: Vec<f64>,
}

const KINDS: [Direction; 3] = [Direction::Entry, Direction::Signs, Direction::Normal];

/// Every bug against many directions of each kind.
fn hunt(point: &Point, seed: u64, bar: &ProgressBar) -> Found {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let right = gradient(point, None);
    let grads = BUGS.map(|(bug, _)| gradient(point, Some(bug)));
    let wrong = grads.each_ref().map(|g| {
        let mut error = g.zeros_like();
        error.add_assign(g);
        error.add_assign(&right.map(|w| w * -1.0));
        let entries = error
            .leaves()
            .iter()
            .flat_map(|w| w.data().to_vec())
            .filter(|e| e.abs() > 1e-12 * norm(g))
            .count();
        (entries, norm(&error) / norm(g))
    });
    let mut last = Vec::new();
    let rates = KINDS.map(|kind| {
        let errors: Vec<[f64; 12]> = (0..TRIALS * MOST)
            .map(|_| {
                let v = direction(kind, &point.model, &mut rng);
                let slope = point.slope(&v);
                grads.each_ref().map(|g| point.error(g, &v, slope))
            })
            .collect();
        if kind == Direction::Normal {
            last = errors.iter().map(|errors| errors[11]).collect();
        }
        bar.inc(1);
        std::array::from_fn(|bug| {
            std::array::from_fn(|k| {
                let checks = errors.chunks_exact(k + 1).take(TRIALS);
                let found = checks.filter(|check| check.iter().any(|errors| errors[bug] > ALLOWED));
                found.count() as f64 / TRIALS as f64
            })
        })
    });
    Found { wrong, rates, last }
}

/// The share of checks with k directions of a kind that find a bug, the median of the seeds.
fn median_rate(found: &[Found; 3], kind: usize, bug: usize, k: usize) -> f64 {
    Spread::of(found.each_ref().map(|f| f.rates[kind][bug][k - 1])).median
}

/// Section 2. Twelve bugs, one projection each; and 3. more projections. Returns how many one normal direction finds.
fn report(found: &[Found; 3], figure: &Path) -> Result<Spread> {
    let rate = |kind, bug, k| median_rate(found, kind, bug, k);
    println!("\n2. how often one check finds a bug (median of three seeds)");
    println!("                                          wrong     one     ±1  normal");
    for (bug, (_, what)) in BUGS.iter().enumerate() {
        let entries = found[0].wrong[bug].0;
        let [entry, signs, normal] = [0, 1, 2].map(|kind| rate(kind, bug, 1));
        println!(
            "   {:2} {what:<38} {entries:>3} {entry:>7.3} {signs:>6.3} {normal:>6.3}",
            bug + 1
        );
    }
    let detected = [0, 1, 2]
        .map(|seed| (0..12).filter(|&bug| found[seed].rates[2][bug][0] > 0.99).count() as f64);
    let detected = Spread::of(detected);
    println!("   normal directions find {detected:.0} of 12");

    println!("\n3. the bug that is hardest to find, by the number of projections");
    println!("   projections       1     2     3     4     8");
    let hardest = |kind: usize, k: usize| (0..12).map(|bug| rate(kind, bug, k)).fold(1.0, f64::min);
    let mean = |kind: usize, k: usize| (0..12).map(|bug| rate(kind, bug, k)).sum::<f64>() / 12.0;
    let names = ["one parameter", "±1", "normal"];
    for (kind, name) in names.iter().enumerate() {
        let rates = [1, 2, 3, 4, 8].map(|k| format!("{:.3}", hardest(kind, k)));
        println!("   {name:<14} {}", rates.join(" "));
    }

    let mut chart = LineChart::new(
        "How often a check finds the bug",
        "directions in a check (two evaluations each)",
        "share of checks",
    );
    for (kind, name) in names.iter().enumerate() {
        let points =
            |f: &dyn Fn(usize, usize) -> f64| (1..=MOST).map(|k| (k as f64, f(kind, k))).collect();
        if kind < 2 {
            // All twelve are as the hardest along normal directions.
            chart.series.push(Series::new(&format!("{name}, mean"), points(&mean)));
        }
        chart.series.push(Series::new(&format!("{name}, hardest"), points(&hardest)));
    }
    chart.write(figure)?;
    ensure!(detected.median == 12.0, "only {} of 12 bugs are found", detected.median);
    Ok(detected)
}

/// The share of checks with so many directions of ±1 that see three biases' derivatives moved on by one place in a
/// circle. Each pattern of their three signs is tried; the signs of all others meet an error of 0.
fn signs_see_circle(seed: u64, directions: i32) -> f64 {
    let g = gradient(&Point::draw(12, 8, 8, seed), None);
    let [a, b, c] = [0, 1, 2].map(|i| g.bias.data()[i]);
    let error = [b - a, c - b, a - c];
    let missed = (0..8).filter(|pattern| {
        let signed = |i: usize| if pattern >> i & 1 == 1 { error[i] } else { -error[i] };
        let along: f64 = (0..3).map(signed).sum();
        along.abs() <= ALLOWED * norm(&g)
    });
    1.0 - (missed.count() as f64 / 8.0).powi(directions)
}

/// Tolerances to try.
const LOOSE: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-6];

/// ‖error‖ / ‖gradient‖ of the last bug.
fn smoothing_size(found: &[Found; 3]) -> Spread {
    Spread::of(found.each_ref().map(|f| f.wrong[11].1))
}

/// Section 4. What a loose tolerance lets through, foretold and counted.
fn tolerance(found: &[Found; 3]) -> [(f64, Spread); 4] {
    println!("\n4. bug 12 along one normal direction, by the tolerance");
    println!("   its error is {:.1e} of the gradient", smoothing_size(found).median);
    println!("   tolerance   foretold   counted (three seeds)");
    LOOSE.map(|allowed| {
        // ANCHOR: foretold
        let foretold = found.each_ref().map(|f| 1.0 - within(allowed / f.wrong[11].1));
        let counted = found.each_ref().map(|f| {
            f.last.iter().filter(|&&error| error > allowed).count() as f64 / f.last.len() as f64
        });
        // ANCHOR_END: foretold
        let (foretold, counted) = (Spread::of(foretold).median.max(0.0), Spread::of(counted));
        println!("   {allowed:<9.0e} {foretold:>10.3} {counted:>24.3}");
        (foretold, counted)
    })
}

/// The probability that a normally distributed number is between −t and t: 2 ∫ e^(−z²/2) / √(2π) from 0 to t, by
/// the midpoint rule.
fn within(t: f64) -> f64 {
    const STEPS: usize = 1000;
    let t = t.min(8.0);
    let dz = t / STEPS as f64;
    let heights = (0..STEPS).map(|i| (-((i as f64 + 0.5) * dz).powi(2) / 2.0).exp());
    2.0 * dz * heights.sum::<f64>() / std::f64::consts::TAU.sqrt()
}

/// Section 5. A check sees only what the sample does.
fn sample(seeds: [u64; 3]) -> Result<[Spread; 2]> {
    let count = |distinct: bool| {
        Spread::of(seeds.map(|seed| {
            let mut point = Point::draw(12, 8, 8, seed);
            if distinct {
                point.batch.ids = (0..8).collect();
            }
            let g = gradient(&point, Some(RepeatedIdReplaced));
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let found = (0..TRIALS).filter(|_| {
                let v = direction(Direction::Normal, &point.model, &mut rng);
                point.error(&g, &v, point.slope(&v)) > ALLOWED
            });
            found.count() as f64
        }))
    };
    let [twice, once] = [false, true].map(count);
    println!("\n5. bug 8, found in {TRIALS} checks");
    println!("   one id comes twice in the batch    {twice:.0}");
    println!("   eight different ids                {once:.0}");
    ensure!(once.high == 0.0, "the bug shows where no id comes twice");
    Ok([twice, once])
}

/// What a thousand right gradients look like to the check.
struct Alarms {
    /// The share that is refused at 1e-8 with an error as a part of ⟨g, v⟩.
    by_slope: Spread,
    /// The largest error as a part of ‖g‖.
    largest: Spread,
}

/// Section 6. A thousand right gradients, each at a point of its own.
fn alarms(seeds: [u64; 3]) -> Result<Alarms> {
    let runs = seeds.map(|seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let run = |run: u64| {
            let point = Point::draw(12, 8, 8, seed.wrapping_mul(1_000_000).wrapping_add(run));
            let g = gradient(&point, None);
            let v = direction(Direction::Normal, &point.model, &mut rng);
            let slope = point.slope(&v);
            let own = dot(&g, &v);
            let by_slope = (own - slope).abs() / own.abs().max(slope.abs());
            [point.error(&g, &v, slope), by_slope]
        };
        (0..TRIALS as u64).map(run).collect::<Vec<_>>()
    });
    let above = |scale: usize, allowed: f64| {
        let count = |run: &Vec<[f64; 2]>| {
            run.iter().filter(|e| e[scale] > allowed).count() as f64 / TRIALS as f64
        };
        Spread::of(runs.each_ref().map(count))
    };
    let [at_6, at_8] = [1e-6, 1e-8].map(|allowed| [above(0, allowed), above(1, allowed)]);
    let largest = runs.each_ref().map(|run| run.iter().map(|e| e[0]).fold(0.0, f64::max));
    let largest = Spread::of(largest);
    println!("\n6. share of {TRIALS} right gradients refused (three seeds)");
    println!("   tolerance   of ‖g‖               of ⟨g, v⟩");
    for (tolerance, [by_length, by_slope]) in [("1e-6", at_6), ("1e-8", at_8)] {
        println!("   {tolerance}        {by_length:.2}  {by_slope:.2}");
    }
    println!("   the largest error is {:.0e} of ‖g‖", largest.median);
    ensure!(at_6[0].median == 0.0, "a share of {} of right gradients was refused", at_6[0].median);
    Ok(Alarms { by_slope: at_8[1], largest })
}

/// Section 7. A model a hundred times as large, for the same two evaluations.
fn large(seeds: [u64; 3]) -> Result<(usize, Spread)> {
    let mut parameters = 0;
    let found = Spread::of(seeds.map(|seed| {
        let point = Point::draw(65, 128, 16, seed);
        parameters = point.model.count();
        let v = direction(Direction::Normal, &point.model, &mut ChaCha8Rng::seed_from_u64(seed));
        let slope = point.slope(&v);
        let caught = BUGS
            .iter()
            .filter(|(bug, _)| point.error(&gradient(&point, Some(*bug)), &v, slope) > ALLOWED);
        caught.count() as f64
    }));
    println!("\n7. {parameters} parameters, one direction: {found:.0} of 12");
    println!("   every parameter alone takes {} evaluations", 2 * parameters);
    ensure!(found.median == 12.0, "only {} of 12 bugs are found in the large model", found.median);
    Ok((parameters, found))
}
