//! The format: tensors and metadata as bytes, and back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use autograd::Tensor;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, View};
use serde_json::Value;

use super::{Checkpoint, CheckpointError, Number};

/// The metadata key of the program that wrote the file.
pub(super) const WRITER: &str = "writer";
/// Its value for this one: such a file must have a sum.
const THIS_WRITER: &str = "rnn";
/// The metadata key of the sum, 8 hexadecimal digits.
pub(super) const SUM: &str = "crc32";
/// What stands in the place of the sum while it is made.
const NO_SUM: &str = "00000000";
/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;
/// How many bytes of numbers are read at once; the sizes of all numbers divide it.
const CHUNK: usize = 1 << 16;

/// A tensor as the format's library wants to see it: its bytes are made when they are asked for.
struct Stored<'a, E: Number>(&'a Tensor<E>);

impl<E: Number> View for Stored<'_, E> {
    fn dtype(&self) -> Dtype {
        E::DTYPE
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        self.0.data().iter().for_each(|&x| x.put(&mut bytes));
        bytes.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.data())
    }
}

/// The bytes of a file with these tensors and this metadata.
pub(super) fn write<E: Number>(
    tensors: &BTreeMap<String, Tensor<E>>,
    metadata: &BTreeMap<String, String>,
) -> io::Result<Vec<u8>> {
    let mut metadata = metadata.clone();
    metadata.insert(WRITER.to_owned(), THIS_WRITER.to_owned());
    metadata.insert(SUM.to_owned(), NO_SUM.to_owned());
    let views = tensors.iter().map(|(name, tensor)| (name, Stored(tensor)));
    let in_any_order = metadata.clone().into_iter().collect();
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

    let digits = digits_of_sum(header).expect("the key of the sum was inserted above");
    let sum = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[8..8 + n][digits].copy_from_slice(sum.as_bytes());
    Ok(bytes)
}

/// Where in a header the digits of the sum stand. A quote within a text is written `\"`, so that only a
/// key can look like this.
fn digits_of_sum(header: &[u8]) -> Option<Range<usize>> {
    let key = format!("\"{SUM}\":\"");
    let place = header.windows(key.len()).position(|bytes| bytes == key.as_bytes())?;
    let start = place + key.len();
    let end = start + NO_SUM.len();
    (header.get(end) == Some(&b'"')).then_some(start..end)
}

/// What `len` bytes from `source` hold, as if they stood in the file `path`. Nothing is kept but the header and
/// the numbers.
pub(super) fn read<E: Number>(
    path: &Path,
    source: &mut impl Read,
    len: u64,
) -> Result<Checkpoint<E>, CheckpointError> {
    let damaged = |what| CheckpointError::Damaged { path: path.to_owned(), what };
    let not_whole = || damaged("it is not a whole safetensors file");
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => not_whole(), // it has become shorter
        _ => CheckpointError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    };

    // The header. No length is believed that the file does not have.
    let after_n = len.checked_sub(8).ok_or_else(not_whole)?;
    let mut n = [0; 8];
    source.read_exact(&mut n).map_err(failed)?;
    let after_header = after_n.checked_sub(u64::from_le_bytes(n)).ok_or_else(not_whole)?;
    if after_n - after_header > LONGEST_HEADER {
        return Err(not_whole());
    }
    let mut header = vec![0; (after_n - after_header) as usize];
    source.read_exact(&mut header).map_err(failed)?;
    let entries: Metadata = serde_json::from_slice(&header).map_err(|_| not_whole())?;
    if entries.data_len() as u64 != after_header {
        return Err(not_whole());
    }
    let mut metadata: BTreeMap<String, String> =
        entries.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();

    // The sum, of all bytes but its own digits.
    if let Some(digits) = digits_of_sum(&header) {
        header[digits].copy_from_slice(NO_SUM.as_bytes());
    }
    let mut sum = crc32fast::Hasher::new();
    sum.update(&n);
    sum.update(&header);
    drop(header);

    // The numbers, in the order in which they stand. What is wrong with them is said only when the sum has
    // shown that it is not damage.
    let mut wrong = None;
    let mut tensors = BTreeMap::new();
    let mut chunk = vec![0; CHUNK.min(after_header as usize)];
    for name in entries.offset_keys() {
        let info = entries.info(&name).expect("it is the name of an entry");
        let fits = info.dtype == E::DTYPE;
        let mut left = info.data_offsets.1 - info.data_offsets.0;
        let mut numbers = Vec::new();
        if fits {
            numbers.reserve_exact(left / size_of::<E>());
        }
        while left > 0 {
            let part = &mut chunk[..left.min(CHUNK)];
            source.read_exact(part).map_err(failed)?;
            sum.update(part);
            if fits {
                E::get(part, &mut numbers);
            }
            left -= part.len();
        }
        let (path, shape) = (path.to_owned(), info.shape.clone());
        if !fits {
            let (dtype, wanted) = (info.dtype.to_string(), E::DTYPE.to_string());
            wrong.get_or_insert(CheckpointError::Dtype { path, name, dtype, wanted });
        } else if let Some(value) = numbers.iter().find(|x| !x.is_finite()) {
            let value = value.value();
            wrong.get_or_insert(CheckpointError::LoadNotFinite { path, name, value });
        } else if let Ok(tensor) = Tensor::try_new(&shape, numbers) {
            tensors.insert(name, tensor);
        } else {
            wrong.get_or_insert(CheckpointError::Axes { path, name, shape });
        }
    }

    let ours = metadata.get(WRITER).is_some_and(|writer| writer == THIS_WRITER);
    match metadata.remove(SUM) {
        Some(written) if written != format!("{:08x}", sum.finalize()) => {
            return Err(damaged("its content does not match its check sum"));
        }
        None if ours => return Err(damaged("its check sum is missing")),
        _ => {}
    }
    if ours {
        metadata.remove(WRITER);
    }
    match wrong {
        Some(wrong) => Err(wrong),
        None => Ok(Checkpoint { path: path.to_owned(), tensors, metadata }),
    }
}
