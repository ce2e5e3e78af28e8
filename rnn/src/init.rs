//! How a cell starts, where PyTorch's uniform ±1/√H is not what is wanted.
//!
//! ```text
//! recurrent      W_hh, the block of each gate on its own: orthogonal, identity, Xavier, Kaiming
//! inputs         W_ih, the same
//! keep_bias      the gate that keeps the state starts open: b = 1, for example
//! chrono         the gate that keeps the state remembers for 2 to T_max steps: b ~ ln U(1, T_max − 1)
//! ```
//!
//! Each is applied to parameters that exist, one after another in any order, and leaves all others as they are.
//!
//! A gate has two biases, whose sum is what matters. Here b_ih gets the number, and b_hh gets 0 in the same place, so
//! that the sum is the number exactly. (Setting both, as is often done with PyTorch, gives twice as much.)
//!
//! Which gate keeps the state, and how:
//!
//! ```text
//! Lstm, LstmVariant            f keeps, i takes: the opposite number      coupled: 1 − i keeps, −b for i
//! Gru, GruResetBefore          z keeps
//! MinGru                       z takes: −b
//! MinLstm                      f keeps, i takes
//! ```

use autograd::{Element, Tensor, init};
use rand::Rng;

use crate::cell::Cell;
use crate::{Gru, GruResetBefore, Lstm, LstmVariant, MinGru, MinLstm, Vanilla};

/// How the block of a matrix starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Block {
    /// As [`init::orthogonal`].
    Orthogonal {
        /// The length of its rows.
        gain: f64,
    },
    /// As [`init::identity`].
    Identity {
        /// The numbers on the diagonal.
        gain: f64,
    },
    /// As [`init::xavier_uniform`], with the fans of the block, not of the whole matrix.
    XavierUniform {
        /// A factor.
        gain: f64,
    },
    /// As [`init::kaiming_uniform`], with the fans of the block.
    KaimingUniform {
        /// A factor.
        gain: f64,
    },
}

/// Why a cell cannot start in this way.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// There is no bias to set.
    #[error("{cell}: these parameters have no bias_ih to set; make them with biases")]
    NoBias {
        /// The cell.
        cell: &'static str,
    },
    /// No gate keeps the state.
    #[error("{cell}: this cell has no gate that keeps its state; choose a cell with gates")]
    NoGate {
        /// The cell.
        cell: &'static str,
    },
    /// There is no matrix from state to gates.
    #[error("{cell}: this cell has no weight_hh; only its inputs can be chosen")]
    NoRecurrent {
        /// The cell.
        cell: &'static str,
    },
    /// A horizon that no memory has.
    #[error(
        "chrono: T_max is {t_max}, and must be finite and at least 2, since memories last 2 to T_max steps"
    )]
    Horizon {
        /// The longest dependency, in steps.
        t_max: f64,
    },
}

/// The tensors that a cell has of those in every cell.
pub struct Parts<'a, L> {
    /// W_ih.
    pub w_ih: &'a mut L,
    /// W_hh, if the gates see the state.
    pub w_hh: Option<&'a mut L>,
    /// b_ih.
    pub b_ih: Option<&'a mut L>,
    /// b_hh.
    pub b_hh: Option<&'a mut L>,
}

/// A cell whose tensors hold a block of rows for each gate.
pub trait Gated: Cell {
    /// The number of blocks.
    fn blocks<L>(params: &Self::Of<L>) -> usize;

    /// The blocks that decide how long the state is kept, the most important first, each with 1 if it keeps when it is
    /// open and −1 if it takes.
    fn memory<L>(params: &Self::Of<L>) -> &'static [(usize, f64)];

    /// The tensors, to change.
    fn parts<L>(params: &mut Self::Of<L>) -> Parts<'_, L>;
}

/// Sets W_hh, the block of each gate on its own.
///
/// # Errors
///
/// If the cell has no W_hh.
///
/// ```
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use rnn::{Cell, Lstm, init};
///
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let mut lstm = Lstm::init::<f32>(3, 4, &mut rng);
/// init::recurrent::<Lstm, f32>(&mut lstm, init::Block::Orthogonal { gain: 1.0 }, &mut rng)?;
/// init::keep_bias::<Lstm, f32>(&mut lstm, 1.0)?;
/// assert_eq!(lstm.b_ih.unwrap().data()[4..8], [1.0; 4]); // the rows of f
/// # Ok::<(), init::InitError>(())
/// ```
pub fn recurrent<C: Gated, E: Element>(
    params: &mut C::Of<Tensor<E>>,
    block: Block,
    rng: &mut impl Rng,
) -> Result<(), InitError> {
    let blocks = C::blocks(params);
    let w_hh = C::parts(params).w_hh.ok_or(InitError::NoRecurrent { cell: C::NAME })?;
    set_blocks(w_hh, blocks, block, rng);
    Ok(())
}

/// Sets W_ih, the block of each gate on its own.
pub fn inputs<C: Gated, E: Element>(
    params: &mut C::Of<Tensor<E>>,
    block: Block,
    rng: &mut impl Rng,
) {
    let blocks = C::blocks(params);
    set_blocks(C::parts(params).w_ih, blocks, block, rng);
}

fn set_blocks<E: Element>(w: &mut Tensor<E>, blocks: usize, block: Block, rng: &mut impl Rng) {
    let shape = [w.shape()[0] / blocks, w.shape()[1]];
    let mut draw = || match block {
        Block::Orthogonal { gain } => init::orthogonal(&shape, gain, rng),
        Block::Identity { gain } => init::identity(&shape, gain),
        Block::XavierUniform { gain } => init::xavier_uniform(&shape, gain, rng),
        Block::KaimingUniform { gain } => init::kaiming_uniform(&shape, gain, rng),
    };
    let drawn: Vec<Tensor<E>> = (0..blocks).map(|_| draw()).collect();
    *w = Tensor::concat(&drawn.iter().collect::<Vec<_>>(), 0);
}

/// Sets the bias of the gate that keeps the state: f of an LSTM to `bias`, z of a GRU; where the gate takes instead, to
/// −`bias`. Only one gate is set.
///
/// Source: Gers, Schmidhuber and Cummins 2000; with 1 Jozefowicz et al. 2015, "An Empirical Exploration of
/// Recurrent Network Architectures".
///
/// # Errors
///
/// If the cell has no such gate, or no biases.
pub fn keep_bias<C: Gated, E: Element>(
    params: &mut C::Of<Tensor<E>>,
    bias: f64,
) -> Result<(), InitError> {
    let first = C::memory(params).first().ok_or(InitError::NoGate { cell: C::NAME })?;
    set_biases::<C, E>(params, std::slice::from_ref(first), |_| bias)
}

/// Sets the biases of the gates that keep and take the state so that it lasts for 2 to `t_max` steps, differently for each
/// unit.
///
/// ```text
/// b_f ~ ln U(1, T_max − 1)        b_i = −b_f
/// ```
///
/// A gate that stays at σ(b) keeps a share of 1 − 1/τ in a step with τ = 1 + eᵇ, and so the state for about τ steps.
///
/// Source: Tallec and Ollivier 2018, arXiv 1804.11188, "Can Recurrent Neural Networks Warp Time?", equation 14.
///
/// # Errors
///
/// If the cell has no such gate, or no biases, or `t_max` is less than 2.
pub fn chrono<C: Gated, E: Element>(
    params: &mut C::Of<Tensor<E>>,
    t_max: f64,
    rng: &mut impl Rng,
) -> Result<(), InitError> {
    if !(2.0..f64::INFINITY).contains(&t_max) {
        return Err(InitError::Horizon { t_max });
    }
    let gates = C::memory(params);
    if gates.is_empty() {
        return Err(InitError::NoGate { cell: C::NAME });
    }
    let units = C::sizes(params).hidden;
    let biases: Vec<f64> =
        (0..units).map(|_| (1.0 + (t_max - 2.0) * init::unit(rng)).ln()).collect();
    set_biases::<C, E>(params, gates, |unit| biases[unit])
}

/// b_ih = ± the number of each unit in the rows of these gates, and b_hh = 0.
fn set_biases<C: Gated, E: Element>(
    params: &mut C::Of<Tensor<E>>,
    gates: &[(usize, f64)],
    bias: impl Fn(usize) -> f64,
) -> Result<(), InitError> {
    let units = C::sizes(params).hidden;
    let Parts { b_ih, b_hh, .. } = C::parts(params);
    let b_ih = b_ih.ok_or(InitError::NoBias { cell: C::NAME })?.data_mut();
    for &(block, sign) in gates {
        for (unit, b) in b_ih[block * units..][..units].iter_mut().enumerate() {
            *b = E::from_f64(sign * bias(unit));
        }
    }
    if let Some(b_hh) = b_hh {
        for &(block, _) in gates {
            b_hh.data_mut()[block * units..][..units].fill(E::ZERO);
        }
    }
    Ok(())
}

/// A cell with both matrices and both biases: how many blocks it has, and which keep the state.
macro_rules! gated {
    ($($cell:ident: |$params:ident| $blocks:expr, $memory:expr;)*) => { $(
        impl Gated for $cell {
            fn blocks<L>($params: &$cell<L>) -> usize {
                $blocks
            }

            fn memory<L>($params: &$cell<L>) -> &'static [(usize, f64)] {
                $memory
            }

            fn parts<L>(params: &mut $cell<L>) -> Parts<'_, L> {
                let $cell { w_ih, w_hh, b_ih, b_hh, .. } = params;
                Parts { w_ih, w_hh: Some(w_hh), b_ih: b_ih.as_mut(), b_hh: b_hh.as_mut() }
            }
        }
    )* };
}

gated! {
    Vanilla: |_params| 1, &[];
    Gru: |_params| 3, &[(1, 1.0)];
    GruResetBefore: |_params| 3, &[(1, 1.0)];
    Lstm: |_params| 4, &[(1, 1.0), (0, -1.0)];
    LstmVariant:
        |params| if params.settings.coupled { 3 } else { 4 },
        if params.settings.coupled { &[(0, -1.0)] } else { &[(1, 1.0), (0, -1.0)] };
}

/// A minimal cell: no matrix for the state, one bias.
macro_rules! gated_by_input {
    ($($cell:ident: $blocks:expr, $memory:expr;)*) => { $(
        impl Gated for $cell {
            fn blocks<L>(_: &$cell<L>) -> usize {
                $blocks
            }

            fn memory<L>(_: &$cell<L>) -> &'static [(usize, f64)] {
                $memory
            }

            fn parts<L>(params: &mut $cell<L>) -> Parts<'_, L> {
                let $cell { w_ih, b_ih, .. } = params;
                Parts { w_ih, w_hh: None, b_ih: b_ih.as_mut(), b_hh: None }
            }
        }
    )* };
}

gated_by_input! {
    MinGru: 2, &[(0, -1.0)];
    MinLstm: 3, &[(1, 1.0), (0, -1.0)];
}
