//! Pictures that are no charts: rectangles, lines, circles and text, as SVG.
//!
//! The colours are those of [`plot`](crate::plot), so that whoever shows a picture can exchange them.
//! No font is needed: text is left to whatever shows it.

use std::fmt::Write;
use std::path::Path;

use plotters::style::RGBColor;

use crate::files;
use crate::plot::PAPER;

/// Where a text stands beside its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A picture, drawn from the back to the front. Coordinates are pixels, from the top left corner.
///
/// ```
/// use lessons::figure::{Anchor, Drawing};
/// use lessons::plot::{INK, SERIES};
///
/// let mut drawing = Drawing::new(200, 100);
/// drawing.rect([10.0, 10.0], [180.0, 80.0], SERIES[0], 0.2);
/// drawing.text([100.0, 50.0], Anchor::Middle, 14, INK, "a < b");
/// assert!(drawing.svg().contains("a &lt; b"));
/// ```
#[derive(Clone, Debug)]
pub struct Drawing {
    size: [u32; 2],
    body: String,
}

impl Drawing {
    /// An empty picture of this width and height.
    pub fn new(width: u32, height: u32) -> Self {
        let mut drawing = Self { size: [width, height], body: String::new() };
        drawing.rect([0.0; 2], [width, height].map(f64::from), PAPER, 1.0);
        drawing
    }

    /// A rectangle without a border, by its top left corner and its size; opacity 0 cannot be seen, 1 hides
    /// what is below. It is drawn in whole pixels, so that no line is seen where two meet.
    pub fn rect(&mut self, [x, y]: [f64; 2], [w, h]: [f64; 2], colour: RGBColor, opacity: f64) {
        let fill = hex(colour);
        self.push(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill="{fill}" fill-opacity="{opacity}" shape-rendering="crispEdges"/>"#
        ));
    }

    /// The border of a rectangle.
    pub fn frame(&mut self, [x, y]: [f64; 2], [w, h]: [f64; 2], colour: RGBColor, width: f64) {
        let stroke = hex(colour);
        self.push(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill="none" stroke="{stroke}" stroke-width="{width}"/>"#
        ));
    }

    /// A straight line.
    pub fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], colour: RGBColor, width: f64) {
        let stroke = hex(colour);
        self.push(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{stroke}" stroke-width="{width}"/>"#
        ));
    }

    /// A filled circle, by its centre.
    pub fn circle(&mut self, [x, y]: [f64; 2], radius: f64, colour: RGBColor) {
        let fill = hex(colour);
        self.push(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius:.1}" fill="{fill}"/>"#
        ));
    }

    /// A text, its height centred on the point.
    pub fn text(
        &mut self,
        [x, y]: [f64; 2],
        anchor: Anchor,
        size: u32,
        colour: RGBColor,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (fill, text) = (hex(colour), escaped(text));
        // Baseline below the middle by about a third of the height: understood by every viewer.
        let y = y + 0.35 * f64::from(size);
        self.push(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-family="sans-serif" font-size="{size}" fill="{fill}">{text}</text>"#
        ));
    }

    /// The picture as the text of an SVG file.
    pub fn svg(&self) -> String {
        let ([width, height], body) = (self.size, &self.body);
        format!(
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n{body}</svg>\n"
        )
    }

    /// Writes the picture as an SVG file, whole or not at all.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        files::write(path, self.svg().as_bytes())
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes everything");
    }
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
