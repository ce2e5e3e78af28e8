//! From a chapter as it is written to Markdown that mdBook turns into a page.
//!
//! Results go in first, wherever they stand but in code blocks. Then each formula, figure, quiz and
//! directive is replaced by its HTML. What is wrong is noted with its line, and the page goes on.

use std::ops::Range;

use mdbook_markdown::pulldown_cmark::{
    self as cmark, CodeBlockKind, Event, Options, Parser, Tag, TagEnd,
};

use crate::site::Site;
use crate::text::{line_of, names, one_line};
use crate::{exercise, figure, listing, output, quiz, tested, widget};

/// A text and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    /// The file, seen from the workspace's folder.
    pub(crate) file: &'a str,
    /// The line of the file on which the text begins, counted from 1.
    pub(crate) first_line: usize,
    /// Whether it is a chapter's own text: there each displayed derivative names its test.
    pub(crate) is_chapter: bool,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        self.first_line + line_of(self.text, at) - 1
    }
}

/// A `{{#name argument}}` and where it stands.
#[derive(Debug, PartialEq)]
struct Directive<'a> {
    range: Range<usize>,
    name: &'a str,
    argument: &'a str,
}

/// Text to put in place of a range.
type Edit = (Range<usize>, String);

impl Site<'_> {
    /// The text with everything replaced that mdBook does not know.
    pub(crate) fn rewrite(&self, source: &Source) -> String {
        let text = self.with_results(source);
        let source = &Source { text: &text, ..*source };
        let code = code_blocks(&text);
        let directives = directives(&text, &code);

        let mut edits = Vec::new();
        for directive in &directives {
            let range = directive.range.clone();
            match self.directive(source, directive) {
                Ok(block) => edits.push((range, format!("\n\n{block}\n\n"))),
                Err(what) => {
                    self.mistake(source.file, Some(source.line(range.start)), what);
                    edits.push((range, String::new()));
                }
            }
        }
        self.rewrite_events(source, &directives, &mut edits);
        apply(&text, edits)
    }

    /// The text as HTML on one line.
    pub(crate) fn html(&self, source: &Source) -> String {
        let text = self.rewrite(source);
        let mut html = String::new();
        cmark::html::push_html(&mut html, parser(&text, false));
        one_line(&html)
    }

    /// The text as HTML without the paragraph around it, if it is one paragraph.
    pub(crate) fn inline_html(&self, source: &Source) -> String {
        let html = self.html(source);
        let inner = html.strip_prefix("<p>").and_then(|html| html.strip_suffix("</p>"));
        inner.filter(|inner| !inner.contains("<p>")).unwrap_or(&html).to_owned()
    }

    fn with_results(&self, source: &Source) -> String {
        let code = code_blocks(source.text);
        let mut edits = Vec::new();
        for Directive { range, name, argument } in directives(source.text, &code) {
            if name != "result" {
                continue;
            }
            match output::result(self, argument) {
                Ok(value) => edits.push((range, value)),
                Err(what) => {
                    self.mistake(source.file, Some(source.line(range.start)), what);
                    edits.push((range, "?".to_owned()));
                }
            }
        }
        apply(source.text, edits)
    }

    fn directive(&self, source: &Source, directive: &Directive) -> Result<String, String> {
        let Directive { range, name, argument } = directive;
        let known = ["listing", "output", "tested", "exercise", "widget"];
        if !known.contains(name) {
            return Err(format!(
                "there is no directive `{name}`; there are {}, and `result` within a line",
                names(known)
            ));
        }
        let before = source.text[..range.start].rsplit('\n').next().unwrap_or("");
        let after = source.text[range.end..].split('\n').next().unwrap_or("");
        if !before.is_empty() || !after.trim().is_empty() {
            return Err(format!(
                "{{{{#{name} …}}}} stands on a line of its own, without indentation"
            ));
        }
        match *name {
            "listing" => listing::listing(self, argument),
            "output" => output::output(self, argument),
            "tested" => tested::tested(self, argument),
            "exercise" => exercise::exercise(self, argument),
            _ => widget::widget(self, argument),
        }
    }

    /// Formulas, figures, quizzes, summaries, and the code that nobody compiled.
    fn rewrite_events(&self, source: &Source, directives: &[Directive], edits: &mut Vec<Edit>) {
        let text = source.text;
        let mistake =
            |at: usize, what: String| self.mistake(source.file, Some(source.line(at)), what);
        let mut quizzes = 0;
        let mut paragraph = 0..0;
        let mut events = parser(text, true).into_offset_iter();
        while let Some((event, range)) = events.next() {
            if directives.iter().any(|directive| overlap(&directive.range, &range))
                && !matches!(event, Event::Start(_))
            {
                continue;
            }
            match event {
                Event::Start(Tag::Paragraph) => paragraph = range,
                Event::InlineMath(tex) => match self.maths.convert(&tex, false) {
                    Ok(formula) => edits.push(unbroken(text, range, formula)),
                    Err(what) => mistake(range.start, what),
                },
                Event::DisplayMath(tex) => {
                    match self.maths.convert(&tex, true) {
                        Ok(formula) => edits.push((range.clone(), formula)),
                        Err(what) => mistake(range.start, what),
                    }
                    if source.is_chapter
                        && tested::states_a_derivative(&tex)
                        && !is_followed_by_test(&text[range.end..])
                    {
                        mistake(
                            range.start,
                            "the formula states a derivative that no test executes; name one below it \
                             with {{#tested tests/FILE.rs:NAME}}"
                                .to_owned(),
                        );
                    }
                }
                Event::Text(words) => {
                    let escaped = text[..range.start].ends_with('\\');
                    if words.contains('$') && !escaped {
                        mistake(
                            range.start,
                            r"a `$` opens no formula; close it, or write \$ for the sign"
                                .to_owned(),
                        );
                    }
                }
                // mdBook calls the first page's file index, and leaves links to it as they are.
                Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with("README.md") => {
                    if let Some(at) = text[range.clone()].rfind("README.md") {
                        let at = range.start + at;
                        edits.push((at..at + "README.md".len(), "index.md".to_owned()));
                    }
                }
                Event::Start(Tag::Image { dest_url, .. }) => {
                    let mut alternative = String::new();
                    for (event, _) in events.by_ref() {
                        match event {
                            Event::End(TagEnd::Image) => break,
                            Event::Text(words) | Event::Code(words) | Event::InlineMath(words) => {
                                alternative += &words;
                            }
                            Event::SoftBreak => alternative.push(' '),
                            _ => {}
                        }
                    }
                    let alone = text[paragraph.clone()].trim() == &text[range.clone()];
                    match self.image(&dest_url, &alternative, alone) {
                        Ok(Some(html)) => edits.push((range, html)),
                        Ok(None) => {}
                        Err(what) => {
                            mistake(range.start, what);
                            edits.push((range, String::new()));
                        }
                    }
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let language = info.split([',', ' ', '{']).next().unwrap_or("");
                    if language == "quiz" {
                        quizzes += 1;
                        let stem =
                            source.file.rsplit('/').next().unwrap_or("").trim_end_matches(".md");
                        let (inside, first_line) = inside_fence(source, &range);
                        let block = Source { text: &inside, first_line, ..*source };
                        match quiz::quiz(self, &block, &format!("quiz-{stem}-{quizzes}")) {
                            Ok(html) => edits.push((range, format!("{html}\n"))),
                            Err(what) => mistake(range.start, what),
                        }
                    } else if ["rust", "rs"].contains(&language) {
                        mistake(
                            range.start,
                            "Rust that nobody compiles; show it from a source with \
                             {{#listing PATH:ANCHOR}}"
                                .to_owned(),
                        );
                    }
                    for (event, _) in events.by_ref() {
                        if matches!(event, Event::End(TagEnd::CodeBlock)) {
                            break;
                        }
                    }
                }
                Event::Html(_) | Event::InlineHtml(_) => {
                    if let Some(edit) = self.summary(source, range.clone()) {
                        edits.push(edit);
                    } else if text[range.clone()].contains('$') {
                        mistake(
                            range.start,
                            "a `$` between tags opens no formula; put an empty line before the text, \
                             or write &#36; for the sign"
                                .to_owned(),
                        );
                    }
                }
                _ => {}
            }
        }
    }

    /// What stands in place of an image; nothing if it may stay as it is.
    fn image(
        &self,
        target: &str,
        alternative: &str,
        alone: bool,
    ) -> Result<Option<String>, String> {
        if target.contains("://") {
            return Err(format!(
                "the image {target} comes from a network; put it beside the chapter"
            ));
        }
        if target.ends_with(".svg") {
            let html = figure::figure(self, target, alternative)?;
            if !alone {
                return Err(format!("the figure {target} stands in a paragraph of its own"));
            }
            return Ok(Some(html));
        }
        if alternative.trim().is_empty() {
            return Err(format!(
                "the image {target} has no alternative text; say between the brackets what it shows"
            ));
        }
        Ok(None)
    }

    /// The text of a `<summary>` in the range, which Markdown would leave as it is, as Markdown.
    fn summary(&self, source: &Source, range: Range<usize>) -> Option<Edit> {
        let html = &source.text[range.clone()];
        let start = html.find("<summary>")? + "<summary>".len();
        let end = start + html[start..].find("</summary>")?;
        let inside = range.start + start..range.start + end;
        let text = &source.text[inside.clone()];
        let first_line = source.line(inside.start);
        let html = self.inline_html(&Source { text, first_line, is_chapter: false, ..*source });
        Some((inside, html))
    }
}

/// As mdBook reads Markdown; with formulas while they are still to be found.
fn parser(text: &str, maths: bool) -> Parser<'_> {
    let mut options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM;
    options.set(Options::ENABLE_MATH, maths);
    options.set(Options::ENABLE_SMART_PUNCTUATION, !maths);
    Parser::new_ext(text, options)
}

/// The code blocks in which nothing is replaced: all but quizzes.
fn code_blocks(text: &str) -> Vec<Range<usize>> {
    let events = parser(text, true).into_offset_iter();
    let blocks = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.starts_with("quiz") => {
            None
        }
        Event::Start(Tag::CodeBlock(_)) => Some(range),
        _ => None,
    });
    blocks.collect()
}

/// The directives outside of `code`. A backslash before one leaves it as it is.
fn directives<'a>(text: &'a str, code: &[Range<usize>]) -> Vec<Directive<'a>> {
    let starts = text
        .match_indices("{{#")
        .map(|(at, _)| at)
        .filter(|at| !text[..*at].ends_with('\\') && !code.iter().any(|block| block.contains(at)));
    let found = starts.filter_map(|start| {
        let line = text[start..].split('\n').next().unwrap_or("");
        let inside = &line[3..line.find("}}")?];
        let (name, argument) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let range = start..start + inside.len() + 5;
        Some(Directive { range, name, argument: argument.trim() })
    });
    found.collect()
}

fn is_followed_by_test(rest: &str) -> bool {
    let trimmed = rest.trim_start();
    let gap = &rest[..rest.len() - trimmed.len()];
    trimmed.starts_with("{{#tested ") && gap.matches('\n').count() <= 2
}

/// What a fenced block holds, and the line of the file on which that begins.
fn inside_fence(source: &Source, block: &Range<usize>) -> (String, usize) {
    let text = &source.text[block.clone()];
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    if lines.last().is_some_and(|line| line.trim_start().starts_with(['`', '~'])) {
        lines.pop();
    }
    (lines.join("\n"), source.line(block.start) + 1)
}

/// A formula, and in one piece with it the punctuation behind it: a browser may break the line between
/// the two.
fn unbroken(text: &str, formula: Range<usize>, html: String) -> Edit {
    let rest = &text[formula.end..];
    let marks = &rest[..rest.len() - rest.trim_start_matches(['.', ',', ';', ':', '?']).len()];
    let html = match marks {
        "" => html,
        _ => format!("<span class=\"unbroken\">{html}{marks}</span>"),
    };
    (formula.start..formula.end + marks.len(), html)
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The text with its edits; of two that overlap the one that begins first counts.
fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(2 * text.len());
    let mut at = 0;
    for (range, new) in edits {
        if range.start >= at {
            out += &text[at..range.start];
            out += &new;
            at = range.end;
        }
    }
    out + &text[at..]
}
