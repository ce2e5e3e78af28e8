//! Laws that hold whatever the numbers: of unrolling, of batches, of gradients.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use autograd::draw::Draw;
use autograd::ops::{Contribution, Describe, Op, OpMany};
use autograd::{Element, Error, Few, Params, Tape, Tensor, Var};
use proptest::prelude::*;
use rnn::{
    Cell, Gru, GruResetBefore, Lstm, LstmVariant, MinGru, MinLstm, Seq, Vanilla, bptt, unroll,
};
use tests::drawn::{Drawn, draw_params};
use tests::{assert_close, config, distance, rng};

const EXACT: f64 = 1e-13;

/// Splitting a sequence in two changes nothing, as long as the state goes forward over the cut and
/// its gradient comes back over it.
fn two_halves_equal_the_whole<C: Drawn>(seed: u64, seq_len: usize, cut: usize) {
    let mut draw = Draw::new(seed, 0, 0);
    let params = draw_params::<C>(&mut draw, [3, 4]);
    let output_size = C::sizes(&params).output;
    let xs = draw.tensor(&[seq_len, 2, 3], -1.0..1.0);
    let weights = draw.signed_tensor(&[seq_len, 2, output_size], 0.5..1.5);
    let zero = C::zero_state(&params, 2);

    let whole = unroll::<C, f64>(&params, &Seq::time_major(xs.clone()), &zero);
    let back = bptt::<C, f64>(&params, &whole, &weights, None);

    let part = |x: &Tensor<f64>, from, to| x.slice(0, from, to);
    let first = unroll::<C, f64>(&params, &Seq::time_major(part(&xs, 0, cut)), &zero);
    let second_xs = Seq::time_major(part(&xs, cut, seq_len));
    let second = unroll::<C, f64>(&params, &second_xs, first.last_state());
    let back_2 = bptt::<C, f64>(&params, &second, &part(&weights, cut, seq_len), None);
    let carried = Some(&back_2.d_initial);
    let back_1 = bptt::<C, f64>(&params, &first, &part(&weights, 0, cut), carried);

    let outputs = Tensor::concat(&[&first.outputs(), &second.outputs()], 0);
    assert!(distance(&outputs, &whole.outputs()) <= EXACT, "outputs");
    let mut grads = back_1.grads;
    grads.add_assign(&back_2.grads);
    assert_close("gradients", &grads, &back.grads, EXACT);
    assert_close("initial state", &back_1.d_initial, &back.d_initial, EXACT);
    let norms = [back_1.delta_norms, back_2.delta_norms].concat();
    assert!(distance(&Tensor::from(norms), &Tensor::from(back.delta_norms)) <= EXACT, "norms");
}

/// A row of a batch is the same as alone, and the gradient of a batch is the sum over its rows.
fn a_row_of_a_batch_equals_the_row_alone<C: Drawn>(seed: u64, batch: usize, seq_len: usize) {
    let mut draw = Draw::new(seed, 0, 0);
    let params = draw_params::<C>(&mut draw, [3, 4]);
    let output_size = C::sizes(&params).output;
    let xs = draw.tensor(&[seq_len, batch, 3], -1.0..1.0);
    let weights = draw.signed_tensor(&[seq_len, batch, output_size], 0.5..1.5);
    let initial = C::zero_state(&params, batch).map(|z| draw.tensor(z.shape(), -1.0..1.0));

    let all = unroll::<C, f64>(&params, &Seq::time_major(xs.clone()), &initial);
    let back = bptt::<C, f64>(&params, &all, &weights, None);
    let mut sum = params.zeros_like();
    for b in 0..batch {
        let row = |x: &Tensor<f64>| x.slice(1, b, b + 1);
        let state = initial.map(|s| s.slice(0, b, b + 1));
        let alone = unroll::<C, f64>(&params, &Seq::time_major(row(&xs)), &state);
        assert!(distance(&alone.outputs(), &row(&all.outputs())) <= EXACT, "outputs of row {b}");
        let back_row = bptt::<C, f64>(&params, &alone, &row(&weights), None);
        assert!(distance(&back_row.d_xs, &row(&back.d_xs)) <= EXACT, "inputs of row {b}");
        sum.add_assign(&back_row.grads);
    }
    assert_close("gradients", &sum, &back.grads, EXACT);
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(64, file!()))]

            #[test]
            fn two_halves_equal_the_whole(seed: u64, seq_len in 2..20_usize, cut in 0.0..=1.0) {
                let cut = (seq_len as f64 * cut) as usize;
                super::two_halves_equal_the_whole::<$cell>(seed, seq_len, cut);
            }

            #[test]
            fn a_row_of_a_batch_equals_the_row_alone(seed: u64, batch in 1..6_usize, seq_len in 1..9_usize) {
                super::a_row_of_a_batch_equals_the_row_alone::<$cell>(seed, batch, seq_len);
            }
        }

        #[test]
        fn no_steps_give_no_outputs_and_the_state_back() {
            let params = $cell::init::<f64>(3, 4, &mut rng(0));
            let state = $cell::zero_state(&params, 2).map(|z| z + 0.5);
            let trace = unroll::<$cell, f64>(&params, &Seq::time_major(Tensor::zeros(&[0, 2, 3])), &state);
            assert_eq!(trace.outputs().shape(), [0, 2, 4]);
            assert_eq!(trace.last_state(), &state);
            let back = bptt::<$cell, f64>(&params, &trace, &Tensor::zeros(&[0, 2, 4]), Some(&state));
            assert_eq!(back.d_xs.shape(), [0, 2, 3]);
            assert_eq!(back.d_initial, state);
        }
    })* };
}

for_each_cell! {
    Vanilla vanilla;
    Gru gru;
    GruResetBefore gru_reset_before;
    Lstm lstm;
    LstmVariant lstm_variant;
    MinGru min_gru;
    MinLstm min_lstm;
}

#[test]
fn batch_major_is_time_major_with_two_axes_exchanged() {
    let rows = Tensor::from_fn(&[2, 3, 4], |i| i as f64);
    let seq = Seq::batch_major(&rows);
    assert_eq!((seq.seq_len(), seq.batch(), seq.features()), (3, 2, 4));
    for t in 0..3 {
        for b in 0..2 {
            for k in 0..4 {
                assert_eq!(seq.step(t).at(&[b, k]), rows.at(&[b, t, k]));
            }
        }
    }
}

#[test]
fn a_variable_used_twice_gets_both_gradients() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([3.0]));
    let y = (x * x + x).sum();
    assert_eq!(tape.backward(y).of(x).data(), [7.0]);
}

#[test]
fn a_tape_can_be_walked_twice_with_the_same_result() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([0.3, -0.4]));
    let y = (x.tanh() * x).sum();
    assert_eq!(tape.backward(y).of(x), tape.backward(y).of(x));
}

#[test]
fn nothing_goes_back_through_detach() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([2.0]));
    let y = (x.detach() * x).sum();
    assert_eq!(tape.backward(y).of(x).data(), [2.0]);
}

#[test]
fn gradients_can_be_sent_to_another_thread() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([2.0]));
    let grads = tape.backward((x * x).sum());
    let moved = std::thread::spawn(move || grads).join().expect("the thread returns them");
    assert_eq!(moved.of(x).data(), [4.0]);
}

#[test]
fn a_zero_cotangent_gives_a_zero_gradient_even_at_a_pole() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([0.0_f64, 4.0]));
    let mask = tape.constant(Tensor::from([0.0, 1.0]));
    for y in [x.sqrt(), x.powf(-0.5), x.ln()] {
        let kept = (y * mask).slice(0, 1, 2).sum();
        let gradient = tape.backward(kept).of(x);
        assert_eq!(gradient.at(&[0]), 0.0);
        assert!(gradient.at(&[1]).is_finite());
    }
}

/// How often the gradient of a [`Counted`] was computed.
static COMPUTED: AtomicUsize = AtomicUsize::new(0);

/// a + b, whose gradients are said to be costly.
struct Counted;

impl Describe for Counted {
    const NAME: &'static str = "counted";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self, vec![draw.tensor(&shape, -1.0..1.0), draw.tensor(&shape, -1.0..1.0)])
    }
}

impl<E: Element> Op<E, 2> for Counted {
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_add(b)
    }

    fn vjp(&self, _: [&Tensor<E>; 2], _: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        [(); 2].map(|()| {
            let dy = dy.clone();
            Contribution::lazy(move || {
                COMPUTED.fetch_add(1, Ordering::Relaxed);
                dy.clone()
            })
        })
    }
}

/// 2 a + 3 b + 0 c, for which inputs gradients are needed as it was told last.
struct Told(Arc<Mutex<Vec<bool>>>);

impl Describe for Told {
    const NAME: &'static str = "told";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let shape = draw.shape(0);
        (Self(Arc::default()), (0..3).map(|_| draw.tensor(&shape, -1.0..1.0)).collect())
    }
}

impl<E: Element> OpMany<E> for Told {
    fn forward(&self, inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        Ok(Few::from_iter([(inputs[0] * 2.0).try_add(&(inputs[1] * 3.0))?]))
    }

    fn vjp(
        &self,
        _inputs: &[&Tensor<E>],
        _outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        needs: &[bool],
    ) -> Few<Contribution<E>> {
        *self.0.lock().expect("no thread panicked") = needs.to_vec();
        let of = |k: usize, slope: f64| match needs[k] {
            true => Contribution::Dense(&d_outputs[0] * slope),
            false => Contribution::Nothing,
        };
        Few::from_iter([of(0, 2.0), of(1, 3.0), Contribution::Nothing])
    }
}

#[test]
fn an_op_of_many_inputs_is_told_whose_gradients_are_needed_and_may_give_nothing() {
    let tape = Tape::new();
    let [a, b, c] = [3.0, 5.0, 6.0].map(|x| tape.leaf(Tensor::from([x])));
    let data = tape.constant(Tensor::from([7.0]));
    let told = Arc::default();
    let slopes = |inputs: [Var<'_, f64>; 3]| {
        let grads = tape.backward(tape.apply_many(Told(Arc::clone(&told)), &inputs)[0]);
        (told.lock().expect("no thread panicked").clone(), inputs.map(|x| grads.of(x).item()))
    };
    assert_eq!(slopes([a, b, c]), (vec![true, true, true], [2.0, 3.0, 0.0]));
    assert_eq!(slopes([data, b, c]), (vec![false, true, true], [0.0, 3.0, 0.0]));
    assert_eq!(slopes([a, data, data]), (vec![true, false, false], [2.0, 0.0, 0.0]));
    assert_eq!(slopes([c, c, c]), (vec![true, true, true], [5.0, 5.0, 5.0]));
}

#[test]
fn a_lazy_contribution_is_computed_only_where_a_gradient_is_needed() {
    let tape = Tape::new();
    let [data, w] = [tape.constant(Tensor::from([3.0])), tape.leaf(Tensor::from([5.0]))];
    let once = tape.apply(Counted, [data, w]);
    assert_eq!(tape.backward(once).of(w).data(), [1.0]);
    assert_eq!(COMPUTED.load(Ordering::Relaxed), 1);
    let twice = tape.apply(Counted, [w, w]);
    assert_eq!(tape.backward(twice).of(w).data(), [2.0]);
    assert_eq!(COMPUTED.load(Ordering::Relaxed), 3);
}

/// One of two computations whose ops hold different things, in another order.
fn computed(tape: &Tape<f64>, sums_first: bool) -> Tensor<f64> {
    let x = tape.leaf(Tensor::from([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]));
    let y = match sums_first {
        true => x.sum_keep(&[1]).clamp(-1.0, 2.0).powf(3.0).reshape(&[2]),
        false => x.powf(2.0).slice(1, 1, 3).reshape(&[4]).mean_keep(&[0]),
    };
    tape.backward(y.sum()).of(x)
}

#[test]
fn a_tape_that_is_reset_computes_what_a_new_one_does_whatever_was_on_it() {
    let [first, second] = [true, false].map(|way| computed(&Tape::new(), way));
    let mut tape = Tape::new();
    for sums_first in [true, false, false, true, true, false] {
        tape.reset();
        let expected = if sums_first { &first } else { &second };
        assert_eq!(&computed(&tape, sums_first), expected);
    }
}

#[test]
fn a_factor_that_was_repeated_gets_the_sums_of_all_its_products() {
    let tape = Tape::new();
    let row = tape.leaf(Tensor::from([2.0, 3.0]));
    let x = tape.leaf(Tensor::from([[1.0, 10.0], [5.0, 50.0]]));
    let grads = tape.backward((x * row).sum() + (row * x).sum() + (row * row).sum());
    assert_eq!(grads.of(row).data(), [16.0, 126.0]); // twice the sum of a column, and 2 row
    assert_eq!(grads.of(x), Tensor::from([[4.0, 6.0], [4.0, 6.0]]));
}
