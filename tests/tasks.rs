//! The classic tasks: every target equals what a naive computation finds in the inputs.

mod reber;
mod agreement;

use proptest::prelude::*;
use rnn::data::tasks::copying::{BLANK, KINDS, MEMORY, START};
use rnn::data::tasks::order::ORDER;
use rnn::data::tasks::{
    Echo, Symbols, adding, copy_memory, parity, selective_copy, temporal_order,
};
use tests::rng;

/// The entries of one sequence of a batch.
fn sequence(ids: &[usize], batch: usize, b: usize) -> Vec<usize> {
    ids.iter().skip(b).step_by(batch).copied().collect()
}

/// Each sequence with its targets.
fn sequences(task: &Symbols) -> Vec<(Vec<usize>, Vec<usize>)> {
    let of = |b| (sequence(&task.inputs, task.batch, b), sequence(&task.targets, task.batch, b));
    (0..task.batch).map(of).collect()
}

proptest! {
    #![proptest_config(tests::config(200, file!()))]

    #[test]
    fn adding_wants_the_sum_of_one_number_of_each_half(
        seq_len in 2..40_usize, batch in 0..6_usize, seed: u64,
    ) {
        let (xs, targets) = adding::<f64>(seq_len, batch, &mut rng(seed));
        prop_assert_eq!(xs.shape(), [seq_len, batch, 2]);
        prop_assert_eq!(targets.shape(), [batch, 1]);
        for b in 0..batch {
            let numbers: Vec<f64> = (0..seq_len).map(|t| xs.at(&[t, b, 0])).collect();
            let marked: Vec<usize> = (0..seq_len).filter(|&t| xs.at(&[t, b, 1]) == 1.0).collect();
            let others = (0..seq_len).filter(|&t| xs.at(&[t, b, 1]) == 0.0).count();
            prop_assert_eq!((marked.len(), others), (2, seq_len - 2));
            prop_assert!(marked[0] < seq_len / 2 && seq_len / 2 <= marked[1], "{marked:?}");
            prop_assert!(numbers.iter().all(|u| (0.0..1.0).contains(u)));
            prop_assert_eq!(targets.at(&[b, 0]), numbers[marked[0]] + numbers[marked[1]]);
        }
    }

    #[test]
    fn parity_wants_whether_the_ones_so_far_are_odd(
        seq_len in 0..40_usize, batch in 0..6_usize, seed: u64,
    ) {
        let task = parity(seq_len, batch, &mut rng(seed));
        for (bits, targets) in sequences(&task) {
            prop_assert_eq!((bits.len(), targets.len()), (seq_len, seq_len));
            for t in 0..seq_len {
                let ones = bits[..=t].iter().filter(|&&bit| bit == 1).count();
                prop_assert!(bits[t] < 2 && targets[t] == ones % 2);
            }
        }
        let end = task.clone().at_end();
        prop_assert_eq!(&end.inputs, &task.inputs);
        prop_assert_eq!(end.answers(), if batch == 0 { 0 } else { seq_len.min(1) });
        prop_assert_eq!(&end.targets[..], &task.targets[task.targets.len() - end.targets.len()..]);
    }

    #[test]
    fn temporal_order_wants_the_order_of_the_two_letters(
        seq_len in 10..130_usize, batch in 0..6_usize, seed: u64,
    ) {
        let task = temporal_order(seq_len, batch, &mut rng(seed));
        for (symbols, target) in sequences(&task) {
            let text: String = symbols.iter().map(|&id| ORDER[id]).collect();
            prop_assert_eq!(text.len(), seq_len);
            prop_assert!(text.starts_with('E') && text.ends_with('B'));
            let inside = &text[1..seq_len - 1];
            let letters: String = inside.chars().filter(|c| "XY".contains(*c)).collect();
            prop_assert!(inside.chars().all(|c| "abcdXY".contains(c)));
            let class = ["XX", "XY", "YX", "YY"].iter().position(|order| *order == letters);
            prop_assert_eq!(class, Some(target[0]));
            let places: Vec<usize> = text.match_indices(['X', 'Y']).map(|(t, _)| t).collect();
            prop_assert!((seq_len / 10..=seq_len / 5).contains(&places[0]));
            prop_assert!((seq_len / 2..=seq_len * 3 / 5).contains(&places[1]));
        }
    }

    #[test]
    fn copy_memory_wants_its_first_ten_symbols_at_the_end(
        blanks in 1..40_usize, batch in 0..6_usize, seed: u64,
    ) {
        let task = copy_memory(blanks, batch, &mut rng(seed));
        for (inputs, targets) in sequences(&task) {
            prop_assert_eq!((inputs.len(), targets.len()), (blanks + 20, blanks + 20));
            for t in 0..blanks + 20 {
                let input_is_right = match t {
                    0..10 => inputs[t] < KINDS,
                    _ if t == 10 + blanks - 1 => inputs[t] == START,
                    _ => inputs[t] == BLANK,
                };
                prop_assert!(input_is_right, "{t}: {inputs:?}");
                let lag = blanks + 10;
                prop_assert_eq!(targets[t], if t < lag { BLANK } else { inputs[t - lag] });
            }
        }
        prop_assert_eq!((task.vocab_size, task.classes), (KINDS + 2, KINDS + 1));
    }

    #[test]
    fn selective_copy_wants_the_symbols_among_the_noise(
        keep in 0..12_usize, more in 0..20_usize, kinds in 1..9_usize, batch in 0..5_usize, seed: u64,
    ) {
        let seq_len = keep + more;
        let task = selective_copy(keep, kinds, seq_len, batch, &mut rng(seed));
        for (inputs, targets) in sequences(&task) {
            let symbols: Vec<usize> = inputs.iter().copied().filter(|&id| id < kinds).collect();
            prop_assert_eq!(symbols, targets);
            prop_assert!(inputs[..seq_len].iter().all(|&id| id <= kinds));
            prop_assert_eq!(&inputs[seq_len..], vec![kinds + 1; keep]);
        }
    }

    #[test]
    fn an_echo_repeats_its_stream_across_windows(
        delay in 0..12_usize, symbols in 1..5_usize, batch in 1..4_usize, seed: u64,
        windows in prop::collection::vec(0..9_usize, 1..8),
    ) {
        let (mut echo, mut rng) = (Echo::new(delay, symbols, batch), rng(seed));
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for (i, &seq_len) in windows.iter().enumerate() {
            let window = echo.next_window(seq_len, &mut rng);
            prop_assert_eq!(window.fresh, i == 0);
            inputs.extend(window.inputs);
            targets.extend(window.targets);
        }
        prop_assert_eq!(targets.len(), batch * windows.iter().sum::<usize>());
        for b in 0..batch {
            let (xs, ys) = (sequence(&inputs, batch, b), sequence(&targets, batch, b));
            for t in 0..xs.len() {
                prop_assert!(xs[t] < symbols);
                prop_assert_eq!(ys[t], if t < delay { 0 } else { xs[t - delay] });
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_task_and_another_seed_another() {
    fn check<T: PartialEq + std::fmt::Debug>(draw: impl Fn(u64) -> T) {
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
    check(|seed| adding::<f32>(20, 3, &mut rng(seed)));
    check(|seed| parity(20, 3, &mut rng(seed)));
    check(|seed| temporal_order(20, 3, &mut rng(seed)));
    check(|seed| copy_memory(20, 3, &mut rng(seed)));
    check(|seed| selective_copy(5, 4, 20, 3, &mut rng(seed)));
    check(|seed| Echo::new(3, 4, 3).next_window(20, &mut rng(seed)));
}

#[test]
fn always_answering_one_costs_a_sixth_in_the_adding_problem() {
    let (_, targets) = adding::<f64>(10, 40_000, &mut rng(0));
    let errors = targets.data().iter().map(|sum| (sum - 1.0).powi(2));
    let mean = errors.sum::<f64>() / 40_000.0;
    assert!((mean - 1.0 / 6.0).abs() < 0.003, "{mean}");
}

#[test]
fn every_step_of_each_half_is_marked_equally_often() {
    let (xs, _) = adding::<f64>(8, 40_000, &mut rng(0));
    for t in 0..8 {
        let marks: f64 = (0..40_000).map(|b| xs.at(&[t, b, 1])).sum();
        assert!((marks - 10_000.0).abs() < 400.0, "{t}: {marks}");
    }
}

#[test]
fn classes_and_symbols_are_drawn_evenly() {
    let even = |ids: &[usize], kinds: usize| {
        for id in 0..kinds {
            let share = ids.iter().filter(|&&own| own == id).count() as f64 / ids.len() as f64;
            assert!((share * kinds as f64 - 1.0).abs() < 0.06, "{id}: {share} of {kinds}");
        }
    };
    let mut rng = rng(3);
    even(&parity(50, 400, &mut rng).at_end().inputs, 2);
    even(&temporal_order(10, 20_000, &mut rng).targets, 4);
    let task = copy_memory(1, 4_000, &mut rng);
    even(&task.inputs[..MEMORY * 4_000], KINDS);
    even(&selective_copy(10, 5, 20, 2_000, &mut rng).targets, 5);
    even(&Echo::new(8, 4, 100).next_window(200, &mut rng).inputs, 4);
}

#[test]
fn a_batch_as_vectors_has_a_single_one_for_each_symbol() {
    let task = temporal_order(12, 3, &mut rng(0));
    let xs = task.one_hot::<f32>();
    assert_eq!(xs.shape(), [12, 3, 8]);
    for t in 0..12 {
        for b in 0..3 {
            let id = task.inputs[t * 3 + b];
            let row: Vec<f32> = (0..8).map(|v| xs.at(&[t, b, v])).collect();
            assert!(row.iter().enumerate().all(|(v, &x)| x == f32::from(v == id)));
        }
    }
}

#[test]
#[should_panic(expected = "adding: 1 steps do not hold two marks")]
fn adding_needs_two_steps() {
    adding::<f64>(1, 1, &mut rng(0));
}

#[test]
#[should_panic(expected = "temporal_order: 9 steps are too few; use at least 10")]
fn temporal_order_needs_ten_steps() {
    temporal_order(9, 1, &mut rng(0));
}

#[test]
#[should_panic(expected = "selective_copy: 5 symbols do not fit into 4 steps")]
fn selective_copy_needs_room() {
    selective_copy(5, 2, 4, 1, &mut rng(0));
}
