//! Live figures: what the builder needs to know of them.
//!
//! A widget is a picture that code of this workspace draws. The page holds it as it is at first, drawn
//! while the book is built, so that it is there on paper and without scripts; a script, where there is
//! one, brings it to life in place.

use crate::figure;
use crate::site::Site;
use crate::text::{escape, names};

/// A widget as it looks before anyone touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// The picture: an SVG with width, height and `viewBox`, in the palette of `lessons::plot`.
    pub svg: String,
    /// What the picture shows, for those who cannot see it.
    pub alternative: String,
    /// One sentence below the picture, as text.
    pub caption: String,
}

/// All the widgets that a book may use.
pub trait Widgets {
    /// The names, for the message about one that is not there.
    fn names(&self) -> Vec<String>;

    /// The widget called `name` as it looks at first.
    fn still(&self, name: &str) -> Option<Still>;

    /// The script that brings them to life, if there is one: a file's name and its content, written
    /// beside the pages and loaded by each page that holds a widget.
    fn script(&self) -> Option<(String, String)>;
}

/// No widgets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWidgets;

impl Widgets for NoWidgets {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn still(&self, _: &str) -> Option<Still> {
        None
    }

    fn script(&self) -> Option<(String, String)> {
        None
    }
}

/// `{{#widget name}}` as HTML: the picture, a place for its controls, the caption.
pub(crate) fn widget(site: &Site, name: &str) -> Result<String, String> {
    let Some(still) = site.widgets.still(name) else {
        return Err(format!(
            "there is no widget `{name}`; there are {}",
            names(site.widgets.names())
        ));
    };
    let svg = figure::inline(&still.svg, &still.alternative)
        .map_err(|what| format!("the widget `{name}`: {what}"))?;
    let (name, caption) = (escape(name), escape(&still.caption));
    Ok(format!(
        "<figure class=\"plot widget\" data-widget=\"{name}\"><div class=\"scroll view\">{svg}</div>\
         <div class=\"controls\"></div><figcaption>{caption}</figcaption></figure>"
    ))
}
