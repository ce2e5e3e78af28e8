//! Files that appear whole or not at all.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

/// Makes a folder, with those above it, unless it is there, and makes sure that files can be
/// written to it.
///
/// # Errors
///
/// If it cannot be made, is no folder, or refuses files.
pub fn folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("the folder {} cannot be made", path.display()))?;
    tempfile::tempfile_in(path)
        .with_context(|| format!("the folder {} cannot be written to", path.display()))?;
    Ok(())
}

/// Writes a file under another name in the same folder and renames it: whoever opens `path` finds
/// the old content or the new one, never a part.
///
/// # Errors
///
/// If the folder is missing or cannot be written to.
pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let written = || -> anyhow::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = temporary().tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    written().with_context(|| format!("{} cannot be written", path.display()))
}

/// A temporary file is private by default; a figure should be as readable as any other file.
fn temporary() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut, reason = "written to on Unix only")]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_a_file_is_refused_by_name() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let file = scratch.path().join("file");
        write(&file, b"content").expect("it can be written");
        let refusal = format!("{:#}", folder(&file.join("figures")).unwrap_err());
        assert!(refusal.contains("figures cannot be made: "), "{refusal}");
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let folder_in_the_way = scratch.path().join("figure.svg");
        folder(&folder_in_the_way).expect("it can be made");
        write(&folder_in_the_way, b"content").unwrap_err();
        assert_eq!(std::fs::read_dir(scratch.path()).expect("it can be listed").count(), 1);
    }
}
