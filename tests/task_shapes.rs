//! What chapter 9 derives: choosing where the loss looks is choosing where its gradient begins.

use autograd::ops::CrossEntropy;
use autograd::{Tape, Tensor, draw::Draw};

#[test]
fn an_ignored_step_has_no_gradient_in_its_scores() {
    let (steps, classes) = (6, 3);
    let looks = [1, 4];
    let targets = [3, 2, 3, 3, 0, 3]; // 3 marks a step without an answer
    let tape = Tape::new();
    let scores = tape.leaf(Draw::new(9, 0, 0).tensor(&[steps, classes], -2.0..2.0));
    let loss = CrossEntropy { ignore: Some(classes), ..CrossEntropy::new(&targets) };
    let gradient = tape.backward(scores.cross_entropy_with(loss)).of(scores);

    let p = scores.softmax().value();
    let wanted = Tensor::from_fn(&[steps, classes], |i| {
        let (t, k) = (i / classes, i % classes);
        let onehot = if targets[t] == k { 1.0 } else { 0.0 };
        if looks.contains(&t) { (p.data()[i] - onehot) / looks.len() as f64 } else { 0.0 }
    });
    assert!((gradient - wanted).norm() <= 1e-15);
}

#[test]
fn an_answer_that_leaves_out_one_bit_is_right_half_of_the_time() {
    let bits = 8;
    for seed in 0..100 {
        let mut draw = Draw::new(seed, 0, 0);
        let left_out = 1 << draw.below(0..bits);
        let table: Vec<bool> = (0..1 << bits).map(|_| draw.coin()).collect();
        let rule = |sequence: usize| table[sequence & !left_out];
        let right = |&sequence: &usize| rule(sequence) == (sequence.count_ones() % 2 == 1);
        assert_eq!((0..1 << bits).filter(right).count(), 1 << (bits - 1), "seed {seed}");
    }
}
