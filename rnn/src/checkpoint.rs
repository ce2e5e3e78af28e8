//! Parameters on disk, as safetensors files with PyTorch's names.
//!
//! ```text
//! 8 bytes    n, the length of the header, little-endian
//! n bytes    JSON: of each tensor name, dtype, shape and place in the data; under "__metadata__"
//!            a map from text to text
//! the rest   the numbers of all tensors, little-endian
//! ```
//!
//! [`save`] puts into the metadata, beside what the caller gives, who wrote the file and a CRC-32
//! of all that matters in it: the metadata and every tensor's name, dtype, shape and bytes.
//! [`Checkpoint::load`] refuses a file whose sum does not match. CRC-32 detects every change of up
//! to 32 bits in a row, and all but one in 2³² of other changes. A file that was written elsewhere,
//! by PyTorch for example, has no such sum and is accepted without.
//!
//! A file appears under its name only when it is whole and on the disk, by a rename: whatever ends
//! the program while it saves, the name leads to the old file or to the new one. The same content
//! always gives the same bytes.
//!
//! Only `f32` tensors are read, and only finite numbers are written or read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use autograd::{Family, Params, Tensor, params};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;
use tempfile::NamedTempFile;

/// The metadata key of the program that wrote the file.
const WRITER: &str = "writer";
/// Its value for this one: such a file must have a sum.
const THIS_WRITER: &str = "rnn";
/// The metadata key of the sum, 8 hexadecimal digits.
const SUM: &str = "crc32";

/// Writes the parameters and the metadata to the file `path`, replacing what was there.
///
/// # Errors
///
/// If a parameter is not finite, if two have one name, if the metadata uses the keys `writer` or
/// `crc32`, or if the file cannot be written. The file at `path` is then as it was before.
pub fn save<P: Params<Leaf = Tensor<f32>>>(
    path: &Path,
    params: &P,
    metadata: &BTreeMap<String, String>,
) -> Result<(), CheckpointError> {
    let mut tensors = BTreeMap::new();
    for (name, tensor) in params.names().into_iter().zip(params.leaves()) {
        if let Some(&value) = tensor.data().iter().find(|x| !x.is_finite()) {
            return Err(CheckpointError::SaveNotFinite { path: path.to_owned(), name, value });
        }
        if let Some((name, _)) = tensors.remove_entry(&name) {
            return Err(CheckpointError::SameName { path: path.to_owned(), name });
        }
        tensors.insert(name, tensor);
    }
    if let Some(key) = [WRITER, SUM].into_iter().find(|&key| metadata.contains_key(key)) {
        return Err(CheckpointError::ReservedKey { path: path.to_owned(), key });
    }

    let bytes = to_bytes(&tensors, metadata).map_err(|error| cannot_save(path, error))?;
    let mut file = temporary_beside(path)?;
    file.write_all(&bytes)
        .and_then(|()| file.as_file().sync_all())
        .and_then(|()| file.persist(path).map_err(|error| error.error))
        .map_err(|error| cannot_save(path, error))?;
    Ok(())
}

/// Whether [`save`] could write to `path`: to find out before training and not after it.
///
/// # Errors
///
/// If the folder does not exist or is not writable, or if something other than a file is there.
pub fn check_writable(path: &Path) -> Result<(), CheckpointError> {
    temporary_beside(path).map(drop)
}

/// What a file holds: tensors by name, and metadata.
///
/// ```
/// use std::collections::BTreeMap;
/// use autograd::Tensor;
/// use rnn::checkpoint::{Checkpoint, save};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let params = [Tensor::from([1.0_f32, 2.0])];
/// save(&path, &params, &BTreeMap::from([("cell".into(), "gru".into())]))?;
///
/// let checkpoint = Checkpoint::load(&path)?;
/// assert_eq!(checkpoint.metadata("cell")?, "gru");
/// assert_eq!(checkpoint.into_params(&[Tensor::zeros(&[2])])?, params);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor<f32>>,
    metadata: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If there is no such file or it cannot be read, if it is damaged, or if a tensor in it is
    /// not `f32` or not finite.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CheckpointError::Missing { path: path.to_owned() },
            _ => CheckpointError::Unreadable { path: path.to_owned(), reason: error.to_string() },
        })?;
        Self::from_bytes(path, &bytes)
    }

    /// What these bytes hold, as if read from `path`.
    fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let damaged = |what| CheckpointError::Damaged { path: path.to_owned(), what };
        let not_whole = |_| damaged("it is not a whole safetensors file");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_whole)?;
        let file = SafeTensors::deserialize(bytes).map_err(not_whole)?;
        let mut metadata: BTreeMap<String, String> =
            header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();

        let views: BTreeMap<&str, TensorView> = file.iter().collect();
        match metadata.remove(SUM) {
            Some(sum) if sum != check_sum(&views, &metadata) => {
                return Err(damaged("its content does not match its check sum"));
            }
            None if metadata.get(WRITER).is_some_and(|writer| writer == THIS_WRITER) => {
                return Err(damaged("its check sum is missing"));
            }
            _ => {}
        }
        if metadata.get(WRITER).is_some_and(|writer| writer == THIS_WRITER) {
            metadata.remove(WRITER);
        }

        let mut tensors = BTreeMap::new();
        for (name, view) in views {
            let (path, name) = (path.to_owned(), name.to_owned());
            if view.dtype() != Dtype::F32 {
                return Err(CheckpointError::Dtype { path, name, dtype: view.dtype().to_string() });
            }
            let (numbers, _) = view.data().as_chunks();
            let numbers: Vec<f32> =
                numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            if let Some(&value) = numbers.iter().find(|x| !x.is_finite()) {
                return Err(CheckpointError::LoadNotFinite { path, name, value });
            }
            let Ok(tensor) = Tensor::try_new(view.shape(), numbers) else {
                return Err(CheckpointError::Axes { path, name, shape: view.shape().to_vec() });
            };
            tensors.insert(name, tensor);
        }
        Ok(Self { path: path.to_owned(), tensors, metadata })
    }

    /// The text saved under `key`.
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

    /// All tensors, by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor<f32>> {
        &self.tensors
    }

    /// The parameters of a model with the names and shapes of `template`, whose values do not
    /// matter.
    ///
    /// # Errors
    ///
    /// Lists every tensor that is missing, unexpected, or of another shape.
    pub fn into_params<P>(self, template: &P) -> Result<P, CheckpointError>
    where
        P: Params<Leaf = Tensor<f32>>,
        P::Family: Family<Of<Tensor<f32>> = P>,
    {
        let mut differences = Vec::new();
        let mut expected = BTreeSet::new();
        let params = template.map_named(&params::Path::default(), &mut |name, leaf| {
            let found = self.tensors.get(&name);
            let (wanted, shape) = (leaf.shape(), found.map(Tensor::shape));
            match shape {
                Some(shape) if shape == wanted => {}
                Some(shape) => {
                    differences.push(format!("{name:?} has shape {shape:?} instead of {wanted:?}"));
                }
                None => differences.push(format!("{name:?} {wanted:?} is missing")),
            }
            expected.insert(name);
            found.unwrap_or(leaf).clone()
        });
        for (name, tensor) in &self.tensors {
            if !expected.contains(name) {
                differences.push(format!("{name:?} {:?} is unexpected", tensor.shape()));
            }
        }
        if differences.is_empty() {
            Ok(params)
        } else {
            Err(CheckpointError::Differs { path: self.path, differences })
        }
    }
}

/// The bytes of a file with these tensors and this metadata.
fn to_bytes(
    tensors: &BTreeMap<String, Tensor<f32>>,
    metadata: &BTreeMap<String, String>,
) -> io::Result<Vec<u8>> {
    let numbers: Vec<Vec<u8>> = tensors
        .values()
        .map(|tensor| tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let mut views = BTreeMap::new();
    for ((name, tensor), numbers) in tensors.iter().zip(&numbers) {
        let view = TensorView::new(Dtype::F32, tensor.shape().to_vec(), numbers);
        views.insert(name.as_str(), view.map_err(io::Error::other)?);
    }

    let mut metadata = metadata.clone();
    metadata.insert(WRITER.to_owned(), THIS_WRITER.to_owned());
    metadata.insert(SUM.to_owned(), check_sum(&views, &metadata));
    let in_any_order: HashMap<String, String> = metadata.clone().into_iter().collect();
    let mut bytes = safetensors::serialize(views, Some(in_any_order)).map_err(io::Error::other)?;

    // The metadata come in the order of a hash map, which differs from run to run. Sorted, the
    // header has the same length.
    let (n, _) = SafeTensors::read_metadata(&bytes).map_err(io::Error::other)?;
    let header = &mut bytes[8..8 + n];
    let mut entries: BTreeMap<String, Value> = serde_json::from_slice(header)?;
    entries.insert("__metadata__".to_owned(), Value::from_iter(metadata));
    let sorted = serde_json::to_vec(&entries)?;
    header.fill(b' ');
    header[..sorted.len()].copy_from_slice(&sorted);
    Ok(bytes)
}

/// CRC-32 of metadata and tensors in the order of their names, each part with its length before
/// it, so that no two different contents are the same bytes.
fn check_sum(views: &BTreeMap<&str, TensorView>, metadata: &BTreeMap<String, String>) -> String {
    let mut sum = crc32fast::Hasher::new();
    let number = |sum: &mut crc32fast::Hasher, n: usize| sum.update(&(n as u64).to_le_bytes());
    let part = |sum: &mut crc32fast::Hasher, bytes: &[u8]| {
        number(sum, bytes.len());
        sum.update(bytes);
    };
    number(&mut sum, metadata.len());
    for (key, value) in metadata {
        part(&mut sum, key.as_bytes());
        part(&mut sum, value.as_bytes());
    }
    for (name, view) in views {
        part(&mut sum, name.as_bytes());
        part(&mut sum, view.dtype().to_string().as_bytes());
        number(&mut sum, view.shape().len());
        view.shape().iter().for_each(|&length| number(&mut sum, length));
        part(&mut sum, view.data());
    }
    format!("{:08x}", sum.finalize())
}

/// A new file in the folder of `path`, which is deleted unless it is renamed.
fn temporary_beside(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    let not_a_file = || CheckpointError::NotAFile { path: path.to_owned() };
    let name = path.file_name().ok_or_else(not_a_file)?;
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(not_a_file()); // a rename would put the file in the place of a device
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");

    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        // As any new file: readable by others if the user's mask allows it.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(|error| {
        let (path, folder) = (path.to_owned(), folder.to_owned());
        match error.kind() {
            io::ErrorKind::NotFound => CheckpointError::NoFolder { path, folder },
            _ => CheckpointError::Folder { path, folder, reason: error.kind().to_string() },
        }
    })
}

fn cannot_save(path: &Path, reason: impl Display) -> CheckpointError {
    CheckpointError::Write { path: path.to_owned(), reason: reason.to_string() }
}

/// A checkpoint that cannot be written, read, or used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A parameter to be saved holds NaN or infinity.
    #[error(
        "cannot save {}: the parameter {name:?} holds {value}; training diverged, so lower the learning rate",
        .path.display()
    )]
    SaveNotFinite {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// The first such value in it.
        value: f32,
    },
    /// Two parameters of the same name.
    #[error(
        "cannot save {}: two parameters have the name {name:?}; give each its own",
        .path.display()
    )]
    SameName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Metadata under a key that this module uses itself.
    #[error(
        "cannot save {}: the metadata key {key:?} is reserved; use another",
        .path.display()
    )]
    ReservedKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
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
    /// A tensor of numbers other than `f32`.
    #[error(
        "the checkpoint {} holds {name:?} as {dtype}; convert it to F32 before it is saved",
        .path.display()
    )]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its dtype, as safetensors calls it.
        dtype: String,
    },
    /// A tensor with more axes than a [`Tensor`] can have.
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
        value: f32,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// y = x wᵀ + b, as in the documentation of `params!`.
    #[derive(Clone, Debug, PartialEq)]
    struct Linear<L = ()> {
        weight: L,
        bias: L,
    }
    autograd::params!(Linear { weight: "weight", bias: "bias" });

    fn linear() -> Linear<Tensor<f32>> {
        let weight = vec![0.1, -0.0, f32::MIN_POSITIVE / 8.0, f32::MAX, -1e-30, 7.25];
        Linear { weight: Tensor::new(&[2, 3], weight), bias: Tensor::from([1.0, -2.0]) }
    }

    fn metadata() -> BTreeMap<String, String> {
        [("cell", "gru"), ("chars", "a\n\"é🙂"), ("hidden", "2")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// The bytes of a saved file.
    fn saved() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linear.safetensors");
        save(&path, &linear(), &metadata()).unwrap();
        std::fs::read(path).unwrap()
    }

    fn load(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::from_bytes(Path::new("x"), bytes)
    }

    /// A file that another program might have written.
    fn foreign(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
        let views = tensors
            .iter()
            .map(|&(name, dtype, shape, data)| {
                (name, TensorView::new(dtype, shape.to_vec(), data).unwrap())
            })
            .collect::<Vec<_>>();
        safetensors::serialize(views, None).unwrap()
    }

    fn le(numbers: &[f32]) -> Vec<u8> {
        numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    fn bits(params: &Linear<Tensor<f32>>) -> Vec<u32> {
        params.leaves().iter().flat_map(|leaf| leaf.data()).map(|x| x.to_bits()).collect()
    }

    #[test]
    fn a_round_trip_keeps_every_bit() {
        let checkpoint = load(&saved()).unwrap();
        assert_eq!(checkpoint.metadata, metadata());
        let template = linear().zeros_like();
        assert_eq!(bits(&checkpoint.into_params(&template).unwrap()), bits(&linear()));
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let first = saved();
        for _ in 0..20 {
            assert_eq!(saved(), first);
        }
    }

    #[test]
    fn other_programs_find_names_shapes_and_metadata() {
        let bytes = saved();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let weight = file.tensor("weight").unwrap();
        assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[2, 3][..]));
        assert_eq!(file.tensor("bias").unwrap().data(), le(&[1.0, -2.0]));
        let (n, header) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["cell"], "gru");
        assert_eq!(n % 8, 0);
    }

    #[test]
    fn every_change_of_one_byte_is_refused_or_harmless() {
        let mut bytes = saved();
        let whole = load(&bytes).unwrap();
        for i in 0..bytes.len() {
            let original = bytes[i];
            for changed in (0..=255).filter(|&byte| byte != original) {
                bytes[i] = changed;
                match load(&bytes) {
                    Err(CheckpointError::Damaged { .. }) => {}
                    Err(error) => panic!("byte {i} as {changed:#04x}: {error}"),
                    Ok(loaded) => {
                        assert!(original == b' ', "byte {i} as {changed:#04x} goes unnoticed");
                        assert_eq!(loaded, whole);
                    }
                }
            }
            bytes[i] = original;
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = saved();
        for len in 0..bytes.len() {
            let error = load(&bytes[..len]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the checkpoint x is damaged: it is not a whole safetensors file; use another copy of it"
            );
        }
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        let bytes = [saved(), vec![0]].concat();
        assert!(matches!(load(&bytes), Err(CheckpointError::Damaged { .. })));
    }

    #[test]
    fn two_tensors_that_change_places_are_refused() {
        let mut bytes = saved();
        let data = bytes.len() - 32;
        bytes[data..].rotate_left(4);
        let error = load(&bytes).unwrap_err();
        assert!(error.to_string().contains("does not match its check sum"), "{error}");
    }

    #[test]
    fn a_file_of_another_program_loads_without_a_sum() {
        let bytes = foreign(&[
            ("bias", Dtype::F32, &[2], &le(&[1.0, -2.0])),
            ("weight", Dtype::F32, &[2, 3], &le(linear().weight.data())),
        ]);
        assert_eq!(load(&bytes).unwrap().into_params(&linear().zeros_like()).unwrap(), linear());
    }

    #[test]
    fn all_differences_from_the_model_are_listed_at_once() {
        let bytes = foreign(&[
            ("weight", Dtype::F32, &[3, 2], &le(&[0.0; 6])),
            ("offset", Dtype::F32, &[2], &le(&[0.0; 2])),
        ]);
        assert_eq!(
            load(&bytes).unwrap().into_params(&linear()).unwrap_err().to_string(),
            "the checkpoint x does not fit the model: \"weight\" has shape [3, 2] instead of [2, 3], \"bias\" [2] is missing, \"offset\" [2] is unexpected; build the model that was saved"
        );
    }

    #[test]
    fn a_tensor_of_another_dtype_is_named() {
        let bytes = foreign(&[("weight", Dtype::F64, &[1], &1.0_f64.to_le_bytes())]);
        assert_eq!(
            load(&bytes).unwrap_err().to_string(),
            "the checkpoint x holds \"weight\" as F64; convert it to F32 before it is saved"
        );
    }

    #[test]
    fn numbers_that_are_not_finite_are_not_loaded() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let bytes = foreign(&[("bias", Dtype::F32, &[2], &le(&[0.0, value]))]);
            let message = format!("the checkpoint x holds {value} in \"bias\"");
            let error = load(&bytes).unwrap_err().to_string();
            assert!(error.starts_with(&message), "{error}");
        }
    }

    #[test]
    fn a_tensor_with_too_many_axes_is_named() {
        let bytes = foreign(&[("bias", Dtype::F32, &[1; 7], &le(&[0.0]))]);
        assert!(matches!(load(&bytes), Err(CheckpointError::Axes { .. })));
    }

    #[test]
    fn numbers_that_are_not_finite_are_not_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linear.safetensors");
        save(&path, &linear(), &metadata()).unwrap();
        let before = std::fs::read(&path).unwrap();
        let mut diverged = linear();
        diverged.bias.data_mut()[1] = f32::NAN;
        let error = save(&path, &diverged, &metadata()).unwrap_err().to_string();
        assert!(error.contains("the parameter \"bias\" holds NaN"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn two_parameters_of_one_name_are_not_saved() {
        struct Twice<L = ()> {
            a: L,
            b: L,
        }
        autograd::params!(Twice { a: "a", b: "a" });
        let twice = Twice { a: Tensor::from([1.0]), b: Tensor::from([2.0]) };
        let folder = tempfile::tempdir().unwrap();
        let error = save(&folder.path().join("x"), &twice, &metadata()).unwrap_err();
        assert!(matches!(error, CheckpointError::SameName { .. }), "{error}");
    }

    #[test]
    fn reserved_metadata_keys_are_not_saved() {
        let folder = tempfile::tempdir().unwrap();
        for key in [WRITER, SUM] {
            let metadata = BTreeMap::from([(key.to_owned(), String::new())]);
            let error = save(&folder.path().join("x"), &linear(), &metadata).unwrap_err();
            assert!(matches!(error, CheckpointError::ReservedKey { .. }), "{error}");
        }
    }

    #[test]
    fn saving_replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linear.safetensors");
        std::fs::write(&path, "old").unwrap();
        save(&path, &linear(), &metadata()).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap().metadata("hidden").unwrap(), "2");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let path = Path::new("no/such/folder/x.safetensors");
        let sentence = "cannot save no/such/folder/x.safetensors: there is no folder no/such/folder; create it first";
        assert_eq!(save(path, &linear(), &metadata()).unwrap_err().to_string(), sentence);
        assert_eq!(check_writable(path).unwrap_err().to_string(), sentence);
    }

    #[test]
    fn a_file_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = check_writable(&file.join("x")).unwrap_err().to_string();
        assert!(error.starts_with("cannot save ") && !error.contains(".x."), "{error}");
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new(""), Path::new("/"), Path::new("..")] {
            let error = save(path, &linear(), &metadata()).unwrap_err();
            assert!(matches!(error, CheckpointError::NotAFile { .. }), "{error}");
        }
    }

    #[test]
    fn checking_a_path_leaves_it_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("x")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(
            Checkpoint::load("no/such.safetensors").unwrap_err().to_string(),
            "cannot load no/such.safetensors: there is no such file; check the path"
        );
    }

    #[test]
    fn missing_metadata_are_named() {
        assert_eq!(
            load(&saved()).unwrap().metadata("layers").unwrap_err().to_string(),
            "the checkpoint x has no metadata \"layers\"; was it saved by this program?"
        );
    }
}
