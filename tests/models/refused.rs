//! What models refuse, and the sentence that says why.

use autograd::Params;
use rnn::attention::Score;
use rnn::models::{ImageAs, ModelError};
use rnn::{Gru, Lstm};

use super::*;

#[track_caller]
fn check<T>(result: Result<T, ModelError>, sentence: &str) {
    match result {
        Ok(_) => panic!("accepted; expected: {sentence}"),
        Err(error) => assert_eq!(error.to_string(), sentence),
    }
}

const NO_SENTENCE: [&[usize]; 0] = [];

#[test]
fn batches_without_a_sequence() {
    let empty = "the batch is empty; give at least one sequence";
    check(acceptor::<Gru>(Pooling::Last, BOTH).classify(&NO_SENTENCE), empty);
    check(tagger::<Gru>(BOTH).tag(&NO_SENTENCE), empty);
    check(encoder_decoder::<Gru>(None, BOTH).encode(&NO_SENTENCE), empty);

    let tape = Tape::new();
    let nothing = || batch_on_tape::<f64>(&tape, &[], 2);
    let model = acceptor::<Gru>(Pooling::Last, BOTH).map(|w| tape.constant(w.clone()));
    check(model.loss_on_tape(&nothing(), &[], None), empty);
    let model = forecaster::<Gru>().map(|w| tape.constant(w.clone()));
    check(model.loss_on_tape(&nothing(), None), empty);
    let model = video::<Gru>().map(|w| tape.constant(w.clone()));
    check(model.loss_on_tape(&batch_on_tape(&tape, &[], 24), &[], None), empty);
    let model = captioner::<Gru>(ImageAs::State).map(|w| tape.constant(w.clone()));
    let no_image = tape.constant(images(&[], 4));
    check(model.loss_on_tape(no_image, &NO_SENTENCE), empty);
}

#[test]
fn symbols_that_a_model_does_not_have_with_their_place() {
    let sentences: [&[usize]; 2] = [&[0], &[1, 2, 3]];
    let sentence = "symbol 3 at step 2 of row 1 is outside 0..3";
    check(acceptor::<Gru>(Pooling::Last, BOTH).classify(&sentences), sentence);
    check(tagger::<Gru>(BOTH).tag(&sentences), sentence);
    let model = encoder_decoder::<Gru>(LOOKS[1], BOTH);
    check(model.encode(&sentences), sentence);
    check(
        model.forced(&SENTENCES[..1], &[&[0, 1, 2]]),
        "symbol 2 at step 2 of row 0 is outside 0..2", // 2 is EOS, which is no symbol of a sentence
    );

    let error = rnn::decode::NextSymbol::step(&model, &[4], &model.encode(&[[0]]).unwrap());
    assert_eq!(error.err().unwrap().to_string(), "rows: id 4 at position 0 is outside 0..4");
}

#[test]
fn classes_and_tags_that_a_model_does_not_have_with_their_place() {
    let tape = Tape::new();
    let model = acceptor::<Gru>(Pooling::Last, BOTH).map(|w| tape.constant(w.clone()));
    let xs = model.embedding.on_tape(&tape, &SENTENCES).unwrap();
    check(model.loss_on_tape(&xs, &[0, 2, 3, 0], None), "class 3 of row 2 is outside 0..3");
    check(model.loss_on_tape(&xs, &[0, 2], None), "2 classes for 4 sequences; give one for each");

    let model = tagger::<Gru>(BOTH).map(|w| tape.constant(w.clone()));
    let tags: [&[usize]; 4] = [&[1, 0], &[0, 2, 1, 1], &[], &[1]];
    check(model.loss_on_tape(&xs, &tags, None), "tag 2 at step 1 of row 1 is outside 0..2");
    let tags: [&[usize]; 4] = [&[1, 0], &[0, 1, 1], &[], &[1]];
    check(model.loss_on_tape(&xs, &tags, None), "row 1 has 3 tags for 4 steps; give one for each");
    check(
        model.loss_on_tape(&xs, &tags[..2], None),
        "2 rows of tags for 4 sequences; give one for each",
    );
    let silence = model.embedding.on_tape(&tape, &[[]]).unwrap();
    check(
        model.loss_on_tape(&silence, &[[]], None),
        "no row has a step; the mean over nothing is no loss",
    );
}

#[test]
fn pairs_that_are_none_and_probabilities_that_are_none() {
    let tape = Tape::new();
    let model = encoder_decoder::<Gru>(None, BOTH).map(|w| tape.constant(w.clone()));
    check(
        model.loss_on_tape(&tape, &SENTENCES, &REPLIES[..3]),
        "3 targets for 4 sequences; give one for each",
    );
    for (own, printed) in [(1.5, "1.5"), (-0.1, "-0.1"), (f64::NAN, "NaN")] {
        check(
            model.scheduled_loss_on_tape(&tape, &SENTENCES, &REPLIES, own, &mut rng(0)),
            &format!(
                "the probability of reading an own symbol is {printed}, and must be in [0, 1]"
            ),
        );
    }
    let model = captioner::<Gru>(ImageAs::State).map(|w| tape.constant(w.clone()));
    let two = tape.constant(images(&[0, 1], 4));
    check(model.loss_on_tape(two, &SENTENCES), "4 captions for 2 sequences; give one for each");
}

#[test]
fn series_without_a_next_value() {
    let tape = Tape::new();
    let model = forecaster::<Lstm>().map(|w| tape.constant(w.clone()));
    for rows in [&[(0, 1), (1, 0)][..], &[(0, 0)]] {
        check(
            model.loss_on_tape(&batch_on_tape(&tape, rows, 2), None),
            "no row has two steps; the mean over nothing is no loss",
        );
    }
}

#[test]
#[should_panic(
    expected = "forecaster: Both(Concat) reads what is not written yet; use Directions::Forward"
)]
fn a_forecaster_that_would_read_the_answer() {
    Forecaster::<Gru>::init::<f64>(&small::<Gru>(2, 1, BOTH), &mut rng(0));
}

#[test]
#[should_panic(
    expected = "captioner: Reverse reads what is not written yet; use Directions::Forward"
)]
fn a_captioner_that_would_write_backwards() {
    let rnn = small::<Gru>(2, 1, Directions::Reverse);
    let options = CaptionerOptions { vocab_size: 3, features: 4, rnn, image_as: ImageAs::Input };
    Captioner::<Gru>::init::<f64>(&options, &mut rng(0));
}

#[test]
#[should_panic(expected = "video: kernels of side 2 have no middle; use an odd side")]
fn kernels_without_a_middle() {
    let rnn = small::<Gru>(0, 1, Directions::Forward);
    let (frame, pooling) = ([1, 4, 4], Pooling::Last);
    let options = VideoOptions { frame, kernels: 1, side: 2, pool: 2, rnn, pooling, classes: 2 };
    VideoClassifier::<Gru>::init::<f64>(&options, &mut rng(0));
}

#[test]
#[should_panic(
    expected = "queries of 3 numbers have no product with keys of 6; use Score::General"
)]
fn a_product_of_states_of_different_size() {
    encoder_decoder::<Gru>(Some(Look::Before(Score::Dot)), BOTH);
}
