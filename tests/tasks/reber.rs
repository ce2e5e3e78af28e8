//! The Reber grammars, against a recogniser that is written as an expression and knows no states.

use std::collections::BTreeMap;

use rnn::data::tasks::reber::REBER;
use rnn::data::tasks::{Continual, Grammar};
use tests::rng;

fn text(symbols: &[usize]) -> String {
    symbols.iter().map(|&symbol| REBER[symbol]).collect()
}

/// What is left of `text` after one string of the simple grammar at its start:
///
/// ```text
/// string = B (T S* X after_x | P T* V after_v) E
/// after_x = S | X T* V after_v
/// after_v = V | P after_x
/// ```
fn after_simple(text: &str) -> Option<&str> {
    fn after_x(text: &str) -> Option<&str> {
        text.strip_prefix('S').or_else(|| {
            let rest = text.strip_prefix('X')?.trim_start_matches('T');
            after_v(rest.strip_prefix('V')?)
        })
    }
    fn after_v(text: &str) -> Option<&str> {
        text.strip_prefix('V').or_else(|| after_x(text.strip_prefix('P')?))
    }
    let rest = text.strip_prefix('B')?;
    let rest = if let Some(rest) = rest.strip_prefix('T') {
        after_x(rest.trim_start_matches('S').strip_prefix('X')?)
    } else {
        after_v(rest.strip_prefix('P')?.trim_start_matches('T').strip_prefix('V')?)
    };
    rest?.strip_prefix('E')
}

/// What is left of `text` after one embedded string at its start.
fn after_embedded(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('B')?;
    let which = rest.chars().next().filter(|c| "TP".contains(*c))?;
    after_simple(&rest[1..])?.strip_prefix(which)?.strip_prefix('E')
}

fn accepts(grammar: Grammar, symbols: &[usize]) -> bool {
    let text = text(symbols);
    let rest = match grammar {
        Grammar::Reber => after_simple(&text),
        Grammar::Embedded => after_embedded(&text),
    };
    rest == Some("")
}

const BOTH: [Grammar; 2] = [Grammar::Reber, Grammar::Embedded];

#[test]
fn strings_from_the_literature_are_accepted() {
    let symbols = |text: &str| -> Vec<usize> {
        text.chars().map(|c| REBER.iter().position(|own| *own == c).unwrap()).collect()
    };
    for text in ["BTXSE", "BPVVE", "BTSSXXTVVE", "BPVPXVPXVPXVVE", "BTSXXVPSE", "BPTTTVPSE"] {
        assert!(Grammar::Reber.accepts(&symbols(text)), "{text}");
        assert!(Grammar::Embedded.accepts(&symbols(&format!("BT{text}TE"))), "{text}");
        assert!(!Grammar::Embedded.accepts(&symbols(&format!("BT{text}PE"))), "{text}");
    }
    for text in ["", "B", "BE", "BTSSPXSE", "BPTVVB", "BTXS", "BTXSEE"] {
        assert!(!Grammar::Reber.accepts(&symbols(text)), "{text}");
    }
    assert!(!Grammar::Reber.accepts(&[0, 1, 7]));
}

#[test]
fn ten_thousand_drawn_strings_are_accepted_by_both_recognisers() {
    for grammar in BOTH {
        let mut rng = rng(1);
        for _ in 0..10_000 {
            let string = grammar.string(&mut rng);
            assert!(accepts(grammar, &string), "{}", text(&string));
            assert!(grammar.accepts(&string), "{}", text(&string));
        }
    }
}

#[test]
fn every_change_of_one_symbol_is_judged_as_the_naive_recogniser_does() {
    for grammar in BOTH {
        let mut rng = rng(2);
        let (mut rejected, mut accepted) = (0, 0);
        for _ in 0..300 {
            let string = grammar.string(&mut rng);
            for i in 0..string.len() {
                let mut changed: Vec<Vec<usize>> = Vec::new();
                let with =
                    |symbols: &[usize], skip| [&string[..i], symbols, &string[i + skip..]].concat();
                changed.push(with(&[], 1));
                for symbol in 0..REBER.len() {
                    changed.push(with(&[symbol], 0));
                    if symbol != string[i] {
                        changed.push(with(&[symbol], 1));
                    }
                }
                for string in changed {
                    let naive = accepts(grammar, &string);
                    assert_eq!(grammar.accepts(&string), naive, "{}", text(&string));
                    *(if naive { &mut accepted } else { &mut rejected }) += 1;
                }
            }
        }
        assert!(rejected > 20_000 && accepted > 100, "{rejected} rejected, {accepted} accepted");
    }
}

#[test]
fn all_strings_of_up_to_six_symbols_are_judged_as_the_naive_recogniser_does() {
    let mut accepted = 0;
    for len in 0..=6 {
        for code in 0..7_usize.pow(len) {
            let string: Vec<usize> = (0..len).map(|i| code / 7_usize.pow(i) % 7).collect();
            let naive = accepts(Grammar::Reber, &string);
            assert_eq!(Grammar::Reber.accepts(&string), naive, "{}", text(&string));
            accepted += usize::from(naive);
        }
    }
    assert_eq!(accepted, 5, "BTXSE BPVVE BTSXSE BPTVVE BPVPSE");
}

#[test]
fn the_legal_symbols_are_those_that_are_drawn() {
    for grammar in BOTH {
        let mut rng = rng(4);
        let mut seen: BTreeMap<Vec<usize>, [bool; 7]> = BTreeMap::new();
        for _ in 0..20_000 {
            let string = grammar.string(&mut rng);
            let legal = grammar.legal(&string);
            assert_eq!(legal.len(), string.len());
            assert_eq!(legal.last().unwrap().symbols().count(), 0, "nothing after the end");
            for i in 1..string.len() {
                assert!(legal[i - 1].contains(string[i]));
                if i <= 6 {
                    seen.entry(string[..i].to_vec()).or_default()[string[i]] = true;
                }
            }
        }
        for (prefix, next) in seen {
            let legal = grammar.legal(&prefix);
            let legal = legal.last().unwrap();
            for (symbol, &seen) in next.iter().enumerate() {
                assert_eq!(legal.contains(symbol), seen, "{symbol} after {}", text(&prefix));
            }
        }
    }
}

#[test]
fn nothing_is_legal_after_what_begins_no_string() {
    assert_eq!(Grammar::Reber.legal(&[0, 1, 6, 0]).len(), 2, "B and T are read, E is not");
    assert!(Grammar::Embedded.legal(&[3]).is_empty());
}

#[test]
fn the_last_but_one_symbol_of_an_embedded_string_is_certain() {
    let mut rng = rng(5);
    for _ in 0..1_000 {
        let string = Grammar::Embedded.string(&mut rng);
        let legal = Grammar::Embedded.legal(&string);
        let before = legal[string.len() - 3];
        assert_eq!(before.symbols().collect::<Vec<_>>(), [string[1]]);
    }
}

#[test]
fn each_of_two_ways_is_taken_half_of_the_time() {
    let mut rng = rng(6);
    let strings: Vec<Vec<usize>> = (0..20_000).map(|_| Grammar::Reber.string(&mut rng)).collect();
    let share = |which: &dyn Fn(&str) -> bool| {
        strings.iter().filter(|string| which(&text(string))).count() as f64 / 20_000.0
    };
    for (prefix, expected) in [("BT", 0.5), ("BTS", 0.25), ("BTXS", 0.125), ("BPVV", 0.125)] {
        let found = share(&|text| text.starts_with(prefix));
        assert!((found - expected).abs() < 0.015, "{prefix}: {found}");
    }
}

#[test]
fn a_continual_stream_is_embedded_strings_end_to_end() {
    let (mut streams, mut rng) = (Continual::new(3), rng(7));
    let (mut inputs, mut legal) = (Vec::new(), Vec::new());
    for i in 0..40 {
        let (window, allowed) = streams.next_window(25, &mut rng);
        assert_eq!(window.fresh, i == 0);
        assert_eq!(window.targets.len(), 25 * 3);
        if !inputs.is_empty() {
            let before: &[usize] = &inputs[inputs.len() - 3..];
            assert_eq!(before, &window.inputs[..3], "the last targets come next");
            inputs.truncate(inputs.len() - 3);
        }
        inputs.extend(&window.inputs);
        inputs.extend(&window.targets[24 * 3..]);
        assert_eq!(window.inputs[3..], window.targets[..24 * 3]);
        legal.extend(allowed);
    }
    for b in 0..3 {
        let stream: Vec<usize> = super::sequence(&inputs, 3, b);
        let legal: Vec<_> = legal.iter().skip(b).step_by(3).collect();
        let whole = text(&stream);
        let mut rest = whole.as_str();
        let mut strings = 0;
        while let Some(after) = after_embedded(rest) {
            let start = whole.len() - rest.len();
            let end = whole.len() - after.len();
            let naive = Grammar::Embedded.legal(&stream[start..end]);
            for t in start..end - 1 {
                assert_eq!(*legal[t], naive[t - start]);
            }
            if end - 1 < legal.len() {
                assert_eq!(legal[end - 1].symbols().collect::<Vec<_>>(), [0], "B after the end");
            }
            rest = after;
            strings += 1;
        }
        assert!(strings > 40, "{strings}");
        assert!(rest.len() < 100 && (rest.is_empty() || rest.starts_with('B')), "{rest}");
    }
}

#[test]
fn a_prediction_is_right_if_every_legal_symbol_beats_every_other() {
    let legal = Grammar::Reber.legal(&[0])[0]; // T and P
    let mut scores = [0.0; 7];
    assert!(!legal.agrees_with(&scores), "a tie is not enough");
    (scores[1], scores[2]) = (0.2, 0.1);
    assert!(legal.agrees_with(&scores));
    scores[6] = 0.1;
    assert!(!legal.agrees_with(&scores));
    scores[6] = f64::NAN;
    assert!(!legal.agrees_with(&scores));
}
