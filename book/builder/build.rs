//! The whole way from the chapters to a folder of pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mdbook_driver::MDBook;

use crate::links::{self, Finished};
use crate::maths::Maths;
use crate::mistake::{Mistake, Mistakes};
use crate::page::Source;
use crate::site::{Shown, Site};
use crate::text::slashed;
use crate::widget::Widgets;
use crate::{finish, warnings};

/// Where a book's sources lie and where its pages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// The workspace; its folder `book` holds the chapters.
    pub root: PathBuf,
    /// The pages. What was there before is replaced once the new pages are right.
    pub out: PathBuf,
}

impl Folders {
    /// Those of this workspace: pages in `target/book`.
    pub fn of_this_workspace() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().unwrap_or(root);
        let out = root.join("target/book");
        Self { root, out }
    }
}

/// Builds the book and says what it shows of the other crates.
///
/// # Errors
///
/// All mistakes there are, in one list. The pages that were there before stay as they were.
pub fn build(folders: &Folders, widgets: &dyn Widgets) -> Result<Shown, Mistakes> {
    let Folders { root, out } = folders;
    let notation = fs::read_to_string(root.join("book/notation.tex")).unwrap_or_default();
    let maths = Maths::new(&notation).map_err(|(line, what)| {
        Mistakes(vec![Mistake { file: "book/notation.tex".to_owned(), line: Some(line), what }])
    })?;
    let site = Site::new(root, maths, widgets);

    // 1. The chapters as mdBook understands them.
    let chapters = chapters(&site);
    let rewritten: BTreeMap<&str, String> = chapters
        .iter()
        .map(|(name, text)| {
            let file = format!("book/chapters/{name}");
            (
                name.as_str(),
                site.rewrite(&Source { text, file: &file, first_line: 1, is_chapter: true }),
            )
        })
        .collect();

    // 2. Their pages, beside the place where they will stand.
    let fresh = out.with_extension("new");
    if summary_is_right(&site, &chapters) {
        let (built, warnings) = warnings::listen(|| render(root, &fresh, &rewritten, widgets));
        for warning in warnings {
            site.mistake("book/chapters", None, format!("mdBook warns: {warning}"));
        }
        match built {
            Ok(pages) => {
                let finished: Vec<Finished> = pages
                    .into_iter()
                    .map(|(name, page)| Finished {
                        source: chapters[&name].clone(),
                        chapter: format!("book/chapters/{name}"),
                        page,
                    })
                    .collect();
                links::check(&site, &fresh, &finished);
            }
            Err(error) => site.mistake("book", None, format!("mdBook gives up: {error:#}")),
        }
    }

    // 3. Only a book without mistakes takes the old one's place.
    let (mistakes, shown) = site.into_findings();
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    replace(&fresh, out).map_err(|error| {
        let what = format!("the pages cannot be put there: {error}");
        Mistakes(vec![Mistake { file: slashed(out), line: None, what }])
    })?;
    Ok(shown)
}

/// Every chapter, by its file's name.
fn chapters(site: &Site) -> BTreeMap<String, String> {
    let folder = site.root.join("book/chapters");
    let mut chapters = BTreeMap::new();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".md") || name == "SUMMARY.md" {
            continue;
        }
        match site.read(&format!("book/chapters/{name}")) {
            Ok(text) => drop(chapters.insert(name, text.to_string())),
            Err(what) => site.mistake(&format!("book/chapters/{name}"), None, what),
        }
    }
    chapters
}

/// Whether the summary lists the chapters that there are; notes each difference.
fn summary_is_right(site: &Site, chapters: &BTreeMap<String, String>) -> bool {
    const FILE: &str = "book/chapters/SUMMARY.md";
    let summary = match site.read(FILE) {
        Ok(summary) => summary,
        Err(what) => {
            site.mistake(FILE, None, what);
            return false;
        }
    };
    let mut listed = BTreeSet::new();
    let mut right = true;
    for (i, line) in summary.lines().enumerate() {
        let Some((_, rest)) = line.split_once("](") else { continue };
        let name = rest.split(')').next().unwrap_or(rest);
        if !chapters.contains_key(name) {
            let what = format!("there is no chapter {name}; write it or take this line out");
            site.mistake(FILE, Some(i + 1), what);
            right = false;
        }
        listed.insert(name);
    }
    for name in chapters.keys().filter(|name| !listed.contains(name.as_str())) {
        let what = format!("the chapter is in no contents; add a line [Title]({name}) to {FILE}");
        site.mistake(&format!("book/chapters/{name}"), None, what);
    }
    right
}

/// Runs mdBook over the rewritten chapters; returns each chapter's page.
fn render(
    root: &Path,
    out: &Path,
    rewritten: &BTreeMap<&str, String>,
    widgets: &dyn Widgets,
) -> mdbook_driver::errors::Result<Vec<(String, PathBuf)>> {
    let mut book = MDBook::load(root.join("book"))?;
    book.config.build.build_dir = out.to_owned();
    let mut pages = Vec::new();
    book.book.for_each_chapter_mut(|chapter| {
        let Some(name) = chapter.source_path.as_deref().map(slashed) else { return };
        if let Some(text) = rewritten.get(name.as_str()) {
            chapter.content.clone_from(text);
            let page = match &*name {
                "README.md" => "index.html".to_owned(),
                name => name.replace(".md", ".html"),
            };
            pages.push((name, page.into()));
        }
    });
    book.build()?;
    finish::pages(out, &widgets.scripts())?;
    Ok(pages)
}

/// Puts `fresh` in the place of `out`.
fn replace(fresh: &Path, out: &Path) -> std::io::Result<()> {
    let old = out.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    if out.exists() {
        fs::rename(out, &old)?;
    }
    fs::rename(fresh, out)?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}
