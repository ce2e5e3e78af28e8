//! What a reader can change, and what it holds.

/// One control, with its value at first.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// A number, by dragging, by the arrow keys, or by a button at each end.
    Slider {
        /// What it changes.
        label: &'static str,
        /// The smallest number.
        min: f64,
        /// The largest number.
        max: f64,
        /// From one number to the next.
        step: f64,
        /// The number at first.
        value: f64,
    },
    /// On or off.
    Toggle {
        /// What is so while it is on.
        label: &'static str,
        /// Whether it is on at first.
        on: bool,
    },
    /// A word.
    Word {
        /// What it is.
        label: &'static str,
        /// The word at first.
        value: &'static str,
        /// The letters that it may have; others are left out.
        letters: &'static str,
        /// How many letters it may have.
        longest: usize,
    },
}

impl Control {
    /// Its value at first, as the page would say it.
    pub fn value(&self) -> String {
        match *self {
            Self::Slider { value, .. } => value.to_string(),
            Self::Toggle { on, .. } => switch(on).to_owned(),
            Self::Word { value, .. } => value.to_owned(),
        }
    }

    /// The least or the most that it can hold.
    pub fn end(&self, high: bool) -> String {
        match *self {
            Self::Slider { min, max, .. } => (if high { max } else { min }).to_string(),
            Self::Toggle { .. } => switch(high).to_owned(),
            Self::Word { letters, longest, .. } => {
                letters.chars().cycle().take(if high { longest } else { 0 }).collect()
            }
        }
    }

    /// The text as this control can hold it; its value at first if it can hold nothing of it.
    fn held(&self, text: &str) -> String {
        match *self {
            Self::Slider { min, max, .. } => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => number.clamp(min, max).to_string(),
                _ => self.value(),
            },
            Self::Toggle { .. } if ["on", "off"].contains(&text) => text.to_owned(),
            Self::Toggle { .. } => self.value(),
            Self::Word { letters, longest, .. } => {
                let small = text.chars().flat_map(char::to_lowercase);
                small.filter(|&letter| letters.contains(letter)).take(longest).collect()
            }
        }
    }

    /// The control as HTML. It tells the page its number among the widget's controls.
    pub(crate) fn html(&self, widget: &str, i: usize) -> String {
        let id = format!("{widget}-{i}");
        match *self {
            Self::Slider { label, min, max, step, value } => {
                let button = |by: i32, sign: &str, word: &str| {
                    format!(
                        "<button type=\"button\" data-for=\"{id}\" data-by=\"{by}\" \
                         aria-label=\"{label}: {word}\">{sign}</button>"
                    )
                };
                format!(
                    "<div class=\"control\"><label for=\"{id}\">{label}</label>{}<input type=\"range\" \
                     id=\"{id}\" data-control=\"{i}\" min=\"{min}\" max=\"{max}\" step=\"{step}\" \
                     value=\"{value}\">{}<output for=\"{id}\"></output></div>",
                    button(-1, "−", "back"),
                    button(1, "+", "on"),
                )
            }
            Self::Toggle { label, on } => {
                let checked = if on { " checked" } else { "" };
                format!(
                    "<div class=\"control\"><input type=\"checkbox\" id=\"{id}\" data-control=\"{i}\"{checked}>\
                     <label for=\"{id}\">{label}</label></div>"
                )
            }
            Self::Word { label, value, longest, .. } => format!(
                "<div class=\"control\"><label for=\"{id}\">{label}</label><input type=\"text\" id=\"{id}\" \
                 data-control=\"{i}\" value=\"{value}\" maxlength=\"{longest}\" autocapitalize=\"off\" \
                 autocomplete=\"off\" spellcheck=\"false\"><output for=\"{id}\"></output></div>"
            ),
        }
    }
}

/// What a toggle holds.
pub(crate) fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// What the controls of a widget hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values(Vec<String>);

impl Values {
    /// From texts as the page gives them.
    pub fn new(controls: Vec<Control>, texts: &[&str]) -> Self {
        let held = |(i, control): (usize, &Control)| match texts.get(i) {
            Some(text) => control.held(text),
            None => control.value(),
        };
        Self(controls.iter().enumerate().map(held).collect())
    }

    /// The number of a slider.
    pub fn number(&self, control: usize) -> f64 {
        self.0[control].parse().expect("a slider holds a number")
    }

    /// The number of a slider that counts.
    pub fn count(&self, control: usize) -> usize {
        self.number(control).round() as usize
    }

    /// Whether a toggle is on.
    pub fn is_on(&self, control: usize) -> bool {
        self.0[control] == "on"
    }

    /// The word.
    pub fn word(&self, control: usize) -> &str {
        &self.0[control]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_holds_what_it_can_and_keeps_its_value_otherwise() {
        let slider = Control::Slider { label: "h", min: 0.0, max: 4.0, step: 1.0, value: 2.0 };
        let toggle = Control::Toggle { label: "carry", on: true };
        let word = Control::Word { label: "word", value: "hello", letters: "helo", longest: 4 };
        let check = |text: &str, held: [&str; 3]| {
            assert_eq!([&slider, &toggle, &word].map(|control| control.held(text)), held, "{text}");
        };
        check("3", ["3", "on", ""]);
        check("9", ["4", "on", ""]);
        check("NaN", ["2", "on", ""]);
        check("off", ["2", "off", "o"]);
        check("He x lolo", ["2", "on", "helo"]);
    }
}
