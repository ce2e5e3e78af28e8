//! Text, labelled lines, pairs and treebanks.

use std::io::{self, BufReader, Read};

use super::{at, refused, source};
use rnn::data::conllu::{Multiword, Sentence};
use rnn::data::{DataError, Labelled, Pair, Source, conllu, labelled, pairs, read_text};

/// A file with these bytes, and the folder that holds it.
fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.txt");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn all_labelled(text: &[u8]) -> Result<Vec<Labelled>, DataError> {
    labelled(source(text)).collect()
}

fn treebank(text: &str) -> Result<Vec<Sentence>, DataError> {
    conllu(source(text)).collect()
}

/// A treebank of these lines, in which blanks stand for tabs and fields that are not given for `_`.
fn lines(lines: &[&str]) -> String {
    let line = |line: &&str| match line.is_empty() || line.starts_with('#') {
        true => format!("{line}\n"),
        false => {
            let mut fields: Vec<&str> = line.split(' ').collect();
            fields.resize(fields.len().max(10), "_");
            format!("{}\n", fields.join("\t"))
        }
    };
    lines.iter().map(line).collect()
}

#[test]
fn a_text_is_read_without_any_change() {
    let text = "\u{feff}one\r\ntwo\re\u{301}\n\n\u{2028}end";
    let (_folder, path) = file(text.as_bytes());
    assert_eq!(read_text(path).unwrap(), text);
    assert_eq!(source(text).text().unwrap(), text);
}

#[test]
fn a_missing_file_is_named() {
    refused(
        read_text("no/such/file.txt"),
        DataError::Missing { path: "no/such/file.txt".into() },
        "cannot read no/such/file.txt: there is no such file; check the path",
    );
}

#[test]
fn a_folder_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_text(folder.path()).unwrap_err();
    assert!(matches!(error, DataError::Unreadable { .. }), "{error}");
}

#[test]
fn a_reader_that_fails_in_the_middle_is_named_with_its_reason() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let reader = BufReader::new("a\tb\n".as_bytes().chain(Fails));
    let mut read = labelled(Source::new("data.txt", reader));
    assert!(read.next().unwrap().is_ok());
    refused(
        read.next().unwrap(),
        DataError::Unreadable { file: "data.txt".into(), reason: "the disk is gone".into() },
        "cannot read data.txt: the disk is gone; give a file that you may read",
    );
    assert!(read.next().is_none(), "nothing after an error");
}

#[test]
fn every_loader_says_what_an_empty_source_has_none_of() {
    let empty = |what| DataError::Empty { file: "data.txt".into(), what };
    refused(
        source("").text(),
        empty("text"),
        "data.txt is empty: there is no text in it; give a file with at least one",
    );
    for nothing in ["", "\n\r\n", "\u{feff}\n"] {
        assert_eq!(all_labelled(nothing.as_bytes()), Err(empty("labelled line")));
        let none = pairs(source(nothing)).collect::<Result<Vec<_>, _>>();
        assert_eq!(none, Err(empty("pair of texts")));
        assert_eq!(treebank(nothing), Err(empty("sentence")));
    }
}

#[test]
fn the_first_byte_that_is_not_utf_8_is_found_by_line_column_and_offset() {
    let bytes = b"one\ntwo\n\xc3\xa9\xc3\xa9 \xffthree\n\xff";
    refused(
        source(bytes).text(),
        DataError::NotUtf8 { at: at(3, 4), offset: 13, byte: 0xff },
        "data.txt, line 3, column 4: the byte 0xff at offset 13 is not UTF-8; convert the file to UTF-8",
    );
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let error = DataError::NotUtf8 { at: at(1, 2), offset: 4, byte: 0xff };
    assert_eq!(source(b"\xef\xbb\xbfa\xff").text(), Err(error));
    let error = all_labelled("\u{feff}ab\n".as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("data.txt, line 1, column 3: "), "{error}");
}

#[test]
fn a_character_cut_off_by_the_end_of_the_file_is_not_utf_8() {
    let error = DataError::NotUtf8 { at: at(1, 3), offset: 2, byte: 0xe4 };
    assert_eq!(source(b"ab\xe4\xb8").text(), Err(error));
}

#[test]
fn every_loader_of_lines_finds_bytes_that_are_not_utf_8() {
    let error = DataError::NotUtf8 { at: at(2, 3), offset: 6, byte: 0xfe };
    assert_eq!(all_labelled(b"a\tb\nc\t\xfe"), Err(error));
}

#[test]
fn labelled_lines_keep_their_blanks_and_lose_their_ends() {
    let read = all_labelled("\u{feff}spam\t you  won \r\n\n\nham\tsee you".as_bytes()).unwrap();
    let line = |label: &str, text: &str| Labelled { label: label.into(), text: text.into() };
    assert_eq!(read, [line("spam", " you  won "), line("ham", "see you")]);
}

#[test]
fn pairs_are_source_and_target() {
    let read: Vec<Pair> = pairs(source("one\tuno\n")).map(Result::unwrap).collect();
    assert_eq!(read, [Pair { source: "one".into(), target: "uno".into() }]);
}

#[test]
fn what_was_written_as_labelled_lines_is_read_back() {
    let lines: Vec<Labelled> = (0..50)
        .map(|i| Labelled { label: format!("l{}", i % 3), text: format!("text {i} é 世") })
        .collect();
    let text: String =
        lines.iter().map(|line| format!("{}\t{}\n", line.label, line.text)).collect();
    assert_eq!(all_labelled(text.as_bytes()).unwrap(), lines);
}

#[test]
fn a_line_without_a_tab_is_named_where_it_ends() {
    refused(
        all_labelled("a\tb\nspäm\n".as_bytes()),
        DataError::Fields { at: at(2, 5), found: 1, expected: 2, layout: "label, tab, text" },
        "data.txt, line 2, column 5: expected 2 fields and found 1; write label, tab, text",
    );
}

#[test]
fn a_second_tab_is_named_where_the_third_field_begins() {
    refused(
        all_labelled("é\tb\tc\td".as_bytes()),
        DataError::Fields { at: at(1, 5), found: 4, expected: 2, layout: "label, tab, text" },
        "data.txt, line 1, column 5: expected 2 fields and found 4; write label, tab, text",
    );
}

#[test]
fn an_empty_label_or_text_is_named() {
    let layout = "label, tab, text";
    refused(
        all_labelled(b"\n\ttext"),
        DataError::EmptyField { at: at(2, 1), field: "label", layout },
        "data.txt, line 2, column 1: the label is empty; write label, tab, text",
    );
    let error = DataError::EmptyField { at: at(1, 3), field: "text", layout };
    assert_eq!(all_labelled(b"a\t\n"), Err(error));
}

#[test]
fn a_treebank_is_read_with_its_comments_multiword_tokens_and_empty_nodes() {
    let text = lines(&[
        "# sent_id = 1",
        "# text = vámonos al mar",
        "0.1 nadie",
        "1-2 vámonos",
        "1 vamos ir VERB",
        "2 nos nosotros PRON",
        "3-4 al",
        "3 a a ADP",
        "4 el el DET",
        "5 mar mar NOUN",
        "5.1 x",
        "5.2 y",
        "",
        "",
        "1 ¡ ¡ PUNCT",
    ]);
    let read = treebank(&text).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].comments, ["# sent_id = 1", "# text = vámonos al mar"]);
    let words: Vec<(&str, &str)> = read[0].words.iter().map(|w| (&*w.form, &*w.upos)).collect();
    assert_eq!(
        words,
        [("vamos", "VERB"), ("nos", "PRON"), ("a", "ADP"), ("el", "DET"), ("mar", "NOUN")]
    );
    assert_eq!(
        read[0].multiword,
        [
            Multiword { form: "vámonos".into(), words: 0..2 },
            Multiword { form: "al".into(), words: 2..4 }
        ]
    );
    assert_eq!(read[0].tokens(), ["vámonos", "al", "mar"]);
    assert_eq!(read[1].tokens(), ["¡"]);
    assert_eq!(treebank(&text.replace('\n', "\r\n")).unwrap(), read);
}

#[test]
fn a_treebank_line_with_nine_or_eleven_fields_is_named() {
    let layout = "the ten fields of CoNLL-U with tabs between them, and _ for nothing";
    refused(
        treebank("1\té\t_\t_\t_\t_\t_\t_\t_\n"),
        DataError::Fields { at: at(1, 18), found: 9, expected: 10, layout },
        "data.txt, line 1, column 18: expected 10 fields and found 9; \
         write the ten fields of CoNLL-U with tabs between them, and _ for nothing",
    );
    let error = DataError::Fields { at: at(1, 21), found: 11, expected: 10, layout };
    assert_eq!(treebank(&lines(&["1 a _ _ _ _ _ _ _ _ _"])), Err(error));
}

#[test]
fn an_empty_treebank_field_is_named() {
    let error = treebank(&lines(&["# c", "1 a b NOUN  _"])).unwrap_err();
    assert!(
        error.to_string().starts_with("data.txt, line 2, column 12: the XPOS is empty"),
        "{error}"
    );
}

#[test]
fn a_number_that_no_node_has_is_named() {
    for id in ["x", "-1", "1-", ".1", "+1", "1.2.3", "99999999999999999999", "1 "] {
        let id = id.trim();
        refused(
            treebank(&lines(&[&format!("{id} a")])),
            DataError::NodeId { at: at(1, 1), id: id.into() },
            &format!(
                "data.txt, line 1, column 1: {id:?} is neither a word (3), nor a range of words (3-4), \
                 nor an empty node (3.1)"
            ),
        );
        if id == "99999999999999999999" {
            break; // and what follows it is a word
        }
    }
}

#[test]
fn nodes_out_of_order_are_named_with_the_number_that_comes_next() {
    for (wrong, line, next) in [
        (&["1 a", "3 b"][..], 2, 2),
        (&["0 a"], 1, 1),
        (&["1 a", "1 b"], 2, 2),
        (&["1 a", "1-2 b"], 2, 2),
        (&["2-1 a"], 1, 1),
        (&["1-2 a", "1 a", "2-3 b"], 3, 2),
        (&["1 a", "0.1 b"], 2, 2),
        (&["1 a", "1.2 b"], 2, 2),
        (&["1 a", "1.1 b", "1.1 c"], 3, 2),
    ] {
        let id = wrong[line - 1].split(' ').next().unwrap();
        refused(
            treebank(&lines(wrong)),
            DataError::NodeOrder { at: at(line, 1), id: id.into(), next },
            &format!(
                "data.txt, line {line}, column 1: {id} cannot stand here; the next word is number {next}"
            ),
        );
    }
}

#[test]
fn a_range_beyond_the_end_of_its_sentence_is_named() {
    refused(
        treebank(&lines(&["1-3 abc", "1 a", "2 b", "", "1 c"])),
        DataError::Range { at: at(1, 1), id: "1-3".into(), words: 2 },
        "data.txt, line 1, column 1: the words 1-3 are not all in the sentence, which has 2",
    );
}

#[test]
fn a_part_of_speech_that_does_not_exist_is_named_with_those_that_do() {
    let error = treebank(&lines(&["1 a é NUON"])).unwrap_err();
    assert_eq!(error, DataError::Upos { at: at(1, 7), upos: "NUON".into() });
    let sentence = error.to_string();
    assert!(sentence.starts_with("data.txt, line 1, column 7: \"NUON\" is none of"), "{sentence}");
    assert!(sentence.contains("ADJ ADP") && sentence.contains("VERB X;"), "{sentence}");
}

#[test]
fn a_comment_inside_a_sentence_is_named() {
    refused(
        treebank(&lines(&["1 a", "# no"])),
        DataError::CommentInside { at: at(2, 1) },
        "data.txt, line 2, column 1: a comment stands inside a sentence; put it before the first word",
    );
}

#[test]
fn a_sentence_without_words_is_named_where_it_ends() {
    let sentence = |line| {
        format!(
            "data.txt, line {line}, column 1: a sentence ends without a word; \
             add its words, or leave its comments out"
        )
    };
    refused(treebank("# only\n# comments\n\n"), DataError::NoWords { at: at(3, 1) }, &sentence(3));
    refused(treebank(&lines(&["0.1 a"])), DataError::NoWords { at: at(1, 1) }, &sentence(1));
}
