//! Models: their gradients, what padding and batches must not change, what they write, that they learn, and what they
//! refuse.

mod gradients;
mod laws;
mod writing;
mod learning;
mod refused;

use autograd::{Element, Tape, Tensor, Var};
use rnn::attention::Score;
use rnn::models::{
    Acceptor, AcceptorOptions, Captioner, CaptionerOptions, EncoderDecoder, EncoderDecoderOptions,
    Forecaster, ImageAs, Look, Pooling, Tagger, TaggerOptions, VideoClassifier, VideoOptions,
};
use rnn::{Cell, Directions, Merge, Seq, StackOptions};
use tests::rng;

const POOLINGS: [Pooling; 4] = [Pooling::Last, Pooling::Mean, Pooling::Max, Pooling::Attention];

const LOOKS: [Option<Look>; 5] = [
    None,
    Some(Look::Before(Score::Additive { attention_size: 3 })),
    Some(Look::Before(Score::General)),
    Some(Look::After(Score::General)),
    Some(Look::After(Score::Additive { attention_size: 2 })),
];

const BOTH: Directions = Directions::Both(Merge::Concat);

/// Two words of two letters, one, none: rows of different length, in no order.
const SENTENCES: [&[usize]; 4] = [&[1, 0], &[2, 2, 1, 0], &[], &[0]];
/// Something to write for each.
const REPLIES: [&[usize]; 4] = [&[0, 1, 1], &[], &[1], &[0, 0]];
/// The number of letters in both.
const LETTERS: usize = 3;

/// A small stack of 3 units.
fn small<C: Cell>(
    input_size: usize,
    layers: usize,
    directions: Directions,
) -> StackOptions<C::Options> {
    StackOptions { layers, directions, ..StackOptions::new(input_size, 3) }
}

fn acceptor<C: Cell>(pooling: Pooling, directions: Directions) -> Acceptor<C, Tensor<f64>> {
    let rnn = small::<C>(2, 2, directions);
    let options = AcceptorOptions { embedding: Some(LETTERS), rnn, pooling, classes: 3 };
    Acceptor::init(&options, &mut rng(1))
}

fn tagger<C: Cell>(directions: Directions) -> Tagger<C, Tensor<f64>> {
    let rnn = small::<C>(2, 1, directions);
    Tagger::init(&TaggerOptions { embedding: Some(LETTERS), rnn, tags: 2 }, &mut rng(2))
}

fn captioner<C: Cell>(image_as: ImageAs) -> Captioner<C, Tensor<f64>> {
    let rnn = small::<C>(2, 2, Directions::Forward);
    let options = CaptionerOptions { vocab_size: LETTERS, features: 4, rnn, image_as };
    Captioner::init(&options, &mut rng(3))
}

fn video<C: Cell>() -> VideoClassifier<C, Tensor<f64>> {
    let options = VideoOptions {
        frame: [2, 4, 3],
        kernels: 2,
        side: 3,
        pool: 2,
        rnn: small::<C>(0, 1, Directions::Forward),
        pooling: Pooling::Mean,
        classes: 2,
    };
    VideoClassifier::init(&options, &mut rng(4))
}

fn forecaster<C: Cell>() -> Forecaster<C, Tensor<f64>> {
    Forecaster::init(&small::<C>(2, 2, Directions::Forward), &mut rng(5))
}

fn encoder_decoder<C: Cell>(
    look: Option<Look>,
    directions: Directions,
) -> EncoderDecoder<C, Tensor<f64>> {
    let rnn = small::<C>(2, 2, directions);
    let options = EncoderDecoderOptions { source_size: LETTERS, target_size: 2, rnn, look };
    EncoderDecoder::init(&options, &mut rng(6))
}

/// Row b of a batch of vectors: numbers of order 1 that only row and step decide.
fn row(b: usize, length: usize, features: usize) -> Vec<f64> {
    let number = |i: usize| (1.7 * (i + 1) as f64 + 5.3 * (b + 1) as f64).sin();
    (0..length * features).map(number).collect()
}

/// Rows of these numbers and lengths as one batch, with NaN behind the end of each.
fn batch<E: Element>(rows: &[(usize, usize)], features: usize) -> Seq<Tensor<E>> {
    let seq_len = rows.iter().map(|&(_, length)| length).max().unwrap_or(0);
    let padded = rows.iter().flat_map(|&(b, length)| {
        let mut numbers = row(b, length, features);
        numbers.resize(seq_len * features, f64::NAN);
        numbers
    });
    let padded: Vec<E> = padded.map(E::from_f64).collect();
    let lengths: Vec<usize> = rows.iter().map(|&(_, length)| length).collect();
    let rows = Seq::batch_major(&Tensor::new(&[rows.len(), seq_len, features], padded));
    rows.with_lengths(&lengths).expect("lengths that fit")
}

/// The same on a tape.
fn batch_on_tape<'t, E: Element>(
    tape: &'t Tape<E>,
    rows: &[(usize, usize)],
    features: usize,
) -> Seq<Var<'t, E>> {
    batch::<E>(rows, features).map_rows(|rows| tape.constant(rows.clone()))
}

/// The features of images with these numbers, [B, F].
fn images<E: Element>(numbers: &[usize], features: usize) -> Tensor<E> {
    let rows = numbers.iter().flat_map(|&b| row(b, 1, features)).map(E::from_f64);
    Tensor::new(&[numbers.len(), features], rows.collect())
}
