//! What can be decoded: a model that scores the next symbol.

use autograd::{Element, Error, Params, Tensor};

use super::DecodeError;
use crate::cell::{Cell, StateOf};
use crate::language_model::LanguageModel;

/// A model that scores the next symbol of B texts, given the last symbol of each and a state.
///
/// What the texts are about (an encoded sentence, the features of an image) and what was read of them so
/// far is all in the state. A row must depend on no other row: a batch is for speed only.
///
/// A Markov chain has nothing to remember but the last symbol:
///
/// ```
/// use autograd::{Error, Tensor};
/// use rnn::decode::{Beam, NextSymbol, Stop, beam_search};
///
/// /// ln p(next | last), [V, V].
/// struct Chain(Tensor<f64>);
///
/// impl NextSymbol for Chain {
///     type Element = f64;
///     type State = ();
///     fn vocab_size(&self) -> usize {
///         self.0.shape()[0]
///     }
///     fn step(&self, last: &[usize], _: &()) -> Result<(Tensor<f64>, ()), Error> {
///         Ok((self.0.try_rows(last)?, ()))
///     }
///     fn select(&self, _: &(), _: &[usize]) {}
/// }
///
/// // Symbol 0 begins and ends; 1 is likelier than 2 to come first, but 2 surely ends the text.
/// let p = Tensor::new(&[3, 3], vec![0.0, 0.6, 0.4, 0.5, 0.5, 0.0, 1.0, 0.0, 0.0]);
/// let chain = Chain(p.map(f64::ln));
/// let stop = Stop { eos: Some(0), max_len: 10 };
/// let best = beam_search(&chain, &[0], (), &Beam::width(2)?, stop)?;
/// assert_eq!(best[0].ids, [2]);
/// assert!((best[0].log_probability.exp() - 0.4).abs() < 1e-15);
/// # Ok::<(), rnn::decode::DecodeError>(())
/// ```
pub trait NextSymbol {
    /// The element type of the scores.
    type Element: Element;

    /// What was read so far, of B texts.
    type State;

    /// The number of symbols V.
    fn vocab_size(&self) -> usize;

    /// The scores of the next symbol, [B, V], not normalised, and the state after reading `last`: B ids.
    ///
    /// # Errors
    ///
    /// If an id is not below V, or whatever else stops the model.
    fn step(
        &self,
        last: &[usize],
        state: &Self::State,
    ) -> Result<(Tensor<Self::Element>, Self::State), Error>;

    /// The state of these rows, in this order; a row may be repeated or left out, as a beam does.
    fn select(&self, state: &Self::State, rows: &[usize]) -> Self::State;
}

impl<C: Cell, E: Element> NextSymbol for LanguageModel<C, Tensor<E>> {
    type Element = E;
    type State = Vec<StateOf<C, Tensor<E>>>;

    fn vocab_size(&self) -> usize {
        self.vocab_size()
    }

    fn step(
        &self,
        last: &[usize],
        states: &Self::State,
    ) -> Result<(Tensor<E>, Self::State), Error> {
        let (trace, scores) = self.forward(last, states, None)?;
        Ok((scores, trace.last))
    }

    fn select(&self, states: &Self::State, rows: &[usize]) -> Self::State {
        states.iter().map(|state| state.map(|part| part.rows(rows))).collect()
    }
}

/// A step, with the scores in the shape that was promised.
pub(super) fn step<M: NextSymbol>(
    model: &M,
    last: &[usize],
    state: &M::State,
) -> Result<(Tensor<M::Element>, M::State), DecodeError> {
    let (scores, next) = model.step(last, state)?;
    let promised = [last.len(), model.vocab_size()];
    assert_eq!(scores.shape(), promised, "step: the shape of the scores must be [B, V]");
    Ok((scores, next))
}
