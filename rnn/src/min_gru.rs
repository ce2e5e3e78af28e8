//! The minimal gated recurrent unit, one step.
//!
//! ```text
//! z = σ(W_iz x + b_iz)                          update gate
//! n = φ(W_in x + b_in)                          candidate
//! h′ = (1 − z) ⊙ h + z ⊙ n
//! ```
//!
//! φ is the identity, or in log space g: x + 0.5 for x ≥ 0 and σ(x) elsewhere, which is positive, continuous and
//! increasing. At x = 0 its slope is taken as 1, from the right.
//!
//! No gate sees h, so the step is linear in it: h′ = a ⊙ h + b with a = 1 − z and b = z ⊙ n, and a whole sequence runs
//! by a [scan](crate::scan), in log space on
//!
//! ```text
//! ln a = −softplus(k)       ln b = −softplus(−k) + ln g(W_in x + b_in)       k = W_iz x + b_iz
//! ```
//!
//! Shapes: x [B, I], h [B, H]; W_ih [2H, I] holds the rows z, n in that order.
//! Source: Feng et al. 2024, arXiv 2410.01201, "Were RNNs All We Needed?", sections 3.1 and B.2. Here z = 1 takes
//! the candidate, as there; in [`Gru`](crate::Gru) z = 1 keeps the old state.

use autograd::{Element, Tensor, Var, init, params};
use rand::Rng;

use crate::by_scan::Scannable;
use crate::cell::{Biased, Cell, Hidden, Sizes, Step, affine, affine_backward, affine_on_tape};
use crate::scan::Space;

/// The minimal gated recurrent unit: its parameters, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct MinGru<L = ()> {
    /// Input to gates, `[2H, I]`.
    pub w_ih: L,
    /// The biases, `[2H]`.
    pub b_ih: Option<L>,
    /// Which φ, and where a scan runs.
    pub space: Space,
}

params!(MinGru { w_ih: "weight_ih" } optional { b_ih: "bias_ih" } plain { space });

/// What can be chosen of a minimal cell; the paper trains in log space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinOptions {
    /// Which φ, and where a scan runs.
    pub space: Space,
    /// Whether there are biases.
    pub biased: Biased,
}

/// What a step keeps for its way back, each [B, H].
#[derive(Clone, Debug)]
pub struct Gates<E: Element> {
    /// The update gate.
    pub z: Tensor<E>,
    /// The candidate.
    pub n: Tensor<E>,
    /// What is under φ.
    pub a_n: Tensor<E>,
}

/// The weights and biases of a minimal cell: PyTorch's nn.Linear, uniform on ±1/√I.
pub(crate) fn init_linear<E: Element>(
    rows: usize,
    input_size: usize,
    biased: Biased,
    rng: &mut impl Rng,
) -> (Tensor<E>, Option<Tensor<E>>) {
    let bound = 1.0 / (input_size as f64).sqrt();
    let w_ih = init::uniform(&[rows, input_size], bound, rng);
    (w_ih, biased.bias.then(|| init::uniform(&[rows], bound, rng)))
}

impl Space {
    /// φ: the identity, or g in log space.
    pub(crate) fn candidate<E: Element>(self, a_n: &Tensor<E>) -> Tensor<E> {
        let g = |x: E| match x.value() >= 0.0 {
            true => x + E::from_f64(0.5),
            false => x.sigmoid(),
        };
        match self {
            Space::Linear => a_n.clone(),
            Space::Log => a_n.map(g),
        }
    }

    /// dn ⊙ φ′(a_n): φ′ = 1; in log space 1 for a_n ≥ 0 and n (1 − n) elsewhere.
    pub(crate) fn candidate_backward<E: Element>(
        self,
        dn: Tensor<E>,
        a_n: &Tensor<E>,
        n: &Tensor<E>,
    ) -> Tensor<E> {
        let slope = |a: E, n: E| if a.value() >= 0.0 { E::ONE } else { n * (E::ONE - n) };
        match self {
            Space::Linear => dn,
            Space::Log => dn * a_n.zip(n, slope),
        }
    }

    /// ln g(x): ln(x + 0.5) for x ≥ 0, and −softplus(−x) elsewhere.
    pub(crate) fn ln_candidate<E: Element>(a_n: &Tensor<E>) -> Tensor<E> {
        a_n.map(|x| match x.value() >= 0.0 {
            true => (x + E::from_f64(0.5)).ln(),
            false => -(-x).softplus(),
        })
    }

    /// φ on a tape.
    pub(crate) fn candidate_on_tape<E: Element>(self, a_n: Var<'_, E>) -> Var<'_, E> {
        match self {
            Space::Linear => a_n,
            Space::Log => {
                let right = a_n.mask(|x| x >= 0.0);
                Var::select(&right, a_n + 0.5, a_n.sigmoid())
            }
        }
    }

    /// ln g on a tape.
    pub(crate) fn ln_candidate_on_tape<E: Element>(a_n: Var<'_, E>) -> Var<'_, E> {
        let right = a_n.mask(|x| x >= 0.0);
        // On the left the logarithm is not used, but ln of a negative number would be NaN.
        Var::select(&right, (a_n.relu() + 0.5).ln(), -(-a_n).softplus())
    }
}

impl Cell for MinGru {
    const NAME: &'static str = "min_gru";
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
    ) -> MinGru<Tensor<E>> {
        let (w_ih, b_ih) = init_linear(2 * hidden_size, input_size, options.biased, rng);
        MinGru { w_ih, b_ih, space: options.space }
    }

    fn sizes<E: Element>(params: &MinGru<Tensor<E>>) -> Sizes {
        let hidden = params.w_ih.shape()[0] / 2;
        Sizes { input: params.w_ih.shape()[1], hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &MinGru<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let [z, n] = affine_on_tape(params.w_ih, x, params.b_ih).chunk(); // each [B, H]
        let z = z.sigmoid();
        let n = params.space.candidate_on_tape(n);
        Hidden { h: (1.0 - z) * state.h + z * n }
    }

    fn input<E: Element>(params: &MinGru<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        affine(&params.w_ih, xs, params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &MinGru<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut MinGru<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, grads.b_ih.as_mut())
    }

    fn forward<E: Element>(
        params: &MinGru<Tensor<E>>,
        a: &Tensor<E>,
        state: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Gates<E>) {
        let [a_z, a_n] = a.chunk(); // each [B, H]
        let z = a_z.sigmoid();
        let n = params.space.candidate(&a_n);
        let h = (1.0 - &z) * &state.h + &z * &n;
        (Hidden { h }, Gates { z, n, a_n })
    }

    /// ```text
    /// dn = dh′ ⊙ z          dz = dh′ ⊙ (n − h)        dh = dh′ ⊙ (1 − z)
    /// da_n = dn ⊙ φ′        da_z = dz ⊙ z (1 − z)
    /// ```
    ///
    /// h has one path only, and it meets no matrix.
    fn backward<E: Element>(
        params: &MinGru<Tensor<E>>,
        Step { state, saved: Gates { z, n, a_n } }: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        _grads: &mut MinGru<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let dh_next = &d_next.h;
        let da_n = params.space.candidate_backward(dh_next * z, a_n, n);
        let da_z = dh_next * (n - &state.h) * z * (1.0 - z);
        let da = Tensor::concat(&[&da_z, &da_n], 1); // [B, 2H]
        (da, Hidden { h: dh_next * (1.0 - z) })
    }
}

impl Scannable for MinGru {
    fn space<L>(params: &MinGru<L>) -> Space {
        params.space
    }

    fn coefficients<E: Element>(params: &MinGru<Tensor<E>>, inputs: &Tensor<E>) -> [Tensor<E>; 2] {
        let [k, a_n] = inputs.chunk(); // each [N, H]
        match params.space {
            Space::Linear => {
                let z = k.sigmoid();
                [1.0 - &z, z * a_n]
            }
            Space::Log => {
                let ln_z = k.map(|k| -(-k).softplus());
                [k.map(|k| -k.softplus()), ln_z + Space::ln_candidate(&a_n)]
            }
        }
    }

    fn coefficients_on_tape<'t, E: Element>(
        params: &MinGru<Var<'t, E>>,
        x: Var<'t, E>,
    ) -> [Var<'t, E>; 2] {
        let [k, a_n] = affine_on_tape(params.w_ih, x, params.b_ih).chunk(); // each [N, H]
        match params.space {
            Space::Linear => {
                let z = k.sigmoid();
                [1.0 - z, z * a_n]
            }
            Space::Log => [-k.softplus(), Space::ln_candidate_on_tape(a_n) - (-k).softplus()],
        }
    }
}
