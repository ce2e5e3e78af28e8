//! One figure, one line of JSON.
//!
//! ```text
//! {"impl":"ours","cell":"lstm","T":50,"B":32,"I":128,"H":256,"op":"fwdbwd","threads":2,
//!  "median_us":…,"min_us":…,"reps":…}
//! ```

use serde::{Deserialize, Serialize};

use crate::case::Case;

/// What was found of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Whose figure it is: ours, torch, torch-no-onednn, candle, burn, numpy-gist-f64 and so on.
    #[serde(rename = "impl")]
    pub implementation: String,
    /// What was measured.
    #[serde(flatten)]
    pub case: Case,
    /// How many threads it might use.
    pub threads: usize,
    /// What was found.
    #[serde(flatten)]
    pub found: Found,
}

/// A time or an amount of memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Found {
    /// The time of one repetition.
    Time {
        /// Its median, in microseconds.
        median_us: f64,
        /// Its least, in microseconds.
        min_us: f64,
        /// How many were timed, all of them warm.
        reps: usize,
        /// Which way was the fastest, where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<String>,
    },
    /// The most memory.
    Memory {
        /// In MiB, above what was resident before.
        mib: f64,
    },
}

impl Figure {
    /// The least time in microseconds, if it is a time.
    pub fn min_us(&self) -> Option<f64> {
        match self.found {
            Found::Time { min_us, .. } => Some(min_us),
            Found::Memory { .. } => None,
        }
    }

    /// Of two figures of one case, the better of both: the least of each number. Repetitions are added.
    pub fn better(self, other: Self) -> Self {
        let found = match (self.found, other.found) {
            (Found::Memory { mib: a }, Found::Memory { mib: b }) => Found::Memory { mib: a.min(b) },
            (
                Found::Time { median_us: median_a, min_us: min_a, reps: reps_a, way: way_a },
                Found::Time { median_us: median_b, min_us: min_b, reps: reps_b, way: way_b },
            ) => Found::Time {
                median_us: median_a.min(median_b),
                min_us: min_a.min(min_b),
                reps: reps_a + reps_b,
                way: if min_a <= min_b { way_a } else { way_b },
            },
            (found, _) => found,
        };
        Self { found, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Cell, Op, Shape};

    #[test]
    fn a_line_comes_back_as_it_was() {
        let case = Case::layer(Cell::Lstm, Shape::new(50, 32, 128, 256), Op::Fwdbwd);
        let found = Found::Time { median_us: 2.5, min_us: 2.0, reps: 7, way: None };
        let figure = Figure { implementation: "ours".into(), case, threads: 2, found };
        let line = serde_json::to_string(&figure).expect("a line");
        assert_eq!(
            line,
            r#"{"impl":"ours","cell":"lstm","T":50,"B":32,"I":128,"H":256,"op":"fwdbwd","threads":2,"median_us":2.5,"min_us":2.0,"reps":7}"#
        );
        assert_eq!(serde_json::from_str::<Figure>(&line).expect("a figure"), figure);
        let memory = Figure { found: Found::Memory { mib: 1.5 }, ..figure };
        let line = serde_json::to_string(&memory).expect("a line");
        assert_eq!(serde_json::from_str::<Figure>(&line).expect("a figure"), memory);
    }

    #[test]
    fn of_two_turns_the_least_is_kept() {
        let time = |median_us, min_us, way: &str| Figure {
            implementation: "burn".into(),
            case: Case::CHARLM,
            threads: 1,
            found: Found::Time { median_us, min_us, reps: 5, way: Some(way.into()) },
        };
        let better = time(9.0, 5.0, "module").better(time(8.0, 6.0, "hoisted"));
        let found =
            Found::Time { median_us: 8.0, min_us: 5.0, reps: 10, way: Some("module".into()) };
        assert_eq!(better.found, found);
    }
}
