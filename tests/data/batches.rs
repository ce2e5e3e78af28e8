//! Buckets, padding and splits.

use autograd::Tensor;
use proptest::prelude::*;
use rnn::data::{buckets, pad, pad_ids, split};
use tests::rng;

proptest! {
    #![proptest_config(tests::config(500, file!()))]

    #[test]
    fn an_epoch_has_every_sequence_once_with_near_lengths_together(
        lengths in prop::collection::vec(0..20_usize, 0..60), batch in 1..9_usize, seed: u64,
    ) {
        let batches = buckets(&lengths, batch, &mut rng(seed));
        prop_assert_eq!(batches.len(), lengths.len().div_ceil(batch));
        prop_assert!(batches.iter().filter(|items| items.len() != batch).count() <= 1);
        let mut items = batches.concat();
        items.sort_unstable();
        prop_assert_eq!(items, (0..lengths.len()).collect::<Vec<_>>());

        // Of two batches, one has all its lengths below those of the other.
        let range = |items: &Vec<usize>| {
            let of = || items.iter().map(|&i| lengths[i]);
            (of().min().unwrap(), of().max().unwrap())
        };
        for (i, one) in batches.iter().map(range).enumerate() {
            for other in batches[..i].iter().map(range) {
                prop_assert!(one.1 <= other.0 || other.1 <= one.0, "{one:?} {other:?}");
            }
        }
        prop_assert_eq!(batches, buckets(&lengths, batch, &mut rng(seed)));
    }

    #[test]
    fn padding_keeps_every_sequence_and_fills_up_the_rest(
        sequences in prop::collection::vec(prop::collection::vec(0..9_usize, 0..7), 0..6),
    ) {
        let (ids, lengths) = pad_ids(&sequences, 99);
        let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
        prop_assert_eq!(ids.len(), longest * sequences.len());
        for (b, sequence) in sequences.iter().enumerate() {
            prop_assert_eq!(lengths[b], sequence.len());
            for t in 0..longest {
                let expected = if t < sequence.len() { sequence[t] } else { 99 };
                prop_assert_eq!(ids[t * sequences.len() + b], expected);
            }
        }
    }

    #[test]
    fn rows_are_padded_with_zeros(lengths in prop::collection::vec(0..5_usize, 1..5), features in 1..4_usize) {
        let rows: Vec<Tensor<f64>> = lengths
            .iter()
            .map(|&len| Tensor::from_fn(&[len, features], |i| 1.0 + (10 * len + i) as f64))
            .collect();
        let (xs, found) = pad(&rows.iter().collect::<Vec<_>>());
        prop_assert_eq!(&found, &lengths);
        let longest = lengths.iter().copied().max().unwrap();
        prop_assert_eq!(xs.shape(), [longest, lengths.len(), features]);
        for t in 0..longest {
            for (b, row) in rows.iter().enumerate() {
                for f in 0..features {
                    let expected = if t < lengths[b] { row.at(&[t, f]) } else { 0.0 };
                    prop_assert_eq!(xs.at(&[t, b, f]), expected);
                }
            }
        }
    }

    #[test]
    fn the_parts_of_a_split_are_disjoint_exhaustive_and_the_same_for_the_same_seed(
        len in 0..300_usize, weights in prop::array::uniform3(0.0..1.0_f64), seed: u64,
    ) {
        let sum: f64 = weights.iter().sum();
        prop_assume!(sum > 0.1);
        let fractions = weights.map(|weight| weight / sum);
        let parts = split(len, fractions, &mut rng(seed));
        for (part, fraction) in parts.iter().zip(fractions) {
            prop_assert!((part.len() as f64 - fraction * len as f64).abs() <= 1.0 + 1e-9);
            prop_assert!(part.is_sorted());
        }
        let mut all = parts.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..len).collect::<Vec<_>>());
        prop_assert_eq!(parts, split(len, fractions, &mut rng(seed)));
    }
}

#[test]
fn every_epoch_has_another_order_and_other_neighbours() {
    let lengths = [3; 100];
    let mut rng = rng(5);
    let (first, second) = (buckets(&lengths, 10, &mut rng), buckets(&lengths, 10, &mut rng));
    let sorted = |batches: &[Vec<usize>]| {
        let mut batches = batches.to_vec();
        batches.iter_mut().for_each(|items| items.sort_unstable());
        batches.sort();
        batches
    };
    assert_ne!(sorted(&first), sorted(&second));
    let lengths: Vec<usize> = (0..100).collect();
    let (first, second) = (buckets(&lengths, 10, &mut rng), buckets(&lengths, 10, &mut rng));
    assert_eq!(sorted(&first), sorted(&second), "different lengths decide who goes together");
    assert_ne!(first, second, "and not in which order");
}

#[test]
fn another_seed_splits_otherwise() {
    let halves = |seed| split(100, [0.5, 0.5], &mut rng(seed));
    assert_ne!(halves(1), halves(2));
}

#[test]
#[should_panic(expected = "split: [0.8, 0.1] must not be negative and must add up to 1")]
fn fractions_that_do_not_add_up_to_one_panic() {
    split(10, [0.8, 0.1], &mut rng(0));
}

#[test]
#[should_panic(expected = "buckets: a batch of 0 sequences")]
fn a_batch_of_nothing_panics() {
    buckets(&[1, 2], 0, &mut rng(0));
}

#[test]
#[should_panic(expected = "pad: sequence 1 has the shape [2, 2]; it must be [T, 3]")]
fn rows_of_other_features_panic() {
    pad(&[&Tensor::<f64>::zeros(&[1, 3]), &Tensor::zeros(&[2, 2])]);
}
