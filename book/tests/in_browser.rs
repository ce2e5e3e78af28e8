//! What a browser makes of the pages, from a file and from the server.

use std::fmt::Write;
use std::path::Path;

use book::{Folders, Live, NoWidgets};
use serde_json::Value;

use crate::browser::Browser;
use crate::chapters::pages_folder;
use crate::scratch_book::ScratchBook;
use crate::serving::serve;

pub(crate) const WIDE: u32 = 1200;
pub(crate) const TELEPHONE: u32 = 360;

pub(crate) fn file(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Runs `test` with the scratch book's address, as files and as it is served.
fn from_files_and_server(width: u32, test: impl Fn(&Browser, &str) + Sync) {
    let Some(browser) = Browser::open(width) else { return };
    let book = ScratchBook::new();
    book.build().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let check = |address: &str| {
        test(&browser, address);
        assert_eq!(browser.complaints(), [] as [&str; 0], "at {address}");
    };
    check(&format!("{}/", file(&book.path("pages"))));
    serve(&book, &NoWidgets, check);
}

/// The real book's pages, as addresses of files.
fn real_pages() -> Vec<String> {
    let entries = std::fs::read_dir(pages_folder()).expect("pages");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_page = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".html") && !["print.html", "toc.html", "404.html"].contains(&&*name)
    };
    let mut pages: Vec<String> = paths.filter(is_page).map(|path| file(&path)).collect();
    pages.sort();
    pages
}

#[test]
fn the_theme_changes_and_figures_follow_it() {
    from_files_and_server(WIDE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html"));
        let colours = "const s = e => getComputedStyle(document.querySelector(e)); \
                       return [s('.plot polyline[style*=\"--plot-1\"]').stroke, s('.plot text').fill, \
                               s('html').backgroundColor].join(' ')";
        browser.run("localStorage.clear()");
        browser.goto(&format!("{address}08_toy.html"));
        let choose = |theme: &str| {
            // The list stays open after a choice.
            if browser
                .run("return document.querySelector('#mdbook-theme-list').offsetParent")
                .is_null()
            {
                browser.click("#mdbook-theme-toggle");
            }
            browser.click(&format!("#mdbook-theme-{theme}"));
            browser
                .until(&format!("return document.documentElement.classList.contains('{theme}')"));
            browser.run(colours)
        };
        let light = choose("light");
        assert_eq!(light, "rgb(29, 95, 168) rgb(38, 43, 51) rgb(255, 255, 255)");
        let navy = choose("navy").as_str().unwrap_or_default().to_owned();
        assert!(navy.starts_with("rgb(125, 180, 245) rgb(213, 217, 226)"), "{navy}");
    });
}

#[test]
fn search_finds_a_word_of_a_chapter() {
    from_files_and_server(WIDE, |browser, address| {
        browser.goto(&format!("{address}index.html"));
        browser.click("#mdbook-search-toggle");
        browser.keys("#mdbook-searchbar", "alignment");
        let found =
            browser.until("return document.querySelector('#mdbook-searchresults a')?.innerText");
        assert!(found.as_str().is_some_and(|title| title.contains("The derivation")), "{found}");
    });
}

#[test]
fn a_quiz_marks_what_was_chosen_in_words() {
    from_files_and_server(WIDE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html"));
        let verdict = |quiz: usize| browser.text(&format!("#quiz-08_toy-{quiz} .verdict"));
        let choose = |quiz: usize, letter: &str| {
            browser.click(&format!("#quiz-08_toy-{quiz} input[value={letter}]"));
        };
        let check = |quiz: usize| browser.click(&format!("#quiz-08_toy-{quiz} button"));

        check(1);
        assert_eq!(verdict(1), "Choose an answer first.");
        choose(1, "A");
        check(1);
        assert_eq!(verdict(1), "Not right: A.");
        choose(1, "B");
        assert_eq!(verdict(1), "", "a new choice has no verdict yet");
        check(1);
        assert_eq!(verdict(1), "Right.");
        let open = browser.run("return document.querySelector('#quiz-08_toy-1 details').open");
        assert_eq!(open, true);

        choose(2, "A");
        check(2);
        assert_eq!(verdict(2), "Right so far, but not all.");
        choose(2, "B");
        check(2);
        assert_eq!(verdict(2), "Right.");

        let numbers = |quiz: usize, numbers: &[&str], expected: &str| {
            for number in numbers {
                let input = format!("#quiz-08_toy-{quiz} input");
                browser.run(&format!("document.querySelector('{input}').value = ''"));
                browser.keys(&input, &format!("{number}\u{E007}"));
                assert_eq!(verdict(quiz), expected, "{number}");
            }
        };
        numbers(3, &["0,906", "0.91"], "Right."); // 0.91
        numbers(3, &["0.5", "0.92", "0,910,000"], "Not that number.");
        numbers(4, &["16700", "16,700", "16 700", "16\u{202f}700"], "Right.");
        numbers(4, &["16,7", "16,70", "1,6700", "167,00", "16,,700", ",16700"], "Not that number.");
    });
}

#[test]
fn the_keyboard_opens_and_closes_the_contents() {
    from_files_and_server(WIDE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html"));
        let is_open = "document.querySelector('#mdbook-sidebar').getBoundingClientRect().right > 0";
        browser.until(&format!("return {is_open}"));
        browser.keys("#mdbook-sidebar-toggle", "\u{E007}");
        browser.until(&format!("return !({is_open})"));
        browser.keys("#mdbook-sidebar-toggle", "\u{E007}");
        browser.until(&format!("return {is_open}"));
        let said =
            browser.run("return document.querySelector('#mdbook-sidebar-toggle').ariaExpanded");
        assert_eq!(said, "true");
    });
}

#[test]
fn the_arrow_keys_of_a_quiz_turn_no_page() {
    from_files_and_server(WIDE, |browser, address| {
        let page = format!("{address}08_toy.html");
        browser.goto(&page);
        browser.keys("#quiz-08_toy-1 input", "\u{E012}");
        assert_eq!(browser.run("return location.href"), Value::from(page.clone()));
    });
}

/// The elements that make the page wider than the window.
pub(crate) const TOO_WIDE: &str = "
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return '';
    return [...document.querySelectorAll('main *')]
        .filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest('.scroll, pre, math, .table-wrapper'))
        .slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join('\\n') || 'the page';";

#[test]
fn nothing_scrolls_sideways_on_a_telephone() {
    from_files_and_server(TELEPHONE, |browser, address| {
        for page in ["index.html", "08_toy.html"] {
            browser.goto(&format!("{address}{page}"));
            browser.run("document.querySelectorAll('details').forEach(d => d.open = true)");
            assert_eq!(browser.run(TOO_WIDE), "", "{page}");
        }
    });
}

#[test]
fn a_box_that_goes_on_behind_the_edge_fades_there_and_shows_its_ring_whole() {
    from_files_and_server(TELEPHONE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html"));
        let fades = browser.run(
            "return [...document.querySelectorAll('main [data-more]')].map(box => {
                 const style = getComputedStyle(box);
                 const seen = () => `${style.outlineStyle} ${style.maskImage !== 'none'}`;
                 const before = seen();
                 box.focus();
                 return `${box.localName}: ${before}, ${seen()}`;
             })",
        );
        let found = fades.as_array().cloned().unwrap_or_default();
        for kind in ["code", "math"] {
            let expected = format!("{kind}: none true, solid false");
            assert!(found.contains(&Value::from(expected)), "{kind}: {fades}");
        }
    });
}

#[test]
fn the_real_book_fits_a_telephone_and_complains_of_nothing() {
    let Some(browser) = Browser::open(TELEPHONE) else { return };
    for page in real_pages() {
        browser.goto(&page);
        browser.run("document.querySelectorAll('details').forEach(d => d.open = true)");
        assert_eq!(browser.run(TOO_WIDE), "", "{page}");
        assert_eq!(browser.run(SMALL_LETTERS), "", "{page}");
        assert_eq!(browser.run(OVERLAPPING_TEXTS), "", "{page}");
        assert_eq!(browser.complaints(), [] as [&str; 0], "{page}");
    }
}

/// The texts of figures and the signs of formulas that are too small to read.
const SMALL_LETTERS: &str = "
    const pixels = e => parseFloat(getComputedStyle(e).fontSize) * (e.ownerSVGElement?.getScreenCTM().a ?? 1);
    return [...document.querySelectorAll('.plot:not(.widget) text, math :is(mi, mn, mo, mtext)')]
        .filter(e => e.textContent && pixels(e) < 9 - 1e-6).map(e => `${e.textContent}: ${pixels(e)}`).join(', ');";

/// The texts of figures that lie on one another by more than a quarter of their size, both ways. Lines of a text may
/// touch.
const OVERLAPPING_TEXTS: &str = "
    const found = [];
    for (const figure of document.querySelectorAll('.plot svg')) {
        const texts = [...figure.querySelectorAll('text')].filter(text => text.getClientRects().length > 0);
        const boxes = texts.map(text => text.getBoundingClientRect());
        const least = texts.map(text => parseFloat(getComputedStyle(text).fontSize) * figure.getScreenCTM().a / 4);
        boxes.forEach((a, i) => boxes.slice(0, i).forEach((b, j) => {
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (Math.min(across, down) > Math.min(least[i], least[j])) {
                found.push(`${texts[j].textContent.trim()} and ${texts[i].textContent.trim()}`);
            }
        }));
    }
    return found.join(', ');";

#[test]
fn a_figure_and_its_text_can_be_read_on_a_telephone() {
    from_files_and_server(TELEPHONE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html"));
        assert_ne!(browser.run("return document.querySelector('.plot text')"), Value::Null);
        assert_eq!(browser.run(SMALL_LETTERS), "");
    });
}

#[test]
fn a_long_name_has_joints_and_an_expression_has_none() {
    from_files_and_server(TELEPHONE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html"));
        for (code, expected) in [
            ("tanh_has_this_derivative", "tanh_|has_|this_|derivative"),
            ("lessons/src/bin/08_toy.rs", "lessons/|src/|bin/|08_|toy.rs"),
            ("gradient.data_mut()[step]", "gradient.data_mut()[step]"),
        ] {
            let parts = browser.run(&format!(
                "const is = code => code.textContent === '{code}'; \
                 const code = [...document.querySelectorAll('main :not(pre) > code')].find(is); \
                 return code.innerHTML.replaceAll('<wbr>', '|')"
            ));
            assert_eq!(parts, expected);
        }
    });
}

#[test]
fn a_table_of_sentences_is_a_list_on_a_telephone() {
    let second_cells = "return [...document.querySelectorAll('main td:nth-child(2)')]\
                        .map(e => `${getComputedStyle(e).display} ${e.dataset.column}`).join(', ')";
    // Browsers differ in what a list made of a table still is to a screen reader; these they all keep.
    let roles = "return [...document.querySelectorAll('.sentences, .sentences :is(thead, tbody, tr, th, td)')]\
                 .map(e => e.getAttribute('role')).join(' ')";
    let kept =
        "table rowgroup row columnheader columnheader columnheader rowgroup row cell cell cell";
    for (width, expected) in [
        (TELEPHONE, "table-cell undefined, block cause"),
        (WIDE, "table-cell undefined, table-cell cause"),
    ] {
        from_files_and_server(width, |browser, address| {
            browser.goto(&format!("{address}08_toy.html"));
            assert_eq!(browser.run(second_cells), expected, "{width} pixels");
            assert_eq!(browser.run(roles), kept, "{width} pixels");
        });
    }
}

#[test]
fn a_served_page_is_loaded_again_after_a_change_and_shows_mistakes_till_then() {
    let Some(browser) = Browser::open(WIDE) else { return };
    let book = ScratchBook::new();
    serve(&book, &NoWidgets, |address| {
        browser.goto(address);
        book.write("book/chapters/README.md", "# First page\n\n{{#output gone}}\n");
        browser.until(
            "return document.querySelector('#book-mistakes')?.innerText.includes('README.md:3')",
        );
        book.write("book/chapters/README.md", "# A new first page\n");
        browser.until("return document.querySelector('main h1')?.innerText === 'A new first page'");
        assert_eq!(browser.run("return document.querySelector('#book-mistakes')"), Value::Null);
    });
}

/// What axe does not look at: marks of a search, the search field, and signs without words. Each has a least contrast
/// to its ground: 4.5 for text, 3 for a sign.
const FAINT: &str = "
    const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const seen = (colour, filter) => {
        paint.clearRect(0, 0, 1, 1);
        paint.filter = filter;
        paint.fillStyle = colour;
        paint.fillRect(0, 0, 1, 1);
        return [...paint.getImageData(0, 0, 1, 1).data].map(part => part / 255);
    };
    const light = part => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const contrast = (colour, ground, opacity = 1, filter = 'none') => {
        const [below, above] = [seen(ground, 'none'), seen(colour, filter)];
        const mixed = above.map((part, i) => opacity * part + (1 - opacity) * below[i]);
        const [low, high] = [mixed, below].map(luminance).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const ground = element => {
        const { backgroundColor } = getComputedStyle(element);
        return backgroundColor === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : backgroundColor;
    };
    const found = [];
    const check = (name, least, value) => { if (value < least) found.push(`${name}: ${value.toFixed(2)}`); };
    const find = css => document.querySelector(css);

    const still = document.createElement('style');
    still.textContent = '*, ::before { transition: none !important; }';
    document.head.append(still);
    const themes = ['light', 'rust', 'coal', 'navy', 'ayu'];
    for (const theme of themes) {
        document.documentElement.classList.remove(...themes);
        document.documentElement.classList.add(theme);
        const mark = find('main mark');
        check(`${theme}, a mark`, 4.5, contrast(getComputedStyle(mark).color, ground(mark)));
        const field = find('#mdbook-searchbar');
        const hint = getComputedStyle(field, '::placeholder');
        check(`${theme}, the hint`, 4.5, contrast(hint.color, ground(field), hint.opacity));
        // The browser draws the cross, light in a dark scheme.
        const cross = getComputedStyle(field).colorScheme === 'dark' ? 'white' : 'black';
        check(`${theme}, the cross`, 4.5, contrast(cross, ground(field)));
        const { filter } = getComputedStyle(find('.clip-button'), '::before');
        check(`${theme}, copy`, 3, contrast('black', ground(find('.clip-button')), 1, filter));
        const own = name => getComputedStyle(document.documentElement).getPropertyValue(name);
        check(`${theme}, copy below the pointer`, 3,
            contrast('black', own('--theme-hover'), 1, own('--copy-button-filter-hover')));
        for (const css of ['.menu-bar .icon-button', '.mobile-nav-chapters', '.sidebar-resize-indicator']) {
            check(`${theme}, ${css}`, 3, contrast(getComputedStyle(find(css)).color, ground(find(css))));
        }
    }
    return found.join('\\n');";

#[test]
fn marks_and_signs_stand_out_in_every_theme() {
    from_files_and_server(WIDE, |browser, address| {
        browser.goto(&format!("{address}08_toy.html?highlight=cosine"));
        browser.until("return document.querySelector('main mark')");
        assert_eq!(browser.run(FAINT), "");
    });
}

/// axe-core where it was installed: `npm install --prefix target/axe axe-core`, or `$AXE_CORE`.
fn axe() -> Option<String> {
    let root = Folders::of_this_workspace().root;
    let installed = root.join("target/axe/node_modules/axe-core/axe.min.js");
    let path = std::env::var_os("AXE_CORE").map_or(installed, Into::into);
    let script = std::fs::read_to_string(path).ok();
    if script.is_none() {
        eprintln!("skipped, for want of axe-core: npm install --prefix target/axe axe-core");
    }
    script
}

#[test]
fn axe_finds_nothing() {
    let (Some(axe), Some(browser)) = (axe(), Browser::open(WIDE)) else { return };
    let book = ScratchBook::new();
    book.build().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    // Figures that stay still for want of a module are another test's complaint.
    let lively = Live::new(&Folders::of_this_workspace().root).asleep().is_none();
    let mut findings = String::new();
    for theme in ["light", "navy", "coal", "ayu", "rust"] {
        let mut pages: Vec<String> =
            ["index.html", "08_toy.html"].map(|page| file(&book.path("pages").join(page))).into();
        if ["light", "navy"].contains(&theme) {
            pages.extend(real_pages());
        }
        browser.goto(&pages[0]);
        browser.run(&format!("localStorage.setItem('mdbook-theme', '{theme}')"));
        for page in pages {
            browser.goto(&page);
            let classes = browser.run("return document.documentElement.className");
            assert!(classes.as_str().is_some_and(|classes| classes.contains(theme)), "{classes}");
            browser.run("document.querySelectorAll('details').forEach(d => d.open = true)");
            if lively {
                browser.wake();
            }
            browser.run(&axe);
            let found = browser.run_async(
                "const found = await axe.run(document, { preload: false, resultTypes: ['violations'] }); \
                 return found.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => \
                     n.target.join(' ') + ' ' + (n.any[0]?.message ?? n.all[0]?.message ?? '')).join('; '))",
            );
            for finding in found.as_array().into_iter().flatten() {
                let written = writeln!(findings, "{page} ({theme}): {finding}");
                written.expect("a string takes all text");
            }
            assert!(found.is_array(), "axe does not run: {found}");
        }
    }
    assert!(findings.is_empty(), "{findings}");
}
