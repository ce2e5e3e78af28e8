//! The book on a local address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use book::serve::Serving;
use book::{Mistakes, NoWidgets, Widgets};
use ureq::Agent;

use crate::scratch_book::ScratchBook;

/// Serves the scratch book while `f` runs, and returns how often it was built.
fn while_served(book: &ScratchBook, widgets: &dyn Widgets, f: impl FnOnce(&str) + Send) -> usize {
    let mut builds = 0;
    let mut count = |_: &Result<(), Mistakes>| builds += 1;
    let serving = Serving::start(&book.folders(), widgets, "localhost", 0, &mut count)
        .expect("some port is free");
    let done = AtomicBool::new(false);
    /// Says so when it goes, a panic included.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _done = Done(&done);
            f(serving.address());
        });
        serving.watch(widgets, || !done.load(Ordering::Relaxed), &mut count);
    });
    builds
}

pub(crate) fn serve(book: &ScratchBook, widgets: &dyn Widgets, f: impl FnOnce(&str) + Send) {
    while_served(book, widgets, f);
}

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}

fn get(address: &str) -> (u16, String) {
    let mut answer = agent().get(address).call().expect("the server answers");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
}

#[test]
fn pages_are_served_and_nothing_else() {
    let book = ScratchBook::new();
    let builds = while_served(&book, &NoWidgets, |address| {
        let (status, page) = get(address);
        assert!(status == 200 && page.contains("First page"), "{page}");
        assert_eq!(get(&format!("{address}08_toy.html?highlight=x")).0, 200);
        assert_eq!(get(&format!("{address}assets/latinmodern-math.txt")).0, 200);
        for outside in ["gone.html", "../book/book.toml", "%2e%2e/book/book.toml"] {
            assert_eq!(get(&format!("{address}{outside}")).0, 404, "{outside}");
        }
        let posted = agent().post(address).send_empty().expect("an answer");
        assert_eq!(posted.status().as_u16(), 405);
    });
    assert_eq!(builds, 1);
}

#[test]
fn a_change_is_news_and_so_is_a_mistake() {
    let book = ScratchBook::new();
    while_served(&book, &NoWidgets, |address| {
        let news = |seen: u64| get(&format!("{address}book-news?seen={seen}")).1;
        let write = |text: &str| book.write("book/chapters/README.md", text);
        // The watcher has to have looked once before there can be a change.
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        write("# First page\n\n{{#output gone}}\n");
        let said = news(1);
        assert!(
            said.contains("book/chapters/README.md:3: there is no file lessons/expected/gone"),
            "{said}"
        );
        assert!(
            get(address).1.contains("README.md:3: there is no file"),
            "the page does not say so"
        );
        write("# Another first page\n");
        assert_eq!(news(2), r#"{"build":3,"mistakes":null}"#);
        assert!(get(address).1.contains("Another first page"));
        assert!(start.elapsed() < Duration::from_secs(15), "the news came late");
    });
}

#[test]
fn a_taken_port_is_said_so() {
    let book = ScratchBook::new();
    let taken = std::net::TcpListener::bind(("localhost", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let started = Serving::start(&book.folders(), &NoWidgets, "localhost", port, &mut |_| ());
    let sentence = started.err().expect("the port is taken").to_string();
    let expected =
        format!("port {port} is taken; choose another with --port, or 0 for any that is free");
    assert_eq!(sentence, expected);
}
