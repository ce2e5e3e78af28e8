//! Two threads that go through a sequence side by side, each with half of the units, and tell each other at every step
//! what they found.
//!
//! A step of one row takes a microsecond or two: too little to hand to a thread of a pool. So the second thread comes
//! once for the whole sequence, and the two wait for each other by looking again and again at a number in memory, for a
//! while; then they let other threads run. If no second thread comes, because all are busy, the first does both halves. Once
//! both are at work, neither waits for anything but the other.

use std::hint::spin_loop;
use std::sync::{Mutex, TryLockError};
use std::thread;

use autograd::threads::join;
use rtrb::{Consumer, Producer, RingBuffer};

/// How often to look before other threads may run: some 20 µs.
const LOOKS: usize = 2000;
/// How often to look whether a second thread comes: as long as it may take to wake one.
const PATIENCE: usize = 5000;

/// One half of a layer on its way through a sequence. What it finds at a step has always the same length.
pub(super) trait Half: Send {
    /// What it finds.
    type Number: Copy + Send;
    /// Takes step t as far as it can without what the other half finds.
    fn step(&mut self, t: usize);
    /// What it found at the last step.
    fn found(&self) -> &[Self::Number];
    /// Goes on with what the other half found at step t.
    fn adopt(&mut self, t: usize, other: &[Self::Number]);
}

/// Takes both halves through the steps, on two threads if a second one comes.
pub(super) fn together<H: Half>(halves: [H; 2], steps: impl Iterator<Item = usize> + Clone + Send) {
    // What was found at two steps: one is written while the other is read.
    let [(to_second, from_first), (to_first, from_second)] =
        halves.each_ref().map(|half| RingBuffer::new(2 * half.found().len()));
    let [first, second] = halves;
    let first_meets = Meeting { to: to_second, from: from_second };
    let second_meets = Meeting { to: to_first, from: from_first };
    let second = Mutex::new(Some((second, second_meets)));
    let steps_of_second = steps.clone();
    join(
        || match left_alone_with(&second) {
            Some((second, _)) => one_after_the_other([first, second], steps),
            None => first_meets.side_by_side(first, steps),
        },
        || {
            let second = second.lock().expect("whoever takes it does nothing else").take();
            if let Some((second, meets)) = second {
                meets.side_by_side(second, steps_of_second);
            }
        },
    );
}

/// The second half, if no other thread has taken it after a while.
fn left_alone_with<H>(second: &Mutex<Option<H>>) -> Option<H> {
    for _ in 0..if cfg!(feature = "threads") { PATIENCE } else { 0 } {
        match second.try_lock() {
            Ok(second) if second.is_none() => return None,
            Ok(_) | Err(TryLockError::WouldBlock) => spin_loop(),
            Err(TryLockError::Poisoned(_)) => return None,
        }
    }
    second.lock().expect("whoever takes it does nothing else").take()
}

fn one_after_the_other<H: Half>([mut a, mut b]: [H; 2], steps: impl Iterator<Item = usize>) {
    for t in steps {
        a.step(t);
        b.step(t);
        a.adopt(t, b.found());
        b.adopt(t, a.found());
    }
}

/// What one thread has of the meeting with the other.
struct Meeting<N> {
    to: Producer<N>,
    from: Consumer<N>,
}

impl<N: Copy> Meeting<N> {
    fn side_by_side(mut self, half: impl Half<Number = N>, steps: impl Iterator<Item = usize>) {
        let mut half = half;
        let length = self.from.buffer().capacity() / 2;
        for t in steps {
            half.step(t);
            self.to.push_entire_slice(half.found()).expect("the step before the last was read");
            self.wait_for(length);
            let found = self.from.read_chunk(length).expect("it was waited for");
            half.adopt(t, found.as_slices().0);
            found.commit_all();
        }
    }

    /// Waits until so many numbers are there.
    fn wait_for(&self, length: usize) {
        let mut looks = 0;
        while self.from.slots() < length {
            if looks < LOOKS {
                spin_loop();
            } else {
                let gone = self.from.is_abandoned() && self.from.slots() < length;
                assert!(!gone, "the thread with the other half of the layer has panicked");
                thread::yield_now();
            }
            looks += 1;
        }
    }
}

#[cfg(all(test, feature = "threads"))]
mod tests {
    use super::*;

    /// x = (x + the other's x) mod 1009, and a note of all steps.
    struct Adding {
        own: [u64; 1],
        sum: u64,
        seen: Vec<usize>,
        panics_at: usize,
    }

    impl Half for &mut Adding {
        type Number = u64;
        fn step(&mut self, t: usize) {
            assert!(t != self.panics_at, "as it was told to");
            self.own[0] = (self.sum * 3 + self.own[0] + t as u64) % 1009;
            self.seen.push(t);
        }
        fn found(&self) -> &[u64] {
            &self.own
        }
        fn adopt(&mut self, _t: usize, other: &[u64]) {
            self.sum = self.own[0] + other[0];
        }
    }

    fn halves(panics_at: usize) -> [Adding; 2] {
        [1, 2].map(|x| Adding { own: [x], sum: 0, seen: Vec::new(), panics_at })
    }

    #[test]
    fn the_halves_find_the_same_on_any_number_of_threads() {
        let run = |threads| {
            let mut halves = halves(usize::MAX);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let [a, b] = &mut halves;
            pool.expect("threads can be started").install(|| together([a, b], 0..10_000));
            halves.map(|half| {
                assert!(half.seen.into_iter().eq(0..10_000));
                half.sum
            })
        };
        let alone = run(1);
        assert_eq!(alone[0], alone[1]);
        for threads in [2, 3] {
            assert_eq!(run(threads), alone);
        }
    }

    #[test]
    #[should_panic]
    fn a_panic_of_one_half_ends_the_other() {
        let [mut a, _] = halves(usize::MAX);
        let [_, mut b] = halves(100);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        pool.expect("threads can be started").install(|| together([&mut a, &mut b], 0..10_000));
    }
}
