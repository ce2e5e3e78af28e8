//! Texts: what is drawn, how often, where it ends, and that no row sees another.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rnn::decode::{
    Continuation, DecodeError, Decoding, End, Stop, generate, log_probabilities, pick, symbols,
};
use rnn::{Cell, Gru, LanguageModel, Lstm, Vanilla};
use tests::{config, rng};

use super::{Told, all_texts, chain, check_counts, random_scores, unread};

fn settings() -> impl Strategy<Value = Decoding> {
    let t = |t| Decoding::temperature(t).expect("above 0");
    prop_oneof![
        Just(Decoding::greedy()),
        (0.3..2.0_f64).prop_map(t),
        (0.3..2.0_f64, 1..4_usize).prop_map(move |(x, k)| t(x).top_k(k).expect("above 0")),
        (0.3..2.0_f64, 0.1..=1.0_f64).prop_map(move |(x, p)| t(x).top_p(p).expect("in (0, 1]")),
    ]
}

/// Prompts of different lengths for a model of three symbols.
fn prompts() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0..3_usize, 1..5), 1..6)
}

fn rngs(seed: u64, count: usize) -> Vec<ChaCha8Rng> {
    (0..count as u64).map(|row| rng(seed.wrapping_add(row))).collect()
}

/// The loop that a reader would write first: read the prompt, then choose and read, one text, no batch.
fn naive(
    scores: &dyn Fn(&[usize]) -> Vec<f64>,
    prompt: &[usize],
    decoding: &Decoding,
    stop: Stop,
    rng: &mut ChaCha8Rng,
) -> Continuation {
    let mut read = prompt.to_vec();
    let (mut log_probability, mut end) = (0.0, End::Cut);
    for _ in 0..stop.max_len {
        let scores = scores(&read);
        let id = pick(&scores, decoding, rng);
        log_probability += log_probabilities(&scores).expect("a choice")[id];
        if stop.eos == Some(id) {
            end = End::Eos;
            break;
        }
        read.push(id);
    }
    Continuation { ids: read[prompt.len()..].to_vec(), log_probability, end }
}

proptest! {
    #![proptest_config(config(500, file!()))]

    #[test]
    fn a_row_of_a_batch_is_the_text_that_a_naive_loop_writes_alone(
        seed: u64, prompts in prompts(), decoding in settings(), eos in prop::option::of(0..3_usize), max_len in 0..8_usize,
    ) {
        let model = random_scores(seed, 3, false);
        let stop = Stop { eos, max_len };
        let rows = prompts.len();
        let texts = generate(&model, &prompts, unread(rows), &decoding, stop, &mut rngs(seed, rows)).unwrap();
        for ((prompt, text), mut rng) in prompts.iter().zip(&texts).zip(rngs(seed, rows)) {
            prop_assert_eq!(text, &naive(&model.scores, prompt, &decoding, stop, &mut rng));
        }
    }

    #[test]
    fn the_iterator_gives_the_symbols_of_the_text(
        seed: u64, prompts in prompts(), decoding in settings(), eos in prop::option::of(0..3_usize), max_len in 0..8_usize,
    ) {
        let model = random_scores(seed, 3, false);
        let (prompt, stop) = (&prompts[0], Stop { eos, max_len });
        let text = naive(&model.scores, prompt, &decoding, stop, &mut rng(seed));
        let mut rng = rng(seed);
        let mut given = Vec::new();
        let mut written = symbols(&model, prompt, unread(1), &decoding, stop, &mut rng).unwrap();
        while let Some(id) = written.next() {
            given.push(id.unwrap());
            prop_assert_eq!(&written.text().ids, &given); // one at a time, not ahead
        }
        prop_assert_eq!(written.text(), &text);
        prop_assert_eq!(given, text.ids);
    }
}

/// Texts of three prompts at once are those of each prompt alone, and of the model run over all that was
/// read so far from a zero state.
fn a_language_model_writes_the_same_in_a_batch<C: Cell>() {
    for embedding in [None, Some(3)] {
        let model = LanguageModel::<C>::init::<f64>(4, embedding, 6, &mut rng(5));
        let from_zero = |read: &[usize]| {
            let (_, scores) =
                model.forward(read, &model.zero_states(1), None).expect("known symbols");
            scores.entry(read.len() - 1).data().to_vec()
        };
        let decoding = Decoding::temperature(1.2).unwrap();
        let stop = Stop { eos: Some(0), max_len: 12 };
        let prompts = [vec![1, 2, 3], vec![3], vec![2, 0]];
        let texts =
            generate(&model, &prompts, model.zero_states(3), &decoding, stop, &mut rngs(6, 3))
                .unwrap();
        for (row, (prompt, text)) in prompts.iter().zip(texts).enumerate() {
            let mut rng = rng(6 + row as u64);
            let alone = naive(&from_zero, prompt, &decoding, stop, &mut rng);
            assert_eq!((&text.ids, text.end), (&alone.ids, alone.end), "{} row {row}", C::NAME);
            assert!((text.log_probability - alone.log_probability).abs() < 1e-12);
        }
    }
}

#[test]
fn language_models_of_every_cell_write_the_same_in_a_batch() {
    a_language_model_writes_the_same_in_a_batch::<Vanilla>();
    a_language_model_writes_the_same_in_a_batch::<Gru>();
    a_language_model_writes_the_same_in_a_batch::<Lstm>();
}

#[test]
fn texts_are_drawn_as_often_as_they_are_probable() {
    let model = chain([[0.2, 0.5, 0.3], [0.3, 0.1, 0.6], [0.25, 0.5, 0.25]]);
    let stop = Stop { eos: Some(0), max_len: 3 };
    let all = all_texts(&model.scores, &[0], stop);
    assert_eq!(all.len(), 1 + 2 + 4 + 8);
    let p: Vec<f64> = all.iter().map(|text| text.log_probability.exp()).collect();
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-14);

    let rows = 50_000;
    let decoding = Decoding::temperature(1.0).unwrap();
    let prompts = vec![[0]; rows];
    let texts =
        generate(&model, &prompts, unread(rows), &decoding, stop, &mut rngs(7, rows)).unwrap();
    let mut counts = vec![0; all.len()];
    for text in texts {
        let which = all.iter().position(|other| other.ids == text.ids && other.end == text.end);
        let which = which.expect("a text that the model can write");
        assert!((text.log_probability - all[which].log_probability).abs() < 1e-14);
        counts[which] += 1;
    }
    check_counts("texts of three symbols", &counts, &p);
}

#[test]
fn the_log_probability_is_that_of_the_model_whatever_was_drawn_from() {
    let model = chain([[0.2, 0.8], [0.5, 0.5]]);
    let stop = Stop { eos: Some(0), max_len: 9 };
    let decoding = Decoding::temperature(0.01).unwrap();
    let texts = generate(&model, &[[0]], unread(1), &decoding, stop, &mut rngs(0, 1)).unwrap();
    let halves = texts[0].choices() as i32 - 1;
    assert!((texts[0].log_probability.exp() - 0.8 * 0.5_f64.powi(halves)).abs() < 1e-15);
}

#[test]
fn a_text_that_has_ended_is_not_run_any_more() {
    // What follows i is i − 1, and 0 ends.
    let model = Told::new(4, |read| {
        let mut scores = vec![f64::NEG_INFINITY; 4];
        scores[read[read.len() - 1].saturating_sub(1)] = 0.0;
        scores
    });
    let stop = Stop { eos: Some(0), max_len: 10 };
    let prompts = [[1], [3], [2], [3]];
    let texts =
        generate(&model, &prompts, unread(4), &Decoding::greedy(), stop, &mut rngs(0, 4)).unwrap();
    let ids: Vec<_> = texts.iter().map(|text| text.ids.clone()).collect();
    assert_eq!(ids, [vec![], vec![2, 1], vec![1], vec![2, 1]]);
    assert!(texts.iter().all(|text| text.end == End::Eos && text.log_probability == 0.0));
    assert_eq!(*model.batches.borrow(), [4, 3, 2]);
}

#[test]
fn no_prompts_give_no_texts() {
    let model = chain([[0.5, 0.5], [0.5, 0.5]]);
    let stop = Stop { eos: None, max_len: 3 };
    let none: [&[usize]; 0] = [];
    let texts =
        generate(&model, &none, unread(0), &Decoding::greedy(), stop, &mut rngs(0, 0)).unwrap();
    assert!(texts.is_empty());
}

#[test]
fn the_iterator_ends_with_an_error_where_nothing_can_be_chosen() {
    let model = chain([[0.0, 1.0], [f64::NAN, f64::NAN]]);
    let stop = Stop { eos: None, max_len: 5 };
    let mut rng = rng(0);
    let mut ids = symbols(&model, &[0], unread(1), &Decoding::greedy(), stop, &mut rng).unwrap();
    assert_eq!(ids.next(), Some(Ok(1)));
    assert_eq!(ids.next(), Some(Err(DecodeError::NoChoice { scores: 2 })));
    assert_eq!(ids.next(), None);
    assert_eq!(ids.text().ids, [1]);
}
