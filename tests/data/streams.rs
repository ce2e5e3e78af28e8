//! Parallel streams of one text.

use rnn::data::{StreamError, Streams, Window, split_at_fraction};

/// A text in which each character is its own position.
fn positions(len: usize, batch: usize, window: usize) -> Result<Streams, StreamError> {
    Streams::new((0..len).collect(), batch, window)
}

#[test]
fn each_stream_reads_its_piece_without_a_gap() {
    for (len, batch, window) in [(13, 2, 3), (100, 7, 4), (101, 1, 100), (50, 49, 1), (64, 3, 5)] {
        let mut streams = positions(len, batch, window).unwrap();
        let pass: Vec<Window> = (0..streams.windows()).map(|_| streams.next_window()).collect();
        let piece = streams.windows() * window;
        for b in 0..batch {
            let row = |ids: fn(&Window) -> &[usize]| -> Vec<usize> {
                pass.iter().flat_map(|w| ids(w).iter().skip(b).step_by(batch).copied()).collect()
            };
            let (start, end) = (b * piece, (b + 1) * piece);
            assert_eq!(row(|w| &w.inputs), (start..end).collect::<Vec<_>>());
            assert_eq!(row(|w| &w.targets), (start + 1..=end).collect::<Vec<_>>());
        }
    }
}

#[test]
fn less_than_one_window_of_all_streams_is_left_out() {
    for len in 13..200 {
        let streams = positions(len, 3, 4).unwrap();
        let left_out = len - 1 - streams.windows() * 3 * 4;
        assert!(left_out < 3 * 4, "{left_out} of {len}");
    }
}

#[test]
fn only_the_first_window_of_each_pass_is_fresh() {
    let mut streams = positions(20, 2, 3).unwrap();
    assert_eq!(streams.windows(), 3);
    let fresh: Vec<bool> = (0..7).map(|_| streams.next_window().fresh).collect();
    assert_eq!(fresh, [true, false, false, true, false, false, true]);
}

#[test]
fn every_pass_reads_the_same_windows() {
    let mut streams = positions(31, 2, 5).unwrap();
    let mut pass = || (0..3).map(|_| streams.next_window()).collect::<Vec<_>>();
    assert_eq!(pass(), pass());
}

#[test]
fn a_text_that_fits_exactly_is_enough() {
    assert_eq!(positions(1 + 4 * 8, 4, 8).unwrap().windows(), 1);
}

#[test]
fn a_text_one_character_too_short_is_refused_with_the_longest_window() {
    let error = positions(4 * 8, 4, 8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text is too short: its 32 characters do not fill a window of 8 steps in each of 4 streams; use a window of at most 7, fewer streams, or a longer text"
    );
    assert!(positions(4 * 8, 4, 7).is_ok());
}

#[test]
fn too_many_streams_are_refused_with_the_number_that_fits() {
    let error = positions(5, 8, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text is too short: its 5 characters do not give each of 8 streams one prediction; use at most 4 streams or a longer text"
    );
    assert!(positions(5, 4, 1).is_ok());
}

#[test]
fn a_text_without_two_characters_is_refused() {
    for characters in [0, 1] {
        let error = positions(characters, 1, 1).unwrap_err();
        assert_eq!(error, StreamError::NothingFollows { characters });
    }
}

#[test]
fn no_streams_and_no_steps_are_refused() {
    assert_eq!(positions(10, 0, 1).unwrap_err(), StreamError::NoStreams);
    assert_eq!(positions(10, 1, 0).unwrap_err(), StreamError::NoSteps);
}

#[test]
fn the_largest_numbers_are_refused_without_overflow() {
    assert!(positions(10, usize::MAX, usize::MAX).is_err());
    assert!(positions(10, 1, usize::MAX).is_err());
}

#[test]
fn a_split_keeps_every_character_in_order() {
    let ids: Vec<usize> = (0..1001).collect();
    for (fraction, cut) in [(0.0, 0), (0.9, 900), (0.5, 500), (1.0, 1001)] {
        let (train, validation) = split_at_fraction(&ids, fraction);
        assert_eq!(train.len(), cut);
        assert_eq!([train, validation].concat(), ids);
    }
}

#[test]
#[should_panic(expected = "1.5 is not a fraction from 0 to 1")]
fn a_fraction_above_one_panics_with_a_sentence() {
    split_at_fraction(&[1, 2], 1.5);
}
