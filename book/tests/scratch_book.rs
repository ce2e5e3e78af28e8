//! A small workspace with a book of one chapter, in a folder that goes away.

use std::fs;
use std::path::{Path, PathBuf};

use book::{Folders, Mistakes, NoWidgets, Shown, Still, Widgets, build};
use tempfile::TempDir;

/// The folder `book` of this workspace.
pub(crate) fn book_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) struct ScratchBook {
    root: TempDir,
}

impl ScratchBook {
    /// The files of `tests/scratch`, with the theme and the settings of the real book.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let here = book_folder();
        copy(&here.join("tests/scratch"), root.path());
        for folder in ["theme", "chapters/assets"] {
            copy(&here.join(folder), &root.path().join("book").join(folder));
        }
        for file in ["book.toml", "notation.tex"] {
            fs::copy(here.join(file), root.path().join("book").join(file))
                .expect("it can be copied");
        }
        Self { root }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file in place of the one that was there.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).expect("it can be written");
    }

    pub(crate) fn folders(&self) -> Folders {
        Folders { root: self.root.path().to_owned(), out: self.path("pages") }
    }

    pub(crate) fn build(&self) -> Result<Shown, Mistakes> {
        build(&self.folders(), &NoWidgets)
    }

    pub(crate) fn page(&self, name: &str) -> String {
        fs::read_to_string(self.path("pages").join(name)).expect("the page is there")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder to copy") {
        let path = entry.expect("it can be listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

/// One widget, `dial`, and its script.
pub(crate) struct Dial;

impl Widgets for Dial {
    fn names(&self) -> Vec<String> {
        vec!["dial".to_owned()]
    }

    fn still(&self, name: &str) -> Option<Still> {
        let picture = "<svg role=\"img\" aria-label=\"A dial at 3\" viewBox=\"0 0 100 100\">\
                       <circle cx=\"50\" cy=\"50\" r=\"40\"/></svg>";
        let caption = "Turn it.".to_owned();
        (name == "dial").then(|| Still { picture: picture.to_owned(), caption })
    }

    fn scripts(&self) -> Vec<(String, String)> {
        let script = "document.querySelector('.widget').dataset.state = 'live';";
        vec![("widgets.js".to_owned(), script.to_owned())]
    }
}
