//! A captioner: the features of an image in, a sentence out.
//!
//! ```text
//! State    h_0 = tanh(W f + b) of every layer        then the layers read  BOS s_0 s_1 …
//! Input    x_0 = W f + b                             then the layers read  x_0 BOS s_0 s_1 …
//!
//! scores_t = V h_t + c          for the symbol after BOS, after s_0, …, and EOS after the last
//! L        = mean over all symbols of all rows, EOS among them, of −ln softmax(scores_t)[symbol]
//! ```
//!
//! One image, many words. What the image says has to last until it is needed: as a state it is there from the start,
//! as an input it must be taken up by the gates like a word. Its features come from anywhere; if they come from a
//! convolution on the same tape, the gradient goes back into it.
//!
//! Shapes: features [B, F], sentences of T_b symbols; see [`Sentences`] for BOS and EOS. Sources: as an input, Vinyals et al.
//! 2015, arXiv 1411.4555, equations 10 to 12; as a state, Xu et al. 2015, arXiv 1502.03044, section 3.1.2.
//! Absent: attention over the places of an image.

use autograd::{Element, Error, Params, Tape, Tensor, Var};
use rand::Rng;

use super::embedding::Embedding;
use super::error::ModelError;
use super::forward_only;
use super::sentence::{Sentences, bos, eos, with_bos};
use crate::cell::{Cell, State, StateOf};
use crate::decode::NextSymbol;
use crate::linear::Linear;
use crate::seq::Seq;
use crate::stack::{Stack, StackOptions};

/// A linear layer for the image, an embedding, layers, and a linear layer.
pub struct Captioner<C: Cell, L = ()> {
    /// The vectors of V symbols, EOS and BOS, [V + 2, I].
    pub embedding: Embedding<L>,
    /// From the features to a state, [Σ H, F], or to an input, [I, F].
    pub image: Linear<L>,
    /// The layers.
    pub rnn: Stack<C, L>,
    /// From outputs to scores, [V + 1, P].
    pub head: Linear<L>,
    /// Where the image goes in.
    pub image_as: ImageAs,
}

/// Where an image goes into the layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageAs {
    /// As the initial h of every layer.
    #[default]
    State,
    /// As the first input.
    Input,
}

/// What can be chosen of a captioner whose cell has the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptionerOptions<O> {
    /// The number of symbols V, BOS and EOS not counted.
    pub vocab_size: usize,
    /// The number of features F of an image.
    pub features: usize,
    /// The layers; symbols are vectors of I = `input_size` numbers. One direction: a sentence is written forward.
    pub rnn: StackOptions<O>,
    /// Where the image goes in.
    pub image_as: ImageAs,
}

parts!(Captioner { embedding, image, rnn, head } plain { image_as });

impl<C: Cell> Captioner<C> {
    /// Parameters drawn as PyTorch does.
    ///
    /// # Panics
    ///
    /// If the options of the layers are none, or they read in another direction than forward.
    #[track_caller]
    pub fn init<E: Element>(
        options: &CaptionerOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> Captioner<C, Tensor<E>> {
        let CaptionerOptions { vocab_size, features, ref rnn, image_as } = *options;
        forward_only("captioner", rnn.directions);
        let embedding = Embedding::init(vocab_size + 2, rnn.input_size, rng);
        let input_size = rnn.input_size;
        let rnn = Stack::<C>::init(rnn, rng);
        let width = match image_as {
            ImageAs::State => rnn.cells.iter().map(|cell| C::sizes(cell).output).sum(),
            ImageAs::Input => input_size,
        };
        let image = Linear::init(features, width, rng);
        let head = Linear::init(rnn.output_size(), vocab_size + 1, rng);
        Captioner { embedding, image, rnn, head, image_as }
    }
}

impl<C: Cell, L> Captioner<C, L> {
    /// The number of symbols V, BOS and EOS not counted.
    fn symbols(&self) -> usize {
        self.embedding.vocab_size - 2
    }

    /// The id of the symbol that ends a sentence.
    pub fn eos(&self) -> usize {
        eos(self.symbols())
    }

    /// The id of the symbol that a sentence begins after: the prompt of decoding.
    pub fn bos(&self) -> usize {
        bos(self.symbols())
    }
}

impl<'t, C: Cell, E: Element> Captioner<C, Var<'t, E>> {
    /// The mean cross-entropy of the captions of B images with the features [B, F], in nats a symbol, each EOS
    /// counted. Every symbol is predicted from the right ones before it (teacher forcing).
    ///
    /// # Errors
    ///
    /// If there are no images, not as many captions, or a symbol is not below V.
    ///
    /// # Panics
    ///
    /// If the features do not fit the parameters.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        images: Var<'t, E>,
        captions: &[impl AsRef<[usize]>],
    ) -> Result<Var<'t, E>, ModelError> {
        let (found, batch) = (captions.len(), images.shape()[0]);
        if found != batch {
            return Err(ModelError::Count { what: "captions", found, batch });
        }
        let sentences = Sentences::new(captions, self.symbols())?;
        let tape = images.tape();
        let states = self.start_on_tape(images);
        let xs = self.embedding.steps_on_tape(tape, &sentences.inputs, batch);
        let hs = self.rnn.on_tape(&xs, Some(&states), None).outputs;
        Ok(sentences.loss(self.head.on_tape(*hs.rows())))
    }

    /// The states before BOS is read.
    #[track_caller]
    fn start_on_tape(&self, images: Var<'t, E>) -> Vec<StateOf<C, Var<'t, E>>> {
        let tape = images.tape();
        let batch = images.shape()[0];
        let y = self.image.on_tape(images);
        let sizes = self.rnn.cells.iter().map(|cell| C::sizes(&cell.map(Var::value)));
        let zeros = sizes.map(|sizes| C::State::zeros::<E>(batch, sizes));
        let mut states: Vec<StateOf<C, _>> =
            zeros.map(|state| state.map(|zero| tape.constant(zero.clone()))).collect();
        match self.image_as {
            ImageAs::State => {
                let hs = y.tanh();
                let mut start = 0;
                for state in &mut states {
                    let h = C::output_mut(state);
                    let end = start + h.shape()[1];
                    *h = hs.slice(1, start, end);
                    start = end;
                }
                states
            }
            ImageAs::Input => {
                let x = Seq::time_major(Var::stack(&[y]));
                self.rnn.on_tape(&x, Some(&states), None).last.into_vec()
            }
        }
    }
}

impl<C: Cell, E: Element> Captioner<C, Tensor<E>> {
    /// The state from which the captions of B images with the features [B, F] are decoded, after the prompt BOS.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use rand::SeedableRng;
    /// use rnn::decode::{Beam, Stop, beam_search};
    /// use rnn::models::{Captioner, CaptionerOptions, ImageAs};
    /// use rnn::{Gru, StackOptions};
    ///
    /// let options = CaptionerOptions {
    ///     vocab_size: 10,
    ///     features: 6,
    ///     rnn: StackOptions::new(8, 16),
    ///     image_as: ImageAs::State,
    /// };
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let model = Captioner::<Gru>::init::<f64>(&options, &mut rng);
    /// let state = model.start(&Tensor::ones(&[1, 6]));
    /// let stop = Stop { eos: Some(model.eos()), max_len: 5 };
    /// let texts = beam_search(&model, &[model.bos()], state, &Beam::width(3)?, stop)?;
    /// assert!(texts[0].ids.iter().all(|&id| id < 10));
    /// # Ok::<(), rnn::decode::DecodeError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the features do not fit the parameters.
    #[track_caller]
    pub fn start(&self, images: &Tensor<E>) -> Vec<StateOf<C, Tensor<E>>> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        let states = on_tape.start_on_tape(tape.constant(images.clone()));
        states.iter().map(|state| state.map(Var::value)).collect()
    }
}

/// What was read is in the states; the image too.
impl<C: Cell, E: Element> NextSymbol for Captioner<C, Tensor<E>> {
    type Element = E;
    type State = Vec<StateOf<C, Tensor<E>>>;

    fn vocab_size(&self) -> usize {
        self.embedding.vocab_size
    }

    fn step(
        &self,
        last: &[usize],
        states: &Self::State,
    ) -> Result<(Tensor<E>, Self::State), Error> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        let constant = |state: &StateOf<C, Tensor<E>>| state.map(|s| tape.constant(s.clone()));
        let states: Vec<_> = states.iter().map(constant).collect();
        let x = on_tape.embedding.rows_on_tape(&tape, last)?;
        let out = on_tape.rnn.on_tape(&Seq::time_major(Var::stack(&[x])), Some(&states), None);
        let scores = on_tape.head.on_tape(*out.outputs.rows());
        Ok((with_bos(&scores.value())?, out.carried()))
    }

    fn select(&self, states: &Self::State, rows: &[usize]) -> Self::State {
        states.iter().map(|state| state.map(|part| part.rows(rows))).collect()
    }
}
