//! The few SVG elements that bars and graphs are made of, in whole pixels.

use std::fmt::Write;

use plotters::style::RGBColor;

use super::{INK, PAPER, hex};

/// A figure in the making.
pub(super) struct Svg {
    size: (i32, i32),
    body: String,
}

/// Where a text stands, seen from its place.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The size of a text in pixels; one and a half times as much from line to line.
pub(super) const TEXT: i32 = 13;
/// The size of a title.
pub(super) const TITLE: i32 = 16;

/// The width of a text, estimated: there is no font to ask.
pub(super) fn width(text: &str) -> i32 {
    text.chars().count() as i32 * TEXT * 3 / 5
}

impl Svg {
    /// An empty figure with its title, on paper.
    pub(super) fn new(size: (i32, i32), title: &str) -> Self {
        let mut svg = Self { size, body: String::new() };
        svg.rect((0, 0), size, PAPER, PAPER);
        if !title.is_empty() {
            svg.text((12, 12 + TITLE), title, TITLE, Anchor::Start, INK);
        }
        svg
    }

    /// A rectangle from its upper left corner.
    pub(super) fn rect(
        &mut self,
        (x, y): (i32, i32),
        (w, h): (i32, i32),
        fill: RGBColor,
        stroke: RGBColor,
    ) {
        let [fill, stroke] = [hex(fill), hex(stroke)];
        self.element(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\" stroke=\"{stroke}\"/>"
        ));
    }

    pub(super) fn line(&mut self, (x1, y1): (i32, i32), (x2, y2): (i32, i32), colour: RGBColor) {
        let stroke = hex(colour);
        self.element(format_args!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{stroke}\"/>"
        ));
    }

    /// A line with a head at its end.
    pub(super) fn arrow(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor) {
        self.line(from, to, colour);
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = dx.hypot(dy).max(1.0);
        let (dx, dy) = (dx / length, dy / length);
        let corner = |side: f64| {
            let x = f64::from(to.0) - 7.0 * dx - side * 3.5 * dy;
            let y = f64::from(to.1) - 7.0 * dy + side * 3.5 * dx;
            format!("{},{}", x.round(), y.round())
        };
        let (left, right, fill) = (corner(1.0), corner(-1.0), hex(colour));
        let (x, y) = to;
        self.element(format_args!("<polygon points=\"{x},{y} {left} {right}\" fill=\"{fill}\"/>"));
    }

    /// A text whose baseline is at this place.
    pub(super) fn text(
        &mut self,
        (x, y): (i32, i32),
        text: &str,
        size: i32,
        anchor: Anchor,
        colour: RGBColor,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (fill, text) = (hex(colour), escape(text));
        self.element(format_args!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-family=\"sans-serif\" font-size=\"{size}\" fill=\"{fill}\">{text}</text>"
        ));
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }

    pub(super) fn finish(self) -> String {
        let Self { size: (w, h), body } = self;
        format!(
            "<svg width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" xmlns=\"http://www.w3.org/2000/svg\">\n{body}</svg>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
