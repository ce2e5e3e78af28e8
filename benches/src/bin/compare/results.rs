//! What a run found: the best turn of each figure, and what the machine could do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use benches::floor::floor;
use benches::probe::Limits;
use benches::{Case, Cell, Figure, Found, Op, Shape};
use serde::{Deserialize, Serialize};

/// A line of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    /// A turn.
    Figure(Figure),
    /// A probe.
    Limits {
        /// What it found.
        limits: Limits,
    },
}

/// The best of all turns.
#[derive(Default)]
pub(crate) struct Results {
    best: BTreeMap<(Case, String, usize), Figure>,
    /// The best of all probes.
    pub(crate) limits: Option<Limits>,
}

/// This project, in a line.
pub(crate) const OURS: &str = "ours";

/// PyTorch in both settings.
pub(crate) const TORCH: [&str; 2] = ["torch", "torch-no-onednn"];

/// min-char-rnn as it was written, and with single precision.
pub(crate) const GIST: [&str; 2] = ["numpy-gist-f64", "numpy-gist-f32"];

/// What NumPy can do at once.
pub(crate) const BATCHED: [&str; 2] = ["numpy-batched-f64", "numpy-batched-f32"];

impl Results {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut results = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = serde_json::from_str(line).with_context(|| {
                format!("{}:{}: neither a figure nor a probe", path.display(), number + 1)
            })?;
            results.add(line);
        }
        Ok(results)
    }

    pub(crate) fn add(&mut self, line: Line) {
        match line {
            Line::Limits { limits } => {
                self.limits = Some(self.limits.map_or(limits, |found| found.max(limits)));
            }
            Line::Figure(figure) => {
                let key = (figure.case, figure.implementation.clone(), figure.threads);
                let best = match self.best.remove(&key) {
                    Some(found) => found.better(figure),
                    None => figure,
                };
                self.best.insert(key, best);
            }
        }
    }

    fn figures<'a>(
        &'a self,
        case: &'a Case,
        names: &'a [&str],
    ) -> impl Iterator<Item = &'a Figure> {
        self.best
            .values()
            .filter(move |f| f.case == *case && names.contains(&f.implementation.as_str()))
    }

    /// The least time in microseconds of these implementations at their best number of threads.
    pub(crate) fn time(&self, case: &Case, names: &[&str]) -> Option<f64> {
        self.figures(case, names).filter_map(Figure::min_us).reduce(f64::min)
    }

    /// The least time with so many threads.
    pub(crate) fn time_on(&self, case: &Case, names: &[&str], threads: usize) -> Option<f64> {
        let figures = self.figures(case, names).filter(|figure| figure.threads == threads);
        figures.filter_map(Figure::min_us).reduce(f64::min)
    }

    /// The memory in MiB.
    pub(crate) fn memory(&self, case: &Case, name: &str) -> Option<f64> {
        self.figures(case, &[name]).find_map(|figure| match figure.found {
            Found::Memory { mib } => Some(mib),
            Found::Time { .. } => None,
        })
    }

    /// The time of others as a multiple of this project's, each at its best number of threads.
    pub(crate) fn ratio(&self, case: &Case, names: &[&str]) -> Option<f64> {
        Some(self.time(case, names)? / self.time(case, &[OURS])?)
    }

    /// The floor as a share of this project's time, both with one core or two, whichever is less.
    pub(crate) fn share_of_floor(&self, case: &Case) -> Option<f64> {
        Some(floor(case, self.limits?.best(), 2)? / self.time(case, &[OURS])?)
    }

    /// How many times as fast two threads are as one.
    pub(crate) fn scaling(&self, case: &Case) -> Option<f64> {
        Some(self.time_on(case, &[OURS], 1)? / self.time_on(case, &[OURS], 2)?)
    }

    /// Characters a second of min-char-rnn.
    pub(crate) fn characters(&self, names: &[&str]) -> Option<f64> {
        let steps = Case::CHARLM.shape?.seq_len as f64;
        Some(steps * 1e6 / self.time(&Case::CHARLM, names)?)
    }

    /// Nanoseconds for each operation of this project's chain of them.
    pub(crate) fn chain(&self, op: Op) -> Option<f64> {
        let us = self.time(&Case { cell: None, shape: None, op }, &[OURS])?;
        Some(us * 1e3 / Case::CHAIN as f64)
    }

    /// The cases of layers that this project was timed at: by shape, cell, operation.
    pub(crate) fn layers(&self) -> Vec<(Cell, Shape, Case)> {
        let ours = self.best.values().filter(|figure| figure.implementation == OURS);
        let mut found: Vec<_> = ours
            .filter(|figure| Op::LAYER.contains(&figure.case.op))
            .filter_map(|figure| Some((figure.case.cell?, figure.case.shape?, figure.case)))
            .collect();
        found.sort_by_key(|&(cell, shape, case)| (shape, cell, case.op));
        found.dedup();
        found
    }

    /// The cases of memory.
    pub(crate) fn memory_cases(&self) -> Vec<Case> {
        let mut found: Vec<_> =
            self.best.keys().map(|key| key.0).filter(|case| case.op == Op::Rss).collect();
        found.dedup();
        found
    }
}

/// The geometric mean; none of nothing.
pub(crate) fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let logarithms: f64 = numbers.iter().map(|x| x.ln()).sum();
    (!numbers.is_empty()).then(|| (logarithms / numbers.len() as f64).exp())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SHAPE: Shape = Shape::new(35, 20, 128, 128);

    /// A made-up turn.
    pub(crate) fn turn(name: &str, case: Case, threads: usize, min_us: f64) -> Line {
        let found = Found::Time { median_us: min_us + 1.0, min_us, reps: 5, way: None };
        Line::Figure(Figure { implementation: name.into(), case, threads, found })
    }

    #[test]
    fn each_is_taken_at_its_best_turn_and_number_of_threads() {
        let case = Case::layer(Cell::Gru, SHAPE, Op::Fwdbwd);
        let mut results = Results::default();
        for (name, threads, min_us) in [
            (OURS, 1, 190.0),
            (OURS, 2, 120.0),
            (OURS, 2, 100.0),
            ("torch", 1, 500.0),
            ("torch", 2, 450.0),
            ("torch-no-onednn", 1, 400.0),
            ("candle", 2, 900.0),
        ] {
            results.add(turn(name, case, threads, min_us));
        }
        assert_eq!(results.ratio(&case, &TORCH), Some(4.0));
        assert_eq!(results.ratio(&case, &["torch"]), Some(4.5));
        assert_eq!(results.ratio(&case, &["candle"]), Some(9.0));
        assert_eq!(results.ratio(&case, &["burn"]), None);
        assert_eq!(results.scaling(&case), Some(1.9));
        assert_eq!(results.layers(), [(Cell::Gru, SHAPE, case)]);
    }

    #[test]
    fn the_geometric_mean_of_two_and_eight_is_four() {
        assert!((geometric_mean(&[2.0, 8.0]).expect("two") - 4.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn lines_that_were_written_are_read_again() {
        let case = Case::layer(Cell::Rnn, SHAPE, Op::Fwd);
        let line = serde_json::to_string(&turn(OURS, case, 2, 7.0)).expect("a line");
        assert!(matches!(serde_json::from_str(&line), Ok(Line::Figure(_))), "{line}");
        let limits = Line::Limits { limits: Limits::probe(1) };
        let line = serde_json::to_string(&limits).expect("a line");
        assert!(matches!(serde_json::from_str(&line), Ok(Line::Limits { .. })), "{line}");
    }
}
