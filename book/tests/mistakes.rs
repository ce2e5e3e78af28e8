//! Each mistake that a chapter can have, and the sentence about it.

use crate::scratch_book::ScratchBook;

const CHAPTER: &str = "book/chapters/08_toy.md";

/// Builds a book whose chapter is this text, and compares all that is said of it.
#[track_caller]
fn check(chapter: &str, expected: &[&str]) {
    let book = ScratchBook::new();
    book.write("book/chapters/README.md", "# First page\n");
    book.write(CHAPTER, chapter);
    let said = book.build().expect_err("the chapter is wrong");
    let said: Vec<String> = said.0.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected);
}

#[test]
fn a_listing_names_a_source_and_an_anchor_that_are_there() {
    let chapter = "# A

{{#listing lessons/src/bin/08_toy.rs:gone}}

{{#listing lessons/src/bin/09_gone.rs:step}}

{{#listing lessons/src/bin/08_toy.rs}}

{{#listing ../secret.rs:step}}
";
    let expected = [
        "book/chapters/08_toy.md:3: lessons/src/bin/08_toy.rs: there is no anchor `gone`; it has \
         `step`, `inner`",
        "book/chapters/08_toy.md:5: there is no file lessons/src/bin/09_gone.rs; lessons/src/bin holds \
         `08_toy.rs`",
        "book/chapters/08_toy.md:7: the listing `lessons/src/bin/08_toy.rs` names no anchor; write \
         {{#listing PATH:ANCHOR}}",
        "book/chapters/08_toy.md:9: `../secret.rs` does not lie in the workspace; name it from its folder",
    ];
    check(chapter, &expected);
}

#[test]
fn an_output_and_a_result_were_printed() {
    let chapter = "# A

It is {{#result 08_toy:gone}}, or {{#result 09_toy:toy_cosine}}, or {{#result 08_toy}}.

{{#output 08_toy:nobody says this}}

{{#output 08_toy:}}
";
    let expected = [
        "book/chapters/08_toy.md:3: lessons/expected/08_toy/output.txt: there is no result `gone`; there \
         are `toy_cosine`, `toy_steps`, `toy_weights`, `toy_difference_below`",
        "book/chapters/08_toy.md:3: the result `08_toy` names no key; write {{#result LESSON:KEY}}",
        "book/chapters/08_toy.md:3: there is no file lessons/expected/09_toy/output.txt; lessons/expected \
         holds `08_toy`",
        "book/chapters/08_toy.md:5: lessons/expected/08_toy/output.txt: no paragraph begins with `nobody \
         says this`",
        "book/chapters/08_toy.md:7: lessons/expected/08_toy/output.txt: 2 paragraphs begin with ``; give \
         more words",
    ];
    check(chapter, &expected);
}

#[test]
fn a_figure_is_there_and_says_what_it_shows() {
    let chapter = "# A

![](../../lessons/expected/08_toy/gradient.svg)

![It falls](../../lessons/expected/08_toy/gone.svg)

See ![it fall](../../lessons/expected/08_toy/gradient.svg) here.

![A photograph](https://example.org/photograph.png)

![](assets/drawing.png)
";
    let expected = [
        "book/chapters/08_toy.md:3: the figure lessons/expected/08_toy/gradient.svg has no alternative \
         text; say between the brackets what it shows",
        "book/chapters/08_toy.md:5: there is no file lessons/expected/08_toy/gone.svg; \
         lessons/expected/08_toy holds `gradient.svg`, `output.txt`",
        "book/chapters/08_toy.md:7: the figure ../../lessons/expected/08_toy/gradient.svg stands in a \
         paragraph of its own",
        "book/chapters/08_toy.md:9: the image https://example.org/photograph.png comes from a network; put \
         it beside the chapter",
        "book/chapters/08_toy.md:11: the image assets/drawing.png has no alternative text; say between the \
         brackets what it shows",
    ];
    check(chapter, &expected);
}

#[test]
fn a_figure_can_be_scaled_and_follows_the_theme() {
    let check = |svg: &str, sentence: &str| {
        let book = ScratchBook::new();
        book.write("lessons/expected/08_toy/gradient.svg", svg);
        let said = book.build().expect_err("the figure is wrong").to_string();
        let sentence = format!("lessons/expected/08_toy/gradient.svg: {sentence}");
        assert!(said.contains(&sentence), "{said}");
    };
    check(
        "<svg width=\"9\" height=\"9\"></svg>",
        "it has no viewBox, so that it cannot be scaled; write one",
    );
    check("<svg viewBox=\"0 0 9 9\"></svg>", "its first tag has no width in pixels; write one");
    check(
        "<svg width=\"9\" viewBox=\"0 0 9 9\"><path fill=\"#ABCDEF\"/></svg>",
        "its colour #ABCDEF follows no theme; take one of lessons::plot, thinned by opacity",
    );
}

#[test]
fn a_lesson_without_an_accepted_output_is_told_how_to_get_one() {
    let book = ScratchBook::new();
    std::fs::remove_file(book.path("lessons/expected/08_toy/output.txt")).expect("it was there");
    let said = book.build().expect_err("the output is gone").to_string();
    let sentence = "there is no lessons/expected/08_toy/output.txt yet; ACCEPT=1 cargo test -p lessons \
                    --test fresh writes it";
    assert!(said.contains(sentence), "{said}");
}

#[test]
fn a_displayed_derivative_is_executed_by_a_test_that_exists() {
    let chapter = r"# A

$$ \adj{h} = 1 $$

$$ \frac{\partial L}{\partial h} = 1 $$

{{#tested tests/toy.rs:gone}}
{{#tested tests/toy.rs:no_test}}

$$ \grad L = 1 $$


{{#tested tests/toy.rs:tanh_has_this_derivative}}

{{#tested tests/gone.rs:it}}

{{#tested tests/toy.rs}}

$$ h = \tanh(a) $$
";
    let expected = [
        "book/chapters/08_toy.md:3: the formula states a derivative that no test executes; name one below \
         it with {{#tested tests/FILE.rs:NAME}}",
        "book/chapters/08_toy.md:7: tests/toy.rs: there is no test `gone`",
        "book/chapters/08_toy.md:8: tests/toy.rs: there is no test `no_test`",
        "book/chapters/08_toy.md:10: the formula states a derivative that no test executes; name one below \
         it with {{#tested tests/FILE.rs:NAME}}",
        "book/chapters/08_toy.md:15: there is no file tests/gone.rs; tests holds `toy.rs`",
        "book/chapters/08_toy.md:17: `tests/toy.rs` names no test; write {{#tested tests/FILE.rs:NAME}}",
    ];
    check(chapter, &expected);
}

#[test]
fn a_formula_uses_only_what_the_notation_defines() {
    let chapter = "# A

The state $\\unheard{h}$ and $\\frac{1}$.

It costs $5 a day.

<div>$x$</div>
";
    let expected = [
        "book/chapters/08_toy.md:3: the formula `\\frac{1}`: expected argument but reached end of input",
        "book/chapters/08_toy.md:3: the formula `\\unheard{h}`: unknown command \"\\unheard\"; correct it or \
         define it in book/notation.tex",
        "book/chapters/08_toy.md:5: a `$` opens no formula; close it, or write \\$ for the sign",
        "book/chapters/08_toy.md:7: a `$` between tags opens no formula; put an empty line before the text, or \
         write &#36; for the sign",
    ];
    check(chapter, &expected);
}

#[test]
fn the_notation_itself_is_read_with_care() {
    let book = ScratchBook::new();
    book.write("book/notation.tex", "\\newcommand{\\R}{\\mathbb{R}}\nR = \\mathbb{R}\n");
    let said = book.build().expect_err("the notation is wrong").to_string();
    let sentence = "book/notation.tex:2: `R = \\mathbb{R}` defines no macro; write \
                    \\newcommand{\\name}[arguments]{formula}";
    assert!(said.starts_with(sentence), "{said}");
}

#[test]
fn an_exercise_is_whole() {
    let book = ScratchBook::new();
    book.write("lessons/exercises/08_toy/hints.md", "## One\n\na\n\n## Two\n\nb $\\unheard$\n");
    book.write("book/chapters/README.md", "# First page\n");
    book.write(CHAPTER, "# A\n\n{{#exercise 08_toy}}\n\n{{#exercise 08_gone}}\n");
    let said = book.build().expect_err("the hints are few").to_string();
    let expected = "book/chapters/08_toy.md:3: lessons/exercises/08_toy/hints.md has 2 hints; write at least \
                    3, each opened by a line `## ` and a title\n\
                    book/chapters/08_toy.md:5: there is no file lessons/exercises/08_gone/solution.rs; \
                    lessons/exercises holds `08_toy`\n\
                    the book has 2 mistakes";
    assert_eq!(said, expected);
}

#[test]
fn a_mistake_in_a_hint_is_found_in_its_own_file() {
    let book = ScratchBook::new();
    let hints = "## One\na\n## Two\nb\n## Three\n\nc\n\n$\\unheard$\n";
    book.write("lessons/exercises/08_toy/hints.md", hints);
    let said = book.build().expect_err("the hint is wrong").to_string();
    assert!(
        said.starts_with("lessons/exercises/08_toy/hints.md:9: the formula `\\unheard`"),
        "{said}"
    );
}

#[test]
fn a_quiz_has_a_question_right_and_wrong_answers_and_an_explanation() {
    let chapter = "# A

```quiz
Why?

- [ ] So
- [ ] Not so

---
Thus.
```

```quiz
Why?

- [x] So
- [ ] Not so
```

```quiz
How many?

answer: {{#result 08_toy:gone}}

---
See $\\unheard$.
```
";
    let expected = [
        "book/chapters/08_toy.md:3: the quiz has no right answer; mark it with `- [x]`",
        "book/chapters/08_toy.md:13: the quiz has no explanation; write it below a line `---` after the \
         choices",
        "book/chapters/08_toy.md:23: lessons/expected/08_toy/output.txt: there is no result `gone`; there \
         are `toy_cosine`, `toy_steps`, `toy_weights`, `toy_difference_below`",
        "book/chapters/08_toy.md:26: the formula `\\unheard`: unknown command \"\\unheard\"; correct it or \
         define it in book/notation.tex",
    ];
    check(chapter, &expected);
}

#[test]
fn rust_is_never_typed_into_a_chapter() {
    let chapter = "# A

```rust
fn main() {}
```

```rust,ignore
fn main() {}
```

```text
fn main() {} {{#listing nothing:here}} $
```
";
    let sentence = "Rust that nobody compiles; show it from a source with {{#listing PATH:ANCHOR}}";
    check(
        chapter,
        &[3, 7].map(|line| format!("{CHAPTER}:{line}: {sentence}")).each_ref().map(|s| &**s),
    );
}

#[test]
fn a_directive_is_known_and_stands_alone() {
    let chapter = "# A

{{#include a.rs}}

Here {{#output 08_toy}} it is.

- {{#output 08_toy}}

{{#widget dial}}

A backslash keeps \\{{#listing as it is}}.
";
    let expected = [
        "book/chapters/08_toy.md:3: there is no directive `include`; there are `listing`, `output`, \
         `tested`, `exercise`, `widget`, and `result` within a line",
        "book/chapters/08_toy.md:5: {{#output …}} stands on a line of its own, without indentation",
        "book/chapters/08_toy.md:7: {{#output …}} stands on a line of its own, without indentation",
        "book/chapters/08_toy.md:9: there is no widget `dial`; there are none",
    ];
    check(chapter, &expected);
}

#[test]
fn a_link_leads_to_a_page_and_to_a_heading_in_it() {
    let chapter = "# A

[one](07_gone.md), [two](README.md#gone), [three](#here), [four](../../README.md),
[five](https://example.org/), [six](README.md), [seven](#a).

<a href=\"08_toy.html#there\">eight</a>
";
    let expected = [
        "book/chapters/08_toy.md:3: the link #here leads nowhere: that page has no heading `here`",
        "book/chapters/08_toy.md:3: the link ../../README.md leads out of the book; name the file in the text",
        "book/chapters/08_toy.md:3: the link 07_gone.md leads nowhere: the book has no page 07_gone.html",
        "book/chapters/08_toy.md:3: the link README.md#gone leads nowhere: that page has no heading `gone`",
        "book/chapters/08_toy.md:6: the link 08_toy.md#there leads nowhere: that page has no heading `there`",
    ];
    check(chapter, &expected);
}

#[test]
fn the_contents_and_the_chapters_agree() {
    let book = ScratchBook::new();
    book.write(
        "book/chapters/SUMMARY.md",
        "# Summary\n\n[First](README.md)\n\n- [9. Gone](09_gone.md)\n",
    );
    let said = book.build().expect_err("the contents are wrong").to_string();
    let expected = "book/chapters/08_toy.md: the chapter is in no contents; add a line [Title](08_toy.md) to \
                    book/chapters/SUMMARY.md\n\
                    book/chapters/SUMMARY.md:5: there is no chapter 09_gone.md; write it or take this line \
                    out\n\
                    the book has 2 mistakes";
    assert_eq!(said, expected);
}

#[test]
fn what_mdbook_warns_of_is_a_mistake() {
    let book = ScratchBook::new();
    book.write(CHAPTER, "# A\n\n## The derivation\n\n<div>\n\nnever closed\n");
    let said = book.build().expect_err("a tag is open").to_string();
    assert!(said.starts_with("book/chapters: mdBook warns: unclosed HTML tag `<div>`"), "{said}");
}

#[test]
fn a_book_that_was_right_stays_until_the_next_one_is() {
    let book = ScratchBook::new();
    book.build().expect("the scratch book is right");
    let before = book.page("08_toy.html");
    book.write(CHAPTER, "# A\n\n{{#output gone}}\n");
    book.build().expect_err("the chapter is wrong");
    assert_eq!(book.page("08_toy.html"), before);
}
