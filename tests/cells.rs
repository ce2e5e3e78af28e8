//! Every cell's derivatives: by hand, on the tape, and numerically, for 1 to 50 steps.

use autograd::draw::Draw;
use autograd::gradcheck::{Check, Function};
use autograd::transform::{hvp, value_and_grad};
use autograd::{Complex, Element, Family, Params, Tape, Tensor, Var};
use proptest::prelude::*;
use rnn::{
    Cell, Engine, Gru, GruResetBefore, LanguageModel, Lstm, LstmVariant, MinGru, MinLstm, Seq,
    StateOf, Trace, Vanilla, bptt, unroll, unroll_on_tape,
};
use tests::drawn::{Drawn, draw_params};
use tests::{assert_close, config, distance, rng};

/// L = ⟨weights, outputs⟩ + ⟨last, last state⟩: every output and the last state matter, each entry
/// differently.
struct Case<C: Cell> {
    params: C::Of<Tensor<f64>>,
    xs: Tensor<f64>,
    initial: StateOf<C, Tensor<f64>>,
    weights: Tensor<f64>,
    last: StateOf<C, Tensor<f64>>,
}

impl<C: Drawn> Case<C> {
    fn draw(seed: u64, [seq_len, batch, input_size, hidden_size]: [usize; 4]) -> Self {
        let mut draw = Draw::new(seed, 0, 0);
        let params = draw_params::<C>(&mut draw, [input_size, hidden_size]);
        let zero = C::zero_state(&params, batch);
        let output_size = C::sizes(&params).output;
        Self {
            xs: draw.tensor(&[seq_len, batch, input_size], -1.0..1.0),
            initial: zero.map(|z| draw.tensor(z.shape(), -1.0..1.0)),
            weights: draw.signed_tensor(&[seq_len, batch, output_size], 0.5..1.5),
            last: zero.map(|z| draw.signed_tensor(z.shape(), 0.5..1.5)),
            params,
        }
    }

    /// The loss on a tape, the inputs and the initial state being variables too.
    fn loss<'t, E: Element>(
        &self,
        tape: &'t Tape<E>,
        params: &C::Of<Var<'t, E>>,
        xs: Var<'t, E>,
        initial: &StateOf<C, Var<'t, E>>,
    ) -> Var<'t, E> {
        let steps: Vec<_> = (0..self.xs.shape()[0]).map(|t| xs.entry(t)).collect();
        let (outputs, state) = unroll_on_tape::<C, E>(params, &steps, initial);
        let mut loss = (Var::stack(&outputs) * tape.constant(self.weights.cast())).sum();
        for (state, weight) in state.leaves().into_iter().zip(self.last.leaves()) {
            loss = loss + (state * tape.constant(weight.cast())).sum();
        }
        loss
    }

    /// Parameters, then inputs, then initial state, as one list.
    fn leaves(&self) -> Vec<Tensor<f64>> {
        [self.params.leaves(), vec![self.xs.clone()], self.initial.leaves()].concat()
    }

    /// What happens forward, by hand.
    fn trace(&self) -> Trace<C, f64> {
        unroll::<C, f64>(&self.params, &Seq::time_major(self.xs.clone()), &self.initial)
    }

    /// A gradient check that leaves central differences out where they would look at both sides of a bend; the other
    /// methods stay on one side.
    fn check(&self, seed: u64) -> Check {
        let bent = C::near_a_bend(&self.params, &self.trace());
        let differences = if bent { f64::INFINITY } else { C::differences(&self.params) };
        Check { full_up_to: 6, projections: 2, differences, ..Check::with_seed(seed) }
    }

    /// The gradient in all of them by hand.
    fn by_hand(&self) -> Vec<Tensor<f64>> {
        let trace = self.trace();
        let back = bptt::<C, f64>(&self.params, &trace, &self.weights, Some(&self.last));
        [back.grads.leaves(), vec![back.d_xs], back.d_initial.leaves()].concat()
    }
}

/// The list is the parameters, the inputs and the initial state of the case.
impl<C: Drawn> Function for Case<C> {
    type Params = autograd::params::List;

    fn call<'t, E: Element>(&self, tape: &'t Tape<E>, leaves: Vec<Var<'t, E>>) -> Var<'t, E> {
        let mut leaves = leaves.into_iter();
        let mut next = || leaves.next().expect("as many variables as there are leaves");
        let params = self.params.map(|_| next());
        let xs = next();
        let initial = self.initial.map(|_| next());
        self.loss(tape, &params, xs, &initial)
    }
}

pub(super) fn sizes() -> impl Strategy<Value = [usize; 4]> {
    // T mostly small, up to 50; batch, inputs and units with 1 among them.
    (prop_oneof![1..=6_usize, 1..=50_usize], 1..=3_usize, 1..=4_usize, 1..=5_usize)
        .prop_map(|(t, b, i, h)| [t, b, i, h])
}

pub(super) fn numeric_gradient_equals_the_tape<C: Drawn>(seed: u64, sizes: [usize; 4]) {
    let case = Case::<C>::draw(seed, sizes);
    let check = case.check(seed);
    if let Err(failure) = check.function(&case, &case.leaves()) {
        panic!("{} with T, B, I, H = {sizes:?}: {failure}", C::NAME);
    }
}

pub(super) fn by_hand_equals_the_tape<C: Drawn>(seed: u64, sizes: [usize; 4]) {
    let case = Case::<C>::draw(seed, sizes);
    let (_, tape) = value_and_grad(|tape, leaves| case.call(tape, leaves), &case.leaves());
    let what = format!("{} with T, B, I, H = {sizes:?}, seed {seed}", C::NAME);
    assert_close(&what, &case.by_hand(), &tape, 1e-12);
}

/// H v by dual numbers over the tape, against the imaginary part of the gradient *by hand* at x + ihv.
pub(super) fn curvature_equals_complex_step_by_hand<C: Drawn>(seed: u64, sizes: [usize; 4]) {
    let step = 1e-30;
    let case = Case::<C>::draw(seed, sizes);
    let mut draw = Draw::new(seed ^ 1, 0, 0);
    let at = case.params.leaves();
    let v: Vec<_> = at.iter().map(|w| draw.signed_tensor(w.shape(), 0.5..1.5)).collect();
    let (_, curve) = hvp(
        |tape, params: Vec<Var<'_, _>>| {
            let mut params = params.into_iter();
            let params = case.params.map(|_| params.next().expect("one a parameter"));
            let xs = tape.constant(case.xs.cast());
            let initial = case.initial.map(|s| tape.constant(s.cast()));
            case.loss(tape, &params, xs, &initial)
        },
        &at,
        &v,
    );
    let mut along = at.iter().zip(&v);
    let params: C::Of<Tensor<Complex>> = case.params.map(|_| {
        let (w, v) = along.next().expect("one a parameter");
        w.zip(v, |w, v| Complex::new(w, step * v))
    });
    let xs = Seq::time_major(case.xs.cast());
    let trace = unroll::<C, Complex>(&params, &xs, &case.initial.cast());
    let last = case.last.cast();
    let back = bptt::<C, Complex>(&params, &trace, &case.weights.cast(), Some(&last));
    let by_hand: Vec<_> = back.grads.leaves().iter().map(|g| g.map(|g| g.im / step)).collect();
    let what = format!("{} curvature with T, B, I, H = {sizes:?}, seed {seed}", C::NAME);
    assert_close(&what, &curve, &by_hand, 1e-12);
}

/// Peepholes can drive a gate so far that it is 1 to the last places and its slope is a small number. These cases have such
/// gates for many steps.
#[test]
fn curvature_keeps_its_digits_where_gates_saturate() {
    for (seed, sizes) in [
        (7117676123643506963, [48, 2, 2, 1]),
        (2780846273829769696, [32, 3, 2, 1]),
        (14287092859925555902, [49, 3, 3, 1]),
    ] {
        curvature_equals_complex_step_by_hand::<LstmVariant>(seed, sizes);
    }
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        proptest! {
            #![proptest_config(config(128, file!()))]

            #[test]
            fn numeric_gradient_equals_the_tape(seed: u64, sizes in sizes()) {
                super::numeric_gradient_equals_the_tape::<$cell>(seed, sizes);
            }

            #[test]
            fn by_hand_equals_the_tape(seed: u64, sizes in sizes()) {
                super::by_hand_equals_the_tape::<$cell>(seed, sizes);
            }

            #[test]
            fn curvature_equals_complex_step_by_hand(seed: u64, sizes in sizes()) {
                super::curvature_equals_complex_step_by_hand::<$cell>(seed, sizes);
            }

            #[test]
            fn a_language_model_by_hand_equals_the_tape(seed: u64, embedding: bool) {
                super::language_model_by_hand_equals_the_tape::<$cell>(seed, embedding);
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

/// The worst errors of each cell: cargo test -p tests cells::table -- --ignored --nocapture
#[test]
#[ignore = "prints a table"]
fn table() {
    fn line<C: Drawn>() {
        let mut worst = [0.0_f64; 4];
        for seed in 0..1000 {
            let mut draw = Draw::new(seed, 0, 0);
            let sizes = [draw.below(1..51), draw.below(1..4), draw.below(1..5), draw.below(1..6)];
            let case = Case::<C>::draw(seed, sizes);
            let (_, tape) = value_and_grad(|tape, leaves| case.call(tape, leaves), &case.leaves());
            let by_hand = case.by_hand();
            let by_hand =
                by_hand.iter().zip(&tape).map(|(a, b)| distance(a, b)).fold(0.0, f64::max);
            let check = case.check(seed);
            let found = check.function(&case, &case.leaves()).expect("the right derivative");
            let bent = check.differences == f64::INFINITY;
            let differences = if bent { 0.0 } else { found.differences };
            let errors = [by_hand, found.complex_step, found.dual, differences];
            worst.iter_mut().zip(errors).for_each(|(worst, error)| *worst = worst.max(error));
        }
        let [by_hand, complex, dual, differences] = worst;
        println!("{:18}{by_hand:9.1e}{complex:9.1e}{dual:9.1e}{differences:9.1e}", C::NAME);
    }
    println!("The worst errors against the tape over 1000 draws, T up to 50.\n");
    println!("{:18}{:>9}{:>9}{:>9}{:>9}", "", "by hand", "complex", "dual", "central");
    line::<Vanilla>();
    line::<Gru>();
    line::<GruResetBefore>();
    line::<Lstm>();
    line::<LstmVariant>();
    line::<MinGru>();
    line::<MinLstm>();
}

/// Outputs, states and gradients, bit for bit.
#[test]
fn a_variant_without_options_is_the_plain_lstm() {
    let mut draw = Draw::new(0, 0, 0);
    let plain = Lstm::init::<f64>(3, 4, &mut rng(7));
    let variant = LstmVariant::init::<f64>(3, 4, &mut rng(7));
    assert_eq!((plain.names(), plain.leaves()), (variant.names(), variant.leaves()));

    let xs = Seq::time_major(draw.tensor(&[9, 2, 3], -1.0..1.0));
    let state = Lstm::zero_state(&plain, 2).map(|z| draw.tensor(z.shape(), -1.0..1.0));
    let d_outputs = draw.tensor(&[9, 2, 4], -1.0..1.0);
    let trace = unroll::<Lstm, f64>(&plain, &xs, &state);
    let trace_2 = unroll::<LstmVariant, f64>(&variant, &xs, &state);
    assert_eq!(trace.states, trace_2.states);
    let back = bptt::<Lstm, f64>(&plain, &trace, &d_outputs, Some(&state));
    let back_2 = bptt::<LstmVariant, f64>(&variant, &trace_2, &d_outputs, Some(&state));
    assert_eq!(back.grads.leaves(), back_2.grads.leaves());
    assert_eq!((back.d_xs, back.d_initial), (back_2.d_xs, back_2.d_initial));
    assert_eq!(back.delta_norms, back_2.delta_norms);
}

pub(super) fn language_model_by_hand_equals_the_tape<C: Cell>(seed: u64, embedding: bool) {
    let mut draw = Draw::new(seed, 0, 0);
    let (seq_len, batch, vocab) = (draw.below(1..8), draw.below(1..4), draw.below(2..6));
    let mut model =
        LanguageModel::<C>::init::<f64>(vocab, embedding.then_some(3), 4, &mut rng(seed));
    let ids = draw.ids(seq_len * batch, vocab);
    let targets = draw.ids(seq_len * batch, vocab);
    let mut random = |z: &Tensor<f64>| draw.tensor(z.shape(), -1.0..1.0);
    let states: Vec<_> = model.zero_states(batch).iter().map(|s| s.map(&mut random)).collect();
    let by_hand = model.window_grad(&ids, &targets, &states, None).expect("ids below the size");
    model.rnn.options.engine = Engine::Tape;
    let (loss, tape) = value_and_grad(
        |tape, model: LanguageModel<C, Var<'_, f64>>| {
            let on_tape = |s: &Tensor<f64>| tape.constant(s.clone());
            let states: Vec<_> = states.iter().map(|s| s.map(on_tape)).collect();
            model.loss_on_tape(tape, &ids, &targets, &states, None).expect("ids below the size")
        },
        &model,
    );
    assert!(distance(&loss, &Tensor::scalar(by_hand.loss)) <= 1e-14);
    assert_close(C::NAME, &by_hand.grads, &tape, 1e-12);
}

#[test]
fn parameters_have_the_names_of_pytorch_modules() {
    let model = LanguageModel::<Lstm>::init::<f32>(5, Some(3), 4, &mut rng(0));
    let names = [
        "embedding.weight",
        "rnn.weight_ih_l0",
        "rnn.weight_hh_l0",
        "rnn.bias_ih_l0",
        "rnn.bias_hh_l0",
        "head.weight",
        "head.bias",
    ];
    assert_eq!(model.names(), names);
    assert_eq!(model.count(), 5 * 3 + 16 * 3 + 16 * 4 + 16 + 16 + 5 * 4 + 5);
    let _: LanguageModel<Lstm, usize> = model.map(|tensor| tensor.elements());
    fn is_family<F: Family>() {}
    is_family::<LanguageModel<Lstm>>();
}
