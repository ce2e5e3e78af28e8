//! Lesson 08. Where does the gradient go in time?      cargo lesson 08_bptt_by_hand   (1 s)
//!
//! One cell of each kind is unrolled over a short sequence, and the gradient of its weights is
//! computed three times: by hand, by the tape, and numerically. Then one term is dropped.

use std::process::ExitCode;

use anyhow::Result;
use autograd::{Complex, Params, Tape, Tensor, Var, draw::Draw};
use clap::Parser;
use lessons::report::{result, run};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::cell::Step;
use rnn::{Cell, Gru, Lstm, Seq, Trace, Vanilla, unroll, unroll_on_tape};

const T: usize = 12; // steps
const B: usize = 2; // batch rows
const I: usize = 3; // inputs
const H: usize = 4; // units

/// Backpropagation through time by hand, beside the tape and a numeric derivative.
#[derive(Parser)]
struct Args {
    /// Seed of everything random; the same seed prints the same numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Drop what step t + 1 says of h_t, and show what is left of the gradient
    #[arg(long)]
    drop_dhnext: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| {
        lesson::<Vanilla>(&args)?;
        lesson::<Gru>(&args)?;
        lesson::<Lstm>(&args)
    })
}

/// A sequence, a cell, and a loss L = Σ_t ⟨weights_t, h_t⟩: every step has a say.
struct Problem<C: Cell> {
    params: C::Of<Tensor<f64>>,
    xs: Seq<Tensor<f64>>,
    weights: Tensor<f64>,
}

fn lesson<C: Cell>(args: &Args) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut draw = Draw::new(args.seed, 0, 0);
    let problem = Problem::<C> {
        params: C::init(I, H, &mut rng),
        xs: Seq::time_major(draw.tensor(&[T, B, I], -1.0..1.0)),
        weights: draw.signed_tensor(&[T, B, H], 0.5..1.5),
    };

    // 1. Forward: remember every state and gate.
    let zero = C::zero_state(&problem.params, B);
    let trace = unroll::<C, f64>(&problem.params, &problem.xs, &zero);

    // 2. Backward by hand, by the tape, and by complex step.
    let (by_hand, norms) = backward(&problem, &trace, false);
    let by_tape = on_tape(&problem);
    let numeric = by_complex_step(&problem);

    println!("{}: {T} steps, {B} rows, {I} inputs, {H} units", C::NAME);
    println!("  gradient in            by hand        by tape        numeric");
    let names = by_hand.names();
    let (hand, tape, numeric) = (by_hand.leaves(), by_tape.leaves(), numeric.leaves());
    let mut worst = [0.0_f64; 2];
    for (i, name) in names.iter().enumerate() {
        let [a, b, c] = [&hand[i], &tape[i], &numeric[i]];
        let first = |x: &Tensor<f64>| x.data()[0];
        let entry = format!("{name}[0]");
        println!("  {entry:16} {:14.10} {:14.10} {:14.10}", first(a), first(b), first(c));
        worst = [worst[0].max(largest_error(a, b)), worst[1].max(largest_error(a, c))];
    }
    let [tape_error, numeric_error] = worst.map(power_of_ten_above);
    println!("  over all entries: by hand and by tape differ by less than {tape_error},");
    println!("  by hand and numeric by less than {numeric_error}\n");

    // 3. How much of the loss each state is answerable for.
    println!("  t    |dL/dh_t|");
    print_norms(&norms);

    if args.drop_dhnext {
        // 4. Forget one term: what step t + 1 says of h_t.
        let (dropped, norms) = backward(&problem, &trace, true);
        println!("\n  without dhnext, each step hears only its own loss:\n  t    |dL/dh_t|");
        print_norms(&norms);
        let cosine = cosine(&by_hand.leaves(), &dropped.leaves());
        println!("\n  cosine between this gradient and the true one: {cosine:.3}");
        result(&format!("{}_cosine_without_dhnext", C::NAME), format!("{cosine:.3}"));
    }
    println!();
    result(&format!("{}_hand_minus_tape_below", C::NAME), tape_error);
    result(&format!("{}_hand_minus_numeric_below", C::NAME), numeric_error);
    println!();
    Ok(())
}

/// Backpropagation through time: from the last step to the first, with the gradient of the state
/// handed back from each step to the one before. Returns the gradient and the norm of each ∂L/∂h_t.
fn backward<C: Cell>(
    problem: &Problem<C>,
    trace: &Trace<C, f64>,
    drop_dhnext: bool,
) -> (C::Of<Tensor<f64>>, Vec<f64>) {
    let zero = C::zero_state(&problem.params, B);
    let mut grads = problem.params.zeros_like();
    let mut norms = vec![0.0; T];
    let mut d_state = zero.map(Tensor::clone); // dhnext: nothing comes from beyond the end
    for t in (0..T).rev() {
        // Two sources: the loss at step t, and step t + 1, which read h_t.
        let dh = C::output_mut(&mut d_state);
        *dh = &*dh + problem.weights.entry(t);
        norms[t] = dh.norm();

        let step = Step { state: &trace.states[t], saved: &trace.saved[t] };
        let (da, d_previous) = C::backward(&problem.params, step, &d_state, &mut grads);
        let _dx = C::input_backward(&problem.params, &trace.xs.step(t), &da, &mut grads);
        d_state = if drop_dhnext { zero.map(Tensor::clone) } else { d_previous };
    }
    (grads, norms)
}

/// The same gradient without a backward pass of our own: the tape recorded the equations.
fn on_tape<C: Cell>(problem: &Problem<C>) -> C::Of<Tensor<f64>> {
    let tape = Tape::new();
    let params = problem.params.map(|w| tape.leaf(w.clone()));
    let zero = C::zero_state(&problem.params, B).map(|z| tape.constant(z.clone()));
    let xs: Vec<_> = (0..T).map(|t| tape.constant(problem.xs.step(t))).collect();
    let (hs, _) = unroll_on_tape::<C, f64>(&params, &xs, &zero);
    let loss = (Var::stack(&hs) * tape.constant(problem.weights.clone())).sum();
    let grads = tape.backward(loss);
    params.map(|&w| grads.of(w))
}

/// The same gradient without any backward pass: each weight in turn is moved by h·i, and the imaginary
/// part of the loss is h times the derivative.
fn by_complex_step<C: Cell>(problem: &Problem<C>) -> C::Of<Tensor<f64>> {
    const STEP: f64 = 1e-30;
    let (xs, weights) = (Seq::time_major(problem.xs.steps().cast()), problem.weights.cast());
    let loss_with = |leaf: usize, entry: usize| {
        let mut at = 0;
        let params: C::Of<Tensor<Complex>> = problem.params.map(|w| {
            let mut w = w.cast::<Complex>();
            if at == leaf {
                w.data_mut()[entry].im = STEP;
            }
            at += 1;
            w
        });
        let hs = unroll::<C, Complex>(&params, &xs, &C::zero_state(&params, B)).outputs();
        (hs * &weights).sum().item()
    };
    let mut leaf = 0;
    problem.params.map(|w| {
        let gradient = Tensor::from_fn(w.shape(), |entry| loss_with(leaf, entry).im / STEP);
        leaf += 1;
        gradient
    })
}

fn print_norms(norms: &[f64]) {
    for (t, norm) in norms.iter().enumerate() {
        println!("  {t:2} {norm:8.4} {}", "#".repeat((6.0 * norm).round() as usize));
    }
}

/// The largest |a − b| / max(1, |a|, |b|).
fn largest_error(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    let errors = a.zip(b, |a, b| (a - b).abs() / 1f64.max(a.abs()).max(b.abs()));
    errors.data().iter().copied().fold(0.0, f64::max)
}

/// The next power of ten: rounding errors differ from machine to machine, their size does not.
fn power_of_ten_above(error: f64) -> String {
    format!("1e{}", error.max(1e-16).log10().floor() as i32 + 1)
}

/// ⟨a, b⟩ / (‖a‖ ‖b‖), all tensors as one vector.
fn cosine(a: &[Tensor<f64>], b: &[Tensor<f64>]) -> f64 {
    let dot = |a: &[Tensor<f64>], b: &[Tensor<f64>]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a * b).sum().item()).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
