//! Two texts a line with a tab between them: labelled texts, and pairs to translate.
//!
//! ```text
//! label⇥text          spam⇥you have won a house
//! source⇥target       3 may 1998⇥1998-05-03
//! ```
//!
//! Blanks are kept, empty lines are skipped. There are no quotes and no escapes: a tab always separates, and so a
//! text can hold neither a tab nor a line end.

use std::io::BufRead;

use super::error::DataError;
use super::text::{Source, column, records};

/// A text and the class it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The class.
    pub label: String,
    /// The text.
    pub text: String,
}

/// The lines `label⇥text` of a source.
///
/// ```
/// use rnn::data::{Labelled, Source, Vocabulary, labelled};
///
/// let source = Source::new("mail.tsv", "spam\tyou won\nham\tsee you\n".as_bytes());
/// let mail = labelled(source).collect::<Result<Vec<Labelled>, _>>()?;
/// assert_eq!((&*mail[1].label, &*mail[1].text), ("ham", "see you"));
///
/// let labels = Vocabulary::of_symbols(mail.iter().map(|mail| mail.label.clone()))?;
/// assert_eq!(labels.encode_symbols(mail.iter().map(|mail| &mail.label))?, [1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The iterator ends with an error if the source has no such line, cannot be read or is not UTF-8, or if
/// a line has not exactly one tab with something on each side.
pub fn labelled<R: BufRead>(
    source: Source<R>,
) -> impl Iterator<Item = Result<Labelled, DataError>> {
    records(source, "labelled line", |source| {
        let fields = two_fields(source, ["label", "text"], "label, tab, text")?;
        Ok(fields.map(|[label, text]| Labelled { label, text }))
    })
}

/// A text and what it should become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// What is given.
    pub source: String,
    /// What is wanted.
    pub target: String,
}

/// The lines `source⇥target` of a source.
///
/// ```
/// use rnn::data::{Source, pairs};
///
/// let mut dates = pairs(Source::new("dates.tsv", "3 may 1998\t1998-05-03\n4 may".as_bytes()));
/// assert_eq!(dates.next().unwrap()?.target, "1998-05-03");
/// assert_eq!(
///     dates.next().unwrap().unwrap_err().to_string(),
///     "dates.tsv, line 2, column 6: expected 2 fields and found 1; write source, tab, target"
/// );
/// # Ok::<(), rnn::data::DataError>(())
/// ```
///
/// # Errors
///
/// As [`labelled`].
pub fn pairs<R: BufRead>(source: Source<R>) -> impl Iterator<Item = Result<Pair, DataError>> {
    records(source, "pair of texts", |source| {
        let fields = two_fields(source, ["source", "target"], "source, tab, target")?;
        Ok(fields.map(|[source, target]| Pair { source, target }))
    })
}

/// The two fields of the next line that is not empty.
fn two_fields<R: BufRead>(
    source: &mut Source<R>,
    names: [&'static str; 2],
    layout: &'static str,
) -> Result<Option<[String; 2]>, DataError> {
    loop {
        let Some(line) = source.next_content()? else { return Ok(None) };
        if line.is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let &[first, second] = &fields[..] else {
            let found = fields.len();
            // Where the tab is missing, or where the third field begins.
            let byte = if found < 2 { line.len() } else { fields[0].len() + fields[1].len() + 2 };
            let at = source.place(column(&line, byte));
            return Err(DataError::Fields { at, found, expected: 2, layout });
        };
        if let Some(empty) = [first, second].iter().position(|field| field.is_empty()) {
            let at = source.place(if empty == 0 { 1 } else { column(&line, line.len()) });
            return Err(DataError::EmptyField { at, field: names[empty], layout });
        }
        return Ok(Some([first.to_owned(), second.to_owned()]));
    }
}
