//! The agreement corpus, against a reading of its sentences as text.

use rnn::data::Vocabulary;
use rnn::data::tasks::agreement::WORDS;
use rnn::data::tasks::{Agreement, agreement};
use tests::rng;

const SINGULAR: [&str; 5] = ["child", "garden", "house", "student", "teacher"];
const PLURAL: [&str; 5] = ["children", "gardens", "houses", "students", "teachers"];

/// Whether each noun of a sentence is plural, and how many words stand before the verb.
fn read(sentence: &Agreement) -> (Vec<bool>, usize) {
    let text = sentence.text();
    let words: Vec<&str> = text.split(' ').collect();
    let verb = words.iter().position(|word| ["is", "are"].contains(word)).expect("a verb");
    let nouns = words[..verb].iter().filter(|word| ["singular", "plural"].contains(&kind(word)));
    (nouns.map(|noun| PLURAL.contains(noun)).collect(), verb)
}

#[test]
fn the_verb_agrees_with_the_first_noun_at_every_depth() {
    let mut rng = rng(0);
    for depth in 0..=6 {
        for _ in 0..500 {
            let sentence = agreement(depth, &mut rng);
            let (plural, verb) = read(&sentence);
            assert_eq!(plural.len(), depth + 1, "{}", sentence.text());
            assert_eq!((sentence.verb, sentence.plural), (verb, plural[0]));
            let wanted = if plural[0] { ["are", "is"] } else { ["is", "are"] };
            let verbs = [sentence.ids[verb], sentence.wrong_verb()];
            assert_eq!(verbs.map(|id| WORDS[id]), wanted);
            assert_eq!(sentence.ids.len(), verb + 3);
        }
    }
}

#[test]
fn the_words_are_the_vocabulary_of_the_corpus() {
    let mut rng = rng(1);
    let corpus: Vec<Agreement> = (0..500).map(|i| agreement(i % 7, &mut rng)).collect();
    let text: Vec<String> = corpus.iter().map(Agreement::text).collect();
    let vocabulary = Vocabulary::of_words(&text.join("\n")).unwrap();
    assert_eq!(vocabulary.symbols(), WORDS);
    for (sentence, text) in corpus.iter().zip(&text) {
        assert_eq!(vocabulary.encode(text).unwrap(), sentence.ids);
        assert_eq!(vocabulary.decode(&sentence.ids), *text);
    }
}

#[test]
fn the_sentence_of_the_book_can_be_drawn() {
    let kinds = |text: &str| text.split(' ').map(|word| kind(word).to_owned()).collect::<Vec<_>>();
    let wanted = kinds("the students near the old house of the teacher are happy .");
    let mut rng = rng(2);
    assert!((0..2_000).any(|_| kinds(&agreement(2, &mut rng).text()) == wanted));
}

/// What kind of word it is.
fn kind(word: &str) -> &str {
    match word {
        "behind" | "near" | "of" | "with" => "preposition",
        "new" | "old" | "small" | "young" => "adjective",
        "happy" | "here" | "late" | "quiet" | "tired" => "predicate",
        word if SINGULAR.contains(&word) => "singular",
        word if PLURAL.contains(&word) => "plural",
        word => word,
    }
}

#[test]
fn the_nearest_noun_says_nothing_of_the_verb() {
    let mut rng = rng(3);
    for depth in 1..=6 {
        let agree = (0..4_000).filter(|_| {
            let (plural, _) = read(&agreement(depth, &mut rng));
            plural[0] == plural[depth]
        });
        let share = agree.count() as f64 / 4_000.0;
        assert!((share - 0.5).abs() < 0.04, "depth {depth}: {share}");
    }
}
