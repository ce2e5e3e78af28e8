//! What all pages share while a book is built: where things lie, and what has been found so far.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::maths::Maths;
use crate::mistake::Mistake;
use crate::text::names;
use crate::widget::Widgets;

/// What the chapters show of the other crates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Listings: source, seen from the workspace's folder, and anchor.
    pub anchors: BTreeSet<(String, String)>,
    /// Figures: SVG files, seen from the workspace's folder.
    pub figures: BTreeSet<String>,
    /// Exercises, by name.
    pub exercises: BTreeSet<String>,
}

/// One book in the making.
pub(crate) struct Site<'a> {
    /// The workspace's folder: listings and tests are named from here.
    pub(crate) root: PathBuf,
    pub(crate) maths: Maths,
    pub(crate) widgets: &'a dyn Widgets,
    sources: RefCell<HashMap<String, Rc<str>>>,
    shown: RefCell<Shown>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(root: &Path, maths: Maths, widgets: &'a dyn Widgets) -> Self {
        let root = root.to_owned();
        let (sources, shown, mistakes) = Default::default();
        Self { root, maths, widgets, sources, shown, mistakes }
    }

    /// The text of a file of the workspace.
    pub(crate) fn read(&self, path: &str) -> Result<Rc<str>, String> {
        if let Some(text) = self.sources.borrow().get(path) {
            return Ok(Rc::clone(text));
        }
        if Path::new(path).is_absolute() || path.split('/').any(|part| part == "..") {
            return Err(format!("`{path}` does not lie in the workspace; name it from its folder"));
        }
        let text: Rc<str> = match fs::read_to_string(self.root.join(path)) {
            Ok(text) => text.into(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(self.missing(path));
            }
            Err(error) => return Err(format!("{path} cannot be read: {error}")),
        };
        self.sources.borrow_mut().insert(path.to_owned(), Rc::clone(&text));
        Ok(text)
    }

    /// That there is no such file, and what there is in the nearest folder that exists.
    fn missing(&self, path: &str) -> String {
        let mut folder = Path::new(path);
        while let Some(parent) = folder.parent() {
            folder = parent;
            if self.root.join(folder).is_dir() {
                break;
            }
        }
        let mut inside: Vec<String> = fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        inside.sort();
        let folder = crate::text::slashed(folder);
        let folder = if folder.is_empty() { "the workspace" } else { &folder };
        format!("there is no file {path}; {folder} holds {}", names(inside))
    }

    pub(crate) fn shown(&self) -> RefMut<'_, Shown> {
        self.shown.borrow_mut()
    }

    /// Notes a mistake in a file, on a line if one is to blame.
    pub(crate) fn mistake(&self, file: &str, line: Option<usize>, what: impl Into<String>) {
        let mistake = Mistake { file: file.to_owned(), line, what: what.into() };
        self.mistakes.borrow_mut().push(mistake);
    }

    /// All that was found, each mistake once, in the order of files and lines.
    pub(crate) fn into_findings(self) -> (Vec<Mistake>, Shown) {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort();
        mistakes.dedup();
        (mistakes, self.shown.into_inner())
    }
}
