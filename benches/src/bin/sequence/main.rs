//! This project's own figures: a sequence forward, with its gradients, and a training step.
//!
//! ```text
//! cargo run --release -p benches --bin sequence -- --threads 2 --shapes "50,32,128,256" --cells lstm --ops fwd,fwdbwd
//! ```
//!
//! One line of JSON a figure; `benches/README.md` says what it means. Everything goes through the public
//! interface of `autograd` and `rnn`, as a user would write it.

mod layer;
mod classic;

use std::process::ExitCode;

use anyhow::{Result, bail};
use benches::program::Arguments;
use benches::{Case, Cell, Op, Program, Shape, Way};
use clap::{Parser, ValueEnum};
use rnn::{Engine, Gru, Lstm, Vanilla};

/// Measures this project's recurrent layers, a line of JSON a figure.
#[derive(Parser)]
#[command(name = "sequence")]
struct Options {
    #[command(flatten)]
    arguments: Arguments,
    /// How layers run on a tape; by default as the library does.
    #[arg(long)]
    engine: Option<EngineName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    Fused,
    Explicit,
    Tape,
}

impl EngineName {
    fn engine(self) -> Engine {
        match self {
            Self::Fused => Engine::Fused,
            Self::Explicit => Engine::Explicit,
            Self::Tape => Engine::Tape,
        }
    }
}

/// This project, with one of its engines.
struct Ours(Option<EngineName>);

impl Program for Ours {
    fn name(&self) -> &str {
        "ours"
    }

    fn ways(&self, case: &Case) -> Result<Vec<Way>> {
        let engine = self.0.map_or_else(Engine::default, EngineName::engine);
        let way = match case.op {
            Op::Charlm => classic::charlm(engine),
            Op::ChainTensor => classic::tensor_chain(),
            Op::ChainScalar => classic::scalar_chain(),
            _ => {
                let (cell, shape) = case.of_layer()?;
                match cell {
                    Cell::Rnn => of_cell::<Vanilla>(case.op, shape, engine)?,
                    Cell::Gru => of_cell::<Gru>(case.op, shape, engine)?,
                    Cell::Lstm => of_cell::<Lstm>(case.op, shape, engine)?,
                }
            }
        };
        Ok(vec![way])
    }

    fn arguments(&self) -> Vec<String> {
        let name = self.0.and_then(|name| name.to_possible_value());
        name.map_or_else(Vec::new, |name| vec!["--engine".into(), name.get_name().into()])
    }
}

fn of_cell<C: rnn::Cell>(op: Op, shape: Shape, engine: Engine) -> Result<Way> {
    match op {
        Op::Fwd => Ok(layer::forward::<C>(shape, engine)),
        Op::Fwdbwd => Ok(layer::forward_backward::<C>(shape, engine)),
        Op::Train => Ok(layer::training_step::<C>(shape, engine)),
        _ => bail!("{} has no time", op.name()),
    }
}

fn main() -> ExitCode {
    let Options { arguments, engine } = Options::parse();
    match benches::program::run(&Ours(engine), &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sequence: {error:#}");
            ExitCode::FAILURE
        }
    }
}
