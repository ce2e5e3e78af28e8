//! Parallel text streams: what truncated backpropagation through time reads.
//!
//! The text is cut into B pieces of equal length, one for each row of a batch, and every piece is
//! read from its start to its end, T predictions at a time:
//!
//! ```text
//! text       a b c d e f g h i j k l m        B = 2, T = 3: two windows a piece
//! piece 0    a b c│d e f│g                    the last character of a piece is a target only:
//! piece 1    g h i│j k l│m                    the next piece begins with it
//!
//! window 0   inputs  (a g) (b h) (c i)        targets  (b h) (c i) (d j)
//! window 1   inputs  (d j) (e k) (f l)        targets  (e k) (f l) (g m)
//! ```
//!
//! Row b of a window goes on where row b of the window before it ended, so that the state after one
//! window is the state before the next. After the last window everything starts anew, and the state
//! has to return to zero. Predictions that fill no whole window of all pieces, at most B·T − 1 at
//! the end of the text, are left out.
//!
//! Shapes: inputs and targets `[T·B]`, time-major: the rows of step t are `t * B..(t + 1) * B`.

/// A text in `batch` pieces, read side by side, over and over.
///
/// ```
/// use rnn::streams::Streams;
///
/// let mut streams = Streams::new((0..13).collect(), 2, 3)?;
/// let window = streams.next_window();
/// assert_eq!(window.inputs, [0, 6, 1, 7, 2, 8]);
/// assert_eq!(window.targets, [1, 7, 2, 8, 3, 9]);
/// assert!(window.fresh);
/// # Ok::<(), rnn::streams::StreamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Streams {
    ids: Vec<usize>,
    batch: usize,
    window: usize,
    windows: usize,
    next: usize,
}

/// T steps of all streams: what goes in, and what should come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The characters, `[T·B]`, time-major.
    pub inputs: Vec<usize>,
    /// After each input, the character that follows it in the text.
    pub targets: Vec<usize>,
    /// Whether the pieces begin here, so that carried state must be reset to zero.
    pub fresh: bool,
}

impl Streams {
    /// The text `ids` in `batch` streams, to be read `window` predictions at a time.
    ///
    /// # Errors
    ///
    /// If `batch` or `window` is 0, or if the text is too short for one window of every stream.
    pub fn new(ids: Vec<usize>, batch: usize, window: usize) -> Result<Self, StreamError> {
        if batch == 0 {
            return Err(StreamError::NoStreams);
        }
        if window == 0 {
            return Err(StreamError::NoSteps);
        }
        let predictions = ids.len().saturating_sub(1);
        let longest = predictions / batch;
        let windows = longest / window;
        match (predictions, windows) {
            (0, _) => Err(StreamError::NothingFollows { characters: ids.len() }),
            (_, 0) if longest == 0 => {
                Err(StreamError::TooManyStreams { characters: ids.len(), batch, most: predictions })
            }
            (_, 0) => Err(StreamError::TooShort { characters: ids.len(), batch, window, longest }),
            _ => Ok(Self { ids, batch, window, windows, next: 0 }),
        }
    }

    /// The number of windows from the start of the pieces to their end:
    /// ⌊⌊(characters − 1) / B⌋ / T⌋, at least 1.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// The next window; after the last of the pieces, the first again.
    pub fn next_window(&mut self) -> Window {
        let piece = self.windows * self.window;
        let start = self.next * self.window;
        let fresh = self.next == 0;
        self.next = (self.next + 1) % self.windows;

        let read = |ahead: usize| {
            let mut rows = Vec::with_capacity(self.window * self.batch);
            for t in start..start + self.window {
                rows.extend((0..self.batch).map(|b| self.ids[b * piece + t + ahead]));
            }
            rows
        };
        Window { inputs: read(0), targets: read(1), fresh }
    }
}

/// The first `fraction` of a text, rounded down to whole characters, and the rest of it: to train
/// with, and to validate with.
///
/// ```
/// let (train, validation) = rnn::streams::split_at_fraction(&[5, 6, 7, 8, 9], 0.9);
/// assert_eq!((train, validation), (&[5, 6, 7, 8][..], &[9][..]));
/// ```
///
/// # Panics
///
/// If `fraction` is not from 0 to 1.
#[track_caller]
pub fn split_at_fraction(ids: &[usize], fraction: f64) -> (&[usize], &[usize]) {
    assert!(
        (0.0..=1.0).contains(&fraction),
        "split_at_fraction: {fraction} is not a fraction from 0 to 1"
    );
    ids.split_at((ids.len() as f64 * fraction) as usize)
}

/// A text that cannot be read in so many streams and steps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No streams.
    #[error("the batch of streams is 0; use at least 1")]
    NoStreams,
    /// No steps.
    #[error("the window is 0 steps long; use at least 1")]
    NoSteps,
    /// No character that follows another.
    #[error(
        "the text has length {characters}; nothing can be predicted with fewer than 2 characters"
    )]
    NothingFollows {
        /// The length of the text.
        characters: usize,
    },
    /// Streams without a single prediction.
    #[error(
        "the text is too short: its {characters} characters do not give each of {batch} streams one prediction; use at most {most} streams or a longer text"
    )]
    TooManyStreams {
        /// The length of the text.
        characters: usize,
        /// The number of streams.
        batch: usize,
        /// The largest number of streams for which a window of 1 fits.
        most: usize,
    },
    /// Streams without a whole window.
    #[error(
        "the text is too short: its {characters} characters do not fill a window of {window} steps in each of {batch} streams; use a window of at most {longest}, fewer streams, or a longer text"
    )]
    TooShort {
        /// The length of the text.
        characters: usize,
        /// The number of streams.
        batch: usize,
        /// The number of steps of a window.
        window: usize,
        /// The longest window that fits with so many streams.
        longest: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in which each character is its own position.
    fn positions(len: usize, batch: usize, window: usize) -> Result<Streams, StreamError> {
        Streams::new((0..len).collect(), batch, window)
    }

    #[test]
    fn each_stream_reads_its_piece_without_a_gap() {
        for (len, batch, window) in
            [(13, 2, 3), (100, 7, 4), (101, 1, 100), (50, 49, 1), (64, 3, 5)]
        {
            let mut streams = positions(len, batch, window).unwrap();
            let pass: Vec<Window> = (0..streams.windows()).map(|_| streams.next_window()).collect();
            let piece = streams.windows() * window;
            for b in 0..batch {
                let row = |ids: fn(&Window) -> &[usize]| -> Vec<usize> {
                    pass.iter()
                        .flat_map(|w| ids(w).iter().skip(b).step_by(batch).copied())
                        .collect()
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
}
