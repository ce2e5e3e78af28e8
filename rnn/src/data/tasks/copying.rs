//! Copying: symbols to keep, and to give back in the same order.
//!
//! ```text
//! copy_memory      10 symbols of 8, T − 1 blanks, the sign to start, 10 blanks        T + 20 steps
//!                  wanted: T + 10 blanks, then the 10 symbols
//!                  baseline: blanks are certain, symbols guessed: 10 ln 8 / (T + 20) nats a step
//!
//! selective_copy   T steps of noise with K symbols at random places, then K signs     T + K steps
//!                  wanted at the K signs: the symbols, in their order
//!                  baseline: ln S nats an answer, for S different symbols
//! ```
//!
//! In the first, the steps to remember are always the same ones, and a lasting memory is all that it takes. In the second,
//! what to remember depends on what is read: a recurrence with gates that do not see the input cannot solve it.
//!
//! Sources: copy memory from Hochreiter and Schmidhuber 1997 in the form of Arjovsky, Shah and Bengio 2016, arXiv
//! 1511.06464; selective copying from Gu and Dao 2023, arXiv 2312.00752, section 3.1, and Feng et al. 2024, arXiv
//! 2410.01201, with 16 symbols to keep.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::Symbols;

/// The number of symbols to remember in [`copy_memory`].
pub const MEMORY: usize = 10;
/// The number of different ones, with the ids from 0.
pub const KINDS: usize = 8;
/// The id of the blank in [`copy_memory`].
pub const BLANK: usize = KINDS;
/// The id of the sign to start giving back.
pub const START: usize = KINDS + 1;

/// A batch of the copy memory problem, with a memory of `blanks` = T steps and a target at each of the T + 20 steps.
///
/// ```
/// use rand::SeedableRng;
/// use rnn::data::tasks::{copy_memory, copying::BLANK};
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let task = copy_memory(100, 1, &mut rng);
/// assert_eq!((task.seq_len(), task.answers()), (120, 120));
/// assert_eq!(task.targets[110..], task.inputs[..10]);
/// assert!(task.targets[..110].iter().all(|&id| id == BLANK));
/// ```
///
/// # Panics
///
/// If `blanks` is 0.
#[track_caller]
pub fn copy_memory(blanks: usize, batch: usize, rng: &mut impl Rng) -> Symbols {
    assert!(blanks > 0, "copy_memory: the sign to start takes one of at least 1 step");
    Symbols::side_by_side(batch, START + 1, START, || {
        let symbols: Vec<usize> = (0..MEMORY).map(|_| rng.random_range(0..KINDS)).collect();
        let inputs = [&symbols, &vec![BLANK; blanks - 1], &vec![START], &vec![BLANK; MEMORY]];
        let targets = [&vec![BLANK; blanks + MEMORY], &symbols];
        (inputs.map(Vec::as_slice).concat(), targets.map(Vec::as_slice).concat())
    })
}

/// A batch of the selective copying problem: `keep` symbols of `kinds` different ones among `seq_len` steps, and then
/// `keep` steps with a target each.
///
/// The ids are 0 … `kinds` − 1 for the symbols, `kinds` for noise and `kinds` + 1 for the sign to answer.
///
/// ```
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let task = rnn::data::tasks::selective_copy(16, 14, 256, 1, &mut rng);
/// assert_eq!((task.seq_len(), task.answers(), task.vocab_size), (256 + 16, 16, 16));
/// let read: Vec<usize> = task.inputs.iter().copied().filter(|&id| id < 14).collect();
/// assert_eq!(read, task.targets);
/// ```
///
/// # Panics
///
/// If `kinds` is 0 or `keep` is more than `seq_len`.
#[track_caller]
pub fn selective_copy(
    keep: usize,
    kinds: usize,
    seq_len: usize,
    batch: usize,
    rng: &mut impl Rng,
) -> Symbols {
    assert!(kinds > 0, "selective_copy: symbols of 0 kinds; use at least 1");
    assert!(keep <= seq_len, "selective_copy: {keep} symbols do not fit into {seq_len} steps");
    let (noise, answer) = (kinds, kinds + 1);
    Symbols::side_by_side(batch, kinds + 2, kinds, || {
        let mut places: Vec<usize> = (0..seq_len).collect();
        places.shuffle(rng);
        places.truncate(keep);
        places.sort_unstable();
        let symbols: Vec<usize> = (0..keep).map(|_| rng.random_range(0..kinds)).collect();
        let mut inputs = vec![noise; seq_len];
        for (&place, &symbol) in places.iter().zip(&symbols) {
            inputs[place] = symbol;
        }
        inputs.resize(seq_len + keep, answer);
        (inputs, symbols)
    })
}
