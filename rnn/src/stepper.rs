//! A language model that writes: one step after the other, without a tape and without allocating.
//!
//! ```text
//! ids [B] → first layer (W_ih x of every symbol is known) → other layers → scores [B, V]
//! ```
//!
//! All weights are packed once, when the stepper is made; each step works in the same buffers. The cells that have a
//! fused sequence have such steps; any other takes its step by hand.
//!
//! Shapes: one id for each of B rows, scores [B, V] row by row.

use std::cell::RefCell;

use autograd::tensor::Packed;
use autograd::{Element, Error, Params, Tensor};

use crate::cell::{Cell, StateOf, Stepping, Symbols, collect};
use crate::decode::NextSymbol;
use crate::language_model::LanguageModel;
use crate::stack::{Directions, Zoneout};
use crate::walk::zip;

/// Up to how many numbers W_ih x is calculated for every symbol of an embedding beforehand; beyond, in each step.
const LOOK_UP: usize = 1 << 22;

/// A language model, its weights prepared, and the states of B texts.
///
/// ```
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use rnn::{Gru, LanguageModel};
///
/// let model = LanguageModel::<Gru>::init::<f64>(5, None, 8, &mut ChaCha8Rng::seed_from_u64(0));
/// let mut stepper = model.stepper(1);
/// let mut last = 0;
/// for _ in 0..10 {
///     let scores = stepper.step(&[last])?;
///     last = (0..5).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("there are five");
/// }
/// // As the model says it, all at once or step by step.
/// let (_, expected) = model.forward(&[last], &stepper.states(), None)?;
/// let scores = stepper.step(&[last])?;
/// assert!(scores.iter().zip(expected.data()).all(|(a, b)| (a - b).abs() < 1e-12));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Stepper<C: Cell, E: Element> {
    layers: Vec<Layer<C, E>>,
    /// The table of vectors, where the first layer reads rows.
    embedding: Option<Tensor<E>>,
    head: Packed<E>,
    bias: Tensor<E>,
    xs: Vec<E>,
    scores: Vec<E>,
}

/// One layer and its state.
enum Layer<C: Cell, E: Element> {
    /// By the cell's own steps.
    Own { steps: Box<dyn Stepping<E>>, like: StateOf<C, ()> },
    /// By hand.
    ByHand(ByHand<C, E>),
}

struct ByHand<C: Cell, E: Element> {
    cell: C::Of<Tensor<E>>,
    /// W_ih x + b_ih of every symbol, where the inputs are ids.
    table: Option<Tensor<E>>,
    state: StateOf<C, Tensor<E>>,
    zoneout: Zoneout,
}

impl<C: Cell, E: Element> ByHand<C, E> {
    fn new(cell: &C::Of<Tensor<E>>, symbols: Option<Symbols<'_, E>>, zoneout: Zoneout) -> Self {
        let table = symbols.map(|symbols| match symbols {
            Symbols::Table(table) => C::input(cell, table),
            Symbols::OneHot => {
                let size = C::sizes(cell).input;
                C::input(cell, &Tensor::one_hot(&(0..size).collect::<Vec<_>>(), size))
            }
        });
        Self { cell: cell.map(Tensor::clone), table, state: C::zero_state(cell, 0), zoneout }
    }

    /// The step from a, with what zoneout keeps of the old state on average.
    fn step(&mut self, a: &Tensor<E>) {
        let (mut next, _) = C::forward(&self.cell, a, &self.state);
        if self.zoneout != Zoneout::default() {
            let mut kept = next.map(|_| self.zoneout.c);
            *C::output_mut(&mut kept) = self.zoneout.h;
            let mut kept = kept.leaves().into_iter().map(E::from_f64);
            next = zip(&self.state, &next, |old, new| {
                let z = kept.next().expect("a share for each tensor of the state");
                old.zip(new, |old, new| z * old + (E::ONE - z) * new)
            });
        }
        self.state = next;
    }
}

impl<C: Cell, E: Element> Layer<C, E> {
    fn step(&mut self, xs: &[E]) {
        match self {
            Self::Own { steps, .. } => steps.step(xs),
            Self::ByHand(layer) => {
                let width = C::sizes(&layer.cell).input;
                let mut rows = Tensor::zeros(&[xs.len() / width.max(1), width]);
                rows.data_mut().copy_from_slice(xs);
                layer.step(&C::input(&layer.cell, &rows));
            }
        }
    }

    fn step_ids(&mut self, ids: &[usize]) {
        match self {
            Self::Own { steps, .. } => steps.step_ids(ids),
            Self::ByHand(layer) => {
                let a = layer.table.as_ref().expect("made for ids").rows(ids);
                layer.step(&a);
            }
        }
    }

    fn output(&self) -> &Tensor<E> {
        match self {
            Self::Own { steps, .. } => &steps.state()[0],
            Self::ByHand(layer) => C::output(&layer.state),
        }
    }

    fn state(&self) -> StateOf<C, Tensor<E>> {
        match self {
            Self::Own { steps, like } => collect(like, &mut steps.state().iter().cloned()),
            Self::ByHand(layer) => layer.state.map(Tensor::clone),
        }
    }

    fn set_state(&mut self, state: &StateOf<C, Tensor<E>>) {
        match self {
            Self::Own { steps, .. } => {
                let mut parts = steps.state_mut().iter_mut();
                state.for_each(&mut |from| {
                    *parts.next().expect("as many tensors as the state has") = from.clone();
                });
            }
            Self::ByHand(layer) => layer.state = state.map(Tensor::clone),
        }
    }
}

impl<C: Cell, E: Element> LanguageModel<C, Tensor<E>> {
    /// The model prepared for many single steps of `batch` texts, from states of zeros.
    ///
    /// # Panics
    ///
    /// If the layers read in another direction than forward.
    #[track_caller]
    pub fn stepper(&self, batch: usize) -> Stepper<C, E> {
        let options = &self.rnn.options;
        assert!(
            options.directions == Directions::Forward,
            "stepper: {:?} reads what is not written yet; use Directions::Forward",
            options.directions
        );
        let table = self.embedding.as_ref();
        let units = C::sizes(&self.rnn.cells[0]).hidden;
        let looks_up = table.is_none_or(|table| table.shape()[0] * 4 * units <= LOOK_UP);
        let layers = self.rnn.cells.iter().enumerate().map(|(l, cell)| {
            let symbols = || match table {
                Some(table) => Symbols::Table(table),
                None => Symbols::OneHot,
            };
            let symbols = || (l == 0 && looks_up).then(symbols);
            let plain = options.zoneout == Zoneout::default();
            match C::stepping(cell, symbols()).filter(|_| plain) {
                Some(steps) => Layer::Own { steps, like: C::zero_state(cell, 0).map(|_| ()) },
                None => Layer::ByHand(ByHand::new(cell, symbols(), options.zoneout)),
            }
        });
        let mut stepper = Stepper {
            layers: layers.collect(),
            embedding: table.filter(|_| !looks_up).cloned(),
            head: Packed::new(self.head.weight.t()),
            bias: self.head.bias.clone(),
            xs: Vec::new(),
            scores: Vec::new(),
        };
        stepper.set_states(&self.zero_states(batch));
        stepper
    }

    /// The model prepared for [decoding](crate::decode): as the model itself, with its weights packed once.
    ///
    /// # Panics
    ///
    /// If the layers read in another direction than forward.
    #[track_caller]
    pub fn prepared(&self) -> Prepared<C, E> {
        Prepared(RefCell::new(self.stepper(0)))
    }
}

impl<C: Cell, E: Element> Stepper<C, E> {
    /// Reads one symbol in each of the B texts, and returns the scores of the next ones, [B, V] row by row.
    ///
    /// # Errors
    ///
    /// If an id is not below V; then nothing was read.
    ///
    /// # Panics
    ///
    /// If there are not B ids.
    #[track_caller]
    pub fn step(&mut self, ids: &[usize]) -> Result<&[E], Error> {
        let size = self.bias.elements();
        if let Some(position) = ids.iter().position(|&id| id >= size) {
            return Err(Error::Id { op: "stepper", id: ids[position], position, size });
        }
        let batch = self.layers[0].output().shape()[0];
        assert!(
            ids.len() == batch,
            "stepper: {} ids for {batch} texts; give one for each",
            ids.len()
        );
        match &self.embedding {
            None => self.layers[0].step_ids(ids),
            Some(table) => {
                let width = table.shape()[1];
                self.xs.clear();
                for id in ids {
                    self.xs.extend_from_slice(&table.data()[id * width..][..width]);
                }
                self.layers[0].step(&self.xs);
            }
        }
        for l in 1..self.layers.len() {
            let (below, layers) = self.layers.split_at_mut(l);
            layers[0].step(below[l - 1].output().data());
        }
        self.scores.clear();
        for _ in 0..batch {
            self.scores.extend_from_slice(self.bias.data());
        }
        let h = self.layers.last().expect("a stack has at least one layer").output();
        self.head.add_product(h.data(), &mut self.scores);
        Ok(&self.scores)
    }

    /// The state of each layer.
    pub fn states(&self) -> Vec<StateOf<C, Tensor<E>>> {
        self.layers.iter().map(Layer::state).collect()
    }

    /// Goes on from other states, of any number of texts.
    ///
    /// # Panics
    ///
    /// If there is not one state for each layer.
    #[track_caller]
    pub fn set_states(&mut self, states: &[StateOf<C, Tensor<E>>]) {
        assert!(
            states.len() == self.layers.len(),
            "stepper: {} states for {} layers; give one for each",
            states.len(),
            self.layers.len()
        );
        self.layers.iter_mut().zip(states).for_each(|(layer, state)| layer.set_state(state));
    }
}

/// A language model to decode, its weights packed once. Made by [`LanguageModel::prepared`].
pub struct Prepared<C: Cell, E: Element>(RefCell<Stepper<C, E>>);

impl<C: Cell, E: Element> NextSymbol for Prepared<C, E> {
    type Element = E;
    type State = Vec<StateOf<C, Tensor<E>>>;

    fn vocab_size(&self) -> usize {
        self.0.borrow().bias.elements()
    }

    fn step(
        &self,
        last: &[usize],
        states: &Self::State,
    ) -> Result<(Tensor<E>, Self::State), Error> {
        let mut stepper = self.0.borrow_mut();
        stepper.set_states(states);
        let scores = stepper.step(last)?.to_vec();
        let scores = Tensor::new(&[last.len(), stepper.bias.elements()], scores);
        Ok((scores, stepper.states()))
    }

    fn select(&self, states: &Self::State, rows: &[usize]) -> Self::State {
        states.iter().map(|state| state.map(|part| part.rows(rows))).collect()
    }
}
