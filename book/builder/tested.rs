//! The claim that a formula is executed by a test, checked.

use crate::site::Site;
use crate::text::escape;

/// Macros that make a displayed formula one that states a derivative.
const DERIVATIVES: [&str; 5] = ["\\partial", "\\adj", "\\delta", "\\grad", "\\dd"];

/// Whether the formula states a derivative, so that a test has to execute it.
pub(crate) fn states_a_derivative(tex: &str) -> bool {
    DERIVATIVES.iter().any(|name| {
        tex.match_indices(name).any(|(at, _)| {
            let next = tex[at + name.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_alphabetic())
        })
    })
}

/// `{{#tested tests/bptt.rs:name_of_the_test}}` as Markdown.
pub(crate) fn tested(site: &Site, argument: &str) -> Result<String, String> {
    let Some((path, name)) = argument.rsplit_once(':') else {
        return Err(format!(
            "`{argument}` names no test; write {{{{#tested tests/FILE.rs:NAME}}}}"
        ));
    };
    let source = site.read(path)?;
    if !is_test(&source, name) {
        return Err(format!("{path}: there is no test `{name}`"));
    }
    let (path, name) = (escape(path), escape(name));
    Ok(format!(
        "<p class=\"tested\">executed by the test <code>{name}</code> of <code>{path}</code></p>"
    ))
}

/// Whether the source holds `fn name` with the attribute `#[test]` above it.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let opens = |line: &str| {
        let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    lines.iter().enumerate().filter(|(_, line)| opens(line)).any(|(at, _)| {
        let above = lines[..at].iter().rev();
        let mut head = above.take_while(|line| line.starts_with('#') || line.starts_with("//"));
        head.any(|line| line.starts_with("#[test]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_function_with_the_attribute() {
        let source =
            "#[test]\n#[ignore]\n/// Why.\nfn one() {}\n\nfn two() {}\n    #[test]\n    fn three(";
        assert!(is_test(source, "one") && is_test(source, "three"));
        assert!(!is_test(source, "two") && !is_test(source, "on"));
    }

    #[test]
    fn a_derivative_is_known_by_its_macros_and_not_by_longer_ones() {
        assert!(states_a_derivative(r"\adj{h} = 1") && states_a_derivative(r"\delta_t"));
        assert!(!states_a_derivative(r"\ddots + h_t"));
    }
}
