//! The live figures of this workspace, the crate `widgets`: as pictures, and as the module that runs in a page.
//!
//! The module is WebAssembly, written out in letters into a script, because a page that was opened as a file may not
//! load anything else. It is kept beside the sources, `book/widgets/module.js`, so that a reader needs nothing but cargo;
//! its first lines hold a hash of all that it was made from. When that is no longer the hash of the sources, pages
//! show still pictures until `cargo book widgets` has made it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use toml::Table;

use crate::text::slashed;
use crate::widget::{Still, Widgets};

/// The module, seen from the workspace's folder.
const MODULE: &str = "book/widgets/module.js";
/// The script that listens to the controls and loads the module.
const SCRIPT: &str = "book/theme/widgets.js";
/// The crates of the workspace that go into the module.
const CRATES: [(&str, &str); 3] =
    [("widgets", "book/widgets"), ("autograd", "autograd"), ("rnn", "rnn")];
const TARGET: &str = "wasm32-unknown-unknown";
/// What stands before the hash.
const HASH: &str = "// sources: ";

/// The widgets of the workspace in this folder.
#[derive(Clone, Debug)]
pub struct Live {
    root: PathBuf,
}

impl Live {
    /// Those whose module lies below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Why the pictures stay still, as a sentence, if they do.
    pub fn asleep(&self) -> Option<String> {
        let module = match fs::read_to_string(self.root.join(MODULE)) {
            Ok(module) => module,
            Err(error) => {
                return Some(format!(
                    "figures are still: {MODULE} cannot be read ({error}); `cargo book widgets` writes it"
                ));
            }
        };
        match sources(&self.root) {
            Err(error) => Some(format!("figures are still: {error:#}")),
            Ok(hash) if module.lines().any(|line| line.strip_prefix(HASH) == Some(&hash)) => None,
            Ok(_) => Some(format!(
                "figures are still: {MODULE} was made from other sources; `cargo book widgets` makes it anew"
            )),
        }
    }

    /// Makes the module anew and returns the size of its WebAssembly in bytes.
    ///
    /// # Errors
    ///
    /// If no compiler builds for the browser, the build fails, or the file cannot be written.
    pub fn make(&self) -> anyhow::Result<usize> {
        let wasm = self.compile()?;
        // After the build, which may have written Cargo.lock.
        let hash = sources(&self.root)?;
        let bytes =
            fs::read(&wasm).with_context(|| format!("{} cannot be read", wasm.display()))?;
        let module = format!(
            "// WebAssembly made by `cargo book widgets`.\n{HASH}{hash}\nbookWidgets(\"{}\");\n",
            STANDARD.encode(&bytes)
        );
        fs::write(self.root.join(MODULE), module)
            .with_context(|| format!("{MODULE} cannot be written"))?;
        Ok(bytes.len())
    }

    /// Builds the crate for the browser.
    fn compile(&self) -> anyhow::Result<PathBuf> {
        let folder = self.root.join("target/wasm");
        let (mut cargo, options) = compiler()?;
        let built = cargo
            .current_dir(&self.root)
            .args(["rustc", "--package", "widgets", "--lib", "--crate-type", "cdylib"])
            .args(["--profile", "wasm", "--target", TARGET])
            .arg("--target-dir")
            .arg(&folder)
            .args(options)
            .status()
            .context("cargo does not start")?;
        ensure!(built.success(), "the widgets are not built for {TARGET}");
        Ok(folder.join(TARGET).join("wasm/widgets.wasm"))
    }
}

/// A cargo that can build for the browser, and what it has to be told: the reader's own, if `rustup` has the target;
/// else Debian's, which builds the standard library from its sources.
fn compiler() -> anyhow::Result<(Command, &'static [&'static str])> {
    let libraries = said("rustc", &["--print", "target-libdir", "--target", TARGET]);
    let has_core = |folder: PathBuf| {
        let mut files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
    };
    if libraries.is_some_and(has_core) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        return Ok((Command::new(cargo), &[]));
    }

    let sources = said("/usr/bin/rustc", &["--print", "sysroot"])
        .map(|folder| folder.join("lib/rustlib/src/rust/library"));
    ensure!(
        sources.is_some_and(|folder| folder.is_dir()),
        "no compiler here builds for the browser: `rustup target add {TARGET}`, or install Debian's packages \
         rustc-web, cargo-web and rust-web-src"
    );
    let mut cargo = Command::new("/usr/bin/cargo");
    // -Zbuild-std is allowed to the compiler that the sources belong to, and no other setting is unstable.
    cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
    // Debian's compiler brings no linker for this target; rustup's does.
    let folders = said("rustc", &["--print", "sysroot"])
        .and_then(|folder| fs::read_dir(folder.join("lib/rustlib")).ok());
    let linkers =
        folders.into_iter().flatten().flatten().map(|host| host.path().join("bin/rust-lld"));
    if let Some(linker) = linkers.into_iter().find(|linker| linker.is_file()) {
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    Ok((cargo, &["-Zbuild-std=std,panic_abort"]))
}

/// What a compiler answers, as a path; nothing if it is not there or does not know.
fn said(rustc: &str, arguments: &[&str]) -> Option<PathBuf> {
    let answer = Command::new(rustc).args(arguments).output().ok()?;
    let path = String::from_utf8(answer.stdout).ok()?;
    answer.status.success().then(|| PathBuf::from(path.trim()))
}

impl Widgets for Live {
    fn names(&self) -> Vec<String> {
        widgets::ALL.iter().map(|widget| widget.name().to_owned()).collect()
    }

    fn still(&self, name: &str) -> Option<Still> {
        let widget = widgets::named(name)?;
        let caption = widget.caption().to_owned();
        Some(Still { picture: widgets::draw(widget, &[]).svg, caption })
    }

    fn scripts(&self) -> Vec<(String, String)> {
        if self.asleep().is_some() {
            return Vec::new();
        }
        let read = |path: &str| fs::read_to_string(self.root.join(path));
        match (read(SCRIPT), read(MODULE)) {
            (Ok(script), Ok(module)) => {
                vec![("widgets.js".to_owned(), script), ("widgets.wasm.js".to_owned(), module)]
            }
            _ => Vec::new(),
        }
    }
}

/// The hash of all that the module is made from: the crates' sources and manifests, the versions of what they use, and
/// the settings it is built with. Line ends do not count.
fn sources(root: &Path) -> anyhow::Result<String> {
    let mut files = BTreeMap::new();
    for (_, folder) in CRATES {
        read_all(root, &Path::new(folder).join("Cargo.toml"), &mut files)?;
        read_all(root, &Path::new(folder).join("src"), &mut files)?;
    }
    let table = |path: &str| -> anyhow::Result<Table> {
        let text = fs::read_to_string(root.join(path));
        let text = text.with_context(|| format!("{path} cannot be read"))?;
        text.parse().with_context(|| format!("{path} is no TOML"))
    };

    // What the three crates use: by default or always, and what that uses in turn.
    let mut wanted = BTreeSet::new();
    for (_, folder) in CRATES {
        let manifest = table(&format!("{folder}/Cargo.toml"))?;
        for (name, how) in
            manifest.get("dependencies").and_then(|d| d.as_table()).into_iter().flatten()
        {
            let optional = how.get("optional").and_then(|optional| optional.as_bool());
            if optional != Some(true) {
                wanted.insert(name.clone());
            }
        }
    }
    let workspace = table("Cargo.toml")?;
    let settings = |names: [&str; 2]| workspace.get(names[0])?.get(names[1]);
    let profile = settings(["profile", "wasm"]).map(ToString::to_string).unwrap_or_default();
    files.insert("profile".to_owned(), profile);
    for name in &wanted {
        let how = settings(["workspace", "dependencies"]).and_then(|all| all.get(name));
        files
            .insert(format!("dependency {name}"), how.map(ToString::to_string).unwrap_or_default());
    }

    let lock = table("Cargo.lock")?;
    let packages = lock.get("package").and_then(|packages| packages.as_array());
    let packages: Vec<&Table> =
        packages.into_iter().flatten().filter_map(|p| p.as_table()).collect();
    let text = |package: &Table, key: &str| {
        package.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let mut waiting: Vec<String> = wanted.into_iter().collect();
    while let Some(name) = waiting.pop() {
        // A package of ours counts by its sources, and names in the lock what only its tests use.
        if CRATES.iter().any(|(ours, _)| *ours == name) {
            continue;
        }
        for package in packages.iter().filter(|package| text(package, "name") == name) {
            let [version, checksum] = ["version", "checksum"].map(|key| text(package, key));
            if files.insert(format!("package {name} {version}"), checksum).is_none() {
                let uses = package.get("dependencies").and_then(|uses| uses.as_array());
                let uses = uses.into_iter().flatten().filter_map(|used| used.as_str());
                waiting.extend(uses.filter_map(|used| used.split(' ').next()).map(str::to_owned));
            }
        }
    }

    let mut hash = Sha256::new();
    for (name, content) in &files {
        let content = content.replace("\r\n", "\n");
        hash.update(format!("{name}\n{}\n{content}", content.len()));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Adds a file, or the files below a folder, by their paths.
fn read_all(root: &Path, path: &Path, files: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let full = root.join(path);
    let cannot = || format!("{} cannot be read", slashed(path));
    if full.is_dir() {
        for entry in fs::read_dir(&full).with_context(cannot)? {
            read_all(root, &path.join(entry.with_context(cannot)?.file_name()), files)?;
        }
    } else {
        files.insert(slashed(path), fs::read_to_string(&full).with_context(cannot)?);
    }
    Ok(())
}
