//! An encoder–decoder: a sentence in, another one out, of another length and of other symbols.
//!
//! ```text
//! encoder    hs, s = layers(x_0 … x_{T−1})                                its last states start the decoder
//! decoder    h_t, s_t = layers(y_t, s_{t−1})       y_0 = BOS, y_1 …       what is written so far
//!            scores_t = W h_t + b                                         for the next symbol
//!
//! with attention, c_t a weighted mean of the hs:
//! Bahdanau   c_t looked up with h_{t−1};  h_t = layers([y_t; c_t], …)     scores_t = W [h_t; c_t] + b
//! Luong      c_t looked up with h_t                                       scores_t = W tanh(W_c [h_t; c_t] + b_c) + b
//!
//! L = mean over all symbols of all rows, EOS among them, of −ln softmax(scores_t)[symbol]
//! ```
//!
//! Without attention everything has to go through the last states, whose size does not grow with the sentence.
//!
//! **What the decoder reads in training.** Teacher forcing: the right symbols, whatever it would have written. Then it
//! never sees its own mistakes. Scheduled sampling: with a probability that grows during training, a symbol drawn from
//! its own scores instead; no gradient goes through the choice.
//!
//! Where an encoder reads both ways, its outputs stand side by side, and the decoder starts from the mean of the last
//! states of the two directions.
//!
//! Shapes: encoder outputs [T, B, P], decoder h [B, H], scores [T′·B, V + 1]; see [`Sentences`] for BOS and EOS. Sources:
//! Sutskever, Vinyals and Le 2014, arXiv 1409.3215; Bahdanau, Cho and Bengio 2015, arXiv 1409.0473v7; Luong, Pham
//! and Manning 2015, arXiv 1508.04025v5, section 3, without input feeding; Bengio et al. 2015, arXiv 1506.03099.
//! Absent: noise, and a decoder of other sizes than its encoder.

use autograd::{Element, Error, Params, Tape, Tensor, Var};
use rand::Rng;

use super::embedding::Embedding;
use super::error::ModelError;
use super::sentence::{Sentences, bos, eos, with_bos};
use crate::attention::{Attended, Attention, Memory, Score};
use crate::cell::{Cell, StateOf};
use crate::decode::{Decoding, NextSymbol, try_pick};
use crate::linear::Linear;
use crate::seq::Seq;
use crate::stack::{Directions, Merge, Output, Stack, StackOptions};

/// Two embeddings, two stacks of layers, perhaps attention, and a linear layer.
pub struct EncoderDecoder<C: Cell, L = ()> {
    /// The vectors of the symbols that are read, [V_in, I].
    pub source: Embedding<L>,
    /// The layers that read.
    pub encoder: Stack<C, L>,
    /// The vectors of V symbols to write, EOS and BOS, [V + 2, I].
    pub target: Embedding<L>,
    /// The layers that write.
    pub decoder: Stack<C, L>,
    /// How the decoder looks back; none if it does not.
    pub attention: Option<Attention<L>>,
    /// Luong's W_c and b_c, [H, H + P]; none for Bahdanau's way, or without attention.
    pub combine: Option<Linear<L>>,
    /// From what was found to scores, [V + 1, ·].
    pub head: Linear<L>,
}

/// When the decoder looks back, and how it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Before its step, with the state that it has: Bahdanau.
    Before(Score),
    /// After its step, with its new state: Luong.
    After(Score),
}

/// What can be chosen of an encoder–decoder whose cell has the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderDecoderOptions<O> {
    /// The number of symbols to read, V_in.
    pub source_size: usize,
    /// The number of symbols to write V, BOS and EOS not counted.
    pub target_size: usize,
    /// The layers of the encoder; symbols are vectors of I = `input_size` numbers. The decoder has as many, of
    /// the same size, in one direction; what it reads follows from the rest.
    pub rnn: StackOptions<O>,
    /// Whether and how the decoder looks back.
    pub look: Option<Look>,
}

/// A sentence that was read, and what was written so far: all that the decoder needs.
pub struct Encoded<C: Cell, L> {
    /// The states of the decoder's layers.
    pub states: Vec<StateOf<C, L>>,
    /// The outputs of the encoder, if the decoder looks at them.
    pub memory: Option<Memory<L>>,
}

/// What the decoder found at all steps of B sentences.
pub struct Decoded<L> {
    /// The scores of the next symbol, [T′·B, V + 1].
    pub scores: L,
    /// Where it looked, [T′, B, T]; none without attention.
    pub weights: Option<L>,
}

impl<C: Cell, L> Encoded<C, L> {
    fn map<M>(&self, f: impl Fn(&L) -> M) -> Encoded<C, M> {
        Encoded {
            states: self.states.iter().map(|state| state.map(&f)).collect(),
            memory: self.memory.as_ref().map(|memory| memory.map(&f)),
        }
    }
}

parts!(EncoderDecoder { source, encoder, target, decoder, head } optional { attention, combine });

impl<C: Cell> EncoderDecoder<C> {
    /// Parameters drawn as PyTorch does.
    ///
    /// # Panics
    ///
    /// If the options of the layers are none, or the score is a product of queries and keys of different sizes.
    #[track_caller]
    pub fn init<E: Element>(
        options: &EncoderDecoderOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> EncoderDecoder<C, Tensor<E>> {
        let EncoderDecoderOptions { source_size, target_size, ref rnn, look } = *options;
        let directions = match rnn.directions {
            Directions::Both(_) => Directions::Both(Merge::Concat),
            one => one,
        };
        let width = rnn.input_size;
        let source = Embedding::init(source_size, width, rng);
        let encoder = Stack::<C>::init(&StackOptions { directions, ..rnn.clone() }, rng);
        let context = encoder.output_size();

        let target = Embedding::init(target_size + 2, width, rng);
        let input_size = if let Some(Look::Before(_)) = look { width + context } else { width };
        let directions = Directions::Forward;
        let decoder = StackOptions { input_size, directions, ..rnn.clone() };
        let decoder = Stack::<C>::init(&decoder, rng);
        let hidden = decoder.output_size();

        let attention = look.map(|(Look::Before(score) | Look::After(score))| {
            Attention::init(score, hidden, context, rng)
        });
        let after = matches!(look, Some(Look::After(_)));
        let combine = after.then(|| Linear::init(hidden + context, hidden, rng));
        let seen = if let Some(Look::Before(_)) = look { hidden + context } else { hidden };
        let head = Linear::init(seen, target_size + 1, rng);
        EncoderDecoder { source, encoder, target, decoder, attention, combine, head }
    }
}

impl<C: Cell, L> EncoderDecoder<C, L> {
    /// The number of symbols to write V, BOS and EOS not counted.
    fn symbols(&self) -> usize {
        self.target.vocab_size - 2
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

impl<'t, C: Cell, E: Element> EncoderDecoder<C, Var<'t, E>> {
    /// The mean cross-entropy of B pairs of sentences, in nats a symbol, each EOS counted. The decoder reads the right
    /// symbols (teacher forcing).
    ///
    /// # Errors
    ///
    /// If there are no pairs, not as many targets as sources, or a symbol that the model does not have.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        tape: &'t Tape<E>,
        sources: &[impl AsRef<[usize]>],
        targets: &[impl AsRef<[usize]>],
    ) -> Result<Var<'t, E>, ModelError> {
        let (encoded, sentences) = self.read(tape, sources, targets)?;
        let decoded = self.decode(tape, &encoded, &sentences, |_, _| Ok(()))?;
        Ok(sentences.loss(decoded.scores))
    }

    /// The same loss, the decoder reading what it would have written itself with the probability `own`, at each step of
    /// each row but the first (scheduled sampling).
    ///
    /// Two numbers are drawn for each such place, whatever they decide.
    ///
    /// # Errors
    ///
    /// As for [`loss_on_tape`](Self::loss_on_tape), and if `own` is not in [0, 1], or no score is a number.
    #[track_caller]
    pub fn scheduled_loss_on_tape(
        &self,
        tape: &'t Tape<E>,
        sources: &[impl AsRef<[usize]>],
        targets: &[impl AsRef<[usize]>],
        own: f64,
        rng: &mut impl Rng,
    ) -> Result<Var<'t, E>, ModelError> {
        if !(0.0..=1.0).contains(&own) {
            return Err(ModelError::Probability { what: "reading an own symbol", p: own });
        }
        let sampling = Decoding::temperature(1.0)?;
        let (encoded, sentences) = self.read(tape, sources, targets)?;
        let decoded = self.decode(tape, &encoded, &sentences, |scores, ids| {
            for (id, scores) in ids.iter_mut().zip(scores.data().chunks(self.symbols() + 1)) {
                let reads_own = autograd::init::unit(rng) < own;
                let drawn = try_pick(scores, &sampling, rng)?;
                if reads_own {
                    *id = drawn;
                }
            }
            Ok(())
        })?;
        Ok(sentences.loss(decoded.scores))
    }

    #[track_caller]
    fn read(
        &self,
        tape: &'t Tape<E>,
        sources: &[impl AsRef<[usize]>],
        targets: &[impl AsRef<[usize]>],
    ) -> Result<(Encoded<C, Var<'t, E>>, Sentences), ModelError> {
        let (found, batch) = (targets.len(), sources.len());
        if found != batch {
            return Err(ModelError::Count { what: "targets", found, batch });
        }
        Ok((self.encode_on_tape(tape, sources)?, Sentences::new(targets, self.symbols())?))
    }

    /// Reads B sentences: what the decoder starts from.
    ///
    /// # Errors
    ///
    /// If there are no sentences, or a symbol that the model does not have.
    #[track_caller]
    pub fn encode_on_tape(
        &self,
        tape: &'t Tape<E>,
        sources: &[impl AsRef<[usize]>],
    ) -> Result<Encoded<C, Var<'t, E>>, ModelError> {
        let xs = self.source.on_tape(tape, sources)?;
        let Output { outputs, last } = self.encoder.on_tape(&xs, None, None);
        let memory = self.attention.as_ref().map(|a| a.memory(&outputs, &outputs));
        let layers = last.chunks(self.encoder.options.directions.count());
        let states = layers.map(|directions| match directions {
            [one] => one.map(Var::clone),
            [forward, reverse, ..] => {
                let mut others = reverse.leaves().into_iter();
                forward.map(|&s| (s + others.next().expect("states of one cell")) * 0.5)
            }
            [] => unreachable!("a chunk is not empty"),
        });
        Ok(Encoded { states: states.collect(), memory })
    }

    /// The decoder over whole sentences. Before each step but the first, `choose` may replace the symbols that it reads,
    /// given its scores [B, V + 1].
    #[track_caller]
    fn decode(
        &self,
        tape: &'t Tape<E>,
        encoded: &Encoded<C, Var<'t, E>>,
        sentences: &Sentences,
        mut choose: impl FnMut(&Tensor<E>, &mut [usize]) -> Result<(), ModelError>,
    ) -> Result<Decoded<Var<'t, E>>, ModelError> {
        let mut states = encoded.map(Var::clone).states;
        let mut scores: Vec<Var<'t, E>> = Vec::with_capacity(sentences.seq_len());
        let mut weights = Vec::new();
        for t in 0..sentences.seq_len() {
            let mut ids = sentences.step(t).to_vec();
            if let Some(scores) = scores.last() {
                choose(&scores.value(), &mut ids)?;
            }
            let y = self.target.rows_on_tape(tape, &ids).expect("ids below V + 2");
            let found = self.step_on_tape(y, &states, encoded.memory.as_ref());
            states = found.states;
            scores.push(found.scores);
            weights.extend(found.weights);
        }
        let weights = (!weights.is_empty()).then(|| Var::stack(&weights));
        Ok(Decoded { scores: Var::concat(&scores, 0), weights })
    }

    /// One step of the decoder, from the vectors [B, I] of what was written last.
    #[track_caller]
    fn step_on_tape(
        &self,
        y: Var<'t, E>,
        states: &[StateOf<C, Var<'t, E>>],
        memory: Option<&Memory<Var<'t, E>>>,
    ) -> Stepped<'t, C, E> {
        let run = |x: Var<'t, E>| {
            let xs = Seq::time_major(x.reshape(&[&[1], &x.shape()[..]].concat()));
            let out = self.decoder.on_tape(&xs, Some(states), None);
            (*out.outputs.rows(), out.last)
        };
        let (Some(attention), Some(memory)) = (&self.attention, memory) else {
            let (h, states) = run(y);
            return Stepped { scores: self.head.on_tape(h), states, weights: None };
        };
        let beside = |a, b| Var::concat(&[a, b], 1);
        match &self.combine {
            None => {
                let h_prev = *C::output(states.last().expect("at least one layer"));
                let Attended { weights, context } = attention.attend(memory, h_prev);
                let (h, states) = run(beside(y, context));
                let scores = self.head.on_tape(beside(h, context));
                Stepped { scores, states, weights: Some(weights) }
            }
            Some(combine) => {
                let (h, states) = run(y);
                let Attended { weights, context } = attention.attend(memory, h);
                let scores = self.head.on_tape(combine.on_tape(beside(h, context)).tanh());
                Stepped { scores, states, weights: Some(weights) }
            }
        }
    }
}

/// What one step of the decoder found.
struct Stepped<'t, C: Cell, E: Element> {
    /// [B, V + 1]
    scores: Var<'t, E>,
    states: Vec<StateOf<C, Var<'t, E>>>,
    /// [B, T]
    weights: Option<Var<'t, E>>,
}

impl<C: Cell, E: Element> EncoderDecoder<C, Tensor<E>> {
    /// Reads B sentences: the state from which their translations are decoded, after the prompt BOS.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use rnn::attention::Score;
    /// use rnn::decode::{Decoding, Stop, generate};
    /// use rnn::models::{EncoderDecoder, EncoderDecoderOptions, Look};
    /// use rnn::{Gru, StackOptions};
    ///
    /// let options = EncoderDecoderOptions {
    ///     source_size: 10,
    ///     target_size: 12,
    ///     rnn: StackOptions::new(8, 16),
    ///     look: Some(Look::Before(Score::Additive { attention_size: 16 })),
    /// };
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let model = EncoderDecoder::<Gru>::init::<f64>(&options, &mut rng);
    ///
    /// let read = model.encode(&[vec![3, 1, 4], vec![5]])?;
    /// let prompts = [[model.bos()]; 2];
    /// let stop = Stop { eos: Some(model.eos()), max_len: 6 };
    /// let mut rngs = [1, 2].map(rand_chacha::ChaCha8Rng::seed_from_u64); // greedy: not drawn from
    /// let texts = generate(&model, &prompts, read, &Decoding::greedy(), stop, &mut rngs)?;
    /// assert!(texts[1].ids.iter().all(|&id| id < 12));
    /// # Ok::<(), rnn::models::ModelError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no sentences, or a symbol that the model does not have.
    #[track_caller]
    pub fn encode(
        &self,
        sources: &[impl AsRef<[usize]>],
    ) -> Result<Encoded<C, Tensor<E>>, ModelError> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        Ok(on_tape.encode_on_tape(&tape, sources)?.map(Var::value))
    }

    /// What the decoder finds where it reads the right symbols: scores, and where it looks.
    ///
    /// # Errors
    ///
    /// If there are no pairs, not as many targets as sources, or a symbol that the model does not have.
    #[track_caller]
    pub fn forced(
        &self,
        sources: &[impl AsRef<[usize]>],
        targets: &[impl AsRef<[usize]>],
    ) -> Result<Decoded<Tensor<E>>, ModelError> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        let (encoded, sentences) = on_tape.read(&tape, sources, targets)?;
        let Decoded { scores, weights } =
            on_tape.decode(&tape, &encoded, &sentences, |_, _| Ok(()))?;
        Ok(Decoded { scores: scores.value(), weights: weights.map(|w| w.value()) })
    }
}

/// The state is what was read and what was written; a symbol that the decoder reads next is a row of the target's table.
impl<C: Cell, E: Element> NextSymbol for EncoderDecoder<C, Tensor<E>> {
    type Element = E;
    type State = Encoded<C, Tensor<E>>;

    fn vocab_size(&self) -> usize {
        self.target.vocab_size
    }

    fn step(&self, last: &[usize], state: &Self::State) -> Result<(Tensor<E>, Self::State), Error> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        let Encoded { states, memory } = state.map(|s| tape.constant(s.clone()));
        let y = on_tape.target.rows_on_tape(&tape, last)?;
        let Stepped { scores, states, .. } = on_tape.step_on_tape(y, &states, memory.as_ref());
        let states = states.iter().map(|s| s.map(Var::value)).collect();
        Ok((with_bos(&scores.value())?, Encoded { states, memory: state.memory.clone() }))
    }

    fn select(&self, state: &Self::State, rows: &[usize]) -> Self::State {
        Encoded {
            states: state.states.iter().map(|s| s.map(|part| part.rows(rows))).collect(),
            memory: state.memory.as_ref().map(|memory| memory.select(rows)),
        }
    }
}
