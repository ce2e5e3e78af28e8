//! Formulas: LaTeX in the chapters, MathML in the pages.
//!
//! Macros come from `book/notation.tex`, a list of `\newcommand` lines, and from nowhere else, so that
//! each symbol is written in one way throughout the book.

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

/// Turns formulas into MathML.
pub(crate) struct Maths(LatexToMathML);

impl Maths {
    /// With the macros of `notation`; an error comes with its line.
    pub(crate) fn new(notation: &str) -> Result<Self, (usize, String)> {
        let mut macros = Vec::new();
        let mut lines = Vec::new();
        for (i, line) in notation.lines().enumerate() {
            let line = line.split('%').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            let definition = definition(line).ok_or_else(|| {
                let form = r"\newcommand{\name}[arguments]{formula}";
                (i + 1, format!("`{line}` defines no macro; write {form}"))
            })?;
            macros.push(definition);
            lines.push(i + 1);
        }
        let config = MathCoreConfig { macros, ..MathCoreConfig::default() };
        let converter = LatexToMathML::new(config).map_err(|(error, at, definition)| {
            (lines[at], format!("the macro `{definition}`: {}", error.error_message()))
        })?;
        Ok(Self(converter))
    }

    /// The formula as one line of MathML that Markdown leaves as it is.
    pub(crate) fn convert(&self, tex: &str, displayed: bool) -> Result<String, String> {
        let display = if displayed { MathDisplay::Block } else { MathDisplay::Inline };
        let converted = self.0.convert_with_local_state(tex.trim(), display).map_err(|error| {
            let what = error.error_message();
            let formula = tex.split_whitespace().collect::<Vec<_>>().join(" ");
            let hint = match what.contains("nknown command") {
                true => "; correct it or define it in book/notation.tex",
                false => "",
            };
            format!("the formula `{formula}`: {}{hint}", lower(what.trim_end_matches('.')))
        })?;
        Ok(inert(&converted.mathml))
    }
}

fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Name and content of `\newcommand{\name}[n]{content}`; the number of arguments shows in the content.
fn definition(line: &str) -> Option<(String, String)> {
    let rest = line.strip_prefix(r"\newcommand{\")?;
    let (name, rest) = rest.split_once('}')?;
    let rest = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1,
        None => rest,
    };
    let content = rest.strip_prefix('{')?.strip_suffix('}')?;
    Some((name.to_owned(), content.to_owned()))
}

/// HTML whose text means nothing to Markdown: punctuation outside tags becomes character references,
/// line ends become spaces. Without it two tildes in one paragraph strike out what is between them.
fn inert(html: &str) -> String {
    let mut out = String::with_capacity(2 * html.len());
    let (mut in_tag, mut in_reference) = (false, false);
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '&' => in_reference = true,
            _ => {}
        }
        match c {
            '\n' => out.push(' '),
            _ if c.is_ascii_punctuation() && !in_tag && !in_reference => {
                out += &format!("&#{};", u32::from(c));
            }
            _ => out.push(c),
        }
        match c {
            '>' => in_tag = false,
            ';' => in_reference = false,
            _ => {}
        }
    }
    // Firefox draws this operator as large as a sum.
    out.replace(">⊙</mo>", " largeop=\"false\">⊙</mo>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_takes_its_arguments() {
        let maths =
            Maths::new("% a comment\n\\newcommand{\\adj}[1]{\\bar{#1}} % v̄\n").expect("one macro");
        let formula = maths.convert(r"\adj{v}", false).expect("a formula");
        assert!(formula.contains("<mover") && formula.contains("<mi>v</mi>"), "{formula}");
    }

    #[test]
    fn a_line_that_defines_nothing_is_named() {
        let Err((line, what)) = Maths::new("\n\\def\\x{y}") else { panic!("it is no macro") };
        assert_eq!(line, 2);
        assert!(what.starts_with(r"`\def\x{y}` defines no macro"), "{what}");
    }

    #[test]
    fn punctuation_in_a_formula_is_no_markdown() {
        assert_eq!(inert("<mo a=\"*\">~</mo>&amp;\n_"), "<mo a=\"*\">&#126;</mo>&amp; &#95;");
    }
}
