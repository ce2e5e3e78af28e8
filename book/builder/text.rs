//! Small things that the directives share: escaping, lines, lists of names.

use std::path::Path;

/// Text as it may stand in HTML, between tags or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// HTML on one line: a line that is empty would end the HTML block and start Markdown again.
pub(crate) fn one_line(html: &str) -> String {
    html.trim_end().replace("\r\n", "\n").replace('\n', "&#10;")
}

/// A fenced code block, its fence longer than any in `code`.
pub(crate) fn fenced(code: &str, language: &str) -> String {
    let mut fence = "```".to_owned();
    while code.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{language}\n{}\n{fence}", code.trim_end())
}

/// The line, counted from 1, on which byte `at` of the text stands.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// "`a`, `b`", or "none".
pub(crate) fn names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> =
        names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}

/// A path with slashes, whatever the system's own separator is.
pub(crate) fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// Lines without the indentation that all of them share.
pub(crate) fn dedent(lines: &[&str]) -> String {
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| indentation(line)).min().unwrap_or(0);
    let cut: Vec<&str> = lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect();
    cut.join("\n")
}

/// The number of spaces that a line begins with.
pub(crate) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
