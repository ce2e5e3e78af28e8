//! What a batch and its padding must not change, and what models have in common.

use std::ops::Mul;

use autograd::{Params, Tape, Tensor, Var};
use rnn::models::{ImageAs, ModelError, Sentences};
use rnn::{Cell, Directions, Gru, Lstm, Seq, Vanilla};
use tests::{assert_close, distance, rng};

use super::*;

/// A loss, its gradient, and how many numbers it is the mean of.
struct Loss<P> {
    value: f64,
    grads: P,
    count: usize,
}

/// The loss of these rows of a batch.
fn loss_of<P>(
    model: &P,
    count: usize,
    loss: impl for<'t> FnOnce(
        &'t Tape<f64>,
        &<P::Family as autograd::Family>::Of<Var<'t, f64>>,
    ) -> Result<Var<'t, f64>, ModelError>,
) -> Loss<P>
where
    P: Params<Leaf = Tensor<f64>, Family: autograd::Family<Of<Tensor<f64>> = P>>,
{
    let tape = Tape::new();
    let on_tape = model.map(|w| tape.leaf(w.clone()));
    let loss = loss(&tape, &on_tape).unwrap();
    let grads = tape.backward(loss);
    Loss { value: loss.value().item(), grads: on_tape.map(|&w| grads.of(w)), count }
}

/// Asserts that the loss of four rows together, and its gradient, are the means of those of each row alone,
/// weighted by the numbers that each is the mean of.
#[track_caller]
fn is_the_mean_over_its_rows<P>(what: &str, loss: impl Fn(&[usize]) -> Loss<P>)
where
    P: Params<Leaf = Tensor<f64>, Family: autograd::Family<Of<Tensor<f64>> = P>>,
{
    let all = loss(&[0, 1, 2, 3]);
    let rows = [0, 1, 2, 3].map(|b| loss(&[b]));
    assert_eq!(all.count, rows.iter().map(|row| row.count).sum::<usize>(), "{what}");
    let share = |row: &Loss<P>| row.count as f64 / all.count as f64;
    let value: f64 = rows.iter().map(|row| row.value * share(row)).sum();
    assert!((all.value - value).abs() <= 1e-13, "{what}: {} together, {value} alone", all.value);
    let mut grads = all.grads.zeros_like();
    for row in &rows {
        grads.add_assign(&row.grads.map(|d| d.mul(share(row))));
    }
    assert_close(what, &all.grads, &grads, 1e-13);
}

/// Of each chosen row.
fn chosen<T: Copy>(of: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&b| of[b]).collect()
}

#[test]
fn the_loss_of_an_acceptor_is_the_mean_over_rows_that_do_not_see_each_other() {
    for pooling in POOLINGS {
        let model = acceptor::<Gru>(pooling, BOTH);
        is_the_mean_over_its_rows(&format!("{pooling:?}"), |rows| {
            loss_of(&model, rows.len(), |tape, model| {
                let xs = model.embedding.on_tape(tape, &chosen(&SENTENCES, rows))?;
                model.loss_on_tape(&xs, &chosen(&[2, 0, 1, 1], rows), None)
            })
        });
    }
}

#[test]
fn the_loss_of_a_tagger_is_the_mean_over_steps_and_not_over_cells() {
    let model = tagger::<Lstm>(BOTH);
    let sentences: [&[usize]; 4] = [&[1, 0], &[2, 2, 1, 0], &[1, 1, 1], &[0]];
    is_the_mean_over_its_rows("tagger", |rows| {
        let sentences = chosen(&sentences, rows);
        loss_of(&model, sentences.concat().len(), |tape, model| {
            let xs = model.embedding.on_tape(tape, &sentences)?;
            let tags: Vec<Vec<usize>> =
                sentences.iter().map(|ids| ids.iter().map(|id| id % 2).collect()).collect();
            model.loss_on_tape(&xs, &tags, None)
        })
    });
}

#[test]
fn the_loss_of_a_captioner_is_the_mean_over_symbols_and_ends() {
    for image_as in [ImageAs::State, ImageAs::Input] {
        let model = captioner::<Gru>(image_as);
        is_the_mean_over_its_rows(&format!("{image_as:?}"), |rows| {
            let captions = chosen(&SENTENCES, rows);
            loss_of(&model, captions.concat().len() + rows.len(), |tape, model| {
                model.loss_on_tape(tape.constant(images(rows, 4)), &captions)
            })
        });
    }
}

#[test]
fn the_loss_of_a_video_classifier_is_the_mean_over_rows_that_do_not_see_each_other() {
    let model = video::<Lstm>();
    is_the_mean_over_its_rows("video", |rows| {
        loss_of(&model, rows.len(), |tape, model| {
            let rows_and_lengths = chosen(&[(0, 2), (1, 3), (2, 1), (3, 2)], rows);
            let frames = batch_on_tape(tape, &rows_and_lengths, 2 * 4 * 3);
            model.loss_on_tape(&frames, &chosen(&[1, 0, 0, 1], rows), None)
        })
    });
}

#[test]
fn the_loss_of_a_forecaster_is_the_mean_over_the_values_that_follow_another() {
    let model = forecaster::<Gru>();
    is_the_mean_over_its_rows("forecaster", |rows| {
        let series = chosen(&[(0, 2), (1, 5), (2, 3), (3, 2)], rows);
        let count = series.iter().map(|&(_, length)| (length - 1) * 2).sum();
        loss_of(&model, count, |tape, model| {
            model.loss_on_tape(&batch_on_tape(tape, &series, 2), None)
        })
    });
}

#[test]
fn the_loss_of_an_encoder_decoder_is_the_mean_over_symbols_and_ends() {
    for look in LOOKS {
        let model = encoder_decoder::<Lstm>(look, BOTH);
        is_the_mean_over_its_rows(&format!("{look:?}"), |rows| {
            let replies = chosen(&REPLIES, rows);
            loss_of(&model, replies.concat().len() + rows.len(), |tape, model| {
                model.loss_on_tape(tape, &chosen(&SENTENCES, rows), &replies)
            })
        });
    }
}

#[test]
fn scores_are_those_of_each_sentence_alone() {
    for pooling in POOLINGS {
        let model = acceptor::<Vanilla>(pooling, BOTH);
        let scores =
            |sentences: &[&[usize]]| model.scores(&model.embedding.forward(sentences).unwrap());
        let together = scores(&SENTENCES);
        for (b, &sentence) in SENTENCES.iter().enumerate() {
            let alone = scores(&[sentence]);
            assert!(distance(&together.slice(0, b, b + 1), &alone) <= 1e-14, "{pooling:?}");
        }
    }
    let model = tagger::<Gru>(BOTH);
    let together = model.tag(&SENTENCES).unwrap();
    let alone = SENTENCES.map(|sentence| model.tag(&[sentence]).unwrap().remove(0));
    assert_eq!(together, alone);
}

#[test]
fn pooling_sees_all_that_a_row_has_and_nothing_more() {
    // One layer that is the identity on what it pools would be simplest; so the head is, and h is known.
    let xs = batch::<f64>(&[(0, 2), (1, 4), (2, 0)], 2);
    for pooling in [Pooling::Last, Pooling::Mean, Pooling::Max] {
        let mut model = acceptor::<Gru>(pooling, Directions::Forward);
        model.head.weight = Tensor::from_fn(&[3, 3], |i| if i % 4 == 0 { 1.0 } else { 0.0 });
        model.head.bias = Tensor::zeros(&[3]);
        let hs = model.rnn.unroll(&xs, None, None).outputs.steps(); // [T, B, H]
        let scores = model.scores(&xs);
        for (b, length) in [2, 4, 0].into_iter().enumerate() {
            for unit in 0..3 {
                let h: Vec<f64> = (0..length).map(|t| hs.at(&[t, b, unit])).collect();
                let wanted = match pooling {
                    _ if length == 0 => 0.0,
                    Pooling::Last => h[length - 1],
                    Pooling::Mean => h.iter().sum::<f64>() / length as f64,
                    _ => h.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                };
                let found = scores.at(&[b, unit]);
                assert!((found - wanted).abs() <= 1e-15, "{pooling:?}: {found} for {wanted}");
            }
        }
    }
}

#[test]
fn attention_weights_are_0_behind_the_end_and_add_up_to_1() {
    let model = acceptor::<Gru>(Pooling::Attention, BOTH);
    let xs = model.embedding.forward(&SENTENCES).unwrap();
    let weights = model.weights(&xs).unwrap();
    assert_eq!(weights.shape(), [4, 4]);
    for (b, sentence) in SENTENCES.iter().enumerate() {
        let row = weights.entry(b);
        let (own, behind) = row.data().split_at(sentence.len());
        assert!(behind.iter().all(|&w| w == 0.0));
        let wanted = if sentence.is_empty() { 0.0 } else { 1.0 };
        assert!((own.iter().sum::<f64>() - wanted).abs() <= 1e-15);
    }
    assert!(acceptor::<Gru>(Pooling::Last, BOTH).weights(&xs).is_none());
}

#[test]
fn a_free_running_forecast_reads_its_own_values() {
    let model = forecaster::<Lstm>();
    let series = Seq::time_major(Tensor::from_fn(&[6, 2, 2], |i| (i as f64).sin()));
    let ahead = model.forecast(&series, 3);
    let step = |values: &Tensor<f64>| {
        let next = model.one_step(&Seq::time_major(values.clone())).steps();
        next.entry(next.shape()[0] - 1)
    };
    let mut values = series.steps();
    for t in 0..3 {
        let next = step(&values);
        assert!(distance(&ahead.entry(t), &next) <= 1e-14);
        values = Tensor::concat(&[&values, &next.reshape(&[1, 2, 2])], 0);
    }
    assert_eq!(model.forecast(&series, 0).shape(), [0, 2, 2]);
}

#[test]
fn a_series_is_forecast_from_its_own_end() {
    let model = forecaster::<Gru>();
    let together = model.forecast(&batch(&[(0, 3), (1, 6)], 2), 4);
    let alone = model.forecast(&batch(&[(0, 3)], 2), 4);
    assert!(distance(&together.slice(1, 0, 1), &alone) <= 1e-14);
}

#[test]
fn scheduled_sampling_that_never_happens_is_teacher_forcing() {
    for look in LOOKS {
        let model = encoder_decoder::<Gru>(look, BOTH);
        let forced =
            loss_of(&model, 1, |tape, model| model.loss_on_tape(tape, &SENTENCES, &REPLIES));
        let sampled = |own, seed| {
            loss_of(&model, 1, |tape, model| {
                let rng = &mut rng(seed);
                model.scheduled_loss_on_tape(tape, &SENTENCES, &REPLIES, own, rng)
            })
        };
        let never = sampled(0.0, 1);
        assert_eq!(forced.value, never.value);
        assert_eq!(forced.grads.leaves(), never.grads.leaves());

        let always = sampled(1.0, 1);
        assert_ne!(forced.value, always.value, "its own symbols are others");
        assert_eq!(always.value, sampled(1.0, 1).value, "one seed, one loss");
    }
}

#[test]
fn sentences_stand_between_begin_and_end() {
    let sentences = Sentences::new(&SENTENCES, LETTERS).unwrap();
    let (eos, bos) = (3, 4);
    assert_eq!(sentences.lengths, [3, 5, 1, 2]);
    assert_eq!((sentences.seq_len(), sentences.batch()), (5, 4));
    let read = |b: usize| (0..sentences.lengths[b]).map(move |t| 4 * t + b);
    for (b, sentence) in SENTENCES.iter().enumerate() {
        let inputs: Vec<usize> = read(b).map(|i| sentences.inputs[i]).collect();
        let targets: Vec<usize> = read(b).map(|i| sentences.targets[i]).collect();
        assert_eq!(inputs, [&[bos], *sentence].concat());
        assert_eq!(targets, [*sentence, &[eos]].concat());
    }
}

/// The names and the number of the parameters.
fn parameters<P: Params<Leaf = Tensor<f64>>>(model: &P) -> (String, usize) {
    (model.names().join(" "), model.count())
}

#[test]
fn parameters_are_named_as_pytorch_names_those_of_parts() {
    let layer = |name: &str, suffix: &str| {
        ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
            .map(|w| format!("{name}.{w}_{suffix}"))
            .join(" ")
    };
    let model = tagger::<Gru>(BOTH);
    let rnn = [layer("rnn", "l0"), layer("rnn", "l0_reverse")].join(" ");
    let gru = |inputs: usize| 3 * 3 * (inputs + 3 + 2);
    assert_eq!(
        parameters(&model),
        (
            format!("embedding.weight {rnn} head.weight head.bias"),
            LETTERS * 2 + 2 * gru(2) + 2 * (6 + 1)
        )
    );

    let (names, _) = parameters(&acceptor::<Lstm>(Pooling::Attention, Directions::Forward));
    assert!(names.starts_with("embedding.weight rnn.weight_ih_l0"));
    assert!(names.ends_with("head.weight head.bias attention.query"));

    let (names, count) = parameters(&video::<Gru>());
    assert!(names.starts_with("conv.weight conv.bias acceptor.rnn.weight_ih_l0"));
    assert_eq!(count, 2 * (2 * 9 + 1) + gru(2 * 2) + 2 * (3 + 1));

    let (names, count) = parameters(&captioner::<Gru>(ImageAs::State));
    assert!(names.starts_with("embedding.weight image.weight image.bias rnn.weight_ih_l0"));
    assert_eq!(count, 5 * 2 + 6 * (4 + 1) + gru(2) + gru(3) + 4 * (3 + 1));

    let model = encoder_decoder::<Gru>(Some(Look::After(Score::General)), BOTH);
    let (names, count) = parameters(&model);
    assert!(names.ends_with("head.weight head.bias attention.w combine.weight combine.bias"));
    let (encoder, decoder) = (2 * (gru(2) + gru(6)), gru(2) + gru(3));
    let rest = 3 * 2 + 4 * 2 + 3 * 6 + 3 * (3 + 6 + 1) + 3 * (3 + 1);
    assert_eq!(count, encoder + decoder + rest);
}

/// A model of a cell that has options of its own keeps them.
#[test]
fn options_reach_the_cells() {
    fn biases<C: Cell<Options = rnn::cell::Biased>>() -> usize {
        let mut rnn = small::<C>(2, 1, Directions::Forward);
        rnn.cell.bias = false;
        let options = TaggerOptions { embedding: None, rnn, tags: 2 };
        let model = Tagger::<C>::init::<f64>(&options, &mut rng(1));
        model.names().iter().filter(|name| name.contains("bias_")).count()
    }
    assert_eq!(biases::<Gru>(), 0);
}
