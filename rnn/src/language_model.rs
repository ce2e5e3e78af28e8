//! A language model: symbols in, scores for the next symbol out.
//!
//! ```text
//! x_t = onehot(s_t), or row s_t of a table (an embedding)
//! h_t = stack(x_t, h_{t−1})                 one layer of a cell or several, in time
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
use crate::noise::Noise;
use crate::seq::Seq;
use crate::stack::{Stack, StackBptt, StackOptions, StackTrace};

/// One-hot or embedding, layers of a cell, and a linear layer.
pub struct LanguageModel<C: Cell, L = ()> {
    /// The table of input vectors, [V, I]; none for one-hot inputs.
    pub embedding: Option<L>,
    /// The layers of the cell.
    pub rnn: Stack<C, L>,
    /// From hidden states to scores, [V, H].
    pub head: Linear<L>,
}

impl<C: Cell> Family for LanguageModel<C> {
    type Of<L> = LanguageModel<C, L>;
}

/// Named as a PyTorch module with the parts `embedding`, `rnn` and `head` names them.
impl<C: Cell, L> Params for LanguageModel<C, L> {
    type Leaf = L;
    type Family = LanguageModel<C>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> LanguageModel<C, M> {
        let embedding = self.embedding.as_ref();
        LanguageModel {
            embedding: embedding.map(|table| f(path.name("embedding.weight"), table)),
            rnn: self.rnn.map_named(&path.inside("rnn"), f),
            head: self.head.map_named(&path.inside("head"), f),
        }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.embedding.iter_mut().for_each(&mut *f);
        self.rnn.for_each_mut(f);
        self.head.for_each_mut(f);
    }

    fn for_each(&self, f: &mut dyn FnMut(&L)) {
        self.embedding.iter().for_each(&mut *f);
        self.rnn.for_each(f);
        self.head.for_each(f);
    }
}

/// What one window of text says of a model.
pub struct WindowGrad<C: Cell, E: Element> {
    /// The mean cross-entropy, in nats a symbol.
    pub loss: E,
    /// Its gradient in every parameter.
    pub grads: LanguageModel<C, Tensor<E>>,
    /// The state of each layer after the window, to start the next one from.
    pub last_states: Vec<StateOf<C, Tensor<E>>>,
    /// ‖∂L/∂h_t‖ for each layer and each step.
    pub delta_norms: Vec<Vec<f64>>,
}

impl<C: Cell> LanguageModel<C> {
    /// Parameters for V symbols and one layer of H units, drawn as PyTorch does; with inputs of `embedding` numbers a
    /// symbol, or one-hot.
    pub fn init<E: Element>(
        vocab_size: usize,
        embedding: Option<usize>,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> LanguageModel<C, Tensor<E>> {
        let options = StackOptions::new(embedding.unwrap_or(vocab_size), hidden_size);
        Self::init_with(vocab_size, embedding.is_some(), &options, rng)
    }

    /// The same with layers of one's choice, whose input size is the width of the embedding, or V for one-hot inputs.
    ///
    /// # Panics
    ///
    /// If the inputs are one-hot and their size is not V, or the options make no stack.
    #[track_caller]
    pub fn init_with<E: Element>(
        vocab_size: usize,
        embedding: bool,
        options: &StackOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> LanguageModel<C, Tensor<E>> {
        let width = options.input_size;
        assert!(
            embedding || width == vocab_size,
            "language model: one-hot inputs of {vocab_size} symbols need an input size of {vocab_size}, not {width}"
        );
        let embedding = embedding.then(|| init::normal(&[vocab_size, width], 1.0, rng));
        let rnn = Stack::init(options, rng);
        let head = Linear::init(rnn.output_size(), vocab_size, rng);
        LanguageModel { embedding, rnn, head }
    }
}

impl<C: Cell, E: Element> LanguageModel<C, Tensor<E>> {
    /// The number of symbols V.
    pub fn vocab_size(&self) -> usize {
        self.head.weight.shape()[0]
    }

    /// Zeros for `batch` texts, for each layer.
    pub fn zero_states(&self, batch: usize) -> Vec<StateOf<C, Tensor<E>>> {
        self.rnn.zero_states(batch)
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
        assert!(
            batch > 0 && ids.len().is_multiple_of(batch),
            "embed: {} ids do not fill {batch} rows; give every step one id a row",
            ids.len()
        );
        let rows = match &self.embedding {
            Some(table) => table.try_rows(ids)?,
            None => Tensor::try_one_hot(ids, self.vocab_size())?,
        };
        let width = rows.shape()[1];
        let seq_len = ids.len() / batch;
        Ok(Seq::time_major(rows.reshape(&[seq_len, batch, width])))
    }

    /// Runs the model over a window: the trace of the layers and the scores, [T·B, V]. Without noise it is evaluation.
    ///
    /// # Errors
    ///
    /// If an id is not below V.
    ///
    /// # Panics
    ///
    /// If the states or the noise do not fit the layers.
    #[track_caller]
    pub fn forward(
        &self,
        ids: &[usize],
        states: &[StateOf<C, Tensor<E>>],
        noise: Option<&Noise>,
    ) -> Result<(StackTrace<C, E>, Tensor<E>), Error> {
        let xs = self.embed(ids, rows::<C, _>(states).shape()[0])?;
        let trace = self.rnn.unroll(&xs, Some(states), noise);
        let scores = self.head.forward(trace.outputs.rows());
        Ok((trace, scores))
    }

    /// The loss of a window and its gradient, by hand: truncated backpropagation through time
    /// when windows follow each other with the states carried over. Without a step, T = 0, loss and gradient are 0.
    ///
    /// # Errors
    ///
    /// If an id or a target is not below V, or there are not as many targets as ids.
    ///
    /// # Panics
    ///
    /// If the states or the noise do not fit the layers.
    #[track_caller]
    pub fn window_grad(
        &self,
        inputs: &[usize],
        targets: &[usize],
        states: &[StateOf<C, Tensor<E>>],
        noise: Option<&Noise>,
    ) -> Result<WindowGrad<C, E>, Error> {
        let (trace, scores) = self.forward(inputs, states, noise)?;
        let outputs = trace.outputs.rows(); // [T·B, H]

        // The loss, and dL/dscores = (softmax − onehot) / (T·B).
        let (loss, d_scores) = CrossEntropy::new(targets).loss_and_grad(scores)?;

        // Through the head to ∂ℓ_t/∂h_t, and from there back in time.
        let (head, d_outputs) = self.head.backward(outputs, &d_scores);
        let d_outputs = trace.outputs.map_rows(|_| d_outputs);
        let StackBptt { grads: rnn, d_xs, delta_norms, .. } =
            self.rnn.bptt(&trace, &d_outputs, None);

        // A row of the table gets the gradients of all places where its symbol stood.
        let embedding = self.embedding.as_ref().map(|table| {
            let mut d_table = Tensor::zeros(table.shape());
            d_table.add_rows(inputs, d_xs.rows());
            d_table
        });
        let grads = LanguageModel { embedding, rnn, head };
        Ok(WindowGrad { loss, grads, last_states: trace.last, delta_norms })
    }
}

impl<'t, C: Cell, E: Element> LanguageModel<C, Var<'t, E>> {
    /// The loss of a window on a tape, by the engine that the options of the layers name.
    ///
    /// # Errors
    ///
    /// If an id or a target is not below V, or there are not as many targets as ids.
    ///
    /// # Panics
    ///
    /// If the states or the noise do not fit the layers.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        tape: &'t Tape<E>,
        inputs: &[usize],
        targets: &[usize],
        states: &[StateOf<C, Var<'t, E>>],
        noise: Option<&Noise>,
    ) -> Result<Var<'t, E>, Error> {
        let batch = rows::<C, _>(states).shape()[0];
        let out = self.rnn.on_tape_ids(tape, self.embedding, inputs, batch, Some(states), noise)?;
        let Linear { weight, bias } = self.head;
        let loss = CrossEntropy::new(targets);
        out.outputs.rows().try_linear_cross_entropy(weight, bias, loss)
    }
}

/// What tells the number of rows of the states.
#[track_caller]
fn rows<C: Cell, L>(states: &[StateOf<C, L>]) -> &L {
    C::output(states.first().expect("a state for each layer"))
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
