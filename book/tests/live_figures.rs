//! The live figures: the module is that of the sources, and in a browser each draws what the native code draws.

use book::{Live, Still, Widgets};
use serde_json::{Value, json};
use widgets::{ALL, Control, Picture, Widget};

use crate::browser::Browser;
use crate::in_browser::{TELEPHONE, TOO_WIDE, WIDE, file};
use crate::scratch_book::{ScratchBook, book_folder};
use crate::serving::serve;

// Keys, as WebDriver writes them.
const BACKSPACE: &str = "\u{E003}";
const END: &str = "\u{E010}";
const RIGHT: &str = "\u{E014}";

fn live() -> Live {
    Live::new(&book::Folders::of_this_workspace().root)
}

/// A book whose first page holds every widget, built.
fn book_of_all(widgets: &dyn Widgets) -> ScratchBook {
    let book = ScratchBook::new();
    let lines = ALL.map(|widget| format!("{{{{#widget {}}}}}\n", widget.name()));
    book.write("book/chapters/README.md", &format!("# First page\n\n{}", lines.join("\n")));
    book::build(&book.folders(), widgets).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    book
}

/// Runs `test` for that book's first page, as a file and as it is served; no page may complain.
fn from_files_and_server(width: u32, test: impl Fn(&Browser) + Sync) {
    let Some(browser) = Browser::open(width) else { return };
    let book = book_of_all(&live());
    let check = |address: &str| {
        assert_eq!(live().asleep(), None);
        browser.goto(address);
        browser.wake();
        test(&browser);
        assert_eq!(browser.complaints(), [] as [&str; 0], "at {address}");
    };
    check(&file(&book.path("pages/index.html")));
    serve(&book, &live(), check);
}

fn figure(widget: &dyn Widget) -> String {
    format!("document.querySelector('[data-widget={}]')", widget.name())
}

/// Waits until the page shows the picture that the native code draws for these values, with its readings.
#[track_caller]
fn shows(browser: &Browser, widget: &dyn Widget, texts: &[&str]) {
    let Picture { svg, readings } = widgets::draw(widget, texts);
    // Through the browser's own writing of SVG, which has no short tags. A toggle has no reading beside it.
    browser.until(&format!(
        "const native = document.createElement('div'); native.innerHTML = {}; \
         const figure = {}; const readings = [...figure.querySelectorAll('[data-control]')].map(input => \
             figure.querySelector(`output[for=\"${{input.id}}\"]`)?.textContent); \
         return figure.querySelector('.view').innerHTML === native.innerHTML \
             && {}.every((reading, i) => (readings[i] ?? reading) === reading)",
        json!(svg),
        figure(widget),
        json!(readings)
    ));
}

/// What the controls hold, as the page would say it.
fn held(widget: &dyn Widget) -> Vec<String> {
    widget.controls().iter().map(Control::value).collect()
}

fn texts(held: &[String]) -> Vec<&str> {
    held.iter().map(String::as_str).collect()
}

#[test]
fn the_module_is_made_from_these_sources() {
    assert_eq!(live().asleep(), None);
}

#[test]
fn the_module_is_below_300_kilobytes_as_servers_send_it() {
    let scripts = live().scripts();
    let [_, (_, module)] = &scripts[..] else { panic!("there is no module") };
    let sent = miniz_oxide::deflate::compress_to_vec(module.as_bytes(), 6);
    assert!(sent.len() < 300_000, "{} bytes", sent.len());
}

#[test]
fn a_change_of_a_source_leaves_the_pictures_still() {
    let here = book::Folders::of_this_workspace().root;
    let book = ScratchBook::new();
    for file in ["Cargo.toml", "Cargo.lock", "book/widgets/module.js"] {
        let to = book.path(file);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("it can be made");
        std::fs::copy(here.join(file), to).expect("it can be copied");
    }
    for folder in ["book/widgets", "autograd", "rnn"] {
        std::fs::create_dir_all(book.path(folder).join("src")).expect("it can be made");
        std::fs::copy(here.join(folder).join("Cargo.toml"), book.path(folder).join("Cargo.toml"))
            .expect("it can be copied");
    }
    let elsewhere = Live::new(&book.path(""));
    let why = elsewhere.asleep().expect("there are no sources");
    assert!(why.contains("made from other sources; `cargo book widgets` makes it anew"), "{why}");
    assert!(elsewhere.scripts().is_empty());
    let Some(Still { picture, .. }) = elsewhere.still(ALL[0].name()) else { panic!("no picture") };
    assert_eq!(picture, widgets::draw(ALL[0], &[]).svg);
}

#[test]
fn every_widget_is_in_a_chapter() {
    let chapters = std::fs::read_dir(book_folder().join("chapters")).expect("chapters");
    let files = chapters.map(|entry| entry.expect("it can be listed").path());
    let texts: Vec<String> = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    for widget in ALL {
        let directive = format!("{{{{#widget {}}}}}", widget.name());
        let count = texts.iter().filter(|text| text.contains(&directive)).count();
        assert_eq!(count, 1, "chapters that hold {directive}");
    }
}

#[test]
fn the_words_are_read_by_the_network_of_chapter_7() {
    let printed = include_str!("../../lessons/expected/07_rnn_forward/output.txt");
    let result = |key: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(&format!("RESULT {key}=")));
        line.expect("the lesson prints it")
    };
    let widget = widgets::named("hidden_state").expect("there is one");
    let svg = widgets::draw(widget, &["hello", "olleh"]).svg;
    let state: Vec<&str> = result("h_5").split_whitespace().collect();
    for says in [
        format!("After \u{201C}hello\u{201D} the state is {}.", state.join(", ")),
        format!("They are {} apart.", result("distance_hello_olleh")),
    ] {
        assert!(svg.contains(&says), "{says} {svg}");
    }
}

#[test]
fn every_widget_draws_in_the_page_what_the_native_code_draws() {
    from_files_and_server(WIDE, |browser| {
        for widget in ALL {
            shows(browser, widget, &[]);
            let first = held(widget);
            for (i, control) in widget.controls().iter().enumerate() {
                for high in [false, true] {
                    let mut held = first.clone();
                    held[i] = control.end(high);
                    browser.run(&format!(
                        "const input = {}.querySelectorAll('[data-control]')[{i}]; \
                         if (input.type === 'checkbox') input.checked = {value} === 'on'; \
                         else input.value = {value}; \
                         input.dispatchEvent(new Event('input', {{ bubbles: true }}))",
                        figure(widget),
                        value = json!(held[i])
                    ));
                    shows(browser, widget, &texts(&held));
                }
                browser.run(&format!(
                    "const input = {}.querySelectorAll('[data-control]')[{i}]; \
                     if (input.type === 'checkbox') input.checked = input.defaultChecked; \
                     else input.value = input.defaultValue; \
                     input.dispatchEvent(new Event('input', {{ bubbles: true }}))",
                    figure(widget)
                ));
            }
            shows(browser, widget, &[]);
        }
    });
}

#[test]
fn arrow_keys_and_buttons_move_a_slider_and_turn_no_page() {
    from_files_and_server(WIDE, |browser| {
        let address = browser.run("return location.href");
        for widget in ALL {
            for (i, control) in widget.controls().iter().enumerate() {
                let mut held = held(widget);
                let input = format!("#{}-{i}", widget.name());
                match *control {
                    Control::Slider { step, value, .. } => {
                        browser.keys(&input, RIGHT);
                        held[i] = (value + step).to_string();
                        shows(browser, widget, &texts(&held));
                        let button = format!("[data-for={}-{i}][data-by='-1']", widget.name());
                        browser.click(&button);
                        shows(browser, widget, &[]);
                        browser.keys(&button, RIGHT); // does nothing there
                    }
                    Control::Toggle { on, .. } => {
                        browser.keys(&input, " ");
                        held[i] = if on { "off" } else { "on" }.to_owned();
                        shows(browser, widget, &texts(&held));
                        browser.keys(&input, " ");
                    }
                    Control::Word { value, longest, letters, .. } => {
                        let letter = letters.chars().next().expect("a letter");
                        browser.keys(&input, &format!("{END}{letter}"));
                        held[i] = format!("{value}{letter}").chars().take(longest).collect();
                        shows(browser, widget, &texts(&held));
                        browser.keys(&input, BACKSPACE);
                    }
                }
                shows(browser, widget, &[]);
            }
        }
        assert_eq!(browser.run("return location.href"), address);
    });
}

#[test]
fn a_finger_moves_a_slider_and_all_fits_a_telephone() {
    from_files_and_server(TELEPHONE, |browser| {
        assert_eq!(browser.run(TOO_WIDE), "");
        let slid = ALL.into_iter().filter_map(|widget| {
            let is_slider = |control: &Control| matches!(control, Control::Slider { .. });
            Some((widget, widget.controls().iter().position(is_slider)?))
        });
        for (widget, i) in slid {
            let place = browser.run(&format!(
                "const input = document.querySelector('#{}-{i}'); input.scrollIntoView({{ block: 'center' }}); \
                 const box = input.getBoundingClientRect(); \
                 return [box.left + 0.98 * box.width, box.top + box.height / 2]",
                widget.name()
            ));
            let place = [0, 1].map(|i| place[i].as_f64().expect("a number"));
            let value = format!("return document.querySelector('#{}-{i}').value", widget.name());
            let before = browser.run(&value);
            browser.touch(place);
            browser.until(&format!("{} !== {before}", value));
            let mut held = held(widget);
            held[i] = browser.run(&value).as_str().expect("a value").to_owned();
            shows(browser, widget, &texts(&held));
        }
        let smallest = browser.run(
            "return Math.min(...[...document.querySelectorAll('.widget text')]\
             .map(e => e.getBoundingClientRect().height))",
        );
        assert!(smallest.as_f64().is_some_and(|height| height >= 9.0), "{smallest} pixels");
    });
}

/// The real widgets, but their module cannot be loaded.
struct Lost;

impl Widgets for Lost {
    fn names(&self) -> Vec<String> {
        live().names()
    }

    fn still(&self, name: &str) -> Option<Still> {
        live().still(name)
    }

    fn scripts(&self) -> Vec<(String, String)> {
        let mut scripts = live().scripts();
        scripts.truncate(1);
        scripts
    }
}

#[test]
fn without_the_module_and_on_paper_the_still_picture_stays() {
    let Some(browser) = Browser::open(WIDE) else { return };
    let lost = book_of_all(&Lost);
    browser.goto(&file(&lost.path("pages/index.html")));
    let first = figure(ALL[0]);
    browser.run(&format!("{first}.scrollIntoView()"));
    browser.until(&format!("return {first}.dataset.state === 'still'"));
    shows(&browser, ALL[0], &[]);
    browser.complaints();

    let book = book_of_all(&live());
    browser.goto(&file(&book.path("pages/print.html")));
    for widget in ALL {
        shows(&browser, widget, &[]);
    }
    let asked = browser.run_async(&format!(
        "{first}.scrollIntoView(); for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); \
         return document.querySelector('script[src*=\"widgets.wasm.js\"]')"
    ));
    assert_eq!(asked, Value::Null, "on paper nothing is live");
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}
