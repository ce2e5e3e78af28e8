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

mod options;
mod error;
mod by_hand;

use autograd::params::Path;
use autograd::{Element, Error, Family, Few, Params, Tape, Tensor, Var};
use rand::Rng;

pub use by_hand::{StackBptt, StackTrace};
pub use error::StackError;
pub use options::{Directions, Engine, Merge, StackOptions, Zoneout};

use crate::cell::{Cell, Inputs, Sizes, State, StateOf};
use crate::explicit::{is_plain, run, run_fused, unroll_as_one_op, unroll_fused};
use crate::noise::{self, Noise, Within};
use crate::numbers::Numbers;
use crate::seq::{Layout, Seq};
use crate::unroll::unroll_on_tape_along;
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
    pub cells: Few<C::Of<L>>,
    /// What was chosen.
    pub options: StackOptions<C::Options>,
}

/// What comes out of a stack.
pub struct Output<C: Cell, L> {
    /// The outputs of the last layer, arranged as the inputs are; zeros behind the end of a row.
    pub outputs: Seq<L>,
    /// The last state of each layer and direction, each row's at its own end: what the next window starts from.
    pub last: Few<StateOf<C, L>>,
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

impl<C: Cell> Family for Stack<C> {
    type Of<L> = Stack<C, L>;
}

/// Named as PyTorch's recurrent layers name them. One direction has no suffix, even if it is the reverse.
impl<C: Cell, L> Params for Stack<C, L> {
    type Leaf = L;
    type Family = Stack<C>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Stack<C, M> {
        let directions = self.options.directions.count();
        let of = |(i, cell): (usize, &C::Of<L>)| {
            let (layer, reverse) =
                (i / directions, if i % directions == 0 { "" } else { "_reverse" });
            cell.map_named(&path.ending(format_args!("_l{layer}{reverse}")), f)
        };
        let cells = self.cells.iter().enumerate().map(of).collect();
        Stack { cells, options: self.options.clone() }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.cells.iter_mut().for_each(|cell| cell.for_each_mut(f));
    }

    fn for_each(&self, f: &mut dyn FnMut(&L)) {
        self.cells.iter().for_each(|cell| cell.for_each(f));
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
        let mut cells = Few::with_capacity(layers * directions.count());
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
        let mut last = Few::with_capacity(self.cells.len());
        for layer in 0..self.layers() {
            let mut found = Few::<Seq<N>>::new();
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
        let (found, wanted) = (xs.features(), sizes[0].input);
        if found != wanted {
            return Err(StackError::Features { found, wanted });
        }
        self.check_beside_features(sizes, xs, initial, noise)
    }

    /// Whether all but the inputs fits.
    fn check_beside_features<N: Numbers>(
        &self,
        sizes: &[Sizes],
        xs: &Seq<N>,
        initial: Option<&[StateOf<C, N>]>,
        noise: Option<&Noise>,
    ) -> Result<(), StackError> {
        self.options.check_probabilities()?;
        if let Some(states) = initial {
            let (layers, directions) = (self.layers(), self.options.directions.count());
            if states.len() != sizes.len() {
                return Err(StackError::StateCount { found: states.len(), layers, directions });
            }
            for (index, (state, &sizes)) in states.iter().zip(sizes).enumerate() {
                let zeros = C::State::zeros::<f64>(xs.batch(), sizes);
                let pairs = state.few_leaves().into_iter().zip(zeros.few_leaves());
                for (k, (found, wanted)) in pairs.enumerate() {
                    let (found, wanted) = (found.axes(), wanted.shape_value());
                    if found != wanted {
                        let (found, wanted) = (found.to_vec(), wanted.to_vec());
                        let name = zeros.names().swap_remove(k);
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
        let sizes: Few<_> = self.cells.iter().map(|c| C::sizes(&c.map(Var::value))).collect();
        self.check(&sizes, xs, initial, noise)?;
        let run = match self.options.engine {
            Engine::Explicit => unroll_as_one_op::<C, E>,
            Engine::Fused => unroll_fused::<C, E>,
            Engine::Tape => unroll_on_tape_along::<C, E>,
        };
        Ok(self.through(&sizes, xs, initial, noise, |index, xs, initial, walk| {
            run(&self.cells[index], xs, &initial, &walk)
        }))
    }
}

impl<'t, C: Cell, E: Element> Stack<C, Var<'t, E>> {
    /// Runs the stack on a tape over T·B ids, time-major: of rows of a table [V, I], or without one of one-hot vectors. The
    /// numbers are those of [`on_tape`](Self::on_tape) over these rows. With [`Engine::Fused`], the first layer multiplies
    /// its input weights with the table and not with T·B rows, if these are more, and with nothing if there is no table.
    ///
    /// # Errors
    ///
    /// If an id is no row of the table, or not below I.
    ///
    /// # Panics
    ///
    /// If the table, the states or the noise do not fit the parameters, or the ids do not fill the rows of the batch.
    #[track_caller]
    pub fn on_tape_ids(
        &self,
        tape: &'t Tape<E>,
        table: Option<Var<'t, E>>,
        ids: &[usize],
        batch: usize,
        initial: Option<&[StateOf<C, Var<'t, E>>]>,
        noise: Option<&Noise>,
    ) -> Result<Output<C, Var<'t, E>>, Error> {
        let sizes: Few<_> = self.cells.iter().map(|c| C::sizes(&c.map(Var::value))).collect();
        assert!(
            batch > 0 && ids.len().is_multiple_of(batch),
            "embed: {} ids do not fill {batch} rows; give every step one id a row",
            ids.len()
        );
        let inputs = match table {
            Some(table) if ids.len() > table.shape()[0] => {
                check_ids("rows", ids, table.shape()[0])?;
                Inputs::Table { table, ids: ids.into() }
            }
            Some(table) => Inputs::Rows(table.try_rows(ids)?),
            None => {
                check_ids("one_hot", ids, sizes[0].input)?;
                Inputs::OneHot { ids: ids.into() }
            }
        };
        let seq_len = ids.len() / batch;
        let placed = |rows: Var<'t, E>| {
            let features = rows.shape()[1];
            Seq::time_major(rows.reshape(&[seq_len, batch, features]))
        };
        let rows = |inputs: &Inputs<Var<'t, E>>| {
            placed(match inputs {
                Inputs::Rows(rows) => *rows,
                Inputs::Table { table, ids } => table.rows(ids),
                Inputs::OneHot { ids } => tape.constant(Tensor::one_hot(ids, sizes[0].input)),
            })
        };
        if self.options.engine != Engine::Fused || matches!(inputs, Inputs::Rows(_)) {
            return Ok(self.on_tape(&rows(&inputs), initial, noise));
        }
        // The first layer looks its rows up; what stands for them has none of their numbers.
        let places = placed(tape.constant(Tensor::zeros(&[ids.len(), 0])));
        expect(self.check_beside_features(&sizes, &places, initial, noise));
        let directions = self.options.directions.count();
        Ok(self.through(&sizes, &places, initial, noise, |index, xs, initial, walk| {
            let cell = &self.cells[index];
            if index >= directions {
                return unroll_fused::<C, E>(cell, xs, &initial, &walk);
            }
            let fused = match is_plain(xs, &walk) {
                true => C::fused(cell, &inputs, &initial, walk.reverse),
                false => None,
            };
            match fused {
                Some((rows, last)) => (xs.arrangement().filled(rows), last),
                None => unroll_as_one_op::<C, E>(cell, &rows(&inputs), &initial, &walk),
            }
        }))
    }
}

/// Whether all of these ids are below `size`.
fn check_ids(op: &'static str, ids: &[usize], size: usize) -> Result<(), Error> {
    match ids.iter().position(|&id| id >= size) {
        Some(position) => Err(Error::Id { op, id: ids[position], position, size }),
        None => Ok(()),
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

    /// Runs the stack without a tape, for its outputs and last states alone: evaluation. With [`Engine::Fused`] nothing else
    /// is kept.
    ///
    /// Shapes as for [`Stack::on_tape`]. [`unroll`](Self::unroll) keeps all that happens.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use rand::SeedableRng;
    /// use rand_chacha::ChaCha8Rng;
    /// use rnn::{Gru, Seq, Stack, StackOptions};
    ///
    /// let options = StackOptions { layers: 2, ..StackOptions::new(3, 4) };
    /// let gru = Stack::<Gru>::init::<f32>(&options, &mut ChaCha8Rng::seed_from_u64(0));
    /// let out = gru.run(&Seq::time_major(Tensor::ones(&[7, 2, 3])), None);
    /// assert_eq!(out.outputs.steps().shape(), [7, 2, 4]);
    /// assert_eq!(out.outputs.step(6), out.last[1].h);
    /// ```
    ///
    /// # Panics
    ///
    /// If the inputs or the states do not fit the parameters.
    #[track_caller]
    pub fn run(
        &self,
        xs: &Seq<Tensor<E>>,
        initial: Option<&[StateOf<C, Tensor<E>>]>,
    ) -> Output<C, Tensor<E>> {
        expect(self.try_run(xs, initial))
    }

    /// As [`Stack::run`], or what does not fit.
    #[track_caller]
    pub fn try_run(
        &self,
        xs: &Seq<Tensor<E>>,
        initial: Option<&[StateOf<C, Tensor<E>>]>,
    ) -> Result<Output<C, Tensor<E>>, StackError> {
        let sizes = self.sizes();
        self.check(&sizes, xs, initial, None)?;
        let run = match self.options.engine {
            Engine::Fused => run_fused::<C, E>,
            Engine::Explicit | Engine::Tape => run::<C, E>,
        };
        Ok(self.through(&sizes, xs, initial, None, |index, xs, initial, walk| {
            run(&self.cells[index], xs, &initial, &walk)
        }))
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
}

#[track_caller]
fn expect<T>(result: Result<T, StackError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
