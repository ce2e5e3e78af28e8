//! Reading text: a source with a name, its lines, and where each of them is.
//!
//! A [`Source`] reads one line at a time from a file or from any other reader, checks that it is UTF-8, and
//! knows its place. All loaders of this module's parent read from one.
//!
//! Nothing is normalised: line ends, accents and a byte order mark stay in a plain text as they are
//! in the file, so that decoding what was encoded gives the same text back. Formats made of lines ([`Lines`](super::lines)
//! and CoNLL-U) are read without line ends (`\n` or `\r\n`) and without a byte order mark.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::error::{DataError, Place};

/// The text of a file, exactly as it is.
///
/// # Errors
///
/// If the file does not exist, cannot be read, is empty, or is not UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String, DataError> {
    Source::open(path)?.text()
}

/// A text that is read line by line, with a name for messages.
///
/// ```
/// use rnn::data::Source;
///
/// let mut source = Source::new("poem.txt", "one\r\ntwo".as_bytes());
/// assert_eq!(source.next_line()?, Some("one\r\n"));
/// assert_eq!(source.next_line()?, Some("two"));
/// assert_eq!(source.next_line()?, None);
///
/// let error = Source::new("poem.txt", &b"one\ntw\xff"[..]).text().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "poem.txt, line 2, column 3: the byte 0xff at offset 6 is not UTF-8; convert the file to UTF-8"
/// );
/// # Ok::<(), rnn::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source<R> {
    reader: R,
    file: String,
    line: usize,
    offset: u64, // of the first byte of `bytes`
    bytes: Vec<u8>,
}

impl Source<BufReader<File>> {
    /// The file at this path.
    ///
    /// # Errors
    ///
    /// If the file does not exist or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        match File::open(path) {
            Ok(opened) => Ok(Self::new(file, BufReader::new(opened))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DataError::Missing { path: path.to_owned() })
            }
            Err(error) => Err(DataError::Unreadable { file, reason: error.to_string() }),
        }
    }
}

impl<R: BufRead> Source<R> {
    /// What this reader gives, to be called `file` in messages.
    pub fn new(file: impl Into<String>, reader: R) -> Self {
        Self { reader, file: file.into(), line: 0, offset: 0, bytes: Vec::new() }
    }

    /// What messages call it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The next line, with its end as it is in the file; nothing after the last.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not UTF-8.
    pub fn next_line(&mut self) -> Result<Option<&str>, DataError> {
        self.offset += self.bytes.len() as u64;
        self.bytes.clear();
        if let Err(error) = self.reader.read_until(b'\n', &mut self.bytes) {
            let reason = error.to_string();
            return Err(DataError::Unreadable { file: self.file.clone(), reason });
        }
        if self.bytes.is_empty() {
            return Ok(None); // and the place stays on the last line
        }
        self.line += 1;
        match std::str::from_utf8(&self.bytes) {
            Ok(line) => Ok(Some(line)),
            Err(error) => {
                let (good, bad) = self.bytes.split_at(error.valid_up_to());
                let good_text = self.without_mark(std::str::from_utf8(good).unwrap_or(""));
                let at = self.place(column(good_text, good_text.len()));
                let offset = self.offset + good.len() as u64;
                Err(DataError::NotUtf8 { at, offset, byte: bad[0] })
            }
        }
    }

    /// The next line without its end, and without a byte order mark if it is the first.
    pub(super) fn next_content(&mut self) -> Result<Option<String>, DataError> {
        let Some(line) = self.next_line()? else { return Ok(None) };
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line).to_owned();
        Ok(Some(self.without_mark(&line).to_owned()))
    }

    /// A line without the byte order mark of the first, which no editor counts as a column.
    fn without_mark<'a>(&self, line: &'a str) -> &'a str {
        match self.line {
            1 => line.strip_prefix('\u{feff}').unwrap_or(line),
            _ => line,
        }
    }

    /// All that is left of the text.
    ///
    /// # Errors
    ///
    /// If nothing is left, if it cannot be read, or if it is not UTF-8.
    pub fn text(mut self) -> Result<String, DataError> {
        let mut text = String::new();
        while let Some(line) = self.next_line()? {
            text.push_str(line);
        }
        if text.is_empty() { Err(self.empty("text")) } else { Ok(text) }
    }

    /// A column of the line that was read last.
    pub(super) fn place(&self, column: usize) -> Place {
        Place { file: self.file.clone(), line: self.line, column }
    }

    /// There is none of these.
    pub(super) fn empty(&self, what: &'static str) -> DataError {
        DataError::Empty { file: self.file.clone(), what }
    }
}

/// What `next` finds in a source until it finds nothing more, or until its first error: this is the last
/// that the iterator gives. A source in which it never finds anything is an error too.
pub(super) fn records<R: BufRead, T>(
    mut source: Source<R>,
    what: &'static str,
    mut next: impl FnMut(&mut Source<R>) -> Result<Option<T>, DataError>,
) -> impl Iterator<Item = Result<T, DataError>> {
    let (mut started, mut ended) = (false, false);
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let found = match next(&mut source).transpose() {
            None if !started => Some(Err(source.empty(what))),
            found => found,
        };
        started = true;
        ended = !matches!(found, Some(Ok(_)));
        found
    })
}

/// The column of this byte of a line, in characters from 1.
pub(super) fn column(line: &str, byte: usize) -> usize {
    line[..byte].chars().count() + 1
}
