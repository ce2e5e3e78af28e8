//! The gated recurrent unit with its reset gate before the product, one step.
//!
//! ```text
//! r = σ(W_ir x + b_ir + W_hr h + b_hr)          reset gate
//! z = σ(W_iz x + b_iz + W_hz h + b_hz)          update gate
//! n = tanh(W_in x + b_in + W_hn (r ⊙ h) + b_hn) candidate
//! h′ = (1 − z) ⊙ n + z ⊙ h
//! ```
//!
//! Shapes: x [B, I], h [B, H]; W_ih [3H, I] and W_hh [3H, H] hold the rows r, z, n in that order.
//! Source: Cho et al. 2014, arXiv 1406.1078v3, equations 5 to 8, the biases added. ONNX calls it
//! linear_before_reset = 0, Keras reset_after=False; [`Gru`](crate::Gru) is the other one, PyTorch's. The
//! parameters have the same names and shapes in both, but they mean different functions: weights of one in
//! the other give wrong numbers without an error.
//!
//! The price of this order: W_hn cannot be multiplied before r is known, so a step has two products that wait for
//! each other.

use autograd::{Element, Tensor, Var, params};
use rand::Rng;

use crate::cell::{Biased, Cell, Hidden, Sizes, Step, affine, affine_backward};
use crate::cell::{affine_on_tape, init_params};

/// The gated recurrent unit with its reset gate before the product: its parameters, or whatever stands in their
/// place.
#[derive(Clone, Debug, PartialEq)]
pub struct GruResetBefore<L = ()> {
    /// Input to gates, `[3H, I]`.
    pub w_ih: L,
    /// Hidden to gates, `[3H, H]`.
    pub w_hh: L,
    /// The biases beside the input, `[3H]`.
    pub b_ih: Option<L>,
    /// The biases beside the state, `[3H]`.
    pub b_hh: Option<L>,
}

params!(
    GruResetBefore { w_ih: "weight_ih", w_hh: "weight_hh" }
    optional { b_ih: "bias_ih", b_hh: "bias_hh" }
);

/// The gate values of one step, each [B, H].
#[derive(Clone, Debug)]
pub struct Gates<E: Element> {
    /// The reset gate.
    pub r: Tensor<E>,
    /// The update gate.
    pub z: Tensor<E>,
    /// The candidate.
    pub n: Tensor<E>,
}

impl Cell for GruResetBefore {
    const NAME: &'static str = "gru_reset_before";
    type Options = Biased;
    type State = Hidden;
    type Saved<E: Element> = Gates<E>;

    fn init_with<E: Element>(
        options: &Biased,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> GruResetBefore<Tensor<E>> {
        let sizes = [input_size, hidden_size];
        let ([w_ih, w_hh], [b_ih, b_hh]) = init_params(3, *options, sizes, rng);
        GruResetBefore { w_ih, w_hh, b_ih, b_hh }
    }

    fn sizes<E: Element>(params: &GruResetBefore<Tensor<E>>) -> Sizes {
        let hidden = params.w_hh.shape()[1];
        Sizes { input: params.w_ih.shape()[1], hidden, output: hidden }
    }

    fn step<'t, E: Element>(
        params: &GruResetBefore<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        Self::step_reading(params, x, state, state)
    }

    fn step_reading<'t, E: Element>(
        params: &GruResetBefore<Var<'t, E>>,
        x: Var<'t, E>,
        state: &Hidden<Var<'t, E>>,
        read: &Hidden<Var<'t, E>>,
    ) -> Hidden<Var<'t, E>> {
        let gates = 2 * state.h.value().shape()[1]; // the rows of r and z
        let rows = |p: Var<'t, E>, candidate: bool| match candidate {
            false => p.slice(0, 0, gates),
            true => p.slice(0, gates, gates / 2 * 3),
        };
        let hidden = |h, candidate| {
            let b_hh = params.b_hh.map(|b| rows(b, candidate));
            affine_on_tape(rows(params.w_hh, candidate), h, b_hh)
        };
        let [r_x, z_x, n_x] = affine_on_tape(params.w_ih, x, params.b_ih).chunk(); // each [B, H]
        let [r_h, z_h] = hidden(read.h, false).chunk(); // each [B, H]

        let r = (r_x + r_h).sigmoid();
        let z = (z_x + z_h).sigmoid();
        let n = (n_x + hidden(r * read.h, true)).tanh();
        Hidden { h: (1.0 - z) * n + z * state.h }
    }

    fn input<E: Element>(params: &GruResetBefore<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        affine(&params.w_ih, xs, params.b_ih.as_ref())
    }

    fn input_backward<E: Element>(
        params: &GruResetBefore<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut GruResetBefore<Tensor<E>>,
    ) -> Tensor<E> {
        affine_backward(&params.w_ih, xs, da, &mut grads.w_ih, grads.b_ih.as_mut())
    }

    fn forward<E: Element>(
        params: &GruResetBefore<Tensor<E>>,
        a: &Tensor<E>,
        state: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Gates<E>) {
        Self::forward_reading(params, a, state, state)
    }

    fn forward_reading<E: Element>(
        params: &GruResetBefore<Tensor<E>>,
        a: &Tensor<E>,
        Hidden { h }: &Hidden<Tensor<E>>,
        Hidden { h: read }: &Hidden<Tensor<E>>,
    ) -> (Hidden<Tensor<E>>, Gates<E>) {
        let [r_x, z_x, n_x] = a.chunk(); // each [B, H]
        let [w_rz, w_n] = halves(&params.w_hh);
        let [b_rz, b_n] = match &params.b_hh {
            Some(b_hh) => halves(b_hh).map(Some),
            None => [None, None],
        };
        let [r_h, z_h] = affine(&w_rz, read, b_rz.as_ref()).chunk(); // each [B, H]

        let r = (r_x + r_h).sigmoid();
        let z = (z_x + z_h).sigmoid();
        let n = (n_x + affine(&w_n, &(&r * read), b_n.as_ref())).tanh();
        let h_next = (1.0 - &z) * &n + &z * h;
        (Hidden { h: h_next }, Gates { r, z, n })
    }

    /// The state and what the products read are one: h gets both gradients.
    fn backward<E: Element>(
        params: &GruResetBefore<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut GruResetBefore<Tensor<E>>,
    ) -> (Tensor<E>, Hidden<Tensor<E>>) {
        let state = step.state;
        let (da, [carried, read]) = Self::backward_reading(params, step, state, d_next, grads);
        (da, Hidden { h: carried.h + read.h })
    }

    /// ```text
    /// dn = dh′ ⊙ (1 − z)        dz = dh′ ⊙ (h − n)        from h′ = (1 − z) ⊙ n + z ⊙ h
    /// da_n = dn ⊙ (1 − n²)                                under the tanh
    /// drh = da_n W_hn           dr = drh ⊙ h              from W_hn (r ⊙ h)
    /// da_r = dr ⊙ r (1 − r)     da_z = dz ⊙ z (1 − z)     under the sigmoids
    /// ```
    ///
    /// Both halves of the sums get (da_r, da_z, da_n). The rows of W_hh saw two inputs, r and z the state h, n the
    /// state r ⊙ h: dW_hr = da_rᵀ h, dW_hz = da_zᵀ h, dW_hn = da_nᵀ (r ⊙ h). Four paths lead to h: through
    /// the update gate, through r ⊙ h, and through the products of r and z.
    fn backward_reading<E: Element>(
        params: &GruResetBefore<Tensor<E>>,
        Step { state, saved: Gates { r, z, n } }: Step<'_, Self, E>,
        Hidden { h: read }: &Hidden<Tensor<E>>,
        d_next: &Hidden<Tensor<E>>,
        grads: &mut GruResetBefore<Tensor<E>>,
    ) -> (Tensor<E>, [Hidden<Tensor<E>>; 2]) {
        let (h, dh_next) = (&state.h, &d_next.h);
        let [w_rz, w_n] = halves(&params.w_hh);
        let dn = dh_next * (1.0 - z);
        let dz = dh_next * (h - n);
        let da_n = dn * (1.0 - n * n);
        let drh = da_n.matmul(&w_n);
        let da_r = &drh * read * r * (1.0 - r);
        let da_z = dz * z * (1.0 - z);

        let da = Tensor::concat(&[&da_r, &da_z, &da_n], 1); // [B, 3H]
        let da_rz = Tensor::concat(&[&da_r, &da_z], 1); // [B, 2H]
        grads.w_hh.add_slice(0, 0, &da_rz.t().matmul(read));
        grads.w_hh.add_slice(0, w_rz.shape()[0], &da_n.t().matmul(&(r * read)));
        if let Some(db_hh) = &mut grads.b_hh {
            *db_hh = &*db_hh + da.sum_over(&[0]);
        }
        let d_read = drh * r + da_rz.matmul(&w_rz);
        (da, [Hidden { h: dh_next * z }, Hidden { h: d_read }])
    }
}

/// The rows of r and z, and those of n: [2H, ..] and [H, ..] of [3H, ..].
fn halves<E: Element>(rows: &Tensor<E>) -> [Tensor<E>; 2] {
    let all = rows.shape()[0];
    let gates = all / 3 * 2;
    [rows.slice(0, 0, gates), rows.slice(0, gates, all)]
}
