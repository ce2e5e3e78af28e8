//! Every exercise can be solved and starts unsolved: its solution passes its check, its stub fails by
//! its `todo!()`, and it has hints.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;

macro_rules! exercises {
    ($($module:ident $name:literal)*) => {
        const NAMES: &[&str] = &[$($name),*];

        $(
            #[allow(unused, unreachable_pub, reason = "a stub uses nothing, a file alone all")]
            mod $module {
                mod solution {
                    mod answer {
                        include!(concat!("../exercises/", $name, "/solution.rs"));
                    }
                    include!(concat!("../exercises/", $name, "/checks.rs"));
                }
                mod stub {
                    mod answer {
                        include!(concat!("../exercises/", $name, "/stub.rs"));
                    }
                    include!(concat!("../exercises/", $name, "/checks.rs"));
                }

                #[test]
                fn the_solution_passes() {
                    solution::check();
                }

                #[test]
                fn the_stub_fails_by_its_todo() {
                    crate::fails_by_todo($name, stub::check);
                }
            }
        )*
    };
}

exercises! {
    central_difference "01_central_difference"
    twice "02_twice"
    walk "02_walk"
    vjps "03_vjps"
    check_vjp "04_check_vjp"
    adam "05_adam"
    smoothing "06_smoothing"
    step "07_step"
    carry "08_carry"
    many_to_one "09_many_to_one"
    shift "10_shift"
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises")
}

fn read(name: &str, file: &str) -> String {
    let path = folder().join(name).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a reader may have been at work here; in CI, nobody has.
fn is_a_readers() -> bool {
    std::env::var_os("CI").is_none()
}

#[track_caller]
fn fails_by_todo(name: &str, check: fn()) {
    if !read(name, "stub.rs").contains("todo!(") && is_a_readers() {
        return;
    }
    let panic = catch_unwind(check).expect_err("a stub passes no check");
    let message = panic.downcast_ref::<String>().cloned();
    let message = message.or(panic.downcast_ref::<&str>().map(|text| text.to_string()));
    let message = message.unwrap_or_default();
    assert!(message.starts_with("not yet implemented"), "{name}: {message}");
}

#[test]
fn every_folder_is_an_exercise_that_is_tested_here() {
    let mut folders: Vec<String> = fs::read_dir(folder())
        .expect("there are exercises")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    assert_eq!(folders, NAMES);
}

#[test]
fn every_exercise_is_a_target_of_its_own() {
    let manifest = include_str!("../Cargo.toml");
    let mains: Vec<String> = NAMES.iter().map(|name| read(name, "yours.rs")).collect();
    for (name, main) in NAMES.iter().zip(&mains) {
        let target = format!(
            "[[test]]\nname = \"{name}\"\npath = \"exercises/{name}/yours.rs\"\ntest = false\nharness = false\n"
        );
        assert!(manifest.contains(&target), "lessons/Cargo.toml lacks:\n{target}");
        assert_eq!(main, &mains[0], "{name}/yours.rs is not like that of {}", NAMES[0]);
    }
}

#[test]
fn every_exercise_belongs_to_a_lesson() {
    for name in NAMES {
        let number = name.split('_').next().unwrap_or_default();
        assert!(lessons::catalog::find(number).is_ok(), "{name}: there is no lesson {number}");
    }
}

#[test]
fn every_exercise_has_three_hints_or_more() {
    for name in NAMES {
        let hints = read(name, "hints.md").lines().filter(|line| line.starts_with("## ")).count();
        assert!(hints >= 3, "{name} has {hints} hints");
    }
}

#[test]
fn every_solution_has_what_its_stub_asks_for() {
    for name in NAMES {
        let (stub, solution) = (read(name, "stub.rs"), read(name, "solution.rs"));
        assert!(!solution.contains("todo!("), "{name}: the solution is not finished");
        if !stub.contains("todo!(") && is_a_readers() {
            continue;
        }
        let items = stub.lines().filter(|line| line.trim_start().starts_with("pub "));
        for item in items.chain(stub.lines().filter(|line| line.trim_start().starts_with("///"))) {
            assert!(solution.contains(item), "{name}: the solution lacks `{item}`");
        }
    }
}

/// What `cargo exercise` says, and its exit code.
fn exercise(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_exercise")).args(arguments).output();
    let output = output.expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn hints_come_one_by_one() {
    let (code, first, _) = exercise(&["01_central", "--hint"]);
    assert_eq!(code, Some(0));
    assert!(first.starts_with("01_central_difference, hint 1 of 4: Three values"), "{first}");
    assert!(first.ends_with("cargo exercise 01_central_difference --hint 2\n"), "{first}");
    let (_, last, _) = exercise(&["01_central", "--hint", "4"]);
    assert!(last.starts_with("01_central_difference, hint 4 of 4: Nearly"), "{last}");
    assert!(!last.contains("the next one"), "{last}");
}

#[test]
fn what_there_is_not_is_refused_in_a_sentence() {
    let (code, _, said) = exercise(&["nothing"]);
    assert_eq!((code, said.lines().count()), (Some(2), 1));
    assert!(said.starts_with("error: no exercise is called `nothing`; there are 01_"), "{said}");
    let (code, _, said) = exercise(&["01_central", "--hint", "9"]);
    assert_eq!(code, Some(1));
    assert_eq!(said, "error: 01_central_difference has the hints 1 to 4; there is no hint 9\n");
}
