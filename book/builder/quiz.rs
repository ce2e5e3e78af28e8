//! Questions that a reader answers in the page.
//!
//! ````text
//! ```quiz
//! Which way does the gradient of a state travel?
//!
//! - [ ] With time.
//! - [x] Against time.
//!
//! ---
//! Each state hands its gradient to the one before it.
//! ```
//! ````
//!
//! Several choices may be right. In place of choices, a line `answer: 0.91` asks for a number. Without
//! scripts the answer is what the page opens under "Answer"; `theme/page.js` marks what was chosen.

use crate::page::Source;
use crate::site::Site;
use crate::text::{escape, one_line};

/// A part of the block and the line, from 0, on which it begins.
#[derive(Debug, Default, PartialEq)]
struct Part {
    text: String,
    line: usize,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Choices(Vec<(bool, Part)>),
    Number(String),
}

#[derive(Debug, PartialEq)]
struct Quiz {
    question: Part,
    answer: Answer,
    explanation: Part,
}

impl Quiz {
    fn parse(block: &str) -> Result<Self, &'static str> {
        let mut question = Part::default();
        let mut choices: Vec<(bool, Part)> = Vec::new();
        let mut number = None;
        let mut explanation = None;
        for (i, line) in block.lines().enumerate() {
            let choice = [("- [ ]", false), ("- [x]", true), ("- [X]", true)]
                .into_iter()
                .find_map(|(mark, right)| Some((right, line.strip_prefix(mark)?)));
            let part = match (&mut explanation, choice) {
                (Some(part), _) => part,
                (None, _) if line.trim_end() == "---" => {
                    explanation = Some(Part { text: String::new(), line: i + 1 });
                    continue;
                }
                (None, Some((right, text))) => {
                    choices.push((right, Part { text: format!("{}\n", text.trim()), line: i }));
                    continue;
                }
                (None, None) => match (line.strip_prefix("answer:"), choices.last_mut()) {
                    (Some(value), _) => {
                        number = Some(value.trim().to_owned());
                        continue;
                    }
                    (None, Some((_, part))) => part,
                    (None, None) => &mut question,
                },
            };
            part.text += line;
            part.text.push('\n');
        }
        let explanation = explanation
            .filter(|part| !part.text.trim().is_empty())
            .ok_or("the quiz has no explanation; write it below a line `---` after the choices")?;
        if question.text.trim().is_empty() {
            return Err("the quiz has no question; write it above the choices");
        }
        let answer = match number {
            Some(_) if !choices.is_empty() => {
                return Err("the quiz has both choices and a number; keep one of them");
            }
            Some(number) if number.is_empty() => {
                return Err("the quiz has an empty answer; write `answer: {{#result LESSON:KEY}}`");
            }
            Some(number) => Answer::Number(number),
            None if !choices.iter().any(|choice| choice.0) => {
                return Err("the quiz has no right answer; mark it with `- [x]`");
            }
            None if choices.iter().all(|choice| choice.0) => {
                return Err("the quiz has no wrong answer; write one with `- [ ]`");
            }
            None => Answer::Choices(choices),
        };
        Ok(Self { question, answer, explanation })
    }
}

/// The block as one line of HTML; `id` tells the quizzes of a book apart.
pub(crate) fn quiz(site: &Site, source: &Source, id: &str) -> Result<String, String> {
    let Quiz { question, answer, explanation } = Quiz::parse(source.text)?;
    let source_of = |part: &Part| Source {
        first_line: source.first_line + part.line,
        is_chapter: false,
        ..*source
    };
    let html = |part: &Part| site.html(&Source { text: &part.text, ..source_of(part) });
    let inline = |part: &Part| site.inline_html(&Source { text: &part.text, ..source_of(part) });

    let mut out = format!(
        "<form class=\"quiz\" id=\"{id}\"><div role=\"group\" aria-labelledby=\"{id}-question\">\
         <div class=\"question\" id=\"{id}-question\">{}</div>",
        html(&question)
    );
    let right = match answer {
        Answer::Number(number) => {
            let number = escape(&number);
            out += &format!(
                "<p class=\"choice\"><label>Your answer: <input name=\"answer\" autocomplete=\"off\" \
                 data-right=\"{number}\"></label></p>"
            );
            number
        }
        Answer::Choices(choices) => {
            let several = choices.iter().filter(|choice| choice.0).count() > 1;
            let kind = if several { "checkbox" } else { "radio" };
            if several {
                out += "<p class=\"several\">Several answers are right.</p>";
            }
            let mut right = Vec::new();
            for (i, (is_right, text)) in choices.iter().enumerate() {
                let (text, letter) = (inline(text), letter(i));
                out += &format!(
                    "<p class=\"choice\"><label><input type=\"{kind}\" name=\"{id}\" value=\"{letter}\"\
                     {}> <span><b>{letter}</b> {text}</span></label></p>",
                    if *is_right { " data-right" } else { "" },
                );
                if *is_right {
                    right.push(letter);
                }
            }
            right.join(", ")
        }
    };
    out += &format!(
        "</div><details class=\"answer\"><summary>Answer</summary>\
         <p><strong>{right}</strong></p>{}</details></form>",
        html(&explanation)
    );
    Ok(one_line(&out))
}

fn letter(i: usize) -> String {
    let letter = b'A'.saturating_add(u8::try_from(i).unwrap_or(25));
    char::from(letter).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_and_the_explanation_go_on_over_several_lines() {
        let block = "Why?\n\n- [x] Because\n  of this\n- [ ] Not\n\n---\nThus.\n---\n";
        let quiz = Quiz::parse(block).expect("a quiz");
        let part = |text: &str, line| Part { text: text.to_owned(), line };
        let choices = vec![(true, part("Because\n  of this\n", 2)), (false, part("Not\n\n", 4))];
        assert_eq!(quiz.question, part("Why?\n\n", 0));
        assert_eq!(quiz.answer, Answer::Choices(choices));
        assert_eq!(quiz.explanation, part("Thus.\n---\n", 7));
    }

    #[test]
    fn each_way_to_get_a_quiz_wrong_has_its_sentence() {
        let check = |block: &str, beginning: &str| {
            let refusal = Quiz::parse(block).expect_err("it is wrong");
            assert!(refusal.starts_with(beginning), "{refusal}");
        };
        check("Q\n- [x] a\n- [ ] b\n", "the quiz has no explanation");
        check("- [x] a\n- [ ] b\n---\nE", "the quiz has no question");
        check("Q\n- [ ] a\n- [ ] b\n---\nE", "the quiz has no right answer");
        check("Q\n- [x] a\n---\nE", "the quiz has no wrong answer");
        check("Q\n- [x] a\nanswer: 3\n---\nE", "the quiz has both choices and a number");
        check("Q\nanswer:\n---\nE", "the quiz has an empty answer");
        check("Q\n---\nE", "the quiz has no right answer");
    }
}
