//! Checkpoints in files: the name leads to a whole file at any time, and nothing else is left.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use autograd::Tensor;
use rnn::checkpoint::{Checkpoint, CheckpointError, check_writable};
use tempfile::TempDir;
use tests::refused;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.map(|e| e.file_name().into_string());
    let mut names: Vec<_> = entries.map(|e| name(e).expect("an entry").expect("UTF-8")).collect();
    names.sort();
    names
}

/// A checkpoint whose numbers are all `x`.
fn filled(x: f32, elements: usize) -> Checkpoint {
    Checkpoint::of(&[Tensor::full(&[elements], x)]).expect("it is finite")
}

#[test]
fn saving_replaces_the_file_and_leaves_nothing_else() {
    let folder = folder();
    let path = folder.path().join("x");
    fs::write(&path, "old").expect("it is writable");
    filled(1.0, 3).save(&path).expect("it is writable");
    assert_eq!(Checkpoint::load(&path).expect("it is whole").tensors(), filled(1.0, 3).tensors());
    assert_eq!(fs::read(&path).ok(), filled(1.0, 3).to_bytes().ok());
    assert_eq!(names(&folder), ["x"]);
}

#[test]
fn what_a_killed_save_left_behind_is_deleted_by_the_next() {
    let folder = folder();
    let stale = folder.path().join(".x.0123456789ab.tmp");
    let writing = folder.path().join(".x.ba9876543210.tmp");
    let others =
        [".x.notes.tmp", ".y.0123456789ab.tmp", ".x.0123456789ab.txt", "x.0123456789ab.tmp"];
    fs::write(&stale, "half").expect("it is writable");
    others.iter().for_each(|name| fs::write(folder.path().join(name), "").expect("writable"));
    // As in another process that is still at it.
    let file = File::create(&writing).expect("it is writable");
    file.lock().expect("it can be locked");

    filled(1.0, 3).save(folder.path().join("x")).expect("it is writable");
    assert!(!stale.exists(), "the stale file is gone");
    assert!(writing.exists(), "a file that is being written stays");
    others.iter().for_each(|name| assert!(folder.path().join(name).exists(), "{name} stays"));
    // Closing it would not do: a process that another test starts has it open until its `exec`.
    file.unlock().expect("it was locked");
    check_writable(&folder.path().join("x")).expect("it is writable");
    assert!(!writing.exists(), "unlocked, it was left behind too");
}

#[test]
fn threads_that_save_to_one_path_at_once_leave_one_whole_file() {
    let folder = folder();
    let path = folder.path().join("x");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for i in 0..10 {
                    filled((thread * 10 + i) as f32, 5000)
                        .save(path)
                        .expect("nobody is in the way");
                    let found = Checkpoint::<f32>::load(path).expect("it is whole at any time");
                    let numbers = found.tensors()["0"].data();
                    assert!(numbers.iter().all(|x| x == &numbers[0]), "one save, not two mixed");
                }
            });
        }
    });
    assert_eq!(names(&folder), ["x"]);
}

/// Not a test of its own: what [`a_process_killed_while_it_saves_leaves_a_whole_file`] kills.
#[test]
#[ignore = "runs until it is killed"]
fn save_for_ever() {
    let Some(path) = std::env::var_os("SAVE_FOR_EVER") else { return };
    let checkpoints = [filled(1.0, 1 << 18), filled(2.0, 1 << 18)];
    for checkpoint in checkpoints.iter().cycle() {
        checkpoint.save(Path::new(&path)).expect("it is writable");
    }
}

#[cfg(unix)]
#[test]
fn a_process_killed_while_it_saves_leaves_a_whole_file() {
    struct Killed(Child);
    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill(); // SIGKILL
            let _ = self.0.wait();
        }
    }
    let folder = folder();
    let path = folder.path().join("x");
    filled(0.0, 1 << 18).save(&path).expect("it is writable");
    let mut unfinished = 0;
    for i in 0..10_u64 {
        let before = names(&folder);
        let test = "checkpoint_files::save_for_ever";
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", test, "--ignored", "--quiet"])
            .env("SAVE_FOR_EVER", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let killed = Killed(child.expect("it starts"));
        // At some time after it has begun a save.
        let started = Instant::now();
        let begun = |now: Vec<String>| now.len() == 2 && now != before;
        while !begun(names(&folder)) {
            assert!(started.elapsed() < Duration::from_secs(60), "the process does not save");
        }
        std::thread::sleep(Duration::from_micros(150 * i));
        drop(killed);
        let found = Checkpoint::<f32>::load(&path).expect("it is whole");
        let numbers = found.tensors()["0"].data();
        assert!(numbers.iter().all(|x| x == &numbers[0]), "one save, not two mixed");
        let left = names(&folder);
        assert!(left.len() <= 2, "only the last save can have been cut short: {left:?}");
        unfinished += left.len() - 1;
    }
    filled(3.0, 3).save(&path).expect("it is writable");
    assert_eq!(names(&folder), ["x"]);
    assert!(unfinished > 0, "no kill fell into a save");
}

#[test]
fn a_missing_folder_is_named() {
    let path = Path::new("no/such/folder/x");
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::NoFolder { .. });
    let facts = ["cannot save no/such/folder/x: there is no folder no/such/folder;"];
    refused(filled(1.0, 3).save(path), variant, &facts);
    refused(check_writable(path), variant, &facts);
}

#[test]
fn a_file_is_no_folder() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").expect("it is writable");
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Folder { .. });
    refused(
        check_writable(&file.join("x")),
        variant,
        &["cannot save ", "file/x", "choose a folder"],
    );
}

#[test]
fn a_folder_is_neither_replaced_nor_read() {
    let folder = folder();
    for path in [folder.path(), Path::new(""), Path::new("/"), Path::new("..")] {
        let variant = |e: &CheckpointError| matches!(e, CheckpointError::NotAFile { .. });
        refused(filled(1.0, 3).save(path), variant, &["cannot save", "not the path of a file"]);
    }
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Unreadable { .. });
    refused(Checkpoint::<f32>::load(folder.path()), variant, &["cannot load", "not a file"]);
}

#[test]
fn a_missing_file_is_named() {
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Missing { .. });
    let facts = ["cannot load no/such.safetensors: there is no such file;"];
    refused(Checkpoint::<f32>::load("no/such.safetensors"), variant, &facts);
}

#[test]
fn a_checkpoint_that_cannot_be_saved_leaves_the_old_one() {
    let folder = folder();
    let path = folder.path().join("x");
    filled(1.0, 3).save(&path).expect("it is writable");
    let before = fs::read(&path).ok();
    let diverged = Checkpoint::of(&[Tensor::from([f32::NAN])]);
    assert!(diverged.and_then(|checkpoint| checkpoint.save(&path)).is_err());
    assert_eq!(fs::read(&path).ok(), before);
    assert_eq!(names(&folder), ["x"]);
}

#[test]
fn checking_a_path_leaves_it_as_it_was() {
    let folder = folder();
    check_writable(&folder.path().join("x")).expect("it is writable");
    assert!(names(&folder).is_empty());
}
