//! Layers of cells: three ways to one gradient, and the laws that hold whatever the numbers.

use autograd::draw::Draw;
use autograd::gradcheck::{Check, Function};
use autograd::{Element, Params, Tape, Tensor, Var};
use proptest::prelude::*;
use rnn::cell::Biased;
use rnn::stack::{StackTrace, unstacked};
use rnn::{
    Cell, Directions, Engine, Gru, GruResetBefore, Hidden, Lstm, LstmState, LstmVariant, Merge,
    MinGru, MinLstm, Noise, Seq, Stack, StackOptions, StateOf, Vanilla, Zoneout,
};
use tests::drawn::Drawn;
use tests::{assert_close, config, distance, rng};

const EXACT: f64 = 1e-12;

/// What a case is drawn from; it shrinks to one short row through one layer.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    layers: usize,
    directions: Directions,
    seq_len: usize,
    batch: usize,
    arrangement: Arrangement,
    noisy: bool,
    initial: bool,
    /// Options of the cell drawn at random, and not the default ones.
    variant: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Arrangement {
    Full,
    Masked,
    Packed,
}

const INPUTS: usize = 3;
const UNITS: usize = 4;

pub(super) fn directions() -> impl Strategy<Value = Directions> {
    prop_oneof![
        Just(Directions::Forward),
        Just(Directions::Reverse),
        Just(Directions::Both(Merge::Concat)),
        Just(Directions::Both(Merge::Sum)),
        Just(Directions::Both(Merge::Mean)),
        Just(Directions::Both(Merge::Product)),
    ]
}

fn plans(longest: usize) -> impl Strategy<Value = Plan> {
    let arrangement =
        prop_oneof![Just(Arrangement::Full), Just(Arrangement::Masked), Just(Arrangement::Packed)];
    let seq_len = prop_oneof![0..=6_usize, 1..=longest];
    let sizes = (1..=2_usize, directions(), seq_len, 1..=4_usize);
    (any::<u64>(), sizes, arrangement, any::<[bool; 3]>()).prop_map(
        |(seed, (layers, directions, seq_len, batch), arrangement, [noisy, initial, variant])| {
            Plan { seed, layers, directions, seq_len, batch, arrangement, noisy, initial, variant }
        },
    )
}

/// A stack, its inputs and a loss in which every output and every last state has a say.
struct Case<C: Cell> {
    stack: Stack<C, Tensor<f64>>,
    xs: Tensor<f64>,
    lengths: Option<Vec<usize>>,
    packed: bool,
    initial: Option<Vec<StateOf<C, Tensor<f64>>>>,
    noise: Option<Noise>,
    d_outputs: Tensor<f64>,
    d_last: Vec<StateOf<C, Tensor<f64>>>,
    what: String,
}

/// What one way found.
struct Found {
    outputs: Tensor<f64>,
    last: Vec<Tensor<f64>>,
    /// Parameters, inputs, initial states if they were given.
    grads: Vec<Tensor<f64>>,
}

impl<C: Drawn> Case<C> {
    fn draw(plan: &Plan) -> Self {
        let Plan { seed, seq_len, batch, .. } = *plan;
        let mut draw = Draw::new(seed, 0, 0);
        let mut options = StackOptions {
            layers: plan.layers,
            directions: plan.directions,
            ..StackOptions::new(INPUTS, UNITS)
        };
        if plan.variant {
            options.cell = C::options(&mut draw, UNITS);
        }
        if plan.noisy {
            options.dropout = 0.3;
            options.recurrent_dropout = 0.4;
            options.zoneout = Zoneout { h: 0.2, c: 0.5 };
        }
        let stack = Stack::<C>::init::<f64>(&options, &mut rng(seed));
        let states = stack.zero_states(batch);
        let mut random = |like: &[StateOf<C, Tensor<f64>>]| -> Vec<_> {
            like.iter().map(|s| s.map(|s| draw.signed_tensor(s.shape(), 0.3..1.2))).collect()
        };
        let initial = plan.initial.then(|| random(&states));
        let d_last = random(&states);
        let lengths = (plan.arrangement != Arrangement::Full)
            .then(|| (0..batch).map(|_| draw.below(0..seq_len + 1)).collect());
        Self {
            xs: draw.tensor(&[seq_len, batch, INPUTS], -1.0..1.0),
            // Half of the noisy cases are evaluation, where zoneout has its expected value.
            noise: (plan.noisy && draw.coin())
                .then(|| stack.noise(seq_len, batch, &mut rng(seed ^ 1))),
            d_outputs: draw.signed_tensor(&[seq_len, batch, stack.output_size()], 0.5..1.5),
            packed: plan.arrangement == Arrangement::Packed,
            what: format!("{} {plan:?}", C::NAME),
            stack,
            lengths,
            initial,
            d_last,
        }
    }

    /// These steps arranged as the case says.
    fn seq<L: rnn::numbers::Numbers>(&self, steps: L) -> Seq<L> {
        let seq = Seq::time_major(steps);
        match &self.lengths {
            None => seq,
            Some(lengths) => {
                let padded = seq.with_lengths(lengths).expect("lengths up to T");
                if self.packed { padded.packed() } else { padded }
            }
        }
    }

    fn trace(&self) -> StackTrace<C, f64> {
        let xs = self.seq(self.xs.clone());
        self.stack.unroll(&xs, self.initial.as_deref(), self.noise.as_ref())
    }

    fn by_hand(&self) -> Found {
        let trace = self.trace();
        let d_outputs = Seq::time_major(self.d_outputs.clone());
        let back = self.stack.bptt(&trace, &d_outputs, Some(&self.d_last));
        let mut grads = [back.grads.leaves(), vec![back.d_xs.steps()]].concat();
        if self.initial.is_some() {
            grads.extend(back.d_initial.iter().flat_map(Params::leaves));
        }
        assert_eq!(back.delta_norms.len(), self.stack.cells.len());
        Found {
            outputs: trace.outputs.steps(),
            last: trace.last.iter().flat_map(Params::leaves).collect(),
            grads,
        }
    }

    /// The loss, the outputs and the last states on a tape, given parameters, inputs and states in one list.
    fn run<'t, E: Element>(
        &self,
        engine: Engine,
        leaves: Vec<Var<'t, E>>,
    ) -> (Var<'t, E>, Var<'t, E>, Vec<Var<'t, E>>) {
        let mut leaves = leaves.into_iter();
        let mut next = || leaves.next().expect("as many variables as there are leaves");
        let mut stack = self.stack.map(|_| next());
        stack.options.engine = engine;
        let xs = self.seq(next());
        let initial: Option<Vec<_>> = self
            .initial
            .as_ref()
            .map(|states| states.iter().map(|state| state.map(|_| next())).collect());
        let out = stack.on_tape(&xs, initial.as_deref(), self.noise.as_ref());
        let tape = xs.rows().tape();
        let outputs = out.outputs.steps();
        let mut loss = (outputs * tape.constant(self.d_outputs.cast())).sum();
        let last: Vec<_> = out.last.iter().flat_map(Params::leaves).collect();
        let weights = self.d_last.iter().flat_map(Params::leaves);
        for (&state, weight) in last.iter().zip(weights) {
            loss = loss + (state * tape.constant(weight.cast())).sum();
        }
        (loss, outputs, last)
    }

    fn leaves(&self) -> Vec<Tensor<f64>> {
        let states = self.initial.iter().flatten().flat_map(Params::leaves).collect();
        [self.stack.leaves(), vec![self.xs.clone()], states].concat()
    }

    fn on_tape(&self, engine: Engine) -> Found {
        let tape = Tape::new();
        let leaves: Vec<_> = self.leaves().into_iter().map(|x| tape.leaf(x)).collect();
        let (loss, outputs, last) = self.run(engine, leaves.clone());
        let grads = tape.backward(loss);
        Found {
            outputs: outputs.value(),
            last: last.iter().map(Var::value).collect(),
            grads: leaves.iter().map(|&x| grads.of(x)).collect(),
        }
    }
}

/// The case on one engine, as a function of parameters, inputs and states.
struct OnEngine<'a, C: Cell>(&'a Case<C>, Engine);

impl<C: Drawn> Function for OnEngine<'_, C> {
    type Params = autograd::params::List;

    fn call<'t, E: Element>(&self, _: &'t Tape<E>, leaves: Vec<Var<'t, E>>) -> Var<'t, E> {
        self.0.run(self.1, leaves).0
    }
}

#[track_caller]
fn assert_same(what: &str, a: &Found, b: &Found, allowed: f64) {
    assert!(distance(&a.outputs, &b.outputs) <= allowed, "{what}: outputs");
    assert_close(&format!("{what}: last states"), &a.last, &b.last, allowed);
    assert_close(&format!("{what}: gradients"), &a.grads, &b.grads, allowed);
}

fn every_engine_equals_by_hand<C: Drawn>(plan: &Plan) {
    let case = Case::<C>::draw(plan);
    let by_hand = case.by_hand();
    for engine in [Engine::Tape, Engine::Explicit, Engine::Fused] {
        let what = format!("{engine:?}, {}", case.what);
        assert_same(&what, &case.on_tape(engine), &by_hand, EXACT);
    }
}

fn numeric_gradient_equals_every_engine<C: Drawn>(plan: &Plan) {
    let plan = &Plan { variant: false, ..plan.clone() };
    let case = Case::<C>::draw(plan);
    let bends = case
        .trace()
        .runs
        .iter()
        .zip(&case.stack.cells)
        .any(|(run, cell)| C::near_a_bend(cell, run));
    if bends {
        return;
    }
    let check = Check { full_up_to: 6, projections: 2, ..Check::with_seed(plan.seed) };
    for engine in [Engine::Tape, Engine::Explicit, Engine::Fused] {
        if let Err(failure) = check.function(&OnEngine(&case, engine), &case.leaves()) {
            panic!("{engine:?}, {}: {failure}", case.what);
        }
    }
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(48, file!()))]

            #[test]
            fn every_engine_equals_by_hand(plan in plans(100)) {
                super::every_engine_equals_by_hand::<$cell>(&plan);
            }

            #[test]
            fn numeric_gradient_equals_every_engine(plan in plans(20)) {
                super::numeric_gradient_equals_every_engine::<$cell>(&plan);
            }
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

// Laws.

/// A stack with default options, and numbers for everything, of these sizes.
fn plain<C: Drawn>(seed: u64, layers: usize, directions: Directions) -> Case<C> {
    Case::draw(&Plan {
        seed,
        layers,
        directions,
        seq_len: 1 + seed as usize % 6,
        batch: 1 + seed as usize % 4,
        arrangement: Arrangement::Full,
        noisy: false,
        initial: true,
        variant: false,
    })
}

/// The same parameters on other layers and directions.
fn with_cells<C: Cell>(
    of: &Stack<C, Tensor<f64>>,
    cells: std::ops::Range<usize>,
    directions: Directions,
) -> Stack<C, Tensor<f64>> {
    let cells = of.cells[cells].iter().map(|cell| cell.map(Tensor::clone)).collect();
    Stack { cells, options: StackOptions { directions, ..of.options.clone() } }
}

fn row<C: Cell>(states: &[StateOf<C, Tensor<f64>>], b: usize) -> Vec<StateOf<C, Tensor<f64>>> {
    states.iter().map(|state| state.map(|s| s.slice(0, b, b + 1))).collect()
}

/// What each row gives alone, cut at its own end, put together as a batch.
fn one_by_one<C: Drawn>(case: &Case<C>, lengths: &[usize]) -> Found {
    let mut outputs = Tensor::zeros(case.d_outputs.shape());
    let mut d_xs = Tensor::zeros(case.xs.shape());
    let mut d_params = case.stack.zeros_like();
    let (mut last, mut d_initial) = (Vec::new(), Vec::new());
    for (b, &length) in lengths.iter().enumerate() {
        let cut = |x: &Tensor<f64>| x.slice(0, 0, length).slice(1, b, b + 1);
        let initial = case.initial.as_ref().map(|states| row::<C>(states, b));
        let xs = Seq::time_major(cut(&case.xs));
        let trace = case.stack.unroll(&xs, initial.as_deref(), None);
        let d_outputs = Seq::time_major(cut(&case.d_outputs));
        let back = case.stack.bptt(&trace, &d_outputs, Some(&row::<C>(&case.d_last, b)));
        // [length, 1, ·] into [T, B, ·].
        let place = |all: &mut Tensor<f64>, part: Tensor<f64>| {
            let [_, batch, width] = all.shape()[..] else { unreachable!("three axes") };
            for (i, x) in part.data().iter().enumerate() {
                all.data_mut()[(i / width * batch + b) * width + i % width] = *x;
            }
        };
        place(&mut outputs, trace.outputs.steps());
        place(&mut d_xs, back.d_xs.steps());
        d_params.add_assign(&back.grads);
        last.push(trace.last.iter().flat_map(Params::leaves).collect::<Vec<_>>());
        d_initial.push(back.d_initial.iter().flat_map(Params::leaves).collect::<Vec<_>>());
    }
    let together = |rows: &[Vec<Tensor<f64>>]| -> Vec<Tensor<f64>> {
        let leaf = |k: usize| rows.iter().map(|row| &row[k]).collect::<Vec<_>>();
        (0..rows[0].len()).map(|k| Tensor::concat(&leaf(k), 0)).collect()
    };
    let mut grads = [d_params.leaves(), vec![d_xs]].concat();
    if case.initial.is_some() {
        grads.extend(together(&d_initial));
    }
    Found { outputs, last: together(&last), grads }
}

/// With NaN behind the end of every row.
fn padded_equals_packed_equals_one_by_one<C: Drawn>(plan: &Plan) {
    let plan = Plan { noisy: false, arrangement: Arrangement::Masked, ..plan.clone() };
    let mut case = Case::<C>::draw(&plan);
    let lengths = case.lengths.clone().expect("a masked case has lengths");
    let alone = one_by_one(&case, &lengths);
    let (batch, inputs) = (plan.batch, INPUTS);
    for (i, x) in case.xs.data_mut().iter_mut().enumerate() {
        if i / inputs / batch >= lengths[i / inputs % batch] {
            *x = f64::NAN;
        }
    }
    let width = case.stack.output_size();
    for (i, d) in case.d_outputs.data_mut().iter_mut().enumerate() {
        if i / width / batch >= lengths[i / width % batch] {
            *d = 0.0; // on a tape, NaN · 0 would be the loss's own NaN
        }
    }
    for packed in [false, true] {
        case.packed = packed;
        let found = [
            ("by hand", case.by_hand()),
            ("composed", case.on_tape(Engine::Tape)),
            ("one op", case.on_tape(Engine::Explicit)),
            ("fused", case.on_tape(Engine::Fused)),
        ];
        for (way, found) in found {
            let what = format!("{way}, packed: {packed}, lengths {lengths:?}, {}", case.what);
            assert_same(&what, &found, &alone, EXACT);
            assert!(found.grads.iter().all(Tensor::is_finite), "{what}");
        }
    }
}

fn the_gradient_does_not_depend_on_cuts<C: Drawn>(seed: u64, layers: usize) {
    let case = plain::<C>(seed, layers, Directions::Forward);
    let whole = case.by_hand();
    let seq_len = case.xs.shape()[0];
    let cut = seed as usize % (seq_len + 1);
    let part = |x: &Tensor<f64>, from, to| Seq::time_major(x.slice(0, from, to));
    let (stack, xs, d) = (&case.stack, &case.xs, &case.d_outputs);
    let first = stack.unroll(&part(xs, 0, cut), case.initial.as_deref(), None);
    let second = stack.unroll(&part(xs, cut, seq_len), Some(&first.last), None);
    let back_2 = stack.bptt(&second, &part(d, cut, seq_len), Some(&case.d_last));
    let back_1 = stack.bptt(&first, &part(d, 0, cut), Some(&back_2.d_initial));
    let mut grads = back_1.grads;
    grads.add_assign(&back_2.grads);
    let join = |a: Tensor<f64>, b: Tensor<f64>| Tensor::concat(&[&a, &b], 0);
    let d_xs = join(back_1.d_xs.steps(), back_2.d_xs.steps());
    let d_initial = back_1.d_initial.iter().flat_map(Params::leaves).collect();
    let found = Found {
        outputs: join(first.outputs.steps(), second.outputs.steps()),
        last: second.last.iter().flat_map(Params::leaves).collect(),
        grads: [grads.leaves(), vec![d_xs], d_initial].concat(),
    };
    assert_same(&format!("cut at {cut}, {}", case.what), &found, &whole, EXACT);
}

fn no_states_are_states_of_zeros<C: Drawn>(plan: &Plan) {
    let mut case = Case::<C>::draw(&Plan { initial: false, ..plan.clone() });
    let none = case.by_hand();
    case.initial = Some(case.stack.zero_states(plan.batch));
    let mut zeros = case.by_hand();
    zeros.grads.truncate(none.grads.len());
    assert_same(&case.what, &zeros, &none, 0.0);
}

fn reverse_is_forward_on_the_reversed_input<C: Drawn>(seed: u64) {
    let mut case = plain::<C>(seed, 2, Directions::Reverse);
    let reverse = case.by_hand();
    case.stack = with_cells(&case.stack, 0..2, Directions::Forward);
    case.xs = case.xs.flip(&[0]);
    case.d_outputs = case.d_outputs.flip(&[0]);
    let mut forward = case.by_hand();
    forward.outputs = forward.outputs.flip(&[0]);
    let d_xs = case.stack.leaves().len();
    forward.grads[d_xs] = forward.grads[d_xs].flip(&[0]);
    assert_same(&case.what, &reverse, &forward, EXACT); // dW sums the rows in another order
}

/// Layers run one after the other, and in each the two directions on their own.
fn a_stack_is_its_single_layers<C: Drawn>(seed: u64, directions: Directions) {
    let case = plain::<C>(seed, 3, directions);
    let initial = case.initial.as_deref().expect("a plain case has states");
    let whole = case.trace();
    let mut xs = Seq::time_major(case.xs.clone());
    for layer in 0..3 {
        let first = layer * directions.count();
        let single = |d: usize, directions| {
            let stack = with_cells(&case.stack, first + d..first + d + 1, directions);
            let out = stack.unroll(&xs, Some(&initial[first + d..first + d + 1]), None);
            assert_close(&case.what, &out.last[0], &whole.last[first + d], 0.0);
            out.outputs.steps()
        };
        let outputs = match directions {
            Directions::Both(merge) => {
                let (a, b) = (single(0, Directions::Forward), single(1, Directions::Reverse));
                match merge {
                    Merge::Concat => Tensor::concat(&[&a, &b], 2),
                    Merge::Sum => a + b,
                    Merge::Mean => (a + b) / 2.0,
                    Merge::Product => a * b,
                }
            }
            one => single(0, one),
        };
        xs = Seq::time_major(outputs);
    }
    assert!(distance(&xs.steps(), &whole.outputs.steps()) <= 1e-15, "{}", case.what);
}

fn rows_of_a_batch_do_not_see_each_other<C: Drawn>(plan: &Plan) {
    let mut case = Case::<C>::draw(&Plan { noisy: false, ..plan.clone() });
    let before = case.by_hand();
    // The batch turned around.
    let flip = |states: &[StateOf<C, Tensor<f64>>]| -> Vec<_> {
        states.iter().map(|state| state.map(|s| s.flip(&[0]))).collect()
    };
    case.xs = case.xs.flip(&[1]);
    case.d_outputs = case.d_outputs.flip(&[1]);
    case.d_last = flip(&case.d_last);
    case.initial = case.initial.as_deref().map(flip);
    case.lengths.iter_mut().for_each(|lengths| lengths.reverse());
    let mut after = case.by_hand();
    after.outputs = after.outputs.flip(&[1]);
    after.last.iter_mut().for_each(|s| *s = s.flip(&[0]));
    let d_xs = case.stack.leaves().len();
    after.grads[d_xs] = after.grads[d_xs].flip(&[1]);
    after.grads[d_xs + 1..].iter_mut().for_each(|s| *s = s.flip(&[0]));
    assert_same(&case.what, &after, &before, EXACT);
}

fn shapes_follow_the_formula<C: Drawn>(plan: &Plan) {
    let case = Case::<C>::draw(plan);
    let Plan { layers, directions, seq_len, batch, .. } = *plan;
    let (d, h) = (directions.count(), C::sizes(&case.stack.cells[0]).output);
    let width = if directions == Directions::Both(Merge::Concat) { 2 * h } else { h };
    let tape = Tape::new();
    let vars = case.stack.map(|w| tape.leaf(w.clone()));
    let out = vars.on_tape(&case.seq(tape.constant(case.xs.clone())), None, case.noise.as_ref());
    assert_eq!(out.outputs.steps().shape(), [seq_len, batch, width], "{}", case.what);
    assert_eq!(out.h_n().shape(), [layers * d, batch, h], "{}", case.what);
    let again = unstacked::<C, _>(&out.stacked());
    for (a, b) in again.iter().zip(&out.last) {
        assert_close(&case.what, &a.map(Var::value), &b.map(Var::value), 0.0);
    }
}

fn one_sequence_alone_is_a_batch_of_one<C: Drawn>(seed: u64, directions: Directions) {
    let case = plain::<C>(4 * seed, 2, directions); // a batch of one
    let [seq_len, 1, inputs] = case.xs.shape()[..] else { panic!("a batch of one") };
    let tape = Tape::new();
    let vars = case.stack.map(|w| tape.constant(w.clone()));
    let initial: Vec<_> = case.initial.iter().flatten().collect();
    let initial: Vec<_> = initial.iter().map(|s| s.map(|s| tape.constant(s.clone()))).collect();
    let xs = Seq::unbatched(tape.constant(case.xs.reshape(&[seq_len, inputs])));
    let out = vars.on_tape(&xs, Some(&initial), None);
    let width = case.stack.output_size();
    let batch = Seq::time_major(tape.constant(case.xs.clone()));
    let batched = vars.on_tape(&batch, Some(&initial), None).outputs.steps().value();
    assert_eq!(out.outputs.whole().value(), batched.reshape(&[seq_len, width]), "{}", case.what);
    assert_eq!(out.h_n().shape(), [case.stack.cells.len(), UNITS], "{}", case.what);
}

/// The same noise on every engine is part of `every_engine_equals_by_hand`.
fn noise_repeats_itself_and_differs_from_seed_to_seed<C: Drawn>(seed: u64) {
    let options = StackOptions {
        layers: 2,
        dropout: 0.5,
        zoneout: Zoneout { h: 0.5, c: 0.5 },
        ..StackOptions::new(INPUTS, UNITS)
    };
    let stack = Stack::<C>::init::<f64>(&options, &mut rng(seed));
    let noise = |seed| stack.noise(5, 3, &mut rng(seed));
    assert_eq!(noise(seed), noise(seed));
    assert_ne!(noise(seed), noise(seed ^ 1));
}

macro_rules! laws {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(24, file!()))]

            #[test]
            fn padded_equals_packed_equals_one_by_one(plan in plans(20)) {
                super::padded_equals_packed_equals_one_by_one::<$cell>(&plan);
            }

            #[test]
            fn the_gradient_does_not_depend_on_cuts(seed: u64, layers in 1..4_usize) {
                super::the_gradient_does_not_depend_on_cuts::<$cell>(seed, layers);
            }

            #[test]
            fn no_states_are_states_of_zeros(plan in plans(8)) {
                super::no_states_are_states_of_zeros::<$cell>(&plan);
            }

            #[test]
            fn reverse_is_forward_on_the_reversed_input(seed: u64) {
                super::reverse_is_forward_on_the_reversed_input::<$cell>(seed);
            }

            #[test]
            fn a_stack_is_its_single_layers(seed: u64, directions in directions()) {
                super::a_stack_is_its_single_layers::<$cell>(seed, directions);
            }

            #[test]
            fn rows_of_a_batch_do_not_see_each_other(plan in plans(8)) {
                super::rows_of_a_batch_do_not_see_each_other::<$cell>(&plan);
            }

            #[test]
            fn shapes_follow_the_formula(plan in plans(8)) {
                super::shapes_follow_the_formula::<$cell>(&plan);
            }

            #[test]
            fn one_sequence_alone_is_a_batch_of_one(seed in 0..1_u64 << 60, directions in directions()) {
                super::one_sequence_alone_is_a_batch_of_one::<$cell>(seed, directions);
            }

            #[test]
            fn noise_repeats_itself_and_differs_from_seed_to_seed(seed: u64) {
                super::noise_repeats_itself_and_differs_from_seed_to_seed::<$cell>(seed);
            }
        }
    })* };
}

mod law {
    use super::*;

    laws! {
        Vanilla vanilla;
        Gru gru;
        GruResetBefore gru_reset_before;
        Lstm lstm;
        LstmVariant lstm_variant;
        MinGru min_gru;
        MinLstm min_lstm;
    }
}

// Noise, in numbers.

fn lstm(change: impl FnOnce(&mut StackOptions<Biased>)) -> Stack<Lstm, Tensor<f64>> {
    let mut options = StackOptions { layers: 2, ..StackOptions::new(INPUTS, UNITS) };
    change(&mut options);
    Stack::init(&options, &mut rng(0))
}

/// The mean of `f` of many draws, and the largest distance from `wanted`.
fn mean_is(wanted: &Tensor<f64>, f: impl Fn(u64) -> Tensor<f64>) {
    const DRAWS: u64 = 4000;
    let mut sum = Tensor::zeros(wanted.shape());
    for seed in 0..DRAWS {
        sum = sum + f(seed);
    }
    let mean = sum / DRAWS as f64;
    // Each number is at most 1, and its standard error below 1/√DRAWS = 0.016.
    assert!(distance(&mean, wanted) < 0.06, "{mean:?} for {wanted:?}");
}

#[test]
fn dropout_keeps_the_expected_value_of_what_the_next_layer_reads() {
    let stack = lstm(|options| options.dropout = 0.4);
    let xs = Seq::time_major(Draw::new(0, 0, 0).tensor(&[3, 2, INPUTS], -1.0..1.0));
    let read = |noise: Option<&Noise>| stack.unroll(&xs, None, noise).runs[1].xs.steps();
    mean_is(&read(None), |seed| read(Some(&stack.noise(3, 2, &mut rng(seed)))));
}

#[test]
fn zoneout_in_evaluation_is_its_expected_value() {
    let stack = lstm(|options| {
        options.layers = 1;
        options.zoneout = Zoneout { h: 0.3, c: 0.6 };
    });
    let xs = Seq::time_major(Draw::new(0, 0, 0).tensor(&[1, 2, INPUTS], -1.0..1.0));
    let initial =
        [LstmState { h: Tensor::full(&[2, UNITS], 0.7), c: Tensor::full(&[2, UNITS], -0.7) }];
    let state = |noise: Option<&Noise>| {
        let LstmState { h, c } = &stack.unroll(&xs, Some(&initial), noise).last[0];
        Tensor::concat(&[h, c], 1)
    };
    mean_is(&state(None), |seed| state(Some(&stack.noise(1, 2, &mut rng(seed)))));
}

#[test]
fn one_layer_has_no_dropout_between_layers() {
    let stack = lstm(|options| {
        options.layers = 1;
        options.dropout = 0.9;
    });
    let xs = Seq::time_major(Tensor::ones(&[4, 2, INPUTS]));
    let noise = stack.noise(4, 2, &mut rng(1));
    let outputs = |noise| stack.unroll(&xs, None, noise).outputs;
    assert_eq!(outputs(Some(&noise)), outputs(None));
}

/// A GRU hands h on beside its products. Were that dropped and scaled too, it would double at every step.
#[test]
fn recurrent_dropout_leaves_what_is_handed_on_alone() {
    let options =
        StackOptions { recurrent_dropout: 0.5, ..StackOptions::<Biased>::new(INPUTS, UNITS) };
    let mut stack = Stack::<Gru>::init::<f64>(&options, &mut rng(0));
    // z = 1 nearly: the old state is kept.
    let b = stack.cells[0].b_ih.as_mut().expect("biases by default");
    b.data_mut()[UNITS..2 * UNITS].fill(50.0);
    let xs = Seq::time_major(Tensor::ones(&[100, 2, INPUTS]));
    let initial = [Hidden { h: Tensor::full(&[2, UNITS], 0.5) }];
    let noise = stack.noise(100, 2, &mut rng(1));
    let last = &stack.unroll(&xs, Some(&initial), Some(&noise)).last[0].h;
    assert!(distance(last, &initial[0].h) < 1e-12, "{last:?}");
}

#[test]
fn recurrent_dropout_uses_one_mask_for_all_steps() {
    // h′ = tanh(h W) with W the identity: an entry that is dropped is 0 from the first step on, and no other is.
    let options = StackOptions { recurrent_dropout: 0.5, ..StackOptions::new(1, 50) };
    let mut stack = Stack::<Vanilla>::init::<f64>(&options, &mut rng(0)).map(|w| w * 0.0);
    for i in 0..50 {
        stack.cells[0].w_hh.data_mut()[i * 51] = 1.0;
    }
    let xs = Seq::time_major(Tensor::zeros(&[5, 2, 1]));
    let initial = [Hidden { h: Tensor::ones(&[2, 50]) }];
    let noise = stack.noise(5, 2, &mut rng(1));
    let outputs = stack.unroll(&xs, Some(&initial), Some(&noise)).outputs;
    let dropped = outputs.step(0).mask(|h| h == 0.0);
    let count = dropped.data().iter().filter(|&&dropped| dropped).count();
    assert!((25..75).contains(&count), "{count} of 100 dropped");
    for t in 1..5 {
        assert_eq!(outputs.step(t).mask(|h| h == 0.0), dropped, "step {t}");
    }
}

#[test]
fn minimal_cells_have_no_connections_for_recurrent_dropout() {
    let options = StackOptions { recurrent_dropout: 0.5, ..StackOptions::new(INPUTS, UNITS) };
    let stack = Stack::<MinGru>::init::<f64>(&options, &mut rng(0));
    let xs = Seq::time_major(Tensor::ones(&[4, 2, INPUTS]));
    let noise = stack.noise(4, 2, &mut rng(1));
    let outputs = |noise| stack.unroll(&xs, None, noise).outputs;
    assert_eq!(outputs(Some(&noise)), outputs(None));
}

// Names, ends and mistakes.

#[test]
fn parameters_have_the_names_and_order_of_pytorchs_lstm() {
    let stack = lstm(|options| options.directions = Directions::Both(Merge::Concat));
    let wanted: Vec<String> = ["_l0", "_l0_reverse", "_l1", "_l1_reverse"]
        .iter()
        .flat_map(|suffix| {
            ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|name| format!("{name}{suffix}"))
        })
        .collect();
    assert_eq!(stack.names(), wanted);
    let shapes = stack.map(|w| w.shape().to_vec()).leaves();
    assert_eq!(shapes[8], [4 * UNITS, 2 * UNITS], "the second layer reads both directions");
    assert_eq!(lstm(|o| o.directions = Directions::Reverse).names()[0], "weight_ih_l0");
}

#[test]
fn a_row_without_steps_gives_its_state_back_and_no_outputs() {
    let stack = lstm(|options| options.directions = Directions::Both(Merge::Sum));
    let initial: Vec<_> = stack.zero_states(2).iter().map(|s| s.map(|s| s + 0.5)).collect();
    let xs = Seq::time_major(Tensor::full(&[3, 2, INPUTS], f64::NAN));
    let xs = xs.with_lengths(&[0, 0]).expect("lengths up to T");
    for xs in [xs.packed(), xs] {
        let trace = stack.unroll(&xs, Some(&initial), None);
        assert_eq!(trace.outputs.steps(), Tensor::zeros(&[3, 2, UNITS]));
        assert_eq!(trace.last, initial);
    }
}

#[test]
fn states_carried_from_window_to_window_give_the_outputs_of_the_whole() {
    let stack = lstm(|_| {});
    let xs = Draw::new(3, 0, 0).tensor(&[6, 2, INPUTS], -1.0..1.0);
    let whole = stack.unroll(&Seq::time_major(xs.clone()), None, None).outputs.steps();
    let mut states = stack.zero_states(2);
    let mut outputs = Vec::new();
    for start in [0, 2, 4] {
        let tape = Tape::new(); // one a window
        let vars = stack.map(|w| tape.leaf(w.clone()));
        let initial: Vec<_> = states.iter().map(|s| s.map(|s| tape.constant(s.clone()))).collect();
        let window = Seq::time_major(tape.constant(xs.slice(0, start, start + 2)));
        let out = vars.on_tape(&window, Some(&initial), None);
        outputs.push(out.outputs.steps().value());
        states = out.carried();
    }
    let outputs = Tensor::concat(&outputs.iter().collect::<Vec<_>>(), 0);
    assert!(distance(&outputs, &whole) <= 1e-15);
}

#[track_caller]
fn refused<T, E: std::fmt::Display>(result: Result<T, E>, sentence: &str) {
    assert_eq!(result.err().expect("it is refused").to_string(), sentence);
}

#[test]
fn sequences_that_are_none_are_refused() {
    let x = |shape: &[usize]| Tensor::<f64>::zeros(shape);
    refused(
        Seq::try_time_major(x(&[2, 3])),
        "Seq::time_major: [2, 3] must have three axes, [T, B, F]",
    );
    refused(
        Seq::try_batch_major(&x(&[2])),
        "Seq::batch_major: [2] must have three axes, [B, T, F]",
    );
    refused(
        Seq::try_unbatched(x(&[2, 3, 4])),
        "Seq::unbatched: [2, 3, 4] must have two axes, [T, F]",
    );
    let xs = Seq::time_major(x(&[5, 2, 3]));
    refused(xs.with_lengths(&[5]), "with_lengths: 1 lengths for a batch of 2 rows; give one a row");
    refused(
        xs.with_lengths(&[5, 6]),
        "with_lengths: row 1 has the length 6, and the sequence has 5 steps; no row can be longer",
    );
}

#[test]
fn what_does_not_fit_the_layers_is_refused_with_both_sides() {
    let stack = lstm(|options| options.dropout = 0.5);
    let xs =
        |batch: usize, inputs: usize| Seq::time_major(Tensor::<f64>::zeros(&[5, batch, inputs]));
    refused(
        stack.try_unroll(&xs(2, 7), None, None).map(|_| ()),
        "stack: an input has 7 features, and the first layer reads 3",
    );
    refused(
        stack.try_unroll(&xs(2, 3), Some(&stack.zero_states(2)[..1]), None).map(|_| ()),
        "stack: 1 states for 2 layers of 1 directions; give one for each",
    );
    refused(
        stack.try_unroll(&xs(2, 3), Some(&stack.zero_states(4)), None).map(|_| ()),
        "stack: `h` of state 0 has the shape [4, 4], and must have [2, 4]",
    );
    refused(
        stack.try_unroll(&xs(2, 3), None, Some(&stack.noise(5, 3, &mut rng(0)))).map(|_| ()),
        "stack: the noise is for [2, 5, 3], and the pass has [2, 5, 2] (layers and directions, steps, rows); \
         draw it for the sequence with `noise`",
    );
    let tape = Tape::new();
    let vars = stack.map(|w| tape.leaf(w.clone()));
    let wrong = Seq::time_major(tape.constant(Tensor::zeros(&[5, 2, 7])));
    refused(
        vars.try_on_tape(&wrong, None, None).map(|_| ()),
        "stack: an input has 7 features, and the first layer reads 3",
    );
}

#[test]
fn layers_and_probabilities_that_make_no_stack_are_refused() {
    let with = |change: fn(&mut StackOptions<Biased>)| {
        let mut options = StackOptions::new(INPUTS, UNITS);
        change(&mut options);
        Stack::<Lstm>::try_init::<f64>(&options, &mut rng(0)).map(|_| ())
    };
    refused(with(|o| o.layers = 0), "stack: there are 0 layers; at least one is needed");
    let range = "and must be in [0, 1)";
    refused(with(|o| o.dropout = 1.0), &format!("stack: the probability of dropout is 1, {range}"));
    refused(
        with(|o| o.recurrent_dropout = -0.1),
        &format!("stack: the probability of recurrent dropout is -0.1, {range}"),
    );
    refused(
        with(|o| o.zoneout.h = f64::NAN),
        &format!("stack: the probability of zoneout of h is NaN, {range}"),
    );
    refused(
        with(|o| o.zoneout.c = 2.0),
        &format!("stack: the probability of zoneout of c is 2, {range}"),
    );
}
