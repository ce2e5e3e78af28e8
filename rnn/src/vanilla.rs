//! The vanilla recurrent cell, one step.
//!
//! ```text
//! h′ = φ(W_ih x + b_ih + W_hh h + b_hh)          φ = tanh, or relu
//! ```
//!
//! Shapes: x [B, I], h [B, H]; W_ih [H, I], W_hh [H, H].
//! Source: Elman 1990, "Finding Structure in Time"; two biases and the choice of φ as in PyTorch's nn.RNN.

mod fused;

use autograd::{Element, Tensor, Var, params};
use rand::Rng;

use crate::cell::{
    Biased, Cell, Hidden, Inputs, Run, Sizes, Step, Stepping, Symbols, affine, affine_backward,
    affine_on_tape, init_params,
};

/// The vanilla cell: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Vanilla<L = ()> {
    /// Input to hidden, `[H, I]`.
    pub w_ih: L,
    /// Hidden to hidden, `[H, H]`.
    pub w_hh: L,
    /// The bias beside the input, `[H]`.
    pub b_ih: Option<L>,
    /// The bias beside the state, `[H]`.
    pub b_hh: Option<L>,
    /// φ.
    pub nonlinearity: Nonlinearity,
}

params!(
    Vanilla { w_ih: "weight_ih", w_hh: "weight_hh" }
    optional { b_ih: "bias_ih", b_hh: "bias_hh" }
    plain { nonlinearity }
);

/// The function φ of a vanilla cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nonlinearity {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// max(x, 0), with slope 0 at 0.
    Relu,
}

/// What can be chosen of a vanilla cell; tanh with biases by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VanillaOptions {
    /// φ.
    pub nonlinearity: Nonlinearity,
    /// Whether there are biases.
    pub biased: Biased,
}

impl Cell for Vanilla {
    const NAME: &'static str = "rnn";
    type Options = VanillaOptions;
    type State = Hidden;
    /// h′, from which φ′ follows.
    type Saved<E: Element> = Tensor<E>;

    fn init_with<E: Element>(
        options: &VanillaOptions,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Vanilla<Tensor<E>> {
        let sizes = [input_size, hidden_size];
        let ([w_ih, w_hh], [b_ih, b_hh]) = init_params(1, options.biased, sizes, rng);
        Vanilla { w_ih, w_hh, b_ih, b_hh, nonlinearity: options.nonlinearity }
    }

    fn sizes<E: Element>(params: &Vanilla<Tensor<E>>) -> Sizes {
        let hidden = params.w_hh.shape()[1];
        Sizes { input: params.w_ih.shape()[1], hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &Vanilla<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let a = affine_on_tape(params.w_ih, x, params.b_ih); // [B, H]
        let b = affine_on_tape(params.w_hh, state.h, params.b_hh); // [B, H]
        let h = match params.nonlinearity {
            Nonlinearity::Tanh => (a + b).tanh(),
            Nonlinearity::Relu => (a + b).relu(),
        };
        Hidden { h }
    }

    fn stepping<E: Element>(
        params: &Vanilla<Tensor<E>>,
        symbols: Option<Symbols<'_, E>>,
    ) -> Option<Box<dyn Stepping<E>>> {
        Some(Box::new(crate::fused::FusedSteps::<Self, E>::new(params, symbols)))
    }

    fn fused<'t, E: Element>(
        params: &Vanilla<Var<'t, E>>,
        xs: &Inputs<Var<'t, E>>,
        initial: &Hidden<Var<'t, E>>,
        reverse: bool,
    ) -> Option<Run<Self, Var<'t, E>>> {
        Some(crate::fused::unroll_on_tape::<Self, E>(params, xs, initial, reverse))
    }

    fn fused_run<E: Element>(
        params: &Vanilla<Tensor<E>>,
        rows: &Tensor<E>,
        initial: &Hidden<Tensor<E>>,
        reverse: bool,
    ) -> Option<Run<Self, Tensor<E>>> {
        Some(crate::fused::run::<Self, E>(params, rows, initial, reverse))
    }

    fn input<E: Element>(params: &Vanilla<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        affine(&params.w_ih, xs, params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &Vanilla<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut Vanilla<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, grads.b_ih.as_mut())
    }

    /// h′ is the next state, and shares its numbers.
    fn saved_bytes<E: Element>(_: &Vanilla<Tensor<E>>, _: usize) -> usize {
        size_of::<Tensor<E>>()
    }

    fn forward<E: Element>(
        params: &Vanilla<Tensor<E>>,
        a: &Tensor<E>,
        state: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Tensor<E>) {
        let b = affine(&params.w_hh, &state.h, params.b_hh.as_ref()); // [B, H]
        let h = match params.nonlinearity {
            Nonlinearity::Tanh => (a + b).tanh(),
            Nonlinearity::Relu => (a + b).map(|x| if x.value() > 0.0 { x } else { E::ZERO }),
        };
        (Hidden { h: h.clone() }, h)
    }

    /// ```text
    /// da = dh′ ⊙ φ′        φ′ = 1 − h′² for tanh; 1 where h′ > 0 and else 0 for relu
    /// ```
    ///
    /// da is the gradient in the sum under φ. Both halves of that sum, W_ih x + b_ih and W_hh h + b_hh, get it.
    fn backward<E: Element>(
        params: &Vanilla<Tensor<E>>,
        Step { state, saved: h_next }: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut Vanilla<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let dh_next = &d_next.h;
        let da = match params.nonlinearity {
            Nonlinearity::Tanh => dh_next * (1.0 - h_next * h_next),
            Nonlinearity::Relu => {
                dh_next.zip(h_next, |dh, h| if h.value() > 0.0 { dh } else { E::ZERO })
            }
        };
        let dh = affine_backward(&params.w_hh, &state.h, &da, &mut grads.w_hh, grads.b_hh.as_mut());
        (da, Hidden { h: dh })
    }
}
