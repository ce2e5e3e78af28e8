//! What mdBook has to say: it warns through `tracing` and goes on, and a page comes out wrong.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Collects the warnings and errors of mdBook's crates.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

/// Runs `f` and returns with its result every warning that mdBook gave meanwhile on this thread.
pub(crate) fn listen<T>(f: impl FnOnce() -> T) -> (T, Vec<String>) {
    let listener = Listener::default();
    let warnings = Arc::clone(&listener.0);
    let result = tracing::subscriber::with_default(listener, f);
    let warnings = match warnings.lock() {
        Ok(warnings) => warnings.clone(),
        Err(poisoned) => poisoned.into_inner().clone(),
    };
    (result, warnings)
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("mdbook")
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if let Ok(mut warnings) = self.0.lock() {
            warnings.push(message.0.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        debug_assert!(written.is_ok(), "a string takes all text");
    }
}
