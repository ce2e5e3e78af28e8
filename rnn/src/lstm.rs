//! The long short-term memory cell, one step.
//!
//! ```text
//! i = σ(W_ii x + b_ii + W_hi h + b_hi)          input gate
//! f = σ(W_if x + b_if + W_hf h + b_hf)          forget gate
//! g = tanh(W_ig x + b_ig + W_hg h + b_hg)       candidate
//! o = σ(W_io x + b_io + W_ho h + b_ho)          output gate
//! c′ = f ⊙ c + i ⊙ g                            what is remembered
//! h′ = o ⊙ tanh(c′)                             what is shown of it
//! ```
//!
//! Shapes: x [B, I], h and c [B, H]; W_ih [4H, I] and W_hh [4H, H] hold the rows i, f, g, o in that
//! order. Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000;
//! biases and row order as in PyTorch's nn.LSTM. A closed output gate hides the memory, it does not erase it.

mod fused;

use autograd::{Element, Tensor, Var, params};
use rand::Rng;

use crate::cell::{
    Biased, Cell, Inputs, Run, Sizes, State, Step, Stepping, Symbols, affine, affine_backward,
    affine_on_tape, init_params, tensor_bytes,
};

/// The long short-term memory cell: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Lstm<L = ()> {
    /// Input to gates, `[4H, I]`.
    pub w_ih: L,
    /// Hidden to gates, `[4H, H]`.
    pub w_hh: L,
    /// The biases beside the input, `[4H]`.
    pub b_ih: Option<L>,
    /// The biases beside the state, `[4H]`.
    pub b_hh: Option<L>,
}

params!(Lstm { w_ih: "weight_ih", w_hh: "weight_hh" } optional { b_ih: "bias_ih", b_hh: "bias_hh" });

/// The state of an LSTM.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmState<L = ()> {
    /// The hidden state, [B, H]: what the rest of the network sees.
    pub h: L,
    /// The cell state, [B, H]: the memory.
    pub c: L,
}

params!(LstmState { h: "h", c: "c" });

impl State for LstmState {
    fn zeros<E: Element>(batch: usize, sizes: Sizes) -> LstmState<Tensor<E>> {
        let h = Tensor::zeros(&[batch, sizes.output]);
        LstmState { h, c: Tensor::zeros(&[batch, sizes.hidden]) }
    }

    fn output<L>(state: &LstmState<L>) -> &L {
        &state.h
    }

    fn output_mut<L>(state: &mut LstmState<L>) -> &mut L {
        &mut state.h
    }
}

/// The gate values of one step, each [B, H].
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
    /// tanh(c′).
    pub tanh_c: Tensor<E>,
}

impl Cell for Lstm {
    const NAME: &'static str = "lstm";
    type Options = Biased;
    type State = LstmState;
    type Saved<E: Element> = Gates<E>;

    fn init_with<E: Element>(
        options: &Biased,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Lstm<Tensor<E>> {
        let sizes = [input_size, hidden_size];
        let ([w_ih, w_hh], [b_ih, b_hh]) = init_params(4, *options, sizes, rng);
        Lstm { w_ih, w_hh, b_ih, b_hh }
    }

    fn sizes<E: Element>(params: &Lstm<Tensor<E>>) -> Sizes {
        let hidden = params.w_hh.shape()[1];
        Sizes { input: params.w_ih.shape()[1], hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &Lstm<Var<'t, E>>,
        x: Var<'t, E>,
        state: &LstmState<Var<'t, E>>,
    ) -> LstmState<Var<'t, E>> {
        let LstmState { h, c } = *state;
        let a = affine_on_tape(params.w_ih, x, params.b_ih); // [B, 4H]
        let b = affine_on_tape(params.w_hh, h, params.b_hh); // [B, 4H]
        let [i, f, g, o] = (a + b).chunk(); // each [B, H]

        let (i, f, o) = (i.sigmoid(), f.sigmoid(), o.sigmoid());
        let g = g.tanh();
        let c = f * c + i * g;
        LstmState { h: o * c.tanh(), c }
    }

    fn stepping<E: Element>(
        params: &Lstm<Tensor<E>>,
        symbols: Option<Symbols<'_, E>>,
    ) -> Option<Box<dyn Stepping<E>>> {
        Some(Box::new(crate::fused::FusedSteps::<Self, E>::new(params, symbols)))
    }

    fn fused<'t, E: Element>(
        params: &Lstm<Var<'t, E>>,
        xs: &Inputs<Var<'t, E>>,
        initial: &LstmState<Var<'t, E>>,
        reverse: bool,
    ) -> Option<Run<Self, Var<'t, E>>> {
        Some(crate::fused::unroll_on_tape::<Self, E>(params, xs, initial, reverse))
    }

    fn fused_run<E: Element>(
        params: &Lstm<Tensor<E>>,
        rows: &Tensor<E>,
        initial: &LstmState<Tensor<E>>,
        reverse: bool,
    ) -> Option<Run<Self, Tensor<E>>> {
        Some(crate::fused::run::<Self, E>(params, rows, initial, reverse))
    }

    fn input<E: Element>(params: &Lstm<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        affine(&params.w_ih, xs, params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &Lstm<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut Lstm<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, grads.b_ih.as_mut())
    }

    fn gates<E: Element>(saved: &Gates<E>) -> Vec<(String, &Tensor<E>)> {
        vec![("i".into(), &saved.i), ("f".into(), &saved.f), ("o".into(), &saved.o)]
    }

    fn saved_bytes<E: Element>(params: &Lstm<Tensor<E>>, batch: usize) -> usize {
        5 * tensor_bytes::<E>(batch * Self::sizes(params).hidden)
    }

    fn forward<E: Element>(
        params: &Lstm<Tensor<E>>,
        a: &Tensor<E>,
        state: &LstmState<Tensor<E>>,
    ) -> (LstmState<Tensor<E>>, Gates<E>) {
        let LstmState { h, c } = state;
        let b = affine(&params.w_hh, h, params.b_hh.as_ref()); // [B, 4H]
        let [i, f, g, o] = (a + b).chunk(); // each [B, H]

        let (i, f, o) = (i.sigmoid(), f.sigmoid(), o.sigmoid());
        let g = g.tanh();
        let c = &f * c + &i * &g;
        let tanh_c = c.tanh();
        (LstmState { h: &o * &tanh_c, c }, Gates { i, f, g, o, tanh_c })
    }

    /// ```text
    /// do = dh′ ⊙ tanh(c′)       dc = dc′ + dh′ ⊙ o ⊙ (1 − tanh²(c′))     two paths into c′
    /// di = dc ⊙ g               dg = dc ⊙ i                              from c′ = f ⊙ c + i ⊙ g
    /// df = dc ⊙ c               dc_prev = dc ⊙ f
    /// da_i = di ⊙ i (1 − i)     da_f = df ⊙ f (1 − f)                    under the sigmoids
    /// da_g = dg ⊙ (1 − g²)      da_o = do ⊙ o (1 − o)
    /// ```
    ///
    /// Both halves of the sums get (da_i, da_f, da_g, da_o). The memory's own path, dc ⊙ f, meets no
    /// matrix: that is what keeps gradients alive.
    fn backward<E: Element>(
        params: &Lstm<Tensor<E>>,
        Step { state, saved: Gates { i, f, g, o, tanh_c } }: Step<'_, Self, E>,
        d_next: &LstmState<Tensor<E>>,
        grads: &mut Lstm<Tensor<E>>,
    ) -> (Tensor<E>, LstmState<Tensor<E>>) {
        let LstmState { h, c } = state;
        let d_o = &d_next.h * tanh_c;
        let dc = &d_next.c + &d_next.h * o * (1.0 - tanh_c * tanh_c);
        let da_i = &dc * g * i * (1.0 - i);
        let da_f = &dc * c * f * (1.0 - f);
        let da_g = &dc * i * (1.0 - g * g);
        let da_o = d_o * o * (1.0 - o);

        let da = Tensor::concat(&[&da_i, &da_f, &da_g, &da_o], 1); // [B, 4H]
        let dh = affine_backward(&params.w_hh, h, &da, &mut grads.w_hh, grads.b_hh.as_mut());
        (da, LstmState { h: dh, c: dc * f })
    }
}
