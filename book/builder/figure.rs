//! Figures: the lessons' SVG files, put into the page so that they follow its theme.
//!
//! The palette of `lessons::plot` is the light theme's. Each of its colours becomes a variable that
//! `theme/book.css` defines for every theme.

use std::path::{Component, Path, PathBuf};

use crate::site::Site;
use crate::text::{escape, slashed};

/// The colours that lessons draw with, and the variables that replace them.
pub const PALETTE: [(&str, &str); 10] = [
    ("#1D5FA8", "--plot-1"),
    ("#C2410C", "--plot-2"),
    ("#15803D", "--plot-3"),
    ("#7E3AB5", "--plot-4"),
    ("#BE185D", "--plot-5"),
    ("#7A4B12", "--plot-6"),
    ("#262B33", "--plot-ink"),
    ("#5F6773", "--plot-baseline"),
    ("#E3E6EA", "--plot-grid"),
    ("#FFFFFF", "--plot-paper"),
];

/// The figure at `target`, as a chapter names it, as HTML.
pub(crate) fn figure(site: &Site, target: &str, alternative: &str) -> Result<String, String> {
    let path = from_root(target)
        .ok_or_else(|| format!("the figure `{target}` does not lie in the workspace"))?;
    if alternative.trim().is_empty() {
        return Err(format!(
            "the figure {path} has no alternative text; say between the brackets what it shows"
        ));
    }
    let svg = site.read(&path)?;
    let svg = inline(&svg, alternative).map_err(|what| format!("{path}: {what}"))?;
    site.shown().figures.insert(path);
    Ok(format!("<figure class=\"plot\"><div class=\"scroll\">{svg}</div></figure>"))
}

/// A path relative to `book/chapters` as one relative to the workspace.
fn from_root(target: &str) -> Option<String> {
    let mut path = PathBuf::new();
    for part in Path::new("book/chapters").join(target).components() {
        match part {
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(slashed(&path))
}

/// The SVG as one line that scales with the page, in the theme's colours, with its alternative text.
pub(crate) fn inline(svg: &str, alternative: &str) -> Result<String, String> {
    let start = svg.find("<svg").ok_or("it is no SVG")?;
    let head_end = start + svg[start..].find('>').ok_or("its first tag never ends")?;
    let (head, rest) = (&svg[start..head_end], &svg[head_end..]);
    if !head.contains("viewBox=") {
        return Err("it has no viewBox, so that it cannot be scaled; write one".to_owned());
    }
    let width: f64 = attribute(head, "width")
        .and_then(|width| width.trim_end_matches("px").parse().ok())
        .ok_or("its first tag has no width in pixels; write one")?;

    // Narrower than this, its letters (of 12 pixels or more at full width) could not be read: it scrolls.
    let least = (0.8 * width).round();
    let kept = ["viewBox", "xmlns"]
        .into_iter()
        .filter_map(|name| attribute(head, name).map(|value| format!(" {name}=\"{value}\"")));
    let mut figure = format!(
        "<svg role=\"img\" aria-label=\"{}\" style=\"max-width:{width}px;--least:{least}px\"{}",
        escape(alternative),
        kept.collect::<String>(),
    );
    figure += &rest.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    for (colour, variable) in PALETTE {
        for colour in [colour.to_owned(), colour.to_lowercase()] {
            for property in ["fill", "stroke"] {
                let fixed = format!("{property}=\"{colour}\"");
                let themed = format!("style=\"{property}:var({variable})\"");
                figure = figure.replace(&fixed, &themed);
            }
        }
    }
    for property in [" fill=\"#", " stroke=\"#"] {
        if let Some((_, rest)) = figure.split_once(property) {
            let colour = rest.split('"').next().unwrap_or(rest);
            return Err(format!(
                "its colour #{colour} follows no theme; take one of lessons::plot, thinned by opacity"
            ));
        }
    }
    Ok(join_styles(&figure))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

/// A tag with both fill and stroke has two `style` attributes by now, of which only the first would
/// count: makes them one.
fn join_styles(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    for tag in svg.split_inclusive('>') {
        let mut pieces = tag.split(" style=\"");
        let before = pieces.next().unwrap_or_default();
        let (mut styles, mut others) = (Vec::new(), String::new());
        for piece in pieces {
            let (style, other) = piece.split_once('"').unwrap_or((piece, ""));
            styles.push(style.trim_end_matches(';'));
            others += other;
        }
        out += before;
        if !styles.is_empty() {
            out += &format!(" style=\"{}\"", styles.join(";"));
        }
        out += &others;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_variables_and_the_size_the_pages_own() {
        let svg = "<?xml version=\"1.0\"?>\n<svg width=\"680\" height=\"400\" viewBox=\"0 0 2040 1200\">\n\
                   <rect fill=\"#FFFFFF\" x=\"1\" stroke=\"#262b33\"/>\n</svg>\n";
        let expected = "<svg role=\"img\" aria-label=\"A &lt; B\" style=\"max-width:680px;--least:544px\" \
                        viewBox=\"0 0 2040 1200\"> \
                        <rect style=\"fill:var(--plot-paper);stroke:var(--plot-ink)\" x=\"1\"/> </svg>";
        assert_eq!(inline(svg, "A < B").expect("an SVG"), expected);
    }

    #[test]
    fn a_figure_is_named_from_the_chapters_folder() {
        let path = from_root("../../lessons/expected/08_x/a.svg");
        assert_eq!(path.as_deref(), Some("lessons/expected/08_x/a.svg"));
        assert_eq!(from_root("../../../etc/passwd.svg"), None);
    }
}
