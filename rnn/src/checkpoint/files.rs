//! Checkpoints in files, which are whole at any time.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Checkpoint, CheckpointError, Number, bytes};

/// A temporary file is `.NAME.`, so many letters and digits, and [`ENDING`].
const RANDOM: usize = 12;
/// How the name of a temporary file ends.
const ENDING: &str = ".tmp";

/// In files; with the feature `files` only.
impl<E: Number> Checkpoint<E> {
    /// Writes the file `path`, replacing what was there.
    ///
    /// # Errors
    ///
    /// If the file cannot be written. The file at `path` is then as it was before.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use rnn::checkpoint::Checkpoint;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("model.safetensors");
    /// let params = [Tensor::from([1.0_f32, 2.0])];
    /// Checkpoint::of(&params)?.save(&path)?;
    /// assert_eq!(Checkpoint::load(&path)?.into_params(&params)?, params);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let path = path.as_ref();
        let cannot_save = |reason: &dyn Display| CheckpointError::Write {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let bytes = self.to_bytes()?;
        let mut file = temporary_beside(path)?;
        file.write_all(&bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| cannot_save(&error))?;
        file.persist(path).map_err(|error| cannot_save(&error.error))?;
        // The rename itself is kept in the folder. Not every system can write that to the disk at once.
        #[cfg(unix)]
        if let Ok(folder) = File::open(folder_of(path)) {
            let unable = [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported];
            match folder.sync_all() {
                Err(error) if !unable.contains(&error.kind()) => return Err(cannot_save(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a file, a piece at a time: it needs little more memory than the tensors.
    ///
    /// # Errors
    ///
    /// If there is no such file or it cannot be read, if it is damaged, or if a tensor in it is of
    /// another type than `E` or not finite.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => CheckpointError::Missing { path: path.to_owned() },
            _ => CheckpointError::Unreadable { path: path.to_owned(), reason: error.to_string() },
        };
        let about = fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err(unreadable(io::Error::other("this is not a file"))); // opening might wait for ever
        }
        let mut file = File::open(path).map_err(unreadable)?;
        bytes::read(path, &mut file, about.len())
    }
}

/// Whether [`Checkpoint::save`] could write to `path`: to find out before training and not after it.
///
/// # Errors
///
/// If the folder does not exist or is not writable, or if something other than a file is there.
pub fn check_writable(path: &Path) -> Result<(), CheckpointError> {
    temporary_beside(path).map(drop)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file in the folder of `path`, which is deleted unless it is renamed.
///
/// Each has a name of its own, so that two processes may save to one path: whichever is last is there, whole. It
/// is locked until it has its final name or is deleted, and the system unlocks it however its process
/// ends: one that is not locked was left behind by a process that was killed, and is deleted here.
fn temporary_beside(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    let not_a_file = || CheckpointError::NotAFile { path: path.to_owned() };
    let name = path.file_name().ok_or_else(not_a_file)?;
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(not_a_file()); // a rename would put the file in the place of a device
    }
    let folder = folder_of(path);
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");

    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).rand_bytes(RANDOM).suffix(ENDING);
    #[cfg(unix)]
    {
        // As any new file: readable by others if the user's mask allows it.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    remove_left_behind(folder, prefix.as_encoded_bytes());
    loop {
        let file = builder.tempfile_in(folder).map_err(|error| {
            let (path, folder) = (path.to_owned(), folder.to_owned());
            match error.kind() {
                io::ErrorKind::NotFound => CheckpointError::NoFolder { path, folder },
                _ => CheckpointError::Folder { path, folder, reason: error.kind().to_string() },
            }
        })?;
        // Where nothing can be locked, nothing is taken for left behind either.
        let _ = file.as_file().lock();
        // Another process may have deleted it before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Deletes temporary files whose process is gone. What cannot be deleted stays: it does no harm.
fn remove_left_behind(folder: &Path, prefix: &[u8]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.as_encoded_bytes().strip_prefix(prefix);
        let random = random.and_then(|rest| rest.strip_suffix(ENDING.as_bytes()));
        let ours = random.is_some_and(|random| {
            random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric)
        });
        if ours
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}
