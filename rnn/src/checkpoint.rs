//! Parameters, and all that training needs beside them, in safetensors files with PyTorch's names.
//!
//! ```text
//! 8 bytes    n, the length of the header, little-endian
//! n bytes    JSON: of each tensor name, dtype, shape and place in the data; under "__metadata__"
//!            a map from text to text
//! the rest   the numbers of all tensors, little-endian
//! ```
//!
//! A [`Checkpoint`] of a model holds exactly the model's tensors, so that PyTorch's `load_state_dict` takes what
//! safetensors' `load_file` reads. To go on with training, more is kept beside them, each under a name of the
//! caller's choice: the optimizer ([`Checkpoint::insert_optimizer`]), the carried state of the network
//! ([`Checkpoint::insert_params`]), the generator ([`Checkpoint::insert_rng`]), and the step and the options of the
//! run ([`Checkpoint::insert`]).
//!
//! Metadata say who wrote a file, and hold the CRC-32 of all its bytes (with `00000000` in the place of the sum). A
//! file whose sum does not match is refused. CRC-32 detects every change of up to 32 bits in a row, and all
//! but one in 2³² of other changes. A file that was written elsewhere, by PyTorch for example, has no such
//! sum and is accepted without.
//!
//! A file appears under its name only when it is whole and on the disk, by a rename: whatever ends
//! the program while it saves, the name leads to the old file or to the new one. The same content
//! always gives the same bytes.
//!
//! Numbers are `f32` or `f64`, one type in a file, and finite; they are never converted.
//!
//! All that loading a file allocates, even what is freed again at once, is at most twice the file, 128 KiB, and 2 KiB for each
//! tensor: its name, shape and place, as the format's library reads them. Measured: 1.008 times the file for 12 MB in 24
//! tensors, a model with its optimizer, and 10 times for 1,000 tensors of 25 numbers, where the numbers weigh
//! least. What a file says of itself, but does not hold, allocates nothing.

mod number;
mod bytes;
mod training;
#[cfg(feature = "files")]
mod files;
mod error;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use autograd::{Family, Params, Tensor, params};

pub use error::CheckpointError;
#[cfg(feature = "files")]
pub use files::check_writable;
pub use number::Number;

/// Tensors by name, and metadata.
///
/// What is left when the parts of the training were taken out must be exactly the model:
///
/// ```
/// use autograd::optim::{Adam, Optimizer};
/// use autograd::{Params, Tensor};
/// use rnn::checkpoint::Checkpoint;
///
/// let mut model = [Tensor::from([1.0_f32, 2.0])];
/// let mut adam = Adam::new(0.1);
/// adam.step(&mut model, &[Tensor::from([0.5, -0.5])])?;
///
/// let mut checkpoint = Checkpoint::of(&model)?;
/// checkpoint.insert_optimizer("optimizer", &adam, &model)?;
/// checkpoint.insert("step", 1);
/// let bytes = checkpoint.to_bytes()?;
///
/// let mut checkpoint = Checkpoint::from_bytes("saved", &bytes)?;
/// let template = model.zeros_like();
/// let mut adam = Adam::new(0.1);
/// checkpoint.take_optimizer("optimizer", &mut adam, &template)?;
/// assert_eq!(checkpoint.parse::<usize>("step")?, 1);
/// assert_eq!(checkpoint.into_params(&template)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<E: Number = f32> {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor<E>>,
    metadata: BTreeMap<String, String>,
}

impl<E: Number> Default for Checkpoint<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Number> Checkpoint<E> {
    /// Without anything in it.
    pub fn new() -> Self {
        let path = PathBuf::from("in memory");
        Self { path, tensors: BTreeMap::new(), metadata: BTreeMap::new() }
    }

    /// With the parameters of a model under their own names.
    ///
    /// # Errors
    ///
    /// If a parameter is not finite, or if two have one name.
    pub fn of<P: Params<Leaf = Tensor<E>>>(params: &P) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::new();
        checkpoint.insert_params("", params)?;
        Ok(checkpoint)
    }

    /// Inserts parameters, or the state of a cell, as the part of this name: each tensor is named
    /// `part.its_own_name`, or without a prefix if the part has no name.
    ///
    /// # Errors
    ///
    /// If a tensor is not finite, or a tensor of its name is there already.
    pub fn insert_params<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        part: &str,
        params: &P,
    ) -> Result<(), CheckpointError> {
        let mut tensors = Vec::new();
        params.map_named(&place(part), &mut |name, tensor| tensors.push((name, tensor.clone())));
        tensors.into_iter().try_for_each(|(name, tensor)| self.insert_tensor(name, tensor))
    }

    /// Inserts one tensor.
    ///
    /// # Errors
    ///
    /// If it is not finite, or if a tensor of its name is there already.
    pub fn insert_tensor(
        &mut self,
        name: impl Into<String>,
        tensor: Tensor<E>,
    ) -> Result<(), CheckpointError> {
        let name = name.into();
        if let Some(value) = tensor.data().iter().find(|x| !x.is_finite()) {
            return Err(CheckpointError::SaveNotFinite { name, value: value.value() });
        }
        if self.tensors.contains_key(&name) {
            return Err(CheckpointError::SameName { name });
        }
        self.tensors.insert(name, tensor);
        Ok(())
    }

    /// Takes out one tensor, if it is there.
    pub fn take_tensor(&mut self, name: &str) -> Option<Tensor<E>> {
        self.tensors.remove(name)
    }

    /// Inserts metadata in the place of what was there under `key`. A number can be read back exactly.
    ///
    /// # Panics
    ///
    /// If the key is `writer` or `crc32`: those are written by [`Checkpoint::to_bytes`].
    #[track_caller]
    pub fn insert(&mut self, key: &str, value: impl Display) {
        assert!(
            ![bytes::WRITER, bytes::SUM].contains(&key),
            "insert: the metadata key {key:?} is reserved; use another"
        );
        self.metadata.insert(key.to_owned(), value.to_string());
    }

    /// The text under `key`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn metadata(&self, key: &str) -> Result<&str, CheckpointError> {
        match self.metadata.get(key) {
            Some(value) => Ok(value),
            None => {
                Err(CheckpointError::NoMetadata { path: self.path.clone(), key: key.to_owned() })
            }
        }
    }

    /// The number, or whatever else, under `key`.
    ///
    /// # Errors
    ///
    /// If there is none, or something else.
    pub fn parse<T: FromStr>(&self, key: &str) -> Result<T, CheckpointError> {
        let value = self.metadata(key)?;
        value.parse().map_err(|_| {
            let (path, key, value) = (self.path.clone(), key.to_owned(), value.to_owned());
            CheckpointError::BadMetadata { path, key, value, wanted: std::any::type_name::<T>() }
        })
    }

    /// All tensors, by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor<E>> {
        &self.tensors
    }

    /// Takes out all tensors of a part, with their full names; all that are left if the part has no name.
    pub fn take_tensors(&mut self, part: &str) -> BTreeMap<String, Tensor<E>> {
        let prefix = place(part).name("");
        let all = std::mem::take(&mut self.tensors).into_iter();
        let (taken, left) = all.partition(|(name, _)| name.starts_with(&prefix));
        self.tensors = left;
        taken
    }

    /// Takes out a part that was inserted as parameters, with the names and shapes of `template`, whose
    /// values do not matter.
    ///
    /// # Errors
    ///
    /// Lists every tensor of the part that is missing, unexpected, or of another shape.
    pub fn take_params<P>(&mut self, part: &str, template: &P) -> Result<P, CheckpointError>
    where
        P: Params<Leaf = Tensor<E>>,
        P::Family: Family<Of<Tensor<E>> = P>,
    {
        let tensors = self.take_tensors(part);
        params::from_named(template, &place(part), tensors).map_err(|differences| {
            CheckpointError::Differs { path: self.path.clone(), differences }
        })
    }

    /// The parameters of a model with the names and shapes of `template`, whose values do not
    /// matter, out of a checkpoint in which nothing else is left.
    ///
    /// # Errors
    ///
    /// Lists every tensor that is missing, unexpected, or of another shape.
    pub fn into_params<P>(mut self, template: &P) -> Result<P, CheckpointError>
    where
        P: Params<Leaf = Tensor<E>>,
        P::Family: Family<Of<Tensor<E>> = P>,
    {
        self.take_params("", template)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// If names, shapes and metadata take more than 100 MB.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        bytes::write(&self.tensors, &self.metadata)
            .map_err(|error| CheckpointError::TooLarge { reason: error.to_string() })
    }

    /// What these bytes of a file hold. Errors call it `name`.
    ///
    /// # Errors
    ///
    /// If they are damaged, or if a tensor in them is of another type than `E` or not finite.
    pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Self, CheckpointError> {
        bytes::read(name.as_ref(), &mut &*bytes, bytes.len() as u64)
    }
}

/// The path of a part's tensors.
fn place(part: &str) -> params::Path {
    let root = params::Path::default();
    if part.is_empty() { root } else { root.inside(part) }
}
