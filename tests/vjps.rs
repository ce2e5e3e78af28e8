//! What each kind of op sends back, by the sums that the book derives, one entry at a time.

use autograd::draw::Draw;
use autograd::transform::{jacobian, value_and_grad, vjp};
use autograd::{Tape, Tensor};
use proptest::prelude::*;
use tests::{config, distance, draws};

const EXACT: f64 = 1e-13;

/// The places of a tensor's entries, each in row-major order.
fn places(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new()];
    for &length in shape {
        let longer = |place: Vec<usize>| (0..length).map(move |i| [&place[..], &[i]].concat());
        places = places.into_iter().flat_map(longer).collect();
    }
    places
}

/// Where an operand of this shape is read for an output entry.
fn read_at(shape: &[usize], place: &[usize]) -> Vec<usize> {
    let own = &place[place.len() - shape.len()..];
    own.iter().zip(shape).map(|(&i, &length)| if length == 1 { 0 } else { i }).collect()
}

fn entry(shape: &[usize], place: &[usize]) -> usize {
    place.iter().zip(shape).fold(0, |i, (&at, &length)| i * length + at)
}

proptest! {
    #![proptest_config(config(256, file!()))]

    #[test]
    fn what_is_repeated_forward_is_summed_backward((_, mut draw) in draws()) {
        let shapes = draw.broadcasting_shapes();
        let [a, b] = shapes.map(|shape| draw.tensor(&shape, -2.0..2.0));
        let dy = draw.tensor((&a + &b).shape(), -1.0..1.0);
        let (_, [of_sum, _]) = vjp(|_, [b, a]| a + b, &[b.clone(), a.clone()], &dy);
        let (_, [of_product, _]) = vjp(|_, [b, a]| a * b, &[b.clone(), a.clone()], &dy);

        let mut sums = [Tensor::zeros(b.shape()), Tensor::zeros(b.shape())];
        for place in places(dy.shape()) {
            let i = entry(b.shape(), &read_at(b.shape(), &place));
            let d = dy.at(&place);
            sums[0].data_mut()[i] += d;
            sums[1].data_mut()[i] += d * a.at(&read_at(a.shape(), &place));
        }
        prop_assert!(distance(&of_sum, &sums[0]) <= EXACT);
        prop_assert!(distance(&of_product, &sums[1]) <= EXACT);
    }

    #[test]
    fn both_gradients_of_a_matrix_product_are_sums_of_products((seed, _) in draws(), sizes in [1..5_usize, 1..5, 1..5]) {
        let [m, k, n] = sizes;
        let mut draw = Draw::new(seed, 0, 0);
        let [a, b, dy] = [[m, k], [k, n], [m, n]].map(|shape| draw.tensor(&shape, -1.0..1.0));
        let (_, [da, db]) = vjp(|_, [a, b]| a.matmul(b), &[a.clone(), b.clone()], &dy);
        let sum_a = Tensor::from_fn(&[m, k], |at| {
            (0..n).map(|j| dy.at(&[at / k, j]) * b.at(&[at % k, j])).sum()
        });
        let sum_b = Tensor::from_fn(&[k, n], |at| {
            (0..m).map(|i| a.at(&[i, at / n]) * dy.at(&[i, at % n])).sum()
        });
        prop_assert!(distance(&da, &sum_a) <= EXACT);
        prop_assert!(distance(&db, &sum_b) <= EXACT);
        prop_assert!(distance(&da, &dy.matmul(b.t())) <= EXACT);
        prop_assert!(distance(&db, &a.t().matmul(&dy)) <= EXACT);
    }

    #[test]
    fn a_vjp_is_the_jacobian_weighted_by_the_gradient_of_the_output((seed, _) in draws()) {
        let mut draw = Draw::new(seed, 0, 0);
        let at = [draw.tensor(&[2, 3], -1.0..1.0), draw.tensor(&[3], -1.0..1.0)];
        let dy = draw.tensor(&[2, 3], -1.0..1.0);
        let (_, grads) = vjp(|_, [x, b]| (x * b).tanh(), &at, &dy);
        let jacobians = jacobian(|_, [x, b]| (x * b).tanh(), &at);
        for (gradient, slopes) in grads.iter().zip(&jacobians) {
            let inputs = gradient.elements();
            let sums = Tensor::from_fn(gradient.shape(), |i| {
                (0..6).map(|j| dy.data()[j] * slopes.data()[j * inputs + i]).sum()
            });
            prop_assert!(distance(gradient, &sums) <= EXACT);
        }
    }

    #[test]
    fn softmax_hands_back_what_is_above_the_weighted_mean((seed, _) in draws(), n in 1..6_usize) {
        let mut draw = Draw::new(seed, 0, 0);
        let (x, dy) = (draw.tensor(&[n], -2.0..2.0), draw.tensor(&[n], -1.0..1.0));
        let at = [x.clone()];
        let (y, [dx]) = vjp(|_, [x]| x.softmax(), &at, &dy);
        let [slopes] = jacobian(|_, [x]| x.softmax(), &[x]);
        let y = y.data();
        let by_entry = Tensor::from_fn(&[n, n], |at| {
            let (i, j) = (at / n, at % n);
            y[i] * (if i == j { 1.0 } else { 0.0 } - y[j])
        });
        let mean: f64 = dy.data().iter().zip(y).map(|(dy, y)| dy * y).sum();
        let above = Tensor::from_fn(&[n], |i| y[i] * (dy.data()[i] - mean));
        prop_assert!(distance(&slopes, &by_entry) <= EXACT);
        prop_assert!(distance(&dx, &above) <= EXACT);
    }

    #[test]
    fn cross_entropy_sends_back_probabilities_minus_one_hot((seed, _) in draws(), rows in 1..5_usize, classes in 1..6_usize) {
        let mut draw = Draw::new(seed, 0, 0);
        let scores = draw.tensor(&[rows, classes], -2.0..2.0);
        let targets = draw.ids(rows, classes);
        let at = [scores.clone()];
        let (_, [dx]) = value_and_grad(|_, [x]| x.cross_entropy(&targets), &at);
        let by_entry = Tensor::from_fn(&[rows, classes], |at| {
            let (i, c) = (at / classes, at % classes);
            let row = scores.entry(i);
            let sum: f64 = row.data().iter().map(|s| s.exp()).sum();
            let one = if targets[i] == c { 1.0 } else { 0.0 };
            (row.data()[c].exp() / sum - one) / rows as f64
        });
        prop_assert!(distance(&dx, &by_entry) <= EXACT);
    }

    #[test]
    fn a_row_that_is_picked_twice_gets_both_gradients((seed, _) in draws(), count in 0..7_usize) {
        let mut draw = Draw::new(seed, 0, 0);
        let table = draw.tensor(&[4, 2], -1.0..1.0);
        let ids = draw.ids(count, 4);
        let dy = draw.tensor(&[count, 2], -1.0..1.0);
        let (_, [d_table]) = vjp(|_, [table]| table.gather(0, &ids), &[table], &dy);
        let mut sums = Tensor::zeros(&[4, 2]);
        for (row, &id) in ids.iter().enumerate() {
            for column in 0..2 {
                sums.data_mut()[2 * id + column] += dy.at(&[row, column]);
            }
        }
        prop_assert!(distance(&d_table, &sums) <= EXACT);
    }

    #[test]
    fn a_column_minus_a_row_pulls_every_prediction_to_the_mean((seed, _) in draws(), n in 1..6_usize) {
        let mut draw = Draw::new(seed, 0, 0);
        let [predictions, targets] = [&[n, 1][..], &[n]].map(|shape| draw.tensor(shape, -2.0..2.0));
        let tape = Tape::new();
        let p = tape.leaf(predictions.clone());
        let error = p - tape.constant(targets.clone());
        let dp = tape.backward((error * error).mean()).of(p);
        prop_assert_eq!(error.shape(), [n, n]);
        let mean = targets.sum().item() / n as f64;
        let pull = predictions.map(|p| 2.0 / n as f64 * (p - mean));
        prop_assert!(distance(&dp, &pull) <= EXACT);
    }
}
