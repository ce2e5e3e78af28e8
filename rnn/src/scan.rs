//! First-order linear recurrences over a whole sequence at once.
//!
//! ```text
//! h_t = a_t ⊙ h_{t−1} + b_t                                     t = 0 … T−1, from h_{−1} = initial
//! ```
//!
//! Two such steps in a row are again one: a = a_2 ⊙ a_1, b = a_2 ⊙ b_1 + b_2. That is associative, and so the
//! steps need not be done one after the other:
//!
//! ```text
//! cut the T steps into chunks of 64
//! 1. for each chunk, at the same time     A = Π a_t, and h from 0 over the chunk: B
//! 2. from chunk to chunk                  carry′ = A ⊙ carry + B                         T / 64 steps
//! 3. for each chunk, at the same time     h_t from its carry, by the recurrence itself
//! ```
//!
//! The chunks depend on T alone. So the bytes are the same for any number of threads, and without the feature
//! `threads`, when the chunks are done one after the other.
//!
//! The way back is the same recurrence from the end. With δ_t = ∂L/∂h_t, all of L's paths through h_t counted:
//!
//! ```text
//! δ_t = dh_t + a_{t+1} ⊙ δ_{t+1}           from h_{t+1} = a_{t+1} ⊙ h_t + …: a is shifted by one step
//! da_t = δ_t ⊙ h_{t−1}                     db_t = δ_t                      d initial = a_0 ⊙ δ_0
//! ```
//!
//! In log space, for a, b and h ≥ 0, the same three steps run on logarithms, + being ln(eˣ + eʸ) and ⊙ being +: no
//! product of many small a underflows. The inputs are ln a and ln b, but the initial state and the results are plain
//! numbers, because a state of 0 is the usual start and has no logarithm. Since d ln a = a ⊙ da:
//!
//! ```text
//! d ln a_t = δ_t ⊙ a_t ⊙ h_{t−1}           d ln b_t = δ_t ⊙ b_t             δ as above
//! ```
//!
//! Shapes: a, b and h [T, B, H], the initial state [B, H].
//!
//! Sources: Blelloch 1990, "Prefix Sums and Their Applications", section 1.4; in log space Heinsen 2023, arXiv 2311.06281,
//! whose difference of two cumulative sums, which cancels, is not used.

use autograd::draw::Draw;
use autograd::ops::{Contribution, Describe, Op};
use autograd::threads::for_each_piece;
use autograd::{Element, Error, Tensor};

/// The steps of a chunk.
const CHUNK: usize = 64;

/// Whether coefficients are given as they are or as their logarithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Space {
    /// a and b.
    #[default]
    Linear,
    /// ln a and ln b, for a, b and h ≥ 0.
    Log,
}

/// h of h_t = a_t ⊙ h_{t−1} + b_t for all t at once.
///
/// ```text
/// forward   h_t = a_t ⊙ h_{t−1} + b_t
/// vjp       δ_t = dh_t + a_{t+1} ⊙ δ_{t+1},  da_t = δ_t ⊙ h_{t−1},  db_t = δ_t,  d initial = a_0 ⊙ δ_0
///           in log space da_t ⊙ a_t and db_t ⊙ b_t
/// ```
///
/// Shapes: a (or ln a), b (or ln b) and h [T, B, H], the initial state [B, H]. See the [module](self).
///
/// Edges: no steps give no h; in log space ln 0 = −∞ is allowed in ln a, ln b and as a state of 0, a negative
/// state is an error.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use rnn::scan::{Scan, Space};
///
/// let tape = Tape::new();
/// let a = tape.leaf(Tensor::new(&[2, 1, 1], vec![0.5, 2.0])); // T = 2, B = H = 1
/// let b = tape.leaf(Tensor::new(&[2, 1, 1], vec![1.0, 3.0]));
/// let initial = tape.leaf(Tensor::from([[4.0]]));
/// let h = tape.apply(Scan { space: Space::Linear }, [a, b, initial]);
/// assert_eq!(h.value().data(), [0.5 * 4.0 + 1.0, 2.0 * 3.0 + 3.0]);
/// assert_eq!(tape.backward(h.sum()).of(a).data(), [(1.0 + 2.0) * 4.0, 1.0 * 3.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// Whether the first two inputs are a and b or their logarithms.
    pub space: Space,
}

impl Describe for Scan {
    const NAME: &'static str = "scan";
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [batch, units] = [(); 2].map(|()| draw.axis());
        let seq_len = if draw.below(0..4) == 0 { draw.below(1..160) } else { draw.axis() };
        let (steps, state) = ([seq_len, batch, units], [batch, units]);
        let space = if draw.coin() { Space::Linear } else { Space::Log };
        let (a, b) = (draw.tensor(&steps, 0.1..0.99), draw.tensor(&steps, 0.1..1.0));
        let inputs = match space {
            Space::Linear => {
                vec![signs(&a, draw), signs(&b, draw), draw.tensor(&state, -2.0..2.0)]
            }
            Space::Log => vec![a.map(f64::ln), b.map(f64::ln), draw.tensor(&state, 0.1..2.0)],
        };
        (Self { space }, inputs)
    }
}

/// The same sizes with random signs.
fn signs(x: &Tensor<f64>, draw: &mut Draw) -> Tensor<f64> {
    x * draw.signed_tensor(x.shape(), 1.0..1.0 + f64::EPSILON)
}

impl<E: Element> Op<E, 3> for Scan {
    fn forward(&self, inputs: [&Tensor<E>; 3]) -> Result<Tensor<E>, Error> {
        self.validate(inputs)?;
        Ok(self.run(inputs))
    }

    fn vjp(
        &self,
        [a, b, initial]: [&Tensor<E>; 3],
        h: &Tensor<E>,
        dh: &Tensor<E>,
    ) -> [Contribution<E>; 3] {
        let (a, b) = match self.space {
            Space::Linear => (a, b),
            Space::Log => (&a.map(E::exp), &b.map(E::exp)),
        };
        let deltas = scan_backward(a, dh);
        let mut da = &deltas * previous(h, initial);
        let mut db = deltas.clone();
        if self.space == Space::Log {
            (da, db) = (da * a, db * b);
        }
        let d_initial = match a.shape()[0] {
            0 => Tensor::zeros(initial.shape()),
            _ => a.entry(0) * deltas.entry(0),
        };
        [da.into(), db.into(), d_initial.into()]
    }
}

impl Scan {
    fn validate<E: Element>(&self, [a, b, initial]: [&Tensor<E>; 3]) -> Result<(), Error> {
        let op = Self::NAME;
        let shape = a.shape().to_vec();
        if shape.len() != 3 {
            return Err(Error::Rank { op, shape, rank: "three axes, [T, B, H]" });
        }
        for (input, tensor, wanted) in
            [("b", b, &shape[..]), ("the initial state", initial, &shape[1..])]
        {
            if tensor.shape() != wanted {
                let (shape, wanted) = (tensor.shape().to_vec(), wanted.to_vec());
                return Err(Error::InputShape { op, input, shape, wanted });
            }
        }
        let negative = initial.data().iter().map(|h| h.value()).find(|&h| h < 0.0);
        match (self.space, negative) {
            (Space::Log, Some(value)) => {
                let name = "initial state in log space";
                Err(Error::Setting { op, name, value, allowed: "0 or more" })
            }
            _ => Ok(()),
        }
    }

    /// h for inputs that fit.
    fn run<E: Element>(&self, [a, b, initial]: [&Tensor<E>; 3]) -> Tensor<E> {
        match self.space {
            Space::Linear => {
                let ring =
                    Ring { zero: E::ZERO, one: E::ONE, times: E::mul, step: |a, h, b| a * h + b };
                ring.scan(a, b, initial, Direction::Forward)
            }
            Space::Log => {
                let zero = E::from_f64(f64::NEG_INFINITY);
                let step = |ln_a, ln_h, ln_b| ln_add(ln_a + ln_h, ln_b);
                let ring = Ring { zero, one: E::ZERO, times: E::add, step };
                let ln_initial = initial.map(|h| if h == E::ZERO { zero } else { h.ln() });
                ring.scan(a, b, &ln_initial, Direction::Forward).map(E::exp)
            }
        }
    }
}

/// δ_t = dh_t + a_{t+1} ⊙ δ_{t+1} for all t at once: what comes back to h_t from the loss at t and from all later
/// steps. Shapes: [T, B, H].
///
/// # Panics
///
/// If the shapes differ.
#[track_caller]
pub fn scan_backward<E: Element>(a: &Tensor<E>, dh: &Tensor<E>) -> Tensor<E> {
    let shape = a.shape();
    assert_eq!(shape, dh.shape(), "scan_backward: a and dh must have one shape, [T, B, H]");
    if shape[0] == 0 {
        return dh.clone();
    }
    let end = Tensor::zeros(&shape[1..]);
    let later = [&a.slice(0, 1, shape[0]), &end.reshape(&[&[1], &shape[1..]].concat())];
    let shifted = Tensor::concat(&later, 0); // a_1 … a_{T−1}, and nothing after the end
    let ring = Ring { zero: E::ZERO, one: E::ONE, times: E::mul, step: |a, h, b| a * h + b };
    ring.scan(&shifted, dh, &end, Direction::Backward)
}

/// The same recurrence by the loop that defines it: the twin that [`Scan`] is tested against.
///
/// # Panics
///
/// If the shapes differ from those of [`Scan`].
#[track_caller]
pub fn scan_by_loop<E: Element>(a: &Tensor<E>, b: &Tensor<E>, initial: &Tensor<E>) -> Tensor<E> {
    let mut h = initial.clone();
    let mut hs = Vec::with_capacity(a.shape()[0]);
    for t in 0..a.shape()[0] {
        h = a.entry(t) * &h + b.entry(t);
        hs.push(h.clone());
    }
    match hs[..] {
        [] => Tensor::zeros(a.shape()),
        _ => Tensor::stack(&hs),
    }
}

/// ln(eˣ + eʸ), where one or both may be −∞.
fn ln_add<E: Element>(x: E, y: E) -> E {
    let (small, large) = if x.value() < y.value() { (x, y) } else { (y, x) };
    if small.value() == f64::NEG_INFINITY {
        return large;
    }
    large + (small - large).exp().ln_1p()
}

/// h_{t−1} for each t: the initial state, and all h but the last.
pub(crate) fn previous<E: Element>(h: &Tensor<E>, initial: &Tensor<E>) -> Tensor<E> {
    let shape = h.shape();
    match shape[0] {
        0 => h.clone(),
        seq_len => {
            let first = initial.reshape(&[&[1], &shape[1..]].concat());
            Tensor::concat(&[&first, &h.slice(0, 0, seq_len - 1)], 0)
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Forward,
    Backward,
}

/// The numbers in which a recurrence runs: plain ones, or logarithms.
struct Ring<E, S> {
    /// What adds nothing.
    zero: E,
    /// What a product starts from.
    one: E,
    /// a_2 ⊙ a_1.
    times: fn(E, E) -> E,
    /// a ⊙ h + b.
    step: S,
}

impl<E: Element, S: Fn(E, E, E) -> E + Sync> Ring<E, S> {
    /// The three steps of the module's text, from the first step on or from the last.
    fn scan(
        &self,
        a: &Tensor<E>,
        b: &Tensor<E>,
        initial: &Tensor<E>,
        direction: Direction,
    ) -> Tensor<E> {
        let units = initial.elements(); // B·H
        if a.elements() == 0 {
            return Tensor::zeros(a.shape());
        }
        let length = CHUNK * units;
        let chunks = a.elements().div_ceil(length);
        let (a_data, b_data) = (a.data(), b.data());
        let coefficients = |chunk: usize| {
            let range = chunk * length..((chunk + 1) * length).min(a_data.len());
            (&a_data[range.clone()], &b_data[range])
        };

        // 1. Each chunk as one step, A and B side by side.
        let mut whole = vec![E::ZERO; chunks * 2 * units];
        if chunks > 1 {
            for_each_piece(&mut whole, 2 * units, |chunk, whole| {
                let (product, sum) = whole.split_at_mut(units);
                product.fill(self.one);
                sum.fill(self.zero);
                let (a, b) = coefficients(chunk);
                for_each_step(a.len(), units, direction, |step| {
                    for (u, (&a, &b)) in a[step..].iter().zip(&b[step..step + units]).enumerate() {
                        product[u] = (self.times)(a, product[u]);
                        sum[u] = (self.step)(a, sum[u], b);
                    }
                });
            });
        }

        // 2. The state before each chunk.
        let mut carries = vec![E::ZERO; chunks * units];
        let mut carry = initial.data().to_vec();
        for i in 0..chunks {
            let chunk = if direction == Direction::Forward { i } else { chunks - 1 - i };
            carries[chunk * units..][..units].copy_from_slice(&carry);
            let (product, sum) = whole[chunk * 2 * units..][..2 * units].split_at(units);
            for (u, carry) in carry.iter_mut().enumerate() {
                *carry = (self.step)(product[u], *carry, sum[u]);
            }
        }

        // 3. The steps of each chunk from there.
        let mut h = vec![E::ZERO; a_data.len()];
        for_each_piece(&mut h, length, |chunk, h| {
            let (a, b) = coefficients(chunk);
            let mut state = carries[chunk * units..][..units].to_vec();
            for_each_step(a.len(), units, direction, |step| {
                for (u, state) in state.iter_mut().enumerate() {
                    *state = (self.step)(a[step + u], *state, b[step + u]);
                    h[step + u] = *state;
                }
            });
        });
        Tensor::new(a.shape(), h)
    }
}

/// Calls `f` with the place of each step of a chunk, in its direction.
fn for_each_step(len: usize, units: usize, direction: Direction, mut f: impl FnMut(usize)) {
    match direction {
        Direction::Forward => (0..len).step_by(units).for_each(&mut f),
        Direction::Backward => (0..len).step_by(units).rev().for_each(&mut f),
    }
}
