//! Backpropagation through time truncated, in little memory, and through several layers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::draw::Draw;
use autograd::transform::value_and_grad;
use autograd::{Element, Params, Tape, Tensor, Var, init, params};
use proptest::prelude::*;
use rand::Rng;
use rnn::bptt::{
    BpttError, Checkpointed, Memory, Pass, Schedule, StepBytes, Truncation, checkpointed_bptt,
    step_bytes, truncated_bptt, truncated_pass,
};
use rnn::cell::{Cell, Hidden, Sizes, tensor_bytes};
use rnn::{
    Deep, DeepOptions, Gru, LanguageModel, Lstm, Seq, StateOf, Trace, Vanilla, bptt, unroll,
    unroll_on_tape,
};
use tests::{assert_close, config, distance, panics, rng};

const EXACT: f64 = 1e-12;

/// A cell of which only the equations are written: h′ = (1 − α) h + α W x, with α = σ(a).
pub(crate) struct Leaky<L = ()> {
    a: L,
    w: L,
}
params!(Leaky { a: "a", w: "w" });

impl Cell for Leaky {
    const NAME: &'static str = "leaky";
    type Options = ();
    type State = Hidden;

    fn init_with<E: Element>(
        _: &(),
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Leaky<Tensor<E>> {
        let a = init::uniform(&[hidden_size], 1.0, rng);
        Leaky { a, w: init::uniform(&[hidden_size, input_size], 1.0, rng) }
    }

    fn sizes<E: Element>(params: &Leaky<Tensor<E>>) -> Sizes {
        let &[hidden, input] = params.w.shape() else { panic!("w has two axes") };
        Sizes { input, hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &Leaky<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let alpha = params.a.sigmoid();
        Hidden { h: (1.0 - alpha) * state.h + alpha * x.matmul(params.w.t()) }
    }

    rnn::by_tape!();
}

/// L = ⟨d_outputs, outputs⟩ + ⟨d_last, last state⟩.
struct Case<C: Cell> {
    params: C::Of<Tensor<f64>>,
    xs: Seq<Tensor<f64>>,
    initial: StateOf<C, Tensor<f64>>,
    d_outputs: Tensor<f64>,
    d_last: StateOf<C, Tensor<f64>>,
}

impl<C: Cell> Case<C> {
    fn draw(options: &C::Options, seed: u64, [seq_len, batch, inputs, units]: [usize; 4]) -> Self {
        let mut draw = Draw::new(seed, 0, 0);
        let params = C::init_with(options, inputs, units, &mut rng(seed));
        let zero = C::zero_state(&params, batch);
        Self {
            xs: Seq::time_major(draw.tensor(&[seq_len, batch, inputs], -1.0..1.0)),
            initial: zero.map(|z| draw.tensor(z.shape(), -1.0..1.0)),
            d_outputs: draw.signed_tensor(&[seq_len, batch, units], 0.5..1.5),
            d_last: zero.map(|z| draw.signed_tensor(z.shape(), 0.5..1.5)),
            params,
        }
    }

    fn unroll(&self) -> Trace<C, f64> {
        unroll::<C, f64>(&self.params, &self.xs, &self.initial)
    }

    fn checkpointed(&self, memory: Memory) -> Result<Checkpointed<C, f64>, BpttError> {
        let d_output = |t, _: &Tensor<f64>| self.d_outputs.entry(t);
        let Self { params, xs, initial, d_last, .. } = self;
        checkpointed_bptt::<C, f64>(params, xs, initial, memory, d_output, Some(d_last))
    }

    fn step_bytes(&self) -> StepBytes {
        step_bytes::<C, f64>(&self.params, self.xs.batch())
    }

    /// Parameters, then inputs, then initial state: the gradients by the tape of the loss that `loss` makes of
    /// them.
    fn on_tape(
        &self,
        loss: impl for<'t> Fn(
            &'t Tape<f64>,
            &C::Of<Var<'t, f64>>,
            Var<'t, f64>,
            &StateOf<C, Var<'t, f64>>,
        ) -> Var<'t, f64>,
    ) -> Vec<Tensor<f64>> {
        let xs = vec![self.xs.steps()];
        let leaves = [self.params.leaves(), xs, self.initial.leaves()].concat();
        let (_, grads) = value_and_grad(
            |tape, leaves: Vec<Var<'_, f64>>| {
                let mut leaves = leaves.into_iter();
                let mut next = || leaves.next().expect("as many variables as there are leaves");
                let params = self.params.map(|_| next());
                let xs = next();
                let initial = self.initial.map(|_| next());
                loss(tape, &params, xs, &initial)
            },
            &leaves,
        );
        grads
    }

    /// ⟨d_last, state⟩ on a tape.
    fn last<'t>(&self, tape: &'t Tape<f64>, state: &StateOf<C, Var<'t, f64>>) -> Var<'t, f64> {
        let pairs = state.leaves().into_iter().zip(self.d_last.leaves());
        let terms = pairs.map(|(s, d)| (s * tape.constant(d)).sum());
        terms.reduce(|a, b| a + b).expect("a state has a part")
    }
}

/// The gradients in parameters, inputs and initial state as one list.
fn list<P, S>(grads: &P, d_xs: &Tensor<f64>, d_initial: &S) -> Vec<Tensor<f64>>
where
    P: Params<Leaf = Tensor<f64>>,
    S: Params<Leaf = Tensor<f64>>,
{
    [grads.leaves(), vec![d_xs.clone()], d_initial.leaves()].concat()
}

/// Settings of all three kinds, from the least memory to more than enough.
fn memory(kind: usize, part: f64, seq_len: usize, bytes: StepBytes) -> Memory {
    let StepBytes { state, step } = bytes;
    match kind {
        0 => Memory::Sqrt,
        1 => Memory::Slots(1 + (part * part * seq_len as f64) as usize),
        _ => Memory::Bytes(state + step + (part * part * (seq_len * step) as f64) as usize),
    }
}

fn checkpointed_equals_plain<C: Cell>(case: &Case<C>, kind: usize, part: f64) {
    let seq_len = case.xs.seq_len();
    let memory = memory(kind, part, seq_len, case.step_bytes());
    let schedule = Schedule::new(memory, seq_len, case.step_bytes()).expect("enough memory");
    let found = case.checkpointed(memory).expect("enough memory");
    assert!(found.most_states <= schedule.slots(), "{memory:?}: {} states", found.most_states);
    assert_eq!(found.forward_steps, schedule.forward_steps(), "{memory:?}");

    let trace = case.unroll();
    let plain = bptt::<C, f64>(&case.params, &trace, &case.d_outputs, Some(&case.d_last));
    let what = format!("{} in {memory:?}", C::NAME);
    assert_close(&what, &found.back.grads, &plain.grads, EXACT);
    assert_close(&what, &found.back.d_initial, &plain.d_initial, EXACT);
    assert_close(&what, &found.last_state, trace.last_state(), EXACT);
    assert!(distance(&found.back.d_xs, &plain.d_xs) <= EXACT, "{what}: inputs");
    let norms = [found.back.delta_norms, plain.delta_norms].map(Tensor::from);
    assert!(distance(&norms[0], &norms[1]) <= EXACT, "{what}: norms");
}

/// The passes written out: at every k1-th step, and at the last, the steps since k2 ago (of a short last pass,
/// since k2 − k1 before its losses) are run again on the tape from a detached state.
fn truncated_equals_the_tape<C: Cell>(case: &Case<C>, k1: usize, k2: usize) {
    let seq_len = case.xs.seq_len();
    let tape = case.on_tape(|tape, params, xs, initial| {
        let steps: Vec<_> = (0..seq_len).map(|t| xs.entry(t)).collect();
        let mut total = tape.constant(Tensor::scalar(0.0));
        let mut done = 0_usize;
        for end in 1..=seq_len {
            if end % k1 != 0 && end != seq_len {
                continue;
            }
            let overlap = k2.saturating_sub(k1);
            let start = done.saturating_sub(overlap).max(end.saturating_sub(k2));
            let (_, before) = unroll_on_tape::<C, f64>(params, &steps[..start], initial);
            let from = if start == 0 { before } else { before.map(|s| s.detach()) };
            let (outputs, last) = unroll_on_tape::<C, f64>(params, &steps[start..end], &from);
            for t in done.max(start)..end {
                let weight = tape.constant(case.d_outputs.entry(t));
                total = total + (outputs[t - start] * weight).sum();
            }
            if end == seq_len {
                total = total + case.last(tape, &last);
            }
            done = end;
        }
        total
    });
    let truncation = Truncation::new(k1, k2).expect("neither is 0");
    let trace = case.unroll();
    let d_last = Some(&case.d_last);
    let found = truncated_bptt::<C, f64>(&case.params, &trace, &case.d_outputs, d_last, truncation);
    let found = list(&found.grads, &found.d_xs, &found.d_initial);
    assert_close(&format!("{}, k1 = {k1}, k2 = {k2}", C::NAME), &found, &tape, EXACT);
}

fn full_truncation_is_no_truncation<C: Cell>(case: &Case<C>) {
    let seq_len = case.xs.seq_len();
    let truncation = Truncation::new(seq_len, seq_len).expect("at least one step");
    let (trace, d_last) = (case.unroll(), Some(&case.d_last));
    let found = truncated_bptt::<C, f64>(&case.params, &trace, &case.d_outputs, d_last, truncation);
    let plain = bptt::<C, f64>(&case.params, &trace, &case.d_outputs, d_last);
    let found_list = list(&found.grads, &found.d_xs, &found.d_initial);
    assert_eq!(found_list, list(&plain.grads, &plain.d_xs, &plain.d_initial));
    assert_eq!(found.delta_norms, [plain.delta_norms]);
}

fn equal_periods_are_windows_with_the_state_detached<C: Cell>(case: &Case<C>, k: usize) {
    let seq_len = case.xs.seq_len();
    let mut grads = case.params.zeros_like();
    let mut d_xs = Vec::new();
    let mut norms = Vec::new();
    let mut state = case.initial.map(Tensor::clone);
    for start in (0..seq_len).step_by(k) {
        let end = (start + k).min(seq_len);
        let window = Seq::time_major(case.xs.steps().slice(0, start, end));
        let trace = unroll::<C, f64>(&case.params, &window, &state);
        let d_outputs = case.d_outputs.slice(0, start, end);
        let back = bptt::<C, f64>(&case.params, &trace, &d_outputs, None);
        grads.add_assign(&back.grads);
        d_xs.push(back.d_xs);
        norms.push(back.delta_norms);
        state = trace.last_state().map(Tensor::clone);
    }
    let truncation = Truncation::new(k, k).expect("not 0");
    let trace = case.unroll();
    let found = truncated_bptt::<C, f64>(&case.params, &trace, &case.d_outputs, None, truncation);
    assert_close(C::NAME, &found.grads, &grads, EXACT);
    let d_xs = Tensor::concat(&d_xs.iter().collect::<Vec<_>>(), 0);
    assert!(distance(&found.d_xs, &d_xs) <= EXACT, "inputs");
    let norms = [found.delta_norms.concat(), norms.concat()].map(Tensor::from);
    assert!(distance(&norms[0], &norms[1]) <= EXACT, "norms");
}

fn passes_one_by_one_add_up<C: Cell>(case: &Case<C>, k1: usize, k2: usize) {
    let truncation = Truncation::new(k1, k2).expect("neither is 0");
    let trace = case.unroll();
    let all = truncated_bptt::<C, f64>(&case.params, &trace, &case.d_outputs, None, truncation);
    let mut sum = case.params.zeros_like();
    for (pass, norms) in truncation.passes(case.xs.seq_len()).zip(&all.delta_norms) {
        let alone = truncated_pass::<C, f64>(&case.params, &trace, &case.d_outputs, &pass);
        assert_eq!(&alone.delta_norms, norms);
        sum.add_assign(&alone.grads);
    }
    assert_close(C::NAME, &all.grads, &sum, EXACT);
}

fn by_hand_equals_the_tape<C: Cell>(case: &Case<C>) {
    let tape = case.on_tape(|tape, params, xs, initial| {
        let steps: Vec<_> = (0..case.xs.seq_len()).map(|t| xs.entry(t)).collect();
        let (outputs, last) = unroll_on_tape::<C, f64>(params, &steps, initial);
        let outputs = (Var::stack(&outputs) * tape.constant(case.d_outputs.clone())).sum();
        outputs + case.last(tape, &last)
    });
    let plain = bptt::<C, f64>(&case.params, &case.unroll(), &case.d_outputs, Some(&case.d_last));
    assert_close(C::NAME, &list(&plain.grads, &plain.d_xs, &plain.d_initial), &tape, EXACT);
}

fn sizes() -> impl Strategy<Value = [usize; 4]> {
    (prop_oneof![1..=6_usize, 1..=40_usize], 1..=3_usize, 1..=4_usize, 1..=5_usize)
        .prop_map(|(t, b, i, h)| [t, b, i, h])
}

macro_rules! for_each_cell {
    ($($module:ident: $cell:ty, $options:expr;)*) => { $(mod $module {
        use super::*;

        fn case(seed: u64, sizes: [usize; 4]) -> Case<$cell> {
            Case::draw(&$options, seed, sizes)
        }

        proptest! {
            #![proptest_config(config(64, file!()))]

            #[test]
            fn checkpointed_equals_plain(
                seed: u64, sizes in sizes(), kind in 0..3_usize, part in 0.0..1.0,
            ) {
                super::checkpointed_equals_plain(&case(seed, sizes), kind, part);
            }

            #[test]
            fn truncated_equals_a_tape_with_detached_states(
                seed: u64, sizes in sizes(), k1 in 1..=12_usize, k2 in 1..=12_usize,
            ) {
                super::truncated_equals_the_tape(&case(seed, sizes), k1, k2);
            }

            #[test]
            fn full_truncation_is_no_truncation(seed: u64, sizes in sizes()) {
                super::full_truncation_is_no_truncation(&case(seed, sizes));
            }

            #[test]
            fn equal_periods_are_windows_with_the_state_detached(
                seed: u64, sizes in sizes(), k in 1..=12_usize,
            ) {
                super::equal_periods_are_windows_with_the_state_detached(&case(seed, sizes), k);
            }

            #[test]
            fn passes_one_by_one_add_up(
                seed: u64, sizes in sizes(), k1 in 1..=12_usize, k2 in 1..=12_usize,
            ) {
                super::passes_one_by_one_add_up(&case(seed, sizes), k1, k2);
            }

            #[test]
            fn by_hand_equals_the_tape(seed: u64, sizes in sizes()) {
                super::by_hand_equals_the_tape(&case(seed, sizes));
            }
        }

        #[test]
        fn no_steps_give_no_gradient_and_the_last_one_back() {
            let case = case(0, [0, 2, 3, 4]);
            for memory in [Memory::Sqrt, Memory::Slots(3), Memory::Bytes(1 << 20)] {
                let found = case.checkpointed(memory).expect("enough memory");
                assert_eq!((found.forward_steps, found.back.delta_norms.len()), (0, 0));
                assert_eq!(found.back.d_initial.leaves(), case.d_last.leaves());
                assert_eq!(found.last_state.leaves(), case.initial.leaves());
            }
            let truncation = Truncation::new(2, 3).expect("neither is 0");
            let (trace, d_last) = (case.unroll(), Some(&case.d_last));
            let found = truncated_bptt::<$cell, f64>(
                &case.params, &trace, &case.d_outputs, d_last, truncation,
            );
            assert_eq!(found.d_initial.leaves(), case.d_last.leaves());
            assert_eq!(found.grads.leaves(), case.params.zeros_like().leaves());
        }
    })* };
}

fn layers<O: Default>(layers: usize) -> DeepOptions<O> {
    DeepOptions { layers, cell: O::default() }
}

for_each_cell! {
    vanilla: Vanilla, Default::default();
    gru: Gru, Default::default();
    lstm: Lstm, Default::default();
    leaky: Leaky, ();
    deep_vanilla: Deep<Vanilla>, layers(2);
    deep_gru: Deep<Gru>, layers(3);
    deep_lstm: Deep<Lstm>, layers(2);
    deeper: Deep<Deep<Lstm>>, DeepOptions { layers: 2, cell: layers(2) };
}

#[test]
fn a_thousand_steps_run_as_often_as_the_least_number_for_their_slots() {
    let case = Case::<Vanilla>::draw(&Default::default(), 0, [1000, 1, 1, 1]);
    for (slots, steps) in [(10, 4_636), (50, 2_948), (100, 2_898)] {
        let found = case.checkpointed(Memory::Slots(slots)).expect("a slot");
        assert_eq!(found.forward_steps, steps, "{slots} slots");
        assert!(found.most_states <= slots, "{slots} slots: {} states", found.most_states);
    }
}

#[test]
fn one_slot_starts_again_for_every_step() {
    let case = Case::<Gru>::draw(&Default::default(), 0, [20, 1, 2, 2]);
    let found = case.checkpointed(Memory::Slots(1)).expect("a slot");
    assert_eq!((found.forward_steps, found.most_states), (20 * 21 / 2, 1));
}

#[test]
fn the_square_root_runs_no_step_more_than_twice() {
    for seq_len in [1_usize, 2, 3, 4, 5, 15, 16, 17, 99, 100, 101, 1000] {
        let case = Case::<Vanilla>::draw(&Default::default(), 0, [seq_len, 1, 1, 1]);
        let found = case.checkpointed(Memory::Sqrt).expect("no setting to be wrong");
        let root = (seq_len as f64).sqrt().ceil() as usize;
        assert_eq!(found.forward_steps, (2 * seq_len - root) as u64, "T = {seq_len}");
        assert!(found.most_states <= root, "T = {seq_len}: {} states", found.most_states);
    }
}

#[test]
fn the_loss_is_asked_once_a_step_the_last_one_first() {
    let case = Case::<Gru>::draw(&Default::default(), 3, [23, 2, 3, 4]);
    let trace = case.unroll();
    for memory in [Memory::Sqrt, Memory::Slots(3), Memory::Bytes(8_000)] {
        let mut asked = Vec::new();
        let d_output = |t: usize, h: &Tensor<f64>| {
            asked.push(t);
            assert!(distance(h, &trace.states[t + 1].h) <= EXACT, "h at step {t}");
            Tensor::zeros(h.shape())
        };
        checkpointed_bptt::<Gru, f64>(
            &case.params,
            &case.xs,
            &case.initial,
            memory,
            d_output,
            None,
        )
        .expect("enough memory");
        assert!(asked.iter().copied().eq((0..23).rev()), "{memory:?}: {asked:?}");
    }
}

/// What a language model's window says of its parameters, with no scores of more than one step at a time.
#[test]
fn a_language_model_needs_the_scores_of_one_step_only() {
    let (vocab_size, batch, seq_len) = (7, 2, 30);
    let mut draw = Draw::new(5, 0, 0);
    let model = LanguageModel::<Lstm>::init::<f64>(vocab_size, Some(3), 4, &mut rng(5));
    let [ids, targets] = [(); 2].map(|()| draw.ids(seq_len * batch, vocab_size));
    let states = model.zero_states(batch);
    let (cell, state) = (&model.rnn.cells[0], &states[0]);
    let plain = model.window_grad(&ids, &targets, &states, None).expect("ids below the size");

    let xs = model.embed(&ids, batch).expect("ids below the size");
    let mut head = model.head.map(|w| Tensor::zeros(w.shape()));
    let d_output = |t: usize, h: &Tensor<f64>| {
        let softmax = model.head.forward(h).map(f64::exp);
        let sums = softmax.sum_over(&[1]).reshape(&[batch, 1]);
        let onehot = Tensor::one_hot(&targets[t * batch..][..batch], vocab_size);
        let d_scores = (softmax / sums - onehot) * (1.0 / (seq_len * batch) as f64);
        let (d_head, dh) = model.head.backward(h, &d_scores);
        head.add_assign(&d_head);
        dh
    };
    let found = checkpointed_bptt::<Lstm, f64>(cell, &xs, state, Memory::Sqrt, d_output, None)
        .expect("no setting to be wrong");
    assert_close("cell", &found.back.grads, &plain.grads.rnn.cells[0], EXACT);
    assert_close("head", &head, &plain.grads.head, EXACT);
    assert_close("state", &found.last_state, &plain.last_states[0], EXACT);
}

#[test]
fn more_bytes_never_run_more_steps_and_enough_run_each_once() {
    let bytes = StepBytes { state: 100, step: 900 };
    let mut before = u64::MAX;
    for budget in (1_000..400_000).step_by(777) {
        let schedule = Schedule::new(Memory::Bytes(budget), 300, bytes).expect("enough memory");
        assert!(schedule.bytes(bytes) <= budget, "{budget}: {schedule:?}");
        assert!(schedule.forward_steps() <= before, "{budget}: {schedule:?}");
        before = schedule.forward_steps();
    }
    assert_eq!(before, 300);
}

#[test]
fn the_bytes_of_a_step_are_those_that_the_cells_keep() {
    let bytes = |parts: &[&Tensor<f64>]| -> usize {
        parts.iter().map(|part| tensor_bytes::<f64>(part.elements())).sum()
    };
    let case = Case::<Lstm>::draw(&Default::default(), 0, [1, 3, 4, 5]);
    let kept = &case.unroll().saved[0];
    let saved = bytes(&[&kept.i, &kept.f, &kept.g, &kept.o, &kept.tanh_c]);
    assert_eq!(Lstm::saved_bytes(&case.params, 3), saved);
    // h and c; those, what is kept, da of 4 H numbers a row, and dx.
    let state = bytes(&[&case.initial.h, &case.initial.c]);
    let step = state + saved + 8 * 3 * (20 + 4);
    assert_eq!(case.step_bytes(), StepBytes { state, step });

    let case = Case::<Gru>::draw(&Default::default(), 0, [1, 3, 4, 5]);
    let kept = &case.unroll().saved[0];
    let saved = bytes(&[&kept.r, &kept.z, &kept.n, &kept.n_h]);
    assert_eq!(Gru::saved_bytes(&case.params, 3), saved);
    assert!(rnn::by_tape::bytes::<Gru, f64>(&case.params, 3) >= saved);

    let case = Case::<Leaky>::draw(&(), 0, [1, 3, 4, 5]);
    assert_eq!(Leaky::saved_bytes(&case.params, 3), bytes(&[&case.unroll().saved[0]]));
}

#[test]
fn settings_without_a_gradient_are_refused_with_what_is_needed() {
    let case = Case::<Lstm>::draw(&Default::default(), 0, [9, 2, 3, 4]);
    let StepBytes { state, step } = case.step_bytes();
    let needed = state + step;
    assert!(case.checkpointed(Memory::Bytes(needed)).is_ok(), "the least that is named suffices");
    let small = format!(
        "checkpointed bptt: a budget of {} bytes is too small; \
         give at least {needed}, {state} for a state and {step} for a step",
        needed - 1,
    );
    let rows = [
        (
            case.checkpointed(Memory::Slots(0)).err(),
            BpttError::NoSlots,
            "checkpointed bptt: 0 slots; give at least 1, which holds the state before the first step",
        ),
        (
            case.checkpointed(Memory::Bytes(needed - 1)).err(),
            BpttError::Budget { budget: needed - 1, needed, state, step },
            &small,
        ),
        (
            Truncation::new(0, 3).err(),
            BpttError::NoPeriod,
            "truncated bptt: k1 is 0, but it is the number of steps from pass to pass; give at least 1",
        ),
        (
            Truncation::new(3, 0).err(),
            BpttError::NoDepth,
            "truncated bptt: k2 is 0, but it is the number of steps a pass goes back; give at least 1",
        ),
    ];
    for (found, wanted, sentence) in rows {
        assert_eq!(found, Some(wanted));
        assert_eq!(wanted.to_string(), sentence);
    }
}

#[test]
fn gradients_of_another_shape_than_the_outputs_are_named() {
    let case = Case::<Gru>::draw(&Default::default(), 0, [9, 2, 3, 4]);
    let Case { params, xs, initial, .. } = &case;
    let one_row = |_, _: &Tensor<f64>| Tensor::zeros(&[1, 4]); // would broadcast
    panics(
        || checkpointed_bptt::<Gru, f64>(params, xs, initial, Memory::Sqrt, one_row, None),
        &["[1, 4]", "[2, 4]"],
    );
    let (trace, short) = (case.unroll(), Tensor::zeros(&[8, 2, 4]));
    panics(|| bptt::<Gru, f64>(params, &trace, &short, None), &["[8, 2, 4]", "[9, 2, 4]"]);
    let every = Truncation::new(1, 1).expect("neither is 0");
    let call = || truncated_bptt::<Gru, f64>(params, &trace, &short, None, every);
    panics(call, &["[8, 2, 4]", "[9, 2, 4]"]);
}

#[test]
fn every_loss_enters_one_pass() {
    for (seq_len, k1, k2) in [(10, 3, 5), (10, 3, 2), (7, 7, 7), (7, 9, 100), (1, 1, 1)] {
        let passes: Vec<Pass> = Truncation::new(k1, k2).expect("neither").passes(seq_len).collect();
        let losses: Vec<usize> = passes.iter().flat_map(|pass| pass.losses.clone()).collect();
        assert!(losses.into_iter().eq(0..seq_len), "{passes:?}");
        for pass in passes.iter().filter(|pass| pass.losses.len() == k1) {
            assert_eq!(pass.steps, pass.losses.end.saturating_sub(k2)..pass.losses.end);
        }
    }
    assert_eq!(Truncation::new(3, 5).expect("neither is 0").passes(0).count(), 0);
}

#[test]
fn a_short_last_pass_goes_back_beyond_its_losses_as_far_as_the_others() {
    let last = |k1, k2| Truncation::new(k1, k2).expect("neither is 0").passes(10).last();
    for (k1, k2, losses, steps) in [
        (4, 4, 8..10, 8..10),
        (4, 5, 8..10, 7..10),
        (4, 40, 8..10, 0..10),
        (4, 3, 8..10, 8..10),
        (4, 1, 8..10, 9..10),
    ] {
        assert_eq!(last(k1, k2), Some(Pass { losses, steps }), "k1 = {k1}, k2 = {k2}");
    }
}

#[test]
fn layers_in_one_cell_equal_layers_one_after_the_other() {
    let case = Case::<Deep<Lstm>>::draw(&layers(2), 7, [12, 2, 3, 4]);
    let [low, high] = &case.params.layers[..] else { panic!("two layers") };
    let [low_state, high_state] = &case.initial.layers[..] else { panic!("two layers") };

    let low_trace = unroll::<Lstm, f64>(low, &case.xs, low_state);
    let between = Seq::time_major(low_trace.outputs());
    let high_trace = unroll::<Lstm, f64>(high, &between, high_state);
    let high_back = bptt::<Lstm, f64>(high, &high_trace, &case.d_outputs, None);
    let low_back = bptt::<Lstm, f64>(low, &low_trace, &high_back.d_xs, None);

    let trace = case.unroll();
    assert!(distance(&trace.outputs(), &high_trace.outputs()) <= EXACT);
    let back = bptt::<Deep<Lstm>, f64>(&case.params, &trace, &case.d_outputs, None);
    assert_close("low", &back.grads.layers[0], &low_back.grads, EXACT);
    assert_close("high", &back.grads.layers[1], &high_back.grads, EXACT);
    assert!(distance(&back.d_xs, &low_back.d_xs) <= EXACT);
}

#[test]
fn a_deep_cell_of_one_layer_is_that_cell() {
    let deep = Case::<Deep<Gru>>::draw(&layers(1), 7, [12, 2, 3, 4]);
    let one = Case::<Gru>::draw(&Default::default(), 7, [12, 2, 3, 4]);
    let back = bptt::<Deep<Gru>, f64>(&deep.params, &deep.unroll(), &deep.d_outputs, None);
    let alone = bptt::<Gru, f64>(&one.params, &one.unroll(), &one.d_outputs, None);
    assert_eq!(back.grads.layers[0], alone.grads);
    assert_eq!(back.delta_norms, alone.delta_norms);
}

#[test]
fn the_parameters_of_a_deep_cell_have_the_names_of_pytorch() {
    let deep = Deep::<Gru>::init_with::<f64>(&layers(2), 3, 4, &mut rng(0));
    let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let wanted: Vec<_> = (0..2).flat_map(|l| names.map(|name| format!("{name}_l{l}"))).collect();
    assert_eq!(deep.names(), wanted);
    assert_eq!(deep.layers[1].w_ih.shape(), [12, 4]);
    let none = || Deep::<Gru>::init_with::<f64>(&layers(0), 3, 4, &mut rng(0));
    let panic = catch_unwind(AssertUnwindSafe(none)).err().expect("0 layers are refused");
    assert_eq!(panic.downcast_ref(), Some(&"Deep: 0 layers; give at least 1"));
}

#[test]
fn a_million_steps_in_little_memory_need_no_more_stack_than_one() {
    let body = || {
        let case = Case::<Vanilla>::draw(&Default::default(), 0, [1_000_000, 1, 1, 1]);
        let found = case.checkpointed(Memory::Sqrt).expect("no setting to be wrong");
        assert_eq!((found.most_states, found.forward_steps), (999, 1_999_000));
        assert!(found.back.grads.w_hh.is_finite());
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(body);
    thread.expect("the thread starts").join().expect("no overflow and no panic");
}
