//! What can go wrong in decoding.

/// A choice that cannot be made, a setting that defines none, or a text that cannot be continued.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A temperature that defines no distribution.
    #[error(
        "the temperature {temperature} is not a finite number above 0; use about 0.5 to 1, or greedy decoding"
    )]
    Temperature {
        /// The temperature.
        temperature: f64,
    },
    /// A choice among no symbols.
    #[error("top-k with k = 0 leaves nothing to choose from; use 1 or more")]
    TopK,
    /// A probability that no set of symbols is defined by.
    #[error("top-p with p = {top_p} is outside of (0, 1]; use about 0.9, or 1 for no cut")]
    TopP {
        /// The probability.
        top_p: f64,
    },
    /// A beam of no hypotheses.
    #[error("a beam of width 0 holds no hypothesis; use 1 or more")]
    Width,
    /// More results than hypotheses, or none.
    #[error("{n_best} best of a beam of width {width}; ask for 1 to {width}, or widen the beam")]
    NBest {
        /// How many results were asked for.
        n_best: usize,
        /// The width of the beam.
        width: usize,
    },
    /// An exponent that is no length normalisation.
    #[error(
        "the length normalisation α = {alpha} is not a finite number of at least 0; use 0 for none, or about 0.6"
    )]
    Alpha {
        /// The exponent.
        alpha: f64,
    },
    /// An end symbol that is none of the model's symbols.
    #[error(
        "the end symbol {eos} is not one of the model's {vocab_size} symbols; use `None` if it has none"
    )]
    Eos {
        /// The id of the end symbol.
        eos: usize,
        /// The number of symbols.
        vocab_size: usize,
    },
    /// A prompt without a symbol.
    #[error(
        "the prompt of text {row} is empty; begin with at least one symbol, such as the start symbol"
    )]
    EmptyPrompt {
        /// The row of the text in its batch.
        row: usize,
    },
    /// A prompt with a symbol that is none of the model's.
    #[error(
        "id {id} at position {position} of the prompt of text {row} is not one of the model's {vocab_size} symbols"
    )]
    Prompt {
        /// The id.
        id: usize,
        /// Where it stands in the prompt.
        position: usize,
        /// The row of the text in its batch.
        row: usize,
        /// The number of symbols.
        vocab_size: usize,
    },
    /// No score that could be chosen.
    #[error("none of {scores} scores is above −∞; the model's output is not usable")]
    NoChoice {
        /// How many scores there were.
        scores: usize,
    },
    /// The model could not do a step.
    #[error(transparent)]
    Model(#[from] autograd::Error),
}
