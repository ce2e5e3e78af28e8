//! An exercise in a chapter: what to write, how to check it, hints, and the solution.
//!
//! All of it comes from `lessons/exercises/NAME/`. What to write is shown as it is in the solution, its
//! bodies left out: the stub is the reader's to change.

use crate::page::Source;
use crate::site::Site;
use crate::text::{escape, fenced, indentation};

/// Fewer hints than this are no stages.
const HINTS: usize = 3;

/// `{{#exercise NAME}}` as Markdown.
pub(crate) fn exercise(site: &Site, name: &str) -> Result<String, String> {
    let folder = format!("lessons/exercises/{name}");
    let solution = site.read(&format!("{folder}/solution.rs"))?;
    let path = format!("{folder}/hints.md");
    let hints = site.read(&path)?;
    for file in ["stub.rs", "checks.rs"] {
        site.read(&format!("{folder}/{file}"))?;
    }
    let (heads, hints) = (signatures(&solution), hints_of(&hints));
    if heads.is_empty() {
        return Err(format!("{folder}/solution.rs has no public item to write"));
    }
    if hints.len() < HINTS {
        let found = hints.len();
        return Err(format!(
            "{path} has {found} hints; write at least {HINTS}, each opened by a line `## ` and a title"
        ));
    }
    site.shown().exercises.insert(name.to_owned());

    let escaped = escape(name);
    let mut out = format!(
        "<section class=\"exercise\" id=\"exercise-{escaped}\" aria-label=\"Exercise {escaped}\">\n\n\
         **Exercise** `{name}`. Write, in `{folder}/stub.rs`:\n\n{}\n\n\
         `cargo exercise {name}` checks it, and gives a hint with `--hint`.\n\n",
        fenced(&heads, "rust"),
    );
    for (i, hint) in hints.iter().enumerate() {
        let source =
            Source { text: &hint.text, file: &path, first_line: hint.line, is_chapter: false };
        let title = site.inline_html(&Source { text: &hint.title, ..source });
        let text = site.rewrite(&source);
        let number = i + 1;
        out += &format!(
            "<details class=\"hint\"><summary>Hint {number}: {title}</summary>\n\n{text}\n\n</details>\n\n"
        );
    }
    out += &format!(
        "<details class=\"solution\"><summary>Solution</summary>\n\n{}\n\n</details>\n\n</section>",
        fenced(&solution, "rust"),
    );
    Ok(out)
}

/// One hint, and the line of the file on which it begins.
struct Hint {
    title: String,
    text: String,
    line: usize,
}

fn hints_of(text: &str) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            let title = title.trim().to_owned();
            hints.push(Hint { title, text: String::new(), line: i + 2 });
        } else if let Some(hint) = hints.last_mut() {
            hint.text += line;
            hint.text.push('\n');
        }
    }
    hints
}

/// The public items with their documentation, `todo!()` in place of each function's body.
///
/// Items are told apart by their indentation, which the formatter guarantees.
fn signatures(source: &str) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let mut shown: Vec<String> = Vec::new();
    let mut above: Vec<&str> = Vec::new(); // documentation and attributes of the next item
    let mut in_impl = false;
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        let trimmed = line.trim();
        let indent = " ".repeat(indentation(line));
        // From here to the first line that ends the item: a head of several lines, or a whole type.
        let end_of_head = at + lines[at..].iter().take_while(|line| !ends_head(line)).count();
        let end_of_item = at + lines[at..].iter().take_while(|line| !closes(line, &indent)).count();
        let head = lines.get(at..=end_of_head).unwrap_or(&lines[at..]);

        if trimmed.starts_with("///") || trimmed.starts_with("#[") {
            above.push(line);
        } else if is_function(trimmed) {
            let has_body = head.last().is_some_and(|line| line.ends_with('{'));
            if in_impl || trimmed.starts_with("pub ") {
                shown.extend(above.iter().chain(head).map(|&line| line.to_owned()));
                if has_body {
                    shown.push(format!("{indent}    todo!()"));
                    shown.push(format!("{indent}}}"));
                }
            }
            at = if has_body { end_of_item } else { end_of_head };
            above.clear();
        } else if trimmed.starts_with("impl ") || trimmed.starts_with("impl<") {
            shown.extend(above.drain(..).chain([line]).map(str::to_owned));
            in_impl = trimmed.ends_with('{');
        } else if is_type(line) {
            let end = if line.ends_with([';', '}']) { at } else { end_of_item };
            let item = lines.get(at..=end).unwrap_or(&lines[at..]);
            shown.extend(above.drain(..).chain(item.iter().copied()).map(str::to_owned));
            at = end;
        } else {
            if line == "}" && in_impl {
                shown.push(line.to_owned());
                in_impl = false;
            } else if trimmed.is_empty() && shown.last().is_some_and(|line| !line.is_empty()) {
                shown.push(String::new());
            }
            above.clear();
        }
        at += 1;
    }
    shown.join("\n").trim().to_owned()
}

fn ends_head(line: &str) -> bool {
    line.trim_end().ends_with(['{', ';', '}'])
}

/// Whether the line is the bracket that closes an item with this indentation.
fn closes(line: &str, indent: &str) -> bool {
    line.strip_prefix(indent).is_some_and(|rest| rest.starts_with(['}', ')']) && rest.len() <= 2)
}

fn is_function(line: &str) -> bool {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    line.strip_prefix("const ").unwrap_or(line).starts_with("fn ")
}

fn is_type(line: &str) -> bool {
    ["struct ", "enum ", "trait ", "type ", "const "]
        .iter()
        .any(|keyword| line.strip_prefix("pub ").is_some_and(|rest| rest.starts_with(keyword)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_without_its_bodies_is_what_to_write() {
        let solution = "\
use autograd::Tensor;

/// The sum.
pub fn sum(
    x: &[f64],
) -> f64 {
    let inner = || {
        1.0
    };
    x.iter().sum::<f64>() * inner() * helper()
}

/// Not shown.
fn helper() -> f64 {
    1.0
}

/// A counter.
pub struct Counter {
    pub at: usize,
}

impl Counter {
    /// One more.
    pub fn next(&mut self) {
        self.at += 1;
    }
}
";
        let shown = "\
/// The sum.
pub fn sum(
    x: &[f64],
) -> f64 {
    todo!()
}

/// A counter.
pub struct Counter {
    pub at: usize,
}

impl Counter {
    /// One more.
    pub fn next(&mut self) {
        todo!()
    }
}";
        assert_eq!(signatures(solution), shown);
    }

    #[test]
    fn hints_know_their_lines() {
        let hints = hints_of("## First\nlook\n\n## Second\n\nthink\n");
        assert_eq!(hints.iter().map(|hint| hint.line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(hints[1].text, "\nthink\n");
    }
}
