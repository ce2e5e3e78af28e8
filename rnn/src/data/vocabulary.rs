//! Text as numbers: the symbols that occur in it, and the special ones that do not.
//!
//! ```text
//! ids        0 … N−1   the N different symbols of the text: characters or words
//!            N … V−1   special symbols, outside of the text: unknown, padding, begin, end
//! ```
//!
//! A special symbol is no text: nothing that stands in a file can be mistaken for one, not even `<eos>`.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::hash::Hash;

use super::symbol::Symbol;

/// A symbol with a meaning for the model, which stands in no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// In the place of every symbol that the vocabulary does not have.
    Unknown,
    /// After the end of the shorter sequences of a batch.
    Padding,
    /// Before the first symbol.
    Bos,
    /// After the last symbol.
    Eos,
}

impl Display for Special {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.pad(match self {
            Self::Unknown => "<unk>",
            Self::Padding => "<pad>",
            Self::Bos => "<bos>",
            Self::Eos => "<eos>",
        })
    }
}

/// What an id stands for. Prints the symbol, or `<eos>` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token<'a, S> {
    /// A symbol of the text.
    Symbol(&'a S),
    /// A special symbol.
    Special(Special),
}

impl<S: Display> Display for Token<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Symbol(symbol) => Display::fmt(symbol, f),
            Self::Special(special) => Display::fmt(special, f),
        }
    }
}

/// The different symbols of a text, numbered from 0, and after them the special ones.
///
/// ```
/// use rnn::data::{Special, Vocabulary};
///
/// let vocabulary = Vocabulary::of("hello")?;
/// assert_eq!(vocabulary.symbols(), ['e', 'h', 'l', 'o']);
/// assert_eq!(vocabulary.encode("hole")?, [1, 3, 2, 0]);
/// assert_eq!(vocabulary.decode(&[1, 3, 2, 0]), "hole");
///
/// let words = Vocabulary::of_words("the old house.")?.with(&[Special::Unknown, Special::Eos]);
/// assert_eq!(words.len(), 4 + 2);
/// assert_eq!(words.encode("the new house")?, [3, words.special(Special::Unknown), 1]);
/// assert_eq!(words.decode(&[2, 1, words.special(Special::Eos)]), "old house");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary<S: Symbol = char> {
    symbols: Vec<S>,
    ids: HashMap<S, usize>,
    specials: Vec<Special>,
}

impl Vocabulary<char> {
    /// The characters of `text`, in the order of their code points.
    ///
    /// # Errors
    ///
    /// If the text has fewer than two different characters.
    pub fn of(text: &str) -> Result<Self, VocabularyError> {
        Self::of_symbols(char::split(text))
    }
}

impl Vocabulary<String> {
    /// The words of `text`, in the order of their code points. [`Counts`](super::Counts) leaves rare ones out.
    ///
    /// # Errors
    ///
    /// If the text has fewer than two different words.
    pub fn of_words(text: &str) -> Result<Self, VocabularyError> {
        Self::of_symbols(String::split(text))
    }
}

#[expect(clippy::len_without_is_empty, reason = "a vocabulary has at least two symbols")]
impl<S: Symbol> Vocabulary<S> {
    /// The different ones of these symbols, in their own order: labels, or the words of a treebank.
    ///
    /// # Errors
    ///
    /// If there are fewer than two.
    pub fn of_symbols(symbols: impl IntoIterator<Item = S>) -> Result<Self, VocabularyError> {
        let different: BTreeSet<S> = symbols.into_iter().collect();
        Self::from_symbols(different.into_iter().collect())
    }

    /// The vocabulary in which `symbols[id]` has the number `id`: one that was saved before.
    ///
    /// # Errors
    ///
    /// If a symbol occurs twice, or if there are fewer than two.
    pub fn from_symbols(symbols: Vec<S>) -> Result<Self, VocabularyError> {
        match &symbols[..] {
            [] => return Err(VocabularyError::NoSymbols { symbols: S::PLURAL }),
            [only] => {
                let symbol = only.describe();
                return Err(VocabularyError::OneSymbol { symbols: S::PLURAL, symbol });
            }
            _ => {}
        }
        let mut ids = HashMap::with_capacity(symbols.len());
        for (id, symbol) in symbols.iter().enumerate() {
            if ids.insert(symbol.clone(), id).is_some() {
                return Err(VocabularyError::Duplicate { symbol: symbol.describe() });
            }
        }
        Ok(Self { symbols, ids, specials: Vec::new() })
    }

    /// With these special symbols too, which get the next numbers in this order.
    ///
    /// # Panics
    ///
    /// If the vocabulary would have one of them twice.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, specials: &[Special]) -> Self {
        for &special in specials {
            assert!(
                !self.specials.contains(&special),
                "with: the vocabulary has {special} already"
            );
            self.specials.push(special);
        }
        self
    }

    /// The number of ids V: symbols and special symbols.
    pub fn len(&self) -> usize {
        self.symbols.len() + self.specials.len()
    }

    /// The symbols of the text, each at its number.
    pub fn symbols(&self) -> &[S] {
        &self.symbols
    }

    /// The special symbols; their numbers follow those of [`symbols`](Self::symbols).
    pub fn specials(&self) -> &[Special] {
        &self.specials
    }

    /// The number of a symbol, if it is in the vocabulary.
    pub fn id<Q>(&self, symbol: &Q) -> Option<usize>
    where
        S: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.ids.get(symbol).copied()
    }

    /// The number of a special symbol.
    ///
    /// # Panics
    ///
    /// If the vocabulary was not given it.
    #[track_caller]
    pub fn special(&self, special: Special) -> usize {
        match self.specials.iter().position(|&own| own == special) {
            Some(i) => self.symbols.len() + i,
            None => panic!(
                "special: the vocabulary has no {special}; give it by `with(&[Special::{special:?}])`"
            ),
        }
    }

    /// What an id stands for.
    ///
    /// # Panics
    ///
    /// If it is not below [`len`](Self::len).
    #[track_caller]
    pub fn token(&self, id: usize) -> Token<'_, S> {
        assert!(id < self.len(), "decode: id {id} is outside 0..{}", self.len());
        match self.symbols.get(id) {
            Some(symbol) => Token::Symbol(symbol),
            None => Token::Special(self.specials[id - self.symbols.len()]),
        }
    }

    /// The numbers of the symbols of `text`, none for an empty text. Nothing is put before or after them.
    ///
    /// # Errors
    ///
    /// Names the first symbol that is not in the vocabulary, if this has no [`Special::Unknown`].
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, UnknownSymbol> {
        S::split(text).enumerate().map(|(i, symbol)| self.encode_one(&symbol, i)).collect()
    }

    /// The numbers of these symbols: words or labels that are separate already.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_symbols<'a>(
        &self,
        symbols: impl IntoIterator<Item = &'a S>,
    ) -> Result<Vec<usize>, UnknownSymbol>
    where
        S: 'a,
    {
        symbols.into_iter().enumerate().map(|(i, symbol)| self.encode_one(symbol, i)).collect()
    }

    /// The number of the symbol at place `i` of a text, or that of the unknown one.
    fn encode_one(&self, symbol: &S, i: usize) -> Result<usize, UnknownSymbol> {
        match self.id(symbol) {
            Some(id) => Ok(id),
            None if self.specials.contains(&Special::Unknown) => Ok(self.special(Special::Unknown)),
            None => Err(UnknownSymbol {
                symbol: symbol.describe(),
                position: i + 1,
                size: self.symbols.len(),
                symbols: S::PLURAL,
            }),
        }
    }

    /// The text whose symbols have these numbers: characters side by side, words with a blank between.
    ///
    /// An unknown symbol becomes `�` (U+FFFD); the other special symbols are no text and are left out.
    ///
    /// # Panics
    ///
    /// If an id is not below [`len`](Self::len).
    #[track_caller]
    pub fn decode(&self, ids: &[usize]) -> String {
        let mut text = String::with_capacity(ids.len());
        let mut between = "";
        for &id in ids {
            let symbol = match self.token(id) {
                Token::Symbol(symbol) => symbol.to_string(),
                Token::Special(Special::Unknown) => '\u{fffd}'.to_string(),
                Token::Special(Special::Padding | Special::Bos | Special::Eos) => continue,
            };
            text.push_str(between);
            text.push_str(&symbol);
            between = S::BETWEEN;
        }
        text
    }
}

/// Symbols that make no vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// A vocabulary of nothing.
    #[error("there are no {symbols}; a vocabulary needs at least two different ones")]
    NoSymbols {
        /// What they are called.
        symbols: &'static str,
    },
    /// A vocabulary of one symbol, which leaves nothing to predict.
    #[error("there are no {symbols} but {symbol}; a vocabulary needs at least two different ones")]
    OneSymbol {
        /// What they are called.
        symbols: &'static str,
        /// The only one.
        symbol: String,
    },
    /// A vocabulary that lists a symbol twice.
    #[error("the vocabulary lists {symbol} twice; each may have one number only")]
    Duplicate {
        /// The symbol.
        symbol: String,
    },
}

/// A symbol that the vocabulary does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{symbol} at position {position} is not among the {size} {symbols} of the vocabulary; leave it out, or give the vocabulary `Special::Unknown`"
)]
pub struct UnknownSymbol {
    /// The symbol.
    pub symbol: String,
    /// Where it stands in the text, in symbols, from 1.
    pub position: usize,
    /// How many symbols the vocabulary has, without the special ones.
    pub size: usize,
    /// What they are called.
    pub symbols: &'static str,
}
