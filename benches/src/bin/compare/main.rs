//! This project beside PyTorch, candle, burn and NumPy, in one run.
//!
//! ```text
//! cargo run --release -p benches --bin compare -- --python benches/peers/.venv/bin/python --out compare.jsonl
//! cargo run --release -p benches --bin compare -- --from compare.jsonl --markdown
//! ```
//!
//! Each round goes through the shapes; at each shape the machine's limits are probed, then for each cell and operation
//! every program has its turn, one at a time. The least of a figure's turns counts. `benches/README.md` says how to
//! install the peers and what the columns are.

mod peer;
mod results;
mod table;
mod bars;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::case::{Ops, SHAPES};
use benches::probe::Limits;
use benches::program::{Request, seconds};
use benches::{Case, Cell, Op, Shape};
use clap::Parser;

use peer::{Peer, PeerName};
use results::{Line, Results};

/// Compares this project with its peers and prints the table and the bars.
#[derive(Parser)]
#[command(name = "compare")]
struct Options {
    /// Shapes T,B,I,H, with a semicolon between them.
    #[arg(long, value_delimiter = ';', default_value = SHAPES)]
    shapes: Vec<Shape>,
    /// Of rnn, gru, lstm.
    #[arg(long, value_delimiter = ',', default_value = "rnn,gru,lstm")]
    cells: Vec<Cell>,
    /// Of fwd, fwdbwd, train, charlm, chain, rss.
    #[arg(long, value_delimiter = ',', default_value = "fwd,fwdbwd,train,charlm,chain,rss")]
    ops: Vec<Ops>,
    /// Seconds for each figure in each round.
    #[arg(long, default_value_t = 0.15, value_parser = seconds, allow_negative_numbers = true)]
    budget: f64,
    /// Of torch, torch-no-onednn, candle, burn, numpy; those that are there by default.
    #[arg(long, value_delimiter = ',')]
    peers: Option<Vec<PeerName>>,
    /// How many turns each figure has.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// After so many minutes no turn begins but those of the first round.
    #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u16).range(1..))]
    minutes: u16,
    /// A Python that has torch and numpy.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/.venv/bin/python"))]
    python: PathBuf,
    /// Where the lines go.
    #[arg(long, default_value = "target/compare.jsonl")]
    out: PathBuf,
    /// Prints the tables of an earlier run's lines, and runs nothing.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Prints the tables as Markdown.
    #[arg(long)]
    markdown: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let results = match &options.from {
        Some(path) => Results::read(path)?,
        None => measure(options)?,
    };
    print!("{}", table::tables(&results, options.markdown));
    println!("{}", bars::report(&results, options.markdown));
    Ok(())
}

/// The lines of a run, on their way into a file and into the results.
struct Lines {
    out: BufWriter<File>,
    path: PathBuf,
    results: Results,
}

impl Lines {
    fn create(path: &Path) -> Result<Self> {
        let out = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { out: BufWriter::new(out), path: path.to_path_buf(), results: Results::default() })
    }

    fn add(&mut self, line: Line) -> Result<()> {
        let text = serde_json::to_string(&line)?;
        writeln!(self.out, "{text}")
            .and_then(|()| self.out.flush())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.results.add(line);
        Ok(())
    }
}

fn measure(options: &Options) -> Result<Results> {
    ensure!(
        !cfg!(debug_assertions),
        "times of a debug build say nothing; run compare with `cargo run --release`"
    );
    let start = Instant::now();
    let limit = Duration::from_secs(60 * u64::from(options.minutes));
    let mut peers = peer::start(options.peers.as_deref(), &options.python)?;
    let mut lines = Lines::create(&options.out)?;
    let ops: Vec<Op> = options.ops.iter().flat_map(|ops| ops.0.clone()).collect();
    let timed: Vec<Op> = ops.iter().copied().filter(|&op| op != Op::Rss).collect();
    let layers: Vec<Op> = timed.iter().copied().filter(|op| Op::LAYER.contains(op)).collect();
    let rounds = usize::from(options.rounds);
    let min_reps = 5_usize.div_ceil(rounds);
    let request = |case| Request { case, budget: options.budget, min_reps };

    'rounds: for round in 1..=rounds {
        for &shape in options.shapes.iter().filter(|_| !layers.is_empty()) {
            let limits = Limits::probe(2);
            eprintln!(
                "round {round} of {rounds}, {:3.0} s: {shape}; {:.0} GFLOP/s on one core, {:.0} on both",
                start.elapsed().as_secs_f64(),
                limits.one.fma_gflops,
                limits.all.fma_gflops,
            );
            lines.add(Line::Limits { limits })?;
            for case in Case::all(&[shape], &options.cells, &layers) {
                for peer in peers.iter_mut().filter(|peer| peer.measures(&case)) {
                    if round > 1 && start.elapsed() > limit {
                        eprintln!(
                            "{} minutes are over; the later turns are left out",
                            options.minutes
                        );
                        break 'rounds;
                    }
                    ask(peer, &request(case), &mut lines)?;
                }
            }
        }
        for case in Case::all(&[], &[], &timed) {
            for peer in peers.iter_mut().filter(|peer| peer.measures(&case)) {
                ask(peer, &request(case), &mut lines)?;
            }
        }
    }
    if ops.contains(&Op::Rss) && options.cells.contains(&Cell::Lstm) {
        for case in Case::all(&options.shapes, &[Cell::Lstm], &[Op::Rss]) {
            for peer in peers.iter_mut().filter(|peer| peer.measures(&case)) {
                ask(peer, &request(case), &mut lines)?;
            }
        }
    }
    Ok(lines.results)
}

/// One turn. A peer that cannot do it is said in a sentence and left out; this project is not.
fn ask(peer: &mut Peer, request: &Request, lines: &mut Lines) -> Result<()> {
    match peer.ask(request) {
        Ok(figures) => figures.into_iter().try_for_each(|figure| lines.add(Line::Figure(figure))),
        Err(error) if peer.name == PeerName::Ours => Err(error),
        Err(error) => {
            eprintln!("{error:#}; left out");
            Ok(())
        }
    }
}
