//! The time of a step: the least and the median of warm repetitions.

use std::time::{Duration, Instant};

use crate::figure::Found;
use crate::program::Way;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The time for one figure.
    pub time: Duration,
    /// The fewest repetitions, even if they take longer.
    pub min_reps: usize,
}

/// From this time on a run is judged by itself: caches and clocks make no difference to it.
const LONG: Duration = Duration::from_millis(500);

/// The time of the fastest of several ways to do the same, and which one that is.
///
/// Every way runs once to be warm, then all of them in turns for a tenth of the budget; the fastest is measured. A way
/// whose first run is long is judged by it.
///
/// # Panics
///
/// If there is no way.
#[track_caller]
pub fn measure(ways: &mut [Way], budget: Budget) -> (Found, &'static str) {
    assert!(!ways.is_empty(), "measure: there is no way to do it; give at least one");
    let mut least: Vec<Duration> = ways.iter_mut().map(timed).collect();
    if ways.len() > 1 {
        let start = Instant::now();
        let mut first = true;
        while first || start.elapsed() < budget.time / 10 {
            for (way, least) in ways.iter_mut().zip(&mut least) {
                if *least < LONG {
                    // The first run was cold, so it does not count.
                    *least = if first { timed(way) } else { timed(way).min(*least) };
                }
            }
            first = false;
        }
    }
    let fastest = (0..ways.len()).min_by_key(|&i| least[i]).expect("at least one way");
    let way = &mut ways[fastest];

    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < budget.min_reps || start.elapsed() < budget.time {
        times.push(timed(way));
    }
    times.sort_unstable();
    let (median_us, min_us) = (median(&times), microseconds(times[0]));
    (Found::Time { median_us, min_us, reps: times.len(), way: None }, way.name)
}

fn timed(way: &mut Way) -> Duration {
    let start = Instant::now();
    (way.step)();
    start.elapsed()
}

fn microseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

/// The median of sorted times: of an even number the mean of the two in the middle.
fn median(sorted: &[Duration]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => microseconds(sorted[half]),
        _ => microseconds((sorted[half - 1] + sorted[half]) / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(name: &'static str, milliseconds: u64) -> Way {
        Way::new(name, move || std::thread::sleep(Duration::from_millis(milliseconds)))
    }

    #[test]
    fn the_fastest_way_is_measured_for_at_least_so_many_repetitions() {
        let budget = Budget { time: Duration::from_millis(1), min_reps: 5 };
        let (found, way) = measure(&mut [sleeper("slow", 30), sleeper("fast", 2)], budget);
        let Found::Time { median_us, min_us, reps, .. } = found else { panic!("{found:?}") };
        assert_eq!((reps, way), (5, "fast"));
        assert!(min_us >= 2000.0 && median_us >= min_us, "{min_us} {median_us}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let times = |us: &[u64]| us.iter().map(|&us| Duration::from_micros(us)).collect::<Vec<_>>();
        assert_eq!(median(&times(&[1, 2, 9])), 2.0);
        assert_eq!(median(&times(&[1, 2, 4, 9])), 3.0);
    }
}
