//! The gradient of every loss against numeric ones.

use autograd::gradcheck::{Check, Function};
use autograd::{Element, Family, Params, Tape, Tensor, Var};
use rnn::models::{
    Acceptor, Captioner, EncoderDecoder, Forecaster, ImageAs, Tagger, VideoClassifier,
};
use rnn::{Directions, Gru, Lstm};

use super::*;

/// Checks a loss at a model, which it names by `$family`.
macro_rules! check {
    ($model:expr, $family:ty, |$tape:ident, $on_tape:ident| $loss:expr) => {{
        struct Loss;
        impl Function for Loss {
            type Params = $family;
            fn call<'t, E: Element>(
                &self,
                $tape: &'t Tape<E>,
                $on_tape: <$family as Family>::Of<Var<'t, E>>,
            ) -> Var<'t, E> {
                $loss
            }
        }
        check(&Loss, &$model);
    }};
}

#[track_caller]
fn check<F: Function, P: Params<Leaf = Tensor<f64>, Family = F::Params>>(loss: &F, model: &P) {
    if let Err(failure) = Check::default().function(loss, model) {
        panic!("{failure}");
    }
}

#[test]
fn of_an_acceptor_with_every_pooling() {
    for pooling in POOLINGS {
        check!(acceptor::<Gru>(pooling, BOTH), Acceptor<Gru>, |tape, model| {
            let xs = model.embedding.on_tape(tape, &SENTENCES).unwrap();
            model.loss_on_tape(&xs, &[2, 0, 1, 1], None).unwrap()
        });
    }
}

#[test]
fn of_an_acceptor_of_packed_vectors() {
    for pooling in POOLINGS {
        check!(acceptor::<Lstm>(pooling, Directions::Forward), Acceptor<Lstm>, |tape, model| {
            let xs = batch_on_tape(tape, &[(0, 2), (1, 4), (2, 0)], 2).packed();
            model.loss_on_tape(&xs, &[2, 0, 1], None).unwrap()
        });
    }
}

#[test]
fn of_a_tagger() {
    check!(tagger::<Lstm>(BOTH), Tagger<Lstm>, |tape, model| {
        let xs = model.embedding.on_tape(tape, &SENTENCES).unwrap();
        let tags: [&[usize]; 4] = [&[1, 0], &[0, 0, 1, 1], &[], &[1]];
        model.loss_on_tape(&xs, &tags, None).unwrap()
    });
}

#[test]
fn of_a_captioner_whose_image_is_a_state_or_an_input() {
    for image_as in [ImageAs::State, ImageAs::Input] {
        check!(captioner::<Lstm>(image_as), Captioner<Lstm>, |tape, model| {
            model.loss_on_tape(tape.constant(images(&[0, 1, 2, 3], 4)), &SENTENCES).unwrap()
        });
    }
}

#[test]
fn of_a_video_classifier() {
    check!(video::<Gru>(), VideoClassifier<Gru>, |tape, model| {
        let frames = batch_on_tape(tape, &[(0, 2), (1, 3), (2, 0)], 2 * 4 * 3);
        model.loss_on_tape(&frames, &[1, 0, 0], None).unwrap()
    });
}

#[test]
fn of_a_forecaster() {
    check!(forecaster::<Lstm>(), Forecaster<Lstm>, |tape, model| {
        let series = batch_on_tape(tape, &[(0, 3), (1, 5), (2, 0), (3, 1)], 2);
        model.loss_on_tape(&series, None).unwrap()
    });
}

#[test]
fn of_an_encoder_decoder_with_every_attention_and_without() {
    for look in LOOKS {
        check!(encoder_decoder::<Lstm>(look, BOTH), EncoderDecoder<Lstm>, |tape, model| {
            model.loss_on_tape(tape, &SENTENCES, &REPLIES).unwrap()
        });
    }
}

#[test]
fn of_an_encoder_decoder_that_reads_its_own_symbols() {
    for look in LOOKS {
        check!(
            encoder_decoder::<Gru>(look, Directions::Reverse),
            EncoderDecoder<Gru>,
            |tape, model| {
                let rng = &mut tests::rng(7);
                model.scheduled_loss_on_tape(tape, &SENTENCES, &REPLIES, 0.5, rng).unwrap()
            }
        );
    }
}
