//! What is wrong in the book's sources, said so that it can be put right.

use std::fmt;

/// One mistake: where it is, what it is, and what to do.
///
/// ```
/// use book::Mistake;
///
/// let mistake = Mistake {
///     file: "book/chapters/02_scalar_engine.md".to_owned(),
///     line: Some(7),
///     what: "the figure has no alternative text; say what it shows".to_owned(),
/// };
/// let sentence = "book/chapters/02_scalar_engine.md:7: \
///                 the figure has no alternative text; say what it shows";
/// assert_eq!(mistake.to_string(), sentence);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, seen from the workspace's folder.
    pub file: String,
    /// The line, counted from 1, where there is one to name.
    pub line: Option<usize>,
    /// What is wrong and what to do about it.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Why a book was not built: every mistake there is, by file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "{mistake}")?;
        }
        match self.0.len() {
            1 => write!(f, "the book has 1 mistake"),
            several => write!(f, "the book has {several} mistakes"),
        }
    }
}

impl std::error::Error for Mistakes {}
