//! `autograd/OPS.md`: every op with its derivative, generated from the doc comments of the ops.
//!
//! `BLESS=1 cargo test -p tests op_table` writes the page again.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use autograd::gradcheck::every_op;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../autograd/OPS.md");
const OPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../autograd/src/ops");

/// What the page says of an op.
struct Entry {
    name: &'static str,
    item: String,
    methods: Vec<String>,
    summary: String,
    formulas: String,
    shapes: String,
}

#[test]
fn the_page_of_ops_is_current() {
    let page = page(&entries());
    if std::env::var_os("BLESS").is_some() {
        fs::write(PAGE, &page).expect("autograd/ can be written");
    }
    let committed = fs::read_to_string(PAGE).unwrap_or_default();
    let committed = committed.replace("\r\n", "\n");
    if let Some(line) = page.lines().zip(committed.lines()).position(|(a, b)| a != b) {
        panic!("autograd/OPS.md is stale from line {}; {ADVICE}", line + 1);
    }
    assert_eq!(page.len(), committed.len(), "autograd/OPS.md is stale at its end; {ADVICE}");
}

const ADVICE: &str = "write it again with `BLESS=1 cargo test -p tests op_table`";

#[test]
fn every_op_is_on_the_page_with_its_derivative() {
    let entries = entries();
    let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names, every_op().iter().map(|op| op.name).collect::<Vec<_>>());
    for Entry { name, summary, formulas, shapes, .. } in &entries {
        for word in ["forward ", "vjp "] {
            assert!(formulas.lines().any(|l| l.starts_with(word)), "{name}: no `{word}` line");
        }
        assert!(summary.ends_with('.'), "{name}: the doc comment opens with no sentence");
        assert!(shapes.starts_with("Shapes: "), "{name}: no `Shapes:` paragraph");
    }
}

/// The ops in the order of `ops/list.rs`.
fn entries() -> Vec<Entry> {
    let sources = sources();
    let list = fs::read_to_string(format!("{OPS}/list.rs")).expect("the list of ops");
    let items = items(&list);
    let named = every_op();
    assert_eq!(items.len(), named.len(), "ops/list.rs and `every_op` have as many ops");
    let entries = items.into_iter().zip(named).map(|((item, methods), op)| {
        let doc = doc_of(&sources, &item);
        // An alias such as `Conv1d = Conv<1>` opens with its own sentence; its formulas are the target's.
        let formulas = match target(&sources, &item) {
            Some(target) => doc_of(&sources, &target),
            None => doc.clone(),
        };
        Entry {
            name: op.name,
            item,
            methods,
            summary: doc.split("\n\n").next().unwrap_or("").replace('\n', " "),
            formulas: block(&formulas),
            shapes: paragraph(&formulas, "Shapes: "),
        }
    });
    entries.collect()
}

/// The lines of all files of ops.
fn sources() -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(OPS)
        .expect("the folder of the ops")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("list.rs")
        })
        .collect();
    files.sort();
    let read = |path: &Path| fs::read_to_string(path).expect("a readable source");
    files
        .iter()
        .flat_map(|path| read(path).lines().map(str::to_string).collect::<Vec<_>>())
        .collect()
}

/// The items of the list, each with the methods that apply it.
fn items(list: &str) -> Vec<(String, Vec<String>)> {
    let mut items: Vec<(String, Vec<String>)> = Vec::new();
    let body = list.split_once("$callback! {").expect("the macro of the list").1;
    for line in body.lines().map(str::trim) {
        if line.starts_with("//") {
            continue;
        }
        match (line.split_once(" ["), items.last_mut()) {
            (Some((item, rest)), _)
                if rest.contains("] {") && item.chars().all(char::is_alphanumeric) =>
            {
                items.push((item.to_string(), Vec::new()));
            }
            (_, Some((_, methods)))
                if line.starts_with(char::is_lowercase) && line.contains('(') =>
            {
                let end = [" / ", " ="].iter().filter_map(|stop| line.find(stop)).min();
                methods.push(line[..end.unwrap_or(line.len())].to_string());
            }
            _ => {}
        }
    }
    items
}

/// Where an item is declared: the number of the line.
fn declaration(sources: &[String], keyword: &str, item: &str) -> Option<usize> {
    sources.iter().position(|line| {
        let rest = line.strip_prefix(&format!("pub {keyword} {item}"));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// What a type alias stands for.
fn target(sources: &[String], item: &str) -> Option<String> {
    let line = &sources[declaration(sources, "type", item)?];
    let (_, target) = line.split_once("= ")?;
    Some(target.chars().take_while(|c| c.is_alphanumeric()).collect())
}

/// The doc comment above an item.
#[track_caller]
fn doc_of(sources: &[String], item: &str) -> String {
    let found = declaration(sources, "struct", item).or_else(|| declaration(sources, "type", item));
    let Some(at) = found else { panic!("no file of ops declares `{item}`") };
    let above = sources[..at].iter().rev();
    let mut lines: Vec<&str> = above
        .skip_while(|line| line.starts_with("#["))
        .map_while(|line| line.strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    lines.reverse();
    lines.join("\n")
}

/// What stands between "```text" and "```".
fn block(doc: &str) -> String {
    let inside = doc.split_once("```text\n").and_then(|(_, rest)| rest.split_once("\n```"));
    inside.map_or(String::new(), |(inside, _)| inside.to_string())
}

/// From a line that starts so to the end of its paragraph.
fn paragraph(doc: &str, start: &str) -> String {
    let lines = doc.lines().skip_while(|line| !line.starts_with(start));
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn page(entries: &[Entry]) -> String {
    let mut page = String::from(
        "# Every op with its derivative\n\n\
         <!-- Generated from the doc comments in src/ops: BLESS=1 cargo test -p tests op_table -->\n\n\
         dy is the gradient of the loss in the output y; dx is what the op contributes to the gradient in \
         its input x; ⊙ multiplies\nelement by element. An op that broadcasts sums its contribution over the \
         axes that were repeated. The items are in\n`autograd::ops`, their methods on `Var`.\n\n",
    );
    let links: Vec<_> = entries.iter().map(|e| format!("[{0}](#{0})", e.name)).collect();
    let lines: Vec<_> = links.chunks(8).map(|links| links.join(" · ")).collect();
    writeln!(page, "{}", lines.join(" ·\n")).expect("a String");
    for Entry { name, item, methods, summary, formulas, shapes } in entries {
        let methods = methods.iter().map(|method| format!(", `{method}`")).collect::<String>();
        write!(
            page,
            "\n## {name}\n\n{summary} `{item}`{methods}\n\n```text\n{formulas}\n```\n\n{shapes}\n"
        )
        .expect("a String");
    }
    page
}
