//! What a lesson printed: all of it, a paragraph of it, or one of its results.
//!
//! The texts are `lessons/expected/NN_name/output.txt`; a test of the crate `lessons` keeps them fresh.

use crate::site::Site;
use crate::text::{escape, fenced, names};

/// The part of `path:rest` before the colon and, if there is one, the part after it.
fn split(argument: &str) -> (&str, Option<&str>) {
    match argument.split_once(':') {
        Some((lesson, rest)) => (lesson.trim(), Some(rest.trim())),
        None => (argument.trim(), None),
    }
}

fn read(site: &Site, lesson: &str) -> Result<(String, String), String> {
    let path = format!("lessons/expected/{lesson}/output.txt");
    let text = site.read(&path).map_err(|missing| {
        match site.read(&format!("lessons/src/bin/{lesson}.rs")) {
            Ok(_) => format!(
                "there is no {path} yet; ACCEPT=1 cargo test -p lessons --test fresh writes it"
            ),
            Err(_) => missing,
        }
    })?;
    Ok((text.to_string(), path))
}

/// `{{#output LESSON}}` or `{{#output LESSON:first words}}` as Markdown.
pub(crate) fn output(site: &Site, argument: &str) -> Result<String, String> {
    let (lesson, words) = split(argument);
    let (text, path) = read(site, lesson)?;
    let paragraphs = paragraphs(&text);
    let shown = match words {
        None => paragraphs.join("\n\n"),
        Some(words) => {
            let found: Vec<&String> =
                paragraphs.iter().filter(|p| p.trim_start().starts_with(words)).collect();
            match found[..] {
                [paragraph] => paragraph.clone(),
                [] => return Err(format!("{path}: no paragraph begins with `{words}`")),
                _ => {
                    return Err(format!(
                        "{path}: {} paragraphs begin with `{words}`; give more words",
                        found.len()
                    ));
                }
            }
        }
    };
    let caption = format!("<code>cargo lesson {}</code>", escape(lesson));
    let text = fenced(&shown, "text");
    Ok(format!(
        "<figure class=\"output\"><figcaption>{caption}</figcaption>\n\n{text}\n\n</figure>"
    ))
}

/// The text without its results, cut at empty lines.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with("RESULT ")) {
        if line.trim().is_empty() {
            paragraphs.push(Vec::new());
        } else if let Some(last) = paragraphs.last_mut() {
            last.push(line);
        }
    }
    paragraphs.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n")).collect()
}

/// `{{#result LESSON:key}}`: the value alone.
pub(crate) fn result(site: &Site, argument: &str) -> Result<String, String> {
    let (lesson, Some(key)) = split(argument) else {
        return Err(format!(
            "the result `{argument}` names no key; write {{{{#result LESSON:KEY}}}}"
        ));
    };
    let (text, path) = read(site, lesson)?;
    let results: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("RESULT ")?.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let values: Vec<&str> = results.iter().filter(|r| r.0 == key).map(|r| r.1).collect();
    match values[..] {
        [value] => Ok(value.to_owned()),
        [] => {
            let keys = names(results.iter().map(|r| r.0));
            Err(format!("{path}: there is no result `{key}`; there are {keys}"))
        }
        _ => Err(format!("{path}: the result `{key}` is printed {} times", values.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_cut_at_empty_lines_and_hold_no_results() {
        let text = "one\n  two\n\n\nRESULT a=1\n\nthree\nRESULT b=2\n";
        assert_eq!(paragraphs(text), ["one\n  two", "three"]);
    }
}
