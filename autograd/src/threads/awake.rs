//! Threads that look for work before they sleep.
//!
//! ```text
//! work is shared out      one more thread stays awake, at most all of the pool but the one that shares out
//! a thread that is awake  looks for work of rayon's, lets other programs run, looks again
//! it may sleep            0.3 ms after work was last shared out; at the latest after 20 ms, and is asked again
//! ```
//!
//! That is a job of rayon's own, spawned like any other, that does other jobs as long as it lasts. So a thread that takes
//! it up while it waits for something else is kept from that for 20 ms at most.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long after work was shared out a thread stays awake.
const PATIENCE: Duration = Duration::from_micros(300);
/// How long it stays awake at most.
const MOST: Duration = Duration::from_millis(20);

/// When the program began to count.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// Nanoseconds from then on to when work was last shared out.
static SHARED: AtomicU64 = AtomicU64::new(0);
/// How many threads are awake or asked to be.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

/// Work is about to be shared out: others shall stay awake for it, and for more.
pub(super) fn keep() {
    let Some(here) = rayon::current_thread_index() else {
        return; // the caller is going to sleep itself
    };
    SHARED.store(since_start(), Ordering::Relaxed);
    let others = rayon::current_num_threads() - 1;
    let more = |awake| (awake < others).then_some(awake + 1);
    if AWAKE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
        rayon::spawn(move || {
            let _ends = Ends;
            if rayon::current_thread_index() != Some(here) {
                stay_awake();
            }
        });
    }
}

fn stay_awake() {
    let end = since_start() + nanos(MOST);
    loop {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            thread::yield_now();
        }
        let now = since_start();
        if now > end || now > SHARED.load(Ordering::Relaxed) + nanos(PATIENCE) {
            return;
        }
    }
}

/// One thread fewer is awake, also if a job that it did panics.
struct Ends;

impl Drop for Ends {
    fn drop(&mut self) {
        AWAKE.fetch_sub(1, Ordering::Relaxed);
    }
}

fn since_start() -> u64 {
    nanos(START.elapsed())
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
