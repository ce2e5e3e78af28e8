//! Lesson 08. Where does the gradient go in time?      cargo lesson 08_bptt_by_hand   (8 s)
//!
//! Backpropagation through time of a vanilla cell, written out, beside the tape and numeric
//! derivatives; what each step adds to the gradient, and what is lost without `dhnext`: little of the
//! direction, little of the loss, and all that had to be remembered.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::ops::CrossEntropy;
use autograd::optim::{Adam, Optimizer};
use autograd::{Params, Tape, Tensor, Var, clip::clip_grad_norm, draw::Draw, init, params};
use clap::Parser;
use lessons::options::Options;
use lessons::plot::{Bars, Graph, LineChart, Series};
use lessons::progress::{self, ProgressBar};
use lessons::report::{result, run};
use lessons::seeds::Spread;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rnn::cell::Step;
use rnn::data::tasks::agreement::{WORDS, agreement};
use rnn::{Cell, Gru, Linear, Lstm, Seq, Vanilla, unroll, unroll_on_tape};

const T: usize = 12; // steps
const B: usize = 2; // batch rows
const I: usize = 3; // inputs
const H: usize = 4; // units

// For the networks that are trained, on the corpus of chapter 6:
const UNITS: [usize; 2] = [32, 64];
const STEPS: usize = 1_000;
const RATE: f64 = 1e-2;
const TEXTS: usize = 32; // read side by side
const TEXT_STEPS: usize = 24; // words of each
const DEPTHS: usize = 4; // 0 to 3 distractors
const JUDGED: usize = 400; // sentences for each of them, and texts for the loss
const MEAN_OF: usize = 25; // steps that a point of the loss curve stands for

/// Backpropagation through time by hand, beside the tape and a numeric derivative
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

/// The weights of a vanilla cell, or their gradients: [H, I], [H, H], [H].
#[derive(Clone)]
struct Weights<L = Tensor<f64>> {
    w_ih: L,
    w_hh: L,
    b: L,
}
params!(Weights { w_ih: "w_ih", w_hh: "w_hh", b: "b" });

impl Weights {
    const NAMES: [&'static str; 3] = ["w_ih", "w_hh", "b"];

    fn all(&self) -> [&Tensor<f64>; 3] {
        [&self.w_ih, &self.w_hh, &self.b]
    }
}

/// A sequence, a cell, and a loss L = Σ_t ⟨d_loss_t, h_t⟩: every step has a say.
struct Problem {
    weights: Weights,
    xs: Vec<Tensor<f64>>,       // T of [B, I]
    d_losses: Vec<Tensor<f64>>, // T of [B, H]: ∂ℓ_t/∂h_t
}

impl Problem {
    fn draw(seed: u64, steps: usize) -> Self {
        let mut draw = Draw::new(seed, 0, 0);
        let mut weight = |shape: &[usize]| draw.tensor(shape, -0.4..0.4);
        let mut weights = Weights { w_ih: weight(&[H, I]), w_hh: weight(&[H, H]), b: weight(&[H]) };
        // Something on the diagonal, so that a unit tends to keep its state, as trained ones do.
        weights.w_hh.data_mut().iter_mut().step_by(H + 1).for_each(|w| *w += 0.5);
        let xs = (0..steps).map(|_| draw.tensor(&[B, I], -1.0..1.0)).collect();
        Self { weights, xs, d_losses: draw_losses(&mut draw, steps) }
    }

    fn loss(&self, weights: &Weights) -> f64 {
        let hs = forward(weights, &self.xs);
        hs[1..].iter().zip(&self.d_losses).map(|(h, d)| (h * d).sum().item()).sum()
    }
}

/// What each step's loss says of its state: each unit should be larger, or smaller, at all steps.
fn draw_losses(draw: &mut Draw, steps: usize) -> Vec<Tensor<f64>> {
    let wanted = draw.signed_tensor(&[B, H], 1.0..1.001);
    (0..steps).map(|_| &wanted * draw.tensor(&[B, H], 0.5..1.5)).collect()
}

// ANCHOR: forward
/// Every state, the first one (zeros) included:
/// h_t = tanh(x_t W_ihᵀ + h_{t−1} W_hhᵀ + b).
fn forward(weights: &Weights, xs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let Weights { w_ih, w_hh, b } = weights;
    let rows = xs.first().map_or(0, |x| x.shape()[0]);
    let mut hs = vec![Tensor::zeros(&[rows, b.elements()])];
    for (t, x) in xs.iter().enumerate() {
        let h = (x.matmul(w_ih.t()) + hs[t].matmul(w_hh.t()) + b).tanh(); // [B, H]
        hs.push(h);
    }
    hs // h_{t−1} is hs[t], and h_t is hs[t + 1]
}
// ANCHOR_END: forward

/// What is to be known of the way back.
struct Backward {
    grads: Weights,
    dhs: Vec<Tensor<f64>>,     // ∂L/∂h_t
    dhnexts: Vec<Tensor<f64>>, // the part of it that came from step t + 1
    dw_hhs: Vec<Tensor<f64>>,  // what step t added to the gradient of W_hh
}

// ANCHOR: backward
/// Backpropagation through time: from the last step to the first.
fn backward(
    weights: &Weights,
    xs: &[Tensor<f64>],
    hs: &[Tensor<f64>],
    d_losses: &[Tensor<f64>],
    carry: bool,
) -> Backward {
    let Weights { w_ih, w_hh, b } = weights;
    let zeros = |like: &Tensor<f64>| Tensor::zeros(like.shape());
    let [mut dw_ih, mut dw_hh, mut db] = [w_ih, w_hh, b].map(zeros);
    let [mut dhs, mut dhnexts, mut dw_hhs] = [const { Vec::new() }; 3];
    let mut dhnext = zeros(&hs[0]); // nothing comes from beyond the end
    for t in (0..xs.len()).rev() {
        let dh = &d_losses[t] + &dhnext; // two paths lead into h_t
        let da = &dh * (1.0 - &hs[t + 1] * &hs[t + 1]); // through tanh
        let share = da.t().matmul(&hs[t]);
        dw_ih = dw_ih + da.t().matmul(&xs[t]);
        dw_hh = dw_hh + &share;
        db = db + da.sum_over(&[0]);
        dhs.push(dh);
        dhnexts.push(dhnext);
        dw_hhs.push(share);
        dhnext = if carry { da.matmul(w_hh) } else { zeros(&da) };
    }
    for list in [&mut dhs, &mut dhnexts, &mut dw_hhs] {
        list.reverse();
    }
    let grads = Weights { w_ih: dw_ih, w_hh: dw_hh, b: db };
    Backward { grads, dhs, dhnexts, dw_hhs }
}
// ANCHOR_END: backward

// ANCHOR: tape
/// The same gradient with no loop of ours: the tape recorded the forward pass.
fn on_tape(problem: &Problem) -> Weights {
    let tape = Tape::new();
    let [w_ih, w_hh, b] = problem.weights.all().map(|w| tape.leaf(w.clone()));
    let mut h = tape.constant(Tensor::zeros(&[B, H]));
    let mut loss = tape.constant(Tensor::scalar(0.0));
    for (x, d) in problem.xs.iter().zip(&problem.d_losses) {
        h = (tape.constant(x.clone()).matmul(w_ih.t()) + h.matmul(w_hh.t()) + b).tanh();
        loss = loss + (h * tape.constant(d.clone())).sum();
    }
    let grads = tape.backward(loss);
    Weights { w_ih: grads.of(w_ih), w_hh: grads.of(w_hh), b: grads.of(b) }
}
// ANCHOR_END: tape

// ANCHOR: numeric
/// The same gradient by differences alone. With four points in place of two the error
/// falls with the fourth power of the step, so that a larger one will do.
fn numeric(problem: &Problem) -> Weights {
    const STEP: f64 = 2e-5;
    let slopes = |which: usize| {
        let moved = |i: usize, by: f64| {
            let mut weights = problem.weights.clone();
            let Weights { w_ih, w_hh, b } = &mut weights;
            [w_ih, w_hh, b][which].data_mut()[i] += by;
            problem.loss(&weights)
        };
        let rise = |i: usize, h: f64| moved(i, h) - moved(i, -h);
        let slope = |i| (8.0 * rise(i, STEP) - rise(i, 2.0 * STEP)) / (12.0 * STEP);
        Tensor::from_fn(problem.weights.all()[which].shape(), slope)
    };
    Weights { w_ih: slopes(0), w_hh: slopes(1), b: slopes(2) }
}
// ANCHOR_END: numeric

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let seeds = [0, 1, 2].map(|more| options.seed.wrapping_add(more));

    // 1. Forward, and keep every state.
    let problem = Problem::draw(options.seed, T);
    let Problem { weights, xs, d_losses } = &problem;
    let hs = forward(weights, xs);
    println!("1. {T} steps, {B} rows, {I} inputs, {H} units: {} states kept", hs.len());

    // 2. Backward by hand, beside the tape and central differences.
    let by_hand = backward(weights, xs, &hs, d_losses, true);
    let (by_tape, by_numbers) = (on_tape(&problem), numeric(&problem));
    println!("\n2. gradient in     by hand    by tape    numeric");
    for (i, name) in Weights::NAMES.iter().enumerate() {
        let [a, b, c] = [&by_hand.grads, &by_tape, &by_numbers].map(|w| w.all()[i].data()[0]);
        println!("   {:10} {a:12.6} {b:10.6} {c:10.6}", format!("{name}[0]"));
    }

    // 3. For every length from 1 to 50, over all entries and three seeds.
    let mut worst = [0.0_f64; 2];
    for (seed, steps) in seeds.iter().flat_map(|&seed| (1..=50).map(move |steps| (seed, steps))) {
        let problem = Problem::draw(seed, steps);
        let Problem { weights, xs, d_losses } = &problem;
        let by_hand = backward(weights, xs, &forward(weights, xs), d_losses, true);
        for (worst, other) in worst.iter_mut().zip([on_tape(&problem), numeric(&problem)]) {
            *worst = worst.max(largest_error(&by_hand.grads, &other));
        }
    }
    ensure!(worst[0] <= 1e-12, "by hand and by tape differ by {:.1e}", worst[0]);
    ensure!(worst[1] <= 1e-8, "by hand and numeric differ by {:.1e}", worst[1]);
    println!("\n3. for T = 1 to 50 and three seeds, all entries:");
    println!("   by hand and by tape differ by at most 1e-12,");
    println!("   by hand and numeric by at most 1e-8");

    // 4. Two paths into each state: the loss at its own step, and the step after it.
    println!("\n4. t   own loss   from t + 1    together");
    for (t, own) in d_losses.iter().enumerate() {
        let [own, next, both] = [own, &by_hand.dhnexts[t], &by_hand.dhs[t]].map(Tensor::norm);
        println!("   {t:2} {own:9.3} {next:12.3} {both:11.3}");
    }
    let path = folder.join("08_paths.svg");
    paths(options.seed)?.write(&path)?;
    println!("   one unit and four steps, in numbers, are in {}", path.display());

    // 5. What each step adds to the gradient of W_hh, and for the sake of which later loss.
    let shares = shares(&problem, &hs, &by_hand.grads.w_hh);
    let distances = [
        ("own loss", 0..1),
        ("1 later", 1..2),
        ("2 later", 2..3),
        ("3 to 5", 3..6),
        ("6 or more", 6..T),
    ];
    let title = "What each step adds to the gradient of W_hh";
    let mut bars = Bars::new(title, "step t", "share, for the sake of which loss");
    bars.labels = (0..T).map(|t| t.to_string()).collect();
    println!("\n5. share of the gradient of W_hh, by how much later the loss is");
    let mut total = 0.0;
    let mut own = 0.0;
    for (name, range) in distances {
        let at = |t: usize| range.clone().filter_map(|d| shares[t].get(t + d)).sum::<f64>();
        let sizes: Vec<f64> = (0..T).map(at).collect();
        let sum = sizes.iter().sum::<f64>();
        println!("   {name:10} {sum:6.3}");
        if range.start == 0 {
            own = sum;
        }
        total += sum;
        bars.part(name, &sizes);
    }
    println!("   {:10} {total:6.3}", "together");
    ensure!((total - 1.0).abs() < 1e-9, "the shares add up to {total}");
    let path = folder.join("08_shares.svg");
    bars.write(&path)?;
    println!("   step by step, they are in {}", path.display());

    // 6. Drop one line, dhnext. How far is what remains from the gradient?
    let cosines = seeds.map(|seed| {
        let Problem { weights, xs, d_losses } = &Problem::draw(seed, T);
        let hs = forward(weights, xs);
        let [true_one, dropped] =
            [true, false].map(|carry| backward(weights, xs, &hs, d_losses, carry).grads);
        cosine(&true_one.all(), &dropped.all())
    });
    println!("\n6. cosine between the gradient and what is left without dhnext");
    let rnn = print_cosines("by hand", cosines);
    // The loop is the same for every cell; what differs is one step back.
    let gru = print_cosines("gru", cosines_of::<Gru>(seeds)?);
    let lstm = print_cosines("lstm", cosines_of::<Lstm>(seeds)?);
    let vanilla = print_cosines("rnn", cosines_of::<Vanilla>(seeds)?);
    for (name, cosine) in [("by hand", rnn), ("rnn", vanilla), ("gru", gru), ("lstm", lstm)] {
        let apart = (0.0..0.99).contains(&cosine);
        options.claim(apart, format!("{name}: without dhnext the cosine is {cosine:.3}"))?;
    }

    // 7. Train with it and without it, all else equal. What does the loss say, and what do the verbs?
    let seeds_with = |&units: &usize| seeds.map(|seed| (units, seed));
    let pairs: Vec<_> = UNITS.iter().flat_map(seeds_with).collect();
    let bar = progress::bar((2 * pairs.len() * STEPS) as u64);
    let train = |&(units, seed): &_| -> Result<[Reader; 2]> {
        Ok([Reader::train(units, true, seed, &bar)?, Reader::train(units, false, seed, &bar)?])
    };
    let readers = pairs.par_iter().map(train).collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    let trained = UNITS.iter().zip(readers.chunks(seeds.len()));
    let trained: Vec<_> = trained.map(|(&units, readers)| Trained::of(units, readers)).collect();

    println!("\n7. trained, median of {} seeds: loss, and share of right verbs", seeds.len());
    println!("   units   dhnext     loss   with 0 distractors     1     2     3");
    for Trained { units, loss, right, .. } in &trained {
        for (i, dhnext) in ["kept", "dropped"].iter().enumerate() {
            let shares = right[i].map(|right| format!("{:.2}", right.median)).join("  ");
            println!("   {units:5}   {dhnext:7}   {:.3}                 {shares}", loss[i].median);
        }
    }
    println!("   with 1 to 3 distractors, dropped, the spread:");
    for Trained { units, ratio, later, .. } in &trained {
        println!("   {units} units: right {}, loss x {ratio}", later[1]);
        let (ratio, [kept, _]) = (ratio.median, later);
        ensure!(
            ratio <= 1.10,
            "{units} units: the loss without dhnext is {ratio:.3} times the other"
        );
        ensure!(kept.median >= 0.95, "{units} units: with dhnext only {kept} verbs are right");
    }
    let dropped = trained[0].later[1];
    let right = format!("without dhnext {dropped} verbs are right, more than by a guess");
    options.claim(dropped.median <= 0.6, right)?;
    let mut chart = LineChart::new("Two trainings, one of them wrong", "step", "loss");
    for (name, reader) in ["with dhnext", "without"].iter().zip(&readers[0]) {
        chart.series.push(Series::new(name, reader.curve()));
    }
    chart.write(&folder.join("08_loss.svg"))?;

    println!();
    result("steps", T);
    result("hand_minus_tape_below", "1e-12");
    result("hand_minus_numeric_below", "1e-8");
    result("share_own_loss", format!("{own:.2}"));
    result("share_later_losses", format!("{:.2}", 1.0 - own));
    result("cosine_without_dhnext", format!("{rnn:.2}"));
    result("gru_cosine_without_dhnext", format!("{gru:.2}"));
    result("lstm_cosine_without_dhnext", format!("{lstm:.2}"));
    for Trained { units, loss, ratio, later, .. } in &trained {
        result(&format!("loss_{units}"), format!("{:.3}", loss[0].median));
        result(&format!("loss_without_dhnext_{units}"), format!("{:.3}", loss[1].median));
        result(&format!("loss_ratio_{units}"), format!("{:.2}", ratio.median));
        result(&format!("right_{units}"), format!("{:.2}", later[0].median));
        result(&format!("right_without_dhnext_{units}"), format!("{:.2}", later[1].median));
        result(&format!("right_without_dhnext_{units}_spread"), later[1].range(2));
    }
    Ok(())
}

/// Prints the median and the spread over the seeds, and returns the median.
fn print_cosines(name: &str, mut cosines: [f64; 3]) -> f64 {
    cosines.sort_by(f64::total_cmp);
    let [low, median, high] = cosines;
    println!("   {name:8} {median:.2}   ({low:.2} to {high:.2})");
    median
}

/// For each step t and each loss s ≥ t: the part of the gradient of W_hh that step t adds for the sake
/// of loss s, as ⟨part, gradient⟩ / ‖gradient‖², so that all of them add up to 1.
fn shares(problem: &Problem, hs: &[Tensor<f64>], dw_hh: &Tensor<f64>) -> Vec<Vec<f64>> {
    let Problem { weights, xs, d_losses } = problem;
    let mut shares = vec![Vec::new(); T];
    for s in 0..T {
        // The gradient is linear in the losses: keep one of them and set the others to 0.
        let one =
            d_losses.iter().enumerate().map(|(t, d)| if t == s { d.clone() } else { d * 0.0 });
        let steps = backward(weights, xs, hs, &one.collect::<Vec<_>>(), true).dw_hhs;
        for (shares, part) in shares.iter_mut().zip(&steps) {
            shares.push((part * dw_hh).sum().item() / (dw_hh * dw_hh).sum().item());
        }
    }
    shares
}

/// A cell with one unit over four steps, and along which paths the gradient reaches each state.
fn paths(seed: u64) -> Result<Graph> {
    let mut draw = Draw::new(seed, 0, 0);
    let number = |x: f64| Tensor::new(&[1, 1], vec![x]);
    let weights = Weights { w_ih: number(0.8), w_hh: number(0.9), b: Tensor::new(&[1], vec![0.1]) };
    let mut numbers = || (0..4).map(|_| number(draw.number(-1.0..1.0))).collect::<Vec<_>>();
    let (xs, d_losses) = (numbers(), vec![number(1.0); 4]);
    let hs = forward(&weights, &xs);
    let back = backward(&weights, &xs, &hs, &d_losses, true);

    let mut graph = Graph::new("Two paths into each state");
    graph.gap = 60;
    for t in 0..4 {
        let column = t as f64;
        let [h, dh] = [&hs[t + 1], &back.dhs[t]].map(|x| x.item());
        let state = graph
            .node((column, 1.0), &[&format!("h_{t} = {h:.2}"), &format!("∂L/∂h_{t} = {dh:.2}")]);
        let loss = graph.node((column, 0.0), &[&format!("loss ℓ_{t}")]);
        graph.arrow(loss, state, &format!("{:.2}", d_losses[t].item()));
    }
    for t in (0..3).rev() {
        graph.arrow(2 * (t + 1), 2 * t, &format!("{:.2}", back.dhnexts[t].item()));
    }
    for (arrow, colour) in graph.arrows.iter_mut().zip([0, 0, 0, 0, 1, 1, 1]) {
        arrow.colour = lessons::plot::SERIES[colour];
    }
    Ok(graph)
}

// ANCHOR: any_cell
/// The loop of [`backward`], for any cell that can take one step back.
fn backward_of<C: Cell>(
    params: &C::Of<Tensor<f64>>,
    xs: &Seq<Tensor<f64>>,
    d_losses: &Tensor<f64>,
    carry: bool,
) -> C::Of<Tensor<f64>> {
    let zero = C::zero_state(params, B);
    let trace = unroll::<C, f64>(params, xs, &zero);
    let mut grads = params.zeros_like();
    let mut d_state = zero.map(Tensor::clone); // dhnext, and for an LSTM dcnext
    for t in (0..xs.seq_len()).rev() {
        let dh = C::output_mut(&mut d_state);
        *dh = &*dh + d_losses.entry(t);
        let step = Step { state: &trace.states[t], saved: &trace.saved[t] };
        let (da, d_previous) = C::backward(params, step, &d_state, &mut grads);
        C::input_backward(params, &trace.xs.step(t), &da, &mut grads);
        d_state = if carry { d_previous } else { zero.map(Tensor::clone) };
    }
    grads
}
// ANCHOR_END: any_cell

/// How much of the direction is left without dhnext; with it, the tape has to agree.
fn cosines_of<C: Cell>(seeds: [u64; 3]) -> Result<[f64; 3]> {
    let mut cosines = [0.0; 3];
    for (cosine_of, seed) in cosines.iter_mut().zip(seeds) {
        let params = C::init::<f64>(I, H, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut draw = Draw::new(seed, 0, 0);
        let xs = Seq::time_major(draw.tensor(&[T, B, I], -1.0..1.0));
        let d_losses = Tensor::stack(&draw_losses(&mut draw, T));

        let tape = Tape::new();
        let vars = params.map(|w| tape.leaf(w.clone()));
        let zero = C::zero_state(&params, B).map(|z| tape.constant(z.clone()));
        let steps: Vec<_> = (0..T).map(|t| tape.constant(xs.step(t))).collect();
        let (hs, _) = unroll_on_tape::<C, f64>(&vars, &steps, &zero);
        let grads = tape.backward((Var::stack(&hs) * tape.constant(d_losses.clone())).sum());
        let by_tape = vars.map(|&w| grads.of(w)).leaves();

        let [by_hand, dropped] =
            [true, false].map(|carry| backward_of::<C>(&params, &xs, &d_losses, carry).leaves());
        let error = by_hand.iter().zip(&by_tape).map(|(a, b)| error(a, b)).fold(0.0, f64::max);
        ensure!(error <= 1e-12, "{}: by hand and by tape differ by {error:.1e}", C::NAME);
        let [by_hand, dropped] = [&by_hand, &dropped].map(|list| list.iter().collect::<Vec<_>>());
        *cosine_of = cosine(&by_hand, &dropped);
    }
    Ok(cosines)
}

/// The largest |a − b| / max(1, |a|, |b|) over all entries.
fn largest_error(a: &Weights, b: &Weights) -> f64 {
    a.all().iter().zip(b.all()).map(|(a, b)| error(a, b)).fold(0.0, f64::max)
}

fn error(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    let errors = a.zip(b, |a, b| (a - b).abs() / 1f64.max(a.abs()).max(b.abs()));
    errors.data().iter().copied().fold(0.0, f64::max)
}

/// ⟨a, b⟩ / (‖a‖ ‖b‖), all tensors as one vector.
fn cosine(a: &[&Tensor<f64>], b: &[&Tensor<f64>]) -> f64 {
    let dot = |a: &[&Tensor<f64>], b: &[&Tensor<f64>]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| (a * b).sum().item()).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A vanilla cell that reads words, and a linear layer that scores the next one.
struct Reader {
    cell: Weights,
    head: Linear<Tensor<f64>>,
    losses: Vec<f64>, // at each step of the training
    loss: f64,        // on texts it was not trained on
    right: [f64; DEPTHS],
}

impl Reader {
    // ANCHOR: train
    /// Trained by the loop above, with `dhnext` or without it.
    fn train(units: usize, carry: bool, seed: u64, bar: &ProgressBar) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut reader = Self::init(units, &mut rng);
        let mut adams = [Adam::new(RATE), Adam::new(RATE)];
        for step in 0..STEPS {
            let (xs, targets) = texts(TEXTS, &mut rng);
            let hs = forward(&reader.cell, &xs);
            let outputs = Tensor::stack(&hs[1..]).reshape(&[TEXT_STEPS * TEXTS, units]);
            let scores = reader.head.forward(&outputs);
            let (loss, d_scores) = CrossEntropy::new(&targets).loss_and_grad(scores)?;

            let (d_head, d_outputs) = reader.head.backward(&outputs, &d_scores);
            let d_outputs = d_outputs.reshape(&[TEXT_STEPS, TEXTS, units]);
            let d_losses: Vec<_> = (0..TEXT_STEPS).map(|t| d_outputs.entry(t)).collect();
            let mut d_cell = backward(&reader.cell, &xs, &hs, &d_losses, carry).grads;
            clip_grad_norm(&mut d_cell, 1.0)?;

            for adam in &mut adams {
                *adam.lr() = RATE * (1.0 - step as f64 / STEPS as f64);
            }
            adams[0].step(&mut reader.cell, &d_cell)?;
            adams[1].step(&mut reader.head, &d_head)?;
            reader.losses.push(loss);
            bar.inc(1);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1_000));
        (reader.loss, reader.right) = reader.judge(&mut rng)?;
        Ok(reader)
    }
    // ANCHOR_END: train

    fn init(units: usize, rng: &mut ChaCha8Rng) -> Self {
        let bound = 1.0 / (units as f64).sqrt();
        let mut uniform = |shape: &[usize]| init::uniform(shape, bound, rng);
        let [w_ih, w_hh, b] =
            [&[units, WORDS.len()][..], &[units, units], &[units]].map(&mut uniform);
        let head = Linear::init(units, WORDS.len(), rng);
        let cell = Weights { w_ih, w_hh, b };
        Self { cell, head, losses: Vec::new(), loss: 0.0, right: [0.0; DEPTHS] }
    }

    /// The loss on new texts, and for each number of distractors the share of new sentences whose right verb is
    /// preferred to the wrong one.
    fn judge(&self, rng: &mut ChaCha8Rng) -> Result<(f64, [f64; DEPTHS])> {
        let (xs, targets) = texts(JUDGED, rng);
        let scores = Tensor::stack(&self.scores(&xs)).reshape(&[targets.len(), WORDS.len()]);
        let (loss, _) = CrossEntropy::new(&targets).loss_and_grad(scores)?;

        let right = std::array::from_fn(|depth| {
            let sentences: Vec<_> = (0..JUDGED).map(|_| agreement(depth, rng)).collect();
            let columns: Vec<_> = sentences.iter().map(|sentence| &sentence.ids[..]).collect();
            let steps = columns.iter().map(|ids| ids.len()).max().unwrap_or(0);
            let scores = self.scores(&one_hots(&columns, steps));
            let right = sentences.iter().enumerate().filter(|(row, sentence)| {
                let scores = &scores[sentence.verb - 1].data()[row * WORDS.len()..];
                scores[sentence.ids[sentence.verb]] > scores[sentence.wrong_verb()]
            });
            right.count() as f64 / JUDGED as f64
        });
        Ok((loss, right))
    }

    /// For each step the scores of what comes next, [B, V].
    fn scores(&self, xs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        forward(&self.cell, xs)[1..].iter().map(|h| self.head.forward(h)).collect()
    }

    /// The mean loss of every [`MEAN_OF`] steps.
    fn curve(&self) -> Vec<(f64, f64)> {
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let middle = |i: usize| (i as f64 + 0.5) * MEAN_OF as f64;
        self.losses.chunks(MEAN_OF).map(mean).enumerate().map(|(i, y)| (middle(i), y)).collect()
    }
}

/// Sentences end to end with 0 to 3 distractors each, and after each word the one that follows it. Every text begins
/// with a sentence: T of [B, V], and T·B.
fn texts(count: usize, rng: &mut ChaCha8Rng) -> (Vec<Tensor<f64>>, Vec<usize>) {
    let mut text = || {
        let mut ids = Vec::new();
        while ids.len() <= TEXT_STEPS {
            ids.extend(agreement(rng.random_range(0..DEPTHS), rng).ids);
        }
        ids
    };
    let columns: Vec<Vec<usize>> = (0..count).map(|_| text()).collect();
    let targets = (1..=TEXT_STEPS).flat_map(|t| columns.iter().map(move |ids| ids[t]));
    (one_hots(&columns, TEXT_STEPS), targets.collect())
}

/// Word t of each column, for each of so many steps; full stops after its end.
fn one_hots(columns: &[impl AsRef<[usize]>], steps: usize) -> Vec<Tensor<f64>> {
    let word = |ids: &[usize], t: usize| ids.get(t).copied().unwrap_or(0);
    let words = |t| columns.iter().map(|ids| word(ids.as_ref(), t)).collect::<Vec<_>>();
    (0..steps).map(|t| Tensor::one_hot(&words(t), WORDS.len())).collect()
}

/// What came of three pairs of readers, in pairs: `dhnext` kept, and dropped.
struct Trained {
    units: usize,
    loss: [Spread; 2],
    ratio: Spread,                // of the losses, dropped over kept
    right: [[Spread; DEPTHS]; 2], // verbs, for each number of distractors
    later: [Spread; 2],           // their mean from one distractor on
}

impl Trained {
    fn of(units: usize, readers: &[[Reader; 2]]) -> Self {
        let spread = |of: &dyn Fn(&[Reader; 2]) -> f64| {
            Spread::of(readers.iter().map(of).collect::<Vec<_>>())
        };
        let later = |right: &[f64; DEPTHS]| right[1..].iter().sum::<f64>() / (DEPTHS - 1) as f64;
        Self {
            units,
            loss: [0, 1].map(|i| spread(&|pair| pair[i].loss)),
            ratio: spread(&|[kept, dropped]| dropped.loss / kept.loss),
            right: [0, 1]
                .map(|i| std::array::from_fn(|depth| spread(&|pair| pair[i].right[depth]))),
            later: [0, 1].map(|i| spread(&|pair| later(&pair[i].right))),
        }
    }
}
