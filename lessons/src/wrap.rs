//! Text in lines that fit a page.

/// A text in lines of at most `width` characters, broken at blanks; a line break stays one, and what has no blank
/// is cut.
///
/// ```
/// use lessons::wrap::lines;
///
/// assert_eq!(lines("one two three\n\nfour", 8), ["one two", "three", "", "four"]);
/// assert_eq!(lines("abcdefgh", 3), ["abc", "def", "gh"]);
/// assert_eq!(lines("", 8), [""]);
/// ```
///
/// # Panics
///
/// If `width` is 0.
#[track_caller]
pub fn lines(text: &str, width: usize) -> Vec<String> {
    assert!(width > 0, "lines: no character fits a line of width 0");
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > width {
            let blank = rest[..=width].iter().rposition(|&c| c == ' ').filter(|&i| i > 0);
            let after = rest.split_off(blank.unwrap_or(width));
            lines.push(String::from_iter(&rest));
            rest = after[usize::from(blank.is_some())..].to_vec();
        }
        lines.push(String::from_iter(&rest));
    }
    lines
}
