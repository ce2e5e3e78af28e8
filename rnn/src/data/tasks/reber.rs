//! The Reber grammars: strings of seven symbols, and what may come next.
//!
//! ```text
//! simple      0 ─B→ 1      1 ─T→ 2   1 ─P→ 6      2 ─S→ 2   2 ─X→ 3      3 ─S→ 4   3 ─X→ 6
//!             4 ─E→ end    5 ─V→ 4   5 ─P→ 3      6 ─V→ 5   6 ─T→ 6
//! embedded    B T simple T E    or    B P simple P E
//! continual   embedded strings one after the other, without an end
//! ```
//!
//! Where two arrows leave a state, each is taken with probability one half. BTXSE and BPVVE are the shortest simple strings. To know
//! the last but one symbol of an embedded string, the second one has to be remembered over a simple
//! string of any length; in the continual stream, moreover, nobody says when to forget it.
//!
//! Since the next symbol is drawn, no model predicts it always. It is right at a step if it gives each
//! [legal](Legal) symbol more than any other one; strings of which every step is right are counted.
//! A model without a memory may do well at every step but the last but one.
//!
//! Sources: Reber 1967, "Implicit learning of artificial grammars"; embedded: Smith and Zipser 1989,
//! "Learning sequential structure with the real-time recurrent learning algorithm", and Hochreiter and Schmidhuber 1997, experiment 1; continual: Gers, Schmidhuber and Cummins
//! 2000, "Learning to forget".

use rand::{Rng, RngExt};

use crate::data::streams::Window;

/// The symbol of each id.
pub const REBER: [char; 7] = ['B', 'T', 'P', 'S', 'X', 'V', 'E'];
const B: usize = 0;
const T: usize = 1;
const P: usize = 2;
const S: usize = 3;
const X: usize = 4;
const V: usize = 5;
const E: usize = 6;

/// From each state of the simple grammar: what may be read, and the state then.
const SIMPLE: [&[(usize, usize)]; SIMPLE_END] = [
    &[(B, 1)],
    &[(T, 2), (P, 6)],
    &[(S, 2), (X, 3)],
    &[(S, 4), (X, 6)],
    &[(E, SIMPLE_END)],
    &[(V, 4), (P, 3)],
    &[(V, 5), (T, 6)],
];
const SIMPLE_END: usize = 7;

/// A grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// The grammar of seven states.
    Reber,
    /// One of its strings between two equal symbols.
    Embedded,
}

/// Where a string of a grammar has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Within a simple string, which stands after B and this symbol if it is embedded.
    Simple(Option<usize>, usize),
    /// Before the first symbol of an embedded string.
    Open,
    /// Before its second.
    Which,
    /// Before its last but one, which must be this.
    Again(usize),
    /// Before its last.
    Close,
    /// After the last symbol.
    End,
}

impl State {
    /// The symbols that may follow, with the states that they lead to: one or two, none at the end.
    fn arrows(self) -> Vec<(usize, State)> {
        match self {
            Self::Open => vec![(B, Self::Which)],
            Self::Which => [T, P].map(|symbol| (symbol, Self::Simple(Some(symbol), 0))).into(),
            Self::Simple(around, state) => {
                let after = |state| match (state, around) {
                    (SIMPLE_END, Some(symbol)) => Self::Again(symbol),
                    (SIMPLE_END, None) => Self::End,
                    _ => Self::Simple(around, state),
                };
                SIMPLE[state].iter().map(|&(symbol, next)| (symbol, after(next))).collect()
            }
            Self::Again(symbol) => vec![(symbol, Self::Close)],
            Self::Close => vec![(E, Self::End)],
            Self::End => Vec::new(),
        }
    }

    fn legal(self) -> Legal {
        Legal(self.arrows().iter().fold(0, |set, &(symbol, _)| set | 1 << symbol))
    }

    /// A symbol that may follow, each with the same probability, and the state then.
    fn draw(self, rng: &mut impl Rng) -> Option<(usize, State)> {
        let arrows = self.arrows();
        (!arrows.is_empty()).then(|| arrows[rng.random_range(0..arrows.len())])
    }
}

/// The symbols that a grammar allows at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Legal(u8);

impl Legal {
    /// Whether this symbol is allowed.
    pub fn contains(self, symbol: usize) -> bool {
        symbol < REBER.len() && self.0 >> symbol & 1 == 1
    }

    /// The allowed symbols, in ascending order.
    pub fn symbols(self) -> impl Iterator<Item = usize> {
        (0..REBER.len()).filter(move |&symbol| self.contains(symbol))
    }

    /// Whether a prediction is right: every allowed symbol has a higher score than every other one.
    ///
    /// ```
    /// use rnn::data::tasks::Grammar;
    ///
    /// let legal = Grammar::Reber.legal(&[0])[0]; // after B: T or P
    /// assert!(legal.agrees_with(&[0.0, 0.5, 0.4, 0.1, 0.0, 0.0, 0.0]));
    /// assert!(!legal.agrees_with(&[0.0, 0.5, 0.1, 0.4, 0.0, 0.0, 0.0]));
    /// ```
    ///
    /// # Panics
    ///
    /// If there are not seven scores.
    #[track_caller]
    pub fn agrees_with(self, scores: &[f64]) -> bool {
        let count = scores.len();
        assert!(count == REBER.len(), "agrees_with: {count} scores for {} symbols", REBER.len());
        let of = |legal| {
            let with = move |symbol: &usize| self.contains(*symbol) == legal;
            (0..count).filter(with).map(|symbol| scores[symbol])
        };
        of(true).all(|legal| of(false).all(|other| legal > other))
    }
}

impl Grammar {
    fn start(self) -> State {
        match self {
            Self::Reber => State::Simple(None, 0),
            Self::Embedded => State::Open,
        }
    }

    /// A string, drawn arrow by arrow: at least 5 symbols, at least 9 if embedded.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use rnn::data::tasks::Grammar;
    ///
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let string = Grammar::Embedded.string(&mut rng);
    /// assert!(Grammar::Embedded.accepts(&string));
    /// assert_eq!(string[1], string[string.len() - 2]);
    ///
    /// // What a model reads, what it should predict, and what is right at each step.
    /// let (inputs, targets) = (&string[..string.len() - 1], &string[1..]);
    /// let legal = Grammar::Embedded.legal(inputs);
    /// assert!(targets.iter().zip(&legal).all(|(&next, legal)| legal.contains(next)));
    /// ```
    pub fn string(self, rng: &mut impl Rng) -> Vec<usize> {
        let mut string = Vec::new();
        let mut state = self.start();
        while let Some((symbol, next)) = state.draw(rng) {
            string.push(symbol);
            state = next;
        }
        string
    }

    /// The states after each symbol, as far as the grammar allows them.
    fn states(self, symbols: &[usize]) -> Vec<State> {
        let mut state = Some(self.start());
        let read = symbols.iter().map_while(|&symbol| {
            let arrows = state?.arrows();
            state = arrows.into_iter().find(|&(legal, _)| legal == symbol).map(|(_, next)| next);
            state
        });
        read.collect()
    }

    /// Whether this is a whole string of the grammar.
    pub fn accepts(self, symbols: &[usize]) -> bool {
        let states = self.states(symbols);
        states.len() == symbols.len() && states.last() == Some(&State::End)
    }

    /// What may follow each of these symbols, which begin a string; shorter than they are if they
    /// begin none.
    pub fn legal(self, symbols: &[usize]) -> Vec<Legal> {
        self.states(symbols).into_iter().map(State::legal).collect()
    }
}

/// B streams of embedded strings, one after the other without a sign between them.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::data::tasks::Continual;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let mut streams = Continual::new(4);
/// let (window, legal) = streams.next_window(20, &mut rng);
/// assert_eq!((window.inputs.len(), legal.len()), (20 * 4, 20 * 4));
/// assert!(window.targets.iter().zip(&legal).all(|(&next, legal)| legal.contains(next)));
/// ```
#[derive(Clone, Debug)]
pub struct Continual {
    /// Of each stream the symbol that comes next, and the state after it.
    next: Vec<(usize, State)>,
    fresh: bool,
}

impl Continual {
    /// `batch` streams at the beginning of a string.
    pub fn new(batch: usize) -> Self {
        Self { next: vec![(B, State::Which); batch], fresh: true }
    }

    /// The next `seq_len` steps of all streams, and what may follow each input, `[T·B]`.
    pub fn next_window(&mut self, seq_len: usize, rng: &mut impl Rng) -> (Window, Vec<Legal>) {
        let (mut inputs, mut targets, mut legal) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..seq_len {
            for (symbol, state) in &mut self.next {
                inputs.push(*symbol);
                let from = if *state == State::End { State::Open } else { *state };
                legal.push(from.legal());
                let Some(next) = from.draw(rng) else { unreachable!("only the end has no arrow") };
                (*symbol, *state) = next;
                targets.push(*symbol);
            }
        }
        let fresh = std::mem::replace(&mut self.fresh, false);
        (Window { inputs, targets, fresh }, legal)
    }
}
