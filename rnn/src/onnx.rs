//! Weights in the layout of ONNX's operators RNN, GRU and LSTM, to and from cells.
//!
//! ```text
//! W  [D, G·H, I]      our W_ih of each direction                  rows in ONNX's order
//! R  [D, G·H, H]      our W_hh                                    the same order
//! B  [D, 2·G·H]       our b_ih, then b_hh                         the same order; may be absent
//! P  [D, 3·H]         the peepholes p_i, p_o, p_f of an LSTM      may be absent
//!
//!                                    ONNX's rows       ours
//! RNN                                i                 h
//! GRU, linear_before_reset = 1       z r h             r z n     Gru
//! GRU, linear_before_reset = 0       z r h             r z n     GruResetBefore
//! LSTM                               i o f c           i f g o   Lstm; with P or input_forget LstmVariant
//! LSTM, input_forget = 1             i o f c           i g o     the rows of f and p_f are not used
//! ```
//!
//! The forward direction comes first. A struct of gradients goes through [`export`](Onnx::export) like one of parameters:
//! ONNX's gradients come out.
//!
//! Source: ONNX operator documents, RNN, GRU and LSTM of version 14 and 22; input_forget as ONNX Runtime does it, f = 1 − i.
//! Absent: the attribute `clip`, other activations than the default ones and relu, and `layout` = 1. Reading a model's file is
//! not the subject: any ONNX library has the tensors. [`check_attribute`](Onnx::check_attribute) says of each attribute in
//! it whether the imported cell computes the same.
//!
//! Two things are called clip. That of ONNX Runtime bounds the sum under the activation of each gate and candidate, as in
//! i = σ(min(max(u, −clip), clip)); the memory c′ may grow, and tanh(c′) reads it as it is. That of [`LstmVariant`] bounds c′
//! and no other sum.

use autograd::{Element, Params, Tensor};

use crate::cell::Cell;
use crate::lstm_variant::Settings;
use crate::{Gru, GruResetBefore, Lstm, LstmVariant, Nonlinearity, Vanilla};

/// The weights of one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxWeights<E: Element> {
    /// [D, G·H, I].
    pub w: Tensor<E>,
    /// [D, G·H, H].
    pub r: Tensor<E>,
    /// [D, 2·G·H].
    pub b: Option<Tensor<E>>,
    /// [D, 3·H], p_i, p_o, p_f.
    pub p: Option<Tensor<E>>,
}

/// Why weights do not go from one layout to the other.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A tensor of another shape than the others ask for.
    #[error(
        "{operator}: {tensor} has the shape {shape:?}, and must have {wanted:?} beside the other tensors"
    )]
    Shape {
        /// ONNX's operator.
        operator: &'static str,
        /// The tensor.
        tensor: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// The shape that it must have.
        wanted: Vec<usize>,
    },
    /// W or R without three axes, or with rows that are not G blocks.
    #[error(
        "{operator}: W {w:?} and R {r:?} must be [D, {gates}·H, I] and [D, {gates}·H, H] with D 1 or 2"
    )]
    Weights {
        /// ONNX's operator.
        operator: &'static str,
        /// G.
        gates: usize,
        /// The shape of W.
        w: Vec<usize>,
        /// The shape of R.
        r: Vec<usize>,
    },
    /// Peepholes for a cell that has none.
    #[error(
        "{operator}: P {shape:?} holds peepholes, which {cell} does not have; import an LstmVariant"
    )]
    Peepholes {
        /// ONNX's operator.
        operator: &'static str,
        /// The cell.
        cell: &'static str,
        /// The shape of P.
        shape: Vec<usize>,
    },
    /// An attribute of the operator that no cell follows.
    #[error("{operator}: the attribute `{attribute}` cannot be imported: {why}")]
    Attribute {
        /// ONNX's operator.
        operator: &'static str,
        /// The attribute.
        attribute: String,
        /// Why not.
        why: &'static str,
    },
    /// An option of the cell that the operator does not know.
    #[error("{operator}: {what} cannot be said in ONNX's layout; export a cell without")]
    Unsupported {
        /// ONNX's operator.
        operator: &'static str,
        /// The option.
        what: &'static str,
    },
    /// No direction, or more than two, or two that differ in shapes.
    #[error(
        "{operator}: {first:?} and {other:?} cannot be the directions of one operator; it has one direction or two of the same shapes"
    )]
    Directions {
        /// ONNX's operator.
        operator: &'static str,
        /// The shapes of the first direction's parameters.
        first: Vec<Vec<usize>>,
        /// Those of another one.
        other: Vec<Vec<usize>>,
    },
}

/// A cell that one of ONNX's operators computes.
pub trait Onnx: Cell {
    /// The operator.
    const OPERATOR: &'static str;

    /// The number G of blocks of rows.
    const GATES: usize;

    /// Whether the cell has a place for P.
    const PEEPHOLES: bool = false;

    /// What the operator says in attributes and not in tensors.
    type Attributes: Copy;

    /// Whether the cell computes what an operator with an attribute of this name computes. Whoever reads a model's
    /// file asks it for each attribute there; `linear_before_reset` chooses the cell, `input_forget` and `activations` are
    /// the [`Attributes`](Self::Attributes), and `direction`, `hidden_size` and `layout` leave the weights as they are.
    ///
    /// # Errors
    ///
    /// For `clip`, for parameters of activations, and for a name that the operator does not have.
    ///
    /// ```
    /// use rnn::Lstm;
    /// use rnn::onnx::Onnx;
    ///
    /// assert!(Lstm::check_attribute("direction").is_ok());
    /// let error = Lstm::check_attribute("clip").unwrap_err();
    /// assert!(error.to_string().starts_with("LSTM: the attribute `clip` cannot be imported"));
    /// ```
    fn check_attribute(name: &str) -> Result<(), OnnxError> {
        let why = match (name, Self::OPERATOR) {
            ("activations" | "direction" | "hidden_size" | "layout", _) => return Ok(()),
            ("linear_before_reset", "GRU") | ("input_forget", "LSTM") => return Ok(()),
            ("clip", _) => "it bounds the sums under the activations, which no cell here does",
            ("activation_alpha" | "activation_beta", _) => "no activation here has a parameter",
            _ => "the operator has none of that name",
        };
        let (operator, attribute) = (Self::OPERATOR, name.to_owned());
        Err(OnnxError::Attribute { operator, attribute, why })
    }

    /// ONNX's weights of one or two directions.
    ///
    /// # Errors
    ///
    /// If there are not one or two, their shapes differ, or the cell has an option that the operator does not have.
    fn export<E: Element>(directions: &[Self::Of<Tensor<E>>]) -> Result<OnnxWeights<E>, OnnxError> {
        let operator = Self::OPERATOR;
        let shapes = |params: &Self::Of<Tensor<E>>| -> Vec<Vec<usize>> {
            params.leaves().iter().map(|leaf| leaf.shape().to_vec()).collect()
        };
        let first = directions.first().map(shapes).unwrap_or_default();
        let unlike = directions.iter().map(shapes).find(|other| *other != first);
        match (directions.len(), unlike) {
            (1 | 2, None) => {}
            (_, other) => {
                let other = other.unwrap_or_default();
                return Err(OnnxError::Directions { operator, first, other });
            }
        }
        let each = directions.iter().map(Self::export_one).collect::<Result<Vec<_>, _>>()?;
        let stack = |part: fn(&OnnxWeights<E>) -> Option<&Tensor<E>>| {
            let parts: Vec<_> = each.iter().filter_map(|weights| part(weights).cloned()).collect();
            (!parts.is_empty()).then(|| Tensor::stack(&parts))
        };
        let [w, r] = [stack(|x| Some(&x.w)), stack(|x| Some(&x.r))];
        let (b, p) = (stack(|x| x.b.as_ref()), stack(|x| x.p.as_ref()));
        let every = "each direction has it";
        Ok(OnnxWeights { w: w.expect(every), r: r.expect(every), b, p })
    }

    /// The parameters of each direction.
    ///
    /// # Errors
    ///
    /// If the shapes do not fit together, or there are peepholes and the cell has none.
    fn import<E: Element>(
        weights: &OnnxWeights<E>,
        attributes: Self::Attributes,
    ) -> Result<Vec<Self::Of<Tensor<E>>>, OnnxError> {
        let directions = validate::<Self, E>(weights)?;
        let one = |d| {
            let entry = |x: &Tensor<E>| x.entry(d);
            let OnnxWeights { w, r, b, p } = weights;
            let (b, p) = (b.as_ref().map(entry), p.as_ref().map(entry));
            Self::import_one(OnnxWeights { w: entry(w), r: entry(r), b, p }, attributes)
        };
        (0..directions).map(one).collect()
    }

    /// The same for one direction, without the axis D.
    #[doc(hidden)]
    fn export_one<E: Element>(params: &Self::Of<Tensor<E>>) -> Result<OnnxWeights<E>, OnnxError>;

    /// The same for one direction, without the axis D; the shapes are known to fit.
    #[doc(hidden)]
    fn import_one<E: Element>(
        weights: OnnxWeights<E>,
        attributes: Self::Attributes,
    ) -> Result<Self::Of<Tensor<E>>, OnnxError>;
}

/// D, if the shapes fit together.
fn validate<C: Onnx, E: Element>(weights: &OnnxWeights<E>) -> Result<usize, OnnxError> {
    let (operator, gates) = (C::OPERATOR, C::GATES);
    let (w, r) = (weights.w.shape(), weights.r.shape());
    let (&[directions @ 1..=2, rows, _], &[r_directions, r_rows, units]) = (w, r) else {
        return Err(OnnxError::Weights { operator, gates, w: w.to_vec(), r: r.to_vec() });
    };
    if (r_directions, r_rows) != (directions, rows) || rows != gates * units {
        return Err(OnnxError::Weights { operator, gates, w: w.to_vec(), r: r.to_vec() });
    }
    let (b, p) = (weights.b.as_ref(), weights.p.as_ref());
    if let Some(p) = p.filter(|_| !C::PEEPHOLES) {
        let (cell, shape) = (C::NAME, p.shape().to_vec());
        return Err(OnnxError::Peepholes { operator, cell, shape });
    }
    for (tensor, given, length) in [("B", b, 2 * rows), ("P", p, 3 * units)] {
        let wanted = [directions, length];
        if let Some(given) = given.filter(|given| given.shape() != wanted) {
            let (shape, wanted) = (given.shape().to_vec(), wanted.to_vec());
            return Err(OnnxError::Shape { operator, tensor, shape, wanted });
        }
    }
    Ok(directions)
}

/// The blocks of rows of a tensor in another order: block k of the result is block `order[k]`, or zeros.
fn reorder<E: Element>(x: &Tensor<E>, blocks: usize, order: &[Option<usize>]) -> Tensor<E> {
    let rows = x.shape()[0] / blocks;
    let block = |k: &Option<usize>| match *k {
        Some(k) => x.slice(0, k * rows, (k + 1) * rows),
        None => Tensor::zeros(&[&[rows], &x.shape()[1..]].concat()),
    };
    let picked: Vec<_> = order.iter().map(block).collect();
    Tensor::concat(&picked.iter().collect::<Vec<_>>(), 0)
}

/// W_ih, W_hh, b_ih and b_hh of one direction.
type Tensors<E> = (Tensor<E>, Tensor<E>, Option<Tensor<E>>, Option<Tensor<E>>);

/// To ONNX's order: its block k is our block `order[k]`, or nothing of ours.
fn export_rows<E: Element>(
    [w_ih, w_hh]: [&Tensor<E>; 2],
    [b_ih, b_hh]: [&Option<Tensor<E>>; 2],
    order: &[Option<usize>],
) -> OnnxWeights<E> {
    let ours = order.iter().flatten().count();
    let rows = |x: &Tensor<E>| reorder(x, ours, order);
    let b = match (b_ih, b_hh) {
        (Some(b_ih), Some(b_hh)) => Some(Tensor::concat(&[&rows(b_ih), &rows(b_hh)], 0)),
        _ => None,
    };
    OnnxWeights { w: rows(w_ih), r: rows(w_hh), b, p: None }
}

/// From ONNX's order: our block k is its block `order[k]`.
fn import_rows<E: Element>(weights: &OnnxWeights<E>, gates: usize, order: &[usize]) -> Tensors<E> {
    let order: Vec<_> = order.iter().copied().map(Some).collect();
    let rows = |x: &Tensor<E>| reorder(x, gates, &order);
    let halves = weights.b.as_ref().map(|b| b.chunk::<2>().map(|half| rows(&half)));
    let [b_ih, b_hh] = match halves {
        Some(halves) => halves.map(Some),
        None => [None, None],
    };
    (rows(&weights.w), rows(&weights.r), b_ih, b_hh)
}

/// A cell with the four tensors alone. `$to` is our block of each of ONNX's, `$from` ONNX's block of each of ours.
macro_rules! onnx {
    ($($cell:ident: $operator:literal, $to:expr, $from:expr;)*) => { $(
        impl Onnx for $cell {
            const OPERATOR: &'static str = $operator;
            const GATES: usize = $from.len();
            type Attributes = ();

            fn export_one<E: Element>(
                params: &$cell<Tensor<E>>,
            ) -> Result<OnnxWeights<E>, OnnxError> {
                let $cell { w_ih, w_hh, b_ih, b_hh } = params;
                Ok(export_rows([w_ih, w_hh], [b_ih, b_hh], &$to.map(Some)))
            }

            fn import_one<E: Element>(
                weights: OnnxWeights<E>,
                (): (),
            ) -> Result<$cell<Tensor<E>>, OnnxError> {
                let (w_ih, w_hh, b_ih, b_hh) = import_rows(&weights, Self::GATES, &$from);
                Ok($cell { w_ih, w_hh, b_ih, b_hh })
            }
        }
    )* };
}

onnx! {
    Gru: "GRU", [1, 0, 2], [1, 0, 2]; // z r h and r z n
    GruResetBefore: "GRU", [1, 0, 2], [1, 0, 2];
    Lstm: "LSTM", [0, 3, 1, 2], [0, 2, 3, 1]; // i o f c and i f g o
}

impl Onnx for Vanilla {
    const OPERATOR: &'static str = "RNN";
    const GATES: usize = 1;
    /// The attribute `activations`.
    type Attributes = Nonlinearity;

    fn export_one<E: Element>(params: &Vanilla<Tensor<E>>) -> Result<OnnxWeights<E>, OnnxError> {
        let Vanilla { w_ih, w_hh, b_ih, b_hh, .. } = params;
        Ok(export_rows([w_ih, w_hh], [b_ih, b_hh], &[Some(0)]))
    }

    fn import_one<E: Element>(
        weights: OnnxWeights<E>,
        nonlinearity: Nonlinearity,
    ) -> Result<Vanilla<Tensor<E>>, OnnxError> {
        let (w_ih, w_hh, b_ih, b_hh) = import_rows(&weights, 1, &[0]);
        Ok(Vanilla { w_ih, w_hh, b_ih, b_hh, nonlinearity })
    }
}

/// The attribute `input_forget` of ONNX's LSTM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputForget(pub bool);

impl Onnx for LstmVariant {
    const OPERATOR: &'static str = "LSTM";
    const GATES: usize = 4;
    const PEEPHOLES: bool = true;
    type Attributes = InputForget;

    fn export_one<E: Element>(
        params: &LstmVariant<Tensor<E>>,
    ) -> Result<OnnxWeights<E>, OnnxError> {
        let LstmVariant { w_ih, w_hh, b_ih, b_hh, w_hr, p_i, p_f, p_o, settings, .. } = params;
        let Settings { coupled, clip, layer_norm } = *settings;
        for (there, what) in [
            (w_hr.is_some(), "a projection (proj_size)"),
            (clip.is_some(), "clipping of the memory (clip)"),
            (layer_norm.is_some(), "layer norm (layer_norm)"),
        ] {
            if there {
                return Err(OnnxError::Unsupported { operator: Self::OPERATOR, what });
            }
        }
        let order = match coupled {
            false => [Some(0), Some(3), Some(1), Some(2)], // i o f c of i f g o
            true => [Some(0), Some(2), None, Some(1)],     // i o - c of i g o
        };
        let mut weights = export_rows([w_ih, w_hh], [b_ih, b_hh], &order);
        if let (Some(p_i), Some(p_o)) = (p_i, p_o) {
            let unused = Tensor::zeros(p_i.shape());
            weights.p = Some(Tensor::concat(&[p_i, p_o, p_f.as_ref().unwrap_or(&unused)], 0));
        }
        Ok(weights)
    }

    fn import_one<E: Element>(
        weights: OnnxWeights<E>,
        InputForget(coupled): InputForget,
    ) -> Result<LstmVariant<Tensor<E>>, OnnxError> {
        let from: &[usize] = if coupled { &[0, 3, 1] } else { &[0, 2, 3, 1] };
        let (w_ih, w_hh, b_ih, b_hh) = import_rows(&weights, 4, from);
        let [p_i, p_o, p_f] = match &weights.p {
            Some(p) => p.chunk().map(Some),
            None => [None, None, None],
        };
        Ok(LstmVariant {
            w_ih,
            w_hh,
            b_ih,
            b_hh,
            w_hr: None,
            p_i,
            p_f: p_f.filter(|_| !coupled),
            p_o,
            norm_ih: None,
            norm_hh: None,
            norm_c: None,
            shift_c: None,
            settings: Settings { coupled, ..Settings::default() },
        })
    }
}
