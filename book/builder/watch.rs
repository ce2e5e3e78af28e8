//! Notices that a source of the book has changed, by looking: a few hundred files, no library.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Every file below a folder with its time and length.
pub(crate) type Fingerprint = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The files below `root`, without `out`, build folders and hidden files.
pub(crate) fn fingerprint(root: &Path, out: &Path) -> Fingerprint {
    let mut files = Fingerprint::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let ours = !name.starts_with('.') && name != "target" && name != "node_modules";
            let beside = [out.to_owned(), out.with_extension("new"), out.with_extension("old")];
            if !ours || beside.contains(&path) {
                continue;
            }
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(path),
                Ok(about) => drop(files.insert(path, (about.modified().ok(), about.len()))),
                Err(_) => {} // gone since it was listed
            }
        }
    }
    files
}
