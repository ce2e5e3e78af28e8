//! Beam search against exhaustive search, against greedy decoding, and against a search without its shortcuts.

use std::cmp::Ordering;

use proptest::prelude::*;
use rnn::decode::{
    Beam, Continuation, Decoding, End, Stop, beam_search, generate, log_probabilities,
};
use rnn::{Gru, LanguageModel};
use tests::{config, rng};

use super::{Told, all_texts, chain, random_scores, unread};

/// Wu et al. 2016, equation 14, written out.
fn score(text: &Continuation, alpha: f64) -> f64 {
    text.log_probability / ((5.0 + text.choices() as f64) / (5.0 + 1.0)).powf(alpha)
}

/// The documented order of texts.
fn order(a: &Continuation, b: &Continuation, alpha: f64) -> Ordering {
    let by_score = score(b, alpha).partial_cmp(&score(a, alpha)).expect("no NaN");
    let key = |text: &Continuation| (text.choices(), text.end == End::Cut, text.ids.clone());
    by_score.then(key(a).cmp(&key(b)))
}

/// Every continuation sorted, no batch, no early stop: the definition of a beam.
fn naive_beam(
    scores: &dyn Fn(&[usize]) -> Vec<f64>,
    start: usize,
    (width, n_best, alpha): (usize, usize, f64),
    stop: Stop,
) -> Vec<Continuation> {
    let mut open = vec![Continuation { ids: vec![], log_probability: 0.0, end: End::Cut }];
    let mut finished = Vec::new();
    for _ in 0..stop.max_len {
        let mut all = Vec::new();
        for text in &open {
            let log_p = log_probabilities(&scores(&[&[start], &text.ids[..]].concat())).unwrap();
            for (id, log_p) in log_p.into_iter().enumerate().filter(|(_, log_p)| log_p.is_finite())
            {
                let ids = [&text.ids[..], &[id]].concat();
                all.push((text.log_probability + log_p, ids));
            }
        }
        all.sort_by(|a, b| b.0.partial_cmp(&a.0).expect("no NaN").then(a.1.cmp(&b.1)));
        all.truncate(width);
        open.clear();
        for (log_probability, mut ids) in all {
            if stop.eos.is_some() && ids.last().copied() == stop.eos {
                ids.pop();
                finished.push(Continuation { ids, log_probability, end: End::Eos });
            } else {
                open.push(Continuation { ids, log_probability, end: End::Cut });
            }
        }
    }
    finished.extend(open);
    finished.sort_by(|a, b| order(a, b, alpha));
    finished.truncate(n_best);
    finished
}

fn alphas() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..3.0_f64]
}

proptest! {
    #![proptest_config(config(1000, file!()))]

    #[test]
    fn a_beam_as_wide_as_all_texts_is_exhaustive_search(
        seed: u64, vocab_size in 2..=3_usize, max_len in 0..=5_usize, has_eos: bool, coarse: bool,
        n_best in 1..=6_usize, alpha in alphas(),
    ) {
        let model = random_scores(seed, vocab_size, coarse);
        let stop = Stop { eos: has_eos.then_some(0), max_len };
        let width = vocab_size.pow(max_len as u32).max(n_best);
        let beam = Beam::width(width).unwrap().n_best(n_best).unwrap().alpha(alpha).unwrap();
        let found = beam_search(&model, &[1], unread(1), &beam, stop).unwrap();

        let mut all = all_texts(&model.scores, &[1], stop);
        let mass: f64 = all.iter().map(|text| text.log_probability.exp()).sum();
        prop_assert!((mass - 1.0).abs() < 1e-12, "{mass}");
        all.sort_by(|a, b| order(a, b, alpha));
        all.truncate(n_best);
        prop_assert_eq!(&found, &all);
        for text in &found {
            prop_assert!(text.log_probability.is_finite());
            prop_assert_eq!(beam.score(text), score(text, alpha));
        }
    }

    #[test]
    fn a_beam_of_any_width_finds_what_the_search_without_shortcuts_finds(
        seed: u64, max_len in 1..=12_usize, has_eos: bool, coarse: bool,
        width in 1..=6_usize, n_best in 1..=6_usize, alpha in alphas(),
    ) {
        let model = random_scores(seed, 4, coarse);
        let stop = Stop { eos: has_eos.then_some(2), max_len };
        let n_best = n_best.min(width);
        let beam = Beam::width(width).unwrap().n_best(n_best).unwrap().alpha(alpha).unwrap();
        let found = beam_search(&model, &[0], unread(1), &beam, stop).unwrap();
        prop_assert_eq!(found, naive_beam(&model.scores, 0, (width, n_best, alpha), stop));
    }

    #[test]
    fn a_beam_of_width_one_is_greedy(seed: u64, max_len in 0..=12_usize, has_eos: bool, alpha in alphas(), prompt in prop::collection::vec(0..4_usize, 1..4)) {
        let model = random_scores(seed, 4, false);
        let stop = Stop { eos: has_eos.then_some(2), max_len };
        let beam = Beam::width(1).unwrap().alpha(alpha).unwrap();
        let found = beam_search(&model, &prompt, unread(1), &beam, stop).unwrap();
        let greedy = generate(&model, &[&prompt], unread(1), &Decoding::greedy(), stop, &mut [rng(0)]).unwrap();
        prop_assert_eq!(found, greedy);
    }
}

/// "the old man the boat": what begins most probably ends in ten words of one tenth each, what begins less
/// probably goes on almost surely.
#[test]
fn a_beam_of_two_finds_the_garden_path_that_greedy_misses() {
    let model = Told::new(13, |read| {
        let mut p = [0.0; 13];
        match read[..] {
            [0] => [p[1], p[2]] = [0.55, 0.45],
            [0, 1] => p[3..].fill(0.1),
            [0, 2] => [p[3], p[4]] = [0.1, 0.9],
            _ => p[0] = 1.0,
        }
        p.map(f64::ln).to_vec()
    });
    let stop = Stop { eos: Some(0), max_len: 10 };
    let greedy =
        generate(&model, &[[0]], unread(1), &Decoding::greedy(), stop, &mut [rng(0)]).unwrap();
    assert_eq!(greedy[0].ids, [1, 3]);
    assert!((greedy[0].log_probability.exp() - 0.055).abs() < 1e-15);

    let found = beam_search(&model, &[0], unread(1), &Beam::width(2).unwrap(), stop).unwrap();
    assert_eq!(found[0].ids, [2, 4]);
    assert!((found[0].log_probability.exp() - 0.405).abs() < 1e-15);
    assert_eq!(found[0].end, End::Eos);
}

#[test]
fn length_normalisation_makes_up_for_more_symbols() {
    // The empty text has probability 0.4, the text of four symbols 0.6 · 0.8³ = 0.307.
    let model = Told::new(2, |read| match read.len() {
        1 => [0.4_f64, 0.6].map(f64::ln).to_vec(),
        2..=4 => [0.2_f64, 0.8].map(f64::ln).to_vec(),
        _ => vec![0.0, f64::NEG_INFINITY],
    });
    let stop = Stop { eos: Some(0), max_len: 10 };
    let best = |alpha: f64| {
        let beam = Beam::width(5).unwrap().alpha(alpha).unwrap();
        let text = beam_search(&model, &[0], unread(1), &beam, stop).unwrap().remove(0);
        (text.ids.len(), beam.score(&text))
    };
    assert_eq!(best(0.0), (0, 0.4_f64.ln()));
    let (len, score) = best(1.0);
    assert_eq!(len, 4);
    assert!((score - (0.6 * 0.8_f64.powi(3)).ln() / (10.0 / 6.0)).abs() < 1e-15);
}

#[test]
fn the_search_stops_as_soon_as_nothing_can_get_ahead_and_no_sooner() {
    let steps = |eos: f64, alpha: f64| {
        let model = chain([[eos, 1.0 - eos]; 2]);
        let stop = Stop { eos: Some(0), max_len: 1000 };
        let beam = Beam::width(2).unwrap().alpha(alpha).unwrap();
        let found = beam_search(&model, &[0], unread(1), &beam, stop).unwrap();
        assert!(found[0].ids.is_empty());
        model.batches.borrow().len()
    };
    assert_eq!(steps(0.9, 0.0), 1);
    assert_eq!(steps(0.5, 0.0), 1); // an open one that is as probable cannot get ahead
    // ln 0.1^t / lp(1000) falls below ln 0.9 as soon as t > −ln 0.9 · 167.5 / 2.303 = 7.66.
    assert_eq!(steps(0.9, 1.0), 8);
}

#[test]
fn equal_texts_come_in_lexicographic_order() {
    let model = Told::new(3, |_| vec![0.0; 3]);
    let stop = Stop { eos: None, max_len: 2 };
    for width in [5, 9, usize::MAX] {
        let beam = Beam::width(width).unwrap().n_best(5).unwrap();
        let found = beam_search(&model, &[0], unread(1), &beam, stop).unwrap();
        let ids: Vec<_> = found.iter().map(|text| &text.ids[..]).collect();
        assert_eq!(ids, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]]);
    }
}

#[test]
fn there_are_fewer_results_than_asked_for_where_the_model_can_write_no_more() {
    let model = chain([[0.5, 0.5], [1.0, 0.0]]);
    let stop = Stop { eos: Some(0), max_len: 5 };
    let beam = Beam::width(8).unwrap().n_best(8).unwrap();
    let found = beam_search(&model, &[0], unread(1), &beam, stop).unwrap();
    let ids: Vec<_> = found.iter().map(|text| &text.ids[..]).collect();
    assert_eq!(ids, [&[][..], &[1]]);
}

/// The states of a real model are shuffled by the beam as its hypotheses are: the same texts as from the
/// model run over all that was read, each time from the beginning.
#[test]
fn a_language_model_is_searched_as_if_each_text_were_read_alone() {
    for seed in 0..20 {
        let model = LanguageModel::<Gru>::init::<f64>(4, Some(3), 6, &mut rng(seed));
        let model = LanguageModel {
            head: rnn::Linear { weight: model.head.weight * 6.0, ..model.head },
            ..model
        };
        let from_zero = Told::new(4, |read: &[usize]| {
            let (_, scores) =
                model.forward(read, &model.zero_states(1), None).expect("known symbols");
            scores.entry(read.len() - 1).data().to_vec()
        });
        let stop = Stop { eos: Some(0), max_len: 8 };
        let beam = Beam::width(5).unwrap().n_best(5).unwrap().alpha(0.6).unwrap();
        let found = beam_search(&model, &[1, 2, 3], model.zero_states(1), &beam, stop).unwrap();
        let wanted = beam_search(&from_zero, &[1, 2, 3], unread(1), &beam, stop).unwrap();
        assert_eq!(found.len(), 5);
        for (found, wanted) in found.iter().zip(wanted) {
            assert_eq!((&found.ids, found.end), (&wanted.ids, wanted.end), "seed {seed}");
            assert!((found.log_probability - wanted.log_probability).abs() < 1e-12);
        }
    }
}
