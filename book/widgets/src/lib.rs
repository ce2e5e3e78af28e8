//! The live figures of the book.
//!
//! A widget is a function from the values of its controls to a picture. It is used in three ways, by the same code:
//!
//! ```text
//! while the book is built    the picture for the values at first: what paper shows, and a page without scripts
//! in the page                the picture for the values that the reader chose, by WebAssembly
//! in tests                   both, compared
//! ```
//!
//! What a picture shows is computed by `autograd` and `rnn`, which know nothing of it. Its colours are variables of the
//! page's theme.
//!
//! ```
//! let widget = widgets::named("numeric_error").expect("there is one");
//! let picture = widgets::draw(widget, &["-5", "off"]);
//! assert!(picture.svg.starts_with("<svg role=\"img\""));
//! assert_eq!(picture.readings[0], "1.0e-5");
//! ```
//!
//! Not here: the script that listens to the controls (`book/theme/widgets.js`), and how all of it comes into the pages
//! (the crate `book`).

mod control;
mod svg;
mod numeric_error;
mod tape_stepper;
mod hidden_state;
mod bptt_stepper;
#[cfg(target_arch = "wasm32")]
mod page;

pub use control::{Control, Values};
use svg::Svg;

/// A picture that follows its controls.
pub trait Widget: Sync {
    /// What a chapter calls it.
    fn name(&self) -> &'static str;

    /// One or two sentences below the picture, as text: what to do with it.
    fn caption(&self) -> &'static str;

    /// The controls with their values at first.
    fn controls(&self) -> Vec<Control>;

    /// The picture for these values.
    #[doc(hidden)]
    fn paint(&self, values: &Values) -> Painted;
}

/// What a widget hands out: a drawing, what it shows as a sentence, and what each control stands at, as text.
#[doc(hidden)]
pub struct Painted {
    svg: Svg,
    says: String,
    readings: Vec<String>,
}

/// What is to be seen for some values of the controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// An SVG element on one line, with its alternative text.
    pub svg: String,
    /// What each control stands at, for eyes and for screen readers.
    pub readings: Vec<String>,
}

/// All widgets, in the order of the chapters.
pub const ALL: [&dyn Widget; 4] = [
    &numeric_error::NumericError,
    &tape_stepper::TapeStepper,
    &hidden_state::HiddenState,
    &bptt_stepper::BpttStepper,
];

/// The widget called `name`.
pub fn named(name: &str) -> Option<&'static dyn Widget> {
    ALL.into_iter().find(|widget| widget.name() == name)
}

/// The picture for what the controls hold, one text each, in their order.
///
/// A control without a text, or with one that it cannot hold, keeps its value at first.
pub fn draw(widget: &dyn Widget, texts: &[&str]) -> Picture {
    let Painted { svg, says, readings } = widget.paint(&Values::new(widget.controls(), texts));
    Picture { svg: svg.finish(&says), readings }
}

/// The controls as HTML. Their `id`s begin with the widget's name.
pub fn controls_html(widget: &dyn Widget) -> String {
    let controls = widget.controls();
    controls.iter().enumerate().map(|(i, control)| control.html(widget.name(), i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_widget_draws_one_line_for_all_that_its_controls_can_hold() {
        for widget in ALL {
            let ends = |high: bool| -> Vec<String> {
                widget.controls().iter().map(|control| control.end(high)).collect()
            };
            let nonsense = widget.controls().iter().map(|_| "\u{1F980} <".to_owned()).collect();
            for texts in [ends(false), ends(true), nonsense, vec![]] {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let Picture { svg, readings } = draw(widget, &texts);
                assert!(!svg.contains('\n') && !svg.contains("NaN"), "{texts:?}: {svg}");
                assert_eq!(svg.matches('<').count(), svg.matches('>').count(), "{svg}");
                assert!(svg.contains(" aria-label=\"") && !svg.contains(" aria-label=\"\""));
                assert_eq!(readings.len(), widget.controls().len(), "{}", widget.name());
                assert!(readings.iter().all(|reading| !reading.contains('\n')));
            }
        }
    }

    #[test]
    fn every_control_changes_the_picture() {
        for widget in ALL {
            let controls = widget.controls();
            for i in 0..controls.len() {
                let mut low: Vec<String> = controls.iter().map(Control::value).collect();
                let mut high = low.clone();
                (low[i], high[i]) = (controls[i].end(false), controls[i].end(true));
                let [low, high] = [&low, &high].map(|texts| {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    draw(widget, &texts).svg
                });
                assert_ne!(low, high, "control {i} of {} does nothing", widget.name());
            }
        }
    }

    #[test]
    fn colours_are_the_themes() {
        for widget in ALL {
            let svg = draw(widget, &[]).svg;
            assert!(!svg.contains("=\"#") && !svg.contains("rgb"), "{svg}");
        }
    }
}
