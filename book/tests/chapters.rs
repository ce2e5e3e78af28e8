//! The real book: it builds, needs no network, stays small, and shows what its lessons draw.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use book::{Folders, Live, Mistakes, Shown, anchors, build};
use lessons::catalog::LESSONS;
use tempfile::TempDir;

use crate::scratch_book::book_folder;

/// The real book, built once for all tests: its folder, and what it shows or what is wrong.
static BOOK: LazyLock<(TempDir, Result<Shown, Mistakes>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("book");
    let folders = Folders { out, ..Folders::of_this_workspace() };
    let built = build(&folders, &Live::new(&folders.root));
    (folder, built)
});

fn shown() -> &'static Shown {
    BOOK.1.as_ref().unwrap_or_else(|_| panic!("see the_book_has_no_mistakes"))
}

/// The folder of the real book's pages.
pub(crate) fn pages_folder() -> PathBuf {
    shown();
    BOOK.0.path().join("book")
}

fn root() -> PathBuf {
    Folders::of_this_workspace().root
}

/// The files with this extension in a folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

fn sources() -> Vec<(PathBuf, String)> {
    let chapters = files(&book_folder().join("chapters"), "md");
    assert!(!chapters.is_empty());
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a chapter is UTF-8");
    chapters.iter().map(|path| (path.clone(), read(path))).collect()
}

/// The lessons that have a chapter.
fn written() -> Vec<&'static str> {
    let there = |name: &&str| book_folder().join(format!("chapters/{name}.md")).exists();
    LESSONS.iter().map(|lesson| lesson.name).filter(there).collect()
}

#[test]
fn the_book_has_no_mistakes() {
    if let Err(mistakes) = &BOOK.1 {
        panic!("{mistakes}");
    }
}

#[test]
fn no_page_needs_a_network() {
    for page in files(&pages_folder(), "html") {
        let html = fs::read_to_string(&page).expect("a page");
        for tag in html.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or(tag);
            let outside =
                tag.contains("\"http://") || tag.contains("\"https://") || tag.contains("\"//");
            let allowed =
                tag.starts_with("a ") || tag.contains(" xmlns=") || tag.starts_with("!--");
            assert!(!outside || allowed, "{}: <{tag}>", page.display());
        }
    }
    for css in
        files(&pages_folder(), "css").into_iter().chain(files(&pages_folder().join("theme"), "css"))
    {
        let text = fs::read_to_string(&css).expect("a style sheet");
        assert!(!text.contains("url(\"http") && !text.contains("url(http"), "{}", css.display());
    }
}

#[test]
fn a_page_is_below_300_kilobytes_before_its_figures() {
    for page in files(&pages_folder(), "html").iter().filter(|page| !page.ends_with("print.html")) {
        let html = fs::read_to_string(page).expect("a page");
        let figures: usize = html
            .match_indices("<svg role=\"img\"")
            .map(|(at, _)| html[at..].find("</svg>").expect("an SVG ends"))
            .sum();
        let kilobytes = (html.len() - figures) / 1000;
        assert!(kilobytes < 300, "{}: {kilobytes} KB", page.display());
    }
}

#[test]
fn every_chapter_is_named_as_its_lesson_is() {
    let is_chapter = |name: &str| name.as_bytes().first().is_some_and(u8::is_ascii_digit);
    for (path, _) in sources() {
        let name = path.file_stem().expect("a name").to_string_lossy();
        if is_chapter(&name) {
            assert!(
                LESSONS.iter().any(|lesson| lesson.name == name),
                "there is no lesson `{name}`"
            );
        }
    }
}

/// mdBook numbers what is in a list, one after the other: so no chapter may be left out.
#[test]
fn the_contents_number_the_chapters_as_their_files_and_titles_do() {
    let summary = include_str!("../chapters/SUMMARY.md");
    let listed = summary.lines().filter_map(|line| line.strip_prefix("- [")?.split_once("]("));
    for (number, (title, file)) in (1..).zip(listed) {
        let file = file.trim_end_matches(')');
        assert!(file.starts_with(&format!("{number:02}_")), "{file} is listed as chapter {number}");
        let (_, text) = sources()
            .into_iter()
            .find(|(path, _)| path.ends_with(file))
            .unwrap_or_else(|| panic!("there is no {file}"));
        let heading = format!("# {number}. {title}");
        assert_eq!(text.lines().next(), Some(&*heading), "{file}");
    }
}

/// The parts with which a chapter ends, in their order. A chapter with several exercises says so.
const LAST_PARTS: [&str; 5] =
    ["When it goes wrong", "The paper, and what we measured", "Exercise", "Quiz", "What to try"];

#[test]
fn every_chapter_has_its_parts_under_the_same_headings() {
    for lesson in written() {
        let path = book_folder().join(format!("chapters/{lesson}.md"));
        let text = fs::read_to_string(path).expect("a chapter is UTF-8");
        let question = text.lines().nth(2).unwrap_or("");
        let asks = question.starts_with("**Question: ") && question.ends_with("?**");
        assert!(asks, "{lesson}: the third line is no `**Question: …?**`");
        let command = format!("\n```sh\ncargo lesson {}\n```\n", &lesson[..2]);
        assert!(text.contains(&command), "{lesson}: it does not say how to run its lesson");
        assert!(
            text.contains("<details class=\"predict\">"),
            "{lesson}: it asks for no prediction"
        );

        let headings: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let last = &headings[headings.len().saturating_sub(LAST_PARTS.len())..];
        let last: Vec<&str> =
            last.iter().map(|&h| if h == "Exercises" { "Exercise" } else { h }).collect();
        assert_eq!(last, LAST_PARTS, "{lesson}: its last headings");
    }
}

#[test]
fn every_lesson_that_a_page_names_exists() {
    let is_lesson = |word: &str| {
        let (number, name) = word.split_once('_').unwrap_or_default();
        number.len() == 2 && number.bytes().all(|c| c.is_ascii_digit()) && !name.is_empty()
    };
    let exercises: BTreeSet<String> = fs::read_dir(root().join("lessons/exercises"))
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    for (path, text) in sources() {
        // What a link leads to, the builder has looked at.
        let (first, rest) = text.split_once("](").unwrap_or((&text, ""));
        let beside = rest.split("](").filter_map(|link| Some(link.split_once(')')?.1));
        let text: String = std::iter::once(first).chain(beside).collect();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| is_lesson(word)) {
            let there =
                LESSONS.iter().any(|lesson| lesson.name == word) || exercises.contains(word);
            assert!(there, "{}: there is no lesson `{word}`", path.display());
        }
    }
}

#[test]
fn every_source_file_that_a_page_names_exists() {
    for (path, text) in sources() {
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path = |word: &&str| {
            word.contains('/')
                && (word.ends_with(".rs") || word.ends_with('/'))
                && !word.contains(' ')
        };
        for source in quoted.filter(is_path).filter(|word| !word.contains("://")) {
            assert!(root().join(source).exists(), "{}: there is no `{source}`", path.display());
        }
    }
}

#[test]
fn every_figure_that_a_lesson_draws_is_shown() {
    for lesson in written() {
        for figure in files(&root().join("lessons/expected").join(lesson), "svg") {
            let name = figure.file_name().expect("a name").to_string_lossy();
            let path = format!("lessons/expected/{lesson}/{name}");
            assert!(shown().figures.contains(&path), "no chapter shows {path}");
        }
    }
}

#[test]
fn every_anchor_in_a_lesson_is_shown() {
    for lesson in written() {
        let path = format!("lessons/src/bin/{lesson}.rs");
        let source = fs::read_to_string(root().join(&path)).expect("a lesson's source");
        for anchor in anchors(&source) {
            let listing = (path.clone(), anchor.to_owned());
            assert!(shown().anchors.contains(&listing), "no chapter shows {path}:{anchor}");
        }
    }
}

#[test]
fn every_exercise_of_a_chapter_is_in_it() {
    for entry in fs::read_dir(root().join("lessons/exercises")).into_iter().flatten() {
        let name = entry.expect("it can be listed").file_name().to_string_lossy().into_owned();
        let number = name.split('_').next().unwrap_or("");
        if written().iter().any(|lesson| lesson.starts_with(number)) {
            assert!(shown().exercises.contains(&name), "no chapter holds the exercise {name}");
        }
    }
}
