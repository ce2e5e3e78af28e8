//! What a recurrent cell is: a step on the tape, and the same step by hand, forward and backward.
//!
//! ```text
//! h_t = f(x_t, h_{t−1})        the same f, with the same parameters, at every step
//! ```
//!
//! A cell is named by its family: [`Gru`](crate::Gru) is the cell, `Gru<Tensor<f32>>` its parameters,
//! `Gru<Var>` their places on a tape, and `Gru<Tensor<f32>>` again their gradients.
//!
//! Whoever implements [`Cell`] gets layers, unrolling, backpropagation through time, models and
//! the gradient checks. The equations on the tape are enough: [`by_tape!`](crate::by_tape!) derives the rest of the
//! trait from them.

use std::fmt::Debug;
use std::sync::Arc;

use autograd::{Element, Family, Params, Tensor, Var, params};
use rand::Rng;

/// The state of cell C with leaf L: h, or h and c.
pub type StateOf<C, L> = <<C as Cell>::State as Family>::Of<L>;

/// What a run of cell C over a sequence gives: h_t of all steps, and the last state.
pub type Run<C, L> = (L, StateOf<C, L>);

/// What goes from step to step: one or more tensors [B, ·], the first thing of which the rest of the network
/// sees.
pub trait State: Family<Of<()>: Send + Sync> {
    /// The state before the first step, if there is no other.
    fn zeros<E: Element>(batch: usize, sizes: Sizes) -> Self::Of<Tensor<E>>;

    /// The part of the state that the rest of the network sees: h.
    fn output<L>(state: &Self::Of<L>) -> &L;

    /// The same, to change.
    fn output_mut<L>(state: &mut Self::Of<L>) -> &mut L;
}

/// A state that is only a hidden vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden<L = ()> {
    /// The hidden state, [B, H].
    pub h: L,
}

params!(Hidden { h: "h" });

impl State for Hidden {
    fn zeros<E: Element>(batch: usize, sizes: Sizes) -> Hidden<Tensor<E>> {
        Hidden { h: Tensor::zeros(&[batch, sizes.output]) }
    }

    fn output<L>(state: &Hidden<L>) -> &L {
        &state.h
    }

    fn output_mut<L>(state: &mut Hidden<L>) -> &mut L {
        &mut state.h
    }
}

/// x_t for every step and row of a sequence: rows, or ids of rows.
///
/// ```text
/// Rows      x = rows                       [T·B, I]
/// Table     x = table[ids]                 one of V rows for each of T·B ids: an embedding
/// OneHot    x = onehot(ids)                V = I: then W_ih x is a column of W_ih
/// ```
///
/// With ids, W_ih is multiplied with the V rows of the table and not with the T·B of the sequence, or with nothing.
#[derive(Clone, Debug)]
pub enum Inputs<L> {
    /// The rows, [T·B, I].
    Rows(L),
    /// Rows of a table.
    Table {
        /// The table, [V, I].
        table: L,
        /// T·B ids below V.
        ids: Arc<[usize]>,
    },
    /// Vectors of zeros with a one.
    OneHot {
        /// T·B ids below I.
        ids: Arc<[usize]>,
    },
}

impl<L> Inputs<L> {
    /// The tensor of numbers, if there is one.
    pub fn numbers(&self) -> Option<&L> {
        match self {
            Self::Rows(numbers) | Self::Table { table: numbers, .. } => Some(numbers),
            Self::OneHot { .. } => None,
        }
    }

    /// The same with other numbers.
    pub fn map<M>(&self, f: impl FnOnce(&L) -> M) -> Inputs<M> {
        match self {
            Self::Rows(rows) => Inputs::Rows(f(rows)),
            Self::Table { table, ids } => Inputs::Table { table: f(table), ids: ids.clone() },
            Self::OneHot { ids } => Inputs::OneHot { ids: ids.clone() },
        }
    }
}

/// What stands for symbols that are known beforehand.
#[derive(Clone, Copy, Debug)]
pub enum Symbols<'a, E: Element> {
    /// Rows of a table [V, I].
    Table(&'a Tensor<E>),
    /// Vectors of V = I numbers with a one.
    OneHot,
}

/// A cell prepared for many single steps, and its state.
pub trait Stepping<E: Element>: Send {
    /// A step from the inputs x [B, I], if it was prepared for rows.
    fn step(&mut self, xs: &[E]);

    /// A step from B symbols, if it was prepared for those.
    fn step_ids(&mut self, ids: &[usize]);

    /// The tensors of the state [B, ·], h first.
    fn state(&self) -> &[Tensor<E>];

    /// The same, to replace: also by those of another number of rows.
    fn state_mut(&mut self) -> &mut [Tensor<E>];
}

/// How many numbers go in, are kept, and come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The features of an input, I.
    pub input: usize,
    /// The units, H.
    pub hidden: usize,
    /// The features of an output: H, or less where a cell projects its output.
    pub output: usize,
}

/// A recurrent cell. Shapes: x [B, I], h [B, H].
pub trait Cell: Family<Of<()>: Send + Sync> {
    /// The name on a command line and in a checkpoint.
    const NAME: &'static str;

    /// Whether a product of the step reads h. Where none does, as in the minimal cells, there are no recurrent connections
    /// that dropout could cut.
    const MULTIPLIES_H: bool = true;

    /// What can be chosen beside the sizes: whether there are biases, for example.
    type Options: Clone + Debug + Default + PartialEq + Send + Sync;

    /// The state that goes from step to step.
    type State: State;

    /// What a step by hand keeps for its backward step: gate values, mostly.
    type Saved<E: Element>: Send + Sync;

    /// Parameters for I inputs and H units, drawn as PyTorch does: uniform on ±1/√H.
    fn init_with<E: Element>(
        options: &Self::Options,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Self::Of<Tensor<E>>;

    /// The same with the default options.
    fn init<E: Element>(
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Self::Of<Tensor<E>> {
        Self::init_with(&Self::Options::default(), input_size, hidden_size, rng)
    }

    /// The sizes that these parameters are for.
    fn sizes<E: Element>(params: &Self::Of<Tensor<E>>) -> Sizes;

    /// The state before the first step, if there is no other: zeros.
    fn zero_state<E: Element>(
        params: &Self::Of<Tensor<E>>,
        batch: usize,
    ) -> StateOf<Self, Tensor<E>> {
        Self::State::zeros(batch, Self::sizes(params))
    }

    /// The part of the state that the rest of the network sees: h.
    fn output<L>(state: &StateOf<Self, L>) -> &L {
        Self::State::output(state)
    }

    /// The same, to change.
    fn output_mut<L>(state: &mut StateOf<Self, L>) -> &mut L {
        Self::State::output_mut(state)
    }

    /// A whole sequence as one op on the tape, as fast as the cell can: h_t for T·B inputs, step after step, and
    /// the last state; from the last step to the first if `reverse`. None if the cell has no faster way.
    fn fused<'t, E: Element>(
        _params: &Self::Of<Var<'t, E>>,
        _xs: &Inputs<Var<'t, E>>,
        _initial: &StateOf<Self, Var<'t, E>>,
        _reverse: bool,
    ) -> Option<Run<Self, Var<'t, E>>> {
        None
    }

    /// The same without a tape and with nothing kept: what evaluation needs.
    fn fused_run<E: Element>(
        _params: &Self::Of<Tensor<E>>,
        _rows: &Tensor<E>,
        _initial: &StateOf<Self, Tensor<E>>,
        _reverse: bool,
    ) -> Option<Run<Self, Tensor<E>>> {
        None
    }

    /// Steps without a tape, one after the other, with the weights prepared once; the first layer of a model reads
    /// symbols. None if the cell has no such way.
    fn stepping<E: Element>(
        _params: &Self::Of<Tensor<E>>,
        _symbols: Option<Symbols<'_, E>>,
    ) -> Option<Box<dyn Stepping<E>>> {
        None
    }

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

    /// The gates in what a step kept, by name, each [B, ·] between 0 and 1: what histograms look at. None, for
    /// a cell that does not name them.
    fn gates<E: Element>(_saved: &Self::Saved<E>) -> Vec<(String, &Tensor<E>)> {
        Vec::new()
    }

    /// How many bytes a step keeps for its way back, with B rows, beside the states themselves: what a memory budget
    /// is divided by. For a cell that does not say, all those on the tape of one step: an upper bound.
    fn saved_bytes<E: Element>(params: &Self::Of<Tensor<E>>, batch: usize) -> usize {
        crate::by_tape::bytes::<Self, E>(params, batch)
    }

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

    /// [`step`](Self::step) with dropout on the recurrent connections: the products read `read`, which is the state
    /// with h dropped in part, and only what goes on without a product is taken from `state`.
    ///
    /// By default all that a step does with h is to multiply it, as in a vanilla cell or an LSTM. A cell that also
    /// hands h on, as a GRU does, says which is which: otherwise it would be scaled up again at every step.
    fn step_reading<'t, E: Element>(
        params: &Self::Of<Var<'t, E>>,
        x: Var<'t, E>,
        state: &StateOf<Self, Var<'t, E>>,
        read: &StateOf<Self, Var<'t, E>>,
    ) -> StateOf<Self, Var<'t, E>> {
        let _ = state;
        Self::step(params, x, read)
    }

    /// [`forward`](Self::forward) with dropout on the recurrent connections.
    fn forward_reading<E: Element>(
        params: &Self::Of<Tensor<E>>,
        a: &Tensor<E>,
        state: &StateOf<Self, Tensor<E>>,
        read: &StateOf<Self, Tensor<E>>,
    ) -> (StateOf<Self, Tensor<E>>, Self::Saved<E>) {
        let _ = state;
        Self::forward(params, a, read)
    }

    /// The way back through [`forward_reading`](Self::forward_reading): ∂L/∂a, and [∂L/∂state, ∂L/∂read].
    fn backward_reading<E: Element>(
        params: &Self::Of<Tensor<E>>,
        step: Step<'_, Self, E>,
        read: &StateOf<Self, Tensor<E>>,
        d_next: &StateOf<Self, Tensor<E>>,
        grads: &mut Self::Of<Tensor<E>>,
    ) -> (Tensor<E>, [StateOf<Self, Tensor<E>>; 2]) {
        let Step { state, saved } = step;
        let (da, d_read) = Self::backward(params, Step { state: read, saved }, d_next, grads);
        (da, [state.zeros_like(), d_read])
    }
}

/// What happened at one step: all that a backward step looks at.
pub struct Step<'a, C: Cell, E: Element> {
    /// The state before the step.
    pub state: &'a StateOf<C, Tensor<E>>,
    /// What the forward step kept.
    pub saved: &'a C::Saved<E>,
}

/// Whether a cell has biases: the only option of most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Biased {
    /// Both biases, as PyTorch has them, or none.
    pub bias: bool,
}

impl Default for Biased {
    fn default() -> Self {
        Self { bias: true }
    }
}

/// The struct of `like` with the next leaves of a list.
pub(crate) fn collect<P: Params, L>(
    like: &P,
    leaves: &mut impl Iterator<Item = L>,
) -> <P::Family as Family>::Of<L> {
    like.map(|_| leaves.next().expect("as many tensors as the struct has"))
}

/// The bytes of a tensor of so many elements: those, the tensor itself, and what keeps count of its users.
pub fn tensor_bytes<E: Element>(elements: usize) -> usize {
    size_of::<Tensor<E>>()
        + size_of::<Vec<E>>()
        + 2 * size_of::<usize>()
        + elements * size_of::<E>()
}

/// y = x Wᵀ + b on a tape; b may be absent.
#[track_caller]
pub fn affine_on_tape<'t, E: Element>(
    w: Var<'t, E>,
    x: Var<'t, E>,
    b: Option<Var<'t, E>>,
) -> Var<'t, E> {
    let y = x.matmul(w.t());
    match b {
        Some(b) => y + b,
        None => y,
    }
}

/// y = x Wᵀ + b; b may be absent.
#[track_caller]
pub fn affine<E: Element>(w: &Tensor<E>, x: &Tensor<E>, b: Option<&Tensor<E>>) -> Tensor<E> {
    let y = x.matmul(w.t());
    match b {
        Some(b) => y + b,
        None => y,
    }
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
    db: Option<&mut Tensor<E>>,
) -> Tensor<E> {
    dw.add_matmul(dy.t(), x);
    if let Some(db) = db {
        *db = &*db + dy.sum_over(&[0]);
    }
    dy.matmul(w)
}

/// The weights and biases that a cell with `gates` blocks of rows has in PyTorch, drawn in PyTorch's order:
/// `[w_ih, w_hh]` and `[b_ih, b_hh]`.
pub fn init_params<E: Element>(
    gates: usize,
    options: Biased,
    [input_size, hidden_size]: [usize; 2],
    rng: &mut impl Rng,
) -> ([Tensor<E>; 2], [Option<Tensor<E>>; 2]) {
    let bound = 1.0 / (hidden_size as f64).sqrt();
    let rows = gates * hidden_size;
    let mut draw = |shape: &[usize]| autograd::init::uniform(shape, bound, rng);
    let weights = [draw(&[rows, input_size]), draw(&[rows, hidden_size])];
    (weights, [(); 2].map(|()| options.bias.then(|| draw(&[rows]))))
}
