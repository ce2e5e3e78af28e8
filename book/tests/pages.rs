//! What a right chapter becomes.

use crate::scratch_book::{Dial, ScratchBook};

#[test]
fn every_directive_arrives_in_the_page() {
    let book = ScratchBook::new();
    let shown = book.build().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let page = book.page("08_toy.html");
    let check = |part: &str| assert!(page.contains(part), "the page has no {part}\n{page}");
    // A result, in the text, in code, in a table, in a summary.
    check("The cosine is <strong>0.91</strong>, and <code>3</code> steps");
    check("<td>0.91</td>");
    check("dropped above 0.91?</summary>");
    // A listing says where it stands, and has lost its indentation and the anchor inside.
    check("<code>lessons/src/bin/08_toy.rs</code>, lines 9–14, in <code>impl Cell</code>");
    check("in <code>impl Cell › fn step</code>");
    check("fn step(&amp;self, h: f64) -&gt; f64 {\n    (self.weight * h).tanh()\n}");
    // An output has no results in it.
    check("toy: 3 steps, one unit\n  t    |dL/dh_t|\n");
    assert!(!page.contains("RESULT"), "a result stands in the page");
    // A figure follows the theme and says what it shows.
    check(
        "aria-label=\"The gradient of each cell falls by a factor of four from the last step to the first, \
           to 1e-14\"",
    );
    check("style=\"stroke:var(--plot-1)\"");
    // Formulas are MathML, tildes and all.
    check("<math display=\"block\"");
    assert!(!page.contains("<del>"), "two tildes struck something out");
    // A test, an exercise with three hints, three quizzes.
    check(
        "executed by the test <code>tanh_has_this_derivative</code> of <code>tests/toy.rs</code>",
    );
    check("pub fn tanh_derivative(x: f64) -&gt; f64 {\n    todo!()\n}");
    check("<summary>Hint 3: Nearly there</summary>");
    check("<code>cargo exercise 08_toy</code>");
    check("type=\"radio\" name=\"quiz-08_toy-1\" value=\"B\" data-right");
    check("type=\"checkbox\" name=\"quiz-08_toy-2\"");
    check("data-right=\"0.91\"");

    assert_eq!(shown.anchors.len(), 2);
    assert!(shown.figures.contains("lessons/expected/08_toy/gradient.svg"));
    assert!(shown.exercises.contains("08_toy"));
}

#[test]
fn a_widget_is_a_picture_first_and_its_page_loads_the_script() {
    let book = ScratchBook::new();
    book.write("book/chapters/README.md", "# First page\n\n{{#widget dial}}\n");
    book::build(&book.folders(), &Dial).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let (with, without) = (book.page("index.html"), book.page("08_toy.html"));
    assert!(with.contains("<figure class=\"plot widget\" data-widget=\"dial\">"), "{with}");
    assert!(with.contains("aria-label=\"A dial at 3\""));
    assert_eq!(with.matches("<script src=\"widgets.js\">").count(), 1);
    assert!(!without.contains("widgets.js"));
}

#[test]
fn the_palette_is_the_one_that_lessons_draw_with() {
    use lessons::plot::{BASELINE, GRID, INK, PAPER, SERIES};
    let drawn: Vec<String> = SERIES
        .iter()
        .chain(&[INK, BASELINE, GRID, PAPER])
        .map(|colour| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2))
        .collect();
    let themed: Vec<&str> = book::PALETTE.iter().map(|(colour, _)| *colour).collect();
    assert_eq!(drawn, themed);
    let css = include_str!("../theme/book.css");
    for (_, variable) in book::PALETTE {
        assert!(css.contains(&format!("  {variable}: ")), "the theme does not define {variable}");
    }
}
