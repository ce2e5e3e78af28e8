//! An acceptor: a sequence in, one class out.
//!
//! ```text
//! hs     = layers(xs)                                         [T, B, P]
//! y      = h at each row's end                                Last
//!          the mean of h_t over the row                       Mean
//!          the largest of each entry of h_t over the row      Max
//!          Σ_t α_t h_t with α = softmax(qᵀ h_t)               Attention
//! scores = W y + b                                            [B, K]
//! L      = mean over the batch of −ln softmax(scores)[class]
//! ```
//!
//! Last has to carry what matters to the end; mean dilutes it in a long row; max keeps what stood out, wherever it
//! was; attention learns where to look. With two directions, the last states of both are merged as the outputs are.
//!
//! A row of length 0 has y = 0, but for Last, where it is the initial state: also 0.
//!
//! Sources: the name, and that the last state decides, from the theory of automata; pooling over time, Collobert et
//! al. 2011, "Natural Language Processing (Almost) from Scratch"; attention, see [`AttentionPooling`].

use autograd::{Element, Mask, Params, Tape, Tensor, Var};
use rand::Rng;

use super::embedding::Embedding;
use super::error::ModelError;
use super::{constant, lengths_of};
use crate::attention::AttentionPooling;
use crate::cell::Cell;
use crate::linear::Linear;
use crate::noise::Noise;
use crate::seq::Seq;
use crate::stack::{Directions, Output, Stack, StackOptions};

/// Embedding, layers, pooling over time and a linear layer.
pub struct Acceptor<C: Cell, L = ()> {
    /// What stands for a symbol. Not looked at if the sequences are vectors.
    pub embedding: Embedding<L>,
    /// The layers.
    pub rnn: Stack<C, L>,
    /// The query, if the pooling is attention.
    pub attention: Option<AttentionPooling<L>>,
    /// From what was pooled to scores, [K, P].
    pub head: Linear<L>,
    /// What the head sees of the outputs.
    pub pooling: Pooling,
}

/// What is seen of the outputs of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// The last one.
    #[default]
    Last,
    /// Their mean.
    Mean,
    /// The largest of each entry.
    Max,
    /// A mean with learned weights.
    Attention,
}

/// What can be chosen of an acceptor whose cell has the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptorOptions<O> {
    /// The number of symbols V that have vectors of I numbers in a table; none for one-hot symbols, I = V,
    /// or for sequences of vectors.
    pub embedding: Option<usize>,
    /// The layers.
    pub rnn: StackOptions<O>,
    /// What is seen of the outputs.
    pub pooling: Pooling,
    /// The number of classes K.
    pub classes: usize,
}

parts!(Acceptor { embedding, rnn, head } optional { attention } plain { pooling });

impl<C: Cell> Acceptor<C> {
    /// Parameters drawn as PyTorch does.
    ///
    /// # Panics
    ///
    /// If the options of the layers are none.
    #[track_caller]
    pub fn init<E: Element>(
        options: &AcceptorOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> Acceptor<C, Tensor<E>> {
        let AcceptorOptions { embedding, ref rnn, pooling, classes } = *options;
        let embedding = match embedding {
            Some(vocab_size) => Embedding::init(vocab_size, rnn.input_size, rng),
            None => Embedding::one_hot(rnn.input_size),
        };
        let rnn = Stack::<C>::init(rnn, rng);
        let width = rnn.output_size();
        let attention = (pooling == Pooling::Attention).then(|| AttentionPooling::init(width, rng));
        Acceptor { embedding, rnn, attention, head: Linear::init(width, classes, rng), pooling }
    }
}

impl<'t, C: Cell, E: Element> Acceptor<C, Var<'t, E>> {
    /// The scores of each class, [B, K], of sequences of vectors [T, B, I]: of
    /// [embedded](Embedding::on_tape) symbols, or of anything else.
    ///
    /// # Panics
    ///
    /// If the sequences or the noise do not fit the parameters.
    #[track_caller]
    pub fn scores_on_tape(&self, xs: &Seq<Var<'t, E>>, noise: Option<&Noise>) -> Var<'t, E> {
        self.head.on_tape(self.pooled(&self.rnn.on_tape(xs, None, noise)))
    }

    /// The mean cross-entropy of the classes of B sequences, in nats. Noise is for training.
    ///
    /// # Errors
    ///
    /// If the batch is empty, there are not as many classes as sequences, or a class is not below K.
    ///
    /// # Panics
    ///
    /// If the sequences or the noise do not fit the parameters.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        xs: &Seq<Var<'t, E>>,
        classes: &[usize],
        noise: Option<&Noise>,
    ) -> Result<Var<'t, E>, ModelError> {
        let (size, batch) = (self.head.bias.shape()[0], xs.batch());
        if batch == 0 {
            return Err(ModelError::EmptyBatch);
        }
        if classes.len() != batch {
            return Err(ModelError::Count { what: "classes", found: classes.len(), batch });
        }
        if let Some(row) = classes.iter().position(|&class| class >= size) {
            return Err(ModelError::Class { class: classes[row], row, classes: size });
        }
        Ok(self.scores_on_tape(xs, noise).cross_entropy(classes))
    }

    /// What the head sees, [B, P].
    #[track_caller]
    fn pooled(&self, out: &Output<C, Var<'t, E>>) -> Var<'t, E> {
        let hs = out.outputs.unpacked();
        let (lengths, steps) = (lengths_of(&hs), hs.steps()); // zeros behind the end of a row
        match self.pooling {
            Pooling::Last => last_of(self.rnn.options.directions, out),
            Pooling::Mean => {
                let shares = lengths.iter().map(|&n| if n == 0 { 0.0 } else { 1.0 / n as f64 });
                let shares = Tensor::new(&[lengths.len(), 1], shares.map(E::from_f64).collect());
                steps.sum_over(&[0]) * steps.tape().constant(shares)
            }
            Pooling::Max => largest(steps, &lengths),
            Pooling::Attention => {
                let attention = self.attention.as_ref().expect("drawn for this pooling");
                attention.pool(&hs, &hs).context
            }
        }
    }
}

/// The last state of the last layer, as the rest of the network sees it; of two directions merged.
#[track_caller]
fn last_of<'t, C: Cell, E: Element>(
    directions: Directions,
    out: &Output<C, Var<'t, E>>,
) -> Var<'t, E> {
    match (directions, &out.last[out.last.len() - directions.count()..]) {
        (Directions::Both(merge), [a, b]) => merge.apply([C::output(a), C::output(b)]),
        (_, last) => *C::output(&last[0]),
    }
}

/// The largest of each entry over the steps that a row has, [T, B, P] to [B, P]; 0 for none.
#[track_caller]
fn largest<'t, E: Element>(steps: Var<'t, E>, lengths: &[usize]) -> Var<'t, E> {
    let [seq_len, batch, _] = steps.shape()[..] else { unreachable!("a sequence has three axes") };
    if seq_len == 0 {
        return steps.sum_over(&[0]);
    }
    let behind = |t| lengths.iter().map(move |&n| n > 0 && t >= n);
    let behind = Mask::new(&[seq_len, batch, 1], (0..seq_len).flat_map(behind).collect());
    steps.masked_fill(&behind, f64::NEG_INFINITY).max_over(&[0])
}

impl<C: Cell, E: Element> Acceptor<C, Tensor<E>> {
    /// The scores of each class, [B, K], of sequences of vectors [T, B, I].
    ///
    /// # Panics
    ///
    /// If the sequences do not fit the parameters.
    #[track_caller]
    pub fn scores(&self, xs: &Seq<Tensor<E>>) -> Tensor<E> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        on_tape.scores_on_tape(&constant(&tape, xs), None).value()
    }

    /// The class of each sentence: the one with the highest score.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use rnn::models::{Acceptor, AcceptorOptions, Pooling};
    /// use rnn::{Gru, StackOptions};
    ///
    /// let options = AcceptorOptions {
    ///     embedding: Some(20), // V = 20 words as vectors of I = 8 numbers
    ///     rnn: StackOptions::new(8, 16),
    ///     pooling: Pooling::Attention,
    ///     classes: 2,
    /// };
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let model = Acceptor::<Gru>::init::<f32>(&options, &mut rng);
    /// let classes = model.classify(&[vec![3, 1, 19], vec![7]])?;
    /// assert!(classes.len() == 2 && classes[0] < 2);
    /// # Ok::<(), rnn::models::ModelError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no sentences, or an id is not below V.
    #[track_caller]
    pub fn classify(&self, sentences: &[impl AsRef<[usize]>]) -> Result<Vec<usize>, ModelError> {
        Ok(self.scores(&self.embedding.forward(sentences)?).argmax(1))
    }

    /// Where it looks: the weights α of each step, [B, T], 0 behind the end of a row. None without attention.
    ///
    /// # Panics
    ///
    /// If the sequences do not fit the parameters.
    #[track_caller]
    pub fn weights(&self, xs: &Seq<Tensor<E>>) -> Option<Tensor<E>> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        let attention = on_tape.attention.as_ref()?;
        let hs = on_tape.rnn.on_tape(&constant(&tape, xs), None, None).outputs.unpacked();
        Some(attention.pool(&hs, &hs).weights.value())
    }
}
