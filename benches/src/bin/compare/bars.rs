//! What must hold, and whether it does.

use benches::{Case, Cell, Op};

use crate::results::{GIST, OURS, Results, TORCH, geometric_mean};
use crate::table::{rendered, two_digits};

/// What a figure must be.
#[derive(Clone, Copy)]
enum Want {
    AtLeast(f64),
    AtMost(f64),
}

/// A bar, and what was found.
struct Bar {
    what: String,
    want: Want,
    /// None if it was not measured.
    found: Option<f64>,
}

impl Bar {
    fn at_least(what: impl Into<String>, want: f64, found: Option<f64>) -> Self {
        Self { what: what.into(), want: Want::AtLeast(want), found }
    }

    fn at_most(what: impl Into<String>, want: f64, found: Option<f64>) -> Self {
        Self { what: what.into(), want: Want::AtMost(want), found }
    }

    fn met(&self) -> Option<bool> {
        self.found.map(|found| match self.want {
            Want::AtLeast(want) => found >= want,
            Want::AtMost(want) => found <= want,
        })
    }
}

/// The bars, each met, missed or not measured.
pub(crate) fn report(results: &Results, markdown: bool) -> String {
    let header = ["bar", "wanted", "found", "met"].map(String::from).to_vec();
    let mut rows = vec![header];
    let bars = bars(results);
    for bar in &bars {
        let wanted = match bar.want {
            Want::AtLeast(want) => format!("≥ {}", two_digits(want)),
            Want::AtMost(want) => format!("≤ {}", two_digits(want)),
        };
        let found = bar.found.map_or_else(String::new, two_digits);
        let met = match bar.met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        rows.push(vec![bar.what.clone(), wanted, found, met.to_string()]);
    }
    let met = bars.iter().filter(|bar| bar.met() == Some(true)).count();
    format!("{}\n{met} of {} bars are met.", rendered(&rows, markdown), bars.len())
}

fn least(numbers: &[f64]) -> Option<f64> {
    numbers.iter().copied().reduce(f64::min)
}

fn bars(results: &Results) -> Vec<Bar> {
    let layers = results.layers();
    // A number of each case of an operation, of some cells.
    let each = |op: Op, cells: &[Cell], number: &dyn Fn(&Case) -> Option<f64>| -> Vec<f64> {
        let cases = layers.iter().filter(|(cell, _, case)| case.op == op && cells.contains(cell));
        cases.filter_map(|(_, _, case)| number(case)).collect()
    };
    let ratios =
        |op, cells: &[Cell], names: &[&str]| each(op, cells, &|case| results.ratio(case, names));
    let mut bars = Vec::new();

    for (op, mean, every) in [(Op::Fwdbwd, 3.0, 1.1), (Op::Train, 3.0, 1.05), (Op::Fwd, 2.0, 1.0)] {
        let found = ratios(op, &Cell::ALL, &TORCH);
        let name = op.name();
        let what = format!("{name}: × torch, geometric mean of {}", found.len());
        bars.push(Bar::at_least(what, mean, geometric_mean(&found)));
        bars.push(Bar::at_least(format!("{name}: × torch, the least"), every, least(&found)));
        if op == Op::Fwdbwd {
            let found = ratios(op, &[Cell::Rnn, Cell::Gru], &TORCH);
            let what = format!("{name}: × torch, the least of RNN and GRU");
            bars.push(Bar::at_least(what, 1.4, least(&found)));
        }
    }
    for (peer, mean) in [("candle", 8.0), ("burn", 6.0)] {
        let found = ratios(Op::Fwdbwd, &Cell::ALL, &[peer]);
        let what = format!("fwdbwd: × {peer}, geometric mean of {}", found.len());
        bars.push(Bar::at_least(what, mean, geometric_mean(&found)));
        bars.push(Bar::at_least(format!("fwdbwd: × {peer}, the least"), 2.0, least(&found)));
    }

    let share = |case: &Case| results.share_of_floor(case);
    let found = each(Op::Fwdbwd, &Cell::ALL, &share);
    bars.push(Bar::at_least(
        "fwdbwd: share of the floor, geometric mean",
        0.75,
        geometric_mean(&found),
    ));
    let wide = |case: &Case| case.shape.filter(|shape| shape.hidden_size >= 256).and(share(case));
    let found = each(Op::Fwdbwd, &Cell::ALL, &wide);
    let what = "fwdbwd: share of the floor, geometric mean where H ≥ 256";
    bars.push(Bar::at_least(what, 0.80, geometric_mean(&found)));

    for op in [Op::Fwd, Op::Fwdbwd] {
        let scaling =
            |case: &Case| case.shape.filter(|shape| shape.batch >= 16).and(results.scaling(case));
        let what = format!("{}: two threads × one, the least where B ≥ 16", op.name());
        bars.push(Bar::at_least(what, 1.7, least(&each(op, &Cell::ALL, &scaling))));
    }

    let what = "min-char-rnn: × NumPy's gist at its better precision";
    bars.push(Bar::at_least(what, 10.0, results.ratio(&Case::CHARLM, &GIST)));
    for (op, what, want) in [
        (Op::ChainTensor, "an operation on 4 × 4, forward and backward, ns", 100.0),
        (Op::ChainScalar, "a scalar node, forward and backward, ns", 40.0),
    ] {
        bars.push(Bar::at_most(what, want, results.chain(op)));
    }
    let memory: Vec<f64> = results
        .memory_cases()
        .iter()
        .filter_map(|case| Some(results.memory(case, OURS)? / results.memory(case, "torch")?))
        .collect();
    let most = memory.iter().copied().reduce(f64::max);
    bars.push(Bar::at_most("peak memory over torch's, the most", 1.0, most));
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{SHAPE, turn};

    #[test]
    fn a_bar_is_met_missed_or_not_measured() {
        let mut results = Results::default();
        for (cell, torch) in [(Cell::Rnn, 130.0), (Cell::Lstm, 1_000.0)] {
            let case = Case::layer(cell, SHAPE, Op::Fwdbwd);
            results.add(turn(OURS, case, 1, 180.0));
            results.add(turn(OURS, case, 2, 100.0));
            results.add(turn("torch", case, 1, torch));
        }
        let text = report(&results, true);
        for line in [
            "| fwdbwd: × torch, geometric mean of 2 | ≥ 3.00 | 3.61 | met |",
            "| fwdbwd: × torch, the least | ≥ 1.10 | 1.30 | met |",
            "| fwdbwd: × torch, the least of RNN and GRU | ≥ 1.40 | 1.30 | missed |",
            "| fwdbwd: two threads × one, the least where B ≥ 16 | ≥ 1.70 | 1.80 | met |",
            "| fwdbwd: × burn, the least | ≥ 2.00 |  | not measured |",
            "| peak memory over torch's, the most | ≤ 1.00 |  | not measured |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
