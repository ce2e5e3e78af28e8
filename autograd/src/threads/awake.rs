//! Threads that look for work before they sleep.
//!
//! ```text
//! work is shared out      one more thread stays awake, at most all of the pool but the one that shares out
//! a thread that is awake  looks for work of rayon's, lets other programs run, looks again
//! it may sleep            0.3 ms after work was last shared out; at the latest after 20 ms, and is asked again
//! ```
//!
//! That is a job of rayon's own, spawned like any other, that does other jobs as long as it lasts. A thread that waits for
//! a part of what it shares out itself may come across the job too, and leaves it at once. One that waits for other work
//! of the program is kept from that for 20 ms at most.

use std::cell::Cell;
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

thread_local! {
    /// How many pieces of work, one within the other, this thread is sharing out.
    static SHARING: Cell<usize> = const { Cell::new(0) };
}

/// Does a work that is shared out in rayon's pool, and keeps others awake for it and for more.
pub(super) fn while_sharing<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_none() {
        return rayon::scope(|_| while_sharing(work)); // by a thread of the pool, while this one sleeps
    }
    keep();
    let _ends = Sharing::begin();
    work()
}

/// Asks for one more thread that is awake, unless all others are.
fn keep() {
    SHARED.store(since_start(), Ordering::Relaxed);
    let others = rayon::current_num_threads() - 1;
    let more = |awake| (awake < others).then_some(awake + 1);
    if AWAKE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
        rayon::spawn(|| {
            let _ends = Awake;
            if SHARING.get() == 0 {
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

/// Counts one thread less as awake when it is dropped, also if a job that the thread did panics.
struct Awake;

impl Drop for Awake {
    fn drop(&mut self) {
        AWAKE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// As long as it lives, this thread shares out one work more.
struct Sharing;

impl Sharing {
    fn begin() -> Self {
        SHARING.set(SHARING.get() + 1);
        Self
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        SHARING.set(SHARING.get() - 1);
    }
}

fn since_start() -> u64 {
    nanos(START.elapsed())
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads can be started")
    }

    #[test]
    fn threads_sleep_again_when_there_is_no_more_work() {
        pool(3).install(|| {
            for _ in 0..100 {
                while_sharing(|| rayon::join(|| (), || ()));
            }
        });
        let start = Instant::now();
        while AWAKE.load(Ordering::Relaxed) > 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "a thread is awake for ever");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_panic_ends_the_sharing_of_its_thread() {
        pool(2).install(|| {
            let panics = || while_sharing(|| panic!("as it was told to"));
            assert!(std::panic::catch_unwind(panics).is_err());
            assert_eq!(SHARING.get(), 0);
        });
    }

    #[test]
    fn whoever_is_outside_of_the_pool_gets_the_result() {
        assert_eq!(while_sharing(|| rayon::join(|| 1, || 2)), (1, 2));
    }
}
