//! Dead links: every address in the finished pages leads to a file and, with a fragment, to an element.
//!
//! Addresses of other sites are not asked for: building a book needs no network.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::site::Site;
use crate::text::slashed;

/// One finished page: the chapter that it was made of, seen from the workspace's folder, and its text.
pub(crate) struct Finished {
    pub(crate) chapter: String,
    pub(crate) source: String,
    /// The page, relative to the book's folder.
    pub(crate) page: PathBuf,
}

/// Notes every address in the pages below `out` that leads nowhere.
pub(crate) fn check(site: &Site, out: &Path, pages: &[Finished]) {
    let mut ids = BTreeMap::new();
    for Finished { page, chapter, .. } in pages {
        let html = fs::read_to_string(out.join(page)).unwrap_or_default();
        let mut seen = HashSet::new();
        for id in attributes(&html, "id") {
            if !seen.insert(id.clone()) {
                site.mistake(chapter, None, format!("two elements of the page are called `{id}`"));
            }
        }
        ids.insert(page.clone(), (seen, html));
    }
    for Finished { page, chapter, source } in pages {
        let html = &ids[page].1;
        for address in attributes(html, "href").into_iter().chain(attributes(html, "src")) {
            if let Some(what) = dead(out, page, &address, &ids) {
                let written = as_written(&address);
                let lines: Vec<usize> = source
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| written.iter().any(|link| holds(line, link)))
                    .map(|(i, _)| i + 1)
                    .collect();
                match lines[..] {
                    [] => site.mistake(chapter, None, &*what),
                    _ => lines.iter().for_each(|&line| site.mistake(chapter, Some(line), &*what)),
                }
            }
        }
    }
}

/// Why an address is dead, if it is.
fn dead(
    out: &Path,
    page: &Path,
    address: &str,
    ids: &BTreeMap<PathBuf, (HashSet<String>, String)>,
) -> Option<String> {
    let scheme = address.split([':', '/', '#', '?']).next().unwrap_or("");
    if address.starts_with("//") || address[scheme.len()..].starts_with(':') {
        return None;
    }
    let link = as_written(address).pop().unwrap_or_default();
    let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
    let path = path.split('?').next().unwrap_or(path);
    let target = match path {
        "" => Some(page.to_owned()),
        _ => normal(&page.with_file_name("").join(path)),
    };
    let Some(target) = target else {
        return Some(format!("the link {link} leads out of the book; name the file in the text"));
    };
    if !out.join(&target).is_file() {
        return Some(format!(
            "the link {link} leads nowhere: the book has no page {}",
            slashed(&target)
        ));
    }
    match ids.get(&target) {
        Some((ids, _)) if !fragment.is_empty() && !ids.contains(fragment) => {
            Some(format!("the link {link} leads nowhere: that page has no heading `{fragment}`"))
        }
        _ => None,
    }
}

/// The ways in which a chapter may have written an address: as it is, or as the chapter's own file.
fn as_written(address: &str) -> Vec<String> {
    let chapter = address.replacen("index.html", "README.md", 1).replacen(".html", ".md", 1);
    vec![address.to_owned(), chapter]
}

/// Whether the line holds the link and not one that only begins like it.
fn holds(line: &str, link: &str) -> bool {
    line.match_indices(link).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + link.len()..].chars().next();
        before.is_some_and(|c| "(<\" ".contains(c)) && after.is_none_or(|c| ")>\" ".contains(c))
    })
}

/// A relative path without `.` and `..`; none if it leaves the folder.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

/// The values of an attribute in all tags of a page, references resolved.
pub(crate) fn attributes(html: &str, name: &str) -> Vec<String> {
    let opening = format!(" {name}=\"");
    let values = html.match_indices(&opening).filter_map(|(at, _)| {
        let before = &html[..at];
        let in_tag = before.rfind('<') > before.rfind('>');
        let value = html[at + opening.len()..].split('"').next()?;
        let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
        in_tag.then(|| value.replace("&#x27;", "'").replace("&#39;", "'").replace("&amp;", "&"))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_read_from_tags_and_not_from_text() {
        let html = "<a class=\"x\" href=\"a&amp;b\">c</a> said href=\"d\" <b id=\"e\">";
        assert_eq!(attributes(html, "href"), ["a&b"]);
        assert_eq!(attributes(html, "id"), ["e"]);
    }

    #[test]
    fn a_link_is_not_found_in_a_longer_one() {
        assert!(holds("see [it](07_x.md#a).", "07_x.md#a"));
        assert!(!holds("see [it](07_x.md#ab).", "07_x.md#a"));
    }
}
