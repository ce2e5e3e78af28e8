//! Takes the weights of a stack to PyTorch and back, in files.
//!
//! ```text
//! cargo run -p rnn --example interop -- save  FOLDER CELL INPUT_SIZE HIDDEN_SIZE [options]
//! cargo run -p rnn --example interop -- check FOLDER CELL INPUT_SIZE HIDDEN_SIZE [options]
//!
//! cargo run -p rnn --example interop -- save /tmp/lstm lstm 3 4 --num-layers 2 --bidirectional
//! python tests/goldens/interop.py check /tmp/lstm lstm 3 4 --num-layers 2 --bidirectional
//! ```
//!
//! `save` writes two files into the folder: `weights.safetensors`, the parameters and nothing else, which PyTorch reads by
//! `torch.nn.LSTM(3, 4, …).load_state_dict(safetensors.torch.load_file(f))`, and `run.safetensors`, what they make of some
//! input. `check` reads the same two files as PyTorch wrote them, and compares. The files are described, and read and
//! written on PyTorch's side, by `tests/goldens/interop.py`; `tests/goldens/interop_all.py` goes both ways with every
//! combination of the options: 320 runs, with PyTorch 2.15.0 the largest difference 3.6e-7 in f32 and 7.8e-16 in f64.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use autograd::{Params, Tensor, init};
use clap::{Parser, ValueEnum};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::cell::Biased;
use rnn::checkpoint::{Checkpoint, Number};
use rnn::lstm_variant::LstmOptions;
use rnn::seq::Layout;
use rnn::stack::{stacked, unstacked};
use rnn::vanilla::VanillaOptions;
use rnn::{
    Cell, Directions, Gru, Lstm, LstmVariant, Merge, Nonlinearity, Seq, Stack, StackOptions,
    StateOf, Vanilla,
};

/// Takes the weights of a stack to PyTorch and back, in files.
#[derive(Parser)]
struct Args {
    /// Whether to write the two files, or to compare with those that PyTorch wrote.
    command: Command,
    /// Where weights.safetensors and run.safetensors are.
    folder: PathBuf,
    cell: CellName,
    input_size: usize,
    hidden_size: usize,
    /// The number of layers.
    #[arg(long, default_value_t = 1)]
    num_layers: usize,
    /// Both directions, side by side.
    #[arg(long)]
    bidirectional: bool,
    /// No biases.
    #[arg(long)]
    no_bias: bool,
    /// The length of an lstm's projected h, less than HIDDEN_SIZE.
    #[arg(long)]
    proj_size: Option<usize>,
    /// The type of every number in the files.
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
    /// When saving: neither lengths nor initial states.
    #[arg(long)]
    plain: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Command {
    Save,
    Check,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum CellName {
    RnnTanh,
    RnnRelu,
    Gru,
    Lstm,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dtype {
    F32,
    F64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.dtype {
        Dtype::F32 => with_numbers::<f32>(&args),
        Dtype::F64 => with_numbers::<f64>(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn with_numbers<E: Number>(args: &Args) -> Result<()> {
    let biased = Biased { bias: !args.no_bias };
    let vanilla =
        |nonlinearity| with_cell::<Vanilla, E>(args, VanillaOptions { nonlinearity, biased });
    match (args.cell, args.proj_size) {
        (CellName::RnnTanh, None) => vanilla(Nonlinearity::Tanh),
        (CellName::RnnRelu, None) => vanilla(Nonlinearity::Relu),
        (CellName::Gru, None) => with_cell::<Gru, E>(args, biased),
        (CellName::Lstm, None) => with_cell::<Lstm, E>(args, biased),
        (CellName::Lstm, proj_size @ Some(size)) => {
            let units = args.hidden_size;
            ensure!(
                (1..units).contains(&size),
                "--proj-size {size} must be at least 1 and less than {units}"
            );
            let options = LstmOptions { biased, proj_size, ..LstmOptions::default() };
            with_cell::<LstmVariant, E>(args, options)
        }
        _ => bail!("--proj-size is for an lstm; leave it out"),
    }
}

fn with_cell<C: Cell, E: Number>(args: &Args, cell: C::Options) -> Result<()> {
    let directions = match args.bidirectional {
        true => Directions::Both(Merge::Concat),
        false => Directions::Forward,
    };
    let options = StackOptions {
        layers: args.num_layers,
        directions,
        cell,
        ..StackOptions::new(args.input_size, args.hidden_size)
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let stack = Stack::<C>::try_init::<E>(&options, &mut rng)?;
    let [weights, run] =
        ["weights.safetensors", "run.safetensors"].map(|name| args.folder.join(name));
    match args.command {
        Command::Save => {
            std::fs::create_dir_all(&args.folder)
                .with_context(|| format!("cannot make the folder {}", args.folder.display()))?;
            Checkpoint::of(&stack)?.save(&weights)?;
            save_run(args, &stack, &run, &mut rng)
        }
        Command::Check => check_run(&Checkpoint::load(&weights)?.into_params(&stack)?, &run),
    }
}

/// What a run starts from.
struct Given<C: Cell, E: Number> {
    x: Tensor<E>,
    lengths: Option<Vec<usize>>,
    initial: Option<Vec<StateOf<C, Tensor<E>>>>,
}

/// Runs x [6, 3, I] and writes what went in and came out.
fn save_run<C: Cell, E: Number>(
    args: &Args,
    stack: &Stack<C, Tensor<E>>,
    path: &Path,
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let (steps, batch) = (6, 3);
    let x = init::uniform(&[steps, batch, args.input_size], 2.0, rng);
    let mut run = Checkpoint::new();
    run.insert_tensor("x", x.clone())?;
    let mut given = Given { x, lengths: None, initial: None };
    if !args.plain {
        let lengths = vec![3, steps, 1];
        let numbers = Tensor::from_fn(&[batch], |row| E::from_f64(lengths[row] as f64));
        run.insert_tensor("lengths", numbers)?;
        let zeros = stack.zero_states(batch);
        let mut draw = |zeros: &Tensor<E>| init::uniform(zeros.shape(), 1.0, rng);
        let initial: Vec<_> = zeros.iter().map(|state| state.map(&mut draw)).collect();
        let whole = stacked::<C, Tensor<E>>(&initial, Layout::TimeMajor);
        for (name, tensor) in whole.names().iter().zip(whole.leaves()) {
            run.insert_tensor(format!("{name}0"), tensor)?;
        }
        given = Given { lengths: Some(lengths), initial: Some(initial), ..given };
    }
    for (name, tensor) in results(stack, given)? {
        run.insert_tensor(name, tensor)?;
    }
    Ok(run.save(path)?)
}

/// Reads what went in and came out elsewhere, runs it here, and prints how far apart the results are.
fn check_run<C: Cell, E: Number>(stack: &Stack<C, Tensor<E>>, path: &Path) -> Result<()> {
    let mut run = Checkpoint::<E>::load(path)?;
    let missing = |name: &str| format!("{} lacks {name}", path.display());
    let x = run.take_tensor("x").with_context(|| missing("x"))?;
    let lengths = match run.take_tensor("lengths") {
        Some(lengths) => Some(whole_numbers(&lengths)?),
        None => None,
    };
    let &[_, batch, _] = x.shape() else { bail!("x {:?} must be [T, B, I]", x.shape()) };
    let zeros = stacked::<C, Tensor<E>>(&stack.zero_states(batch), Layout::TimeMajor);
    let mut initial = Checkpoint::new();
    for name in zeros.names() {
        if let Some(tensor) = run.take_tensor(&format!("{name}0")) {
            initial.insert_tensor(name, tensor)?;
        }
    }
    let initial = match initial.tensors().is_empty() {
        true => None,
        false => Some(unstacked::<C, Tensor<E>>(&initial.into_params(&zeros)?)),
    };

    let allowed = if size_of::<E>() == 4 { 2e-6 } else { 1e-12 };
    let mut bad = Vec::new();
    for (name, ours) in results(stack, Given { x, lengths, initial })? {
        let theirs = run.take_tensor(&name).with_context(|| missing(&name))?;
        let (found, wanted) = (ours.shape(), theirs.shape());
        ensure!(found == wanted, "{name} has the shape {found:?}, in the file {wanted:?}");
        // Both are finite, as all numbers that a checkpoint can hold.
        let error = |(a, b): (f64, f64)| (a - b).abs() / 1f64.max(a.abs()).max(b.abs());
        let pairs = ours.data().iter().zip(theirs.data()).map(|(a, b)| (a.value(), b.value()));
        let error = pairs.map(error).fold(0.0, f64::max);
        println!("{name}: {:?}, largest error {error:.1e}, allowed {allowed:.0e}", ours.shape());
        if error > allowed {
            bad.push(name);
        }
    }
    let left: Vec<_> = run.tensors().keys().collect();
    ensure!(left.is_empty(), "{} has what no run has: {left:?}", path.display());
    ensure!(bad.is_empty(), "{} differ from PyTorch's", bad.join(", "));
    Ok(())
}

/// What comes out, by PyTorch's names: output, h_n and, of an lstm, c_n.
fn results<C: Cell, E: Number>(
    stack: &Stack<C, Tensor<E>>,
    Given { x, lengths, initial }: Given<C, E>,
) -> Result<Vec<(String, Tensor<E>)>> {
    let mut xs = Seq::try_time_major(x)?;
    if let Some(lengths) = lengths {
        xs = xs.with_lengths(&lengths)?;
    }
    let trace = stack.try_unroll(&xs, initial.as_deref(), None)?;
    let last = stacked::<C, Tensor<E>>(&trace.last, Layout::TimeMajor);
    let names = last.names().into_iter().map(|name| format!("{name}_n"));
    let mut found = vec![("output".to_owned(), trace.outputs.steps())];
    found.extend(names.zip(last.leaves()));
    Ok(found)
}

fn whole_numbers<E: Number>(numbers: &Tensor<E>) -> Result<Vec<usize>> {
    let whole = |x: &E| {
        let x = x.value();
        ensure!(x >= 0.0 && x.fract() == 0.0, "{x} is no length; give whole numbers");
        Ok(x as usize)
    };
    numbers.data().iter().map(whole).collect()
}
