//! The gated recurrent unit, one step.
//!
//! ```text
//! r = σ(W_ir x + b_ir + W_hr h + b_hr)          reset gate
//! z = σ(W_iz x + b_iz + W_hz h + b_hz)          update gate
//! n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)) candidate
//! h′ = (1 − z) ⊙ n + z ⊙ h
//! ```
//!
//! Shapes: x [B, I], h [B, H]; W_ih [3H, I] and W_hh [3H, H] hold the rows r, z, n in that order.
//! Source: Cho et al. 2014, arXiv 1406.1078v1, "Hidden Unit that Adaptively Remembers and
//! Forgets"; biases and row order as in PyTorch's nn.GRU. Version 3 of the paper applies r before
//! the product W_hn h: [`GruResetBefore`](crate::GruResetBefore). Some texts exchange z with 1 − z: here z = 1 keeps the
//! old state.

mod fused;

use autograd::{Element, Tensor, Var, params};
use rand::Rng;

use crate::cell::{
    Biased, Cell, Hidden, Inputs, Run, Sizes, Step, Stepping, Symbols, affine, affine_backward,
    affine_on_tape, init_params, tensor_bytes,
};

/// The gated recurrent unit: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Gru<L = ()> {
    /// Input to gates, `[3H, I]`.
    pub w_ih: L,
    /// Hidden to gates, `[3H, H]`.
    pub w_hh: L,
    /// The biases beside the input, `[3H]`.
    pub b_ih: Option<L>,
    /// The biases beside the state, `[3H]`.
    pub b_hh: Option<L>,
}

params!(Gru { w_ih: "weight_ih", w_hh: "weight_hh" } optional { b_ih: "bias_ih", b_hh: "bias_hh" });

/// The gate values of one step, each [B, H].
#[derive(Clone, Debug)]
pub struct Gates<E: Element> {
    /// The reset gate.
    pub r: Tensor<E>,
    /// The update gate.
    pub z: Tensor<E>,
    /// The candidate.
    pub n: Tensor<E>,
    /// W_hn h + b_hn, which the reset gate multiplies.
    pub n_h: Tensor<E>,
}

impl Cell for Gru {
    const NAME: &'static str = "gru";
    type Options = Biased;
    type State = Hidden;
    type Saved<E: Element> = Gates<E>;

    fn init_with<E: Element>(
        options: &Biased,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Gru<Tensor<E>> {
        let sizes = [input_size, hidden_size];
        let ([w_ih, w_hh], [b_ih, b_hh]) = init_params(3, *options, sizes, rng);
        Gru { w_ih, w_hh, b_ih, b_hh }
    }

    fn sizes<E: Element>(params: &Gru<Tensor<E>>) -> Sizes {
        let hidden = params.w_hh.shape()[1];
        Sizes { input: params.w_ih.shape()[1], hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &Gru<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        Self::step_reading(params, x, state, state)
    }

    fn step_reading<'t, E: Element>(
        params: &Gru<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
        read: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let [r_x, z_x, n_x] = affine_on_tape(params.w_ih, x, params.b_ih).chunk(); // each [B, H]
        let [r_h, z_h, n_h] = affine_on_tape(params.w_hh, read.h, params.b_hh).chunk(); // each [B, H]

        let r = (r_x + r_h).sigmoid();
        let z = (z_x + z_h).sigmoid();
        let n = (n_x + r * n_h).tanh();
        Hidden { h: (1.0 - z) * n + z * state.h }
    }

    fn stepping<E: Element>(
        params: &Gru<Tensor<E>>,
        symbols: Option<Symbols<'_, E>>,
    ) -> Option<Box<dyn Stepping<E>>> {
        Some(Box::new(crate::fused::FusedSteps::<Self, E>::new(params, symbols)))
    }

    fn fused<'t, E: Element>(
        params: &Gru<Var<'t, E>>,
        xs: &Inputs<Var<'t, E>>,
        initial: &Hidden<Var<'t, E>>,
        reverse: bool,
    ) -> Option<Run<Self, Var<'t, E>>> {
        Some(crate::fused::unroll_on_tape::<Self, E>(params, xs, initial, reverse))
    }

    fn fused_run<E: Element>(
        params: &Gru<Tensor<E>>,
        rows: &Tensor<E>,
        initial: &Hidden<Tensor<E>>,
        reverse: bool,
    ) -> Option<Run<Self, Tensor<E>>> {
        Some(crate::fused::run::<Self, E>(params, rows, initial, reverse))
    }

    fn input<E: Element>(params: &Gru<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        affine(&params.w_ih, xs, params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &Gru<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut Gru<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, grads.b_ih.as_mut())
    }

    fn gates<E: Element>(saved: &Gates<E>) -> Vec<(String, &Tensor<E>)> {
        vec![("r".into(), &saved.r), ("z".into(), &saved.z)]
    }

    fn saved_bytes<E: Element>(params: &Gru<Tensor<E>>, batch: usize) -> usize {
        4 * tensor_bytes::<E>(batch * Self::sizes(params).hidden)
    }

    fn forward<E: Element>(
        params: &Gru<Tensor<E>>,
        a: &Tensor<E>,
        state: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Gates<E>) {
        Self::forward_reading(params, a, state, state)
    }

    fn forward_reading<E: Element>(
        params: &Gru<Tensor<E>>,
        a: &Tensor<E>,
        Hidden { h }: &Hidden<Tensor<E>>,
        read: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Gates<E>) {
        let [r_x, z_x, n_x] = a.chunk(); // each [B, H]
        let b = affine(&params.w_hh, &read.h, params.b_hh.as_ref()); // [B, 3H]
        let [r_h, z_h, n_h] = b.chunk(); // each [B, H]

        let r = (r_x + r_h).sigmoid();
        let z = (z_x + z_h).sigmoid();
        let n = (n_x + &r * &n_h).tanh();
        let h_next = (1.0 - &z) * &n + &z * h;
        (Hidden { h: h_next }, Gates { r, z, n, n_h })
    }

    /// The state and what the products read are one: h gets both gradients.
    fn backward<E: Element>(
        params: &Gru<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut Gru<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let state = step.state;
        let (da, [carried, read]) = Self::backward_reading(params, step, state, d_next, grads);
        (da, Hidden { h: carried.h + read.h })
    }

    /// ```text
    /// dn = dh′ ⊙ (1 − z)        dz = dh′ ⊙ (h − n)        from h′ = (1 − z) ⊙ n + z ⊙ h
    /// da_n = dn ⊙ (1 − n²)                                under the tanh
    /// dr = da_n ⊙ n_h           dn_h = da_n ⊙ r           from r ⊙ n_h
    /// da_r = dr ⊙ r (1 − r)     da_z = dz ⊙ z (1 − z)     under the sigmoids
    /// ```
    ///
    /// The input half of the sums, W_ih x + b_ih, gets (da_r, da_z, da_n), the hidden half, W_hh h + b_hh,
    /// gets (da_r, da_z, dn_h), and h has one more path, straight through the update gate: dh = dh′ ⊙ z + …
    fn backward_reading<E: Element>(
        params: &Gru<Tensor<E>>,
        Step { state, saved: Gates { r, z, n, n_h } }: Step<'_, Self, E>,
        read: &Hidden<Tensor<E>>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut Gru<Tensor<E>>,
    ) -> (Tensor<E>, [Hidden<Tensor<E>>; 2]) {
        let (h, dh_next) = (&state.h, &d_next.h);
        let dn = dh_next * (1.0 - z);
        let dz = dh_next * (h - n);
        let da_n = dn * (1.0 - n * n);
        let dr = &da_n * n_h;
        let dn_h = &da_n * r;
        let da_r = dr * r * (1.0 - r);
        let da_z = dz * z * (1.0 - z);

        let da = Tensor::concat(&[&da_r, &da_z, &da_n], 1); // [B, 3H]
        let db = Tensor::concat(&[&da_r, &da_z, &dn_h], 1); // [B, 3H]
        let d_read =
            affine_backward(&params.w_hh, &read.h, &db, &mut grads.w_hh, grads.b_hh.as_mut());
        (da, [Hidden { h: dh_next * z }, Hidden { h: d_read }])
    }
}
