//! What can go wrong, each with the facts that were in hand when it did.

/// An operation that cannot be done with these shapes, axes or numbers.
///
/// Operators panic with this sentence, at the line of the caller; the `try_` twins return it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two shapes that do not broadcast to a common one.
    #[error(
        "{op}: cannot broadcast {lhs:?} with {rhs:?}; aligned from the right, two axes must be equal or one of them 1"
    )]
    Broadcast {
        /// The operation.
        op: &'static str,
        /// The left shape.
        lhs: Vec<usize>,
        /// The right shape.
        rhs: Vec<usize>,
    },
    /// Two matrices whose inner axes differ, or that are no matrices.
    #[error("matmul: cannot multiply {lhs:?} by {rhs:?}; {advice}")]
    MatMul {
        /// The left shape, as it is read (after its transpose flag).
        lhs: Vec<usize>,
        /// The right shape, as it is read.
        rhs: Vec<usize>,
        /// What to do.
        advice: &'static str,
    },
    /// A shape that does not hold as many elements as there are.
    #[error(
        "{op}: cannot view {from:?} as {to:?}; {} elements are not {}",
        .from.iter().product::<usize>(),
        .to.iter().product::<usize>()
    )]
    Reshape {
        /// The operation.
        op: &'static str,
        /// The shape there is.
        from: Vec<usize>,
        /// The shape that was asked for.
        to: Vec<usize>,
    },
    /// Data of another length than its shape says.
    #[error("tensor: {len} numbers do not fill the shape {shape:?}")]
    Length {
        /// How many numbers there were.
        len: usize,
        /// The shape that was asked for.
        shape: Vec<usize>,
    },
    /// A shape with too many axes, or with more elements than a computer can count.
    #[error(
        "{op}: the shape {shape:?} is too large; at most 6 axes, and their product must fit in usize"
    )]
    TooLarge {
        /// The operation.
        op: &'static str,
        /// The shape that was asked for.
        shape: Vec<usize>,
    },
    /// An axis that the shape does not have, or that is named twice.
    #[error("{op}: axis {axis} is not an axis of {shape:?}, or is given twice")]
    Axis {
        /// The operation.
        op: &'static str,
        /// The axis.
        axis: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A slice that reaches past the end of its axis.
    #[error("slice: {start}..{end} does not lie within axis {axis} of {shape:?}")]
    Slice {
        /// The axis.
        axis: usize,
        /// The first index.
        start: usize,
        /// One past the last index.
        end: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Shapes that differ where concatenation needs them equal.
    #[error("concat: {first:?} and {other:?} (number {position}) differ in more than axis {axis}")]
    Concat {
        /// The first shape.
        first: Vec<usize>,
        /// The one that does not fit.
        other: Vec<usize>,
        /// Its position.
        position: usize,
        /// The axis to concatenate along.
        axis: usize,
    },
    /// Nothing to concatenate.
    #[error("concat: there is nothing to concatenate; at least one tensor is needed")]
    ConcatNothing,
    /// An id that is not a row of the table, or a class that is not a column of the scores.
    #[error("{op}: id {id} at position {position} is outside 0..{size}")]
    Id {
        /// The operation.
        op: &'static str,
        /// The id.
        id: usize,
        /// Where in the list of ids it stands.
        position: usize,
        /// How many there are to choose from.
        size: usize,
    },
    /// A tensor with another number of axes than the operation is defined for.
    #[error("{op}: {shape:?} must have {rank}")]
    Rank {
        /// The operation.
        op: &'static str,
        /// The shape.
        shape: Vec<usize>,
        /// The axes it must have, in words.
        rank: &'static str,
    },
    /// An axis without elements, where the operation needs at least one.
    #[error("{op}: axis {axis} of {shape:?} is empty; the operation needs at least one element")]
    EmptyAxis {
        /// The operation.
        op: &'static str,
        /// The axis.
        axis: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// An input whose shape does not follow from the first one's as it must.
    #[error("{op}: {input} has the shape {shape:?}, and must have {wanted:?}")]
    InputShape {
        /// The operation.
        op: &'static str,
        /// The input, in words.
        input: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// The shape that it must have.
        wanted: Vec<usize>,
    },
    /// A number that sets how an operation works, outside of its range.
    #[error("{op}: the {name} is {value}, and must be {allowed}")]
    Setting {
        /// The operation.
        op: &'static str,
        /// What the number is.
        name: &'static str,
        /// The number.
        value: f64,
        /// What it must be, in words.
        allowed: &'static str,
    },
    /// Another number of targets than of rows of scores.
    #[error("cross_entropy: {targets} targets for {rows} rows of scores; give one target a row")]
    Targets {
        /// How many targets there are.
        targets: usize,
        /// How many rows.
        rows: usize,
    },
    /// Backward from something that is not one number.
    #[error(
        "backward: starts from one number, not from the shape {shape:?}; reduce it with `sum` or `mean`"
    )]
    NotScalar {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An op whose derivative contributes a tensor of another shape than its input has.
    #[error(
        "{op}: its vjp contributes the shape {found:?} to input {input} of shape {expected:?}; an input that was broadcast needs `sum_to`"
    )]
    Contribution {
        /// The operation.
        op: &'static str,
        /// The number of the input.
        input: usize,
        /// The input's shape.
        expected: Vec<usize>,
        /// The shape of the contribution.
        found: Vec<usize>,
    },
    /// Two variables that live on different tapes.
    #[error(
        "{op}: the variables are on two tapes; make both on one, or carry a value over with `tape.constant`"
    )]
    TwoTapes {
        /// The operation.
        op: &'static str,
    },
    /// A list of axes that does not name each axis once.
    #[error("permute: {axes:?} is not an order of the axes of {shape:?}; name each of them once")]
    Permute {
        /// The list.
        axes: Vec<usize>,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Sizes that are not those of the parts of an axis.
    #[error("split: the sizes {sizes:?} do not add up to the length of axis {axis} of {shape:?}")]
    Split {
        /// The axis.
        axis: usize,
        /// The sizes.
        sizes: Vec<usize>,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Too many or too few ids.
    #[error("{op}: {ids} ids do not fit axis {axis} of {shape:?}; {advice}")]
    IdCount {
        /// The operation.
        op: &'static str,
        /// How many ids there are.
        ids: usize,
        /// The axis.
        axis: usize,
        /// The shape.
        shape: Vec<usize>,
        /// What to do.
        advice: &'static str,
    },
    /// A window that cannot move over the input.
    #[error(
        "{op}: no place for a window of {kernel:?} on {shape:?} with stride {stride:?} and padding {padding:?}; {advice}"
    )]
    Window {
        /// The operation.
        op: &'static str,
        /// The lengths of the window.
        kernel: Vec<usize>,
        /// The shape of the input.
        shape: Vec<usize>,
        /// How far the window moves, along each axis.
        stride: Box<[usize]>,
        /// How many zeros stand at each end, along each axis.
        padding: Box<[usize]>,
        /// What to do.
        advice: &'static str,
    },
    /// An input and a weight with different numbers of channels.
    #[error(
        "{op}: the channels of the input {input:?} and of the weight {weight:?} differ; the second axes must be equal"
    )]
    Channels {
        /// The operation.
        op: &'static str,
        /// The shape of the input, [B, C, ..].
        input: Vec<usize>,
        /// The shape of the weight, [O, C, ..].
        weight: Vec<usize>,
    },
}

/// Unwraps, or panics with the error's sentence at the caller's line.
///
/// A function and not `unwrap`, so that the message is the sentence alone.
#[track_caller]
pub(crate) fn expect<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
