//! What captioner and encoder–decoder write.

use rnn::decode::{Beam, Continuation, Decoding, End, NextSymbol, Stop, beam_search, generate};
use rnn::models::{EncoderDecoder, ImageAs};
use rnn::{Cell, Directions, Gru, Lstm};
use tests::rng;

use super::*;

/// Greedy texts from a state of `rows` rows.
#[track_caller]
fn greedy<M: NextSymbol>(
    model: &M,
    bos: usize,
    rows: usize,
    state: M::State,
    stop: Stop,
) -> Vec<Continuation> {
    let mut rngs: Vec<_> = (0..rows as u64).map(rng).collect();
    let prompts = vec![[bos]; rows];
    generate(model, &prompts, state, &Decoding::greedy(), stop, &mut rngs).unwrap()
}

fn same(a: &Continuation, b: &Continuation) -> bool {
    (a.ids == b.ids && a.end == b.end) && (a.log_probability - b.log_probability).abs() <= 1e-12
}

#[test]
fn an_encoder_decoder_writes_greedily_what_a_beam_of_width_1_finds() {
    for look in LOOKS {
        let model = encoder_decoder::<Gru>(look, BOTH);
        let stop = Stop { eos: Some(model.eos()), max_len: 6 };
        for sentence in SENTENCES {
            let state = || model.encode(&[sentence]).unwrap();
            let written = greedy(&model, model.bos(), 1, state(), stop).remove(0);
            let beam = Beam::width(1).unwrap();
            let found = beam_search(&model, &[model.bos()], state(), &beam, stop).unwrap();
            assert!(same(&written, &found[0]), "{look:?}: {written:?} and {:?}", found[0]);
        }
    }
}

#[test]
fn a_sentence_is_translated_the_same_alone_and_in_a_batch() {
    for look in LOOKS {
        let model = encoder_decoder::<Lstm>(look, Directions::Forward);
        let stop = Stop { eos: Some(model.eos()), max_len: 6 };
        let all = model.encode(&SENTENCES).unwrap();
        let together = greedy(&model, model.bos(), 4, all, stop);
        for (b, sentence) in SENTENCES.iter().enumerate() {
            let state = model.encode(&[sentence]).unwrap();
            let alone = greedy(&model, model.bos(), 1, state, stop).remove(0);
            assert!(same(&together[b], &alone), "{look:?}");
        }
    }
}

/// The most probable text among all, by trying each.
fn best_of_all<C: Cell>(
    model: &EncoderDecoder<C, Tensor<f64>>,
    source: &[usize],
) -> (Vec<usize>, f64) {
    let mut texts: Vec<Vec<usize>> = vec![vec![]];
    for length in 0..3 {
        let longest: Vec<_> = texts.iter().filter(|text| text.len() == length).cloned().collect();
        texts.extend(longest.iter().flat_map(|text| [0, 1].map(|id| [&text[..], &[id]].concat())));
    }
    let sources = vec![source; texts.len()];
    let scores = model.forced(&sources, &texts).unwrap().scores.cast::<f64>(); // [T·B, V + 1]
    let log_p = |b: usize| -> f64 {
        let symbols = texts[b].iter().copied().chain([model.eos()]).enumerate();
        symbols
            .map(|(t, id)| {
                let row = scores.entry(t * texts.len() + b);
                rnn::decode::log_probabilities(row.data()).unwrap()[id]
            })
            .sum()
    };
    let best = (0..texts.len()).max_by(|&a, &b| log_p(a).total_cmp(&log_p(b))).unwrap();
    (texts[best].clone(), log_p(best))
}

#[test]
fn a_wide_beam_finds_the_sentence_with_the_smallest_loss() {
    for look in LOOKS {
        let model = encoder_decoder::<Gru>(look, BOTH);
        for sentence in SENTENCES {
            // As wide as there are texts of at most four choices.
            let stop = Stop { eos: Some(model.eos()), max_len: 4 };
            let beam = Beam::width(81).unwrap().n_best(81).unwrap();
            let state = model.encode(&[sentence]).unwrap();
            let found = beam_search(&model, &[model.bos()], state, &beam, stop).unwrap();
            let ended = found.iter().find(|text| text.end == End::Eos).unwrap();
            let (ids, log_p) = best_of_all(&model, sentence);
            assert_eq!(ended.ids, ids, "{look:?}");
            assert!((ended.log_probability - log_p).abs() <= 1e-12, "{look:?}");
        }
    }
}

#[test]
fn begin_is_never_written() {
    let model = encoder_decoder::<Gru>(None, Directions::Forward);
    let state = model.encode(&SENTENCES).unwrap();
    let (scores, _) = model.step(&[model.bos(); 4], &state).unwrap();
    assert_eq!(scores.shape(), [4, 2 + 2]);
    assert!((0..4).all(|b| scores.at(&[b, model.bos()]) == f64::NEG_INFINITY));

    let model = captioner::<Gru>(ImageAs::State);
    let (scores, _) = model.step(&[model.bos()], &model.start(&images(&[0], 4))).unwrap();
    assert_eq!(scores.at(&[0, model.bos()]), f64::NEG_INFINITY);
}

#[test]
fn what_a_captioner_writes_has_the_probability_that_its_loss_says() {
    for image_as in [ImageAs::State, ImageAs::Input] {
        let model = captioner::<Lstm>(image_as);
        let stop = Stop { eos: Some(model.eos()), max_len: 8 };
        let pictures = images::<f64>(&[0, 1, 2], 4);
        let mut rngs = [1, 2, 3].map(rng);
        let prompts = [[model.bos()]; 3];
        let decoding = Decoding::temperature(1.0).unwrap();
        let state = model.start(&pictures);
        let texts = generate(&model, &prompts, state, &decoding, stop, &mut rngs).unwrap();
        assert!(texts.iter().any(|text| text.end == End::Eos && !text.ids.is_empty()));
        for (b, text) in texts.iter().enumerate().filter(|(_, text)| text.end == End::Eos) {
            let tape = Tape::new();
            let on_tape = autograd::Params::map(&model, |w| tape.constant(w.clone()));
            let image = tape.constant(pictures.slice(0, b, b + 1));
            let loss = on_tape.loss_on_tape(image, &[&text.ids]).unwrap().value().item();
            let log_p = -loss * text.choices() as f64;
            assert!((text.log_probability - log_p).abs() <= 1e-12, "{image_as:?}");
        }
    }
}

#[test]
fn attention_is_given_for_every_symbol_and_adds_up_to_1() {
    let model = encoder_decoder::<Gru>(LOOKS[1], BOTH);
    let weights = model.forced(&SENTENCES, &REPLIES).unwrap().weights.unwrap();
    assert_eq!(weights.shape(), [4, 4, 4]); // T′ = 3 symbols and EOS, B, T
    let sums = weights.sum_over(&[2]);
    for (i, sum) in sums.data().iter().enumerate() {
        let wanted = if SENTENCES[i % 4].is_empty() { 0.0 } else { 1.0 };
        assert!((sum - wanted).abs() <= 1e-14);
    }
    assert!(
        encoder_decoder::<Gru>(None, BOTH).forced(&SENTENCES, &REPLIES).unwrap().weights.is_none()
    );
}
