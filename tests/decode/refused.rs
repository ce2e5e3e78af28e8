//! Bad input to decoding: each mistake has a variant of its own and a sentence with the facts.

use autograd::{Error, Tensor};
use rnn::decode::{Beam, DecodeError, Decoding, NextSymbol, Stop, beam_search, generate, symbols};
use rnn::{Gru, LanguageModel};
use tests::rng;

use super::{chain, unread};
use tests::refused;

#[test]
fn settings_that_define_no_distribution_are_refused() {
    for t in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let fact = format!("temperature {t} is not");
        let variant = |e: &_| matches!(e, DecodeError::Temperature { .. });
        refused(Decoding::temperature(t), variant, &[&fact, "greedy"]);
    }
    let any = Decoding::temperature(1.0).unwrap();
    refused(any.top_k(0), |e| matches!(e, DecodeError::TopK), &["k = 0"]);
    for p in [0.0, -0.5, 1.0 + f64::EPSILON, f64::NAN, f64::INFINITY] {
        let fact = format!("p = {p} is outside of (0, 1]");
        refused(any.top_p(p), |e| matches!(e, DecodeError::TopP { .. }), &[&fact]);
    }
}

#[test]
fn beams_that_cannot_be_searched_are_refused() {
    refused(Beam::width(0), |e| matches!(e, DecodeError::Width), &["width 0"]);
    let beam = Beam::width(3).unwrap();
    for n in [0, 4] {
        let fact = format!("{n} best");
        let variant = |e: &_| matches!(e, DecodeError::NBest { .. });
        refused(beam.n_best(n), variant, &[&fact, "width 3", "1 to 3"]);
    }
    for alpha in [-0.1, f64::NAN, f64::INFINITY] {
        let fact = format!("α = {alpha}");
        refused(beam.alpha(alpha), |e| matches!(e, DecodeError::Alpha { .. }), &[&fact]);
    }
}

#[test]
fn prompts_and_ends_that_the_model_does_not_know_are_refused() {
    let model = chain([[0.5, 0.5], [0.5, 0.5]]);
    type Case<'a> = (&'a [usize], Option<usize>, fn(&DecodeError) -> bool, &'a [&'a str]);
    let cases: [Case; 3] = [
        (&[], None, |e| matches!(e, DecodeError::EmptyPrompt { .. }), &["text 0", "empty"]),
        (
            &[1, 7],
            None,
            |e| matches!(e, DecodeError::Prompt { .. }),
            &["id 7", "position 1", "text 0", "2 symbols"],
        ),
        (&[1], Some(2), |e| matches!(e, DecodeError::Eos { .. }), &["end symbol 2", "2 symbols"]),
    ];
    let (greedy, beam) = (Decoding::greedy(), Beam::width(2).unwrap());
    for (prompt, eos, variant, facts) in cases {
        let stop = Stop { eos, max_len: 5 };
        let rngs = &mut [rng(0)];
        refused(generate(&model, &[prompt], unread(1), &greedy, stop, rngs), variant, facts);
        refused(symbols(&model, prompt, unread(1), &greedy, stop, &mut rngs[0]), variant, facts);
        refused(beam_search(&model, prompt, unread(1), &beam, stop), variant, facts);
    }
    let second: [&[usize]; 2] = [&[1], &[]];
    let stop = Stop { eos: None, max_len: 5 };
    let texts = generate(&model, &second, unread(2), &greedy, stop, &mut [rng(0), rng(1)]);
    refused(texts, |e| matches!(e, DecodeError::EmptyPrompt { row: 1 }), &["text 1"]);
}

#[test]
fn scores_without_a_choice_end_texts_and_searches() {
    let model = chain([[0.5, 0.5], [f64::NAN, 0.0]]);
    let stop = Stop { eos: None, max_len: 5 };
    let variant = |e: &_| matches!(e, DecodeError::NoChoice { .. });
    let facts = ["none of 2 scores is above −∞"];
    let texts = generate(&model, &[[1]], unread(1), &Decoding::greedy(), stop, &mut [rng(0)]);
    refused(texts, variant, &facts);
    let found = beam_search(&model, &[1], unread(1), &Beam::width(2).unwrap(), stop);
    refused(found, variant, &facts);
}

/// A model that fails, or gives scores of a wrong shape.
struct Broken {
    shape: Option<[usize; 2]>,
}

impl NextSymbol for Broken {
    type Element = f32;
    type State = ();

    fn vocab_size(&self) -> usize {
        3
    }

    fn step(&self, last: &[usize], _: &()) -> Result<(Tensor<f32>, ()), Error> {
        match self.shape {
            Some(shape) => Ok((Tensor::zeros(&shape), ())),
            None => Err(Error::Id { op: "broken", id: last[0], position: 0, size: 0 }),
        }
    }

    fn select(&self, _: &(), _: &[usize]) {}
}

#[test]
fn an_error_of_the_model_is_passed_on_as_it_is() {
    let stop = Stop { eos: None, max_len: 5 };
    let broken = Broken { shape: None };
    let variant = |e: &_| matches!(e, DecodeError::Model(Error::Id { op: "broken", .. }));
    let texts = generate(&broken, &[[2]], (), &Decoding::greedy(), stop, &mut [rng(0)]);
    refused(texts, variant, &["broken: id 2"]);
    let found = beam_search(&broken, &[2], (), &Beam::width(2).unwrap(), stop);
    refused(found, variant, &["broken: id 2"]);
}

#[test]
#[should_panic(expected = "the shape of the scores must be [B, V]")]
fn scores_of_a_wrong_shape_are_the_fault_of_the_model() {
    let stop = Stop { eos: None, max_len: 5 };
    let broken = Broken { shape: Some([3, 1]) };
    let _ = generate(&broken, &[[2]], (), &Decoding::greedy(), stop, &mut [rng(0)]);
}

#[test]
#[should_panic(expected = "one generator for each of 2 prompts")]
fn a_batch_without_a_generator_for_each_row_is_the_fault_of_the_caller() {
    let model = LanguageModel::<Gru>::init::<f32>(3, None, 4, &mut rng(0));
    let stop = Stop { eos: None, max_len: 5 };
    let state = model.zero_states(2);
    let _ = generate(&model, &[[0], [1]], state, &Decoding::greedy(), stop, &mut [rng(0)]);
}
