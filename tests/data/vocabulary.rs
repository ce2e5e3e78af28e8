//! Vocabularies of characters and words, with special symbols or without.

use proptest::prelude::*;
use rnn::data::Special::{Bos, Eos, Padding, Unknown};
use rnn::data::{Counts, Symbol, Token, Vocabulary, VocabularyError};

/// The words of a text.
fn words(text: &str) -> Vec<String> {
    String::split(text).collect()
}

#[test]
fn characters_are_numbered_in_the_order_of_their_code_points() {
    let vocabulary = Vocabulary::of("añb\n世a🙂").unwrap();
    assert_eq!(vocabulary.symbols(), ['\n', 'a', 'b', 'ñ', '世', '🙂']);
    assert_eq!(vocabulary.len(), 6);
    assert_eq!(vocabulary.id(&'ñ'), Some(3));
    assert_eq!(vocabulary.id(&'z'), None);
}

#[test]
fn words_are_numbered_in_their_order_and_found_by_name() {
    let vocabulary = Vocabulary::of_words("the cat saw the dog.").unwrap();
    assert_eq!(vocabulary.symbols(), [".", "cat", "dog", "saw", "the"]);
    assert_eq!(vocabulary.id("saw"), Some(3));
    assert_eq!(vocabulary.encode("the dog saw").unwrap(), [4, 2, 3]);
}

#[test]
fn a_word_ends_where_unicode_says_and_punctuation_is_a_word() {
    assert_eq!(words("Don't pay 3.14!"), ["Don't", "pay", "3.14", "!"]);
    assert_eq!(
        words("a well-known  (old)\n\tone..."),
        ["a", "well", "-", "known", "(", "old", ")", "one", ".", ".", "."]
    );
    assert_eq!(words("cafe\u{301} über"), ["cafe\u{301}", "über"]);
    assert_eq!(words(" \r\n\u{a0}"), [""; 0]);
}

proptest! {
    #![proptest_config(tests::config(500, file!()))]

    #[test]
    fn decoding_the_characters_of_any_text_gives_it_back(text in "\\PC{0,20}(\r|\n|e\u{301}|\u{feff})?.{0,20}ab") {
        let vocabulary = Vocabulary::of(&text).unwrap().with(&[Eos]);
        prop_assert_eq!(vocabulary.decode(&vocabulary.encode(&text).unwrap()), text);
    }

    #[test]
    fn decoding_the_words_of_any_text_gives_its_words_back(text in "(?s)(\\PC{0,12}|.{0,12})one two.{0,12}") {
        let vocabulary = Vocabulary::of_words(&text).unwrap();
        let ids = vocabulary.encode(&text).unwrap();
        let decoded = vocabulary.decode(&ids);
        prop_assert_eq!(words(&decoded), words(&text));
        prop_assert_eq!(vocabulary.encode(&decoded).unwrap(), ids);
    }

    #[test]
    fn limits_keep_the_words_that_a_naive_count_keeps(
        drawn in prop::collection::vec(0..12_usize, 1..80), least in 0..5_usize, most in 0..9_usize,
    ) {
        let text: Vec<String> = drawn.iter().map(|i| format!("w{i}")).collect();
        let mut counts = Counts::<String>::new();
        counts.add(&text.join(" "));
        let count = |word: &String| text.iter().filter(|other| *other == word).count();
        let mut kept = text.clone();
        kept.sort();
        kept.dedup();
        kept.retain(|word| count(word) >= least);
        kept.sort_by(|a, b| count(b).cmp(&count(a)).then(a.cmp(b)));
        kept.truncate(most);
        kept.sort();
        match counts.at_least(least).most_frequent(most).vocabulary() {
            Ok(vocabulary) => prop_assert_eq!(vocabulary.symbols(), kept),
            Err(_) => prop_assert!(kept.len() < 2),
        }
    }
}

#[test]
fn special_symbols_come_after_those_of_the_text() {
    let vocabulary = Vocabulary::of("ab").unwrap().with(&[Padding, Bos]).with(&[Eos]);
    assert_eq!(vocabulary.len(), 5);
    assert_eq!([Padding, Bos, Eos].map(|special| vocabulary.special(special)), [2, 3, 4]);
    assert_eq!(vocabulary.specials(), [Padding, Bos, Eos]);
    assert_eq!(
        (vocabulary.token(1), vocabulary.token(4)),
        (Token::Symbol(&'b'), Token::Special(Eos))
    );
    assert_eq!(vocabulary.token(2).to_string(), "<pad>");
}

#[test]
fn no_text_is_mistaken_for_a_special_symbol() {
    let text = "<eos> <unk>";
    let vocabulary = Vocabulary::of_words(text).unwrap().with(&[Unknown, Eos]);
    let ids = vocabulary.encode(text).unwrap();
    assert!(ids.iter().all(|&id| id < vocabulary.symbols().len()), "{ids:?}");
    let one = Vocabulary::from_symbols(vec!["<eos>".to_string(), "a".into()]).unwrap().with(&[Eos]);
    assert_ne!(one.id("<eos>"), Some(one.special(Eos)));
}

#[test]
fn an_unknown_symbol_gets_the_unknown_id_and_decodes_as_a_replacement() {
    let vocabulary = Vocabulary::of_words("one two").unwrap().with(&[Unknown]);
    let ids = vocabulary.encode("two three one").unwrap();
    assert_eq!(ids, [1, 2, 0]);
    assert_eq!(vocabulary.decode(&ids), "two \u{fffd} one");
}

#[test]
fn padding_begin_and_end_are_no_text() {
    let vocabulary = Vocabulary::of_words("one two").unwrap().with(&[Padding, Bos, Eos]);
    assert_eq!(vocabulary.decode(&[3, 0, 1, 4, 2, 2]), "one two");
}

#[test]
fn a_saved_vocabulary_keeps_its_numbers() {
    let vocabulary = Vocabulary::from_symbols(vec!['z', 'a']).unwrap();
    assert_eq!(vocabulary.encode("az").unwrap(), [1, 0]);
}

#[test]
fn an_unknown_character_without_an_unknown_id_is_named_with_its_place() {
    let error = Vocabulary::of("abñ").unwrap().with(&[Eos]).encode("ñaé").unwrap_err();
    assert_eq!((error.position, error.size), (3, 3));
    assert_eq!(
        error.to_string(),
        "the character 'é' (U+00E9) at position 3 is not among the 3 characters of the vocabulary; \
         leave it out, or give the vocabulary `Special::Unknown`"
    );
}

#[test]
fn an_unknown_word_without_an_unknown_id_is_named_with_its_place() {
    let vocabulary = Vocabulary::of_words("one two").unwrap();
    let sentence = "the word \"three\" at position 2 is not among the 2 words of the vocabulary; \
                    leave it out, or give the vocabulary `Special::Unknown`";
    assert_eq!(vocabulary.encode("two three").unwrap_err().to_string(), sentence);
    let symbols = ["two".to_string(), "three".to_string()];
    assert_eq!(vocabulary.encode_symbols(&symbols).unwrap_err().to_string(), sentence);
}

#[test]
fn a_vocabulary_needs_two_different_symbols() {
    let none = Vocabulary::of("").unwrap_err();
    assert_eq!(none, VocabularyError::NoSymbols { symbols: "characters" });
    assert_eq!(
        none.to_string(),
        "there are no characters; a vocabulary needs at least two different ones"
    );
    let one = Vocabulary::of("\n\n\n").unwrap_err();
    assert_eq!(
        one.to_string(),
        "there are no characters but the character '\\n' (U+000A); \
         a vocabulary needs at least two different ones"
    );
    assert!(matches!(Vocabulary::of_words("a a"), Err(VocabularyError::OneSymbol { .. })));
    let mut counts = Counts::<String>::new();
    counts.add("a b b c");
    let one = counts.at_least(2).vocabulary().unwrap_err();
    assert!(matches!(one, VocabularyError::OneSymbol { .. }), "{one}");
}

#[test]
fn a_saved_vocabulary_with_a_symbol_twice_is_refused() {
    let error = Vocabulary::from_symbols(vec!['a', 'b', 'a']).unwrap_err();
    assert!(matches!(error, VocabularyError::Duplicate { .. }));
    assert_eq!(
        error.to_string(),
        "the vocabulary lists the character 'a' (U+0061) twice; each may have one number only"
    );
}

#[test]
#[should_panic(expected = "decode: id 3 is outside 0..3")]
fn decoding_an_id_outside_panics_with_a_sentence() {
    Vocabulary::of("ab").unwrap().with(&[Eos]).decode(&[0, 3]);
}

#[test]
#[should_panic(expected = "the vocabulary has no <eos>; give it by `with(&[Special::Eos])`")]
fn a_special_symbol_that_is_not_there_panics_with_advice() {
    Vocabulary::of("ab").unwrap().special(Eos);
}

#[test]
#[should_panic(expected = "the vocabulary has <pad> already")]
fn a_special_symbol_given_twice_panics() {
    let _ = Vocabulary::of("ab").unwrap().with(&[Padding]).with(&[Padding]);
}
