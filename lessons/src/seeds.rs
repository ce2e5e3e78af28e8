//! One result from three seeds or more: the median is asserted, the spread is shown.

use std::fmt;

/// The least, the middle and the largest of some results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub low: f64,
    /// The one between the others.
    pub median: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    /// Of results in any order, mostly three; of an even number, the median is the upper of the two in the middle.
    ///
    /// ```
    /// use lessons::seeds::Spread;
    ///
    /// let spread = Spread::of([0.97, 1.0, 0.98]);
    /// assert_eq!(spread.median, 0.98);
    /// assert_eq!(format!("{spread:.2}"), "0.98 (0.97 to 1.00)");
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no result.
    #[track_caller]
    pub fn of(results: impl Into<Vec<f64>>) -> Self {
        let mut results = results.into();
        assert!(!results.is_empty(), "the spread of no results");
        results.sort_by(f64::total_cmp);
        let [low, high] = [results[0], results[results.len() - 1]];
        Self { low, median: results[results.len() / 2], high }
    }

    /// The least and the largest, written with so many decimals.
    pub fn range(&self, decimals: usize) -> String {
        format!("{:.decimals$} to {:.decimals$}", self.low, self.high)
    }
}

/// `median (low to high)`, with the precision asked for, two decimals if none is.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(2);
        write!(f, "{:.decimals$} ({})", self.median, self.range(decimals))
    }
}
