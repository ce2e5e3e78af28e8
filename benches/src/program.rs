//! A program that measures: its arguments, its lines, and how it answers while it runs.
//!
//! ```text
//! --shapes … --cells … --ops …    a line for each figure, then the end
//! --serve                         a line for each request on standard input:
//!   {"cell":"gru","T":1,"B":2,"I":3,"H":4,"op":"fwd","budget":0.5,"min_reps":5}
//!   → a figure, or {"error":"…"}
//! ```
//!
//! Memory (`rss`) is always measured in a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Cell, Op, Ops, SHAPES, Shape};
use crate::figure::{Figure, Found};
use crate::memory;
use crate::timing::{Budget, measure};

/// One way to do what a case asks for: a step that is run again and again.
pub struct Way {
    /// What tells it from other ways.
    pub name: &'static str,
    /// The step.
    pub step: Box<dyn FnMut()>,
}

impl Way {
    /// A way of this name.
    pub fn new(name: &'static str, step: impl FnMut() + 'static) -> Self {
        Self { name, step: Box::new(step) }
    }
}

/// Something to be measured.
pub trait Program {
    /// Whose figures they are.
    fn name(&self) -> &str;

    /// Everything made ready for a case, in each way that there is. The first one is that which memory is measured of.
    ///
    /// # Errors
    ///
    /// If it cannot do this.
    fn ways(&self, case: &Case) -> Result<Vec<Way>>;

    /// Further arguments for the process in which memory is measured.
    fn arguments(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What to measure, and how long.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Shapes T,B,I,H, with a semicolon between them.
    #[arg(long, value_delimiter = ';', default_value = SHAPES)]
    pub shapes: Vec<Shape>,
    /// Of rnn, gru, lstm.
    #[arg(long, value_delimiter = ',', default_value = "rnn,gru,lstm")]
    pub cells: Vec<Cell>,
    /// Of fwd, fwdbwd, train, charlm, chain, rss.
    #[arg(long, value_delimiter = ',', default_value = "fwd,fwdbwd,train")]
    pub ops: Vec<Ops>,
    /// How many threads may be used.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 0.5, value_parser = seconds, allow_negative_numbers = true)]
    pub budget: f64,
    /// The fewest repetitions of each figure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub min_reps: u16,
    /// Answers requests on standard input, a line each.
    #[arg(long)]
    pub serve: bool,
    /// Measures memory in this process.
    #[arg(long, hide = true)]
    pub alone: bool,
}

/// A number of seconds.
///
/// # Errors
///
/// If it is none, negative, or more than a day.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err(format!("`{text}` is no time; give seconds from 0 on, as in 0.5")),
    }
}

/// What is asked of a program that serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// What to measure.
    #[serde(flatten)]
    pub case: Case,
    /// Seconds.
    pub budget: f64,
    /// The fewest repetitions.
    pub min_reps: usize,
}

impl Arguments {
    /// What the arguments ask for.
    pub fn cases(&self) -> Vec<Case> {
        let ops: Vec<Op> = self.ops.iter().flat_map(|ops| ops.0.clone()).collect();
        Case::all(&self.shapes, &self.cells, &ops)
    }
}

/// Measures what the arguments ask for, a line each on standard output.
///
/// The threads are those of rayon's global pool, of which the calling thread is one.
///
/// # Errors
///
/// If the pool cannot be made, a case cannot be measured, or standard output is closed.
pub fn run(program: &impl Program, arguments: &Arguments) -> Result<()> {
    let threads = usize::from(arguments.threads);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .with_context(|| format!("cannot start {threads} threads"))?;
    let mut out = std::io::stdout().lock();
    let mut meter = Meter { program, arguments, fastest: BTreeMap::new() };
    if arguments.serve {
        for line in std::io::stdin().lock().lines() {
            let line = line.context("cannot read a request")?;
            let answer = meter
                .answer(&line)
                .unwrap_or_else(|error| serde_json::json!({ "error": format!("{error:#}") }));
            writeln!(out, "{answer}").and_then(|()| out.flush()).context("cannot answer")?;
        }
        return Ok(());
    }
    for case in arguments.cases() {
        let (budget, min_reps) = (arguments.budget, usize::from(arguments.min_reps));
        let figure = meter.figure(&Request { case, budget, min_reps })?;
        writeln!(out, "{}", serde_json::to_string(&figure)?).context("cannot write a line")?;
    }
    Ok(())
}

/// A program at work.
struct Meter<'a, P> {
    program: &'a P,
    arguments: &'a Arguments,
    /// The way that was the fastest when a case was measured first; later turns take it at once.
    fastest: BTreeMap<Case, &'static str>,
}

impl<P: Program> Meter<'_, P> {
    fn answer(&mut self, line: &str) -> Result<serde_json::Value> {
        let request = serde_json::from_str(line).with_context(|| format!("no request: {line}"))?;
        Ok(serde_json::to_value(self.figure(&request)?)?)
    }

    fn figure(&mut self, request: &Request) -> Result<Figure> {
        let Self { program, arguments, .. } = *self;
        let case = request.case;
        if case.op == Op::Rss && !arguments.alone {
            return alone(program, arguments, &case);
        }
        let found = match case.op {
            Op::Rss => Found::Memory { mib: peak(program, &case)? },
            _ => self.time(request)?,
        };
        let threads = usize::from(arguments.threads);
        Ok(Figure { implementation: program.name().to_string(), case, threads, found })
    }

    fn time(&mut self, request: &Request) -> Result<Found> {
        let time = Duration::try_from_secs_f64(request.budget)
            .with_context(|| format!("{} is no number of seconds", request.budget))?;
        let budget = Budget { time, min_reps: request.min_reps.max(1) };
        let mut ways = self.program.ways(&request.case)?;
        let several = ways.len() > 1;
        if let Some(&fastest) = self.fastest.get(&request.case) {
            ways.retain(|way| way.name == fastest);
        }
        let (mut found, fastest) = measure(&mut ways, budget);
        self.fastest.insert(request.case, fastest);
        if let Found::Time { way, .. } = &mut found {
            *way = several.then(|| fastest.to_string());
        }
        Ok(found)
    }
}

/// The most memory of training steps, above what the inputs and the parameters take.
fn peak(program: &impl Program, case: &Case) -> Result<f64> {
    let (cell, shape) = case.of_layer()?;
    let first_way = |shape| -> Result<Way> {
        let mut ways = program.ways(&Case::layer(cell, shape, Op::Train))?;
        Ok(ways.swap_remove(0))
    };
    // What is loaded and started at the first step of all.
    (first_way(Shape::new(2, 2, 4, 4))?.step)();
    let mut way = first_way(shape)?;
    memory::peak(|| (0..3).for_each(|_| (way.step)()))
}

/// The memory of a case, from a process that measures nothing else.
fn alone(program: &impl Program, arguments: &Arguments, case: &Case) -> Result<Figure> {
    let (cell, shape) = case.of_layer()?;
    let itself = std::env::current_exe().context("cannot find this program's file")?;
    let output = Command::new(itself)
        .args(["--alone", "--ops", "rss", "--cells", cell.name(), "--shapes", &shape.to_string()])
        .args(["--threads", &arguments.threads.to_string()])
        .args(program.arguments())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start a process of its own for the memory")?;
    if !output.status.success() {
        bail!("the process for the memory of {case} ended with {}", output.status);
    }
    let line = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&line).with_context(|| format!("no figure: {line}"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell as Counter;
    use std::rc::Rc;

    use clap::Parser;

    use super::*;

    /// Two ways, of which one sleeps; both count their runs.
    struct Sleeper([Rc<Counter<usize>>; 2]);

    impl Program for Sleeper {
        fn name(&self) -> &str {
            "sleeper"
        }

        fn ways(&self, _: &Case) -> Result<Vec<Way>> {
            let [slow, fast] = self.0.clone();
            let slow = move || {
                slow.set(slow.get() + 1);
                std::thread::sleep(Duration::from_millis(3));
            };
            Ok(vec![Way::new("slow", slow), Way::new("fast", move || fast.set(fast.get() + 1))])
        }
    }

    #[test]
    fn a_request_is_answered_and_the_second_takes_the_fastest_way_at_once() {
        let sleeper = Sleeper(Default::default());
        let arguments = parse("").expect("no arguments");
        let mut meter =
            Meter { program: &sleeper, arguments: &arguments, fastest: BTreeMap::new() };
        let line = r#"{"cell":"gru","T":1,"B":2,"I":3,"H":4,"op":"fwd","budget":0,"min_reps":6}"#;
        let mut runs_of_slow = Vec::new();
        for _ in 0..2 {
            let answer = meter.answer(line).expect("a figure");
            assert_eq!((&answer["impl"], &answer["way"]), (&"sleeper".into(), &"fast".into()));
            assert_eq!((&answer["T"], &answer["reps"]), (&1.into(), &6.into()));
            runs_of_slow.push(sleeper.0[0].get());
        }
        assert_eq!(runs_of_slow[0], runs_of_slow[1]);
        assert!(meter.answer("{}").is_err());
    }

    #[derive(Parser)]
    struct Test {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(text: &str) -> Result<Arguments, String> {
        let words = std::iter::once("test").chain(text.split_whitespace());
        Test::try_parse_from(words).map(|test| test.arguments).map_err(|e| e.to_string())
    }

    #[test]
    fn lists_are_split_where_they_should_be() {
        let arguments = parse(
            "--threads 2 --shapes 50,32,128,256;64,64,256,512 --cells rnn,lstm --ops fwd,chain",
        );
        let arguments = arguments.expect("arguments");
        assert_eq!((arguments.threads, arguments.shapes.len()), (2, 2));
        assert_eq!(arguments.cases().len(), 2 * 2 + 2);
    }

    #[test]
    fn by_default_all_shapes_and_cells_are_measured() {
        assert_eq!(parse("").expect("no arguments").cases().len(), 6 * 3 * 3);
    }

    #[test]
    fn a_wrong_argument_is_answered_with_a_sentence() {
        for (text, part) in [
            ("--shapes 1,2,3", "give T,B,I,H"),
            ("--cells rnn,elman", "there are rnn, gru and lstm"),
            ("--ops back", "there are fwd, fwdbwd, train"),
            ("--budget -1", "give seconds"),
            ("--budget nan", "give seconds"),
            ("--threads 0", "0 is not in 1.."),
        ] {
            let found = parse(text).expect_err(text);
            assert!(found.contains(part), "{text}: {found}");
        }
    }
}
