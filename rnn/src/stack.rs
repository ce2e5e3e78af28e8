//! Layers of cells: several above each other, in one direction or two.
//!
//! ```text
//! layer l     hs_l  = one direction of the cell over xs_l, or two merged: concat, sum, mean, product
//! next        xs_{l+1} = hs_l, in training with dropout
//! ```
//!
//! Shapes as in PyTorch: outputs [T, B, D·H] (or [T, B, H] if the directions are merged into one), states one a layer
//! and direction, forward before reverse, stacked [L·D, B, H]. The reverse direction reads each row from its own end,
//! and its output stands at the step that it read. Names as PyTorch's: `weight_ih_l0`, `weight_hh_l0_reverse`,
//! `bias_ih_l1`.
//!
//! A row of length 0 has no outputs, and its last state is its initial one; so have all if T = 0.

use autograd::params::Path;
use autograd::{Element, Family, Params, Tensor, Var};
use rand::Rng;

use crate::cell::{Cell, Sizes, State, StateOf};
use crate::explicit::unroll_as_one_op;
use crate::noise::{self, Noise, Within};
use crate::numbers::Numbers;
use crate::seq::{Layout, Seq};
use crate::unroll::{
    BpttRows, Passed, Trace, bptt_along, like, unroll_along, unroll_on_tape_along,
};
use crate::walk::Walk;

/// Layers of a cell: their parameters, or whatever stands in their place.
///
/// ```
/// use autograd::{Params, Tape, Tensor};
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use rnn::{Directions, Gru, Merge, Seq, Stack, StackOptions};
///
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let options = StackOptions {
///     layers: 2,
///     directions: Directions::Both(Merge::Concat),
///     dropout: 0.2,
///     ..StackOptions::new(3, 4) // I = 3, H = 4
/// };
/// let gru = Stack::<Gru>::init::<f64>(&options, &mut rng);
/// assert_eq!(gru.names()[4], "weight_ih_l0_reverse");
///
/// // On a tape: two rows of at most 7 steps.
/// let tape = Tape::new();
/// let vars = gru.map(|w| tape.leaf(w.clone()));
/// let xs = Seq::time_major(tape.constant(Tensor::ones(&[7, 2, 3]))).with_lengths(&[7, 5])?;
/// let noise = gru.noise(xs.seq_len(), xs.batch(), &mut rng); // training; without, evaluation
/// let out = vars.on_tape(&xs, None, Some(&noise));
/// assert_eq!(out.outputs.steps().shape(), [7, 2, 8]);
/// assert_eq!(out.h_n().shape(), [4, 2, 4]);
/// let on_tape = tape.backward(out.outputs.steps().sum());
///
/// // By hand: the same numbers, and all that happened.
/// let xs = xs.map_rows(|rows| rows.value());
/// let trace = gru.unroll(&xs, None, Some(&noise));
/// let back = gru.bptt(&trace, &trace.outputs.map_rows(|h| Tensor::ones(h.shape())), None);
/// assert_eq!(back.grads.cells[0].w_ih, on_tape.of(vars.cells[0].w_ih));
/// assert_eq!(back.delta_norms[0].len(), 7);
/// # Ok::<(), rnn::seq::SeqError>(())
/// ```
pub struct Stack<C: Cell, L = ()> {
    /// The parameters of each layer and direction: layer by layer, forward before reverse.
    pub cells: Vec<C::Of<L>>,
    /// What was chosen.
    pub options: StackOptions<C::Options>,
}

/// What can be chosen of a stack of a cell with the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct StackOptions<O> {
    /// The features of an input, I.
    pub input_size: usize,
    /// The units of each layer and direction, H.
    pub hidden_size: usize,
    /// The number of layers, L: at least one.
    pub layers: usize,
    /// One direction or two.
    pub directions: Directions,
    /// The probability, in training, that an output of a layer but the last is dropped.
    pub dropout: f64,
    /// The probability, in training, that an entry of h is dropped for the products of all steps.
    pub recurrent_dropout: f64,
    /// The probabilities, in training, that a step leaves an entry of the state as it was.
    pub zoneout: Zoneout,
    /// What can be chosen of the cell.
    pub cell: O,
    /// How the stack runs on a tape.
    pub engine: Engine,
}

impl<O: Default> StackOptions<O> {
    /// One layer, one direction, no noise, and the cell's default options.
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self {
            input_size,
            hidden_size,
            layers: 1,
            directions: Directions::Forward,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            zoneout: Zoneout::default(),
            cell: O::default(),
            engine: Engine::default(),
        }
    }
}

/// The probabilities of zoneout, each in [0, 1); none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zoneout {
    /// For the part of the state that the rest of the network sees.
    pub h: f64,
    /// For the others: the memory of an LSTM.
    pub c: f64,
}

/// In which direction a layer reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directions {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step to the first; each output stands at the step that was read.
    Reverse,
    /// Both, each with parameters of its own.
    Both(Merge),
}

impl Directions {
    /// Their number D.
    pub fn count(self) -> usize {
        match self {
            Self::Both(_) => 2,
            _ => 1,
        }
    }

    /// Whether direction `d`, below their number, is reverse.
    fn is_reverse(self, d: usize) -> bool {
        self == Self::Reverse || d == 1
    }

    /// The features that come out where each direction has so many.
    fn width(self, output: usize) -> usize {
        match self {
            Self::Both(Merge::Concat) => 2 * output,
            _ => output,
        }
    }
}

/// What becomes of the outputs of two directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// Side by side, forward first, as in PyTorch.
    #[default]
    Concat,
    /// Their sum.
    Sum,
    /// Half their sum.
    Mean,
    /// Their product, entry by entry.
    Product,
}

impl Merge {
    /// [N, P] twice to one [N, ·].
    fn apply<L: Numbers>(self, [a, b]: [&L; 2]) -> L {
        match self {
            Self::Concat => L::joined(&[a.clone(), b.clone()], 1),
            Self::Sum => a.plus(b),
            Self::Mean => a.plus(b).scaled(&Tensor::scalar(0.5)),
            Self::Product => a.times(b),
        }
    }

    /// The gradient in both, given that of what they became.
    fn back<E: Element>(self, [a, b]: [&Tensor<E>; 2], d: &Tensor<E>) -> [Tensor<E>; 2] {
        let width = a.shape()[1];
        match self {
            Self::Concat => [d.columns(0, width), d.columns(width, 2 * width)],
            Self::Sum => [d.clone(), d.clone()],
            Self::Mean => [d * 0.5, d * 0.5],
            Self::Product => [d * b, d * a],
        }
    }
}

/// How a stack runs on a tape: always the same numbers, not the same speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// One layer and direction is one op, whose forward and backward pass are those by hand.
    #[default]
    Explicit,
    /// Every step is composed of ops, as the cell's equations say.
    Tape,
}

/// Why a stack cannot be made, or cannot run on what it was given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// No layers.
    #[error("stack: there are 0 layers; at least one is needed")]
    NoLayers,
    /// A probability outside of [0, 1).
    #[error("stack: the probability of {name} is {p}, and must be in [0, 1)")]
    Probability {
        /// Of what.
        name: &'static str,
        /// The number.
        p: f64,
    },
    /// Inputs with another number of features than the first layer reads.
    #[error("stack: an input has {found} features, and the first layer reads {wanted}")]
    Features {
        /// The features of the inputs.
        found: usize,
        /// Those of the parameters.
        wanted: usize,
    },
    /// Another number of states than of layers and directions.
    #[error(
        "stack: {found} states for {layers} layers of {directions} directions; give one for each"
    )]
    StateCount {
        /// How many states there are.
        found: usize,
        /// The number of layers.
        layers: usize,
        /// The number of directions.
        directions: usize,
    },
    /// A state of another shape than the batch and the units say.
    #[error("stack: `{name}` of state {index} has the shape {found:?}, and must have {wanted:?}")]
    StateShape {
        /// The name of the tensor in the state.
        name: String,
        /// The number of the state.
        index: usize,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that it must have.
        wanted: Vec<usize>,
    },
    /// Noise that was drawn for another stack, or for other sizes.
    #[error(
        "stack: the noise is for {found:?}, and the pass has {wanted:?} (layers and directions, steps, rows); \
         draw it for the sequence with `noise`"
    )]
    Noise {
        /// Layers times directions, steps and rows that it was drawn for.
        found: [usize; 3],
        /// Those of the pass.
        wanted: [usize; 3],
    },
}

/// What comes out of a stack.
pub struct Output<C: Cell, L> {
    /// The outputs of the last layer, arranged as the inputs are; zeros behind the end of a row.
    pub outputs: Seq<L>,
    /// The last state of each layer and direction, each row's at its own end: what the next window starts from.
    pub last: Vec<StateOf<C, L>>,
}

impl<C: Cell, L: Numbers> Output<C, L> {
    /// The last states as PyTorch has them: see [`stacked`].
    pub fn stacked(&self) -> StateOf<C, L> {
        stacked::<C, L>(&self.last, self.outputs.layout())
    }

    /// The last h of each layer and direction, [L·D, B, ·], or [L·D, ·] for one sequence alone.
    pub fn h_n(&self) -> L {
        C::output(&self.stacked()).clone()
    }
}

impl<C: Cell, E: Element> Output<C, Var<'_, E>> {
    /// The values of the last states: what the next window starts from, on whatever tape, with no gradient through
    /// it.
    pub fn carried(&self) -> Vec<StateOf<C, Tensor<E>>> {
        self.last.iter().map(|state| state.map(Var::value)).collect()
    }
}

/// The states of all layers and directions as PyTorch has them: each tensor of the state [L·D, B, ·], or [L·D, ·] for one
/// sequence alone.
///
/// # Panics
///
/// If there are no states, or their batches differ.
#[track_caller]
pub fn stacked<C: Cell, L: Numbers>(states: &[StateOf<C, L>], layout: Layout) -> StateOf<C, L> {
    let mut leaves: Vec<_> = states.iter().map(|s| s.leaves().into_iter()).collect();
    states[0].map(|_| {
        let parts = leaves.iter_mut().map(|leaves| {
            let part = leaves.next().expect("states of one cell have as many tensors");
            match layout {
                Layout::Unbatched => part,
                _ => part.view(&[&[1], &part.axes()[..]].concat()),
            }
        });
        L::joined(&parts.collect::<Vec<_>>(), 0)
    })
}

/// The states of all layers and directions, each [B, ·]: the way back from [`stacked`].
///
/// # Panics
///
/// If the tensors have neither two axes nor three.
#[track_caller]
pub fn unstacked<C: Cell, L: Numbers>(stacked: &StateOf<C, L>) -> Vec<StateOf<C, L>> {
    let count = C::output(stacked).axes()[0];
    let state = |k| {
        stacked.map(|s: &L| {
            let part = s.part(k, k + 1);
            match s.axes()[..] {
                [_, batch, width] => part.view(&[batch, width]),
                [_, width] => part.view(&[1, width]),
                ref shape => panic!("unstacked: {shape:?} must be [L·D, B, H] or [L·D, H]"),
            }
        })
    };
    (0..count).map(state).collect()
}

/// All that happened in a forward pass by hand.
pub struct StackTrace<C: Cell, E: Element> {
    /// Each layer and direction: layer by layer, forward before reverse.
    pub runs: Vec<Trace<C, E>>,
    /// The outputs of the last layer, arranged as the inputs are.
    pub outputs: Seq<Tensor<E>>,
    /// The last state of each layer and direction.
    pub last: Vec<StateOf<C, Tensor<E>>>,
    /// The factors on the outputs of each layer but the last; empty without dropout.
    between: Vec<Tensor<f64>>,
}

/// What backpropagation through time and layers found.
pub struct StackBptt<C: Cell, E: Element> {
    /// The gradient of the loss in every parameter.
    pub grads: Stack<C, Tensor<E>>,
    /// In the inputs, arranged as they are; 0 in padding.
    pub d_xs: Seq<Tensor<E>>,
    /// In the initial state of each layer and direction.
    pub d_initial: Vec<StateOf<C, Tensor<E>>>,
    /// ‖∂L/∂h_t‖ for each layer and direction and each step, over the rows that take it.
    pub delta_norms: Vec<Vec<f64>>,
}

impl<C: Cell> Family for Stack<C> {
    type Of<L> = Stack<C, L>;
}

/// Named as PyTorch's recurrent layers name them. One direction has no suffix, even if it is the reverse.
impl<C: Cell, L> Params for Stack<C, L> {
    type Leaf = L;
    type Family = Stack<C>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Stack<C, M> {
        let directions = self.options.directions.count();
        let suffix = |i| match (i / directions, i % directions) {
            (layer, 0) => format!("_l{layer}"),
            (layer, _) => format!("_l{layer}_reverse"),
        };
        let cells = self.cells.iter().enumerate();
        let cells = cells.map(|(i, cell)| cell.map_named(&path.ending(&suffix(i)), f)).collect();
        Stack { cells, options: self.options.clone() }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.cells.iter_mut().for_each(|cell| cell.for_each_mut(f));
    }
}

impl<C: Cell> Stack<C> {
    /// Parameters drawn as PyTorch does, layer by layer, forward before reverse.
    ///
    /// # Panics
    ///
    /// If there are no layers, or a probability is not in [0, 1).
    #[track_caller]
    pub fn init<E: Element>(
        options: &StackOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> Stack<C, Tensor<E>> {
        expect(Self::try_init(options, rng))
    }

    /// As [`Stack::init`], or which option is wrong.
    pub fn try_init<E: Element>(
        options: &StackOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> Result<Stack<C, Tensor<E>>, StackError> {
        let StackOptions { input_size, hidden_size, layers, directions, .. } = *options;
        if layers == 0 {
            return Err(StackError::NoLayers);
        }
        options.check_probabilities()?;
        let mut cells = Vec::with_capacity(layers * directions.count());
        let mut width = input_size;
        for _ in 0..layers {
            let inputs = width;
            for _ in 0..directions.count() {
                let cell = C::init_with::<E>(&options.cell, inputs, hidden_size, rng);
                width = directions.width(C::sizes(&cell).output);
                cells.push(cell);
            }
        }
        Ok(Stack { cells, options: options.clone() })
    }
}

impl<O> StackOptions<O> {
    fn check_probabilities(&self) -> Result<(), StackError> {
        let probabilities = [
            ("dropout", self.dropout),
            ("recurrent dropout", self.recurrent_dropout),
            ("zoneout of h", self.zoneout.h),
            ("zoneout of c", self.zoneout.c),
        ];
        match probabilities.into_iter().find(|(_, p)| !(0.0..1.0).contains(p)) {
            Some((name, p)) => Err(StackError::Probability { name, p }),
            None => Ok(()),
        }
    }
}

impl<C: Cell, L> Stack<C, L> {
    /// The number of layers L.
    pub fn layers(&self) -> usize {
        self.cells.len() / self.options.directions.count()
    }

    /// The way of layer and direction `index` through a sequence.
    fn walk(&self, index: usize, sizes: &[Sizes], xs: &Seq<()>, noise: Option<&Noise>) -> Walk {
        let StackOptions { directions, zoneout, .. } = &self.options;
        let reverse = directions.is_reverse(index % directions.count());
        let (recurrent, kept) = match noise {
            Some(noise) => {
                let Within { recurrent, zoneout } = noise.within[index].clone();
                (recurrent, zoneout)
            }
            None => {
                let shape = [xs.seq_len(), xs.batch()];
                (None, self.shares(zoneout, shape, sizes[index], |shape, p| Tensor::full(shape, p)))
            }
        };
        Walk {
            reverse,
            recurrent: recurrent.map(|factors| in_order_of(xs, &factors)),
            zoneout: kept.iter().map(|kept| xs.arrange(kept)).collect(),
        }
    }

    /// `f` of the shape [T, B, ·] and the probability of zoneout, for each tensor of a state; nothing without zoneout.
    fn shares(
        &self,
        zoneout: &Zoneout,
        [seq_len, batch]: [usize; 2],
        sizes: Sizes,
        mut f: impl FnMut(&[usize], f64) -> Tensor<f64>,
    ) -> Vec<Tensor<f64>> {
        if *zoneout == Zoneout::default() {
            return Vec::new();
        }
        let mut p = C::State::zeros::<f64>(0, sizes).map(|s| (s.shape()[1], zoneout.c));
        C::State::output_mut(&mut p).1 = zoneout.h;
        p.leaves().into_iter().map(|(width, p)| f(&[seq_len, batch, width], p)).collect()
    }

    /// Runs all layers, given how to run one direction of one of them.
    #[track_caller]
    fn through<N: Numbers>(
        &self,
        sizes: &[Sizes],
        xs: &Seq<N>,
        initial: Option<&[StateOf<C, N>]>,
        noise: Option<&Noise>,
        mut run: impl FnMut(usize, &Seq<N>, StateOf<C, N>, Walk) -> (Seq<N>, StateOf<C, N>),
    ) -> Output<C, N> {
        let arrangement = xs.arrangement();
        let directions = self.options.directions;
        let mut xs = xs.clone();
        let mut last = Vec::with_capacity(self.cells.len());
        for layer in 0..self.layers() {
            let mut found = Vec::with_capacity(directions.count());
            for index in layer * directions.count()..(layer + 1) * directions.count() {
                let initial = match initial {
                    Some(states) => states[index].map(|s| in_order_of(&arrangement, s)),
                    None => C::State::zeros::<N::Element>(xs.batch(), sizes[index])
                        .map(|zeros| xs.rows().constant(zeros.clone())),
                };
                let walk = self.walk(index, sizes, &arrangement, noise);
                let (outputs, end) = run(index, &xs, initial, walk);
                found.push(outputs);
                last.push(end.map(|s| back_in_order(&arrangement, s)));
            }
            let mut rows = match (directions, &found[..]) {
                (Directions::Both(merge), [a, b]) => merge.apply([a.rows(), b.rows()]),
                _ => found[0].rows().clone(),
            };
            if let Some(factors) = noise.and_then(|noise| noise.between.get(layer)) {
                rows = rows.scaled(&arrangement.arrange(factors));
            }
            xs = arrangement.placed(rows);
        }
        Output { outputs: xs, last }
    }

    /// Whether the stack can run on these.
    fn check<N: Numbers>(
        &self,
        sizes: &[Sizes],
        xs: &Seq<N>,
        initial: Option<&[StateOf<C, N>]>,
        noise: Option<&Noise>,
    ) -> Result<(), StackError> {
        self.options.check_probabilities()?;
        let (found, wanted) = (xs.features(), sizes[0].input);
        if found != wanted {
            return Err(StackError::Features { found, wanted });
        }
        if let Some(states) = initial {
            let (layers, directions) = (self.layers(), self.options.directions.count());
            if states.len() != sizes.len() {
                return Err(StackError::StateCount { found: states.len(), layers, directions });
            }
            for (index, (state, &sizes)) in states.iter().zip(sizes).enumerate() {
                let zeros = C::State::zeros::<f64>(xs.batch(), sizes);
                let pairs = state.leaves().into_iter().zip(zeros.leaves()).zip(zeros.names());
                for ((found, wanted), name) in pairs {
                    let (found, wanted) = (found.axes(), wanted.shape().to_vec());
                    if found != wanted {
                        return Err(StackError::StateShape { name, index, found, wanted });
                    }
                }
            }
        }
        if let Some(noise) = noise {
            let found = [noise.within.len(), noise.seq_len, noise.batch];
            let wanted = [self.cells.len(), xs.seq_len(), xs.batch()];
            if found != wanted {
                return Err(StackError::Noise { found, wanted });
            }
        }
        Ok(())
    }
}

/// Rows of the batch in the order in which a packed sequence has them.
fn in_order_of<L: Numbers>(xs: &Seq<()>, rows: &L) -> L {
    xs.order().map_or_else(|| rows.clone(), |order| rows.picked(order))
}

/// The way back from [`in_order_of`].
fn back_in_order<L: Numbers>(xs: &Seq<()>, rows: &L) -> L {
    xs.order().map_or_else(|| rows.clone(), |order| rows.spread(order, xs.batch()))
}

impl<'t, C: Cell, E: Element> Stack<C, Var<'t, E>> {
    /// Runs the stack on a tape, with the engine that its options name.
    ///
    /// Shapes: inputs [T, B, I], in any layout, padded or packed; initial states, in the order of
    /// [`cells`](Self::cells), [B, ·], or none for zeros. Without noise it is evaluation.
    ///
    /// # Panics
    ///
    /// If the inputs, the states or the noise do not fit the parameters.
    #[track_caller]
    pub fn on_tape(
        &self,
        xs: &Seq<Var<'t, E>>,
        initial: Option<&[StateOf<C, Var<'t, E>>]>,
        noise: Option<&Noise>,
    ) -> Output<C, Var<'t, E>> {
        expect(self.try_on_tape(xs, initial, noise))
    }

    /// As [`Stack::on_tape`], or what does not fit.
    #[track_caller]
    pub fn try_on_tape(
        &self,
        xs: &Seq<Var<'t, E>>,
        initial: Option<&[StateOf<C, Var<'t, E>>]>,
        noise: Option<&Noise>,
    ) -> Result<Output<C, Var<'t, E>>, StackError> {
        let sizes: Vec<_> = self.cells.iter().map(|c| C::sizes(&c.map(Var::value))).collect();
        self.check(&sizes, xs, initial, noise)?;
        let run = match self.options.engine {
            Engine::Explicit => unroll_as_one_op::<C, E>,
            Engine::Tape => unroll_on_tape_along::<C, E>,
        };
        Ok(self.through(&sizes, xs, initial, noise, |index, xs, initial, walk| {
            run(&self.cells[index], xs, &initial, &walk)
        }))
    }
}

impl<C: Cell, E: Element> Stack<C, Tensor<E>> {
    fn sizes(&self) -> Vec<Sizes> {
        self.cells.iter().map(C::sizes).collect()
    }

    /// The features of an output: D·H where the directions stand side by side.
    pub fn output_size(&self) -> usize {
        let last = self.cells.last().expect("a stack has at least one layer");
        self.options.directions.width(C::sizes(last).output)
    }

    /// Zeros for `batch` rows, for each layer and direction.
    pub fn zero_states(&self, batch: usize) -> Vec<StateOf<C, Tensor<E>>> {
        self.sizes().into_iter().map(|sizes| C::State::zeros(batch, sizes)).collect()
    }

    /// Draws the noise of one pass over T steps of B rows.
    ///
    /// # Panics
    ///
    /// If a probability is not in [0, 1).
    #[track_caller]
    pub fn noise(&self, seq_len: usize, batch: usize, rng: &mut impl Rng) -> Noise {
        expect(self.options.check_probabilities());
        let StackOptions { directions, dropout, recurrent_dropout, zoneout, .. } = &self.options;
        let sizes = self.sizes();
        let mut between = Vec::new();
        let mut within = Vec::with_capacity(sizes.len());
        for (index, &sizes) in sizes.iter().enumerate() {
            let h = [batch, sizes.output];
            let recurrent = *recurrent_dropout > 0.0 && C::MULTIPLIES_H;
            within.push(Within {
                recurrent: recurrent.then(|| noise::dropout(&h, *recurrent_dropout, rng)),
                zoneout: self.shares(zoneout, [seq_len, batch], sizes, |shape, p| {
                    noise::zoneout(shape, p, rng)
                }),
            });
            let layer_ends = (index + 1).is_multiple_of(directions.count());
            if *dropout > 0.0 && layer_ends && index + 1 < self.cells.len() {
                let shape = [seq_len, batch, directions.width(sizes.output)];
                between.push(noise::dropout(&shape, *dropout, rng));
            }
        }
        Noise { seq_len, batch, between, within }
    }

    /// Runs the stack by hand and keeps everything. Shapes and noise as for [`Stack::on_tape`].
    ///
    /// # Panics
    ///
    /// If the inputs, the states or the noise do not fit the parameters.
    #[track_caller]
    pub fn unroll(
        &self,
        xs: &Seq<Tensor<E>>,
        initial: Option<&[StateOf<C, Tensor<E>>]>,
        noise: Option<&Noise>,
    ) -> StackTrace<C, E> {
        expect(self.try_unroll(xs, initial, noise))
    }

    /// As [`Stack::unroll`], or what does not fit.
    #[track_caller]
    pub fn try_unroll(
        &self,
        xs: &Seq<Tensor<E>>,
        initial: Option<&[StateOf<C, Tensor<E>>]>,
        noise: Option<&Noise>,
    ) -> Result<StackTrace<C, E>, StackError> {
        let sizes = self.sizes();
        self.check(&sizes, xs, initial, noise)?;
        let mut runs = Vec::with_capacity(sizes.len());
        let Output { outputs, last } =
            self.through(&sizes, xs, initial, noise, |index, xs, initial, walk| {
                let trace = unroll_along::<C, E>(&self.cells[index], xs, &initial, walk);
                let found = (trace.output_seq(), trace.last_state().map(Tensor::clone));
                runs.push(trace);
                found
            });
        let arrangement = xs.arrangement();
        let between = noise.iter().flat_map(|noise| &noise.between);
        let between = between.map(|factors| arrangement.arrange(factors)).collect();
        Ok(StackTrace { runs, outputs, last, between })
    }

    /// Backpropagation through time and through the layers, by hand.
    ///
    /// `d_outputs` is what the loss says of each output directly, in any layout; `d_last` what comes from beyond the
    /// last states, one a layer and direction, or nothing.
    ///
    /// # Panics
    ///
    /// If the shapes differ from those of the trace.
    #[track_caller]
    pub fn bptt(
        &self,
        trace: &StackTrace<C, E>,
        d_outputs: &Seq<Tensor<E>>,
        d_last: Option<&[StateOf<C, Tensor<E>>]>,
    ) -> StackBptt<C, E> {
        let directions = self.options.directions;
        let mut d_rows = like(&trace.outputs, &d_outputs.steps()).rows().clone();
        let mut found = Vec::with_capacity(self.cells.len()); // from the last cell to the first
        for layer in (0..self.layers()).rev() {
            if let Some(factors) = trace.between.get(layer) {
                d_rows = d_rows.scaled(factors);
            }
            let first = layer * directions.count();
            let runs = &trace.runs[first..first + directions.count()];
            let d_each = match (directions, runs) {
                (Directions::Both(merge), [a, b]) => {
                    let [a, b] = [a, b].map(Trace::output_seq);
                    merge.back([a.rows(), b.rows()], &d_rows).to_vec()
                }
                _ => vec![d_rows],
            };
            let mut d_xs: Option<Tensor<E>> = None;
            for d in (0..directions.count()).rev() {
                let index = first + d;
                let Trace { xs, walk, states, saved } = &runs[d];
                let arrangement = xs.arrangement();
                let d_last = d_last.map(|d| d[index].map(|s| in_order_of(&arrangement, s)));
                let passed = Passed { xs, walk, states, saved };
                let back =
                    bptt_along::<C, E>(&self.cells[index], passed, &d_each[d], d_last.as_ref());
                d_xs = Some(match d_xs {
                    Some(sum) => sum + back.d_xs.rows(),
                    None => back.d_xs.rows().clone(),
                });
                found.push(back);
            }
            d_rows = d_xs.expect("at least one direction");
        }
        let arrangement = trace.runs[0].xs.arrangement();
        let mut bptt = StackBptt {
            grads: Stack { cells: Vec::with_capacity(found.len()), options: self.options.clone() },
            d_xs: arrangement.placed(d_rows),
            d_initial: Vec::with_capacity(found.len()),
            delta_norms: Vec::with_capacity(found.len()),
        };
        for BpttRows { grads, d_initial, delta_norms, .. } in found.into_iter().rev() {
            bptt.grads.cells.push(grads);
            bptt.d_initial.push(d_initial.map(|s| back_in_order(&arrangement, s)));
            bptt.delta_norms.push(delta_norms);
        }
        bptt
    }
}

#[track_caller]
fn expect<T>(result: Result<T, StackError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
