//! What the page calls: numbers in, texts through memory.
//!
//! A text goes in by [`room`], which says where its bytes go; a text comes out as its length, and [`text`] says where its
//! bytes are until the next call.

#![expect(
    unsafe_code,
    reason = "an exported name, of which the compiler cannot know that it is the only one"
)]

use std::cell::RefCell;

use crate::{ALL, Picture};

thread_local! {
    static IN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUT: RefCell<String> = const { RefCell::new(String::new()) };
}

fn give(text: String) -> usize {
    OUT.with_borrow_mut(|out| {
        *out = text;
        out.len()
    })
}

/// Where the last text is.
#[unsafe(no_mangle)]
extern "C" fn text() -> *const u8 {
    OUT.with_borrow(|out| out.as_ptr())
}

/// Where `length` bytes of UTF-8 may be written.
#[unsafe(no_mangle)]
extern "C" fn room(length: usize) -> *mut u8 {
    IN.with_borrow_mut(|bytes| {
        bytes.clear();
        bytes.resize(length, 0);
        bytes.as_mut_ptr()
    })
}

/// The name of a widget; nothing behind the last.
#[unsafe(no_mangle)]
extern "C" fn name(widget: usize) -> usize {
    give(ALL.get(widget).map_or(String::new(), |widget| widget.name().to_owned()))
}

/// The controls of a widget as HTML.
#[unsafe(no_mangle)]
extern "C" fn controls(widget: usize) -> usize {
    give(ALL.get(widget).map_or(String::new(), |&widget| crate::controls_html(widget)))
}

/// What a widget shows for the values in the room, one line each: its readings, one line each, and the picture.
#[unsafe(no_mangle)]
extern "C" fn draw(widget: usize) -> usize {
    let texts = IN.with_borrow(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let texts: Vec<&str> = texts.split('\n').collect();
    give(ALL.get(widget).map_or(String::new(), |&widget| {
        let Picture { svg, readings } = crate::draw(widget, &texts);
        readings.into_iter().chain([svg]).collect::<Vec<_>>().join("\n")
    }))
}
