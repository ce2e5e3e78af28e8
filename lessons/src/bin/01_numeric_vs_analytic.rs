//! Lesson 01. How wrong is a numeric derivative?      cargo lesson 01_numeric_vs_analytic   (1 s)
//!
//! The gradient of one loss by differences, with steps from 0.3 to 1e-12, in two types of float and in
//! two ways, each time compared with the exact one.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::draw::Draw;
use autograd::{Element, Tape, Tensor};
use clap::Parser;
use lessons::options::Options;
use lessons::plot::{LineChart, Series};
use lessons::report::{result, run};

const T: usize = 10; // steps
const I: usize = 4; // inputs
const H: usize = 8; // units
const N: usize = weights_of(I, H);

/// How many weights a network with so many inputs and units has: W_ih, W_hh, b.
const fn weights_of(inputs: usize, units: usize) -> usize {
    units * inputs + units * units + units
}

/// How wrong is a numeric derivative? One gradient with steps from 0.3 to 1e-12
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

/// One problem: weights, a sequence to read, and what the states should have been.
struct Problem {
    weights: Vec<f64>, // W_ih [H, I], W_hh [H, H], b [H], one after the other
    xs: Vec<f64>,      // [T, I]
    targets: Vec<f64>, // [T, H]
}

impl Problem {
    fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed, 0, 0);
        let mut numbers = |count| draw.tensor(&[count], -1.0..1.0).data().to_vec();
        let weights = numbers(N).into_iter().map(|w| 0.5 * w).collect();
        Self { weights, xs: numbers(T * I), targets: numbers(T * H) }
    }
}

// ANCHOR: loss
/// L = Σ_t ½ |h_t − y_t|², with h_t = tanh(W_ih x_t + W_hh h_{t−1} + b) and h_{−1} = 0.
fn loss<E: Element>(weights: &[E], problem: &Problem, tanh: fn(E) -> E) -> E {
    let (w_ih, rest) = weights.split_at(H * I);
    let (w_hh, b) = rest.split_at(H * H);
    let mut h = vec![E::ZERO; H];
    let mut loss = E::ZERO;
    for (x, y) in problem.xs.chunks(I).zip(problem.targets.chunks(H)) {
        let mut h_next = b.to_vec();
        for (i, sum) in h_next.iter_mut().enumerate() {
            for (j, &x) in x.iter().enumerate() {
                *sum += w_ih[i * I + j] * E::from_f64(x);
            }
            for (j, &h) in h.iter().enumerate() {
                *sum += w_hh[i * H + j] * h;
            }
            *sum = tanh(*sum);
        }
        h = h_next;
        for (&h, &y) in h.iter().zip(y) {
            let error = h - E::from_f64(y);
            loss += E::from_f64(0.5) * error * error;
        }
    }
    loss
}
// ANCHOR_END: loss

// ANCHOR: numeric
/// The gradient by moving one weight at a time: N + 1 runs of the loss, or 2N.
fn numeric<E>(problem: &Problem, tanh: fn(E) -> E, way: Way, h: f64) -> Vec<f64>
where
    E: Element,
{
    let weights: Vec<E> = problem.weights.iter().map(|&w| E::from_f64(w)).collect();
    let moved = |i: usize, by: f64| {
        let mut weights = weights.clone();
        weights[i] += E::from_f64(by);
        loss(&weights, problem, tanh)
    };
    let here = loss(&weights, problem, tanh);
    let slope = |i: usize| match way {
        Way::Forward => (moved(i, h) - here) / E::from_f64(h),
        Way::Central => (moved(i, h) - moved(i, -h)) / E::from_f64(2.0 * h),
    };
    (0..N).map(|i| slope(i).value()).collect()
}
// ANCHOR_END: numeric

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Forward,
    Central,
}

// ANCHOR: analytic
/// The gradient by the tape: one run forward, one backward, for all N weights.
fn analytic(problem: &Problem) -> Vec<f64> {
    let (w_ih, rest) = problem.weights.split_at(H * I);
    let (w_hh, b) = rest.split_at(H * H);
    let tape = Tape::new();
    let leaf = |shape: &[usize], w: &[f64]| tape.leaf(Tensor::new(shape, w.to_vec()));
    let row = |x: &[f64]| tape.constant(Tensor::new(&[1, x.len()], x.to_vec()));
    let (w_ih, w_hh, b) = (leaf(&[H, I], w_ih), leaf(&[H, H], w_hh), leaf(&[H], b));

    let mut h = row(&[0.0; H]);
    let mut loss = tape.constant(Tensor::scalar(0.0));
    for (x, y) in problem.xs.chunks(I).zip(problem.targets.chunks(H)) {
        h = (row(x).matmul(w_ih.t()) + h.matmul(w_hh.t()) + b).tanh();
        let error = h - row(y);
        loss = loss + 0.5 * (error * error).sum();
    }
    let grads = tape.backward(loss);
    [w_ih, w_hh, b].iter().flat_map(|&w| grads.of(w).data().to_vec()).collect()
}
// ANCHOR_END: analytic

/// ‖a − b‖ / ‖b‖.
fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    (square(&difference) / square(b)).sqrt()
}

/// The four curves.
const CURVES: [&str; 4] = ["f32 forward", "f32 central", "f64 forward", "f64 central"];

/// For each curve and each step, the errors of three problems, from the smallest to the largest.
fn errors(seed: u64, steps: &[f64]) -> [Vec<[f64; 3]>; 4] {
    let problems = [0, 1, 2].map(|more| Problem::draw(seed.wrapping_add(more)));
    let exact = problems.each_ref().map(analytic);
    let sorted = |curve: usize, h: f64| {
        let mut errors = [0, 1, 2].map(|k| {
            let way = if curve.is_multiple_of(2) { Way::Forward } else { Way::Central };
            // libm's tanh, and not the system's: the same on every machine, rounding included.
            let found = match curve {
                0 | 1 => numeric::<f32>(&problems[k], libm::tanhf, way, h),
                _ => numeric::<f64>(&problems[k], libm::tanh, way, h),
            };
            relative_error(&found, &exact[k])
        });
        errors.sort_by(f64::total_cmp);
        errors
    };
    [0, 1, 2, 3].map(|curve| steps.iter().map(|&h| sorted(curve, h)).collect())
}

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;

    let places = |x: f64| if x < 0.1 { format!("{x:.1e}") } else { format!("{x:.1}") };

    // 1. A loss with many weights, each of which acts on it through ten steps of a tanh network.
    let problem = Problem::draw(options.seed);
    let size = loss(&problem.weights, &problem, libm::tanh);
    println!("1. {N} weights, {T} steps of a tanh network with {H} units, loss {size:.1}");

    // 2. Its gradient by differences, with 24 steps: h = 10^(−1/2), 10^(−1), ..., 10^(−12).
    let steps: Vec<f64> = (1..=24).map(|i| 10f64.powf(-f64::from(i) / 2.0)).collect();
    let errors = errors(options.seed, &steps);
    println!("\n2. relative error of the gradient, median of three seeds");
    println!("   h      {}", CURVES.map(|name| format!("{name:>12}")).join(""));
    for i in (1..steps.len()).step_by(2) {
        let row = errors.each_ref().map(|curve| format!("{:>12}", places(curve[i][1])));
        println!("   1e-{:<3} {}", i.div_ceil(2), row.join(""));
    }

    // 3. Where is each of them best?
    println!("\n3. the best step of each, with the range over the seeds");
    let mut best = Vec::new();
    for (name, curve) in CURVES.iter().zip(&errors) {
        let at = (0..steps.len()).min_by(|&i, &j| curve[i][1].total_cmp(&curve[j][1]));
        let at = at.unwrap_or_default();
        let [low, median, high] = curve[at];
        println!("   {name}   h = {:.1e}   {median:.1e}   ({low:.1e} to {high:.1e})", steps[at]);
        best.push((steps[at], median));
    }

    // 4. On the right of its valley the formula is to blame: the error falls with h, or with h².
    // Between 1e-1.5 and 1e-2.5 for f64, by how many powers of ten?
    let [one, two] = [2, 3].map(|curve: usize| errors[curve][2][1] / errors[curve][4][1]);
    println!("\n4. a step ten times smaller, from 0.03 to 0.003, in f64:");
    println!("   forward error {one:.1} times smaller, central {two:.0} times");

    // 5. On the left, rounding is: what is left of a digit is divided by h.
    let at = |power: usize| 2 * power - 1;
    let rounding = [1, 3].map(|curve: usize| errors[curve][at(if curve == 1 { 6 } else { 10 })][1]);
    println!("\n5. central, with a step that is too small:");
    let [small_f32, small_f64] = rounding.map(places);
    println!("   f32 at h = 1e-6   {small_f32}\n   f64 at h = 1e-10  {small_f64}");

    // 6. The picture: four valleys.
    let mut chart = LineChart::new("The error of a numeric gradient", "step h", "relative error");
    (chart.log_x, chart.log_y) = (true, true);
    for (name, curve) in CURVES.iter().zip(&errors) {
        // From the smallest step to the largest, so that each name stands at the right.
        let points = steps.iter().zip(curve).map(|(&h, errors)| (h, errors[1])).rev().collect();
        chart.series.push(Series::new(name, points));
    }
    let path = folder.join("01_error.svg");
    chart.write(&path)?;
    println!("\n6. the four curves are in {}", path.display());

    ensure!(best[3].1 < 1e-9, "f64 central is at best wrong by {:.1e}", best[3].1);
    ensure!(rounding[0] > 1e-2, "f32 central at 1e-6 is wrong by {:.1e} only", rounding[0]);
    ensure!((9.0..11.0).contains(&one), "ten times the step is {one:.1} times the error, forward");
    ensure!(
        (90.0..110.0).contains(&two),
        "ten times the step is {two:.1} times the error, central"
    );

    println!();
    result("weights", N);
    result("loss", format!("{size:.0}"));
    result("runs_central", 2 * N);
    result("runs_forward_100_50", weights_of(100, 50) + 1);
    for (name, (h, error)) in CURVES.iter().zip(&best) {
        let name = name.replace(' ', "_");
        result(&format!("{name}_best"), places(*error));
        result(&format!("{name}_best_h"), places(*h));
    }
    result("forward_ratio", format!("{one:.1}"));
    result("central_ratio", format!("{two:.0}"));
    result("f32_central_at_1e-6", small_f32);
    result("f64_central_at_1e-10", small_f64);
    Ok(())
}
