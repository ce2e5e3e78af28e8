//! That each model learns a task which needs what it is for, in a second or two.

use autograd::clip::clip_grad_norm;
use autograd::optim::{Adam, Optimizer};
use autograd::{Family, Params};
use rand::RngExt;
use rnn::decode::{Decoding, Stop, generate};
use rnn::models::ImageAs;
use rnn::{Gru, Lstm};

use super::*;

/// Trains a model with Adam on losses of fresh batches.
fn train<P>(
    model: &mut P,
    steps: usize,
    lr: f64,
    mut loss: impl for<'t> FnMut(
        &'t Tape<f32>,
        &<P::Family as Family>::Of<Var<'t, f32>>,
    ) -> Var<'t, f32>,
) where
    P: Params<Leaf = Tensor<f32>, Family: Family<Of<Tensor<f32>> = P>>,
{
    let mut adam = Adam::new(lr);
    for _ in 0..steps {
        let tape = Tape::new();
        let on_tape = model.map(|w| tape.leaf(w.clone()));
        let grads = tape.backward(loss(&tape, &on_tape));
        let mut grads: P = on_tape.map(|&w| grads.of(w));
        clip_grad_norm(&mut grads, 1.0).unwrap();
        adam.step(model, &grads).unwrap();
    }
}

/// The share of equal pairs.
fn accuracy<T: PartialEq>(found: &[T], wanted: &[T]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let right = found.iter().zip(wanted).filter(|(a, b)| a == b).count();
    right as f64 / wanted.len() as f64
}

fn draw_all<T>(count: usize, mut draw: impl FnMut() -> T) -> Vec<T> {
    (0..count).map(|_| draw()).collect()
}

/// Long rows of filler, of which one symbol at a random place decides the class: 0 or 1.
fn keyword(rng: &mut impl rand::Rng) -> (Vec<usize>, usize) {
    let length = rng.random_range(20..30);
    let mut ids = draw_all(length, || rng.random_range(2..8));
    let class = rng.random_range(0..2);
    ids[rng.random_range(0..length / 2)] = class;
    (ids, class)
}

#[test]
fn an_acceptor_learns_which_word_decides() {
    for pooling in [Pooling::Mean, Pooling::Max, Pooling::Attention] {
        let rnn = StackOptions::new(8, 16);
        let options = AcceptorOptions { embedding: Some(8), rnn, pooling, classes: 2 };
        let mut rng = rng(1);
        let mut model = Acceptor::<Gru>::init::<f32>(&options, &mut rng);
        train(&mut model, 150, 0.01, |tape, model| {
            let (sentences, classes): (Vec<_>, Vec<_>) =
                draw_all(32, || keyword(&mut rng)).into_iter().unzip();
            let xs = model.embedding.on_tape(tape, &sentences).unwrap();
            model.loss_on_tape(&xs, &classes, None).unwrap()
        });
        let (sentences, classes): (Vec<_>, Vec<_>) =
            draw_all(200, || keyword(&mut rng)).into_iter().unzip();
        let right = accuracy(&model.classify(&sentences).unwrap(), &classes);
        assert!(right >= 0.97, "{pooling:?}: {right}");
    }
}

#[test]
fn an_acceptor_that_sees_the_last_state_learns_what_came_first_and_last() {
    let draw = |rng: &mut rand_chacha::ChaCha8Rng| {
        let length = rng.random_range(3..10);
        let ids = draw_all(length, || rng.random_range(0..2));
        let class = 2 * ids[0] + ids[length - 1];
        (ids, class)
    };
    let rnn = StackOptions::new(2, 16);
    let options = AcceptorOptions { embedding: None, rnn, pooling: Pooling::Last, classes: 4 };
    let mut rng = rng(2);
    let mut model = Acceptor::<Gru>::init::<f32>(&options, &mut rng);
    train(&mut model, 300, 0.02, |tape, model| {
        let (sentences, classes): (Vec<_>, Vec<_>) =
            draw_all(32, || draw(&mut rng)).into_iter().unzip();
        let xs = model.embedding.on_tape(tape, &sentences).unwrap();
        model.loss_on_tape(&xs, &classes, None).unwrap()
    });
    let (sentences, classes): (Vec<_>, Vec<_>) =
        draw_all(200, || draw(&mut rng)).into_iter().unzip();
    let right = accuracy(&model.classify(&sentences).unwrap(), &classes);
    assert!(right >= 0.97, "{right}");
}

#[test]
fn a_tagger_learns_tags_that_depend_on_the_next_word_only_if_it_reads_backwards() {
    let draw = |rng: &mut rand_chacha::ChaCha8Rng| {
        let length = rng.random_range(4..9);
        let ids = draw_all(length, || rng.random_range(0..4));
        let mut tags: Vec<usize> = ids[1..].iter().map(|id| id % 2).collect();
        tags.push(0); // after the last word comes nothing
        (ids, tags)
    };
    let right = |directions| {
        let rnn = StackOptions { directions, ..StackOptions::new(4, 12) };
        let mut rng = rng(3);
        let options = TaggerOptions { embedding: None, rnn, tags: 2 };
        let mut model = Tagger::<Gru>::init::<f32>(&options, &mut rng);
        train(&mut model, 150, 0.02, |tape, model| {
            let (sentences, tags): (Vec<_>, Vec<_>) =
                draw_all(16, || draw(&mut rng)).into_iter().unzip();
            let xs = model.embedding.on_tape(tape, &sentences).unwrap();
            model.loss_on_tape(&xs, &tags, None).unwrap()
        });
        let (sentences, tags): (Vec<_>, Vec<_>) =
            draw_all(200, || draw(&mut rng)).into_iter().unzip();
        accuracy(&model.tag(&sentences).unwrap().concat(), &tags.concat())
    };
    let (both, forward) = (right(BOTH), right(Directions::Forward));
    assert!(both >= 0.99 && forward <= 0.75, "both ways {both}, one way {forward}");
}

#[test]
fn a_captioner_learns_to_say_what_is_where() {
    // Two of four things, each with its colour: "thing colour thing colour", the second pair only if it is there.
    let draw = |rng: &mut rand_chacha::ChaCha8Rng| {
        let mut features = vec![0.0; 8];
        let mut caption = Vec::new();
        for thing in 0..4 {
            if rng.random_range(0..2) == 1 {
                let colour = rng.random_range(0..2);
                features[2 * thing + colour] = 1.0;
                caption.extend([thing, 4 + colour]);
            }
        }
        (features, caption)
    };
    for image_as in [ImageAs::State, ImageAs::Input] {
        let rnn = StackOptions::new(8, 32);
        let options = CaptionerOptions { vocab_size: 6, features: 8, rnn, image_as };
        let mut rng = rng(4);
        let mut model = Captioner::<Gru>::init::<f32>(&options, &mut rng);
        let pictures = |rows: Vec<Vec<f32>>| Tensor::new(&[rows.len(), 8], rows.concat());
        train(&mut model, 500, 0.01, |tape, model| {
            let (rows, captions): (Vec<_>, Vec<_>) =
                draw_all(32, || draw(&mut rng)).into_iter().unzip();
            model.loss_on_tape(tape.constant(pictures(rows)), &captions).unwrap()
        });
        let (rows, captions): (Vec<_>, Vec<_>) =
            draw_all(100, || draw(&mut rng)).into_iter().unzip();
        let stop = Stop { eos: Some(model.eos()), max_len: 12 };
        let mut rngs = vec![rng; 100];
        let (prompts, greedy) = ([[model.bos()]; 100], Decoding::greedy());
        let state = model.start(&pictures(rows));
        let texts = generate(&model, &prompts, state, &greedy, stop, &mut rngs).unwrap();
        let texts: Vec<_> = texts.into_iter().map(|text| text.ids).collect();
        let right = accuracy(&texts, &captions);
        assert!(right >= 0.9, "{image_as:?}: {right}");
    }
}

#[test]
fn a_video_classifier_learns_in_which_direction_a_dot_moves() {
    // 5 frames of 6 × 6 dots: left, right, up or down from anywhere, round the edge.
    let draw = |rng: &mut rand_chacha::ChaCha8Rng| {
        let class = rng.random_range(0..4);
        let (mut x, mut y) = (rng.random_range(0..6), rng.random_range(0..6));
        let (dx, dy) = [(5, 0), (1, 0), (0, 5), (0, 1)][class];
        let mut frames = vec![0.0_f32; 5 * 36];
        for t in 0..5 {
            frames[t * 36 + y * 6 + x] = 1.0;
            (x, y) = ((x + dx) % 6, (y + dy) % 6);
        }
        (frames, class)
    };
    let options = VideoOptions {
        frame: [1, 6, 6],
        kernels: 4,
        side: 3,
        pool: 1,
        rnn: StackOptions::new(0, 32),
        pooling: Pooling::Last,
        classes: 4,
    };
    let mut rng = rng(5);
    let mut model = VideoClassifier::<Gru>::init::<f32>(&options, &mut rng);
    let videos =
        |rows: Vec<Vec<f32>>| Seq::batch_major(&Tensor::new(&[rows.len(), 5, 36], rows.concat()));
    train(&mut model, 250, 0.01, |tape, model| {
        let (rows, classes): (Vec<_>, Vec<_>) = draw_all(32, || draw(&mut rng)).into_iter().unzip();
        let frames = videos(rows).map_rows(|rows| tape.constant(rows.clone()));
        model.loss_on_tape(&frames, &classes, None).unwrap()
    });
    let (rows, classes): (Vec<_>, Vec<_>) = draw_all(200, || draw(&mut rng)).into_iter().unzip();
    let right = accuracy(&model.classify(&videos(rows)), &classes);
    assert!(right >= 0.95, "{right}");
}

#[test]
fn a_forecaster_learns_a_wave_and_goes_on_with_it() {
    let wave =
        |start: f64, steps: usize| (0..steps).map(move |t| (start + 0.4 * t as f64).sin() as f32);
    let mut rng = rng(6);
    let mut model = Forecaster::<Lstm>::init::<f32>(&StackOptions::new(1, 16), &mut rng);
    let series = |starts: &[f64], steps: usize| {
        let rows = starts.iter().flat_map(|&start| wave(start, steps)).collect();
        Seq::batch_major(&Tensor::new(&[starts.len(), steps, 1], rows))
    };
    train(&mut model, 400, 0.01, |tape, model| {
        let starts = draw_all(16, || rng.random_range(0.0..6.3));
        let xs = series(&starts, 40).map_rows(|rows| tape.constant(rows.clone()));
        model.loss_on_tape(&xs, None).unwrap()
    });
    let starts = [0.1, 1.7, 3.9];
    let ahead = model.forecast(&series(&starts, 40), 20);
    let all = series(&starts, 60).steps();
    let error = (ahead - all.slice(0, 40, 60)).map(|e| e * e).sum().item() / 60.0;
    assert!(error <= 0.02, "free-running for 20 steps: {error}; the variance is 0.5");
}

#[test]
fn an_encoder_decoder_learns_to_reverse_by_looking_back() {
    let draw = |rng: &mut rand_chacha::ChaCha8Rng| {
        let length = rng.random_range(1..7);
        let ids = draw_all(length, || rng.random_range(0..6));
        let reversed = ids.iter().rev().copied().collect();
        (ids, reversed)
    };
    let mut right = Vec::new();
    for look in [Look::Before(Score::Additive { attention_size: 32 }), Look::After(Score::General)]
    {
        let rnn = StackOptions { directions: BOTH, ..StackOptions::new(16, 32) };
        let (source_size, target_size, look) = (6, 6, Some(look));
        let options = EncoderDecoderOptions { source_size, target_size, rnn, look };
        let mut rng = rng(7);
        let mut model = EncoderDecoder::<Gru>::init::<f32>(&options, &mut rng);
        train(&mut model, 300, 0.01, |tape, model| {
            let (sources, targets): (Vec<_>, Vec<_>) =
                draw_all(32, || draw(&mut rng)).into_iter().unzip();
            model.loss_on_tape(tape, &sources, &targets).unwrap()
        });
        let (sources, targets): (Vec<_>, Vec<_>) =
            draw_all(100, || draw(&mut rng)).into_iter().unzip();
        let stop = Stop { eos: Some(model.eos()), max_len: 10 };
        let (prompts, greedy) = ([[model.bos()]; 100], Decoding::greedy());
        let read = model.encode(&sources).unwrap();
        let texts = generate(&model, &prompts, read, &greedy, stop, &mut vec![rng; 100]).unwrap();
        let texts: Vec<Vec<usize>> = texts.into_iter().map(|text| text.ids).collect();
        right.push(accuracy(&texts, &targets));
    }
    assert!(right.iter().all(|&right| right >= 0.95), "{right:?}");
}
