//! burn's recurrent layers, measured as `sequence` measures this project: the same arguments, the same lines.
//!
//! The flex backend, with autodiff where there are gradients. Three ways, of which the fastest is taken for each figure:
//!
//! ```text
//! module     burn's Rnn, Gru or Lstm, which has a product for each gate
//! steps      the steps written here, one product for all gates, over inputs that were separate from the start
//! hoisted    one product for the inputs of all steps, then the products with W_hh
//! ```
//!
//! Clipping is by the norm of each tensor, which is what burn offers.

use std::hint::black_box;
use std::process::ExitCode;

use anyhow::{Result, bail};
use benches::program::Arguments;
use benches::{Case, Cell, Op, Program, Shape, Way};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::{Module, Param};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::{Embedding, EmbeddingConfig, Gru, GruConfig, Linear, LinearConfig, Lstm, LstmConfig};
use burn::nn::{Rnn, RnnConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use clap::Parser;

/// Measures burn's recurrent layers, a line of JSON a figure.
#[derive(Parser)]
#[command(name = "burn")]
struct Options {
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Module,
    Steps,
    Hoisted,
}

const WAYS: [(&str, How); 3] =
    [("module", How::Module), ("steps", How::Steps), ("hoisted", How::Hoisted)];

/// What a layer reads.
enum Inputs {
    /// [T, B, I].
    Whole(Tensor<3>),
    /// T tensors [B, I].
    Steps(Vec<Tensor<2>>),
}

/// A layer: one of burn's own, or the weights of all gates side by side.
#[derive(Module, Debug)]
enum Layer {
    Rnn(Rnn),
    Gru(Gru),
    Lstm(Lstm),
    Plain(Plain),
}

/// W_ih [I, G·H], W_hh [H, G·H], two biases [G·H].
#[derive(Module, Debug)]
struct Plain {
    w_ih: Param<Tensor<2>>,
    w_hh: Param<Tensor<2>>,
    b_ih: Param<Tensor<1>>,
    b_hh: Param<Tensor<1>>,
    gates: usize,
}

fn uniform<const D: usize>(bound: f64, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-bound, bound), device)
}

impl Layer {
    fn new(cell: Cell, shape: Shape, how: How, device: &Device) -> Self {
        let Shape { input_size, hidden_size, .. } = shape;
        if how == How::Module {
            return match cell {
                Cell::Rnn => Self::Rnn(RnnConfig::new(input_size, hidden_size, true).init(device)),
                Cell::Gru => Self::Gru(GruConfig::new(input_size, hidden_size, true).init(device)),
                Cell::Lstm => {
                    Self::Lstm(LstmConfig::new(input_size, hidden_size, true).init(device))
                }
            };
        }
        let (columns, bound) = (cell.gates() * hidden_size, (hidden_size as f64).powf(-0.5));
        Self::Plain(Plain {
            w_ih: Param::from_tensor(uniform(bound, [input_size, columns], device)),
            w_hh: Param::from_tensor(uniform(bound, [hidden_size, columns], device)),
            b_ih: Param::from_tensor(uniform(bound, [columns], device)),
            b_hh: Param::from_tensor(uniform(bound, [columns], device)),
            gates: cell.gates(),
        })
    }

    /// Outputs [T, B, H], or [B, T, H] of burn's own modules.
    fn forward(&self, inputs: Inputs) -> Tensor<3> {
        match (self, inputs) {
            (Self::Rnn(rnn), Inputs::Whole(xs)) => rnn.forward(xs.swap_dims(0, 1), None).0,
            (Self::Gru(gru), Inputs::Whole(xs)) => gru.forward(xs.swap_dims(0, 1), None),
            (Self::Lstm(lstm), Inputs::Whole(xs)) => lstm.forward(xs.swap_dims(0, 1), None).0,
            (Self::Plain(plain), inputs) => plain.forward(inputs),
            (_, Inputs::Steps(_)) => unreachable!("modules read all steps at once"),
        }
    }
}

impl Plain {
    fn forward(&self, inputs: Inputs) -> Tensor<3> {
        let (w_ih, w_hh) = (self.w_ih.val(), self.w_hh.val());
        let gru = self.gates == 3;
        // The second bias of a GRU stands inside of the reset gate's product.
        let b = if gru { self.b_ih.val() } else { self.b_ih.val() + self.b_hh.val() };
        let b = b.unsqueeze::<2>();
        let b_hh = self.b_hh.val().unsqueeze::<2>();
        let zs: Box<dyn Iterator<Item = Tensor<2>>> = match inputs {
            Inputs::Whole(xs) => {
                let [seq_len, batch, input_size] = xs.dims();
                let zs = xs.reshape([seq_len * batch, input_size]).matmul(w_ih) + b;
                Box::new(zs.split(batch, 0).into_iter())
            }
            Inputs::Steps(xs) => {
                Box::new(xs.into_iter().map(move |x| x.matmul(w_ih.clone()) + b.clone()))
            }
        };
        let mut hs: Vec<Tensor<2>> = Vec::new();
        let mut state: Option<[Tensor<2>; 2]> = None;
        for z in zs {
            let [h, c] = state.take().unwrap_or_else(|| {
                let ([batch, columns], device) = (z.dims(), z.device());
                let zeros = Tensor::zeros([batch, columns / self.gates], &device);
                [zeros.clone(), zeros]
            });
            let a = h.clone().matmul(w_hh.clone());
            let [h, c] = match self.gates {
                1 => [tanh(z + a), c],
                3 => {
                    let [r_x, z_x, n_x] = chunks(z);
                    let [r_h, z_h, n_h] = chunks(a + b_hh.clone());
                    let (r, z) = (sigmoid(r_x + r_h), sigmoid(z_x + z_h));
                    let n = tanh(n_x + r * n_h);
                    [n.clone() + z * (h - n), c] // (1 − z) n + z h
                }
                _ => {
                    let [i, f, g, o] = chunks(z + a);
                    let c = sigmoid(f) * c + sigmoid(i) * tanh(g);
                    [sigmoid(o) * tanh(c.clone()), c]
                }
            };
            hs.push(h.clone());
            state = Some([h, c]);
        }
        Tensor::stack(hs, 0)
    }
}

fn chunks<const N: usize>(gates: Tensor<2>) -> [Tensor<2>; N] {
    gates.chunk(N, 1).try_into().expect("as many chunks as gates")
}

/// Inputs [T, B, I], whole or a tensor a step.
fn input_leaves(shape: Shape, how: How, device: &Device) -> (Vec<Tensor<3>>, Vec<Tensor<2>>) {
    let Shape { seq_len, batch, input_size, .. } = shape;
    match how {
        How::Steps => {
            let steps = (0..seq_len).map(|_| uniform(1.0, [batch, input_size], device));
            (Vec::new(), steps.collect())
        }
        _ => (vec![uniform(1.0, [seq_len, batch, input_size], device)], Vec::new()),
    }
}

fn inputs(whole: &[Tensor<3>], steps: &[Tensor<2>]) -> Inputs {
    match whole {
        [xs] => Inputs::Whole(xs.clone()),
        _ => Inputs::Steps(steps.to_vec()),
    }
}

fn forward(cell: Cell, shape: Shape, name: &'static str, how: How) -> Way {
    let device = Device::flex();
    let layer = Layer::new(cell, shape, how, &device);
    let (whole, steps) = input_leaves(shape, how, &device);
    Way::new(name, move || {
        black_box(layer.forward(inputs(&whole, &steps)));
    })
}

fn forward_backward(cell: Cell, shape: Shape, name: &'static str, how: How) -> Way {
    let device = Device::flex().autodiff();
    let layer = Layer::new(cell, shape, how, &device);
    let (whole, steps) = input_leaves(shape, how, &device);
    let whole: Vec<_> = whole.into_iter().map(Tensor::require_grad).collect();
    let steps: Vec<_> = steps.into_iter().map(Tensor::require_grad).collect();
    let Shape { seq_len, batch, hidden_size, .. } = shape;
    let dims = match how {
        How::Module => [batch, seq_len, hidden_size],
        _ => [seq_len, batch, hidden_size],
    };
    let r: Tensor<3> = uniform(1.0, dims, &device);
    Way::new(name, move || {
        let outputs = layer.forward(inputs(&whole, &steps));
        let mut grads = (outputs * r.clone()).sum().backward();
        let of_inputs = whole.iter().all(|x| x.grad_remove(&mut grads).is_some())
            && steps.iter().all(|x| x.grad_remove(&mut grads).is_some());
        let of_weights = GradientsParams::from_module(&mut grads, &layer);
        assert!(of_inputs && !of_weights.is_empty(), "burn: a gradient is missing");
        black_box(of_weights);
    })
}

#[derive(Module, Debug)]
struct LanguageModel {
    embedding: Embedding,
    layer: Layer,
    head: Linear,
}

fn training_step(cell: Cell, shape: Shape, name: &'static str, how: How) -> Way {
    let Shape { seq_len, batch, input_size, hidden_size } = shape;
    let (rows, vocab) = (seq_len * batch, Case::VOCAB_SIZE);
    let device = Device::flex().autodiff();
    let mut model = Some(LanguageModel {
        embedding: EmbeddingConfig::new(vocab, input_size).init(&device),
        layer: Layer::new(cell, shape, how, &device),
        head: LinearConfig::new(hidden_size, vocab).init(&device),
    });
    let clipping = GradientClippingConfig::Norm(5.0);
    let mut adam = AdamConfig::new()
        .with_epsilon(1e-8)
        .with_grad_clipping(Some(clipping))
        .init();
    let ids: Vec<i64> = (0..rows).map(|i| (i * 7919 % vocab) as i64).collect();
    let symbols: Tensor<2, Int> =
        Tensor::from_data(TensorData::new(ids.clone(), [seq_len, batch]), &device);
    let targets: Tensor<1, Int> = Tensor::from_data(TensorData::new(ids, [rows]), &device);
    let symbols_of_steps = symbols.clone().split(1, 0);
    let cross_entropy: CrossEntropyLoss = CrossEntropyLossConfig::new().init(&device);
    Way::new(name, move || {
        let this = model.take().expect("the model of the step before");
        let xs = match how {
            How::Steps => {
                let of = |ids: &Tensor<2, Int>| {
                    this.embedding.forward(ids.clone()).reshape([batch, input_size])
                };
                Inputs::Steps(symbols_of_steps.iter().map(of).collect())
            }
            _ => Inputs::Whole(this.embedding.forward(symbols.clone())),
        };
        // The rows of a module's outputs stand in another order than the targets, which changes no time.
        let hs = this.layer.forward(xs).reshape([rows, hidden_size]);
        let loss = cross_entropy.forward(this.head.forward(hs), targets.clone());
        let grads = GradientsParams::from_grads(loss.backward(), &this);
        model = Some(adam.step(1e-3, this, grads));
    })
}

struct Burn;

impl Program for Burn {
    fn name(&self) -> &str {
        "burn"
    }

    fn ways(&self, case: &Case) -> Result<Vec<Way>> {
        let (cell, shape) = case.of_layer()?;
        let make = match case.op {
            Op::Fwd => forward,
            Op::Fwdbwd => forward_backward,
            Op::Train => training_step,
            op => bail!("`{}` is no operation of burn's here; there are fwd, fwdbwd, train", op.name()),
        };
        Ok(WAYS.iter().map(|&(name, how)| make(cell, shape, name, how)).collect())
    }
}

fn main() -> ExitCode {
    let Options { arguments } = Options::parse();
    match benches::program::run(&Burn, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("burn: {error:#}");
            ExitCode::FAILURE
        }
    }
}
