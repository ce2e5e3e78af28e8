//! The last touch on mdBook's pages: what keeps those out who use no mouse or see no screen, and the
//! widgets' scripts.

use std::fs;
use std::io;
use std::path::Path;

/// The bar with the book's title and its buttons, and the box that searches, as mdBook 0.5 writes them: in no
/// landmark, so that nobody can jump to them.
const LANDMARKS: [(&str, &str); 2] = [
    ("<div id=\"mdbook-menu-bar\"", "<div role=\"banner\" id=\"mdbook-menu-bar\""),
    ("<div id=\"mdbook-search-wrapper\"", "<div role=\"search\" id=\"mdbook-search-wrapper\""),
];

/// Corrects every page of the folder. A page with a widget loads the first of the scripts.
pub(crate) fn pages(folder: &Path, scripts: &[(String, String)]) -> io::Result<()> {
    for (name, content) in scripts {
        fs::write(folder.join(name), content)?;
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let page = fs::read_to_string(&path)?;
        let mut page = LANDMARKS.iter().fold(page, |page, (old, new)| page.replace(old, new));
        if let Some(better) = with_button(&page) {
            page = better;
        }
        if let Some((name, _)) = scripts.first()
            && page.contains(" data-widget=\"")
        {
            page = page.replace("</body>", &format!("<script src=\"{name}\"></script></body>"));
        }
        fs::write(&path, page)?;
    }
    Ok(())
}

/// The page with a button that opens the contents. mdBook writes a label there, which the keyboard cannot
/// reach and which must not say whether something is open; it stays for those without scripts. What the button
/// does is in `theme/page.js`.
fn with_button(page: &str) -> Option<String> {
    let start = page.find("<label id=\"mdbook-sidebar-toggle\"")?;
    let end = start + page[start..].find("</label>")?;
    let icon = page[start..end].split_once('>')?.1;
    Some(format!(
        "{}<button id=\"mdbook-sidebar-toggle\" class=\"icon-button\" type=\"button\" title=\"Contents\" \
         aria-label=\"Contents\" aria-controls=\"mdbook-sidebar\">{icon}</button>\
         <noscript><label class=\"icon-button\" for=\"mdbook-sidebar-toggle-anchor\">{icon}</label></noscript>{}",
        &page[..start],
        &page[end + "</label>".len()..],
    ))
}
