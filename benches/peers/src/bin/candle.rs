//! candle's recurrent layers, measured as `sequence` measures this project: the same arguments, the same lines.
//!
//! Three ways, of which the fastest is taken for each figure:
//!
//! ```text
//! module     candle_nn's GRU or LSTM over the whole input
//! steps      its step over inputs that were separate tensors from the start: no gradient of a slice, which fills a
//!            tensor of the size of all inputs with zeros at each step
//! hoisted    one product for the inputs of all steps, then the products with W_hh, transposed once
//! ```
//!
//! candle has no plain RNN: its steps are written here.

use std::collections::HashMap;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use benches::program::Arguments;
use benches::{Case, Cell, Op, Program, Shape, Way};
use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, IndexOp, Tensor, Var};
use candle_nn::ops::sigmoid;
use candle_nn::rnn::{GRU, GRUConfig, GRUState, LSTM, LSTMConfig, LSTMState, RNN};
use candle_nn::{AdamW, Embedding, Linear, Module, Optimizer, ParamsAdamW, VarBuilder};
use clap::Parser;

const CPU: Device = Device::Cpu;

/// Measures candle's recurrent layers, a line of JSON a figure.
#[derive(Parser)]
#[command(name = "candle")]
struct Options {
    #[command(flatten)]
    arguments: Arguments,
}

/// What a layer reads.
enum Inputs {
    /// [T, B, I].
    Whole(Tensor),
    /// T tensors [B, I].
    Steps(Vec<Tensor>),
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Module,
    Steps,
    Hoisted,
}

impl How {
    fn of(cell: Cell) -> &'static [(&'static str, Self)] {
        let all = &[("module", Self::Module), ("steps", Self::Steps), ("hoisted", Self::Hoisted)];
        if cell == Cell::Rnn { &all[1..] } else { all }
    }
}

/// A layer: W_ih [G·H, I], W_hh [G·H, H], two biases [G·H].
struct Layer {
    weights: [Tensor; 4],
    units: usize,
    cell: Recurrent,
}

enum Recurrent {
    Rnn,
    Gru(GRU),
    Lstm(LSTM),
}

fn uniform(bound: f64, shape: &[usize]) -> Result<Var> {
    Ok(Var::rand(-bound as f32, bound as f32, shape, &CPU)?)
}

fn layer_vars(cell: Cell, shape: Shape) -> Result<[Var; 4]> {
    let Shape { input_size, hidden_size, .. } = shape;
    let (rows, bound) = (cell.gates() * hidden_size, (hidden_size as f64).powf(-0.5));
    let of = |shape: &[usize]| uniform(bound, shape);
    Ok([of(&[rows, input_size])?, of(&[rows, hidden_size])?, of(&[rows])?, of(&[rows])?])
}

impl Layer {
    fn new(cell: Cell, shape: Shape, weights: [Tensor; 4]) -> Result<Self> {
        let Shape { input_size, hidden_size: units, .. } = shape;
        let names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];
        let named = names.map(String::from).into_iter().zip(weights.iter().cloned());
        let vb = VarBuilder::from_tensors(named.collect::<HashMap<_, _>>(), DType::F32, &CPU);
        let cell = match cell {
            Cell::Rnn => Recurrent::Rnn,
            Cell::Gru => Recurrent::Gru(GRU::new(input_size, units, GRUConfig::default(), vb)?),
            Cell::Lstm => Recurrent::Lstm(LSTM::new(input_size, units, LSTMConfig::default(), vb)?),
        };
        Ok(Self { weights, units, cell })
    }

    /// Outputs [T, B, H].
    fn forward(&self, inputs: &Inputs, how: How) -> Result<Tensor> {
        let hs = match (inputs, &self.cell) {
            (Inputs::Whole(xs), _) if how == How::Hoisted => self.hoisted(xs)?,
            (Inputs::Whole(xs), Recurrent::Gru(gru)) => {
                gru.seq(&xs.transpose(0, 1)?)?.into_iter().map(|state| state.h).collect()
            }
            (Inputs::Whole(xs), Recurrent::Lstm(lstm)) => {
                lstm.seq(&xs.transpose(0, 1)?)?.into_iter().map(|state| state.h).collect()
            }
            (Inputs::Whole(_), Recurrent::Rnn) => bail!("candle has no module for a plain RNN"),
            (Inputs::Steps(xs), Recurrent::Rnn) => self.rnn_steps(xs)?,
            (Inputs::Steps(xs), Recurrent::Gru(gru)) => steps(gru, xs, |s: &GRUState| s.h.clone())?,
            (Inputs::Steps(xs), Recurrent::Lstm(lstm)) => {
                steps(lstm, xs, |s: &LSTMState| s.h.clone())?
            }
        };
        Ok(Tensor::stack(&hs, 0)?)
    }

    fn rnn_steps(&self, xs: &[Tensor]) -> Result<Vec<Tensor>> {
        let [w_ih, w_hh, b_ih, b_hh] = &self.weights;
        let (w_ih, w_hh) = (w_ih.t()?.contiguous()?, w_hh.t()?.contiguous()?);
        let b = (b_ih + b_hh)?;
        let mut h = zeros(xs[0].dim(0)?, self.units)?;
        let mut hs = Vec::with_capacity(xs.len());
        for x in xs {
            h = (x.matmul(&w_ih)? + h.matmul(&w_hh)?)?.broadcast_add(&b)?.tanh()?;
            hs.push(h.clone());
        }
        Ok(hs)
    }

    fn hoisted(&self, xs: &Tensor) -> Result<Vec<Tensor>> {
        let (seq_len, batch, input_size) = xs.dims3()?;
        let [w_ih, w_hh, b_ih, b_hh] = &self.weights;
        let b = match self.cell {
            Recurrent::Gru(_) => b_ih.clone(), // the other stands inside of the reset gate's product
            _ => (b_ih + b_hh)?,
        };
        let zs = xs.reshape((seq_len * batch, input_size))?.matmul(&w_ih.t()?)?;
        let zs = zs.broadcast_add(&b)?.reshape((seq_len, batch, b.dim(0)?))?;
        let w_hh = w_hh.t()?.contiguous()?;
        let b_hh = b_hh.broadcast_as((batch, b.dim(0)?))?.contiguous()?;
        let (mut h, mut c) = (zeros(batch, self.units)?, zeros(batch, self.units)?);
        let mut hs = Vec::with_capacity(seq_len);
        for t in 0..seq_len {
            let (x, a) = (zs.i(t)?, h.matmul(&w_hh)?);
            h = match self.cell {
                Recurrent::Rnn => (x + a)?.tanh()?,
                Recurrent::Gru(_) => {
                    let (x, a) = (x.chunk(3, 1)?, (a + &b_hh)?.chunk(3, 1)?);
                    let r = sigmoid(&(&x[0] + &a[0])?)?;
                    let z = sigmoid(&(&x[1] + &a[1])?)?;
                    let n = (&x[2] + (r * &a[2])?)?.tanh()?;
                    (&n + (z * (h - &n)?)?)? // (1 − z) n + z h
                }
                Recurrent::Lstm(_) => {
                    let gates = (x + a)?.chunk(4, 1)?;
                    let [i, f, o] = [0, 1, 3].map(|k| sigmoid(&gates[k]));
                    c = ((f? * c)? + (i? * gates[2].tanh()?)?)?;
                    (o? * c.tanh()?)?
                }
            };
            hs.push(h.clone());
        }
        Ok(hs)
    }
}

fn zeros(rows: usize, columns: usize) -> Result<Tensor> {
    Ok(Tensor::zeros((rows, columns), DType::F32, &CPU)?)
}

/// A module's steps over inputs that are separate tensors.
fn steps<R: RNN>(rnn: &R, xs: &[Tensor], h: fn(&R::State) -> Tensor) -> Result<Vec<Tensor>> {
    let mut state = rnn.zero_state(xs[0].dim(0)?)?;
    let mut hs = Vec::with_capacity(xs.len());
    for x in xs {
        state = rnn.step(x, &state)?;
        hs.push(h(&state));
    }
    Ok(hs)
}

/// Inputs [T, B, I], whole or a variable a step.
fn input_vars(shape: Shape, how: How) -> Result<Vec<Var>> {
    let Shape { seq_len, batch, input_size, .. } = shape;
    match how {
        How::Steps => (0..seq_len).map(|_| uniform(1.0, &[batch, input_size])).collect(),
        _ => Ok(vec![uniform(1.0, &[seq_len, batch, input_size])?]),
    }
}

fn inputs(vars: &[Var], how: How, leaf: fn(&Var) -> Tensor) -> Inputs {
    match how {
        How::Steps => Inputs::Steps(vars.iter().map(leaf).collect()),
        _ => Inputs::Whole(leaf(&vars[0])),
    }
}

fn untracked(var: &Var) -> Tensor {
    var.as_detached_tensor()
}

fn tracked(var: &Var) -> Tensor {
    var.as_tensor().clone()
}

fn forward(cell: Cell, shape: Shape, name: &'static str, how: How) -> Result<Way> {
    let layer = Layer::new(cell, shape, layer_vars(cell, shape)?.each_ref().map(untracked))?;
    let xs = inputs(&input_vars(shape, how)?, how, untracked);
    Ok(way(name, move || {
        black_box(layer.forward(&xs, how)?);
        Ok(())
    }))
}

fn forward_backward(cell: Cell, shape: Shape, name: &'static str, how: How) -> Result<Way> {
    let weights = layer_vars(cell, shape)?;
    let layer = Layer::new(cell, shape, weights.each_ref().map(tracked))?;
    let xs = input_vars(shape, how)?;
    let read = inputs(&xs, how, tracked);
    let Shape { seq_len, batch, hidden_size, .. } = shape;
    let r = untracked(&uniform(1.0, &[seq_len, batch, hidden_size])?);
    Ok(way(name, move || {
        let loss = (layer.forward(&read, how)? * &r)?.sum_all()?;
        let grads = loss.backward()?;
        for var in weights.iter().chain(&xs) {
            black_box(grads.get(var).context("candle: a variable without a gradient")?);
        }
        Ok(())
    }))
}

fn training_step(cell: Cell, shape: Shape, name: &'static str, how: How) -> Result<Way> {
    let Shape { seq_len, batch, input_size, hidden_size } = shape;
    let vocab = Case::VOCAB_SIZE;
    let table = Var::randn(0.0_f32, 1.0, (vocab, input_size), &CPU)?;
    let bound = (hidden_size as f64).powf(-0.5);
    let (w, b) = (uniform(bound, &[vocab, hidden_size])?, uniform(bound, &[vocab])?);
    let weights = layer_vars(cell, shape)?;
    let layer = Layer::new(cell, shape, weights.each_ref().map(tracked))?;
    let embedding = Embedding::new(tracked(&table), input_size);
    let head = Linear::new(tracked(&w), Some(tracked(&b)));
    let vars: Vec<Var> = [table, w, b].into_iter().chain(weights).collect();
    let adam = ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(vars.clone(), adam)?;

    let ids = |count: usize| (0..count).map(|i| (i * 7919 % vocab) as u32).collect::<Vec<_>>();
    let rows = seq_len * batch;
    let symbols = Tensor::from_vec(ids(rows), (seq_len, batch), &CPU)?;
    let targets = Tensor::from_vec(ids(rows), rows, &CPU)?;
    let symbols_of_steps = (0..seq_len).map(|t| symbols.i(t)).collect::<Result<Vec<_>, _>>()?;
    Ok(way(name, move || {
        let xs = match how {
            How::Steps => {
                let xs = symbols_of_steps.iter().map(|ids| embedding.forward(ids));
                Inputs::Steps(xs.collect::<Result<_, _>>()?)
            }
            _ => Inputs::Whole(embedding.forward(&symbols)?),
        };
        let hs = layer.forward(&xs, how)?.reshape((rows, hidden_size))?;
        let loss = candle_nn::loss::cross_entropy(&head.forward(&hs)?, &targets)?;
        let mut grads = loss.backward()?;
        clip(&vars, &mut grads, 5.0)?;
        Ok(adam.step(&grads)?)
    }))
}

/// The global norm cut to `max_norm`; candle has no such function.
fn clip(vars: &[Var], grads: &mut GradStore, max_norm: f64) -> Result<()> {
    let mut squares = 0.0;
    for var in vars {
        let grad = grads.get(var).context("candle: a parameter without a gradient")?;
        squares += f64::from(grad.flatten_all()?.sqr()?.sum(D::Minus1)?.to_scalar::<f32>()?);
    }
    let scale = max_norm / (squares.sqrt() + 1e-6);
    if scale < 1.0 {
        for var in vars {
            let grad = grads.remove(var).context("candle: a parameter without a gradient")?;
            grads.insert(var, (grad * scale)?);
        }
    }
    Ok(())
}

fn way(name: &'static str, mut step: impl FnMut() -> Result<()> + 'static) -> Way {
    Way::new(name, move || {
        if let Err(error) = step() {
            panic!("candle, {name}: {error:#}");
        }
    })
}

struct Candle;

impl Program for Candle {
    fn name(&self) -> &str {
        "candle"
    }

    fn ways(&self, case: &Case) -> Result<Vec<Way>> {
        let (cell, shape) = case.of_layer()?;
        let make = match case.op {
            Op::Fwd => forward,
            Op::Fwdbwd => forward_backward,
            Op::Train => training_step,
            op => bail!("`{}` is no operation of candle's here; there are fwd, fwdbwd, train", op.name()),
        };
        How::of(cell).iter().map(|&(name, how)| make(cell, shape, name, how)).collect()
    }
}

fn main() -> ExitCode {
    let Options { arguments } = Options::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("candle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// candle reads its number of threads from the environment, so the program starts itself again with it.
fn run(arguments: &Arguments) -> Result<ExitCode> {
    const THREADS: &str = "RAYON_NUM_THREADS";
    let threads = arguments.threads.to_string();
    if std::env::var(THREADS).is_ok_and(|found| found == threads) {
        benches::program::run(&Candle, arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    let itself = std::env::current_exe().context("cannot find this program's file")?;
    let status = Command::new(itself)
        .args(std::env::args_os().skip(1))
        .env(THREADS, threads)
        .status()
        .context("cannot start again with so many threads")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
