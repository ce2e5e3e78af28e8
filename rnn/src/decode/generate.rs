//! Writing texts: a symbol is chosen, and read as the next input.
//!
//! ```text
//! y_t ~ decoding(scores_t)          (scores_{t+1}, state_{t+1}) = step(y_t, state_t)
//! ```
//!
//! Many texts are written at once, each a row of the batch. Row b draws from generator b and from no
//! other, one number a symbol; so what it writes depends neither on the other rows nor on how many there
//! are. A row that has ended leaves the batch, which costs the others nothing.
//!
//! A prompt is read first: as long as it lasts, its symbols are taken in the place of choices, and nothing is
//! drawn. The prompts of a batch may differ in length.

use rand::Rng;

use super::distribution::log_probabilities;
use super::next_symbol::{NextSymbol, step};
use super::pick::try_pick;
use super::{DecodeError, Decoding};

/// When a text ends: at a symbol, and at a length in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The symbol that ends a text and is not part of it, if the model has one.
    pub eos: Option<usize>,
    /// The largest number of choices, that of the end symbol among them.
    pub max_len: usize,
}

impl Stop {
    /// Whether the model has the end symbol.
    pub(super) fn check(&self, vocab_size: usize) -> Result<(), DecodeError> {
        match self.eos {
            Some(eos) if eos >= vocab_size => Err(DecodeError::Eos { eos, vocab_size }),
            _ => Ok(()),
        }
    }
}

/// Why a text ends where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The end symbol was chosen.
    Eos,
    /// It was not: the text is cut at the largest length, or as long as it is so far.
    Cut,
}

/// A text that a model wrote after a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Continuation {
    /// Its symbols, without the prompt and without the end symbol.
    pub ids: Vec<usize>,
    /// Σ ln p of each choice in nats, that of the end symbol among them, under the model: the softmax of its
    /// scores, not the sharper or cut distribution that the choices may have been drawn from.
    pub log_probability: f64,
    /// Why it ends there.
    pub end: End,
}

impl Continuation {
    /// A text of which nothing is written.
    pub(super) const EMPTY: Self = Self { ids: Vec::new(), log_probability: 0.0, end: End::Cut };

    /// How often a symbol was chosen: |Y|, the end symbol counted.
    pub fn choices(&self) -> usize {
        self.ids.len() + usize::from(self.end == End::Eos)
    }
}

/// Continues B prompts, the state having B rows and there being B generators.
///
/// ```
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use rnn::decode::{Decoding, Stop, generate};
/// use rnn::{Gru, LanguageModel};
///
/// let model = LanguageModel::<Gru>::init::<f64>(5, None, 8, &mut ChaCha8Rng::seed_from_u64(0));
/// let decoding = Decoding::temperature(0.8)?.top_p(0.9)?;
/// let stop = Stop { eos: None, max_len: 20 };
/// let mut rngs = [1, 2].map(ChaCha8Rng::seed_from_u64);
/// let texts =
///     generate(&model, &[vec![0, 3], vec![4]], model.zero_states(2), &decoding, stop, &mut rngs)?;
/// assert_eq!(texts[1].ids.len(), 20);
///
/// // The second row alone is the same text.
/// let mut rngs = [ChaCha8Rng::seed_from_u64(2)];
/// let alone = generate(&model, &[[4]], model.zero_states(1), &decoding, stop, &mut rngs)?;
/// assert_eq!(alone[0].ids, texts[1].ids);
/// # Ok::<(), rnn::decode::DecodeError>(())
/// ```
///
/// # Errors
///
/// If a prompt is empty, a prompt or the end symbol is none of the model's symbols, the model cannot do a step, or
/// a step leaves nothing to choose.
///
/// # Panics
///
/// If there is not one generator for each prompt, or the scores are not [B, V].
#[track_caller]
pub fn generate<M: NextSymbol, R: Rng>(
    model: &M,
    prompts: &[impl AsRef<[usize]>],
    state: M::State,
    decoding: &Decoding,
    stop: Stop,
    rngs: &mut [R],
) -> Result<Vec<Continuation>, DecodeError> {
    let prompts: Vec<&[usize]> = prompts.iter().map(AsRef::as_ref).collect();
    let mut batch = Batch::new(model, &prompts, state, decoding, stop, rngs)?;
    while !batch.open.is_empty() {
        batch.advance()?;
    }
    Ok(batch.texts)
}

/// Continues one prompt, a symbol at a time: for a text that is shown while it is written.
///
/// ```
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use rnn::decode::{Decoding, Stop, symbols};
/// use rnn::data::Vocabulary;
/// use rnn::{Gru, LanguageModel};
///
/// let vocabulary = Vocabulary::of("abc\n")?;
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let model = LanguageModel::<Gru>::init::<f64>(vocabulary.len(), None, 8, &mut rng);
/// let prompt = vocabulary.encode("ab")?;
/// let stop = Stop { eos: None, max_len: 6 };
/// let decoding = Decoding::temperature(1.0)?;
/// let mut written = String::new();
/// for id in symbols(&model, &prompt, model.zero_states(1), &decoding, stop, &mut rng)? {
///     written.push(vocabulary.symbols()[id?]);
/// }
/// assert_eq!(written.chars().count(), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If the prompt is empty, or the prompt or the end symbol is none of the model's symbols. The iterator gives an
/// error as its last item if the model cannot do a step, or a step leaves nothing to choose.
pub fn symbols<'a, M: NextSymbol, R: Rng>(
    model: &'a M,
    prompt: &'a [usize],
    state: M::State,
    decoding: &Decoding,
    stop: Stop,
    rng: &'a mut R,
) -> Result<Symbols<'a, M, R>, DecodeError> {
    let rngs = std::slice::from_mut(rng);
    Ok(Symbols { batch: Batch::new(model, &[prompt], state, decoding, stop, rngs)? })
}

/// The symbols of one text as they are chosen, the end symbol left out. Made by [`symbols()`].
pub struct Symbols<'a, M: NextSymbol, R> {
    batch: Batch<'a, M, R>,
}

impl<M: NextSymbol, R> Symbols<'_, M, R> {
    /// The text as far as it is written.
    pub fn text(&self) -> &Continuation {
        &self.batch.texts[0]
    }
}

impl<M: NextSymbol, R: Rng> Iterator for Symbols<'_, M, R> {
    type Item = Result<usize, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let written = self.text().ids.len();
        while !self.batch.open.is_empty() {
            if let Err(error) = self.batch.advance() {
                self.batch.open.clear();
                return Some(Err(error));
            }
            if let Some(&id) = self.text().ids.get(written) {
                return Some(Ok(id));
            }
        }
        None
    }
}

/// Texts that are being written.
struct Batch<'a, M: NextSymbol, R> {
    model: &'a M,
    decoding: Decoding,
    stop: Stop,
    /// The texts that have not ended, in the order of the rows of `state`.
    open: Vec<Open<'a>>,
    state: M::State,
    rngs: &'a mut [R],
    texts: Vec<Continuation>,
}

/// A text that has not ended.
#[derive(Clone, Copy)]
struct Open<'a> {
    /// Its place in the batch.
    row: usize,
    /// What it reads next.
    last: usize,
    /// What it reads after that, before it begins to choose.
    prompt: &'a [usize],
}

impl<'a, M: NextSymbol, R> Batch<'a, M, R> {
    #[track_caller]
    fn new(
        model: &'a M,
        prompts: &[&'a [usize]],
        state: M::State,
        decoding: &Decoding,
        stop: Stop,
        rngs: &'a mut [R],
    ) -> Result<Self, DecodeError> {
        let (texts, streams) = (prompts.len(), rngs.len());
        assert_eq!(streams, texts, "generate: give one generator for each of {texts} prompts");
        stop.check(model.vocab_size())?;
        let mut open = Vec::with_capacity(texts);
        for (row, prompt) in prompts.iter().enumerate() {
            let (&last, prompt) = split_prompt(prompt, row, model.vocab_size())?;
            open.push(Open { row, last, prompt });
        }
        if stop.max_len == 0 {
            open.clear();
        }
        let texts = vec![Continuation::EMPTY; texts];
        Ok(Self { model, decoding: *decoding, stop, open, state, rngs, texts })
    }
}

impl<M: NextSymbol, R: Rng> Batch<'_, M, R> {
    /// One symbol more for each open text.
    fn advance(&mut self) -> Result<(), DecodeError> {
        let last: Vec<usize> = self.open.iter().map(|text| text.last).collect();
        let (scores, next) = step(self.model, &last, &self.state)?;
        let mut kept = Vec::with_capacity(last.len());
        for (i, scores) in scores.data().chunks_exact(self.model.vocab_size()).enumerate() {
            let open = &mut self.open[i];
            if let Some((&next, rest)) = open.prompt.split_first() {
                (open.last, open.prompt) = (next, rest);
                kept.push(i);
                continue;
            }
            let text = &mut self.texts[open.row];
            let id = try_pick(scores, &self.decoding, &mut self.rngs[open.row])?;
            text.log_probability += log_probabilities(scores)?[id];
            if self.stop.eos == Some(id) {
                text.end = End::Eos;
                continue;
            }
            text.ids.push(id);
            open.last = id;
            if text.ids.len() < self.stop.max_len {
                kept.push(i);
            }
        }
        self.state = match kept.len() == last.len() {
            true => next,
            false => self.model.select(&next, &kept),
        };
        self.open = kept.iter().map(|&i| self.open[i]).collect();
        Ok(())
    }
}

/// The first symbol of a prompt and the others, all of them symbols of the model.
pub(super) fn split_prompt(
    prompt: &[usize],
    row: usize,
    vocab_size: usize,
) -> Result<(&usize, &[usize]), DecodeError> {
    if let Some(position) = prompt.iter().position(|&id| id >= vocab_size) {
        return Err(DecodeError::Prompt { id: prompt[position], position, row, vocab_size });
    }
    prompt.split_first().ok_or(DecodeError::EmptyPrompt { row })
}
