//! How open the gates of a trace are.

use autograd::Element;

use crate::cell::Cell;
use crate::unroll::Trace;

/// Below this a gate counts as shut, as in Karpathy, Johnson and Li 2015.
const SHUT: f64 = 0.1;
/// Above this a gate counts as open.
const OPEN: f64 = 0.9;

/// The values of one gate over all steps, rows and units.
#[derive(Clone, Debug, PartialEq)]
pub struct GateHistogram {
    /// The gate, as the cell's equations call it.
    pub name: String,
    /// How many values lie in each of the equal parts of 0 … 1; a value on a border counts above it, 1 in the last.
    pub counts: Vec<u64>,
    /// The fraction of values below 0.1: shut.
    pub shut: f64,
    /// The fraction of values above 0.9: open.
    pub open: f64,
}

/// A histogram for each gate that the cell names, over everything that happened in a trace; fractions are 0 for
/// no steps.
///
/// ```
/// use autograd::Tensor;
/// use rand::SeedableRng;
/// use rnn::diagnostics::gate_histograms;
/// use rnn::{Cell, Gru, Seq, unroll};
///
/// let mut gru = Gru::init::<f64>(3, 4, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// gru.b_ih = Some(Tensor::from_fn(&[12], |i| if i < 4 { -20.0 } else { 20.0 })); // r shut, z open
/// let trace = unroll(&gru, &Seq::time_major(Tensor::ones(&[5, 2, 3])), &Gru::zero_state(&gru, 2));
/// let [r, z] = &gate_histograms::<Gru, f64>(&trace, 10)[..] else { panic!("two gates") };
/// assert_eq!((r.name.as_str(), r.shut, r.open), ("r", 1.0, 0.0));
/// assert_eq!((z.name.as_str(), z.counts[9]), ("z", 5 * 2 * 4));
/// ```
///
/// # Panics
///
/// If there are no parts.
#[track_caller]
pub fn gate_histograms<C: Cell, E: Element>(
    trace: &Trace<C, E>,
    parts: usize,
) -> Vec<GateHistogram> {
    assert!(parts > 0, "gate_histograms: 0 parts; give at least 1");
    let mut found: Vec<GateHistogram> = Vec::new();
    for saved in &trace.saved {
        for (i, (name, gate)) in C::gates(saved).into_iter().enumerate() {
            if i == found.len() {
                let counts = vec![0; parts];
                found.push(GateHistogram { name, counts, shut: 0.0, open: 0.0 });
            }
            let histogram = &mut found[i];
            for value in gate.data().iter().map(|x| x.value()) {
                let part = (value * parts as f64) as usize; // NaN counts as 0
                histogram.counts[part.min(parts - 1)] += 1;
                histogram.shut += f64::from(value < SHUT);
                histogram.open += f64::from(value > OPEN);
            }
        }
    }
    for histogram in &mut found {
        let all = histogram.counts.iter().sum::<u64>().max(1) as f64;
        histogram.shut /= all;
        histogram.open /= all;
    }
    found
}
