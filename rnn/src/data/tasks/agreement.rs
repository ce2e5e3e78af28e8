//! The agreement corpus: sentences whose verb agrees with a subject that may be far away.
//!
//! ```text
//! sentence     the [adjective] SUBJECT  phrase × depth  is|are  predicate  .
//! phrase       preposition the [adjective] noun
//!
//! depth 2      the students near the old house of the teacher are happy .
//! ```
//!
//! The noun of each phrase is singular or plural by itself: a distractor, which says nothing of the verb. Brackets
//! mean one half of the time; everything else is drawn evenly. So the verb is **one half** right for whoever
//! does not see the subject: with n distractors it stands at least 3n + 1 words before the verb.
//!
//! 27 words, of our own choice, numbered in their order in [`WORDS`], which is also that of
//! [`Vocabulary::of_words`](crate::data::Vocabulary::of_words).
//!
//! Source: the question is that of Linzen, Dupoux and Goldberg 2016, arXiv 1611.01368, with "attractors" in real text.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// The words, each at its id.
pub const WORDS: [&str; 27] = [
    ".", "are", "behind", "child", "children", "garden", "gardens", "happy", "here", "house",
    "houses", "is", "late", "near", "new", "of", "old", "quiet", "small", "student", "students",
    "teacher", "teachers", "the", "tired", "with", "young",
];

const END: usize = 0;
const ARE: usize = 1;
const IS: usize = 11;
const THE: usize = 23;
/// The singular of each noun; its plural comes next.
const NOUNS: [usize; 5] = [3, 5, 9, 19, 21];
const PREPOSITIONS: [usize; 4] = [2, 13, 15, 25];
const ADJECTIVES: [usize; 4] = [14, 16, 18, 26];
const PREDICATES: [usize; 5] = [7, 8, 12, 17, 24];

/// A sentence of the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The words, the full stop included.
    pub ids: Vec<usize>,
    /// Where the verb stands in [`ids`](Self::ids).
    pub verb: usize,
    /// Whether the subject is plural, and so the verb "are".
    pub plural: bool,
}

impl Agreement {
    /// The verb that would be wrong.
    pub fn wrong_verb(&self) -> usize {
        if self.plural { IS } else { ARE }
    }

    /// The sentence, with a blank between two words.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.ids.iter().map(|&id| WORDS[id]).collect();
        words.join(" ")
    }
}

/// A sentence with `depth` distractors between subject and verb.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::data::tasks::agreement::{WORDS, agreement};
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let sentence = agreement(6, &mut rng);
/// assert_eq!(WORDS[sentence.ids[sentence.verb]], if sentence.plural { "are" } else { "is" });
/// assert!(sentence.verb >= 2 + 6 * 3);
/// assert!(sentence.text().starts_with("the ") && sentence.text().ends_with(" ."));
/// ```
pub fn agreement(depth: usize, rng: &mut impl Rng) -> Agreement {
    let mut ids = Vec::new();
    let plural = noun(&mut ids, rng);
    for _ in 0..depth {
        ids.push(pick(&PREPOSITIONS, rng));
        noun(&mut ids, rng);
    }
    let verb = ids.len();
    ids.extend([if plural { ARE } else { IS }, pick(&PREDICATES, rng), END]);
    Agreement { ids, verb, plural }
}

/// Adds `the [adjective] noun`; whether the noun is plural.
fn noun(ids: &mut Vec<usize>, rng: &mut impl Rng) -> bool {
    ids.push(THE);
    if rng.random_bool(0.5) {
        ids.push(pick(&ADJECTIVES, rng));
    }
    let plural = rng.random_bool(0.5);
    ids.push(pick(&NOUNS, rng) + usize::from(plural));
    plural
}

fn pick(words: &[usize], rng: &mut impl Rng) -> usize {
    *words.choose(rng).expect("no list of words is empty")
}
