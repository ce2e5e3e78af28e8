//! What a user of lesson 10 relies on: the same output every time, models that can be saved and
//! loaded, and one clear sentence for everything that cannot be done.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// A text with rhythm enough for a model to learn something in twenty steps.
const TEXT: &str = "the cat sat on the mat and the dog ran to the cat. ";

/// A folder that disappears with the test, with a text in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.put("text.txt", TEXT.repeat(40).as_bytes());
        folder
    }

    fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.path().join(name), content).expect("a file in a temporary folder");
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_10_min_char_rnn"));
        command.current_dir(self.0.path()).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the lesson starts")
    }

    /// A short training run.
    fn train(&self, more: &[&str]) -> Output {
        let short = ["--text", "text.txt", "--steps", "20", "--hidden", "8", "--streams", "4"];
        let short = [&short[..], &["--window", "8", "--length", "60"], more].concat();
        self.run(&short)
    }

    /// Expects a refusal: this exit code, one line, and these facts in it.
    #[track_caller]
    fn refuses(&self, args: &[&str], code: i32, facts: &[&str]) {
        let before = self.files();
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        let sentence = said.lines().next().unwrap_or_default();
        for fact in facts {
            assert!(sentence.contains(fact), "{args:?}: `{fact}` is not in: {said}");
        }
        if code == 1 {
            assert_eq!(said.lines().count(), 1, "{args:?}: one line: {said}");
        }
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert_eq!(self.files(), before, "{args:?}: nothing new in the folder");
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Whether a training run's output, its samples set off by `|` and broken into lines, has this sample in it.
fn shows(output: &str, sample: &str) -> bool {
    let letters = |text: &str| text.replace(['|', ' ', '\n'], "");
    letters(output).contains(&letters(sample))
}

#[test]
fn the_median_of_several_seeds_is_that_of_several_runs() {
    let folder = Folder::new();
    let found = |more: &[&str], key: &str| {
        let output = stdout(&folder.train(more));
        let line = output.lines().find(|line| line.starts_with(&format!("RESULT {key}=")));
        line.map(|line| line.split_once('=').expect("key=value").1.to_owned())
    };
    let one = |seed: &str| found(&["--repeat", "1", "--seed", seed], "bits").expect("a result");
    let mut alone = ["1", "2", "3"].map(one);
    assert_eq!(found(&[], "bits"), Some(alone[0].clone()));
    alone.sort();
    assert_eq!(found(&[], "bits_median"), Some(alone[1].clone()));
    assert_eq!(found(&[], "bits_spread"), Some(format!("{} to {}", alone[0], alone[2])));
    assert_eq!(found(&["--repeat", "1"], "bits_spread"), None);
}

#[test]
fn the_same_seed_prints_the_same_bytes_with_any_number_of_threads() {
    let folder = Folder::new();
    let one = stdout(&folder.train(&["--threads", "1"]));
    assert_eq!(one, stdout(&folder.train(&["--threads", "1"])));
    for threads in ["2", "4", "8"] {
        assert_eq!(one, stdout(&folder.train(&["--threads", threads])), "{threads} threads");
    }
    assert_ne!(one, stdout(&folder.train(&["--seed", "2"])));
}

#[test]
fn every_cell_saves_a_model_that_writes_again_after_loading() {
    for cell in ["rnn", "gru", "lstm"] {
        let folder = Folder::new();
        let trained = stdout(&folder.train(&["--cell", cell, "--save", "model.safetensors"]));
        let load = ["--load", "model.safetensors", "--length", "60"];
        let written = stdout(&folder.run(&load));
        // The last sample of the training run is what the loaded model writes too.
        assert!(shows(&trained, &written), "{cell}: {written:?} is not in {trained}");
        let prompted = stdout(&folder.run(&[&load[..], &["--prompt", "the cat"]].concat()));
        assert!(prompted.starts_with("the cat"), "{prompted:?}");
        assert_eq!(prompted.trim_end_matches('\n').chars().count(), 67);
    }
}

#[test]
fn a_text_in_any_script_is_read_and_written() {
    let folder = Folder::new();
    folder.put("greek.txt", "καλημέρα κόσμε, 你好世界 🦀! ".repeat(60).as_bytes());
    let output = folder.train(&["--text", "greek.txt"]);
    assert_eq!(output.status.code(), Some(2), "--text twice is a usage error");
    let short = ["--text", "greek.txt", "--steps", "20", "--hidden", "8", "--streams", "4"];
    let written = stdout(&folder.run(&[&short[..], &["--window", "8", "--prompt", "你"]].concat()));
    assert!(written.contains('你'), "{written}");
}

#[test]
fn texts_that_cannot_be_learned_from_are_refused_in_a_sentence() {
    let folder = Folder::new();
    folder.put("empty.txt", b"");
    folder.put("one.txt", b"aaaaaaaa");
    folder.put("bytes.txt", b"abc\xff\xfe");
    folder.put("short.txt", b"abcdefgh");
    folder.refuses(&["--text", "nowhere.txt"], 1, &["nowhere.txt"]);
    folder.refuses(&["--text", "empty.txt"], 1, &["empty"]);
    folder.refuses(&["--text", "one.txt"], 1, &["'a'"]);
    folder.refuses(&["--text", "bytes.txt"], 1, &["bytes.txt", "UTF-8", "line 1", "column 4"]);
    folder.refuses(&["--text", "short.txt"], 1, &["7 characters", "48 streams"]);
    folder.refuses(&["--text", "text.txt", "--window", "100000"], 1, &["100000"]);
}

#[test]
fn flags_that_make_no_sense_are_refused_in_a_sentence() {
    let folder = Folder::new();
    folder.refuses(&["--speed", "11"], 2, &["--speed"]);
    folder.refuses(&["--cell", "transformer"], 2, &["transformer"]);
    folder.refuses(&["--hidden", "0"], 2, &["--hidden", "at least 1"]);
    folder.refuses(&["--steps", "many"], 2, &["many"]);
    folder.refuses(&["--text", "text.txt", "--prompt", "Ω"], 1, &["Ω"]);
    folder.refuses(&["--text", "text.txt", "--temperature", "-1"], 2, &["-1"]);
    folder.refuses(&["--text", "text.txt", "--temperature=-1"], 1, &["temperature", "-1"]);
    folder.refuses(&["--text", "text.txt", "--lr", "NaN"], 1, &["learning rate", "NaN"]);
    folder.refuses(&["--text", "text.txt", "--clip", "0"], 1, &["clip", "0"]);
}

#[test]
fn places_that_cannot_be_written_to_are_refused_before_training() {
    let folder = Folder::new();
    let text = ["--text", "text.txt", "--steps", "1000000"];
    let with = |more: &[&'static str]| [&text[..], more].concat();
    folder.refuses(&with(&["--out", "text.txt"]), 1, &["text.txt"]);
    folder.refuses(&with(&["--save", "no/such/folder/model"]), 1, &["no/such/folder"]);
}

#[test]
fn checkpoints_that_are_not_what_they_should_be_are_refused_in_a_sentence() {
    let folder = Folder::new();
    stdout(&folder.train(&["--save", "model"]));
    let whole = std::fs::read(folder.0.path().join("model")).expect("the saved model");
    folder.put("half", &whole[..whole.len() / 2]);
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("it is not empty") ^= 1;
    folder.put("flipped", &flipped);
    folder.refuses(&["--load", "nowhere"], 1, &["nowhere"]);
    folder.refuses(&["--load", "text.txt"], 1, &["text.txt"]);
    folder.refuses(&["--load", "half"], 1, &["half", "damaged"]);
    folder.refuses(&["--load", "flipped"], 1, &["flipped", "damaged"]);
    folder.refuses(&["--load", "model", "--prompt", "Ω"], 1, &["Ω"]);
    folder.refuses(&["--load", "model", "--repeat", "2"], 2, &["--repeat"]);
    for (name, faults) in [
        ("architecture", &["rnn.weight_ih_l0"][..]),
        ("shape", &["head.bias"]),
        ("nan", &["head.bias", "NaN"]),
        ("cell", &["transformer"]),
    ] {
        folder.put(name, &foreign(name));
        folder.refuses(&["--load", name], 1, faults);
    }
}

/// A training run of 300 steps that keeps a checkpoint, the files it makes called by its name.
fn run_of_300_steps(name: &str, every: &str) -> Vec<String> {
    let model = ["--text", "text.txt", "--steps", "300", "--hidden", "48", "--streams", "8"];
    let rest = ["--window", "16", "--length", "40", "--every", every];
    let files =
        ["--checkpoint", name, "--save", &format!("{name}.model"), "--out", &format!("{name}.out")]
            .map(str::to_string);
    [&model[..], &rest[..]].concat().into_iter().map(str::to_string).chain(files).collect()
}

/// What a run of this name has left: its checkpoint, its model, its figure, and the results that it printed.
fn left(folder: &Folder, name: &str, output: &Output) -> [Vec<u8>; 4] {
    let read = |path: String| std::fs::read(folder.0.path().join(path)).expect("the run made it");
    let lines: Vec<String> = stdout(output)
        .lines()
        .filter(|line| line.starts_with("RESULT "))
        .map(str::to_string)
        .collect();
    assert_eq!(lines.len(), 13 + 5 * 5, "{lines:?}");
    let figure = read(format!("{name}.out/10_gru_loss.svg"));
    [read(name.to_string()), read(format!("{name}.model")), figure, lines.join("\n").into()]
}

#[test]
fn a_run_killed_at_a_random_point_and_resumed_ends_with_the_same_bytes_ten_times_of_ten() {
    let folder = Folder::new();
    let args = |name: &str| run_of_300_steps(name, "7");
    let run = |name: &str| {
        let args = args(name);
        folder.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let begun = Instant::now();
    let output = run("alone");
    let duration = begun.elapsed();
    let alone = left(&folder, "alone", &output);

    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut killed, mut resumed) = (0, 0);
    for attempt in 0..60 {
        let name = format!("killed{attempt}");
        let args = args(&name);
        let mut child = folder
            .command(&args.iter().map(String::as_str).collect::<Vec<_>>())
            .stdout(Stdio::null())
            .spawn()
            .expect("the lesson starts");
        std::thread::sleep(duration.mul_f64(rng.random_range(0.0..1.0)));
        let finished = child.try_wait().expect("it can be asked").is_some();
        child.kill().expect("it can be killed"); // SIGKILL
        child.wait().expect("it ends");
        if finished {
            continue; // another try, with another point
        }
        killed += 1;
        let output = run(&name);
        resumed += usize::from(stdout(&output).contains("going on after step "));
        let found = left(&folder, &name, &output);
        for (what, i) in [("checkpoint", 0), ("model", 1), ("figure", 2), ("results", 3)] {
            assert!(found[i] == alone[i], "kill {killed}: the {what} differs");
        }
        if killed == 10 {
            break;
        }
    }
    assert_eq!(killed, 10, "the run is too short to be killed");
    assert!(resumed >= 3, "only {resumed} of 10 runs had a checkpoint to go on from");
    let temporary = |name: &&String| name.starts_with('.');
    assert_eq!(folder.files().iter().find(temporary), None, "no temporary file is left");
}

#[test]
fn every_cell_goes_on_from_its_checkpoint() {
    for cell in ["rnn", "gru", "lstm"] {
        let folder = Folder::new();
        let train = |name, more: &[&'static str]| {
            let args = ["--cell", cell, "--checkpoint", name];
            folder.train(&[&args[..], more].concat())
        };
        let alone = stdout(&train("alone", &[]));
        stdout(&train("done", &["--every", "13"]));
        let again = stdout(&train("done", &[]));
        assert!(again.contains("going on after step 20 of done\n"), "{again}");
        let read = |name| std::fs::read(folder.0.path().join(name)).expect("a checkpoint");
        assert_eq!(read("done"), read("alone"), "{cell}");
        let written = stdout(&folder.run(&["--load", "done", "--length", "60"]));
        assert!(shows(&alone, &written), "{cell}: a checkpoint can write");
    }
}

#[test]
fn a_checkpoint_is_not_continued_with_other_options() {
    let folder = Folder::new();
    folder.put("other.txt", TEXT.replace("cat", "cow").repeat(40).as_bytes());
    stdout(&folder.train(&["--checkpoint", "x"]));
    let same = [
        ["--text", "text.txt"],
        ["--steps", "20"],
        ["--hidden", "8"],
        ["--streams", "4"],
        ["--window", "8"],
        ["--checkpoint", "x"],
    ];
    let but = |flag: &'static str, value: &'static str, facts: &[&str]| {
        let kept = same.iter().filter(|[other, _]| *other != flag).flatten().copied();
        let args: Vec<&str> = kept.chain([flag, value]).collect();
        folder.refuses(&args, 1, &[&["checkpoint x had other options", flag], facts].concat());
    };
    but("--cell", "lstm", &["was gru and is lstm"]);
    but("--text", "other.txt", &["a text of 2040 bytes", "CRC-32"]);
    but("--hidden", "9", &["was 8 and is 9", "or another --checkpoint"]);
    but("--steps", "21", &["was 20 and is 21"]);
    but("--streams", "3", &["was 4 and is 3"]);
    but("--window", "7", &["was 8 and is 7"]);
    but("--lr", "0.02", &["was 0.01 and is 0.02"]);
    but("--clip", "2", &["was 1 and is 2"]);
    but("--seed", "2", &["was 1 and is 2"]);
    // All at once.
    let args = ["--text", "text.txt", "--hidden", "9", "--lr", "0.5", "--checkpoint", "x"];
    folder.refuses(&args, 1, &["--hidden was 8 and is 9, --steps was 20 and is 1500", "--lr"]);
    // What does not change the numbers may change.
    stdout(&folder.train(&[
        "--checkpoint",
        "x",
        "--threads",
        "1",
        "--temperature",
        "0",
        "--every",
        "3",
    ]));
}

#[test]
fn files_that_are_no_checkpoints_of_a_run_are_refused_and_kept() {
    let folder = Folder::new();
    stdout(&folder.train(&["--checkpoint", "x", "--save", "model"]));
    let whole = std::fs::read(folder.0.path().join("x")).expect("a checkpoint");
    folder.put("half", &whole[..whole.len() / 2]);
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    folder.put("flipped", &flipped);
    let refuses = |name: &'static str, facts: &[&str]| {
        let args = ["--text", "text.txt", "--steps", "1000000", "--checkpoint", name];
        let before = std::fs::read(folder.0.path().join(name)).ok();
        folder.refuses(&args, 1, facts);
        assert_eq!(std::fs::read(folder.0.path().join(name)).ok(), before, "{name} is as it was");
    };
    refuses("half", &["half", "damaged"]);
    refuses("flipped", &["flipped", "damaged"]);
    refuses("text.txt", &["text.txt", "damaged"]);
    refuses("model", &["model", "\"option.cell\"", "was it saved by this program?"]);
    refuses("no/such/folder/x", &["no/such/folder"]);
    refuses(".", &["\".\"", "not the path of a file"]);
    folder.refuses(&["--every", "5"], 2, &["required"]);
    folder.refuses(&["--checkpoint", "x", "--every", "0"], 2, &["--every", "at least 1"]);
    folder.refuses(&["--checkpoint", "x", "--load", "x"], 2, &["--load", "--checkpoint"]);
    let both = ["--text", "text.txt", "--checkpoint", "y", "--save", "y"];
    folder.refuses(&both, 1, &["--save and --checkpoint are both y"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_from_the_step_at_which_it_was_interrupted() {
    let folder = Folder::new();
    let args = run_of_300_steps("alone", "7");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let alone = left(&folder, "alone", &folder.run(&args));

    let args = run_of_300_steps("cut", "1000");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child = folder
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the lesson starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    assert!(lines.any(|line| line.expect("UTF-8").starts_with("--- step 15:")));
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill is there").success());
    lines.for_each(drop);
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let output = folder.run(&args);
    assert!(stdout(&output).contains("going on after step "), "{}", stdout(&output));
    assert!(left(&folder, "cut", &output) == alone, "the same bytes");
}

/// A file as another program might write it: no sum, and one thing wrong.
fn foreign(fault: &str) -> Vec<u8> {
    use safetensors::tensor::{Dtype, TensorView};
    let (vocabulary, hidden) = ("ab", 2);
    let mut tensors = vec![
        ("rnn.weight_hh_l0", vec![3 * hidden, hidden]),
        ("rnn.bias_ih_l0", vec![3 * hidden]),
        ("rnn.bias_hh_l0", vec![3 * hidden]),
        ("head.weight", vec![2, hidden]),
        ("head.bias", vec![if fault == "shape" { 3 } else { 2 }]),
    ];
    if fault != "architecture" {
        tensors.push(("rnn.weight_ih_l0", vec![3 * hidden, 2]));
    }
    let data = |name: &str, shape: &[usize]| -> Vec<u8> {
        let number = if fault == "nan" && name == "head.bias" { f32::NAN } else { 0.5 };
        number.to_le_bytes().repeat(shape.iter().product())
    };
    let data: Vec<_> = tensors.iter().map(|(name, shape)| data(name, shape)).collect();
    let views = tensors.iter().zip(&data).map(|((name, shape), data)| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), data).expect("lengths fit"))
    });
    let cell = if fault == "cell" { "transformer" } else { "gru" };
    let metadata = [("cell", cell), ("vocabulary", vocabulary)];
    let metadata = metadata.map(|(k, v)| (k.to_string(), v.to_string())).into();
    safetensors::serialize(views, Some(metadata)).expect("it can be written")
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_what_it_has_or_nothing_but_nothing_broken() {
    let folder = Folder::new();
    let args = ["--text", "text.txt", "--steps", "10000000", "--hidden", "8", "--streams", "4"];
    let args = [&args[..], &["--window", "8", "--save", "model"]].concat();
    let mut child = folder
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the lesson starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let training = lines.any(|line| line.expect("UTF-8").starts_with("--- step 1:"));
    assert!(training, "the run says when it has begun");
    std::thread::spawn(|| lines.for_each(drop)); // so that the run can go on printing
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill is there").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert_eq!(folder.files().iter().filter(|name| name.starts_with('.')).count(), 0);
    assert!(folder.0.path().join("model").exists());
    stdout(&folder.run(&["--load", "model", "--length", "10"]));
}

#[test]
fn the_figure_is_written_where_it_was_asked_for() {
    let folder = Folder::new();
    stdout(&folder.train(&["--out", "figures"]));
    let figure = folder.0.path().join("figures/10_gru_loss.svg");
    let svg = std::fs::read_to_string(Path::new(&figure)).expect("the figure");
    assert!(svg.starts_with("<svg") && svg.contains("3-gram"), "{svg}");
}
