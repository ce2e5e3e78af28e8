//! What builds the book of the course: chapters in Markdown in, a folder of pages out.
//!
//! mdBook does the pages, the search and the themes. What is here puts into the chapters what must not be
//! typed:
//!
//! ```text
//! {{#listing PATH:ANCHOR}}             lines of a compiled source               listing.rs
//! {{#output LESSON}}                   what a lesson printed                    output.rs
//! {{#output LESSON:first words}}       one paragraph of it
//! {{#result LESSON:KEY}}               one number of it, within a line
//! ![what it shows](….svg)              a figure that follows the theme          figure.rs
//! $…$  $$…$$                           a formula                                maths.rs
//! {{#tested tests/FILE.rs:NAME}}       which test executes the formula above    tested.rs
//! {{#exercise NAME}}                   what to write, hints, solution           exercise.rs
//! ```quiz                              a question with choices or a number      quiz.rs
//! {{#widget NAME}}                     a live figure                            widget.rs
//! ```
//!
//! A mistake stops the build. All mistakes are reported together, each with file, line and what to do.
//!
//! Not here: other formats than HTML, and links to other sites, which are not asked for.

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
mod live;
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
pub use live::Live;
pub use mistake::{Mistake, Mistakes};
pub use site::Shown;
pub use widget::{NoWidgets, Still, Widgets};
