//! Graphs: boxes with text, joined by arrows.

use std::path::Path;

use anyhow::{Context, ensure};
use plotters::style::RGBColor;

use super::svg::{Anchor, Svg, TEXT, TITLE, width};
use super::{INK, PAPER};
use crate::files;

/// A box of a [`Graph`].
#[derive(Clone, Debug, PartialEq)]
pub struct Box {
    /// Its column and row in the grid; halves are between two.
    pub place: (f64, f64),
    /// Its lines of text.
    pub lines: Vec<String>,
    /// The colour of its border.
    pub colour: RGBColor,
}

/// An arrow of a [`Graph`].
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// The number of the box it starts from.
    pub from: usize,
    /// The number of the box it leads to.
    pub to: usize,
    /// What is written beside it.
    pub label: String,
    /// Its colour.
    pub colour: RGBColor,
}

/// A picture of boxes on a grid, joined by arrows; as large as its grid.
///
/// ```
/// use lessons::plot::Graph;
///
/// # fn main() -> anyhow::Result<()> {
/// let mut graph = Graph::new("A product");
/// let [a, b] = [(0.0, "a = 2"), (1.0, "b = 3")].map(|(row, text)| graph.node((0.0, row), &[text]));
/// let c = graph.node((1.0, 0.5), &["×", "c = 6"]);
/// graph.arrow(a, c, "");
/// graph.arrow(b, c, "");
/// assert!(graph.svg()?.contains("c = 6"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// What the figure shows.
    pub title: String,
    /// The boxes.
    pub boxes: Vec<Box>,
    /// The arrows, each between two boxes.
    pub arrows: Vec<Arrow>,
    /// The distance between two columns beyond a box's width, in pixels.
    pub gap: i32,
}

/// Free space around the graph, in pixels.
const MARGIN: i32 = 14;
/// How far apart two arrows between the same boxes are, in pixels.
const APART: f64 = 14.0;

impl Graph {
    /// An empty graph with its title.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), gap: 26, ..Self::default() }
    }

    /// Adds a box and returns its number.
    pub fn node(&mut self, place: (f64, f64), lines: &[&str]) -> usize {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        self.boxes.push(Box { place, lines, colour: INK });
        self.boxes.len() - 1
    }

    /// Adds an arrow with its label, which may be empty.
    pub fn arrow(&mut self, from: usize, to: usize, label: &str) {
        self.arrows.push(Arrow { from, to, label: label.to_owned(), colour: INK });
    }

    /// Writes the graph as an SVG file, whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`Graph::svg`], or if the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let svg = self.svg().with_context(|| format!("{} cannot be drawn", path.display()))?;
        files::write(path, svg.as_bytes())
    }

    /// The graph as the text of an SVG file.
    ///
    /// # Errors
    ///
    /// If it has no boxes, a place that is not finite or left of or above the grid, or an arrow from or
    /// to a box that is not there.
    pub fn svg(&self) -> anyhow::Result<String> {
        ensure!(!self.boxes.is_empty(), "the graph has no boxes");
        for (i, &Box { place: (column, row), .. }) in self.boxes.iter().enumerate() {
            let inside = |x: f64| (0.0..=1000.0).contains(&x);
            ensure!(inside(column) && inside(row), "box {i} is at ({column}, {row}), off the grid");
        }
        for &Arrow { from, to, .. } in &self.arrows {
            let count = self.boxes.len();
            ensure!(
                from.max(to) < count,
                "an arrow from {from} to {to} joins no two of {count} boxes"
            );
            ensure!(from != to, "an arrow leads from box {from} to itself");
        }
        let texts = || self.boxes.iter().flat_map(|node| &node.lines);
        let wide = texts().map(|line| width(line)).max().unwrap_or(0) + 12;
        let tall = self.boxes.iter().map(|node| self.height(node)).max().unwrap_or(0);
        let pitch = (wide + self.gap, tall + 16);
        let top = if self.title.is_empty() { MARGIN } else { 2 * MARGIN + TITLE };
        let centre = |node: &Box| {
            let (column, row) = node.place;
            let x = f64::from(MARGIN + wide / 2) + column * f64::from(pitch.0);
            let y = f64::from(top + tall / 2) + row * f64::from(pitch.1);
            (x.round() as i32, y.round() as i32)
        };
        let right = self.boxes.iter().map(|node| centre(node).0).max().unwrap_or(0) + wide / 2;
        let bottom = self.boxes.iter().map(|node| centre(node).1).max().unwrap_or(0) + tall / 2;
        let right = right.max(width(&self.title) * TITLE / TEXT);

        let mut svg = Svg::new((right + MARGIN, bottom + MARGIN), &self.title);
        for (i, arrow) in self.arrows.iter().enumerate() {
            let Arrow { from, to, label, colour } = arrow;
            // Arrows between the same two boxes lie side by side.
            let same = |other: &&Arrow| (other.from, other.to) == (*from, *to);
            let before = self.arrows[..i].iter().filter(same).count() as f64;
            let all = self.arrows.iter().filter(same).count() as f64;
            let aside = APART * (before - (all - 1.0) / 2.0);
            let (from, to) = (&self.boxes[*from], &self.boxes[*to]);
            let ends = beside(centre(from), centre(to), aside);
            let start = border(ends.0, ends.1, (wide, self.height(from)));
            let end = border(ends.1, ends.0, (wide, self.height(to)));
            svg.arrow(start, end, *colour);
            let middle = ((start.0 + end.0) / 2, (start.1 + end.1) / 2);
            let level = (end.0 - start.0).abs() >= (end.1 - start.1).abs();
            if !label.is_empty() && level {
                svg.text((middle.0, middle.1 - 5), label, TEXT, Anchor::Middle, *colour);
            } else if !label.is_empty() {
                svg.text((middle.0 + 6, middle.1 + 4), label, TEXT, Anchor::Start, *colour);
            }
        }
        for node in &self.boxes {
            let ((x, y), height) = (centre(node), self.height(node));
            svg.rect((x - wide / 2, y - height / 2), (wide, height), PAPER, node.colour);
            for (i, line) in node.lines.iter().enumerate() {
                let y = y - height / 2 + 4 + TEXT + i as i32 * line_height();
                svg.text((x, y), line, TEXT, Anchor::Middle, node.colour);
            }
        }
        Ok(svg.finish())
    }

    fn height(&self, node: &Box) -> i32 {
        10 + node.lines.len() as i32 * line_height()
    }
}

fn line_height() -> i32 {
    TEXT * 5 / 4
}

/// The two ends of a line, moved aside.
fn beside(start: (i32, i32), end: (i32, i32), by: f64) -> ((i32, i32), (i32, i32)) {
    let (dx, dy) = (f64::from(end.0 - start.0), f64::from(end.1 - start.1));
    let length = dx.hypot(dy).max(1.0);
    let (x, y) = ((-by * dy / length).round() as i32, (by * dx / length).round() as i32);
    ((start.0 + x, start.1 + y), (end.0 + x, end.1 + y))
}

/// Where the line from the centre of a box towards a point leaves the box.
fn border(centre: (i32, i32), towards: (i32, i32), (wide, tall): (i32, i32)) -> (i32, i32) {
    let (dx, dy) = (f64::from(towards.0 - centre.0), f64::from(towards.1 - centre.1));
    let across = f64::from(wide) / 2.0 / dx.abs();
    let down = f64::from(tall) / 2.0 / dy.abs();
    let share = across.min(down).min(1.0); // infinite for a line along the other axis
    let moved = |from: i32, by: f64| (f64::from(from) + share * by).round() as i32;
    (moved(centre.0, dx), moved(centre.1, dy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_to_nowhere_is_refused() {
        let mut graph = Graph::new("");
        graph.node((0.0, 0.0), &["a"]);
        graph.arrow(0, 1, "");
        let refusal = graph.svg().unwrap_err().to_string();
        assert_eq!(refusal, "an arrow from 0 to 1 joins no two of 1 boxes");
    }

    #[test]
    fn a_place_off_the_grid_is_refused() {
        let mut graph = Graph::new("");
        graph.node((0.0, f64::NAN), &["a"]);
        assert!(graph.svg().unwrap_err().to_string().starts_with("box 0 is at (0, NaN)"));
    }

    #[test]
    fn arrows_start_and_end_at_the_borders() {
        assert_eq!(border((100, 100), (300, 100), (40, 20)), (120, 100));
        assert_eq!(border((100, 100), (100, 0), (40, 20)), (100, 90));
        assert_eq!(border((100, 100), (200, 200), (40, 20)), (110, 110));
    }

    #[test]
    fn two_arrows_between_the_same_boxes_lie_side_by_side() {
        assert_eq!(beside((0, 0), (10, 0), 7.0), ((0, 7), (10, 7)));
        assert_eq!(beside((0, 0), (0, 10), 7.0), ((-7, 0), (-7, 10)));
    }

    #[test]
    fn text_is_escaped() {
        let mut graph = Graph::new("a < b");
        graph.node((0.0, 0.0), &["x & y"]);
        let svg = graph.svg().expect("it can be drawn");
        assert!(svg.contains("a &lt; b") && svg.contains("x &amp; y"), "{svg}");
    }
}
