//! Ten thousand damaged files for every loader: data or a sentence with a place that exists, never a panic.

use rand::{Rng, RngExt};
use rnn::data::{Csv, DataError, Source, conllu, labelled, pairs};
use tests::rng;

const CASES: u64 = 10_000;

const TEXT: &str = "\u{feff}One line.\r\nÉin 世界 🙂 e\u{301}\n\nthe end";
const TSV: &str = "spam\tyou have won é\nham\tsee you\r\n\nspam\t<eos> 世\n";
const CSV: &str = "day,temperature,\"wind, 世\"\n1,20.5,3\n2,-1e1,\"4\"\n\n3,0.5,\"é\n5\"\n";
const TREEBANK: &str = "# text = vámonos\n\
    1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_\n\
    1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_\n\
    2\tnos\t_\tPRON\t_\t_\t1\tobj\t_\t_\n\
    2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n\n\
    1\tSí\tsí\tINTJ\t_\t_\t0\troot\t_\t_\n\n";

/// What the formats are made of, and what is in none.
const PIECES: [&[u8]; 22] = [
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\"",
    b",",
    b"#",
    b"-",
    b".",
    b"0",
    b"1",
    b"99999999999999999999",
    b"_",
    b" ",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"NOUN",
    b"NaN",
    b"\xe4\xb8\x96",
    b"1e400",
];

/// Every third time random bytes, otherwise a few damages to a valid file.
fn damaged(valid: &str, rng: &mut impl Rng) -> Vec<u8> {
    if rng.random_range(0..3) == 0 {
        let len = rng.random_range(0..60);
        let any = |rng: &mut _| match RngExt::random_range(rng, 0..3) {
            0 => vec![RngExt::random_range(rng, 0..=255_u8)],
            _ => PIECES[RngExt::random_range(rng, 0..PIECES.len())].to_vec(),
        };
        return (0..len).flat_map(|_| any(rng)).collect();
    }
    let mut bytes = valid.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..4) {
        let (a, b) = (rng.random_range(0..=bytes.len()), rng.random_range(0..=bytes.len()));
        let (start, end) = (a.min(b), a.max(b));
        match rng.random_range(0..6) {
            0 => drop(bytes.drain(start..end.min(start + 3))),
            1 => {
                drop(bytes.splice(start..start, PIECES[rng.random_range(0..PIECES.len())].to_vec()))
            }
            2 => drop(bytes.splice(start..end.min(start + 1), [rng.random_range(0..=255_u8)])),
            3 => bytes.truncate(end),
            4 => drop(bytes.splice(start..start, bytes[start..end].to_vec())),
            _ => bytes.rotate_left(start),
        }
    }
    bytes
}

/// Asserts that an error names the file, and a line and column that it has.
#[track_caller]
fn check(error: &DataError, bytes: &[u8], columns_are_fields: bool) {
    let sentence = error.to_string();
    assert!(sentence.contains("data.txt") && !sentence.contains('\n') && !sentence.ends_with('.'));
    let Some(place) = sentence.strip_prefix("data.txt, line ") else {
        let whole = matches!(
            error,
            DataError::Empty { .. } | DataError::NoColumn { .. } | DataError::TwoColumns { .. }
        );
        assert!(whole, "without a place: {error:?}");
        return;
    };
    let (line, rest) = place.split_once(", column ").expect("a column");
    let (column, _) = rest.split_once(": ").expect("what is wrong");
    let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.split('\n').collect();
    assert!((1..=lines.len()).contains(&line), "{sentence}\nin {text:?}");
    if !columns_are_fields || matches!(error, DataError::NotUtf8 { .. }) {
        let longest = lines[line - 1].chars().count() + 1;
        assert!((1..=longest).contains(&column), "{sentence}\nin {text:?}");
    }
}

/// Reads damaged files, and asserts that many are refused and some are not.
#[track_caller]
fn fuzz<T>(valid: &str, csv: bool, read: impl Fn(Source<&[u8]>) -> Result<T, DataError>) {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..CASES {
        let bytes = damaged(valid, &mut rng(seed));
        match read(Source::new("data.txt", &bytes[..])) {
            Ok(_) => accepted += 1,
            Err(error) => {
                refused += 1;
                check(&error, &bytes, csv);
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(
        accepted > CASES / 100 && refused > CASES / 3,
        "{accepted} accepted, {refused} refused"
    );
    assert!(read(Source::new("data.txt", valid.as_bytes())).is_ok());
}

#[test]
fn ten_thousand_damaged_texts() {
    fuzz(TEXT, false, |source| source.text());
}

#[test]
fn ten_thousand_damaged_labelled_files() {
    fuzz(TSV, false, |source| labelled(source).collect::<Result<Vec<_>, _>>());
}

#[test]
fn ten_thousand_damaged_files_of_pairs() {
    fuzz(TSV, false, |source| pairs(source).collect::<Result<Vec<_>, _>>());
}

#[test]
fn ten_thousand_damaged_series() {
    fuzz(CSV, true, |source| Csv::default().read::<f32>(source, &["day", "temperature"]));
}

#[test]
fn ten_thousand_damaged_series_without_a_header() {
    let csv = Csv { header: false, delimiter: b'\t' };
    fuzz("1\t2\n3\t4\n5\t-6e1\n", true, |source| csv.read::<f64>(source, &[1, 0]));
}

#[test]
fn ten_thousand_damaged_treebanks() {
    fuzz(TREEBANK, false, |source| conllu(source).collect::<Result<Vec<_>, _>>());
}
