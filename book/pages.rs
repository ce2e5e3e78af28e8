//! Keeps the book's pages and the rest of the repository in step.

use std::fs;
use std::path::{Path, PathBuf};

use lessons::catalog::LESSONS;

/// Every page, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("chapters");
    let files = fs::read_dir(folder).expect("the book has chapters");
    let paths = files.map(|file| file.expect("they can be listed").path());
    let pages: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.clone(), fs::read_to_string(path).expect("a page is UTF-8")))
        .collect();
    assert!(!pages.is_empty());
    pages
}

/// Whether a word has the form of a lesson's name: two digits, then words joined by underscores.
fn is_lesson_name(word: &str) -> bool {
    let (number, name) = word.split_once('_').unwrap_or_default();
    number.len() == 2 && number.bytes().all(|c| c.is_ascii_digit()) && !name.is_empty()
}

#[test]
fn every_lesson_that_a_page_names_exists() {
    for (path, text) in pages() {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| is_lesson_name(word)) {
            let exists = LESSONS.iter().any(|lesson| lesson.name == word);
            assert!(exists, "{}: there is no lesson `{word}`", path.display());
        }
    }
}

#[test]
fn the_first_page_names_every_lesson() {
    let first = include_str!("chapters/README.md");
    for lesson in LESSONS {
        assert!(first.contains(lesson.name), "the first page does not name `{}`", lesson.name);
    }
}

#[test]
fn every_source_file_that_a_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text) in pages() {
        let quoted = text.split('`').skip(1).step_by(2);
        for source in quoted.filter(|word| word.ends_with(".rs") || word.ends_with('/')) {
            assert!(root.join(source).exists(), "{}: there is no `{source}`", path.display());
        }
    }
}

#[test]
fn every_relative_link_leads_to_a_file() {
    for (path, text) in pages() {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap_or_default();
            let there = file.is_empty() || path.with_file_name(file).exists();
            assert!(there, "{}: the link {target} leads nowhere", path.display());
        }
    }
}
