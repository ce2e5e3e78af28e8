//! Models: what goes before layers and after them, and the loss.
//!
//! ```text
//! LanguageModel    symbols → the next symbol, at every step          (in `language_model`)
//! Acceptor         a sequence → a class
//! Tagger           a sequence → a class for every step
//! Captioner        an image → a sentence
//! VideoClassifier  a sequence of images → a class
//! Forecaster       a series → its next values
//! EncoderDecoder   a sentence → a sentence, with attention or without
//! ```
//!
//! Each is a struct of parameters, generic in the cell, and works in the same way:
//!
//! - `init(&options, rng)` draws the parameters;
//! - `loss_on_tape(…)`, of the model with variables in it, is what training minimises;
//! - what a user asks of a trained model (`classify`, `tag`, `forecast`, …) is a method of the model with tensors in it
//!   and needs no tape. It runs the same formulas.
//!
//! Sentences are lists of ids, each of its own length: a model pads them itself. **Padding has no influence**: not on
//! the outputs of a row, not on a gradient; and where there is a loss at every step, it is the mean over the steps that
//! rows have, not over the cells of the padded table.
//!
//! Writing is [`decode`](crate::decode)'s business: captioner and encoder–decoder are
//! [`NextSymbol`](crate::decode::NextSymbol)s, as the language model is.

/// Implements [`Family`](autograd::Family) and [`Params`](autograd::Params) for a model of a cell: each part goes by the
/// name of its field, as in a PyTorch module. Parts that may be absent follow, then what are no parameters.
macro_rules! parts {
    (
        $model:ident { $($part:ident),+ }
        $(optional { $($option:ident),+ })?
        $(plain { $($plain:ident),+ })?
    ) => {
        impl<C: $crate::cell::Cell> autograd::Family for $model<C> {
            type Of<L> = $model<C, L>;
        }

        impl<C: $crate::cell::Cell, L> autograd::Params for $model<C, L> {
            type Leaf = L;
            type Family = $model<C>;

            fn map_named<M>(
                &self,
                path: &autograd::params::Path,
                f: &mut dyn FnMut(String, &L) -> M,
            ) -> $model<C, M> {
                $model {
                    $($part: self.$part.map_named(&path.inside(stringify!($part)), f),)+
                    $($($option: self
                        .$option
                        .as_ref()
                        .map(|part| part.map_named(&path.inside(stringify!($option)), f)),)+)?
                    $($($plain: self.$plain,)+)?
                }
            }

            fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
                $(self.$part.for_each_mut(f);)+
                $($(self.$option.iter_mut().for_each(|part| part.for_each_mut(f));)+)?
            }

            fn for_each(&self, f: &mut dyn FnMut(&L)) {
                $(self.$part.for_each(f);)+
                $($(self.$option.iter().for_each(|part| part.for_each(f));)+)?
            }
        }
    };
}

// In reading order.
pub mod error;
pub mod embedding;
pub mod sentence;
pub mod acceptor;
pub mod tagger;
pub mod captioner;
pub mod video;
pub mod forecaster;
pub mod encoder_decoder;

pub use acceptor::{Acceptor, AcceptorOptions, Pooling};
pub use captioner::{Captioner, CaptionerOptions, ImageAs};
pub use embedding::Embedding;
pub use encoder_decoder::{Encoded, EncoderDecoder, EncoderDecoderOptions, Look};
pub use error::ModelError;
pub use forecaster::Forecaster;
pub use sentence::Sentences;
pub use tagger::{Tagger, TaggerOptions};
pub use video::{VideoClassifier, VideoOptions};

use autograd::{Element, Tape, Tensor, Var};

use crate::seq::Seq;
use crate::stack::Directions;

/// A sequence of tensors as constants on a tape.
fn constant<'t, E: Element>(tape: &'t Tape<E>, xs: &Seq<Tensor<E>>) -> Seq<Var<'t, E>> {
    xs.map_rows(|rows| tape.constant(rows.clone()))
}

/// How many steps each row has.
fn lengths_of<L>(xs: &Seq<L>) -> Vec<usize> {
    xs.lengths().map_or_else(|| vec![xs.seq_len(); xs.batch()], <[usize]>::to_vec)
}

/// What is written forward can only be read forward.
#[track_caller]
fn forward_only(model: &str, directions: Directions) {
    assert!(
        directions == Directions::Forward,
        "{model}: {directions:?} reads what is not written yet; use Directions::Forward"
    );
}
