//! Which states to keep, and which steps to run again: the schedule of checkpointed backpropagation.
//!
//! The T steps are cut into N segments. A segment is *run* when its steps go forward and nothing is kept, and
//! *swept* when they go forward once more, keep all, and then go backward. With s slots for states, among them the
//! one before the first step, the fewest segments to run and sweep, D(N, s), follow from the choice of the next
//! state to keep, y segments on:
//!
//! ```text
//! D(N, s) = min over y of   y + D(N − y, s − 1) + D(y, s)      run y, keep, the right part, then the left
//! D(1, s) = 1               D(N, 1) = N (N + 1) / 2            sweep one; from the start again each time
//!
//! β(s, r) = C(s + r, s)     the most segments of which none is run more than r times
//! D(N, s) = (r + 1) N − β(s + 1, r − 1)    with the least r for which N ≤ β(s, r)
//! ```
//!
//! The count is of all forward steps: those that keep nothing, and the T that are swept. For T = 1000 in segments
//! of one step, 10, 50 and 100 slots take 4,636, 2,948 and 2,898.
//!
//! Sources: Gruslys et al. 2016, arXiv 1606.03401, "Memory-Efficient Backpropagation Through Time",
//! BPTT-HSM (hidden states are stored); Griewank and Walther 2000, "Algorithm 799: Revolve", for β and the choice of y.
//!
//! Absent: storing what a step kept in place of its state (the paper's BPTT-ISM and -MSM). Longer segments,
//! which keep all steps of one segment at a time, take its place.

use std::ops::Range;

use super::BpttError;

/// How much memory backpropagation may use for the states it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// √T states and one segment of √T steps: every step runs at most twice.
    Sqrt,
    /// So many states, the one before the first step among them, and one step.
    Slots(usize),
    /// So many bytes for states and one segment; how many states and how long a segment, is found.
    Bytes(usize),
}

/// The bytes that a cell takes, for a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBytes {
    /// One state.
    pub state: usize,
    /// One step of a segment on its way forward and backward.
    pub step: usize,
}

/// A sequence in segments, and a number of slots for the states before some of them.
///
/// ```
/// use rnn::bptt::Schedule;
///
/// let schedule = Schedule::with_slots(1000, 10)?;
/// assert_eq!(schedule.forward_steps(), 4_636);
/// assert_eq!(Schedule::sqrt(1000).forward_steps(), 2 * 1000 - 32);
/// # Ok::<(), rnn::bptt::BpttError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    seq_len: usize,
    segment: usize,
    slots: usize,
}

impl Schedule {
    /// The schedule for T steps.
    ///
    /// # Errors
    ///
    /// If there is no slot, or the bytes do not suffice for one state and one step.
    pub fn new(memory: Memory, seq_len: usize, bytes: StepBytes) -> Result<Self, BpttError> {
        match memory {
            Memory::Sqrt => Ok(Self::sqrt(seq_len)),
            Memory::Slots(slots) => Self::with_slots(seq_len, slots),
            Memory::Bytes(budget) => Self::within(seq_len, budget, bytes),
        }
    }

    /// Segments of ⌈√T⌉ steps and a slot for each but the last: all steps run twice, those of the last once.
    pub fn sqrt(seq_len: usize) -> Self {
        let root = seq_len.isqrt();
        let segment = root + usize::from(root * root < seq_len);
        Self::of_segments(seq_len, segment.max(1), usize::MAX)
    }

    /// Segments of one step: with so many slots, no schedule that stores states runs fewer.
    ///
    /// # Errors
    ///
    /// If there is no slot.
    pub fn with_slots(seq_len: usize, slots: usize) -> Result<Self, BpttError> {
        match slots {
            0 => Err(BpttError::NoSlots),
            _ => Ok(Self::of_segments(seq_len, 1, slots)),
        }
    }

    /// The length of segment, and the number of slots with it, that run the fewest steps within so many bytes.
    ///
    /// # Errors
    ///
    /// If the bytes do not suffice for one state and one step.
    pub fn within(seq_len: usize, budget: usize, bytes: StepBytes) -> Result<Self, BpttError> {
        let StepBytes { state, step } = bytes;
        let schedules = (1..=seq_len.max(1)).filter_map(|segment| {
            let left = budget.checked_sub(step.checked_mul(segment)?)?;
            let slots = left.checked_div(state).unwrap_or(usize::MAX);
            (slots > 0).then(|| Self::of_segments(seq_len, segment, slots))
        });
        let best = schedules.min_by_key(|found| (found.forward_steps(), found.bytes(bytes)));
        best.ok_or(BpttError::Budget { budget, needed: state + step, state, step })
    }

    /// With no more slots than can be used.
    fn of_segments(seq_len: usize, segment: usize, slots: usize) -> Self {
        let usable = seq_len.div_ceil(segment).saturating_sub(1).max(1);
        Self { seq_len, segment, slots: slots.min(usable) }
    }

    /// The number of steps of a segment; the first may be shorter.
    pub fn segment(&self) -> usize {
        self.segment
    }

    /// The number of segments N.
    pub fn segments(&self) -> usize {
        self.seq_len.div_ceil(self.segment)
    }

    /// The number of states that are kept at once, the one before the first step among them. The state that
    /// moves, and those inside the segment that is swept, come on top.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The steps of some segments.
    pub(crate) fn steps(&self, segments: Range<usize>) -> Range<usize> {
        // The short segment is the first: the last is the one that is never run, only swept.
        let start = |k| self.seq_len.saturating_sub((self.segments() - k) * self.segment);
        start(segments.start)..start(segments.end)
    }

    /// The number of steps that go forward, all in all: T and those that run again.
    pub fn forward_steps(&self) -> u64 {
        if self.seq_len == 0 {
            return 0;
        }
        let missing = self.segment - self.steps(0..1).len();
        let all = self.segment as u64 * fewest(self.segments(), self.slots);
        let mut first = 1; // how often the first segment goes forward
        let mut length = self.segments();
        while length > 1 {
            length = split(length, self.slots);
            first += 1;
        }
        all - missing as u64 * first
    }

    /// The bytes that it takes, for a cell that takes so many a state and a step.
    pub fn bytes(&self, bytes: StepBytes) -> usize {
        self.slots * bytes.state + self.segment * bytes.step
    }
}

/// β(s, r) = C(s + r, s), or the largest number there is; 0 for a negative r.
fn reach(slots: usize, repeats: Option<usize>) -> u64 {
    let Some(repeats) = repeats else { return 0 };
    let sum = slots as u128 + repeats as u128;
    let smaller = slots.min(repeats) as u128;
    let mut product = 1_u128; // C(sum − smaller + i, i), a whole number at each i
    for i in 1..=smaller {
        product = product * (sum - smaller + i) / i;
        if product > u64::MAX as u128 {
            return u64::MAX;
        }
    }
    product as u64
}

/// The least r with length ≤ β(slots, r).
fn repeats(length: usize, slots: usize) -> usize {
    (0..).find(|&r| length as u64 <= reach(slots, Some(r))).expect("β grows without end")
}

/// D(length, slots): how many segments go forward, at the least.
fn fewest(length: usize, slots: usize) -> u64 {
    let r = repeats(length, slots);
    (r as u64 + 1) * length as u64 - reach(slots + 1, r.checked_sub(1))
}

/// How many of `length` segments to run before the next state is kept, with so many slots for all, the one before
/// the first segment among them; with one slot, up to the last segment.
pub(crate) fn split(length: usize, slots: usize) -> usize {
    if length <= 1 || slots == 1 {
        return length.saturating_sub(1);
    }
    let r = repeats(length, slots);
    // Any y with β(s, r−2) ≤ y ≤ β(s, r−1) and β(s−1, r−1) ≤ N − y ≤ β(s−1, r) is best; this is the least.
    let right = reach(slots - 1, Some(r));
    let left = (length as u64).saturating_sub(right).max(reach(slots, r.checked_sub(2))).max(1);
    left as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D(N, s) for all N ≤ `length` and s ≤ `slots`, by its definition.
    fn by_definition(length: usize, slots: usize) -> Vec<Vec<u64>> {
        let mut d = vec![vec![0; length + 1]; slots + 1];
        for s in 1..=slots {
            for n in 1..=length {
                d[s][n] = match (n, s) {
                    (1, _) => 1,
                    (_, 1) => (n * (n + 1) / 2) as u64,
                    _ => (1..n).map(|y| y as u64 + d[s - 1][n - y] + d[s][y]).min().expect("n > 1"),
                };
            }
        }
        d
    }

    #[test]
    fn the_closed_form_is_the_minimum_of_the_definition() {
        let d = by_definition(300, 20);
        for (s, row) in d.iter().enumerate().skip(1) {
            for (n, &least) in row.iter().enumerate().skip(1) {
                assert_eq!(fewest(n, s), least, "N = {n}, s = {s}");
            }
        }
    }

    #[test]
    fn a_budget_is_spent_on_the_fewest_steps_that_any_segment_and_slots_allow() {
        for (seq_len, bytes) in
            [(37, StepBytes { state: 3, step: 10 }), (50, StepBytes { state: 10, step: 3 })]
        {
            for budget in (13..600).step_by(7) {
                let found = Schedule::within(seq_len, budget, bytes).expect("enough");
                for (segment, slots) in
                    (1..=seq_len).flat_map(|l| (1..=seq_len).map(move |s| (l, s)))
                {
                    let other = Schedule::of_segments(seq_len, segment, slots);
                    let fits = other.bytes(bytes) <= budget;
                    assert!(
                        !fits || found.forward_steps() <= other.forward_steps(),
                        "{budget}: {other:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_split_attains_the_minimum() {
        for s in 2..=20 {
            for n in 2..=300 {
                let y = split(n, s);
                assert!((1..n).contains(&y), "N = {n}, s = {s}: y = {y}");
                let steps = y as u64 + fewest(n - y, s - 1) + fewest(y, s);
                assert_eq!(steps, fewest(n, s), "N = {n}, s = {s}: y = {y}");
            }
        }
    }
}
