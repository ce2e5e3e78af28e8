//! The programs that are measured: each a process that waits for its turn and answers in lines.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use benches::program::Request;
use benches::{Case, Cell, Figure, Op};
use clap::ValueEnum;

/// Whose figures they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeerName {
    /// This project.
    #[value(skip)]
    Ours,
    /// PyTorch as it comes.
    Torch,
    /// PyTorch without oneDNN's kernel for the LSTM.
    TorchNoOnednn,
    /// candle.
    Candle,
    /// burn.
    Burn,
    /// min-char-rnn.
    Numpy,
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => f.write_str("ours"),
        }
    }
}

/// A program with a number of threads.
pub(crate) struct Peer {
    pub(crate) name: PeerName,
    threads: usize,
    how: How,
}

enum How {
    /// It waits for requests.
    Serving { child: Child, stdin: Option<ChildStdin>, stdout: BufReader<ChildStdout> },
    /// It is started for each turn.
    Once { program: PathBuf, script: PathBuf },
}

/// The folder of the peers' sources.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// All programs that are wanted and there, this project first; what is missing is said on standard error.
pub(crate) fn start(wanted: Option<&[PeerName]>, python: &Path) -> Result<Vec<Peer>> {
    let sequence = build_sequence()?;
    let mut peers = Vec::new();
    for threads in [1, 2] {
        peers.push(Peer::serving(PeerName::Ours, threads, Command::new(&sequence), &[])?);
    }
    use PeerName::{Burn, Candle, Numpy, Torch, TorchNoOnednn};
    for name in [Torch, TorchNoOnednn, Candle, Burn, Numpy] {
        if wanted.is_some_and(|wanted| !wanted.contains(&name)) {
            continue;
        }
        let found = match name {
            Torch => torch(name, python, "on"),
            TorchNoOnednn => torch(name, python, "off"),
            Numpy => numpy(python),
            _ => built(name),
        };
        match found {
            Ok(found) => peers.extend(found),
            Err(missing) => eprintln!("{name} is left out: {missing:#}"),
        }
    }
    Ok(peers)
}

/// Builds `sequence` as this program was built, and returns its file.
fn build_sequence() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "-p", "benches", "--bin", "sequence"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cannot run cargo to build `sequence`")?;
    if !status.success() {
        bail!("`sequence` cannot be built; see above");
    }
    let itself = std::env::current_exe().context("cannot find this program's file")?;
    let file = itself.with_file_name(format!("sequence{}", std::env::consts::EXE_SUFFIX));
    if !file.exists() {
        bail!("there is no {}; run compare from where cargo builds it", file.display());
    }
    Ok(file)
}

fn python_command(python: &Path) -> Result<Command> {
    if !python.exists() {
        bail!(
            "there is no {}; make it with `python3 -m venv benches/peers/.venv` and `benches/peers/.venv/bin/pip install torch numpy`, or name another with --python",
            python.display()
        );
    }
    let mut command = Command::new(python);
    // These choose old kernels of OpenBLAS, slower than those that it would choose itself.
    command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
    Ok(command)
}

/// Whether this Python has a module.
fn has(python: &Path, module: &str) -> Result<()> {
    let check = python_command(python)?
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", python.display()))?;
    if !check.success() {
        bail!("{} cannot import {module}; install it with its pip", python.display());
    }
    Ok(())
}

fn torch(name: PeerName, python: &Path, onednn: &str) -> Result<Vec<Peer>> {
    has(python, "torch")?;
    let each = [1, 2].map(|threads| {
        let mut command = python_command(python)?;
        command.arg(folder().join("torch_sequence.py"));
        Peer::serving(name, threads, command, &["--onednn", onednn])
    });
    each.into_iter().collect()
}

fn numpy(python: &Path) -> Result<Vec<Peer>> {
    has(python, "numpy")?;
    let (program, script) = (python.to_path_buf(), folder().join("numpy_charlm.py"));
    Ok(vec![Peer { name: PeerName::Numpy, threads: 1, how: How::Once { program, script } }])
}

fn built(name: PeerName) -> Result<Vec<Peer>> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let file = folder().join("target/release").join(file);
    if !file.exists() {
        bail!(
            "it is not built; build it with `cargo build --release --manifest-path benches/peers/Cargo.toml`, some ten minutes"
        );
    }
    [1, 2].map(|n| Peer::serving(name, n, Command::new(&file), &[])).into_iter().collect()
}

impl Peer {
    fn serving(
        name: PeerName,
        threads: usize,
        mut command: Command,
        arguments: &[&str],
    ) -> Result<Self> {
        let mut child = command
            .args(["--serve", "--threads", &threads.to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().context("its output cannot be read")?);
        Ok(Self { name, threads, how: How::Serving { child, stdin, stdout } })
    }

    /// Whether this program takes a turn at a case.
    pub(crate) fn measures(&self, case: &Case) -> bool {
        let of_layer = Op::LAYER.contains(&case.op);
        match (self.name, case.op) {
            (PeerName::Numpy, op) => op == Op::Charlm,
            (PeerName::Ours, Op::ChainTensor | Op::ChainScalar) => self.threads == 1,
            (PeerName::Ours | PeerName::Torch, Op::Rss) => self.threads == 2,
            (PeerName::Ours, _) => true,
            (PeerName::TorchNoOnednn, _) => of_layer && case.cell == Some(Cell::Lstm),
            // From 256 units on two threads are faster than one, and a turn takes seconds.
            (PeerName::Candle | PeerName::Burn, _) => {
                let large = case.shape.is_some_and(|shape| shape.hidden_size >= 256);
                of_layer && (self.threads == 2 || !large)
            }
            (PeerName::Torch, _) => of_layer,
        }
    }

    /// One turn.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Vec<Figure>> {
        let Self { name, threads, how } = self;
        let who = || format!("{name} with {threads} threads, {}", request.case);
        match how {
            How::Serving { stdin, stdout, .. } => {
                let stdin = stdin.as_mut().context("its input cannot be written")?;
                let line = serde_json::to_string(request)?;
                writeln!(stdin, "{line}").and_then(|()| stdin.flush()).with_context(who)?;
                let mut answer = String::new();
                stdout.read_line(&mut answer).with_context(who)?;
                Ok(vec![figure(&answer).with_context(who)?])
            }
            How::Once { program, script } => {
                let (budget, reps) = (request.budget.to_string(), request.min_reps.to_string());
                let output = python_command(program)?
                    .arg(script)
                    .args(["--budget", &budget, "--min-reps", &reps])
                    .envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")])
                    .stderr(Stdio::inherit())
                    .output()
                    .with_context(who)?;
                let text = String::from_utf8_lossy(&output.stdout);
                text.lines().map(|line| figure(line).with_context(who)).collect()
            }
        }
    }
}

/// The figure in an answer, or the error that it tells.
fn figure(answer: &str) -> Result<Figure> {
    if answer.is_empty() {
        bail!("it ended without an answer");
    }
    let value: serde_json::Value =
        serde_json::from_str(answer).with_context(|| format!("no JSON: {answer}"))?;
    if let Some(error) = value.get("error") {
        bail!("{}", error.as_str().unwrap_or("an error without words"));
    }
    serde_json::from_value(value).with_context(|| format!("no figure: {answer}"))
}

/// The end of its input is the end of the program.
impl Drop for Peer {
    fn drop(&mut self) {
        if let How::Serving { child, stdin, .. } = &mut self.how {
            drop(stdin.take());
            // It was only measuring: how it ends tells nothing more.
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_figure_or_a_sentence() {
        let line = r#"{"impl":"torch","cell":"gru","T":1,"B":2,"I":3,"H":4,"op":"fwd","threads":1,"median_us":2.0,"min_us":1.5,"reps":9}"#;
        assert_eq!(figure(line).expect("a figure").min_us(), Some(1.5));
        let found = figure(r#"{"error":"no such cell"}"#).expect_err("an error");
        assert_eq!(found.to_string(), "no such cell");
        assert!(figure("").expect_err("an error").to_string().contains("ended"));
        assert!(figure("Traceback").is_err());
    }
}
