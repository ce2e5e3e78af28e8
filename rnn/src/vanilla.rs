//! The vanilla recurrent cell, one step.
//!
//! ```text
//! h′ = tanh(W_ih x + b_ih + W_hh h + b_hh)
//! ```
//!
//! Shapes: x [B, I], h [B, H]; W_ih [H, I], W_hh [H, H].
//! Source: Elman 1990, "Finding Structure in Time"; two biases as in PyTorch's nn.RNN.

use autograd::{Element, Tensor, Var, params};
use rand::Rng;

use crate::cell::{Cell, Hidden, Step, affine_backward, init_params};

/// The vanilla cell: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Vanilla<L = ()> {
    /// Input to hidden, `[H, I]`.
    pub w_ih: L,
    /// Hidden to hidden, `[H, H]`.
    pub w_hh: L,
    /// The bias beside the input, `[H]`.
    pub b_ih: L,
    /// The bias beside the state, `[H]`.
    pub b_hh: L,
}

params!(Vanilla { w_ih: "weight_ih", w_hh: "weight_hh", b_ih: "bias_ih", b_hh: "bias_hh" });

impl Cell for Vanilla {
    const NAME: &'static str = "rnn";
    type State = Hidden;
    /// h′, from which 1 − h′² follows.
    type Saved<E: Element> = Tensor<E>;

    fn init<E: Element>(
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Vanilla<Tensor<E>> {
        let [w_ih, w_hh, b_ih, b_hh] = init_params(1, input_size, hidden_size, rng);
        Vanilla { w_ih, w_hh, b_ih, b_hh }
    }

    fn hidden_size<E: Element>(params: &Vanilla<Tensor<E>>) -> usize {
        params.w_hh.shape()[1]
    }

    fn zero_state<E: Element>(params: &Vanilla<Tensor<E>>, batch: usize) -> Hidden<Tensor<E>> {
        Hidden { h: Tensor::zeros(&[batch, Self::hidden_size(params)]) }
    }

    fn output<L>(state: &Hidden<L>) -> &L {
        &state.h
    }

    fn output_mut<L>(state: &mut Hidden<L>) -> &mut L {
        &mut state.h
    }

    fn step<'t, E: Element>(
        params: &Vanilla<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let Vanilla { w_ih, w_hh, b_ih, b_hh } = params;
        let a = x.matmul(w_ih.t()) + *b_ih; // [B, H]
        let b = state.h.matmul(w_hh.t()) + *b_hh; // [B, H]
        Hidden { h: (a + b).tanh() }
    }

    fn input<E: Element>(params: &Vanilla<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        xs.matmul(params.w_ih.t()) + &params.b_ih
    }

    fn input_backward<E: Element>(
        params: &Vanilla<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut Vanilla<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, &mut grads.b_ih)
    }

    fn forward<E: Element>(
        params: &Vanilla<Tensor<E>>,
        a: &Tensor<E>,
        state: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Tensor<E>) {
        let b = state.h.matmul(params.w_hh.t()) + &params.b_hh; // [B, H]
        let h = (a + b).map(E::tanh);
        (Hidden { h: h.clone() }, h)
    }

    /// ```text
    /// da = dh′ ⊙ (1 − h′²)        the gradient in the sum under the tanh
    /// ```
    ///
    /// Both halves of the sum, W_ih x + b_ih and W_hh h + b_hh, get da.
    fn backward<E: Element>(
        params: &Vanilla<Tensor<E>>,
        Step { state, saved: h_next }: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut Vanilla<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let da = &d_next.h * (1.0 - h_next * h_next);
        let dh = affine_backward(&params.w_hh, &state.h, &da, &mut grads.w_hh, &mut grads.b_hh);
        (da, Hidden { h: dh })
    }
}
