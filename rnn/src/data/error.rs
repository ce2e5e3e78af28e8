//! What can be wrong with data, one sentence each, with the place.

use std::fmt;
use std::path::PathBuf;

/// A place in a source of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or what the source was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1: in characters, and in fields for CSV.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}, line {}, column {}", self.file, self.line, self.column)
    }
}

/// Data that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no such file.
    #[error("cannot read {}: there is no such file; check the path", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system does not give the data out.
    #[error("cannot read {file}: {reason}; give a file that you may read")]
    Unreadable {
        /// The file, or what the source was named.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// The source ends before there is anything in it.
    #[error("{file} is empty: there is no {what} in it; give a file with at least one")]
    Empty {
        /// The file, or what the source was named.
        file: String,
        /// What was looked for.
        what: &'static str,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{at}: the byte {byte:#04x} at offset {offset} is not UTF-8; convert the file to UTF-8"
    )]
    NotUtf8 {
        /// The place of the first bad byte.
        at: Place,
        /// The number of bytes before it.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A line with too few or too many fields.
    #[error("{at}: expected {expected} fields and found {found}; write {layout}")]
    Fields {
        /// Where the line ends too early, or where the first superfluous field begins.
        at: Place,
        /// The number of fields on the line.
        found: usize,
        /// The number that there should be.
        expected: usize,
        /// What a line should look like.
        layout: &'static str,
    },
    /// A field with nothing in it.
    #[error("{at}: the {field} is empty; write {layout}")]
    EmptyField {
        /// Where the field should begin.
        at: Place,
        /// Which field it is.
        field: &'static str,
        /// What a line should look like.
        layout: &'static str,
    },

    /// A CSV column that does not exist.
    #[error("{file} has no column {wanted}; it has {}", columns.join(", "))]
    NoColumn {
        /// The file, or what the source was named.
        file: String,
        /// The column that was asked for: its name in quotes, or its index.
        wanted: String,
        /// The columns that do exist, each with its index and its name.
        columns: Vec<String>,
    },
    /// A name that two CSV columns have.
    #[error("{file} has two columns {name:?}, {first} and {second}; choose by index")]
    TwoColumns {
        /// The file, or what the source was named.
        file: String,
        /// The name.
        name: String,
        /// The index of the first such column.
        first: usize,
        /// The index of the second.
        second: usize,
    },
    /// A CSV file whose first line holds data where names were expected.
    #[error(
        "{at}: the first line holds the number {text:?} and not a name; read it with `header: false`"
    )]
    NoHeader {
        /// The place of the number.
        at: Place,
        /// The number.
        text: String,
    },
    /// A CSV field that is not a finite number.
    #[error(
        "{at}: {text:?} in column {name:?} is not a finite number; correct it or leave the line out"
    )]
    Number {
        /// The line on which the record ends, and the number of the field.
        at: Place,
        /// The name of the column.
        name: String,
        /// What is in the field.
        text: String,
    },

    /// The first field of a CoNLL-U line is no number of a node.
    #[error(
        "{at}: {id:?} is neither a word (3), nor a range of words (3-4), nor an empty node (3.1)"
    )]
    NodeId {
        /// The place.
        at: Place,
        /// The field.
        id: String,
    },
    /// A CoNLL-U line out of order.
    #[error("{at}: {id} cannot stand here; the next word is number {next}")]
    NodeOrder {
        /// The place.
        at: Place,
        /// The number of the node.
        id: String,
        /// The number that the next word should have.
        next: usize,
    },
    /// A CoNLL-U range of words that goes beyond its sentence.
    #[error("{at}: the words {id} are not all in the sentence, which has {words}")]
    Range {
        /// The place.
        at: Place,
        /// The range.
        id: String,
        /// The number of words of the sentence.
        words: usize,
    },
    /// A part of speech that does not exist.
    #[error("{at}: {upos:?} is none of the universal parts of speech {}; write _ for none", super::conllu::UPOS.join(" "))]
    Upos {
        /// The place.
        at: Place,
        /// The field.
        upos: String,
    },
    /// A CoNLL-U comment after the first word of its sentence.
    #[error("{at}: a comment stands inside a sentence; put it before the first word")]
    CommentInside {
        /// The place.
        at: Place,
    },
    /// A CoNLL-U sentence without words.
    #[error("{at}: a sentence ends without a word; add its words, or leave its comments out")]
    NoWords {
        /// The end of the sentence.
        at: Place,
    },
}
