//! Faults in backpropagation through time by hand.
//!
//! A whole sequence is one op: forward is the cell over all steps, its derivative the loop backwards, written
//! out here with a place for each fault. Parameters, inputs and initial state are checked.

use autograd::draw::Draw;
use autograd::gradcheck::Function;
use autograd::ops::{Contribution, Describe, Op, OpMany};
use autograd::{Element, Error, Family, Few, Params, Tape, Tensor, Var};
use rnn::cell::{Biased, Step, affine, affine_backward};
use rnn::gru;
use rnn::lstm_variant::{LstmOptions, Settings};
use rnn::scan::{Scan, Space};
use rnn::vanilla::VanillaOptions;
use rnn::{
    Cell, Gru, GruResetBefore, Hidden, Lstm, LstmState, LstmVariant, Seq, StateOf, Vanilla, unroll,
};
use tests::rng;

use super::{Derivative, Entry, Fault, Named, Right, Wrong, function, op_with_careless};

/// What goes wrong.
#[derive(Clone, Copy, PartialEq)]
enum Slip {
    None,
    DhNextDropped,
    FirstStepSkipped,
    StateAfter,
    Overwritten,
    Forgetting,
    BiasLost,
    UpdatePathMissing,
    ResetOnWrongHalf,
    BiasOfInputHalf,
    SecondPathMissing,
    GatesExchanged,
    ForgetGateMissing,
    ResetAfterProduct,
    PeepholeOfOldMemory,
    CoupledPathMissing,
    ProjectionTransposed,
}

pub(super) fn entries() -> Vec<Entry> {
    vec![
        // The commonest slip in BPTT by hand. It trains, but not over time.
        function(
            "rnn: dhnext dropped",
            "δ_t = ∂ℓ_t/∂h_t, without what comes back from step t + 1",
            "weight_ih",
            |d, draw| VanillaByHand::sample(d, Slip::DhNextDropped, 3, true, draw),
        )
        .hidden_by("a sequence of one step", |d, draw| {
            VanillaByHand::sample(d, Slip::DhNextDropped, 1, false, draw)
        }),
        function(
            "rnn: first step skipped",
            "the loop backwards ends at t = 1",
            "weight_ih",
            |d, draw| VanillaByHand::sample(d, Slip::FirstStepSkipped, 3, true, draw),
        ),
        function(
            "rnn: state after the step",
            "dW_hh = Σ da_tᵀ h_t, not Σ da_tᵀ h_t−1",
            "weight_hh",
            |d, draw| VanillaByHand::sample(d, Slip::StateAfter, 3, true, draw),
        ),
        function(
            "rnn: overwritten at every step",
            "dW = da_tᵀ x_t, not +=",
            "weight_ih",
            |d, draw| VanillaByHand::sample(d, Slip::Overwritten, 3, true, draw),
        )
        .hidden_by("a sequence of one step", |d, draw| {
            VanillaByHand::sample(d, Slip::Overwritten, 1, true, draw)
        }),
        // Seen in burn (tracel-ai/burn issue 2701): no step saw what the step before it left.
        function(
            "gru: forgets h after t = 0",
            "every step starts from the initial state",
            "weight_ih",
            |d, draw| GruByHand::sample(d, Slip::Forgetting, 3, false, draw),
        )
        .hidden_by("a sequence of one step", |d, draw| {
            GruByHand::sample(d, Slip::Forgetting, 1, false, draw)
        }),
        // Seen in MLX (ml-explore/mlx issue 3249): without a state the whole hidden half was left out.
        function(
            "gru: bias lost without a state",
            "b_hn does not count at the first step if no state is given",
            "weight_ih",
            |d, draw| GruByHand::sample(d, Slip::BiasLost, 3, false, draw),
        )
        .hidden_by("a given state", |d, draw| GruByHand::sample(d, Slip::BiasLost, 3, true, draw)),
        function(
            "gru: path through the update gate missing",
            "dh = W_hhᵀ …, without dh′ ⊙ z",
            "weight_ih",
            |d, draw| GruByHand::sample(d, Slip::UpdatePathMissing, 3, true, draw),
        ),
        function(
            "gru: reset gate on the wrong half",
            "da_n ⊙ r goes to the input half and da_n to the hidden one",
            "weight_ih",
            |d, draw| GruByHand::sample(d, Slip::ResetOnWrongHalf, 3, true, draw),
        ),
        function(
            "gru: bias of the input half",
            "db_hn = Σ da_n, not Σ da_n ⊙ r",
            "bias_hh",
            |d, draw| GruByHand::sample(d, Slip::BiasOfInputHalf, 3, true, draw),
        ),
        function(
            "lstm: second path into c′ missing",
            "dc = dc′, without dh′ ⊙ o ⊙ (1 − tanh² c′)",
            "weight_ih",
            |d, draw| LstmByHand::sample(d, Slip::SecondPathMissing, 3, true, draw),
        ),
        function(
            "lstm: i and f exchanged",
            "the rows of da_i and da_f change places",
            "weight_ih",
            |d, draw| LstmByHand::sample(d, Slip::GatesExchanged, 3, true, draw),
        ),
        function(
            "lstm: dc not multiplied by f",
            "the memory's gradient goes back as if the forget gate were open",
            "weight_ih",
            |d, draw| LstmByHand::sample(d, Slip::ForgetGateMissing, 3, true, draw),
        ),
        function(
            "gru_reset_before: reset gate after the product",
            "dh = … + (da_n ⊙ r) W_hn, not (da_n W_hn) ⊙ r: the derivative of the other GRU",
            "weight_ih",
            |d, draw| ResetBeforeByHand::sample(d, Slip::ResetAfterProduct, 3, true, draw),
        ),
        function(
            "lstm: peephole of o from c",
            "dp_o = Σ da_o ⊙ c, not Σ da_o ⊙ c′",
            "peephole_o",
            |d, draw| PeepholesByHand::sample(d, Slip::PeepholeOfOldMemory, 3, true, draw),
        ),
        function(
            "lstm: second path of coupled gates missing",
            "di = dk ⊙ g, without − dk ⊙ c from f = 1 − i",
            "weight_ih",
            |d, draw| CoupledByHand::sample(d, Slip::CoupledPathMissing, 3, true, draw),
        )
        .hidden_by("one step from no memory", |d, draw| {
            CoupledByHand::sample(d, Slip::CoupledPathMissing, 1, false, draw)
        }),
        function(
            "lstm: projection transposed",
            "dm = dh′ Wᵀ with the numbers of W_hr [P, H] read as W [H, P]",
            "weight_ih",
            |d, draw| ProjectionByHand::sample(d, Slip::ProjectionTransposed, 3, true, draw),
        ),
        op_with_careless::<Unshifted, 3>("a sequence of one step", |draw| scan_sample(1, draw)),
    ]
}

/// The functions to check, one a cell: outputs and last state of a sequence, in one tensor.
macro_rules! by_hand {
    ($($name:ident $cell:ident $options:expr;)*) => { $(
        struct $name {
            slip: Slip,
        }

        impl $name {
            /// With a random initial state, or without one.
            fn sample(
                derivative: Derivative,
                slip: Slip,
                seq_len: usize,
                state: bool,
                draw: &mut Draw,
            ) -> (Self, Named<Tensor<f64>>) {
                let slip = match derivative {
                    Right => Slip::None,
                    Wrong => slip,
                };
                (Self { slip }, sample::<$cell>(&$options, seq_len, state, draw))
            }
        }

        impl Function for $name {
            type Params = Named;

            fn call<'t, E: Element>(
                &self,
                tape: &'t Tape<E>,
                params: Named<Var<'t, E>>,
            ) -> Var<'t, E> {
                let op = Sequence::<$cell> { slip: self.slip, options: $options };
                let outputs = tape.apply_many(op, &params.leaves());
                let flat = outputs.iter().map(|y| y.reshape(&[y.shape().iter().product()]));
                Var::concat(&flat.collect::<Vec<_>>(), 0)
            }
        }
    )* };
}

by_hand! {
    VanillaByHand Vanilla VanillaOptions::default();
    GruByHand Gru Biased::default();
    LstmByHand Lstm Biased::default();
    ResetBeforeByHand GruResetBefore Biased::default();
    PeepholesByHand LstmVariant LstmOptions { peepholes: true, ..LstmOptions::default() };
    CoupledByHand LstmVariant LstmOptions {
        settings: Settings { coupled: true, ..Settings::default() },
        ..LstmOptions::default()
    };
    ProjectionByHand LstmVariant LstmOptions { proj_size: Some(3), ..LstmOptions::default() };
}

/// Parameters, inputs, and the initial state if there is one. No two sizes are equal.
fn sample<C: ByHand>(
    options: &C::Options,
    seq_len: usize,
    state: bool,
    draw: &mut Draw,
) -> Named<Tensor<f64>> {
    const BATCH: usize = 2;
    let params = C::init_with::<f64>(options, 5, 4, &mut rng(draw.below(0..1 << 20) as u64));
    let mut leaves: Vec<_> = params.names().into_iter().zip(params.leaves()).collect();
    leaves.push(("xs".to_string(), draw.tensor(&[seq_len, BATCH, 5], -1.0..1.0)));
    if state {
        let zero = C::zero_state(&params, BATCH);
        let initial = zero.leaves().into_iter().map(|z| draw.tensor(z.shape(), -1.0..1.0));
        leaves.extend(zero.names().into_iter().zip(initial));
    }
    Named(leaves)
}

/// A cell over a sequence. Inputs: the parameters, xs, and the leaves of the initial state, or nothing for
/// zeros. Outputs: h_t for all t, and the leaves of the last state.
struct Sequence<C: Cell> {
    slip: Slip,
    options: C::Options,
}

impl<C: ByHand> Describe for Sequence<C> {
    const NAME: &'static str = C::NAME;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let options = C::Options::default();
        let inputs = sample::<C>(&options, 3, true, draw).leaves();
        (Self { slip: Slip::None, options }, inputs)
    }
}

impl<C: ByHand, E: Element> OpMany<E> for Sequence<C> {
    fn forward(&self, inputs: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        let (params, xs, initial) = self.parts(inputs);
        let trace = unroll::<C, E>(&params, &xs, &initial);
        Ok([vec![trace.outputs()], trace.last_state().leaves()].concat().into())
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<E>],
        _outputs: &[&Tensor<E>],
        d_outputs: &[Tensor<E>],
        _needs: &[bool],
    ) -> Few<Contribution<E>> {
        let (params, xs, initial) = self.parts(inputs);
        let stateless = inputs.len() == params.leaves().len() + 1;
        let slip = self.slip;
        // The slips of a forward pass that is not the one being differentiated.
        let mut first = params.map(Tensor::clone);
        if slip == Slip::BiasLost && stateless {
            clear_candidate_bias(&mut first);
        }
        let params_at = |t: usize| if t == 0 { &first } else { &params };
        let (mut states, mut saved) = (vec![initial.map(Tensor::clone)], Vec::new());
        for t in 0..xs.seq_len() {
            let state = if slip == Slip::Forgetting { &initial } else { &states[t] };
            let a = C::input(&params, &xs.step(t));
            let (next, kept) = C::forward(params_at(t), &a, state);
            states.push(next);
            saved.push(kept);
        }

        let mut grads = params.zeros_like();
        let mut d_xs = vec![Tensor::zeros(xs.step(0).shape()); xs.seq_len()];
        let mut d_last = d_outputs[1..].iter();
        let mut d_state = initial.map(|_| d_last.next().expect("a gradient for each leaf").clone());
        for t in (0..xs.seq_len()).rev() {
            let dh = C::output_mut(&mut d_state);
            *dh = &*dh + d_outputs[0].entry(t);
            if slip == Slip::FirstStepSkipped && t == 0 {
                break;
            }
            let state = match slip {
                Slip::Forgetting => &initial,
                Slip::StateAfter => &states[t + 1],
                _ => &states[t],
            };
            let step = Step { state, saved: &saved[t] };
            let mut share = params.zeros_like();
            let (da, d_before) = C::pull(slip, params_at(t), step, &d_state, &mut share);
            d_xs[t] = C::input_backward(&params, &xs.step(t), &da, &mut share);
            d_state = d_before;
            if slip == Slip::BiasLost && stateless && t == 0 {
                clear_candidate_bias(&mut share);
            }
            match slip {
                Slip::Overwritten => grads = share,
                _ => grads.add_assign(&share),
            }
            if matches!(slip, Slip::DhNextDropped | Slip::Forgetting) {
                d_state = d_state.zeros_like();
            }
        }
        let mut d = [grads.leaves(), vec![Tensor::stack(&d_xs)], d_state.leaves()].concat();
        d.truncate(inputs.len());
        d.into_iter().map(Contribution::Dense).collect()
    }
}

/// The parameters, the sequence and the initial state.
type Parts<C, E> = (<C as Family>::Of<Tensor<E>>, Seq<Tensor<E>>, StateOf<C, Tensor<E>>);

impl<C: ByHand> Sequence<C> {
    /// What is in a list of inputs.
    fn parts<E: Element>(&self, inputs: &[&Tensor<E>]) -> Parts<C, E> {
        let mut inputs = inputs.iter();
        let params = C::init_with::<E>(&self.options, 5, 4, &mut rng(0)); // for its structure
        let params = params.map(|_| (*inputs.next().expect("an input a parameter")).clone());
        let xs = Seq::time_major((*inputs.next().expect("xs")).clone());
        let zero = C::zero_state(&params, xs.batch());
        let initial = zero.map(|zero| inputs.next().map_or(zero.clone(), |&state| state.clone()));
        (params, xs, initial)
    }
}

/// Sets b_hn, the last third of a GRU's fourth parameter, to 0.
fn clear_candidate_bias<E: Element>(params: &mut impl Params<Leaf = Tensor<E>>) {
    let mut position = 0;
    params.for_each_mut(&mut |leaf| {
        let candidate = leaf.shape()[0] / 3 * 2;
        if position == 3 {
            leaf.data_mut()[candidate..].fill(E::ZERO);
        }
        position += 1;
    });
}

/// A cell whose backward step is written out with its slips.
trait ByHand: Cell {
    /// As [`Cell::backward`], but for the slip.
    fn pull<E: Element>(
        slip: Slip,
        params: &Self::Of<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &StateOf<Self, Tensor<E>>,
        grads: &mut Self::Of<Tensor<E>>,
    ) -> (Tensor<E>, StateOf<Self, Tensor<E>>);
}

/// All slips of the vanilla cell are in the loop.
impl ByHand for Vanilla {
    fn pull<E: Element>(
        _slip: Slip,
        params: &Vanilla<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut Vanilla<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        Self::backward(params, step, d_next, grads)
    }
}

impl ByHand for Gru {
    fn pull<E: Element>(
        slip: Slip,
        params: &Gru<Tensor<E>>,
        Step { state, saved }: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut Gru<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let (h, dh_next) = (&state.h, &d_next.h);
        let (r, z, n) = (&saved.r, &saved.z, &saved.n);
        let da_z = dh_next * (h - n) * z * (1.0 - z);
        let da_n = dh_next * (1.0 - z) * (1.0 - n * n);
        let da_r = &da_n * &saved.n_h * r * (1.0 - r);
        let dn_h = &da_n * r;
        let [last_of_input, last_of_hidden] = match slip {
            Slip::ResetOnWrongHalf => [&dn_h, &da_n],
            _ => [&da_n, &dn_h],
        };
        let da = Tensor::concat(&[&da_r, &da_z, last_of_input], 1); // [B, 3H]
        let db = Tensor::concat(&[&da_r, &da_z, last_of_hidden], 1); // [B, 3H]
        let mut dh = affine_backward(&params.w_hh, h, &db, &mut grads.w_hh, grads.b_hh.as_mut());
        if slip == Slip::BiasOfInputHalf {
            grads.b_hh = Some(da.sum_over(&[0]));
        }
        if slip != Slip::UpdatePathMissing {
            dh = dh + dh_next * z;
        }
        (da, Hidden { h: dh })
    }
}

impl ByHand for Lstm {
    fn pull<E: Element>(
        slip: Slip,
        params: &Lstm<Tensor<E>>,
        Step { state, saved }: Step<'_, Self, E>,
        d_next: &LstmState<Tensor<E>>,
        grads: &mut Lstm<Tensor<E>>,
    ) -> (Tensor<E>, LstmState<Tensor<E>>) {
        let (i, f, g, o) = (&saved.i, &saved.f, &saved.g, &saved.o);
        let tanh_c = &saved.tanh_c;
        let dc = match slip {
            Slip::SecondPathMissing => d_next.c.clone(),
            _ => &d_next.c + &d_next.h * o * (1.0 - tanh_c * tanh_c),
        };
        let da_i = &dc * g * i * (1.0 - i);
        let da_f = &dc * &state.c * f * (1.0 - f);
        let da_g = &dc * i * (1.0 - g * g);
        let da_o = &d_next.h * tanh_c * o * (1.0 - o);
        let gates = match slip {
            Slip::GatesExchanged => [&da_f, &da_i, &da_g, &da_o],
            _ => [&da_i, &da_f, &da_g, &da_o],
        };
        let da = Tensor::concat(&gates, 1); // [B, 4H]

        let dh = affine_backward(&params.w_hh, &state.h, &da, &mut grads.w_hh, grads.b_hh.as_mut());
        let c = match slip {
            Slip::ForgetGateMissing => dc,
            _ => dc * f,
        };
        (da, LstmState { h: dh, c })
    }
}

/// The slip is the backward step of the other GRU, on the same numbers.
impl ByHand for GruResetBefore {
    fn pull<E: Element>(
        slip: Slip,
        params: &GruResetBefore<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut GruResetBefore<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        if slip != Slip::ResetAfterProduct {
            return Self::backward(params, step, d_next, grads);
        }
        let other = |p: &GruResetBefore<Tensor<E>>| {
            let GruResetBefore { w_ih, w_hh, b_ih, b_hh } = p.clone();
            Gru { w_ih, w_hh, b_ih, b_hh }
        };
        let rnn::gru_reset_before::Gates { r, z, n } = step.saved.clone();
        let [_, _, n_h] = affine(&params.w_hh, &step.state.h, params.b_hh.as_ref()).chunk();
        let saved = gru::Gates { r, z, n, n_h };
        let step = Step { state: step.state, saved: &saved };
        let mut share = other(grads);
        let back = Gru::backward(&other(params), step, d_next, &mut share);
        (grads.w_hh, grads.b_hh) = (share.w_hh, share.b_hh);
        back
    }
}

/// Each slip is the right step with one thing exchanged before or after it.
impl ByHand for LstmVariant {
    fn pull<E: Element>(
        slip: Slip,
        params: &LstmVariant<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &LstmState<Tensor<E>>,
        grads: &mut LstmVariant<Tensor<E>>,
    ) -> (Tensor<E>, LstmState<Tensor<E>>) {
        let Step { state, saved } = step;
        match slip {
            Slip::PeepholeOfOldMemory => {
                let back = Self::backward(params, Step { state, saved }, d_next, grads);
                let [_, _, _, da_o] = back.0.chunk();
                grads.p_o = Some((da_o * &state.c).sum_over(&[0]));
                back
            }
            // Without peepholes, c comes into the step backwards through this path alone.
            Slip::CoupledPathMissing => {
                let state = LstmState { h: state.h.clone(), c: Tensor::zeros(state.c.shape()) };
                Self::backward(params, Step { state: &state, saved }, d_next, grads)
            }
            Slip::ProjectionTransposed => {
                let w_hr = params.w_hr.as_ref().expect("a projection");
                let [p, h] = w_hr.shape()[..] else { unreachable!("a matrix") };
                let w_hr = w_hr.reshape(&[h, p]).permute(&[1, 0]);
                let params = LstmVariant { w_hr: Some(w_hr), ..params.clone() };
                Self::backward(&params, Step { state, saved }, d_next, grads)
            }
            _ => Self::backward(params, Step { state, saved }, d_next, grads),
        }
    }
}

/// The coefficient that leads from h_t to h_{t+1} is a_{t+1}.
struct Unshifted;

impl Fault<3> for Unshifted {
    type Op = Scan;
    const NAME: &'static str = "scan: not shifted";
    const WRONG: &'static str = "δ_t = dh_t + a_t ⊙ δ_t+1, not a_t+1";

    fn sample(draw: &mut Draw) -> (Scan, [Tensor<f64>; 3]) {
        scan_sample(5, draw)
    }

    fn vjp<E: Element>(
        op: &Scan,
        [a, b, initial]: [&Tensor<E>; 3],
        h: &Tensor<E>,
        dh: &Tensor<E>,
    ) -> [Contribution<E>; 3] {
        let mut delta = Tensor::zeros(initial.shape());
        let mut deltas = Vec::new();
        for t in (0..a.shape()[0]).rev() {
            delta = dh.entry(t) + a.entry(t) * delta;
            deltas.push(delta.clone());
        }
        deltas.reverse();
        // The rest is right: δ is what the op makes of a sequence without ways from step to step.
        let no_ways = Tensor::zeros(a.shape());
        let [_, db, _] = op.vjp([&no_ways, b, initial], h, &Tensor::stack(&deltas));
        let previous = [vec![initial.clone()], (1..deltas.len()).map(|t| h.entry(t - 1)).collect()];
        let da = Tensor::stack(&deltas) * Tensor::stack(&previous.concat());
        [da.into(), db, (a.entry(0) * &deltas[0]).into()]
    }
}

fn scan_sample(seq_len: usize, draw: &mut Draw) -> (Scan, [Tensor<f64>; 3]) {
    let steps = [seq_len, 2, 3];
    let inputs = [&steps[..], &steps, &steps[1..]].map(|shape| draw.tensor(shape, -1.0..1.0));
    (Scan { space: Space::Linear }, inputs)
}
