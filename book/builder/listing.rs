//! Code shown in a chapter: lines of a compiled source, between two comments.
//!
//! ```text
//! // ANCHOR: backward
//! fn backward(…) { … }
//! // ANCHOR_END: backward
//! ```
//!
//! `{{#listing lessons/src/bin/08_bptt_by_hand.rs:backward}}` shows the lines between them, without their
//! common indentation and without other anchors' comments, under a line that says where they stand.

use crate::site::Site;
use crate::text::{dedent, escape, fenced, indentation, names};

/// The lines of one anchor.
#[derive(Debug, PartialEq)]
struct Snippet {
    code: String,
    /// The first and the last line shown, counted from 1.
    lines: (usize, usize),
    /// What the lines stand in, outermost first: `impl Cell for Gru`, `fn forward`.
    inside: Vec<String>,
}

/// The listing as Markdown.
pub(crate) fn listing(site: &Site, argument: &str) -> Result<String, String> {
    let Some((path, anchor)) = argument.rsplit_once(':') else {
        return Err(format!(
            "the listing `{argument}` names no anchor; write {{{{#listing PATH:ANCHOR}}}}"
        ));
    };
    let source = site.read(path)?;
    let snippet = snippet(&source, anchor).map_err(|what| format!("{path}: {what}"))?;
    site.shown().anchors.insert((path.to_owned(), anchor.to_owned()));

    let (first, last) = snippet.lines;
    let mut caption = format!("<code>{}</code>, ", escape(path));
    caption += &match last - first {
        0 => format!("line {first}"),
        _ => format!("lines {first}–{last}"),
    };
    if !snippet.inside.is_empty() {
        caption += &format!(", in <code>{}</code>", escape(&snippet.inside.join(" › ")));
    }
    let language = match path.rsplit_once('.') {
        Some((_, "rs")) => "rust",
        Some((_, extension)) => extension,
        None => "text",
    };
    let code = fenced(&snippet.code, language);
    Ok(format!(
        "<figure class=\"listing\"><figcaption>{caption}</figcaption>\n\n{code}\n\n</figure>"
    ))
}

/// The name in a line `// ANCHOR: name`, or `// ANCHOR_END: name` with that key.
fn mark<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let comment = line.trim_start().trim_start_matches(['/', '#', '!', '<', '-', ' ']);
    Some(comment.strip_prefix(key)?.trim().trim_end_matches("-->").trim_end())
}

/// Every anchor that a source opens.
pub fn anchors(source: &str) -> Vec<&str> {
    source.lines().filter_map(|line| mark(line, "ANCHOR:")).collect()
}

fn snippet(source: &str, name: &str) -> Result<Snippet, String> {
    let all: Vec<&str> = source.lines().collect();
    let marked = |key: &str| -> Vec<usize> {
        (0..all.len()).filter(|&i| mark(all[i], key) == Some(name)).collect()
    };
    let (start, end) = match (&marked("ANCHOR:")[..], &marked("ANCHOR_END:")[..]) {
        ([], _) => {
            return Err(format!("there is no anchor `{name}`; it has {}", names(anchors(source))));
        }
        (&[start], &[end]) if start < end => (start, end),
        (&[_], []) => {
            return Err(format!(
                "the anchor `{name}` is never closed; add a line `// ANCHOR_END: {name}`"
            ));
        }
        (&[_], &[_]) => return Err(format!("the anchor `{name}` is closed before it is opened")),
        _ => {
            return Err(format!(
                "the anchor `{name}` is opened or closed twice; give each its own name"
            ));
        }
    };
    let is_mark = |line: &str| mark(line, "ANCHOR:").or(mark(line, "ANCHOR_END:")).is_some();
    let mut shown: Vec<usize> = (start + 1..end).filter(|&i| !is_mark(all[i])).collect();
    let blank = |i: Option<&usize>| i.is_some_and(|&i| all[i].trim().is_empty());
    while blank(shown.last()) {
        shown.pop();
    }
    while blank(shown.first()) {
        shown.remove(0);
    }
    let (Some(&first), Some(&last)) = (shown.first(), shown.last()) else {
        return Err(format!("the anchor `{name}` holds no line"));
    };
    let code = dedent(&shown.iter().map(|&i| all[i]).collect::<Vec<_>>());
    Ok(Snippet { code, lines: (first + 1, last + 1), inside: enclosing(&all, first) })
}

/// The items around line `at`, found by indentation: the formatter guarantees it.
fn enclosing(lines: &[&str], at: usize) -> Vec<String> {
    let mut inside = Vec::new();
    let mut indent = indentation(lines[at]);
    for line in lines[..at].iter().rev() {
        if indent == 0 {
            break;
        }
        if line.trim().is_empty() || indentation(line) >= indent {
            continue;
        }
        // A line that only goes on with the item's head says nothing: `) -> f64 {`, `where`.
        if let Some(item) = item(line) {
            inside.insert(0, item);
            indent = indentation(line);
        }
    }
    inside
}

/// `fn name`, `struct Name`, `impl Trait for Type` or `mod name`, if the line opens one.
fn item(line: &str) -> Option<String> {
    let mut words = line.trim();
    for qualifier in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        words = words.strip_prefix(qualifier).unwrap_or(words);
    }
    let name = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    for keyword in ["fn ", "struct ", "enum ", "trait ", "mod "] {
        if let Some(rest) = words.strip_prefix(keyword) {
            return Some(format!("{keyword}{}", name(rest)));
        }
    }
    if words.starts_with("impl ") || words.starts_with("impl<") {
        let head = words.trim_end_matches(['{', ' ']);
        return Some(head.split(" where ").next().unwrap_or(head).to_owned());
    }
    words
        .split_once("! {")
        .filter(|(name, _)| !name.contains(' '))
        .map(|(name, _)| format!("{name}!"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
impl Cell for Toy {
    fn forward(
        &self,
    ) -> f64 {
        if true {
            // ANCHOR: outer
            let a = 1;

            // ANCHOR: inner
                let b = 2;
            // ANCHOR_END: inner
            // ANCHOR_END: outer
        }
    }
}
// ANCHOR: empty

// ANCHOR_END: empty
// ANCHOR: open
";

    #[test]
    fn a_listing_loses_its_indentation_and_other_anchors() {
        let outer = snippet(SOURCE, "outer").expect("it is there");
        assert_eq!(outer.code, "let a = 1;\n\n    let b = 2;");
        assert_eq!(outer.lines, (7, 10));
        assert_eq!(outer.inside, ["impl Cell for Toy", "fn forward"]);
    }

    #[test]
    fn each_way_to_get_an_anchor_wrong_has_its_sentence() {
        let refused = |name| snippet(SOURCE, name).expect_err("it is wrong");
        let missing = "there is no anchor `gone`; it has `outer`, `inner`, `empty`, `open`";
        assert_eq!(refused("gone"), missing);
        assert_eq!(refused("empty"), "the anchor `empty` holds no line");
        let open = "the anchor `open` is never closed; add a line `// ANCHOR_END: open`";
        assert_eq!(refused("open"), open);
    }
}
