//! Treebanks in the CoNLL-U format: sentences of words with their parts of speech.
//!
//! ```text
//! # text = vámonos al mar
//! 1-2   vámonos  _    _      …     a multiword token: written as one, two words to the grammar
//! 1     vamos    ir   VERB   …     a word
//! 2     nos      …    PRON   …
//! 3-4   al       …
//! 3     a        …    ADP    …
//! 4     el       …    DET    …
//! 5     mar      …    NOUN   …
//! 5.1   …                          an empty node: not written at all, in enhanced dependencies only
//! ```
//!
//! Ten fields a line with tabs between them, `_` for nothing, an empty line after each sentence.
//!
//! Words are the lines with whole numbers; they alone have a part of speech. Multiword tokens are kept beside
//! them, to rebuild what was written. Empty nodes are checked and left out. Comments are kept as they are.
//! Lemmas, features and dependencies are not read.
//!
//! Source: <https://universaldependencies.org/format.html>.

use std::io::BufRead;
use std::ops::Range;

use super::error::{DataError, Place};
use super::text::{Source, column, records};

/// The universal parts of speech, UD version 2.
pub const UPOS: [&str; 17] = [
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
    "PUNCT", "SCONJ", "SYM", "VERB", "X",
];

/// The names of the ten fields.
const FIELDS: [&str; 10] =
    ["ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"];
const LAYOUT: &str = "the ten fields of CoNLL-U with tabs between them, and _ for nothing";

/// A sentence, with at least one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The comments before it, with their `#`.
    pub comments: Vec<String>,
    /// Its words.
    pub words: Vec<Word>,
    /// Those of its words that are written as one.
    pub multiword: Vec<Multiword>,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word in this form.
    pub form: String,
    /// Its part of speech, one of [`UPOS`], or `_` in a text without them.
    pub upos: String,
}

/// Several words that are written as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multiword {
    /// What is written.
    pub form: String,
    /// Which words of the sentence it stands for, from 0.
    pub words: Range<usize>,
}

impl Sentence {
    /// The sentence as it is written: multiword tokens in the place of their words.
    pub fn tokens(&self) -> Vec<&str> {
        let mut tokens = Vec::new();
        let mut next = 0;
        for token in &self.multiword {
            tokens.extend(self.words[next..token.words.start].iter().map(|word| &*word.form));
            tokens.push(&token.form);
            next = token.words.end;
        }
        tokens.extend(self.words[next..].iter().map(|word| &*word.form));
        tokens
    }
}

/// The sentences of a source.
///
/// ```
/// use rnn::data::{Source, Vocabulary, conllu};
///
/// let file = "1\tIt\tit\tPRON\t_\t_\t2\tnsubj\t_\t_\n2\trains\train\tVERB\t_\t_\t0\troot\t_\t_\n\n";
/// let sentences = conllu(Source::new("en.conllu", file.as_bytes())).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(sentences[0].tokens(), ["It", "rains"]);
///
/// let words = &sentences[0].words;
/// let tags = Vocabulary::of_symbols(words.iter().map(|word| word.upos.clone()))?;
/// assert_eq!(tags.encode_symbols(words.iter().map(|word| &word.upos))?, [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The iterator ends with an error if the source has no sentence, cannot be read or is not UTF-8, or if
/// a line is not as the format says: the fields, the numbers of the nodes, the part of speech, the place of comments.
pub fn conllu<R: BufRead>(source: Source<R>) -> impl Iterator<Item = Result<Sentence, DataError>> {
    records(source, "sentence", |source| {
        let mut reading = Reading::default();
        loop {
            match source.next_content()? {
                Some(line) if !line.is_empty() => reading.line(&line, source)?,
                None if !reading.started() => return Ok(None),
                Some(_) if !reading.started() => {}
                _ => return reading.finish(source).map(Some),
            }
        }
    })
}

/// A sentence of which some lines have been read.
#[derive(Default)]
struct Reading {
    sentence: Sentence,
    /// The last empty node: after which word, and how many empty ones there are after that word.
    empty: (usize, usize),
    /// The last range of words, and where it stands.
    range: Option<(String, Place)>,
}

impl Reading {
    fn started(&self) -> bool {
        !self.sentence.comments.is_empty() || self.has_nodes()
    }

    fn has_nodes(&self) -> bool {
        !self.sentence.words.is_empty() || self.range.is_some() || self.empty.1 > 0
    }

    fn line(&mut self, line: &str, source: &Source<impl BufRead>) -> Result<(), DataError> {
        let at = |byte| source.place(column(line, byte));
        if line.starts_with('#') {
            if self.has_nodes() {
                return Err(DataError::CommentInside { at: at(0) });
            }
            self.sentence.comments.push(line.to_owned());
            return Ok(());
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let start = |i: usize| fields[..i].iter().map(|field| field.len() + 1).sum::<usize>();
        let (found, expected, layout) = (fields.len(), FIELDS.len(), LAYOUT);
        if found != expected {
            let byte = if found < expected { line.len() } else { start(expected) };
            return Err(DataError::Fields { at: at(byte), found, expected, layout });
        }
        if let Some(empty) = fields.iter().position(|field| field.is_empty()) {
            return Err(DataError::EmptyField {
                at: at(start(empty)),
                field: FIELDS[empty],
                layout,
            });
        }
        let [id, form, _, upos, ..] = fields[..] else { unreachable!("there are ten fields") };
        self.node(id, form, upos, at(0), at(start(3)))
    }

    /// A word, a multiword token or an empty node.
    fn node(
        &mut self,
        id: &str,
        form: &str,
        upos: &str,
        at: Place,
        upos_at: Place,
    ) -> Result<(), DataError> {
        let (words, multiword) = (&mut self.sentence.words, &mut self.sentence.multiword);
        let (form, next) = (form.to_owned(), words.len() + 1);
        let in_order = match Node::parse(id) {
            None => return Err(DataError::NodeId { at, id: id.to_owned() }),
            Some(Node::Word(number)) => {
                if number == next {
                    if upos != "_" && !UPOS.contains(&upos) {
                        return Err(DataError::Upos { at: upos_at, upos: upos.to_owned() });
                    }
                    words.push(Word { form, upos: upos.to_owned() });
                }
                number == next
            }
            Some(Node::Range(first, last)) => {
                let free = multiword.last().is_none_or(|token| token.words.end < first);
                let in_order = first == next && first <= last && free;
                if in_order {
                    multiword.push(Multiword { form, words: first - 1..last });
                    self.range = Some((id.to_owned(), at.clone()));
                }
                in_order
            }
            Some(Node::Empty(after, number)) => {
                let before = if self.empty.0 == after { self.empty.1 } else { 0 };
                self.empty = (after, before + 1);
                after == next - 1 && number == before + 1
            }
        };
        match in_order {
            true => Ok(()),
            false => Err(DataError::NodeOrder { at, id: id.to_owned(), next }),
        }
    }

    fn finish(self, source: &Source<impl BufRead>) -> Result<Sentence, DataError> {
        let words = self.sentence.words.len();
        if words == 0 {
            return Err(DataError::NoWords { at: source.place(1) });
        }
        match (self.sentence.multiword.last(), self.range) {
            (Some(token), Some((id, at))) if token.words.end > words => {
                Err(DataError::Range { at, id, words })
            }
            _ => Ok(self.sentence),
        }
    }
}

/// What the first field of a line says.
enum Node {
    /// 3
    Word(usize),
    /// 3-4
    Range(usize, usize),
    /// 3.1: after word 3, the first
    Empty(usize, usize),
}

impl Node {
    fn parse(id: &str) -> Option<Self> {
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().ok(),
            false => None,
        };
        if let Some((first, last)) = id.split_once('-') {
            Some(Self::Range(number(first)?, number(last)?))
        } else if let Some((after, place)) = id.split_once('.') {
            Some(Self::Empty(number(after)?, number(place)?))
        } else {
            number(id).map(Self::Word)
        }
    }
}
