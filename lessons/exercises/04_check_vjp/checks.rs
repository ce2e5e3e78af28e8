use std::cell::Cell;

use answer::check_vjp;
use autograd::Tensor;
use autograd::draw::Draw;
use autograd::init::normal;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The side of x [20, 20]: 400 entries.
const SIDE: usize = 20;
/// How often each bug is looked for: a check that finds it by luck does not find it every time.
const RUNS: u64 = 25;
/// How many right derivatives must pass.
const RIGHT: u64 = 200;

type Bug = fn(&Tensor<f64>, &Tensor<f64>, Tensor<f64>) -> Tensor<f64>;

/// y = scale · tanh(w x), w a fixed matrix: the function that is differentiated.
fn function(w: &Tensor<f64>, x: &Tensor<f64>, scale: f64) -> Tensor<f64> {
    w.matmul(x).tanh() * scale
}

/// dx = wᵀ (dy ⊙ (1 − y²)) · scale.
fn derivative(w: &Tensor<f64>, x: &Tensor<f64>, dy: &Tensor<f64>, scale: f64) -> Tensor<f64> {
    let y = w.matmul(x).tanh();
    w.t().matmul(&(dy * y.map(|y| 1.0 - y * y))) * scale
}

fn matrix(seed: u64) -> Tensor<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    normal(&[SIDE, SIDE], 0.2, &mut rng)
}

fn swapped(mut dx: Tensor<f64>, a: usize, b: usize) -> Tensor<f64> {
    dx.data_mut().swap(a, b);
    dx
}

/// Bugs, why a check may miss them, and what they make of w, x and the right gradient.
const BUGS: [(&str, &str, Bug); 12] = [
    ("no gradient at all", "compare sizes, not only signs", |_, _, dx| dx * 0.0),
    ("everything twice as large", "compare sizes, not only signs", |_, _, dx| dx * 2.0),
    ("the sign is flipped", "does your error take a sign away?", |_, _, dx| -dx),
    ("it is transposed", "does v have the same number everywhere?", |_, _, dx| dx.transpose(0, 1)),
    ("the rows are in reverse order", "does v have the same number everywhere?", |_, _, dx| {
        dx.flip(&[0])
    }),
    ("a thousandth too large", "the tolerance is too loose", |_, _, dx| dx * 1.001),
    ("one entry of 400 is 0", "look along all entries at once, not at a few", |_, _, mut dx| {
        dx.data_mut()[123] = 0.0;
        dx
    }),
    (
        "two entries are exchanged",
        "directions of ±1 miss it half of the time; draw them from `normal`",
        |_, _, dx| swapped(dx, 7, 8),
    ),
    (
        "the last row is forgotten",
        "look along all entries at once, not at a few",
        |_, _, mut dx| {
            dx.data_mut()[SIDE * (SIDE - 1)..].fill(0.0);
            dx
        },
    ),
    ("it is NaN", "no comparison with NaN is true, not `error > allowed` either", |_, _, dx| {
        dx / 0.0 * 0.0
    }),
    ("it has another shape", "a gradient has the shape of its variable", |_, _, dx| {
        dx.reshape(&[SIDE * SIDE])
    }),
    ("dy is ignored, as if it were 1 everywhere", "dy must be drawn at random too", |w, x, _| {
        derivative(w, x, &Tensor::ones(&[SIDE, SIDE]), 1.0)
    }),
];

pub fn check() {
    for seed in 0..RIGHT {
        let scale = [1.0, 1e-6, 1e6][seed as usize % 3];
        let why = match scale {
            1.0 => "is your tolerance below what central differences can do?",
            _ => "measure the error as a part of the gradient's length, not of 1",
        };
        let passes = run(seed, scale, |_, _, dx| dx);
        assert!(passes, "a right derivative was refused (numbers about {scale:e}): {why}");
    }
    for (what, why, bug) in BUGS {
        let found = (0..RUNS).filter(|&seed| !run(seed, 1.0, bug)).count() as u64;
        assert!(
            found == RUNS,
            "a bug got through in {} of {RUNS} checks: {what}\n  {why}",
            RUNS - found
        );
    }
    constant();
}

/// One check, of the derivative as `bug` leaves it.
fn run(seed: u64, scale: f64, bug: Bug) -> bool {
    let w = matrix(seed);
    let x = Draw::new(seed, 0, 0).tensor(&[SIDE, SIDE], -1.0..1.0);
    let calls = Cell::new(0);
    let f = |x: &Tensor<f64>| {
        calls.set(calls.get() + 1);
        function(&w, x, scale)
    };
    let vjp = |x: &Tensor<f64>, dy: &Tensor<f64>| bug(&w, x, derivative(&w, x, dy, scale));
    let passes = check_vjp(f, vjp, &x, &mut ChaCha8Rng::seed_from_u64(seed));
    let calls = calls.get();
    assert!(calls > 0, "f was never called: what did you compare with?");
    assert!(calls <= 20, "f was called {calls} times; a slope along one direction takes two");
    passes
}

/// A function that is the same everywhere has the gradient 0, and dividing by its length gives NaN.
fn constant() {
    let x = Tensor::ones(&[5]);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let f = |x: &Tensor<f64>| x.map(|_| 3.0);
    let passes = check_vjp(f, |x, _| Tensor::zeros(x.shape()), &x, &mut rng);
    assert!(passes, "the gradient of a constant, 0, was refused; do you divide by its length?");
    let fails = !check_vjp(|x| x.map(|x| x * x), |x, _| Tensor::zeros(x.shape()), &x, &mut rng);
    assert!(fails, "0 was accepted as the gradient of x²");
}
