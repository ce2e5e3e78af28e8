//! The tables: times, ratios, shares of the floor.

use std::fmt::Write;

use benches::probe::Limits;
use benches::{Case, Op};

use crate::results::{BATCHED, GIST, OURS, Results, TORCH, geometric_mean};

/// All tables that there are figures for.
pub(crate) fn tables(results: &Results, markdown: bool) -> String {
    let mut text = String::new();
    let tables = [
        ("", limits(results)),
        (
            "Microseconds, the least of all turns; the ratios are the peer's time over ours",
            times(results),
        ),
        ("Peak memory of a training step, MiB", memory(results)),
        ("", small(results)),
    ];
    for (title, rows) in tables.into_iter().filter(|(_, rows)| rows.len() > 1) {
        if !title.is_empty() {
            let _ = writeln!(text, "{title}:\n");
        }
        let _ = writeln!(text, "{}", rendered(&rows, markdown));
    }
    text
}

/// Rows below a header, in columns or as Markdown.
pub(crate) fn rendered(rows: &[Vec<String>], markdown: bool) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        if markdown {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if number == 0 {
                let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
            }
        } else {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
    text
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).to_vec()
}

/// What stands where there is no figure.
fn or_blank(cell: Option<String>) -> String {
    cell.unwrap_or_default()
}

/// Three digits, thousands with a k.
fn microseconds(us: f64) -> String {
    match us {
        us if us < 99.5 => format!("{us:.1}"),
        us if us < 9_999.5 => format!("{us:.0}"),
        us if us < 99_950.0 => format!("{:.1}k", us / 1e3),
        us => format!("{:.0}k", us / 1e3),
    }
}

pub(crate) fn two_digits(x: f64) -> String {
    if x < 9.995 { format!("{x:.2}") } else { format!("{x:.1}") }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn limits(results: &Results) -> Vec<Vec<String>> {
    let mut rows = vec![row(["limit, the best of all probes", "one core", "both"])];
    if let Some(Limits { one, all, .. }) = results.limits {
        for (name, one, all) in [
            ("FMA f32, GFLOP/s", one.fma_gflops, all.fma_gflops),
            ("read from L2, GB/s", one.l2_gbs, all.l2_gbs),
            ("read from L3, GB/s", one.l3_gbs, all.l3_gbs),
        ] {
            rows.push(vec![name.to_string(), format!("{one:.0}"), format!("{all:.0}")]);
        }
    }
    rows
}

fn times(results: &Results) -> Vec<Vec<String>> {
    let mut rows = vec![row([
        "T,B,I,H",
        "cell",
        "op",
        "ours 1t",
        "ours 2t",
        "torch 1t",
        "torch 2t",
        "no oneDNN",
        "candle",
        "burn",
        "× torch",
        "× candle",
        "× burn",
        "of the floor",
        "1t / 2t",
    ])];
    let layers = results.layers();
    for (cell, shape, case) in &layers {
        let time = |names: &[&str]| or_blank(results.time(case, names).map(microseconds));
        let on = |names: &[&str], threads| {
            or_blank(results.time_on(case, names, threads).map(microseconds))
        };
        let ratio = |names: &[&str]| or_blank(results.ratio(case, names).map(two_digits));
        rows.push(vec![
            shape.to_string(),
            cell.name().to_string(),
            case.op.name().to_string(),
            on(&[OURS], 1),
            on(&[OURS], 2),
            on(&["torch"], 1),
            on(&["torch"], 2),
            time(&["torch-no-onednn"]),
            time(&["candle"]),
            time(&["burn"]),
            ratio(&TORCH),
            ratio(&["candle"]),
            ratio(&["burn"]),
            or_blank(results.share_of_floor(case).map(percent)),
            or_blank(results.scaling(case).map(two_digits)),
        ]);
    }
    for op in Op::LAYER {
        let of_op: Vec<&Case> =
            layers.iter().map(|(_, _, case)| case).filter(|c| c.op == op).collect();
        let mean = |number: &dyn Fn(&Case) -> Option<f64>| {
            geometric_mean(&of_op.iter().filter_map(|case| number(case)).collect::<Vec<_>>())
        };
        if of_op.is_empty() {
            continue;
        }
        let mut cells = row(["geometric mean", "", op.name(), "", "", "", "", "", "", ""]);
        for names in [&TORCH[..], &["candle"], &["burn"]] {
            cells.push(or_blank(mean(&|case| results.ratio(case, names)).map(two_digits)));
        }
        cells.push(or_blank(mean(&|case| results.share_of_floor(case)).map(percent)));
        cells.push(or_blank(mean(&|case| results.scaling(case)).map(two_digits)));
        rows.push(cells);
    }
    rows
}

fn memory(results: &Results) -> Vec<Vec<String>> {
    let mut rows = vec![row(["T,B,I,H", "cell", "ours", "torch", "ours / torch"])];
    for case in results.memory_cases() {
        let (Some(cell), Some(shape)) = (case.cell, case.shape) else { continue };
        let [ours, torch] = [OURS, "torch"].map(|name| results.memory(&case, name));
        let mib = |mib: Option<f64>| or_blank(mib.map(|mib| format!("{mib:.1}")));
        let ratio = ours.zip(torch).map(|(ours, torch)| two_digits(ours / torch));
        let (shape, cell) = (shape.to_string(), cell.name().to_string());
        rows.push(vec![shape, cell, mib(ours), mib(torch), or_blank(ratio)]);
    }
    rows
}

fn small(results: &Results) -> Vec<Vec<String>> {
    let mut rows = vec![row(["what", "ours", "NumPy's gist", "NumPy, batched"])];
    let characters = |names: &[&str]| Some(format!("{:.1}k", results.characters(names)? / 1e3));
    if let Some(ours) = characters(&[OURS]) {
        let [gist, batched] = [GIST, BATCHED].map(|names| or_blank(characters(&names)));
        rows.push(vec!["min-char-rnn, characters a second".into(), ours, gist, batched]);
    }
    for (op, name) in
        [(Op::ChainTensor, "an operation on 4 × 4, ns"), (Op::ChainScalar, "a scalar node, ns")]
    {
        if let Some(ns) = results.chain(op) {
            rows.push(vec![name.into(), format!("{ns:.1}"), String::new(), String::new()]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use benches::Cell;

    use super::*;
    use crate::results::tests::{SHAPE, turn};

    #[test]
    fn a_row_has_times_and_ratios_and_the_means_stand_below() {
        let mut results = Results::default();
        for (cell, torch) in [(Cell::Rnn, 2_000.0), (Cell::Gru, 8_000.0)] {
            let case = Case::layer(cell, SHAPE, Op::Fwd);
            results.add(turn(OURS, case, 1, 1_800.0));
            results.add(turn(OURS, case, 2, 1_000.0));
            results.add(turn("torch", case, 2, torch));
        }
        let text = tables(&results, true);
        let row =
            "| 35,20,128,128 | gru | fwd | 1800 | 1000 |  | 8000 |  |  |  | 8.00 |  |  |  | 1.80 |";
        assert!(text.contains(row), "{text}");
        let means = "| geometric mean |  | fwd |  |  |  |  |  |  |  | 4.00 |  |  |  | 1.80 |";
        assert!(text.contains(means), "{text}");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [row(["a", "b"]), row(["long", "c"])];
        assert_eq!(rendered(&rows, false), "a     b\nlong  c\n");
        assert_eq!(rendered(&rows, true), "| a | b |\n|---|---|\n| long | c |\n");
    }

    #[test]
    fn large_times_are_short() {
        let found = [12.34, 456.7, 12_345.0, 123_456.0].map(microseconds);
        assert_eq!(found, ["12.3", "457", "12.3k", "123k"]);
    }
}
