//! Series of numbers from CSV files.
//!
//! ```text
//! day,temperature,wind
//! 1,20.5,3            a step a line, a number a column; some columns are chosen, by name or index
//! 2,21.0,4
//! ```
//!
//! CSV as in RFC 4180, read by the `csv` crate: a field in double quotes may hold delimiters and line ends.
//! Blanks around a number are ignored, empty lines are skipped. Only the chosen columns must be numbers.
//! A missing value is an error: what to put in its place is a decision about the data.
//!
//! Shapes: [T, F], the steps in the order of the file, the columns in the order in which they are chosen.

use std::io::{self, BufRead, Read};

use autograd::{Element, Tensor};
use csv::StringRecord;

use super::error::DataError;
use super::text::Source;

/// T steps of F numbers, with the names of the columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<E: Element> {
    /// The names of the F columns; without a header their indices.
    pub names: Vec<String>,
    /// The numbers, [T, F].
    pub values: Tensor<E>,
}

impl<E: Element> Series<E> {
    /// The first `fraction` of the steps, rounded down, and the rest: to train with, and to test with. A series is split in
    /// time and not at random, since what is to be forecast comes later.
    ///
    /// # Panics
    ///
    /// If `fraction` is not from 0 to 1.
    #[track_caller]
    pub fn split_at_fraction(&self, fraction: f64) -> (Self, Self) {
        assert!(
            (0.0..=1.0).contains(&fraction),
            "split_at_fraction: {fraction} is not a fraction from 0 to 1"
        );
        let steps = self.values.shape()[0];
        let cut = (steps as f64 * fraction) as usize;
        let part = |start, end| Self {
            names: self.names.clone(),
            values: self.values.slice(0, start, end),
        };
        (part(0, cut), part(cut, steps))
    }
}

/// A column of a CSV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column<'a> {
    /// By its name in the header.
    Name(&'a str),
    /// By its index, from 0.
    Index(usize),
}

impl<'a> From<&'a str> for Column<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for Column<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// How a CSV file is written.
///
/// ```
/// use autograd::Tensor;
/// use rnn::data::{Csv, Source};
///
/// let file = "day,temperature,wind\n1,20.5,3\n2,21.0,4\n";
/// let series = Csv::default().read::<f64>(Source::new("w.csv", file.as_bytes()), &["wind"])?;
/// assert_eq!(series.values, Tensor::from([[3.0], [4.0]]));
///
/// let error = Csv::default().read::<f64>(Source::new("w.csv", file.as_bytes()), &["rain"]);
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "w.csv has no column \"rain\"; it has 0 \"day\", 1 \"temperature\", 2 \"wind\""
/// );
///
/// let csv = Csv { header: false, delimiter: b';' };
/// let series = csv.read::<f64>(Source::new("v.csv", "7;8\n9;10\n".as_bytes()), &[1, 0])?;
/// assert_eq!(series.values, Tensor::from([[8.0, 7.0], [10.0, 9.0]]));
/// # Ok::<(), rnn::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csv {
    /// Whether the first line holds the names of the columns.
    pub header: bool,
    /// What separates two fields.
    pub delimiter: u8,
}

impl Default for Csv {
    /// A header, and commas.
    fn default() -> Self {
        Self { header: true, delimiter: b',' }
    }
}

impl Csv {
    /// These columns of all steps.
    ///
    /// # Errors
    ///
    /// If the source has no step, cannot be read or is not UTF-8; if a column does not exist or its
    /// name is that of two; if a line has not as many fields as the first; if a chosen field is not a finite number;
    /// or if a number stands in the header of a column that was chosen by index.
    ///
    /// # Panics
    ///
    /// If no column is chosen.
    #[track_caller]
    pub fn read<'a, E: Element>(
        &self,
        source: Source<impl BufRead>,
        columns: &[impl Into<Column<'a>> + Copy],
    ) -> Result<Series<E>, DataError> {
        assert!(!columns.is_empty(), "Csv::read: choose at least one column");
        let mut records = Records::new(self, source);
        let Some(first) = records.next()? else { return Err(records.source().empty("step")) };
        let mut columns_read = Vec::with_capacity(columns.len());
        for &column in columns {
            let column = column.into();
            let index = self.find(column, &first, records.source().file())?;
            if let (true, Column::Index(_), Some(_)) =
                (self.header, column, number::<E>(&first[index]))
            {
                let (at, text) = (records.source().place(index + 1), first[index].to_string());
                return Err(DataError::NoHeader { at, text });
            }
            columns_read.push(index);
        }
        let name = |&index: &usize| match self.header {
            true => first[index].to_string(),
            false => index.to_string(),
        };
        let names: Vec<String> = columns_read.iter().map(name).collect();

        let mut values = Vec::new();
        let mut record = if self.header { records.next()? } else { Some(first) };
        while let Some(fields) = record {
            for (&index, name) in columns_read.iter().zip(&names) {
                match number(&fields[index]) {
                    Some(x) => values.push(x),
                    None => {
                        let at = records.source().place(index + 1);
                        let (name, text) = (name.clone(), fields[index].to_string());
                        return Err(DataError::Number { at, name, text });
                    }
                }
            }
            record = records.next()?;
        }
        if values.is_empty() {
            return Err(records.source().empty("step"));
        }
        let shape = [values.len() / names.len(), names.len()];
        Ok(Series { names, values: Tensor::new(&shape, values) })
    }

    /// The index of a column, given the first line.
    fn find(&self, column: Column, first: &StringRecord, file: &str) -> Result<usize, DataError> {
        let (wanted, found) = match column {
            Column::Index(index) => (index.to_string(), (index < first.len()).then_some(index)),
            Column::Name(name) => {
                let mut named =
                    first.iter().enumerate().filter(|&(_, own)| self.header && own == name);
                let found = named.next().map(|(index, _)| index);
                if let (Some(first), Some((second, _))) = (found, named.next()) {
                    let (file, name) = (file.to_owned(), name.to_owned());
                    return Err(DataError::TwoColumns { file, name, first, second });
                }
                (format!("{name:?}"), found)
            }
        };
        found.ok_or_else(|| {
            let named = |(index, name): (usize, &str)| match self.header {
                true => format!("{index} {name:?}"),
                false => index.to_string(),
            };
            let columns = first.iter().enumerate().map(named).collect();
            DataError::NoColumn { file: file.to_owned(), wanted, columns }
        })
    }
}

/// A finite number, with or without blanks around it.
fn number<E: Element>(text: &str) -> Option<E> {
    let x = E::from_f64(text.trim().parse().ok()?);
    x.is_finite().then_some(x)
}

/// The records of a source.
struct Records<R> {
    reader: csv::Reader<ByLine<R>>,
}

impl<R: BufRead> Records<R> {
    fn new(csv: &Csv, source: Source<R>) -> Self {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).delimiter(csv.delimiter);
        Self { reader: builder.from_reader(ByLine { source, left: Vec::new() }) }
    }

    /// The source; its place is on the last line of the record that was read last.
    fn source(&self) -> &Source<R> {
        &self.reader.get_ref().source
    }

    fn next(&mut self) -> Result<Option<StringRecord>, DataError> {
        let mut record = StringRecord::new();
        let error = match self.reader.read_record(&mut record) {
            Ok(found) => return Ok(found.then_some(record)),
            Err(error) => error,
        };
        let reason = error.to_string();
        let unreadable = DataError::Unreadable { file: self.source().file().to_owned(), reason };
        Err(match error.into_kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                let (expected, found) = (expected_len as usize, len as usize);
                let at = self.source().place(expected.min(found) + 1);
                let layout = "as many fields as on the first line";
                DataError::Fields { at, found, expected, layout }
            }
            // What `ByLine` found wrong.
            csv::ErrorKind::Io(error) => match error.downcast::<DataError>() {
                Ok(found) => found,
                Err(_) => unreadable,
            },
            _ => unreadable,
        })
    }
}

/// A source as a reader of bytes that never gives more than a line at a time, so that the place is known.
struct ByLine<R> {
    source: Source<R>,
    left: Vec<u8>,
}

impl<R: BufRead> Read for ByLine<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            match self.source.next_line() {
                Ok(line) => self.left.extend(line.unwrap_or("").bytes()),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let len = self.left.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.left[..len]);
        self.left.drain(..len);
        Ok(len)
    }
}
