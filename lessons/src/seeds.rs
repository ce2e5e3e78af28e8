//! One result from three seeds: the median is asserted, the spread is shown.

use std::fmt;

/// The least, the middle and the largest of three results.
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
    /// Of three results in any order.
    ///
    /// ```
    /// use lessons::seeds::Spread;
    ///
    /// let spread = Spread::of([0.97, 1.0, 0.98]);
    /// assert_eq!(spread.median, 0.98);
    /// assert_eq!(format!("{spread:.2}"), "0.98 (0.97 to 1.00)");
    /// ```
    pub fn of(mut results: [f64; 3]) -> Self {
        results.sort_by(f64::total_cmp);
        let [low, median, high] = results;
        Self { low, median, high }
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
