//! Why a stack cannot be made, or cannot run, each reason with the facts that were in hand.

/// Why a stack cannot be made, or cannot run on what it was given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// No layers.
    #[error("stack: there are 0 layers; at least one is needed")]
    NoLayers,
    /// A probability outside of [0, 1).
    #[error("stack: the probability of {name} is {p}, and must be in [0, 1)")]
    Probability {
        /// Of what.
        name: &'static str,
        /// The number.
        p: f64,
    },
    /// Inputs with another number of features than the first layer reads.
    #[error("stack: an input has {found} features, and the first layer reads {wanted}")]
    Features {
        /// The features of the inputs.
        found: usize,
        /// Those of the parameters.
        wanted: usize,
    },
    /// Another number of states than of layers and directions.
    #[error(
        "stack: {found} states for {layers} layers of {directions} directions; give one for each"
    )]
    StateCount {
        /// How many states there are.
        found: usize,
        /// The number of layers.
        layers: usize,
        /// The number of directions.
        directions: usize,
    },
    /// A state of another shape than the batch and the units say.
    #[error("stack: `{name}` of state {index} has the shape {found:?}, and must have {wanted:?}")]
    StateShape {
        /// The name of the tensor in the state.
        name: String,
        /// The number of the state.
        index: usize,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that it must have.
        wanted: Vec<usize>,
    },
    /// Noise that was drawn for another stack, or for other sizes.
    #[error(
        "stack: the noise is for {found:?}, and the pass has {wanted:?} (layers and directions, steps, rows); \
         draw it for the sequence with `noise`"
    )]
    Noise {
        /// Layers times directions, steps and rows that it was drawn for.
        found: [usize; 3],
        /// Those of the pass.
        wanted: [usize; 3],
    },
}
