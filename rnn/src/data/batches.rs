//! Batches of sequences of different length, and the parts of a data set.
//!
//! ```text
//! buckets    which sequences go together: near in length, in random order
//! pad        the sequences of a batch side by side, filled up to the longest, with their lengths
//! split      which sequences to train with, to validate with, and to test with
//! ```
//!
//! [`buckets`] and [`split`] work on the numbers of the sequences, so that labels and
//! targets, whatever they are, follow by indexing.
//!
//! Shapes: padded ids `[T·B]`, padded rows [T, B, F], both time-major; T is the longest of the B lengths.

use autograd::{Element, Tensor};
use rand::Rng;
use rand::RngExt;
use rand::seq::SliceRandom;

/// The numbers of the sequences of each batch, for one epoch: every sequence once, sequences of near length
/// together, the batches in random order.
///
/// Sequences are shuffled, sorted by length (so that equal lengths stay shuffled) and cut into batches. If `batch` does
/// not divide their number, one batch is smaller; which one is drawn, and moves the cuts of those after it.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::data::{buckets, pad_ids};
///
/// let sentences = [vec![1, 2, 3], vec![4], vec![5, 6], vec![7, 8, 9, 1]];
/// let lengths = sentences.each_ref().map(Vec::len);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// for items in buckets(&lengths, 2, &mut rng) {
///     let (ids, lengths) = pad_ids(items.iter().map(|&i| &sentences[i]), 0);
///     assert_eq!(ids.len(), 2 * lengths.iter().max().unwrap());
///     assert_eq!(lengths[0].abs_diff(lengths[1]), 1); // the two short ones, or the two long ones
/// }
/// ```
///
/// # Panics
///
/// If `batch` is 0.
#[track_caller]
pub fn buckets(lengths: &[usize], batch: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    assert!(batch > 0, "buckets: a batch of 0 sequences; use at least 1");
    let mut items: Vec<usize> = (0..lengths.len()).collect();
    items.shuffle(rng);
    items.sort_by_key(|&i| lengths[i]);

    let (whole, left) = (items.len() / batch, items.len() % batch);
    let (before, rest) = items.split_at(rng.random_range(0..=whole) * batch);
    let (smaller, after) = rest.split_at(left);
    let parts = before.chunks(batch).chain([smaller]).chain(after.chunks(batch));
    let mut batches: Vec<Vec<usize>> =
        parts.filter(|part| !part.is_empty()).map(<[usize]>::to_vec).collect();
    batches.shuffle(rng);
    batches
}

/// Sequences of ids as one batch, `[T·B]`, time-major, and their lengths.
///
/// ```
/// let (ids, lengths) = rnn::data::pad_ids([[1, 2, 3].as_slice(), &[4]], 9);
/// assert_eq!(ids, [1, 4, /* t = 1 */ 2, 9, /* t = 2 */ 3, 9]);
/// assert_eq!(lengths, [3, 1]);
/// ```
pub fn pad_ids<I>(sequences: I, padding: usize) -> (Vec<usize>, Vec<usize>)
where
    I: IntoIterator,
    I::Item: AsRef<[usize]>,
{
    let sequences: Vec<I::Item> = sequences.into_iter().collect();
    let lengths: Vec<usize> = sequences.iter().map(|ids| ids.as_ref().len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut padded = Vec::with_capacity(longest * lengths.len());
    for t in 0..longest {
        let step = sequences.iter().map(|ids| ids.as_ref().get(t).copied().unwrap_or(padding));
        padded.extend(step);
    }
    (padded, lengths)
}

/// Sequences of rows, each [T_b, F], as one batch [T, B, F] filled up with zeros, and their lengths T_b.
///
/// ```
/// use autograd::Tensor;
///
/// let (xs, lengths) = rnn::data::pad(&[&Tensor::from([[1.0], [2.0]]), &Tensor::from([[3.0]])]);
/// assert_eq!(xs, Tensor::new(&[2, 2, 1], vec![1.0, 3.0, 2.0, 0.0]));
/// assert_eq!(lengths, [2, 1]);
/// ```
///
/// # Panics
///
/// If there are no sequences, or if one has not two axes or other features than the first.
#[track_caller]
pub fn pad<E: Element>(sequences: &[&Tensor<E>]) -> (Tensor<E>, Vec<usize>) {
    assert!(!sequences.is_empty(), "pad: no sequences; a batch has at least 1");
    let features = sequences[0].shape().last().copied().unwrap_or(0);
    for (i, rows) in sequences.iter().enumerate() {
        assert!(
            rows.shape().len() == 2 && rows.shape()[1] == features,
            "pad: sequence {i} has the shape {:?}; it must be [T, {features}]",
            rows.shape()
        );
    }
    let lengths: Vec<usize> = sequences.iter().map(|rows| rows.shape()[0]).collect();
    let (longest, batch) = (lengths.iter().copied().max().unwrap_or(0), lengths.len());
    let mut padded = vec![E::ZERO; longest * batch * features];
    for (b, rows) in sequences.iter().enumerate() {
        for t in 0..lengths[b] {
            padded[(t * batch + b) * features..][..features]
                .copy_from_slice(&rows.data()[t * features..][..features]);
        }
    }
    (Tensor::new(&[longest, batch, features], padded), lengths)
}

/// The numbers 0 … `len` − 1 in N parts of these fractions, drawn at random: each number in one part, and each part
/// in ascending order. A generator in the same state gives the same parts.
///
/// The parts end at the rounded sums of the fractions, so that their sizes are right to within one.
///
/// ```
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let [train, validation, test] = rnn::data::split(50, [0.8, 0.1, 0.1], &mut rng);
/// assert_eq!((train.len(), validation.len(), test.len()), (40, 5, 5));
/// ```
///
/// # Panics
///
/// If a fraction is negative or they do not add up to 1.
#[track_caller]
pub fn split<const N: usize>(
    len: usize,
    fractions: [f64; N],
    rng: &mut impl Rng,
) -> [Vec<usize>; N] {
    let sum: f64 = fractions.iter().sum();
    assert!(
        fractions.iter().all(|&fraction| fraction >= 0.0) && (sum - 1.0).abs() < 1e-9,
        "split: {fractions:?} must not be negative and must add up to 1"
    );
    let mut items: Vec<usize> = (0..len).collect();
    items.shuffle(rng);
    let (mut share, mut start) = (0.0, 0);
    fractions.map(|fraction| {
        share += fraction / sum; // exactly 1 at the end or within rounding of it
        let end = ((share * len as f64).round() as usize).clamp(start, len);
        let mut part = items[start..end].to_vec();
        part.sort_unstable();
        start = end;
        part
    })
}
