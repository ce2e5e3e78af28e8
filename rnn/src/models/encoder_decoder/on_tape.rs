//! The encoder–decoder on a tape: reading, writing, and the two losses.

use autograd::{Element, Params, Tape, Tensor, Var};
use rand::Rng;

use super::{Decoded, Encoded, EncoderDecoder};
use crate::attention::{Attended, Memory};
use crate::cell::{Cell, StateOf};
use crate::decode::{Decoding, try_pick};
use crate::models::error::ModelError;
use crate::models::sentence::Sentences;
use crate::seq::Seq;
use crate::stack::Output;

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
    pub(super) fn read(
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
    pub(super) fn decode(
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
    pub(super) fn step_on_tape(
        &self,
        y: Var<'t, E>,
        states: &[StateOf<C, Var<'t, E>>],
        memory: Option<&Memory<Var<'t, E>>>,
    ) -> Stepped<'t, C, E> {
        let run = |x: Var<'t, E>| {
            let xs = Seq::time_major(x.reshape(&[&[1], &x.shape()[..]].concat()));
            let out = self.decoder.on_tape(&xs, Some(states), None);
            (*out.outputs.rows(), out.last.into_vec())
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
pub(super) struct Stepped<'t, C: Cell, E: Element> {
    /// [B, V + 1]
    pub(super) scores: Var<'t, E>,
    pub(super) states: Vec<StateOf<C, Var<'t, E>>>,
    /// [B, T]
    pub(super) weights: Option<Var<'t, E>>,
}
