//! A tagger: a sequence in, a class for every step out.
//!
//! ```text
//! hs       = layers(xs)                                          [T, B, P]
//! scores_t = W h_t + b                                           [T, B, K]
//! L        = mean over all steps of all rows of −ln softmax(scores_t)[tag_t]
//! ```
//!
//! The mean is over steps that rows have. Over the cells of the padded table it would depend on how rows were put
//! together to a batch, and over rows first it would weigh the words of short sentences more.
//!
//! To tag by what comes after, let the layers read in both [directions](crate::stack::Directions).

use autograd::ops::CrossEntropy;
use autograd::{Element, Params, Tape, Tensor, Var};
use rand::Rng;

use super::embedding::{Embedding, Padded, pad};
use super::error::ModelError;
use super::{constant, lengths_of};
use crate::cell::Cell;
use crate::linear::Linear;
use crate::noise::Noise;
use crate::seq::Seq;
use crate::stack::{Stack, StackOptions};

/// Embedding, layers, and a linear layer at every step.
pub struct Tagger<C: Cell, L = ()> {
    /// What stands for a symbol. Not looked at if the sequences are vectors.
    pub embedding: Embedding<L>,
    /// The layers.
    pub rnn: Stack<C, L>,
    /// From outputs to scores, [K, P].
    pub head: Linear<L>,
}

/// What can be chosen of a tagger whose cell has the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggerOptions<O> {
    /// The number of symbols V that have vectors of I numbers in a table; none for one-hot symbols, I = V,
    /// or for sequences of vectors.
    pub embedding: Option<usize>,
    /// The layers.
    pub rnn: StackOptions<O>,
    /// The number of tags K.
    pub tags: usize,
}

parts!(Tagger { embedding, rnn, head });

impl<C: Cell> Tagger<C> {
    /// Parameters drawn as PyTorch does.
    ///
    /// # Panics
    ///
    /// If the options of the layers are none.
    #[track_caller]
    pub fn init<E: Element>(
        options: &TaggerOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> Tagger<C, Tensor<E>> {
        let TaggerOptions { embedding, ref rnn, tags } = *options;
        let embedding = match embedding {
            Some(vocab_size) => Embedding::init(vocab_size, rnn.input_size, rng),
            None => Embedding::one_hot(rnn.input_size),
        };
        let rnn = Stack::<C>::init(rnn, rng);
        let head = Linear::init(rnn.output_size(), tags, rng);
        Tagger { embedding, rnn, head }
    }
}

impl<'t, C: Cell, E: Element> Tagger<C, Var<'t, E>> {
    /// The scores of each tag at each step, [T, B, K], of sequences of vectors [T, B, I]. Padded, even if the
    /// sequences are packed; zeros behind the end of a row.
    ///
    /// # Panics
    ///
    /// If the sequences or the noise do not fit the parameters.
    #[track_caller]
    pub fn scores_on_tape(&self, xs: &Seq<Var<'t, E>>, noise: Option<&Noise>) -> Seq<Var<'t, E>> {
        let hs = self.rnn.on_tape(xs, None, noise).outputs;
        hs.map_rows(|&rows| self.head.on_tape(rows)).unpacked()
    }

    /// The mean cross-entropy of the tags of B sequences, in nats a step. Noise is for training.
    ///
    /// # Errors
    ///
    /// If the batch is empty, a row has not one tag a step, a tag is not below K, or no row has a step.
    ///
    /// # Panics
    ///
    /// If the sequences or the noise do not fit the parameters.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        xs: &Seq<Var<'t, E>>,
        tags: &[impl AsRef<[usize]>],
        noise: Option<&Noise>,
    ) -> Result<Var<'t, E>, ModelError> {
        let (found, batch) = (tags.len(), xs.batch());
        if found != batch {
            return Err(ModelError::Count { what: "rows of tags", found, batch });
        }
        let size = self.head.bias.shape()[0];
        let Padded { ids: mut targets, lengths } = pad("tag", tags, size)?;
        for (row, (&tags, &steps)) in lengths.iter().zip(&lengths_of(xs)).enumerate() {
            if tags != steps {
                return Err(ModelError::Tags { row, tags, steps });
            }
        }
        if lengths.iter().all(|&n| n == 0) {
            return Err(ModelError::NoTarget { wanted: "a step" });
        }
        let scores = self.scores_on_tape(xs, noise);
        targets.resize(scores.seq_len() * batch, 0);
        for (i, target) in targets.iter_mut().enumerate() {
            if i / batch >= lengths[i % batch] {
                *target = size; // no tag: ignored
            }
        }
        let options = CrossEntropy { ignore: Some(size), ..CrossEntropy::new(&targets) };
        Ok(scores.rows().cross_entropy_with(options))
    }
}

impl<C: Cell, E: Element> Tagger<C, Tensor<E>> {
    /// The scores of each tag at each step, [T, B, K], of sequences of vectors [T, B, I].
    ///
    /// # Panics
    ///
    /// If the sequences do not fit the parameters.
    #[track_caller]
    pub fn scores(&self, xs: &Seq<Tensor<E>>) -> Seq<Tensor<E>> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        on_tape.scores_on_tape(&constant(&tape, xs), None).map_rows(Var::value)
    }

    /// The tag of each symbol of each sentence: the one with the highest score.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use rnn::models::{Tagger, TaggerOptions};
    /// use rnn::{Directions, Lstm, Merge, StackOptions};
    ///
    /// let directions = Directions::Both(Merge::Concat);
    /// let rnn = StackOptions { directions, ..StackOptions::new(8, 16) };
    /// let options = TaggerOptions { embedding: Some(20), rnn, tags: 5 };
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let model = Tagger::<Lstm>::init::<f32>(&options, &mut rng);
    /// let tags = model.tag(&[vec![3, 1, 19], vec![7]])?;
    /// assert_eq!((tags[0].len(), tags[1].len()), (3, 1));
    /// # Ok::<(), rnn::models::ModelError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no sentences, or an id is not below V.
    #[track_caller]
    pub fn tag(&self, sentences: &[impl AsRef<[usize]>]) -> Result<Vec<Vec<usize>>, ModelError> {
        let scores = self.scores(&self.embedding.forward(sentences)?);
        let best = scores.rows().argmax(1);
        let row = |(b, ids): (usize, &_)| {
            let length = AsRef::<[usize]>::as_ref(ids).len();
            (0..length).map(|t| best[t * scores.batch() + b]).collect()
        };
        Ok(sentences.iter().enumerate().map(row).collect())
    }
}
