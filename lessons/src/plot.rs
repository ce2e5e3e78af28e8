//! Line charts, stacked bars and graphs as SVG files, the same bytes for the same numbers.
//!
//! In a line chart, each line's name stands at its end, in its colour, so that no legend has to be looked up. No font
//! is needed: text is left to whatever shows the figure.

mod bars;
mod graph;
mod svg;

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, ensure};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub use bars::Bars;
pub use graph::{Arrow, Box, Graph};

use crate::files;

/// The colours of lines, in the order of use: on white each is dark enough to read text in.
pub const SERIES: [RGBColor; 6] = [
    RGBColor(0x1D, 0x5F, 0xA8), // blue
    RGBColor(0xC2, 0x41, 0x0C), // orange
    RGBColor(0x15, 0x80, 0x3D), // green
    RGBColor(0x7E, 0x3A, 0xB5), // purple
    RGBColor(0xBE, 0x18, 0x5D), // pink
    RGBColor(0x7A, 0x4B, 0x12), // brown
];
/// Title, axes and their labels.
pub const INK: RGBColor = RGBColor(0x26, 0x2B, 0x33);
/// Baselines and their names.
pub const BASELINE: RGBColor = RGBColor(0x5F, 0x67, 0x73);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xE3, 0xE6, 0xEA);
/// The background.
pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// A figure's width and height on the page, in pixels.
const SIZE: (u32, u32) = (680, 400);
/// Plotters rounds to whole pixels, so everything is drawn this much larger and then scaled down.
const SCALE: u32 = 3;
/// Text sizes in drawn pixels.
const TITLE_TEXT: u32 = 16 * SCALE;
const TEXT: u32 = 13 * SCALE;

/// One line: points in the order in which they are joined, and the name written at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name.
    pub name: String,
    /// The points (x, y).
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line with this name through these points.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points }
    }
}

/// A horizontal dashed line to compare with, and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The name.
    pub name: String,
    /// The height.
    pub y: f64,
}

/// A chart of lines over two axes.
///
/// ```
/// use lessons::plot::{LineChart, Series};
///
/// # fn main() -> anyhow::Result<()> {
/// let points = (1..=100).map(|step| (step as f64, 4.0 / step as f64)).collect();
/// let mut chart = LineChart::new("A loss that falls", "step", "bits per character");
/// chart.series.push(Series::new("training", points));
/// chart.baseline("a guess", 2.0);
/// chart.log_y = true;
/// # let folder = tempfile::tempdir()?;
/// chart.write(&folder.path().join("loss.svg"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// What the figure shows.
    pub title: String,
    /// The name of the horizontal axis, with its unit.
    pub x_label: String,
    /// The name of the vertical axis, with its unit.
    pub y_label: String,
    /// The lines, at most as many as there are colours.
    pub series: Vec<Series>,
    /// What to compare them with.
    pub baselines: Vec<Baseline>,
    /// Whether equal distances along the horizontal axis are equal ratios.
    pub log_x: bool,
    /// Whether equal distances along the vertical axis are equal ratios.
    pub log_y: bool,
}

impl LineChart {
    /// An empty chart with its title and the names of its axes.
    pub fn new(title: &str, x_label: &str, y_label: &str) -> Self {
        let [title, x_label, y_label] = [title, x_label, y_label].map(str::to_owned);
        Self { title, x_label, y_label, ..Self::default() }
    }

    /// Adds a horizontal line to compare with.
    pub fn baseline(&mut self, name: &str, y: f64) {
        self.baselines.push(Baseline { name: name.to_owned(), y });
    }

    /// Writes the chart as an SVG file, whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`LineChart::svg`], or if the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let svg = self.svg().with_context(|| format!("{} cannot be drawn", path.display()))?;
        files::write(path, svg.as_bytes())
    }

    /// The chart as the text of an SVG file.
    ///
    /// # Errors
    ///
    /// If there is nothing to draw, too much to tell apart, or a number that has no place: one that
    /// is not finite, or is not above 0 on a logarithmic axis.
    pub fn svg(&self) -> anyhow::Result<String> {
        self.check()?;
        let points = || self.series.iter().flat_map(|line| &line.points);
        let heights = self.baselines.iter().map(|line| line.y);
        let x = Axis::new(points().map(|point| point.0), self.log_x, false)?;
        let y = Axis::new(points().map(|point| point.1).chain(heights), self.log_y, true)?;

        let mut svg = String::new();
        self.draw(&x, &y, &mut svg)?;
        let [size, drawn] =
            [SIZE, drawn()].map(|(width, height)| format!("width=\"{width}\" height=\"{height}\""));
        let line = format!("stroke=\"{}\"", hex(BASELINE));
        let dashes = format!("{line} stroke-dasharray=\"{} {}\"", 6 * SCALE, 4 * SCALE);
        Ok(svg.replacen(&drawn, &size, 1).replace(&line, &dashes))
    }

    fn check(&self) -> anyhow::Result<()> {
        let colours = SERIES.len();
        ensure!(!self.series.is_empty(), "the chart has no series");
        for count in [self.series.len(), self.baselines.len()] {
            ensure!(count <= colours, "{count} lines cannot be told apart; draw at most {colours}");
        }
        for Series { name, points } in &self.series {
            ensure!(!points.is_empty(), "the series `{name}` has no points");
            for (i, &(x, y)) in points.iter().enumerate() {
                check_number(x, self.log_x)
                    .and_then(|()| check_number(y, self.log_y))
                    .with_context(|| format!("point {i} of the series `{name}` is ({x}, {y})"))?;
            }
        }
        for Baseline { name, y } in &self.baselines {
            check_number(*y, self.log_y)
                .with_context(|| format!("the baseline `{name}` is at {y}"))?;
        }
        Ok(())
    }

    /// The names at the right of the chart, their heights as numbers, and their colours.
    fn names(&self) -> Vec<(&str, f64, RGBColor)> {
        let ends = self.series.iter().zip(SERIES).filter_map(|(line, colour)| {
            line.points.last().map(|&(_, y)| (line.name.as_str(), y, colour))
        });
        let baselines = self.baselines.iter().map(|line| (line.name.as_str(), line.y, BASELINE));
        ends.chain(baselines).collect()
    }

    fn draw(&self, x: &Axis, y: &Axis, svg: &mut String) -> anyhow::Result<()> {
        let names = self.names();
        let name_width = names.iter().map(|(name, ..)| width(name)).max().unwrap_or(0);
        let tick_width = y.ticks.iter().map(|tick| width(&tick.1)).max().unwrap_or(0);
        let (across, _) = drawn();
        ensure!(name_width <= across / 3, "a series or baseline has too long a name");

        let root = SVGBackend::with_string(svg, drawn()).into_drawing_area();
        root.fill(&PAPER)?;
        let title = font(TITLE_TEXT, INK).pos(Pos::new(HPos::Left, VPos::Top));
        root.draw(&Text::new(self.title.as_str(), (MARGIN, MARGIN), title))?;

        let mut chart = ChartBuilder::on(&root)
            .margin(MARGIN)
            .margin_top(2 * MARGIN + TITLE_TEXT as i32)
            .margin_right(2 * MARGIN + name_width as i32)
            .x_label_area_size(3 * TEXT)
            .y_label_area_size(tick_width + 2 * TEXT)
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID.stroke_width(SCALE))
            .axis_style(INK.stroke_width(SCALE))
            .set_tick_mark_size(LabelAreaPosition::Bottom, X_TICK)
            .label_style(font(TEXT, INK))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .draw()?;

        let Range { start: left, end: right } = x.range();
        for Baseline { y: height, .. } in &self.baselines {
            let ends = [(left, *height), (right, *height)];
            chart.draw_series(LineSeries::new(ends, BASELINE.stroke_width(SCALE)))?;
        }
        for (line, colour) in self.series.iter().zip(SERIES) {
            if let &[point] = &line.points[..] {
                chart.draw_series([Circle::new(point, 3 * SCALE, colour.filled())])?;
            }
            let points = line.points.iter().copied();
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2 * SCALE)))?;
        }

        // Each name in the right margin, beside the end of its line or as near as the others allow.
        let area = chart.plotting_area();
        let ends: Vec<(i32, i32)> =
            names.iter().map(|name| area.map_coordinate(&(right, name.1))).collect();
        let (_, rows) = area.get_pixel_range();
        let rows = f64::from(rows.start)..f64::from(rows.end);
        let wanted: Vec<f64> = ends.iter().map(|end| f64::from(end.1)).collect();
        let places = push_apart(&wanted, 1.15 * f64::from(TEXT), rows);
        for ((&(name, _, colour), &end), place) in names.iter().zip(&ends).zip(places) {
            let place = (end.0 + MARGIN, place.round() as i32);
            root.draw(&PathElement::new([end, place], colour.stroke_width(SCALE)))?;
            let style = font(TEXT, colour).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(name, (place.0 + MARGIN / 4, place.1), style))?;
        }
        root.present()?;
        Ok(())
    }
}

/// The distance between the parts of a chart, in drawn pixels.
const MARGIN: i32 = 12 * SCALE as i32;
/// The length of the marks below the horizontal axis. Plotters puts the numbers twice as far below it: there they are
/// clear of the lowest number of the vertical axis, of which half hangs into the corner.
const X_TICK: u32 = TEXT / 3;

fn drawn() -> (u32, u32) {
    (SIZE.0 * SCALE, SIZE.1 * SCALE)
}

/// Plotters writes a font's size divided by 1.24.
fn font(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", f64::from(size) * 1.24).into_font().color(&colour)
}

/// The width of a text in drawn pixels, estimated: there is no font to ask.
fn width(text: &str) -> u32 {
    text.chars().count() as u32 * TEXT * 3 / 5
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn check_number(x: f64, log: bool) -> anyhow::Result<()> {
    ensure!(x.is_finite(), "only finite numbers can be drawn");
    ensure!(!log || x > 0.0, "a logarithmic axis has only numbers above 0");
    Ok(())
}

/// One axis: where a number is drawn, and which are written beside it.
#[derive(Clone, Debug)]
struct Axis {
    log: bool,
    /// Its ends, as places: the numbers themselves, or their decimal logarithms.
    ends: Range<f64>,
    /// The numbers at its ticks, and how they are written.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis on which these numbers have their places; its ends are ticks if it is `rounded`.
    fn new(numbers: impl Iterator<Item = f64>, log: bool, rounded: bool) -> anyhow::Result<Self> {
        let places = numbers.map(|x| if log { x.log10() } else { x });
        let (mut low, mut high) = places
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        ensure!((high - low).is_finite(), "from {low:e} to {high:e} is too far for one axis");
        if high - low <= 1e-9 * high.abs() {
            // All the same: some room on both sides, so that there is an axis at all.
            let room = if log || high == 0.0 { 0.5 } else { high.abs() / 2.0 };
            (low, high) = (low - room, high + room);
        }
        Ok(if log {
            Self::logarithmic(low, high, rounded)
        } else {
            Self::linear(low, high, rounded)
        })
    }

    /// Ticks at the multiples of 1, 2 or 5 times a power of ten, about six of them.
    fn linear(low: f64, high: f64, rounded: bool) -> Self {
        let rough = (high - low) / 6.0;
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].map(|step| step * unit).into_iter().find(|&step| step >= rough);
        let step = step.unwrap_or(10.0 * unit);
        let (first, last) = if rounded {
            ((low / step).floor(), (high / step).ceil())
        } else {
            ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor())
        };
        let ticks = (0..=(last - first) as usize).map(|i| (first + i as f64) * step);
        let ticks = ticks.map(|tick| (tick, number(tick, step))).collect();
        let ends = if rounded { first * step..last * step } else { low..high };
        Self { log: false, ends, ticks }
    }

    /// Ticks at powers of ten, at most nine of them; where those would be few, at 1, 2 and 5 times
    /// each. The ends are ticks if the axis is `rounded`, or if fewer than two ticks lie between them.
    fn logarithmic(low: f64, high: f64, rounded: bool) -> Self {
        let stride = ((high - low) / 8.0).ceil();
        let multiples = if high - low < 2.0 { &[1.0_f64, 2.0, 5.0][..] } else { &[1.0] };
        let decades = (low.floor() as i32..=(high + stride).ceil() as i32).step_by(stride as usize);
        let ticks: Vec<(f64, String)> = decades
            .flat_map(|decade| multiples.iter().map(move |multiple| (multiple, 10f64.powi(decade))))
            .map(|(multiple, unit)| (multiple * unit, number(multiple * unit, unit)))
            .collect();
        let between = |tick: &f64| (low - 1e-9..=high + 1e-9).contains(&tick.log10());
        let inside: Vec<_> = ticks.iter().filter(|(tick, _)| between(tick)).cloned().collect();
        if !rounded && inside.len() >= 2 {
            return Self { log: true, ends: low..high, ticks: inside };
        }
        let place = |i: usize| ticks[i].0.log10();
        let last = (0..ticks.len()).find(|&i| place(i) >= high - 1e-9).unwrap_or(ticks.len() - 1);
        let first = (0..last).rfind(|&i| place(i) <= low + 1e-9).unwrap_or(0);
        Self { log: true, ends: place(first)..place(last), ticks: ticks[first..=last].to_vec() }
    }

    fn place(&self, x: f64) -> f64 {
        if self.log { x.log10() } else { x }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, x: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (self.place(*x) - self.ends.start) / (self.ends.end - self.ends.start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let light = hint.weight().allow_light_points();
        self.ticks.iter().map(|tick| tick.0).filter(|_| !light).collect()
    }

    fn range(&self) -> Range<f64> {
        match (&self.ends, self.log) {
            (ends, false) => ends.clone(),
            (ends, true) => 10f64.powf(ends.start)..10f64.powf(ends.end),
        }
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(tick: &f64) -> String {
        tick.to_string()
    }

    fn format_ext(&self, tick: &f64) -> String {
        let written = self.ticks.iter().find(|(number, _)| number == tick);
        written.map_or_else(|| Self::format(tick), |(_, text)| text.clone())
    }
}

/// `x` with as many digits as tell it from `x + step`.
fn number(x: f64, step: f64) -> String {
    let exponent = |x: f64| (x.abs().log10() + 1e-9).floor();
    if x.abs() < step / 2.0 {
        "0".to_owned()
    } else if x.abs() < 1e6 && step > 3e-4 {
        format!("{x:.*}", (-exponent(step)).max(0.0) as usize)
    } else {
        format!("{x:.*e}", (exponent(x) - exponent(step)).max(0.0) as usize)
    }
}

/// The places nearest to the wanted ones, by the sum of squares, that keep their order, are at least
/// `gap` apart, and lie in `rows` if there is room for all.
///
/// With the gaps subtracted, order is all that is asked for, and neighbours out of order share their
/// mean: isotonic regression.
fn push_apart(wanted: &[f64], gap: f64, rows: Range<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut groups: Vec<(f64, usize)> = Vec::new(); // mean and size
    for (i, &k) in order.iter().enumerate() {
        let mut group = (wanted[k] - i as f64 * gap, 1);
        while let Some(above) = groups.pop_if(|above| above.0 > group.0) {
            let size = above.1 + group.1;
            let sum = above.0 * above.1 as f64 + group.0 * group.1 as f64;
            group = (sum / size as f64, size);
        }
        groups.push(group);
    }
    let last = wanted.len().saturating_sub(1) as f64;
    let places = groups.into_iter().flat_map(|(mean, size)| std::iter::repeat_n(mean, size));
    let mut apart = vec![0.0; wanted.len()];
    for (i, (k, place)) in order.into_iter().zip(places).enumerate() {
        let place = place.min(rows.end - last * gap).max(rows.start);
        apart[k] = place + i as f64 * gap;
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, points: &[(f64, f64)]) -> LineChart {
        let series = vec![Series::new(name, points.to_vec())];
        LineChart { series, ..LineChart::default() }
    }

    #[track_caller]
    fn check_refused(chart: LineChart, reason: &str) {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let refusal = format!("{:#}", chart.write(&scratch.path().join("chart.svg")).unwrap_err());
        assert!(refusal.contains(reason), "{refusal}");
        let files = std::fs::read_dir(scratch.path()).expect("it can be listed").count();
        assert_eq!(files, 0, "a refused chart writes nothing");
    }

    #[test]
    fn a_point_that_is_not_finite_is_refused_by_name() {
        let reason = "point 1 of the series `loss` is (1, NaN): only finite numbers can be drawn";
        check_refused(line("loss", &[(0.0, 1.0), (1.0, f64::NAN)]), reason);
    }

    #[test]
    fn a_series_without_points_is_refused_by_name() {
        check_refused(line("loss", &[]), "the series `loss` has no points");
    }

    #[test]
    fn a_chart_without_series_is_refused() {
        check_refused(LineChart::default(), "no series");
    }

    #[test]
    fn zero_is_refused_on_a_logarithmic_axis() {
        let chart = LineChart { log_y: true, ..line("loss", &[(1.0, 0.0)]) };
        check_refused(chart, "a logarithmic axis has only numbers above 0");
    }

    #[test]
    fn numbers_at_the_two_ends_of_the_float_range_are_refused() {
        check_refused(line("loss", &[(0.0, -1e308), (1.0, 1e308)]), "too far for one axis");
    }

    #[test]
    fn any_finite_numbers_give_an_axis_with_two_ticks_at_least() {
        let sizes = [0.0_f64, 1e-300, 1e-9, 0.3, 1.0, 7.0, 1e6, 1e300];
        for (low, high) in sizes.iter().flat_map(|&a| sizes.map(|b| (a, b))) {
            let kinds = [(false, true), (false, false), (true, true), (true, false)];
            for (log, rounded) in kinds.into_iter().filter(|(log, _)| !log || low.min(high) > 0.0) {
                let numbers = [low, high].into_iter();
                let axis = Axis::new(numbers, log, rounded).expect("they are finite");
                assert!(
                    (2..=14).contains(&axis.ticks.len()),
                    "{low} {high} {log}: {:?}",
                    axis.ticks
                );
                let Range { start, end } = axis.ends;
                let inside = start - 1e-9..=end + 1e-9 * end.abs().max(1.0);
                assert!([low, high].iter().all(|&x| inside.contains(&axis.place(x))));
            }
        }
    }

    #[test]
    fn an_axis_that_is_not_rounded_ends_where_its_numbers_do() {
        let axis = Axis::new([2.0, 1501.0].into_iter(), true, false).expect("they are finite");
        assert_eq!(axis.ends, 2f64.log10()..1501f64.log10());
        assert_eq!(axis.ticks.iter().map(|tick| tick.1.as_str()).collect::<String>(), "101001000");
    }

    #[test]
    fn ticks_are_written_with_the_digits_they_need() {
        let labels = |low: f64, high: f64, log| {
            let axis = Axis::new([low, high].into_iter(), log, true).expect("they are finite");
            axis.ticks.into_iter().map(|tick| tick.1).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(1.9, 4.3, false), "1.5 2.0 2.5 3.0 3.5 4.0 4.5");
        assert_eq!(labels(-200.0, 1000.0, false), "-200 0 200 400 600 800 1000");
        assert_eq!(labels(0.0, 3e7, false), "0 5e6 1.0e7 1.5e7 2.0e7 2.5e7 3.0e7");
        assert_eq!(labels(1.9, 4.3, true), "1 2 5");
        assert_eq!(labels(1e-12, 1e-1, true), "1e-12 1e-10 1e-8 1e-6 1e-4 0.01 1");
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_overlap() {
        let places = push_apart(&[300.0, 305.0, 100.0, 306.0], 40.0, 0.0..1000.0);
        assert_eq!(places[2], 100.0, "a name with room around it stays at its line");
        let mut places = places;
        places.sort_by(f64::total_cmp);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 40.0 - 1e-9), "{places:?}");
    }

    #[test]
    fn names_stay_inside_the_chart() {
        let places = push_apart(&[995.0, 998.0, 999.0], 40.0, 0.0..1000.0);
        assert_eq!(places, [920.0, 960.0, 1000.0]);
    }

    #[test]
    fn two_drawings_of_one_chart_are_the_same_bytes() {
        let chart = line("loss", &[(0.0, 3.0), (10.0, 1.0)]);
        assert_eq!(chart.svg().expect("it can be drawn"), chart.svg().expect("it can be drawn"));
    }

    #[test]
    fn text_is_escaped() {
        let svg = line("a < b & c", &[(0.0, 1.0)]).svg().expect("it can be drawn");
        assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
    }
}
