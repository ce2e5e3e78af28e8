//! The book on a local address, built again after each change and reloaded in the browser.
//!
//! Each page is sent with a short script that asks for news; the answer comes when there are some. A
//! build that failed is news too: its mistakes stand over the page until they are gone. The files on disk
//! know nothing of this.
//!
//! The server reads one request from a connection, answers it and closes. That is all a reader on this machine
//! needs; tiny_http keeps connections, and now and then lets one wait for a thread for ever.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::json;

use crate::build::{Folders, build};
use crate::mistake::Mistakes;
use crate::watch::fingerprint;
use crate::widget::Widgets;

/// How often the sources are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How long a question for news stays open.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where a page asks for news.
const NEWS: &str = "/book-news";

/// What a page may want to know.
#[derive(Clone, Debug, Default)]
struct News {
    /// Counts the builds.
    build: u64,
    /// What is wrong since the last one.
    mistakes: Option<String>,
}

/// The latest news, and a bell for those who wait for some.
#[derive(Default)]
struct Board {
    news: Mutex<News>,
    bell: Condvar,
}

impl Board {
    fn read(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post<T>(&self, built: &Result<T, Mistakes>) {
        let mut news = self.read();
        news.build += 1;
        news.mistakes = built.as_ref().err().map(ToString::to_string);
        self.bell.notify_all();
    }

    /// The news once they are other than build `seen`, or as they are when patience ends.
    fn wait(&self, seen: u64) -> News {
        let waited = self.bell.wait_timeout_while(self.read(), PATIENCE, |news| news.build == seen);
        let (news, _) = waited.unwrap_or_else(PoisonError::into_inner);
        news.clone()
    }
}

/// A book that is being served.
pub struct Serving {
    address: String,
    board: Arc<Board>,
    folders: Folders,
}

impl Serving {
    /// Builds the book, tells `report` how that went, and serves it from other threads.
    ///
    /// Port 0 takes any that is free. A book that could not be built is served as it was before, or as a
    /// page that says what is wrong.
    ///
    /// # Errors
    ///
    /// If the address cannot be had, for example because another program has taken the port.
    pub fn start(
        folders: &Folders,
        widgets: &dyn Widgets,
        hostname: &str,
        port: u16,
        report: &mut dyn FnMut(&Result<(), Mistakes>),
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((hostname, port)).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                anyhow!(
                    "port {port} is taken; choose another with --port, or 0 for any that is free"
                )
            }
            _ => anyhow!("{hostname}, port {port} cannot be served from: {error}"),
        })?;
        let port = listener.local_addr().context("the server has no address")?.port();

        let board = Arc::new(Board::default());
        let built = build(folders, widgets).map(drop);
        board.post(&built);
        report(&built);

        let shown =
            if hostname.contains(':') { format!("[{hostname}]") } else { hostname.to_owned() };
        let address = format!("http://{shown}:{port}/");
        let (out, posted) = (folders.out.clone(), Arc::clone(&board));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (out, board) = (out.clone(), Arc::clone(&posted));
                // A reader who has gone away does not want the answer.
                thread::spawn(move || drop(answer(&stream, &out, &board)));
            }
        });
        Ok(Self { address, board, folders: folders.clone() })
    }

    /// Where the book is served, with a slash at the end.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Builds the book again after each change of a source, until `go_on` says no.
    pub fn watch(
        &self,
        widgets: &dyn Widgets,
        mut go_on: impl FnMut() -> bool,
        report: &mut dyn FnMut(&Result<(), Mistakes>),
    ) {
        let look = || fingerprint(&self.folders.root, &self.folders.out);
        let mut seen = look();
        while go_on() {
            thread::sleep(LOOK);
            let mut now = look();
            if now == seen {
                continue;
            }
            // Wait until whoever writes has finished.
            loop {
                thread::sleep(Duration::from_millis(50));
                let later = look();
                if later == now {
                    break;
                }
                now = later;
            }
            seen = now;
            let built = build(&self.folders, widgets).map(drop);
            self.board.post(&built);
            report(&built);
        }
    }
}

/// Reads one request and answers it.
fn answer(mut stream: &TcpStream, out: &Path, board: &Board) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = head(stream)?;
    let mut words = request.split(' ');
    let (method, url) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let (path, query) = url.split_once('?').unwrap_or((url, ""));

    let (status, kind, content) = if !["GET", "HEAD"].contains(&method) {
        ("405 Method Not Allowed", "text/plain", b"only GET".to_vec())
    } else if path == NEWS {
        let seen = query.strip_prefix("seen=").and_then(|seen| seen.parse().ok()).unwrap_or(0);
        let News { build, mistakes } = board.wait(seen);
        let news = json!({ "build": build, "mistakes": mistakes }).to_string();
        ("200 OK", "application/json", news.into_bytes())
    } else {
        page(out, path, &board.read())
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n",
        content.len()
    )?;
    if method != "HEAD" {
        stream.write_all(&content)?;
    }
    stream.flush()
}

/// The first line of a request, read together with the lines that follow it.
fn head(mut stream: &TcpStream) -> io::Result<String> {
    const LONGEST: usize = 64 * 1024;
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        if read == 0 || head.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&part[..read]);
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.lines().next().unwrap_or_default().to_owned())
}

/// Status, media type and content for an address.
fn page(out: &Path, path: &str, news: &News) -> (&'static str, &'static str, Vec<u8>) {
    let (file, status) = match file_below(out, path) {
        Some(file) => (file, "200 OK"),
        None => (out.join("404.html"), "404 Not Found"),
    };
    let kind = media_type(&file);
    // Before the first build without mistakes there is no page to show them on.
    let content = fs::read(&file)
        .unwrap_or_else(|_| b"<!DOCTYPE html><title>The book</title><body></body>".to_vec());
    let content = if kind.starts_with("text/html") { with_script(&content, news) } else { content };
    (status, kind, content)
}

/// The file that an address means, if it lies below the folder.
fn file_below(folder: &Path, path: &str) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let mut file = folder.join(path.trim_start_matches('/')).canonicalize().ok()?;
    if file.is_dir() {
        file = file.join("index.html");
    }
    (file.starts_with(&folder) && file.is_file()).then_some(file)
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "text/plain; charset=utf-8",
    }
}

/// The page with the script that waits for news, told what is known now.
fn with_script(page: &[u8], News { build, mistakes }: &News) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    // Within a script only `</` could end it.
    let known = json!({ "build": build, "mistakes": mistakes }).to_string().replace("</", "<\\/");
    let script = include_str!("reload.js").replace("KNOWN", &known).replace("NEWS", NEWS);
    let script = format!("<script>{script}</script></body>");
    match page.rfind("</body>") {
        Some(at) => format!("{}{script}{}", &page[..at], &page[at + "</body>".len()..]),
        None => format!("{page}{script}"),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_folder_is_served() {
        let scratch = tempfile::tempdir().expect("a folder");
        let book = scratch.path().join("book");
        fs::create_dir(&book).expect("a folder in it");
        fs::write(scratch.path().join("secret.txt"), "x").expect("a file beside it");
        fs::write(book.join("index.html"), "x").expect("a file in it");
        assert!(file_below(&book, "/").is_some());
        assert!(file_below(&book, "/index.html").is_some());
        for path in ["/../secret.txt", "//../secret.txt", "/..", "/nothing.html", "//etc/passwd"] {
            assert_eq!(file_below(&book, path), None, "{path}");
        }
    }

    #[test]
    fn a_page_is_told_of_mistakes_that_look_like_markup() {
        let news = News { build: 2, mistakes: Some("</script> \"x\"".to_owned()) };
        let page = String::from_utf8(with_script(b"<body>a</body></html>", &news)).expect("UTF-8");
        assert!(page.contains(r#""<\/script> \"x\"""#), "{page}");
        assert!(page.ends_with("</script></body></html>"), "{page}");
    }
}
