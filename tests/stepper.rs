//! Steps of a prepared model: those of the model itself.

use autograd::{Error, Tensor};
use rnn::decode::{Beam, Decoding, Stop, beam_search, generate};
use rnn::{
    Cell, Gru, GruResetBefore, LanguageModel, Lstm, LstmVariant, MinGru, StackOptions, Vanilla,
    Zoneout,
};
use tests::{distance, panics, refused, rng};

const SYMBOLS: usize = 9;
const UNITS: usize = 19;

fn model<C: Cell>(embedding: bool, zoneout: Zoneout) -> LanguageModel<C, Tensor<f64>> {
    let width = if embedding { 4 } else { SYMBOLS };
    let options = StackOptions { layers: 2, zoneout, ..StackOptions::new(width, UNITS) };
    LanguageModel::init_with(SYMBOLS, embedding, &options, &mut rng(5))
}

/// Three texts through twelve steps, each compared with the whole way through the model.
fn check<C: Cell>() {
    for (embedding, h) in [(false, 0.0), (true, 0.0), (true, 0.3)] {
        let model = model::<C>(embedding, Zoneout { h, c: h / 2.0 });
        let mut stepper = model.stepper(3);
        let mut states = model.zero_states(3);
        for t in 0..12 {
            let ids = [t % SYMBOLS, (5 * t + 1) % SYMBOLS, (t * t) % SYMBOLS];
            let scores = stepper.step(&ids).expect("the ids are symbols").to_vec();
            let (trace, expected) = model.forward(&ids, &states, None).expect("they are symbols");
            let error = distance(&Tensor::new(&[3, SYMBOLS], scores), &expected);
            assert!(error <= 1e-12, "{}, embedding {embedding}, step {t}: {error:e}", C::NAME);
            states = trace.last;
        }
        for (a, b) in stepper.states().iter().zip(&states) {
            assert!(distance(C::output(a), C::output(b)) <= 1e-12);
        }
    }
}

#[test]
fn a_stepper_gives_the_scores_of_the_model_for_every_cell() {
    check::<Vanilla>();
    check::<Gru>();
    check::<Lstm>();
    check::<GruResetBefore>();
    check::<LstmVariant>();
    check::<MinGru>();
}

#[test]
fn a_table_too_large_to_multiply_beforehand_is_read_row_by_row() {
    let symbols = 30_000;
    let model = LanguageModel::<Gru>::init::<f64>(symbols, Some(3), 40, &mut rng(6));
    let mut stepper = model.stepper(2);
    let ids = [29_999, 17];
    let (_, expected) = model.forward(&ids, &model.zero_states(2), None).expect("symbols");
    let scores = stepper.step(&ids).expect("symbols").to_vec();
    assert!(distance(&Tensor::new(&[2, symbols], scores), &expected) <= 1e-12);
}

#[test]
fn decoding_a_prepared_model_writes_what_the_model_writes() {
    let model = model::<Lstm>(true, Zoneout::default());
    let prepared = model.prepared();
    let stop = Stop { eos: Some(3), max_len: 15 };
    let prompts = [vec![0, 2, 4], vec![1], vec![5, 6]];
    for decoding in [Decoding::greedy(), Decoding::temperature(1.0).expect("positive")] {
        let mut rngs = [1, 2, 3].map(rng);
        let expected = generate(&model, &prompts, model.zero_states(3), &decoding, stop, &mut rngs);
        let mut rngs = [1, 2, 3].map(rng);
        let found = generate(&prepared, &prompts, model.zero_states(3), &decoding, stop, &mut rngs);
        let ids = |texts: &Vec<rnn::decode::Continuation>| -> Vec<_> {
            texts.iter().map(|text| text.ids.clone()).collect()
        };
        assert_eq!(found.as_ref().map(ids), expected.as_ref().map(ids));
    }
    let beam = Beam::width(4).and_then(|beam| beam.n_best(3)).expect("a beam");
    let expected = beam_search(&model, &[1], model.zero_states(1), &beam, stop).expect("texts");
    let found = beam_search(&prepared, &[1], model.zero_states(1), &beam, stop).expect("texts");
    for (a, b) in found.iter().zip(&expected) {
        assert_eq!(a.ids, b.ids);
        assert!((a.log_probability - b.log_probability).abs() <= 1e-12);
    }
}

#[test]
fn what_does_not_fit_a_stepper_is_refused() {
    let model = model::<Gru>(true, Zoneout::default());
    let mut stepper = model.stepper(2);
    let before = stepper.states()[0].h.clone();
    let variant = |error: &Error| matches!(error, Error::Id { .. });
    refused(stepper.step(&[1, SYMBOLS]), variant, &["stepper", "id 9", "position 1", "0..9"]);
    assert_eq!(stepper.states()[0].h, before);
    panics(|| model.stepper(2).step(&[1]).map(<[f64]>::len), &["1 ids for 2 texts"]);
    panics(|| model.stepper(2).set_states(&[]), &["0 states for 2 layers"]);
}
