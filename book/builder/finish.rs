//! The last touch on mdBook's pages: what keeps those out who use no mouse or see no screen, and the
//! widgets' script.

use std::fs;
use std::io;
use std::path::Path;

/// What mdBook 0.5 writes, and what it should.
const CORRECTIONS: [(&str, &str); 0] = [];

/// Corrects every page of the folder. A page with a widget loads the script, if there is one.
pub(crate) fn pages(folder: &Path, script: Option<(String, String)>) -> io::Result<()> {
    if let Some((name, content)) = &script {
        fs::write(folder.join(name), content)?;
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let page = fs::read_to_string(&path)?;
        let mut page = CORRECTIONS.iter().fold(page, |page, (old, new)| page.replace(old, new));
        if let Some((name, _)) = &script
            && page.contains(" data-widget=\"")
        {
            page = page.replace("</body>", &format!("<script src=\"{name}\"></script></body>"));
        }
        fs::write(&path, page)?;
    }
    Ok(())
}
