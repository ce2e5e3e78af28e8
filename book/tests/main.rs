//! The book and its builder, from a chapter's mistakes to what a browser makes of the pages.

mod scratch_book;
mod chapters;
mod mistakes;
mod pages;
mod serving;
mod browser;
mod in_browser;
mod live_figures;
