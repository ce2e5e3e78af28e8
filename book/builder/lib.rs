//! What builds the book of the course: chapters in Markdown, a folder of pages.
//!
//! mdBook does the pages, the search and the themes. What is here puts into the chapters what must not
//! be typed: code from compiled sources ([`mod@build`] names the directives' modules), outputs, numbers and
//! figures from the lessons' own runs, formulas, exercises, quizzes. A mistake stops the build; all mistakes
//! are reported together, each with file, line and what to do.

pub mod build;
mod page;
mod listing;
mod output;
mod figure;
mod maths;
mod tested;
mod exercise;
mod quiz;
pub mod widget;
mod links;
mod warnings;
mod finish;
mod site;
mod mistake;
mod text;
pub mod serve;
mod watch;

pub use build::{Folders, build};
pub use figure::PALETTE;
pub use listing::anchors;
pub use mistake::{Mistake, Mistakes};
pub use site::Shown;
pub use widget::{NoWidgets, Still, Widgets};
