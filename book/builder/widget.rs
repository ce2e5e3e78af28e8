//! Live figures: what the builder needs to know of them.
//!
//! A widget is a picture that code of this workspace draws. The page holds it as it is at first, drawn
//! while the book is built, so that it is there on paper and without scripts; a script, where there is
//! one, brings it to life in place.

use crate::site::Site;
use crate::text::{escape, names};

/// A widget as it looks before anyone touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// The picture: an SVG element on one line that scales with the page, in the theme's variables, with its
    /// alternative text.
    pub picture: String,
    /// One or two sentences below the picture, as text.
    pub caption: String,
}

/// All the widgets that a book may use.
pub trait Widgets {
    /// The names, for the message about one that is not there.
    fn names(&self) -> Vec<String>;

    /// The widget called `name` as it looks at first.
    fn still(&self, name: &str) -> Option<Still>;

    /// What brings them to life, if there is anything: names and contents of files to write beside the pages.
    /// A page that holds a widget loads the first, which loads the others when they are needed.
    fn scripts(&self) -> Vec<(String, String)>;
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

    fn scripts(&self) -> Vec<(String, String)> {
        Vec::new()
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
    let Still { picture, caption } = still;
    if !picture.contains(" role=\"img\"") || !picture.contains(" aria-label=\"") {
        return Err(format!("the widget `{name}` does not say what its picture shows"));
    }
    let (name, caption) = (escape(name), escape(&caption));
    Ok(format!(
        "<figure class=\"plot widget\" data-widget=\"{name}\"><div class=\"view\">{picture}</div>\
         <div class=\"controls\"></div><figcaption>{caption}</figcaption></figure>"
    ))
}
