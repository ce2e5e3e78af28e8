//! Layers of cells: three ways to one gradient, and the laws that hold whatever the numbers.

use autograd::draw::Draw;
use autograd::gradcheck::{Check, Function};
use autograd::{Element, Params, Tape, Tensor, Var};
use proptest::prelude::*;
use rnn::stack::{StackTrace, unstacked};
use rnn::{
    Cell, Directions, Engine, Gru, GruResetBefore, Lstm, LstmVariant, Merge, MinGru, MinLstm,
    Noise, Seq, Stack, StackOptions, StateOf, Vanilla, Zoneout,
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

fn directions() -> impl Strategy<Value = Directions> {
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
    for engine in [Engine::Tape, Engine::Explicit] {
        let what = format!("{engine:?}, {}", case.what);
        assert_same(&what, &case.on_tape(engine), &by_hand, EXACT);
    }
}

fn numeric_gradient_equals_both_engines<C: Drawn>(plan: &Plan) {
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
    for engine in [Engine::Tape, Engine::Explicit] {
        if let Err(failure) = check.function(&OnEngine(&case, engine), &case.leaves()) {
            panic!("{engine:?}, {}: {failure}", case.what);
        }
    }
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(96, file!()))]

            #[test]
            fn every_engine_equals_by_hand(plan in plans(100)) {
                super::every_engine_equals_by_hand::<$cell>(&plan);
            }

            #[test]
            fn numeric_gradient_equals_both_engines(plan in plans(30)) {
                super::numeric_gradient_equals_both_engines::<$cell>(&plan);
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
