//! Who may use whom, read from the sources and the manifests.
//!
//! ```text
//! scalar engine (alone)        each module of autograd uses only those above it in lib.rs
//! autograd → rnn → lessons     each crate uses only those below it
//! BPTT by hand                 uses tensors only, never the tape
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
        .to_path_buf()
}

#[track_caller]
fn read(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The Rust files under a folder, those of builds left out.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files.extend(rust_files(&path));
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A line without its comment.
fn code(line: &str) -> &str {
    match line.trim_start().starts_with("//") {
        true => "",
        false => line.split(" // ").next().unwrap_or(line),
    }
}

/// The words of a text: what is between characters that no name contains.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The modules that a line names by a path from the crate's root; "" for a list of several.
fn modules_named(line: &str) -> Vec<&str> {
    let line = code(line);
    let starts = line.match_indices("crate::").filter(|&(at, _)| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
    });
    let first = |(at, path): (usize, &str)| {
        let rest = &line[at + path.len()..];
        &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
    };
    starts.map(first).collect()
}

/// The modules of `autograd` in reading order.
fn reading_order() -> Vec<String> {
    let lib = read(&root().join("autograd/src/lib.rs"));
    let modules = lib.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_string())
    });
    modules.collect()
}

#[test]
fn each_module_of_autograd_uses_only_those_above_it() {
    let order = reading_order();
    let place = |name: &str| order.iter().position(|module| module == name);
    let src = root().join("autograd/src");
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let inside = file.strip_prefix(&src).expect("a file of the crate");
        let first = inside.iter().next().unwrap_or_default().to_string_lossy().into_owned();
        let own = first.trim_end_matches(".rs");
        if own == "lib" {
            continue;
        }
        let Some(here) = place(own) else { panic!("lib.rs has no module `{own}`") };
        let top = inside.components().count() == 1;
        let text = read(&file);
        // The tests of a module may use what comes later.
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        for (number, line) in lines.enumerate() {
            let mut fail = |what: &str| {
                wrong.push(format!("{}:{}: {what}", inside.display(), number + 1));
            };
            for used in modules_named(line) {
                match place(used) {
                    Some(there) if there <= here => {}
                    Some(_) => fail(&format!("`{own}` uses `{used}`, which comes later")),
                    None => fail(&format!("`crate::{used}` does not say which module it uses")),
                }
            }
            if top && code(line).contains("use super::") {
                fail("name the module from `crate::`");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_scalar_engine_is_one_file_that_uses_nothing_of_the_crate() {
    let src = root().join("autograd/src");
    assert!(!src.join("scalar").exists(), "the scalar engine is one file");
    for (number, line) in read(&src.join("scalar.rs")).lines().enumerate() {
        let named = modules_named(line);
        assert!(named.iter().all(|module| *module == "scalar"), "scalar.rs:{}: {line}", number + 1);
    }
}

/// Which crates of the workspace a crate may use, the lowest first.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("autograd", &[]),
    ("rnn", &["autograd"]),
    ("lessons", &["autograd", "rnn"]),
    ("widgets", &["autograd", "rnn"]),
    ("book", &["autograd", "rnn", "lessons", "widgets"]),
    ("benches", &["autograd", "rnn"]),
    ("tests", &["autograd", "rnn", "lessons"]),
];

/// What stands between a key's quotes: `name = "rnn"`.
fn quoted<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(key)?.trim_start().strip_prefix('=');
    manifest.lines().find_map(value)?.split('"').nth(1)
}

/// Each member of the workspace with its manifest, by the name of its package.
fn members() -> BTreeMap<String, String> {
    let workspace = read(&root().join("Cargo.toml"));
    let (_, list) = workspace.split_once("members = [").expect("the workspace lists its members");
    let (list, _) = list.split_once(']').expect("the list ends");
    let manifests = list.split('"').skip(1).step_by(2).map(|folder| {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let name = quoted(&manifest, "name").expect("a package has a name").to_owned();
        (name, manifest)
    });
    manifests.collect()
}

/// Whether a manifest names a package among its dependencies, be it under another name.
fn names(manifest: &str, package: &str) -> bool {
    manifest.lines().map(str::trim).any(|line| {
        let rest = line.strip_prefix(package).unwrap_or("");
        rest.starts_with(['.', ' ', '='])
            || line.ends_with(&format!("dependencies.{package}]"))
            || line.contains(&format!("package = \"{package}\""))
    })
}

#[test]
fn a_crate_uses_only_those_below_it() {
    let members = members();
    for (name, manifest) in &members {
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| known == name) else {
            panic!("`{name}` is new in the workspace: say in MAY_USE which crates it may use");
        };
        for used in members.keys().filter(|used| *used != name && names(manifest, used)) {
            assert!(
                allowed.contains(&used.as_str()),
                "`{name}` names `{used}` in its manifest; it may use {allowed:?}"
            );
        }
    }
}

#[test]
fn a_dependency_is_found_however_the_manifest_writes_it() {
    let ways = [
        "rnn.workspace = true",
        "rnn = { path = \"../rnn\" }",
        "[dev-dependencies.rnn]",
        "cells = { path = \"../rnn\", package = \"rnn\" }",
    ];
    assert!(ways.iter().all(|line| names(line, "rnn")));
    assert!(!names("rnn_tools = \"1\"\n# rnn is not used", "rnn"));
}

/// The body of every function of this name, from its signature to the brace that closes it.
fn functions(text: &str, name: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_start = |line: &str| {
        let Some((_, rest)) = line.split_once("fn ") else { return false };
        !code(line).is_empty()
            && rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['<', '(']))
    };
    let starts = (0..lines.len()).filter(|&i| is_start(lines[i]));
    let body = |start: usize| {
        let indent = &lines[start][..lines[start].len() - lines[start].trim_start().len()];
        let close = format!("{indent}}}");
        let mut body = Vec::new();
        let mut opened = false;
        for line in lines[start..].iter().map(|line| code(line)) {
            body.push(line);
            opened |= line.ends_with('{');
            // A declaration in a trait ends before any body opens.
            if line == close || !opened && line.ends_with(';') {
                break;
            }
        }
        body.join("\n")
    };
    starts.map(body).collect()
}

#[test]
fn bptt_by_hand_never_touches_the_tape() {
    let src = root().join("rnn/src");
    let mut bodies = 0;
    for file in rust_files(&src) {
        let text = read(&file);
        let code = text.lines().map(code).collect::<Vec<_>>().join("\n");
        if file.starts_with(src.join("bptt")) {
            let tape = words(&code).find(|word| ["Tape", "Var"].contains(word));
            assert_eq!(tape, None, "{}: uses the tape", file.display());
        }
        let cell = code.contains(" Cell for ");
        let unrolls = file.ends_with("unroll.rs") || file.ends_with("by_hand.rs");
        if !cell && !unrolls {
            continue;
        }
        assert!(words(&code).all(|word| word != "Tape"), "{}: uses the tape", file.display());
        let by_hand: &[&str] = if unrolls {
            &["unroll", "unroll_along", "advance", "bptt", "bptt_along", "sweep"]
        } else {
            &["input", "forward", "backward", "input_backward"]
        };
        for name in by_hand {
            for body in functions(&text, name) {
                bodies += 1;
                let place = format!("{}: `{name}`", file.display());
                assert!(words(&body).all(|word| word != "Var"), "{place} uses variables");
            }
        }
    }
    assert!(bodies >= 8, "found only {bodies} functions written by hand");
}

#[test]
fn only_products_and_kernels_have_code_that_the_compiler_does_not_check() {
    let word = concat!("un", "safe");
    let exported_name = format!("#[{word}(no_mangle)]"); // for the page that calls it; no code
    let allowed = ["product.rs", "kernel.rs", "kernel/transpose.rs"];
    let allowed = allowed.map(|file| root().join("autograd/src").join(file));
    for file in rust_files(&root()).into_iter().filter(|file| !allowed.contains(file)) {
        for (number, line) in read(&file).lines().enumerate() {
            let found = words(code(line)).any(|found| found == word);
            let found = found && line.trim() != exported_name;
            assert!(!found, "{}:{}: {}", file.display(), number + 1, line.trim());
        }
    }
}
