//! The minimal long short-term memory cell, one step.
//!
//! ```text
//! i = σ(W_ii x + b_ii)                          input gate
//! f = σ(W_if x + b_if)                          forget gate
//! g = φ(W_ig x + b_ig)                          candidate
//! h′ = f/(i + f) ⊙ h + i/(i + f) ⊙ g
//! ```
//!
//! φ as in [`MinGru`](crate::MinGru). The two shares add up to 1, so only their ratio matters, and one
//! number d says it; written in d nothing can be 0/0, however far both gates are closed:
//!
//! ```text
//! d = ln f − ln i = softplus(−a_i) − softplus(−a_f)       a_i = W_ii x + b_ii,  a_f = W_if x + b_if
//! f/(i + f) = σ(d)                                        i/(i + f) = σ(−d) = 1 − σ(d)
//! ```
//!
//! The step is linear in h, with coefficients from x alone: it runs over a sequence by a [scan](crate::scan), in log
//! space on ln a = −softplus(−d) and ln b = −softplus(d) + ln g.
//!
//! Shapes: x [B, I], h [B, H]; W_ih [3H, I] holds the rows i, f, g in that order.
//! Source: Feng et al. 2024, arXiv 2410.01201, "Were RNNs All We Needed?", sections 3.2 and B.2.

use autograd::{Element, Tensor, Var, params};
use rand::Rng;

use crate::by_scan::Scannable;
use crate::cell::{Cell, Hidden, Sizes, Step, affine, affine_backward, affine_on_tape};
use crate::min_gru::{MinOptions, init_linear};
use crate::scan::Space;

/// The minimal long short-term memory cell: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct MinLstm<L = ()> {
    /// Input to gates, `[3H, I]`.
    pub w_ih: L,
    /// The biases, `[3H]`.
    pub b_ih: Option<L>,
    /// Which φ, and where a scan runs.
    pub space: Space,
}

params!(MinLstm { w_ih: "weight_ih" } optional { b_ih: "bias_ih" } plain { space });

/// What a step keeps for its way back, each [B, H].
#[derive(Clone, Debug)]
pub struct Gates<E: Element> {
    /// The share of the old state, f/(i + f).
    pub keep: Tensor<E>,
    /// The candidate.
    pub g: Tensor<E>,
    /// What is under the input gate.
    pub a_i: Tensor<E>,
    /// What is under the forget gate.
    pub a_f: Tensor<E>,
    /// What is under φ.
    pub a_g: Tensor<E>,
}

/// d = ln f − ln i.
fn log_ratio<E: Element>(a_i: &Tensor<E>, a_f: &Tensor<E>) -> Tensor<E> {
    a_i.zip(a_f, |i, f| (-i).softplus() - (-f).softplus())
}

impl Cell for MinLstm {
    const NAME: &'static str = "min_lstm";
    const MULTIPLIES_H: bool = false;
    type Options = MinOptions;
    type State = Hidden;
    type Saved<E: Element> = Gates<E>;

    /// Drawn as PyTorch's nn.Linear is: uniform on ±1/√I, since there is no matrix for h.
    fn init_with<E: Element>(
        options: &MinOptions,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> MinLstm<Tensor<E>> {
        let (w_ih, b_ih) = init_linear(3 * hidden_size, input_size, options.biased, rng);
        MinLstm { w_ih, b_ih, space: options.space }
    }

    fn sizes<E: Element>(params: &MinLstm<Tensor<E>>) -> Sizes {
        let hidden = params.w_ih.shape()[0] / 3;
        Sizes { input: params.w_ih.shape()[1], hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &MinLstm<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let [a_i, a_f, a_g] = affine_on_tape(params.w_ih, x, params.b_ih).chunk(); // each [B, H]
        let d = (-a_i).softplus() - (-a_f).softplus();
        let keep = d.sigmoid();
        let g = params.space.candidate_on_tape(a_g);
        Hidden { h: keep * state.h + (1.0 - keep) * g }
    }

    fn input<E: Element>(params: &MinLstm<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        affine(&params.w_ih, xs, params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &MinLstm<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut MinLstm<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, grads.b_ih.as_mut())
    }

    fn forward<E: Element>(
        params: &MinLstm<Tensor<E>>,
        a: &Tensor<E>,
        state: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Gates<E>) {
        let [a_i, a_f, a_g] = a.chunk(); // each [B, H]
        let keep = log_ratio(&a_i, &a_f).sigmoid();
        let g = params.space.candidate(&a_g);
        let h = &keep * &state.h + (1.0 - &keep) * &g;
        (Hidden { h }, Gates { keep, g, a_i, a_f, a_g })
    }

    /// ```text
    /// dg = dh′ ⊙ (1 − keep)       dh = dh′ ⊙ keep
    /// dd = dh′ ⊙ (h − g) ⊙ keep (1 − keep)              under keep = σ(d)
    /// da_f = dd ⊙ σ(−a_f)         da_i = −dd ⊙ σ(−a_i)  since softplus′ = σ
    /// da_g = dg ⊙ φ′
    /// ```
    fn backward<E: Element>(
        params: &MinLstm<Tensor<E>>,
        Step { state, saved: Gates { keep, g, a_i, a_f, a_g } }: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        _grads: &mut MinLstm<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let dh_next = &d_next.h;
        let da_g = params.space.candidate_backward(dh_next * (1.0 - keep), a_g, g);
        let dd = dh_next * (&state.h - g) * keep * (1.0 - keep);
        let da_f = dd.zip(a_f, |dd, a| dd * (-a).sigmoid());
        let da_i = dd.zip(a_i, |dd, a| -dd * (-a).sigmoid());
        let da = Tensor::concat(&[&da_i, &da_f, &da_g], 1); // [B, 3H]
        (da, Hidden { h: dh_next * keep })
    }
}

impl Scannable for MinLstm {
    fn space<L>(params: &MinLstm<L>) -> Space {
        params.space
    }

    fn coefficients<E: Element>(params: &MinLstm<Tensor<E>>, inputs: &Tensor<E>) -> [Tensor<E>; 2] {
        let [a_i, a_f, a_g] = inputs.chunk(); // each [N, H]
        let d = log_ratio(&a_i, &a_f);
        match params.space {
            Space::Linear => {
                let keep = d.sigmoid();
                let b = (1.0 - &keep) * a_g;
                [keep, b]
            }
            Space::Log => {
                let ln_take = d.map(|d| -d.softplus());
                [d.map(|d| -(-d).softplus()), ln_take + Space::ln_candidate(&a_g)]
            }
        }
    }

    fn coefficients_on_tape<'t, E: Element>(
        params: &MinLstm<Var<'t, E>>,
        x: Var<'t, E>,
    ) -> [Var<'t, E>; 2] {
        let [a_i, a_f, a_g] = affine_on_tape(params.w_ih, x, params.b_ih).chunk(); // each [N, H]
        let d = (-a_i).softplus() - (-a_f).softplus();
        match params.space {
            Space::Linear => {
                let keep = d.sigmoid();
                [keep, (1.0 - keep) * a_g]
            }
            Space::Log => [-(-d).softplus(), Space::ln_candidate_on_tape(a_g) - d.softplus()],
        }
    }
}
