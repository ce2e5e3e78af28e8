//! What texts are made of: characters or words.
//!
//! A **character** is a Unicode scalar value: `é` written as one code point is one character,
//! written as `e` with a combining accent it is two.
//!
//! A **word** is what stands between two word boundaries of Unicode (Standard Annex #29) and is not white space:
//! `don't` and `3.14` are one word, `well-known` is three, and every punctuation mark is a word of its own.
//! Upper and lower case differ. Decoded words have one blank between them, so that the words come back
//! and the white space does not.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use unicode_segmentation::UnicodeSegmentation;

/// What a text is made of: [`char`] for characters, [`String`] for words.
pub trait Symbol: Clone + Ord + Hash + Debug + Display {
    /// What several are called in messages.
    const PLURAL: &'static str;
    /// What stands between two of them in a text.
    const BETWEEN: &'static str;
    /// The symbols of a text, in order.
    fn split(text: &str) -> impl Iterator<Item = Self>;
    /// What one is called in messages.
    fn describe(&self) -> String;
}

impl Symbol for char {
    const PLURAL: &'static str = "characters";
    const BETWEEN: &'static str = "";

    fn split(text: &str) -> impl Iterator<Item = Self> {
        text.chars()
    }

    fn describe(&self) -> String {
        format!("the character {self:?} (U+{:04X})", u32::from(*self))
    }
}

impl Symbol for String {
    const PLURAL: &'static str = "words";
    const BETWEEN: &'static str = " ";

    fn split(text: &str) -> impl Iterator<Item = Self> {
        let words = text.split_word_bounds().map(str::trim);
        words.filter(|word| !word.is_empty()).map(str::to_owned)
    }

    fn describe(&self) -> String {
        format!("the word {self:?}")
    }
}
