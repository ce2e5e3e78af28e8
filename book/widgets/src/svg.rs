//! SVG as text, in the colours of the page's theme.

use std::fmt::{Arguments, Write};

/// A colour of the theme, by what it is for. `book/theme/book.css` defines each for every theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(&'static str);

pub(crate) const INK: Colour = Colour("--plot-ink");
pub(crate) const QUIET: Colour = Colour("--plot-baseline");
pub(crate) const GRID: Colour = Colour("--plot-grid");
pub(crate) const BLUE: Colour = Colour("--plot-1");
pub(crate) const ORANGE: Colour = Colour("--plot-2");
pub(crate) const GREEN: Colour = Colour("--plot-3");
pub(crate) const VIOLET: Colour = Colour("--plot-4");

/// Where a text stands, seen from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The width of every picture: what a telephone shows at three quarters of its size.
pub(crate) const WIDTH: f64 = 440.0;
/// The size of a text, so that a telephone shows it eleven pixels high.
pub(crate) const TEXT: f64 = 15.0;

/// A picture in the making.
pub(crate) struct Svg {
    height: f64,
    body: String,
}

impl Svg {
    pub(crate) fn new(height: f64) -> Self {
        Self { height, body: String::new() }
    }

    fn element(&mut self, element: Arguments<'_>) {
        self.body.write_fmt(element).expect("a string takes all text");
    }

    pub(crate) fn line(
        &mut self,
        [x1, y1]: [f64; 2],
        [x2, y2]: [f64; 2],
        Colour(stroke): Colour,
        width: f64,
    ) {
        self.element(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             style=\"stroke:var({stroke})\" stroke-width=\"{width}\"/>"
        ));
    }

    /// A curve through points.
    pub(crate) fn curve(&mut self, points: &[[f64; 2]], Colour(stroke): Colour) {
        let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        self.element(format_args!(
            "<polyline points=\"{}\" fill=\"none\" style=\"stroke:var({stroke})\" stroke-width=\"2\"/>",
            points.join(" ")
        ));
    }

    pub(crate) fn dot(&mut self, [x, y]: [f64; 2], r: f64, Colour(fill): Colour) {
        self.element(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\" style=\"fill:var({fill})\"/>"
        ));
    }

    /// A rectangle filled as strongly as `opacity` says, with a frame of the full colour.
    pub(crate) fn bar(
        &mut self,
        [x, y]: [f64; 2],
        [w, h]: [f64; 2],
        Colour(colour): Colour,
        opacity: f64,
    ) {
        self.element(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"3\" \
             style=\"fill:var({colour});stroke:var({colour})\" fill-opacity=\"{opacity:.2}\"/>"
        ));
    }

    /// A line with a head at its end.
    pub(crate) fn arrow(&mut self, from: [f64; 2], to: [f64; 2], colour: Colour) {
        self.line(from, to, colour, 1.5);
        self.head(from, to, colour);
    }

    /// From one place to another at the same x, around the left, with a head at its end.
    pub(crate) fn arc(&mut self, [x, from]: [f64; 2], to: f64, bend: f64, colour: Colour) {
        let Colour(stroke) = colour;
        let left = x - bend;
        self.element(format_args!(
            "<path d=\"M{x:.1} {from:.1}C{left:.1} {from:.1} {left:.1} {to:.1} {x:.1} {to:.1}\" fill=\"none\" \
             style=\"stroke:var({stroke})\" stroke-width=\"1.5\"/>"
        ));
        self.head([left, to], [x, to], colour);
    }

    fn head(&mut self, from: [f64; 2], [x, y]: [f64; 2], Colour(fill): Colour) {
        let (dx, dy) = (x - from[0], y - from[1]);
        let length = libm::hypot(dx, dy).max(1.0);
        let (dx, dy) = (7.0 * dx / length, 7.0 * dy / length);
        let [a, b] = [0.5, -0.5].map(|side| [x - dx - side * dy, y - dy + side * dx]);
        self.element(format_args!(
            "<polygon points=\"{x:.1},{y:.1} {:.1},{:.1} {:.1},{:.1}\" style=\"fill:var({fill})\"/>",
            a[0], a[1], b[0], b[1]
        ));
    }

    /// A text whose baseline is at this place.
    pub(crate) fn text(&mut self, place: [f64; 2], anchor: Anchor, colour: Colour, text: &str) {
        self.words(place, anchor, "sans-serif", &[(colour, text)]);
    }

    /// A text of figures that stand in columns, in pieces of different colours.
    pub(crate) fn digits(&mut self, place: [f64; 2], pieces: &[(Colour, &str)]) {
        self.words(place, Anchor::Start, "monospace", pieces);
    }

    fn words(&mut self, [x, y]: [f64; 2], anchor: Anchor, font: &str, pieces: &[(Colour, &str)]) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.element(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-family=\"{font}\" \
             font-size=\"{TEXT}\" xml:space=\"preserve\">"
        ));
        for (Colour(fill), text) in pieces {
            self.element(format_args!(
                "<tspan style=\"fill:var({fill})\">{}</tspan>",
                escape(text)
            ));
        }
        self.element(format_args!("</text>"));
    }

    /// The element, with what it shows as a sentence.
    pub(crate) fn finish(self, says: &str) -> String {
        let Self { height, body } = self;
        format!(
            "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">{body}</svg>",
            escape(says)
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
