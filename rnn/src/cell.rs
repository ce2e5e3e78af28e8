//! What a recurrent cell is: a step on the tape, and the same step by hand, forward and backward.
//!
//! ```text
//! h_t = f(x_t, h_{t−1})        the same f, with the same parameters, at every step
//! ```
//!
//! A cell is named by its family: [`Gru`](crate::Gru) is the cell, `Gru<Tensor<f32>>` its parameters,
//! `Gru<Var>` their places on a tape, and `Gru<Tensor<f32>>` again their gradients.
//!
//! Whoever implements [`Cell`] gets unrolling, backpropagation through time, language models and
//! the gradient checks.

use autograd::{Element, Family, Tensor, Var, params};
use rand::Rng;

/// The state of cell C with leaf L: h, or h and c.
pub type StateOf<C, L> = <<C as Cell>::State as Family>::Of<L>;

/// A state that is only a hidden vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden<L = ()> {
    /// The hidden state, [B, H].
    pub h: L,
}

params!(Hidden { h: "h" });

/// A recurrent cell. Shapes: x [B, I], h [B, H].
pub trait Cell: Family {
    /// The name on a command line and in a checkpoint.
    const NAME: &'static str;

    /// The state that goes from step to step.
    type State: Family;

    /// What a step by hand keeps for its backward step: gate values, mostly.
    type Saved<E: Element>;

    /// Parameters for I inputs and H units, drawn as PyTorch does: uniform on ±1/√H.
    fn init<E: Element>(
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Self::Of<Tensor<E>>;

    /// The number of units H.
    fn hidden_size<E: Element>(params: &Self::Of<Tensor<E>>) -> usize;

    /// The state before the first step, if there is no other: zeros.
    fn zero_state<E: Element>(
        params: &Self::Of<Tensor<E>>,
        batch: usize,
    ) -> StateOf<Self, Tensor<E>>;

    /// The part of the state that the rest of the network sees: h.
    fn output<L>(state: &StateOf<Self, L>) -> &L;

    /// The same, to change.
    fn output_mut<L>(state: &mut StateOf<Self, L>) -> &mut L;

    /// One step on the tape: the equations.
    fn step<'t, E: Element>(
        params: &Self::Of<Var<'t, E>>,
        x: Var<'t, E>,
        state: &StateOf<Self, Var<'t, E>>,
    ) -> StateOf<Self, Var<'t, E>>;

    /// The part of a step that sees only the input: a = W_ih x + b_ih, [N, I] to [N, A] with A numbers that
    /// the rest of the step starts from. It is the same for any number of rows, so that [`unroll()`](crate::unroll())
    /// does it once, for all steps together.
    fn input<E: Element>(params: &Self::Of<Tensor<E>>, xs: &Tensor<E>) -> Tensor<E>;

    /// The way back from a to x: adds to the gradients of the parameters and returns dx.
    fn input_backward<E: Element>(
        params: &Self::Of<Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut Self::Of<Tensor<E>>,
    ) -> Tensor<E>;

    /// The rest of a step by hand, from a [B, A]: the next state, and what the backward step needs.
    fn forward<E: Element>(
        params: &Self::Of<Tensor<E>>,
        a: &Tensor<E>,
        state: &StateOf<Self, Tensor<E>>,
    ) -> (StateOf<Self, Tensor<E>>, Self::Saved<E>);

    /// One step backwards by hand.
    ///
    /// Takes ∂L/∂(next state), adds this step's share to the gradients of the parameters, and returns
    /// ∂L/∂a and ∂L/∂(state before the step).
    fn backward<E: Element>(
        params: &Self::Of<Tensor<E>>,
        step: Step<'_, Self, E>,
        d_next: &StateOf<Self, Tensor<E>>,
        grads: &mut Self::Of<Tensor<E>>,
    ) -> (Tensor<E>, StateOf<Self, Tensor<E>>);
}

/// What happened at one step: all that a backward step looks at.
pub struct Step<'a, C: Cell, E: Element> {
    /// The state before the step.
    pub state: &'a StateOf<C, Tensor<E>>,
    /// What the forward step kept.
    pub saved: &'a C::Saved<E>,
}

/// The way back through y = x Wᵀ + b, where the same W and b may be used again and again:
///
/// ```text
/// dW += dyᵀ x        db += Σ dy over the rows        dx = dy W
/// ```
///
/// The `+=` is what makes it backpropagation *through time*: one matrix, used at every step.
pub fn affine_backward<E: Element>(
    w: &Tensor<E>,
    x: &Tensor<E>,
    dy: &Tensor<E>,
    dw: &mut Tensor<E>,
    db: &mut Tensor<E>,
) -> Tensor<E> {
    dw.add_matmul(dy.t(), x);
    *db = &*db + dy.sum_over(&[0]);
    dy.matmul(w)
}

/// The four parameters that a cell with `gates` blocks of rows has in PyTorch, in PyTorch's order.
pub(crate) fn init_params<E: Element>(
    gates: usize,
    input_size: usize,
    hidden_size: usize,
    rng: &mut impl Rng,
) -> [Tensor<E>; 4] {
    let bound = 1.0 / (hidden_size as f64).sqrt();
    let rows = gates * hidden_size;
    let shapes: [&[usize]; 4] = [&[rows, input_size], &[rows, hidden_size], &[rows], &[rows]];
    shapes.map(|shape| autograd::init::uniform(shape, bound, rng))
}
