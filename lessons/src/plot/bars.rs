//! Stacked bars: what each of several parts adds to each of several sums.

use std::path::Path;

use anyhow::{Context, ensure};

use super::svg::{Anchor, Svg, TEXT, TITLE, width};
use super::{Axis, GRID, INK, PAPER, SERIES, SIZE};
use crate::files;

/// A chart of stacked bars: parts above zero are stacked upwards, parts below it downwards.
///
/// ```
/// use lessons::plot::Bars;
///
/// # fn main() -> anyhow::Result<()> {
/// let mut bars = Bars::new("Where the time goes", "lesson", "seconds");
/// bars.labels = ["1", "2"].map(str::to_owned).to_vec();
/// bars.part("building", &[3.0, 4.0]);
/// bars.part("running", &[1.0, 0.5]);
/// assert!(bars.svg()?.contains("running"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// What the figure shows.
    pub title: String,
    /// The name of the horizontal axis.
    pub x_label: String,
    /// The name of the vertical axis, with its unit.
    pub y_label: String,
    /// What is written below each bar.
    pub labels: Vec<String>,
    /// The parts, each with its name and its size in each bar; at most as many as there are colours.
    pub parts: Vec<(String, Vec<f64>)>,
}

/// Free space around the chart, in pixels.
const MARGIN: i32 = 12;

impl Bars {
    /// An empty chart with its title and the names of its axes.
    pub fn new(title: &str, x_label: &str, y_label: &str) -> Self {
        let [title, x_label, y_label] = [title, x_label, y_label].map(str::to_owned);
        Self { title, x_label, y_label, ..Self::default() }
    }

    /// Adds a part, with its size in each bar, on top of those that are there.
    pub fn part(&mut self, name: &str, sizes: &[f64]) {
        self.parts.push((name.to_owned(), sizes.to_vec()));
    }

    /// Writes the chart as an SVG file, whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`Bars::svg`], or if the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let svg = self.svg().with_context(|| format!("{} cannot be drawn", path.display()))?;
        files::write(path, svg.as_bytes())
    }

    /// The chart as the text of an SVG file.
    ///
    /// # Errors
    ///
    /// If there is nothing to draw, more parts than colours, a part without a size for each bar, or a
    /// size that is not finite.
    pub fn svg(&self) -> anyhow::Result<String> {
        let (bars, colours) = (self.labels.len(), SERIES.len());
        ensure!(bars > 0 && !self.parts.is_empty(), "the chart has no bars");
        ensure!(
            self.parts.len() <= colours,
            "{} parts cannot be told apart; draw at most {colours}",
            self.parts.len()
        );
        for (name, sizes) in &self.parts {
            ensure!(
                sizes.len() == bars,
                "the part `{name}` has {} sizes for {bars} bars",
                sizes.len()
            );
            ensure!(
                sizes.iter().all(|size| size.is_finite()),
                "the part `{name}` has a size that is not finite"
            );
        }
        let sum = |bar: usize, sign: f64| {
            let sizes = self.parts.iter().map(|(_, sizes)| sizes[bar] * sign);
            sign * sizes.filter(|&size| size > 0.0).sum::<f64>()
        };
        let ends = (0..bars).flat_map(|bar| [sum(bar, 1.0), sum(bar, -1.0)]);
        let axis = Axis::new(ends, false, true)?;

        let size = (SIZE.0 as i32, SIZE.1 as i32);
        let names = self.parts.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let ticks = axis.ticks.iter().map(|tick| width(&tick.1)).max().unwrap_or(0);
        let (left, right) = (2 * MARGIN + TEXT + ticks, size.0 - 3 * MARGIN - TEXT - names);
        let (top, bottom) = (3 * MARGIN + TITLE + TEXT, size.1 - MARGIN - 3 * TEXT);
        ensure!(right - left >= 4 * bars as i32, "{bars} bars with such long names have no room");
        let height = |y: f64| {
            let share = (y - axis.ends.start) / (axis.ends.end - axis.ends.start);
            bottom - (share * f64::from(bottom - top)).round() as i32
        };

        let mut svg = Svg::new(size, &self.title);
        svg.text((MARGIN, top - MARGIN), &self.y_label, TEXT, Anchor::Start, INK);
        for (tick, text) in &axis.ticks {
            let y = height(*tick);
            svg.line((left, y), (right, y), GRID);
            svg.text((left - 6, y + TEXT / 3), text, TEXT, Anchor::End, INK);
        }
        let pitch = f64::from(right - left) / bars as f64;
        let stride = (0..bars).map(|bar| width(&self.labels[bar]) + 8).max().unwrap_or(0);
        let stride = (f64::from(stride) / pitch).ceil().max(1.0) as usize;
        for (bar, label) in self.labels.iter().enumerate() {
            let middle = f64::from(left) + (bar as f64 + 0.5) * pitch;
            let [from, to] = [-0.4, 0.4].map(|side| (middle + side * pitch).round() as i32);
            let mut ends = [0.0, 0.0]; // above and below zero
            for ((_, sizes), colour) in self.parts.iter().zip(SERIES) {
                let end = &mut ends[usize::from(sizes[bar] < 0.0)];
                let next = *end + sizes[bar];
                let [a, b] = [height(*end), height(next)];
                if a != b {
                    svg.rect((from, a.min(b)), (to - from, (a - b).abs()), colour, PAPER);
                }
                *end = next;
            }
            if bar % stride == 0 {
                let place = (middle.round() as i32, bottom + TEXT + 4);
                svg.text(place, label, TEXT, Anchor::Middle, INK);
            }
        }
        svg.line((left, height(0.0)), (right, height(0.0)), INK);
        svg.text(((left + right) / 2, size.1 - MARGIN), &self.x_label, TEXT, Anchor::Middle, INK);
        // The names in the order in which the parts lie on each other, the first lowest.
        let mut y = (top + bottom) / 2 + self.parts.len() as i32 * TEXT * 3 / 4;
        for ((name, _), colour) in self.parts.iter().zip(SERIES) {
            svg.rect((right + MARGIN, y - TEXT + 2), (TEXT - 2, TEXT - 2), colour, PAPER);
            svg.text((right + MARGIN + TEXT + 2, y), name, TEXT, Anchor::Start, colour);
            y -= TEXT * 3 / 2;
        }
        Ok(svg.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> Bars {
        Bars { labels: ["1", "2"].map(str::to_owned).to_vec(), ..Bars::new("t", "x", "y") }
    }

    #[track_caller]
    fn check_refused(bars: &Bars, reason: &str) {
        let refusal = bars.svg().unwrap_err().to_string();
        assert!(refusal.contains(reason), "{refusal}");
    }

    #[test]
    fn a_part_has_a_finite_size_for_each_bar() {
        let mut chart = bars();
        check_refused(&chart, "no bars");
        chart.part("one", &[1.0]);
        check_refused(&chart, "the part `one` has 1 sizes for 2 bars");
        chart.parts[0].1.push(f64::INFINITY);
        check_refused(&chart, "not finite");
    }

    #[test]
    fn parts_below_zero_are_stacked_downwards() {
        let mut chart = bars();
        chart.part("up", &[1.0, 2.0]);
        chart.part("down", &[-1.0, 0.0]);
        let svg = chart.svg().expect("it can be drawn");
        let rects = svg.matches("<rect").count();
        assert_eq!(rects, 1 + 3 + 2, "the paper, the parts that are not 0, and the names: {svg}");
    }
}
