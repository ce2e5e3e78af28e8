//! The lessons that there are.

use std::fmt;

/// One lesson: a binary of this crate, named as its chapter is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lesson {
    /// The chapter's number in two digits and its name: `02_scalar_engine`.
    pub name: &'static str,
    /// The question that the chapter answers.
    pub question: &'static str,
    /// How long a run takes on two cores, in seconds, rounded up.
    pub seconds: u32,
}

/// Every lesson, in the order of the chapters.
pub const LESSONS: &[Lesson] = &[
    Lesson {
        name: "01_numeric_vs_analytic",
        question: "How wrong is a numeric derivative?",
        seconds: 1,
    },
    Lesson { name: "02_scalar_engine", question: "What does backward() do?", seconds: 1 },
    Lesson { name: "03_tensor_vjps", question: "How do shapes change the chain rule?", seconds: 1 },
    Lesson {
        name: "04_gradcheck_lab",
        question: "How do I know a gradient is right without 2N evaluations?",
        seconds: 4,
    },
    Lesson {
        name: "05_train_loop",
        question: "What does learning look like when it works?",
        seconds: 5,
    },
    Lesson { name: "06_ngram_wall", question: "How far can counting go?", seconds: 30 },
    Lesson { name: "07_rnn_forward", question: "What is a hidden state?", seconds: 1 },
    Lesson { name: "08_bptt_by_hand", question: "Where does the gradient go in time?", seconds: 8 },
    Lesson { name: "09_task_shapes", question: "Where do I put the loss?", seconds: 10 },
    Lesson { name: "10_min_char_rnn", question: "Can 100 lines write English?", seconds: 30 },
];

/// A name that does not stand for exactly one lesson, with those it may stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Unclear {
    asked: String,
    candidates: Vec<&'static str>,
}

/// The lesson called `asked`: its name, the beginning of its name with or without the number, or
/// its number alone.
///
/// ```
/// use lessons::catalog::find;
///
/// for asked in ["08_bptt_by_hand", "08", "8", "bptt"] {
///     assert_eq!(find(asked).unwrap().name, "08_bptt_by_hand");
/// }
/// ```
pub fn find(asked: &str) -> Result<&'static Lesson, Unclear> {
    let number = asked.parse::<u32>().ok();
    let matches = |lesson: &&Lesson| {
        let (digits, title) = lesson.name.split_once('_').unwrap_or((lesson.name, ""));
        match number {
            Some(number) => digits.parse() == Ok(number),
            None => lesson.name.starts_with(asked) || title.starts_with(asked),
        }
    };
    let found: Vec<&Lesson> = LESSONS.iter().filter(matches).collect();
    match (&found[..], LESSONS.iter().find(|lesson| lesson.name == asked)) {
        (_, Some(lesson)) => Ok(lesson),
        (&[lesson], None) => Ok(lesson),
        (several, None) => {
            let several = if several.is_empty() { LESSONS.iter().collect() } else { found };
            let candidates = several.iter().map(|lesson| lesson.name).collect();
            Err(Unclear { asked: asked.to_owned(), candidates })
        }
    }
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, candidates } = self;
        let problem =
            if candidates.len() == LESSONS.len() { "no lesson is" } else { "several lessons are" };
        write!(f, "{problem} called `{asked}`; there are {}", candidates.join(", "))
    }
}

impl std::error::Error for Unclear {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_lists_exactly_the_lessons_in_src_bin() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("src/bin is there")
            .map(|entry| entry.expect("it can be listed").path())
            .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
            .filter(|name| name != "lesson" && name != "exercise")
            .collect();
        files.sort();
        let listed: Vec<&str> = LESSONS.iter().map(|lesson| lesson.name).collect();
        assert_eq!(listed, files);
    }

    #[test]
    fn a_number_is_no_prefix_of_a_longer_number() {
        let sentence = find("0").unwrap_err().to_string();
        assert!(sentence.starts_with("no lesson is called `0`"), "{sentence}");
    }

    #[test]
    fn an_empty_name_is_refused_with_every_candidate() {
        let sentence = find("").unwrap_err().to_string();
        assert!(LESSONS.iter().all(|lesson| sentence.contains(lesson.name)), "{sentence}");
    }
}
