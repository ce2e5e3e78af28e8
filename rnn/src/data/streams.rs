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
/// use rnn::data::Streams;
///
/// let mut streams = Streams::new((0..13).collect(), 2, 3)?;
/// let window = streams.next_window();
/// assert_eq!(window.inputs, [0, 6, 1, 7, 2, 8]);
/// assert_eq!(window.targets, [1, 7, 2, 8, 3, 9]);
/// assert!(window.fresh);
/// # Ok::<(), rnn::data::StreamError>(())
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
/// let (train, validation) = rnn::data::split_at_fraction(&[5, 6, 7, 8, 9], 0.9);
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
