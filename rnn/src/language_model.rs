//! A language model: symbols in, scores for the next symbol out.
//!
//! ```text
//! x_t = onehot(s_t), or row s_t of a table (an embedding)
//! h_t = cell(x_t, h_{t−1})
//! scores_t = W h_t + b
//! L = mean over t of −ln softmax(scores_t)[s_{t+1}]        nats a symbol; divide by ln 2 for bits
//! ```
//!
//! Ids come as T·B numbers, time-major: step t's batch rows stand next to each other.

use autograd::ops::{CrossEntropy, Op};
use autograd::params::Path;
use autograd::{Element, Error, Family, Params, Tape, Tensor, Var, init};
use rand::Rng;

use crate::cell::{Cell, StateOf};
use crate::linear::Linear;
use crate::seq::Seq;
use crate::unroll::{Bptt, Trace, bptt, unroll, unroll_on_tape};

/// One-hot or embedding, a cell, and a linear layer.
pub struct LanguageModel<C: Cell, L = ()> {
    /// The table of input vectors, [V, I]; none for one-hot inputs.
    pub embedding: Option<L>,
    /// The cell's parameters.
    pub rnn: C::Of<L>,
    /// From hidden states to scores, [V, H].
    pub head: Linear<L>,
}

impl<C: Cell> Family for LanguageModel<C> {
    type Of<L> = LanguageModel<C, L>;
}

/// Named as a PyTorch module with the parts `embedding`, `rnn` (of one layer) and `head` names them.
impl<C: Cell, L> Params for LanguageModel<C, L> {
    type Leaf = L;
    type Family = LanguageModel<C>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> LanguageModel<C, M> {
        let embedding = self.embedding.as_ref();
        LanguageModel {
            embedding: embedding.map(|table| f(path.name("embedding.weight"), table)),
            rnn: self.rnn.map_named(&path.inside("rnn").ending("_l0"), f),
            head: self.head.map_named(&path.inside("head"), f),
        }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.embedding.iter_mut().for_each(&mut *f);
        self.rnn.for_each_mut(f);
        self.head.for_each_mut(f);
    }
}

/// What one window of text says of a model.
pub struct WindowGrad<C: Cell, E: Element> {
    /// The mean cross-entropy, in nats a symbol.
    pub loss: E,
    /// Its gradient in every parameter.
    pub grads: LanguageModel<C, Tensor<E>>,
    /// The state after the window, to start the next one from.
    pub last_state: StateOf<C, Tensor<E>>,
    /// ‖∂L/∂h_t‖ for each step.
    pub delta_norms: Vec<f64>,
}

impl<C: Cell> LanguageModel<C> {
    /// Parameters for V symbols, drawn as PyTorch does; with inputs of `embedding` numbers a symbol,
    /// or one-hot.
    pub fn init<E: Element>(
        vocab_size: usize,
        embedding: Option<usize>,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> LanguageModel<C, Tensor<E>> {
        LanguageModel {
            embedding: embedding.map(|width| init::normal(&[vocab_size, width], 1.0, rng)),
            rnn: C::init(embedding.unwrap_or(vocab_size), hidden_size, rng),
            head: Linear::init(hidden_size, vocab_size, rng),
        }
    }
}

impl<C: Cell, E: Element> LanguageModel<C, Tensor<E>> {
    /// The number of symbols V.
    pub fn vocab_size(&self) -> usize {
        self.head.weight.shape()[0]
    }

    /// Zeros for `batch` texts.
    pub fn zero_state(&self, batch: usize) -> StateOf<C, Tensor<E>> {
        C::zero_state(&self.rnn, batch)
    }

    /// The inputs x_t for T·B ids, [T, B, I].
    ///
    /// # Errors
    ///
    /// If an id is not below V.
    ///
    /// # Panics
    ///
    /// If the number of ids is not a multiple of `batch`.
    #[track_caller]
    pub fn embed(&self, ids: &[usize], batch: usize) -> Result<Seq<Tensor<E>>, Error> {
        let rows = match &self.embedding {
            Some(table) => table.try_rows(ids)?,
            None => Tensor::try_one_hot(ids, self.vocab_size())?,
        };
        let width = rows.shape()[1];
        let seq_len = ids.len() / batch;
        Ok(Seq::time_major(rows.reshape(&[seq_len, batch, width])))
    }

    /// Runs the model over a window: the trace of the cell and the scores, [T·B, V].
    ///
    /// # Errors
    ///
    /// If an id is not below V.
    pub fn forward(
        &self,
        ids: &[usize],
        state: &StateOf<C, Tensor<E>>,
    ) -> Result<(Trace<C, E>, Tensor<E>), Error> {
        let batch = C::output(state).shape()[0];
        let trace = unroll(&self.rnn, &self.embed(ids, batch)?, state);
        let scores = self.head.forward(&flat(&trace.outputs()));
        Ok((trace, scores))
    }

    /// The loss of a window and its gradient, by hand: truncated backpropagation through time
    /// when windows follow each other with the state carried over.
    ///
    /// # Errors
    ///
    /// If an id or a target is not below V, or there are not as many targets as ids.
    pub fn window_grad(
        &self,
        inputs: &[usize],
        targets: &[usize],
        state: &StateOf<C, Tensor<E>>,
    ) -> Result<WindowGrad<C, E>, Error> {
        let (trace, scores) = self.forward(inputs, state)?;
        let outputs = trace.outputs(); // [T, B, H]

        // The loss, and dL/dscores = (softmax − onehot) / (T·B).
        let op = CrossEntropy::new(targets);
        let loss = op.forward([&scores])?;
        let [d_scores] = op.vjp([&scores], &loss, &Tensor::scalar(E::ONE));
        let d_scores = d_scores.into_dense(scores.shape());

        // Through the head to ∂ℓ_t/∂h_t, and from there back in time.
        let (head, d_outputs) = self.head.backward(&flat(&outputs), &d_scores);
        let d_outputs = d_outputs.reshape(outputs.shape());
        let Bptt { grads: rnn, d_xs, delta_norms, .. } =
            bptt::<C, E>(&self.rnn, &trace, &d_outputs, None);

        // A row of the table gets the gradients of all places where its symbol stood.
        let embedding = self.embedding.as_ref().map(|table| {
            let mut d_table = Tensor::zeros(table.shape());
            d_table.add_rows(inputs, &flat(&d_xs));
            d_table
        });
        let grads = LanguageModel { embedding, rnn, head };
        let last_state = trace.last_state().map(Tensor::clone);
        Ok(WindowGrad { loss: loss.item(), grads, last_state, delta_norms })
    }
}

impl<'t, C: Cell, E: Element> LanguageModel<C, Var<'t, E>> {
    /// The loss of a window on a tape: what [`LanguageModel::window_grad`] is checked against.
    ///
    /// # Errors
    ///
    /// If an id or a target is not below V, or there are not as many targets as ids.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        tape: &'t Tape<E>,
        inputs: &[usize],
        targets: &[usize],
        state: &StateOf<C, Var<'t, E>>,
    ) -> Result<Var<'t, E>, Error> {
        let batch = C::output(state).value().shape()[0];
        let vocab_size = self.head.bias.value().elements();
        let mut xs = Vec::with_capacity(inputs.len() / batch);
        for ids in inputs.chunks(batch) {
            xs.push(match self.embedding {
                Some(table) => table.try_rows(ids)?,
                None => tape.constant(Tensor::try_one_hot(ids, vocab_size)?),
            });
        }
        let (outputs, _) = unroll_on_tape::<C, E>(&self.rnn, &xs, state);
        self.head.on_tape(Var::concat(&outputs, 0)).try_cross_entropy(targets)
    }
}

/// The mean cross-entropy between scores [T·B, V] and targets, in nats a symbol.
///
/// # Errors
///
/// If a target is not below V, or there are not as many as rows.
pub fn cross_entropy<E: Element>(scores: &Tensor<E>, targets: &[usize]) -> Result<E, Error> {
    let op = CrossEntropy::new(targets);
    Ok(op.forward([scores])?.item())
}

/// [T, B, F] as [T·B, F].
fn flat<E: Element>(steps: &Tensor<E>) -> Tensor<E> {
    let [seq_len, batch, features] = steps.shape()[..] else {
        unreachable!("a sequence has three axes");
    };
    steps.reshape(&[seq_len * batch, features])
}
