//! The long short-term memory cell with what was added to it over the years, one step.
//!
//! ```text
//! u = W_ih x + b_ih                             rows i, f, g, o          (1) LN(W_ih x; γ_ih) + b_ih
//! v = W_hh h + b_hh                             rows i, f, g, o          (1) LN(W_hh h; γ_hh) + b_hh
//! i = σ(u_i + v_i + p_i ⊙ c)                    input gate               (2) p_i
//! f = σ(u_f + v_f + p_f ⊙ c)                    forget gate              (2) p_f    (3) f = 1 − i
//! g = tanh(u_g + v_g)                           candidate
//! k = f ⊙ c + i ⊙ g                             what is to be remembered
//! c′ = min(max(k, −clip), clip)                 what is remembered       (4) clip
//! o = σ(u_o + v_o + p_o ⊙ c′)                   output gate              (2) p_o, which sees c′ and not c
//! s = tanh(LN(c′; γ_c, β_c))                    what can be shown of it  (1) LN; else tanh(c′)
//! m = o ⊙ s                                     what is shown
//! h′ = W_hr m                                                            (5) W_hr; else h′ = m
//! ```
//!
//! (1) layer norm, (2) peepholes, (3) coupled gates, (4) clipping and (5) projection can each be chosen or not, in any
//! combination. Without any it is [`Lstm`](crate::Lstm), number for number.
//!
//! Shapes: x [B, I], h [B, P], c [B, H], where P = H without a projection; W_ih [4H, I] and W_hh [4H, P] hold the rows
//! i, f, g, o, coupled gates lack f ([3H, ..], i, g, o); p_i, p_f, p_o `[H]`; γ_ih and γ_hh as long as the rows; γ_c and
//! β_c `[H]`; W_hr [P, H].
//!
//! LN brings each row to mean 0 and variance 1 over all its numbers, those of all gates together, and multiplies by γ:
//! see [`LayerNorm`](autograd::ops::LayerNorm). The shifts β of the two sums are their biases b_ih and b_hh. With coupled gates, p_f is absent too.
//!
//! Sources: Greff et al. 2017, arXiv 1503.04069, "LSTM: A Search Space Odyssey", for the gates; Gers and Schmidhuber
//! 2000, "Recurrent Nets that Time and Count", for peepholes; Sak et al. 2014, arXiv 1402.1128, for the projection, in
//! PyTorch's form (nn.LSTM with proj_size); Ba et al. 2016, arXiv 1607.06450, equations 20 to 22, for the layer norm.
//! Absent: recurrent dropout, and peepholes that are full matrices.

mod additions;

use autograd::{Element, Tensor, Var, init, params};
use rand::Rng;

use crate::cell::{Biased, Cell, Sizes, Step, affine_backward};
use crate::lstm::LstmState;
use additions::{Norm, peep, peep_backward};

/// The long short-term memory cell with its options: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmVariant<L = ()> {
    /// Input to gates, `[4H, I]`; coupled, `[3H, I]`.
    pub w_ih: L,
    /// Hidden to gates, `[4H, P]`; coupled, `[3H, P]`.
    pub w_hh: L,
    /// The biases beside the input, `[4H]`; coupled, `[3H]`.
    pub b_ih: Option<L>,
    /// The biases beside the state, `[4H]`; coupled, `[3H]`.
    pub b_hh: Option<L>,
    /// Hidden to output, [P, H].
    pub w_hr: Option<L>,
    /// The peephole of the input gate, `[H]`.
    pub p_i: Option<L>,
    /// The peephole of the forget gate, `[H]`; absent if coupled.
    pub p_f: Option<L>,
    /// The peephole of the output gate, `[H]`.
    pub p_o: Option<L>,
    /// The scale of the normed input half, γ_ih, `[4H]`; coupled, `[3H]`.
    pub norm_ih: Option<L>,
    /// The scale of the normed hidden half, γ_hh, `[4H]`; coupled, `[3H]`.
    pub norm_hh: Option<L>,
    /// The scale of the normed memory, γ_c, `[H]`.
    pub norm_c: Option<L>,
    /// Its shift, β_c, `[H]`.
    pub shift_c: Option<L>,
    /// What the tensors do not show.
    pub settings: Settings,
}

params!(
    LstmVariant { w_ih: "weight_ih", w_hh: "weight_hh" }
    optional {
        b_ih: "bias_ih", b_hh: "bias_hh", w_hr: "weight_hr",
        p_i: "peephole_i", p_f: "peephole_f", p_o: "peephole_o",
        norm_ih: "norm_weight_ih", norm_hh: "norm_weight_hh",
        norm_c: "norm_weight_c", shift_c: "norm_bias_c",
    }
    plain { settings }
);

/// The part of the options that no parameter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// f = 1 − i: what is written is what is forgotten.
    pub coupled: bool,
    /// The memory stays within ±clip.
    pub clip: Option<f64>,
    /// ε of the layer norms, for √(variance + ε); no norms without.
    pub layer_norm: Option<f64>,
}

/// What can be chosen of an LSTM. By default nothing is added to the plain one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LstmOptions {
    /// Whether there are biases.
    pub biased: Biased,
    /// Whether the gates see the memory.
    pub peepholes: bool,
    /// P, the length of a projected h: at least 1 and less than H, as in PyTorch.
    pub proj_size: Option<usize>,
    /// Coupled gates, clipping, layer norms.
    pub settings: Settings,
}

/// What a step keeps for its way back, each [B, H] but where it says otherwise.
#[derive(Clone, Debug)]
pub struct Gates<E: Element> {
    /// The input gate.
    pub i: Tensor<E>,
    /// The forget gate.
    pub f: Tensor<E>,
    /// The candidate.
    pub g: Tensor<E>,
    /// The output gate.
    pub o: Tensor<E>,
    /// W_hh h under the layer norm, [B, 4H]; absent without.
    pub w_h: Option<Tensor<E>>,
    /// What is to be remembered, before it is clipped.
    pub k: Tensor<E>,
    /// What is remembered.
    pub c_next: Tensor<E>,
    /// What can be shown of it.
    pub s: Tensor<E>,
}

impl Cell for LstmVariant {
    const NAME: &'static str = "lstm_variant";
    type Options = LstmOptions;
    type State = LstmState;
    type Saved<E: Element> = Gates<E>;

    /// Matrices, biases and peepholes are uniform on ±1/√H, in the order of the fields; the norms start with γ = 1 and
    /// β = 0.
    ///
    /// # Panics
    ///
    /// If P is 0 or not less than H, clip is not positive, or ε is not a positive number.
    #[track_caller]
    fn init_with<E: Element>(
        options: &LstmOptions,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> LstmVariant<Tensor<E>> {
        let LstmOptions { biased, peepholes, proj_size, settings } = *options;
        if let Some(proj_size) = proj_size {
            assert!(
                (1..hidden_size).contains(&proj_size),
                "LstmOptions: proj_size is {proj_size}, and must be at least 1 and less than the {hidden_size} units"
            );
        }
        for (name, number) in [("clip", settings.clip), ("layer_norm", settings.layer_norm)] {
            let fits = number.is_none_or(|number| number > 0.0 && number.is_finite());
            assert!(fits, "LstmOptions: {name} is {number:?}, and must be positive and finite");
        }
        let bound = 1.0 / (hidden_size as f64).sqrt();
        let rows = if settings.coupled { 3 } else { 4 } * hidden_size;
        let units = [hidden_size];
        let mut draw = |shape: &[usize]| init::uniform(shape, bound, rng);
        let norm = settings.layer_norm.is_some();
        LstmVariant {
            w_ih: draw(&[rows, input_size]),
            w_hh: draw(&[rows, proj_size.unwrap_or(hidden_size)]),
            b_ih: biased.bias.then(|| draw(&[rows])),
            b_hh: biased.bias.then(|| draw(&[rows])),
            w_hr: proj_size.map(|p| draw(&[p, hidden_size])),
            p_i: peepholes.then(|| draw(&units)),
            p_f: (peepholes && !settings.coupled).then(|| draw(&units)),
            p_o: peepholes.then(|| draw(&units)),
            norm_ih: norm.then(|| Tensor::ones(&[rows])),
            norm_hh: norm.then(|| Tensor::ones(&[rows])),
            norm_c: norm.then(|| Tensor::ones(&units)),
            shift_c: norm.then(|| Tensor::zeros(&units)),
            settings,
        }
    }

    fn sizes<E: Element>(params: &LstmVariant<Tensor<E>>) -> Sizes {
        let gates = if params.settings.coupled { 3 } else { 4 };
        let [rows, output] = params.w_hh.shape()[..] else {
            panic!("lstm_variant: weight_hh is {:?}, and must be a matrix", params.w_hh.shape());
        };
        Sizes { input: params.w_ih.shape()[1], hidden: rows / gates, output }
    }

    fn step<'t, E: Element>(
        params: &LstmVariant<Var<'t, E>>,
        x: Var<'t, E>,
        state: &LstmState<Var<'t, E>>,
    ) -> LstmState<Var<'t, E>> {
        let LstmState { h, c } = *state;
        let Settings { coupled, clip, layer_norm } = params.settings;
        let norm = |y: Var<'t, E>, scale: Option<Var<'t, E>>, shift: Option<Var<'t, E>>| {
            let (Some(scale), Some(eps)) = (scale, layer_norm) else {
                return shift.map_or(y, |shift| y + shift);
            };
            let zero = || y.tape().constant(Tensor::zeros(&scale.shape()));
            y.layer_norm(scale, shift.unwrap_or_else(zero), eps)
        };
        let peep = |sum: Var<'t, E>, p: Option<Var<'t, E>>, c| match p {
            Some(p) => sum + p * c,
            None => sum,
        };

        let u = norm(x.matmul(params.w_ih.t()), params.norm_ih, params.b_ih); // [B, 4H]
        let v = norm(h.matmul(params.w_hh.t()), params.norm_hh, params.b_hh); // [B, 4H]
        let (i, f, g, o); // each [B, H]
        if coupled {
            [i, g, o] = (u + v).chunk();
            f = None;
        } else {
            let [a_i, a_f, a_g, a_o] = (u + v).chunk();
            (i, f, g, o) = (a_i, Some(a_f), a_g, a_o);
        }

        let i = peep(i, params.p_i, c).sigmoid();
        let f = match f {
            Some(f) => peep(f, params.p_f, c).sigmoid(),
            None => 1.0 - i,
        };
        let g = g.tanh();
        let k = f * c + i * g;
        let c = clip.map_or(k, |clip| k.clamp(-clip, clip));
        let o = peep(o, params.p_o, c).sigmoid();
        let m = o * norm(c, params.norm_c, params.shift_c).tanh();
        let h = params.w_hr.map_or(m, |w_hr| m.matmul(w_hr.t()));
        LstmState { h, c }
    }

    fn input<E: Element>(params: &LstmVariant<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        let y = xs.matmul(params.w_ih.t());
        params.norm(&y, params.norm_ih.as_ref(), params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &LstmVariant<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut LstmVariant<Tensor<E>>,
    ) -> Tensor<E> {
        let w_x = params.norm_ih.as_ref().map(|_| xs.matmul(params.w_ih.t()));
        let norm = Norm { scale: &params.norm_ih, d_scale: &mut grads.norm_ih };
        let dy = params.norm_backward(w_x.as_ref(), da, norm, &mut grads.b_ih);
        affine_backward(&params.w_ih, xs, &dy, &mut grads.w_ih, None)
    }

    fn forward<E: Element>(
        params: &LstmVariant<Tensor<E>>,
        a: &Tensor<E>,
        state: &LstmState<Tensor<E>>,
    ) -> (LstmState<Tensor<E>>, Gates<E>) {
        let LstmState { h, c } = state;
        let w_h = h.matmul(params.w_hh.t());
        let sums = a + params.norm(&w_h, params.norm_hh.as_ref(), params.b_hh.as_ref());
        let (i, f, g, o); // each [B, H]
        if params.settings.coupled {
            [i, g, o] = sums.chunk();
            f = None;
        } else {
            let [a_i, a_f, a_g, a_o] = sums.chunk();
            (i, f, g, o) = (a_i, Some(a_f), a_g, a_o);
        }

        let i = peep(i, &params.p_i, c).sigmoid();
        let f = match f {
            Some(f) => peep(f, &params.p_f, c).sigmoid(),
            None => 1.0 - &i,
        };
        let g = g.tanh();
        let k = &f * c + &i * &g;
        let c_next = params.clip(&k);
        let o = peep(o, &params.p_o, &c_next).sigmoid();
        let s = params.norm(&c_next, params.norm_c.as_ref(), params.shift_c.as_ref());
        let s = s.tanh();
        let m = &o * &s;
        let h = match &params.w_hr {
            Some(w_hr) => m.matmul(w_hr.t()),
            None => m,
        };
        let w_h = params.norm_hh.as_ref().map(|_| w_h);
        let next = LstmState { h, c: c_next.clone() };
        (next, Gates { i, f, g, o, w_h, k, c_next, s })
    }

    /// ```text
    /// dm = dh′ W_hr               dW_hr += dh′ᵀ m                           from h′ = W_hr m
    /// do = dm ⊙ s                 da_o = do ⊙ o (1 − o)                     from m = o ⊙ s
    /// ds = dm ⊙ o                 dq = ds ⊙ (1 − s²)                        under the tanh
    /// dc = dc′ + LN*(dq) + da_o ⊙ p_o                                       three paths into c′
    /// dk = dc where |k| ≤ clip, else 0                                      as of `clamp`
    /// di = dk ⊙ g                 dg = dk ⊙ i         df = dk ⊙ c           from k = f ⊙ c + i ⊙ g
    /// di = dk ⊙ g − dk ⊙ c                                                  coupled: f = 1 − i is the second path
    /// da_i = di ⊙ i (1 − i)       da_f = df ⊙ f (1 − f)   da_g = dg ⊙ (1 − g²)
    /// dc_prev = dk ⊙ f + da_i ⊙ p_i + da_f ⊙ p_f                            three paths into c
    /// dp_i += Σ da_i ⊙ c          dp_f += Σ da_f ⊙ c      dp_o += Σ da_o ⊙ c′     over the rows
    /// ```
    ///
    /// LN* is the way back through a layer norm, the identity without one. Both halves of the sums get (da_i, da_f,
    /// da_g, da_o), coupled without da_f. At |k| = clip the gradient goes through.
    fn backward<E: Element>(
        params: &LstmVariant<Tensor<E>>,
        Step { state, saved }: Step<'_, Self, E>,
        d_next: &LstmState<Tensor<E>>,
        grads: &mut LstmVariant<Tensor<E>>,
    ) -> (Tensor<E>, LstmState<Tensor<E>>) {
        let LstmState { h, c } = state;
        let Gates { i, f, g, o, w_h, k, c_next, s } = saved;
        let dm = match (&params.w_hr, &mut grads.w_hr) {
            (Some(w_hr), Some(dw_hr)) => affine_backward(w_hr, &(o * s), &d_next.h, dw_hr, None),
            _ => d_next.h.clone(),
        };
        let da_o = &dm * s * o * (1.0 - o);
        let dq = dm * o * (1.0 - s * s);
        let norm = Norm { scale: &params.norm_c, d_scale: &mut grads.norm_c };
        let dc = &d_next.c + params.norm_backward(Some(c_next), &dq, norm, &mut grads.shift_c);
        let dc = peep_backward(dc, &da_o, c_next, &params.p_o, &mut grads.p_o);
        let dk = params.clip_backward(k, dc);

        let (da_i, da_f);
        if params.settings.coupled {
            da_i = (&dk * g - &dk * c) * i * (1.0 - i);
            da_f = None;
        } else {
            da_i = &dk * g * i * (1.0 - i);
            da_f = Some(&dk * c * f * (1.0 - f));
        }
        let da_g = &dk * i * (1.0 - g * g);
        let mut dc_prev = peep_backward(dk * f, &da_i, c, &params.p_i, &mut grads.p_i);
        if let Some(da_f) = &da_f {
            dc_prev = peep_backward(dc_prev, da_f, c, &params.p_f, &mut grads.p_f);
        }

        let gates = [Some(&da_i), da_f.as_ref(), Some(&da_g), Some(&da_o)];
        let da = Tensor::concat(&gates.into_iter().flatten().collect::<Vec<_>>(), 1); // [B, 4H]
        let norm = Norm { scale: &params.norm_hh, d_scale: &mut grads.norm_hh };
        let dy = params.norm_backward(w_h.as_ref(), &da, norm, &mut grads.b_hh);
        let dh = affine_backward(&params.w_hh, h, &dy, &mut grads.w_hh, None);
        (da, LstmState { h: dh, c: dc_prev })
    }
}
