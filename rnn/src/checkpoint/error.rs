//! What can go wrong with a checkpoint.

use std::path::PathBuf;

use autograd::optim::StateError;

/// A checkpoint that cannot be written, read, or used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A tensor to be saved holds NaN or infinity.
    #[error(
        "a checkpoint cannot hold {value}, which is in {name:?}; training diverged, so lower the learning rate"
    )]
    SaveNotFinite {
        /// The tensor.
        name: String,
        /// The first such value in it.
        value: f64,
    },
    /// Two tensors of the same name.
    #[error("a checkpoint cannot hold two tensors with the name {name:?}; give each its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// Content that the format cannot hold.
    #[error("the checkpoint cannot be written as bytes: {reason}; save less in one file")]
    TooLarge {
        /// What the format's library says.
        reason: String,
    },
    /// A path that leads to a folder or a device.
    #[error(
        "cannot save {:?}: this is not the path of a file; give a file name",
        .path.display().to_string()
    )]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A file in a folder that does not exist.
    #[error(
        "cannot save {}: there is no folder {}; create it first",
        .path.display(), .folder.display()
    )]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A file in a folder that takes none.
    #[error(
        "cannot save {}: no file can be made in {}: {reason}; choose a folder that you may write to",
        .path.display(), .folder.display()
    )]
    Folder {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Writing failed half-way; nothing of it is left.
    #[error(
        "cannot save {}: {reason}; free some space or save elsewhere",
        .path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// There is no such file.
    #[error("cannot load {}: there is no such file; check the path", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file exists but the system does not give it out.
    #[error("cannot load {}: {reason}; give a file that you may read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Bytes are missing or changed, or it never was a checkpoint.
    #[error("the checkpoint {} is damaged: {what}; use another copy of it", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it shows.
        what: &'static str,
    },
    /// A tensor of numbers of another type than was asked for.
    #[error(
        "the checkpoint {} holds {name:?} as {dtype} and not as {wanted}; convert it, or use a model of its type",
        .path.display()
    )]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its dtype, as safetensors calls it.
        dtype: String,
        /// The one that was asked for.
        wanted: String,
    },
    /// A tensor with more axes than a [`Tensor`](autograd::Tensor) can have.
    #[error(
        "the checkpoint {} holds {name:?} with shape {shape:?}; at most 6 axes can be loaded",
        .path.display()
    )]
    Axes {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A tensor in the file holds NaN or infinity.
    #[error(
        "the checkpoint {} holds {value} in {name:?}; use one that was saved before training diverged",
        .path.display()
    )]
    LoadNotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The first such value in it.
        value: f64,
    },
    /// No metadata under a key.
    #[error(
        "the checkpoint {} has no metadata {key:?}; was it saved by this program?",
        .path.display()
    )]
    NoMetadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// Metadata that are not what is looked for under their key.
    #[error(
        "the checkpoint {} has {value:?} under {key:?}, which is not {wanted}; was it saved by this program?",
        .path.display()
    )]
    BadMetadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is there.
        value: String,
        /// The type that it should have been.
        wanted: &'static str,
    },
    /// An optimizer's state that this one cannot go on from.
    #[error("the checkpoint {} does not fit under {part:?}: {source}", .path.display())]
    Optimizer {
        /// The file.
        path: PathBuf,
        /// Where the state is.
        part: String,
        /// What differs.
        source: StateError,
    },
    /// Tensors of another model.
    #[error(
        "the checkpoint {} does not fit the model: {}; build the model that was saved",
        .path.display(), .differences.join(", ")
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// What is missing, unexpected, or of another shape, each with its name.
        differences: Vec<String>,
    },
}
