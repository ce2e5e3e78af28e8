//! Text as numbers: reading a file, and the characters that occur in it.
//!
//! A [`Vocabulary`] numbers the distinct characters of a text from 0 in the order of their code
//! points. A character is a Unicode scalar value: `é` written as one code point is one character,
//! written as `e` with a combining accent it is two.
//!
//! Nothing is normalised: line ends, accents and a byte order mark stay as they are in the file,
//! so that decoding what was encoded gives the same text back.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// The distinct characters of a text, numbered from 0.
///
/// ```
/// use rnn::text::Vocabulary;
///
/// let vocabulary = Vocabulary::of("hello")?;
/// assert_eq!(vocabulary.chars(), ['e', 'h', 'l', 'o']);
/// assert_eq!(vocabulary.encode("hole")?, [1, 3, 2, 0]);
/// assert_eq!(vocabulary.decode(&[1, 3, 2, 0]), "hole");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    chars: Vec<char>,
    ids: HashMap<char, usize>,
}

#[expect(clippy::len_without_is_empty, reason = "a vocabulary has at least two characters")]
impl Vocabulary {
    /// The characters of `text`, in the order of their code points.
    ///
    /// # Errors
    ///
    /// If the text has fewer than two distinct characters.
    pub fn of(text: &str) -> Result<Self, TextError> {
        let distinct: BTreeSet<char> = text.chars().collect();
        Self::from_chars(distinct.into_iter().collect())
    }

    /// The vocabulary in which `chars[id]` has the number `id`: one that was saved before.
    ///
    /// # Errors
    ///
    /// If a character occurs twice, or if there are fewer than two.
    pub fn from_chars(chars: Vec<char>) -> Result<Self, TextError> {
        match chars[..] {
            [] => return Err(TextError::NoCharacters),
            [character] => return Err(TextError::OneCharacter { character }),
            _ => {}
        }
        let mut ids = HashMap::with_capacity(chars.len());
        for (id, &character) in chars.iter().enumerate() {
            if ids.insert(character, id).is_some() {
                return Err(TextError::Duplicate { character });
            }
        }
        Ok(Self { chars, ids })
    }

    /// The number of characters, V; at least two.
    pub fn len(&self) -> usize {
        self.chars.len()
    }

    /// The characters, each at its number.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The number of a character, if it is in the vocabulary.
    pub fn id(&self, character: char) -> Option<usize> {
        self.ids.get(&character).copied()
    }

    /// The numbers of the characters of `text`, none for an empty text.
    ///
    /// # Errors
    ///
    /// Names the first character that is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, UnknownCharacter> {
        let size = self.len();
        text.chars()
            .enumerate()
            .map(|(i, character)| {
                self.id(character).ok_or(UnknownCharacter { character, position: i + 1, size })
            })
            .collect()
    }

    /// The text whose characters have these numbers.
    ///
    /// # Panics
    ///
    /// If an id is not below [`len`](Self::len).
    #[track_caller]
    pub fn decode(&self, ids: &[usize]) -> String {
        let mut text = String::with_capacity(ids.len());
        for &id in ids {
            assert!(id < self.len(), "decode: id {id} is outside 0..{}", self.len());
            text.push(self.chars[id]);
        }
        text
    }
}

/// The text of a file, exactly as it is.
///
/// # Errors
///
/// If the file does not exist, cannot be read, is empty, or is not UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String, TextError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TextError::Missing { path: path.to_owned() },
        _ => TextError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    })?;
    if bytes.is_empty() {
        return Err(TextError::Empty { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = String::from_utf8_lossy(&bytes[..good]);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        TextError::NotUtf8 {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            byte: bytes[good],
        }
    })
}

/// A text that no vocabulary can be made of, or a file that holds no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is no such file.
    #[error("cannot read the text {}: there is no such file; check the path", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file exists but the system does not give it out.
    #[error("cannot read the text {}: {reason}; give a text file that you may read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file has no bytes.
    #[error("the text {} is empty; give a file with some text in it", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file holds bytes that are not UTF-8.
    #[error(
        "the text {} is not UTF-8: byte {byte:#04x} at line {line}, column {column}; convert the file to UTF-8",
        .path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first bad byte, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
        /// The byte.
        byte: u8,
    },
    /// A vocabulary of nothing.
    #[error("the text has no characters; a vocabulary needs at least two different ones")]
    NoCharacters,
    /// A vocabulary of one character, which leaves nothing to predict.
    #[error(
        "the text has no character but {character:?} (U+{:04X}); a vocabulary needs at least two different ones",
        u32::from(*.character)
    )]
    OneCharacter {
        /// The character.
        character: char,
    },
    /// A vocabulary that lists a character twice.
    #[error(
        "the vocabulary lists {character:?} (U+{:04X}) twice; each character may have one number only",
        u32::from(*.character)
    )]
    Duplicate {
        /// The character.
        character: char,
    },
}

/// A character that the vocabulary does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "character {character:?} (U+{:04X}) at position {position} is not among the {size} characters of the vocabulary; leave it out or replace it",
    u32::from(*.character)
)]
pub struct UnknownCharacter {
    /// The character.
    pub character: char,
    /// Where it stands in the text, in characters, from 1.
    pub position: usize,
    /// How many characters the vocabulary has.
    pub size: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these bytes, and the folder that holds it.
    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn characters_are_numbered_in_the_order_of_their_code_points() {
        let vocabulary = Vocabulary::of("añb\n世a🙂").unwrap();
        assert_eq!(vocabulary.chars(), ['\n', 'a', 'b', 'ñ', '世', '🙂']);
        assert_eq!(vocabulary.len(), 6);
        assert_eq!(vocabulary.id('ñ'), Some(3));
        assert_eq!(vocabulary.id('z'), None);
    }

    #[test]
    fn decoding_what_was_encoded_gives_the_text_back() {
        let text = "\u{feff}e\u{301} é\r\n世界 🙂\n";
        let vocabulary = Vocabulary::of(text).unwrap();
        assert_eq!(vocabulary.decode(&vocabulary.encode(text).unwrap()), text);
    }

    #[test]
    fn a_saved_vocabulary_keeps_its_numbers() {
        let vocabulary = Vocabulary::from_chars(vec!['z', 'a']).unwrap();
        assert_eq!(vocabulary.encode("az").unwrap(), [1, 0]);
    }

    #[test]
    fn a_saved_vocabulary_with_a_character_twice_is_refused() {
        let error = Vocabulary::from_chars(vec!['a', 'b', 'a']).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the vocabulary lists 'a' (U+0061) twice; each character may have one number only"
        );
    }

    #[test]
    fn an_empty_text_has_no_vocabulary() {
        assert_eq!(Vocabulary::of("").unwrap_err(), TextError::NoCharacters);
    }

    #[test]
    fn a_text_of_one_character_has_no_vocabulary() {
        let error = Vocabulary::of("\n\n\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the text has no character but '\\n' (U+000A); a vocabulary needs at least two different ones"
        );
    }

    #[test]
    fn an_unknown_character_is_named_with_its_place() {
        let error = Vocabulary::of("abñ").unwrap().encode("ñaé").unwrap_err();
        assert_eq!(
            error.to_string(),
            "character 'é' (U+00E9) at position 3 is not among the 3 characters of the vocabulary; leave it out or replace it"
        );
    }

    #[test]
    #[should_panic(expected = "decode: id 2 is outside 0..2")]
    fn decoding_an_id_outside_panics_with_a_sentence() {
        Vocabulary::of("ab").unwrap().decode(&[0, 2]);
    }

    #[test]
    fn a_file_is_read_without_any_change() {
        let text = "\u{feff}one\r\ntwo\re\u{301}\n";
        let (_folder, path) = file(text.as_bytes());
        assert_eq!(read_text(path).unwrap(), text);
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(
            read_text("no/such/file.txt").unwrap_err().to_string(),
            "cannot read the text no/such/file.txt: there is no such file; check the path"
        );
    }

    #[test]
    fn a_folder_is_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_text(folder.path()).unwrap_err();
        assert!(matches!(error, TextError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn an_empty_file_is_named() {
        let (_folder, path) = file(b"");
        assert_eq!(read_text(&path).unwrap_err(), TextError::Empty { path });
    }

    #[test]
    fn the_first_byte_that_is_not_utf_8_is_found_by_line_and_column() {
        let (_folder, path) = file(b"one\ntwo\n\xc3\xa9\xc3\xa9 \xffthree\n\xff");
        let error = TextError::NotUtf8 { path: path.clone(), line: 3, column: 4, byte: 0xff };
        assert_eq!(read_text(&path).unwrap_err(), error);
        let path = path.display();
        assert_eq!(
            error.to_string(),
            format!(
                "the text {path} is not UTF-8: byte 0xff at line 3, column 4; convert the file to UTF-8"
            )
        );
    }

    #[test]
    fn a_character_cut_off_by_the_end_of_the_file_is_not_utf_8() {
        let (_folder, path) = file(b"ab\xe4\xb8");
        let error = TextError::NotUtf8 { path: path.clone(), line: 1, column: 3, byte: 0xe4 };
        assert_eq!(read_text(&path).unwrap_err(), error);
    }
}
