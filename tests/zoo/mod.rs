//! The zoo: derivatives that are wrong on purpose, to prove that the gradient check can fail.
//!
//! ```text
//! fault      one derivative, wrong in one precise way; every other line is right
//! twin       the same thing without the fault, on the same sample
//! sample     inputs on which the fault shows
//! careless   inputs on which it does not: what a sample must not be like
//! ```
//!
//! Every fault must be rejected by a report that names the place, every twin must pass, and every careless
//! sample must let its fault through: so it is the fault that fails, and the sample that finds it.
//!
//! Beside the check of this project runs the one that is common in the field ([`loose`]), and [`table`] says
//! which faults it lets pass: `cargo test -p tests zoo::table -- --ignored --nocapture`.

mod ops;
mod elementwise;
mod reduce;
mod layout;
mod rows;
mod loss;
mod flow;
mod cells;

use autograd::draw::Draw;
use autograd::gradcheck::{Check, Errors, Failure, Function, WrongGradient};
use autograd::ops::{Contribution, Describe, Op};
use autograd::params::Path;
use autograd::{Complex, Dual, Element, Error, Family, Params, Tape, Tensor, Var};

/// Every fault is looked at on this many random samples.
const SEEDS: u64 = 8;

/// Every fault of the zoo.
fn entries() -> Vec<Entry> {
    [
        elementwise::entries(),
        reduce::entries(),
        layout::entries(),
        rows::entries(),
        loss::entries(),
        flow::entries(),
        cells::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A fault, and how to look for it.
struct Entry {
    /// What it is called.
    name: &'static str,
    /// What is wrong.
    wrong: &'static str,
    /// The op or function that the report must name.
    subject: String,
    /// The input or parameter that the report must name.
    place: String,
    /// The gradient check, of the fault or of its twin.
    check: Box<dyn Fn(Derivative, u64) -> Verdict>,
    /// Whether the loose check accepts the fault.
    loose: Box<dyn Fn(u64) -> bool>,
    careless: Option<Careless>,
}

/// Samples that hide a fault.
struct Careless {
    /// What they are like.
    what: &'static str,
    /// The gradient check of the fault on one of them.
    check: Box<dyn Fn(u64) -> Verdict>,
}

/// What the gradient check says.
type Verdict = Result<Errors, Box<WrongGradient>>;

/// The same of a derivative that exists.
fn verdict(result: Result<Errors, Box<Failure>>) -> Verdict {
    result.map_err(|failure| match *failure {
        Failure::Wrong(wrong) => Box::new(wrong),
        Failure::None { .. } => panic!("{failure}"),
    })
}

/// Which of two derivatives to use.
#[derive(Clone, Copy, PartialEq)]
enum Derivative {
    Right,
    Wrong,
}
use Derivative::{Right, Wrong};

/// A fault in an op's vector-Jacobian product. The op itself is the twin.
trait Fault<const N: usize>: Sized + Send + Sync + 'static {
    /// The op whose derivative it would be.
    type Op: Op<f64, N> + Op<Complex, N> + Op<Dual<f64>, N>;

    const NAME: &'static str;
    const WRONG: &'static str;
    /// The first input whose gradient is wrong.
    const INPUT: usize = 0;

    /// Inputs on which the fault shows.
    fn sample(draw: &mut Draw) -> (Self::Op, [Tensor<f64>; N]);

    /// The derivative with the fault.
    fn vjp<E: Element>(
        op: &Self::Op,
        inputs: [&Tensor<E>; N],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; N];
}

/// An op with the derivative of its fault, or with its own.
struct Faulty<F: Fault<N>, const N: usize> {
    op: F::Op,
    derivative: Derivative,
}

impl<F: Fault<N>, const N: usize> Describe for Faulty<F, N> {
    const NAME: &'static str = F::Op::NAME;
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let (op, inputs) = F::sample(draw);
        (Self { op, derivative: Wrong }, inputs.into())
    }
}

impl<E, F, const N: usize> Op<E, N> for Faulty<F, N>
where
    E: Element,
    F: Fault<N>,
    F::Op: Op<E, N>,
{
    fn forward(&self, inputs: [&Tensor<E>; N]) -> Result<Tensor<E>, Error> {
        self.op.forward(inputs)
    }

    fn vjp(&self, inputs: [&Tensor<E>; N], y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; N] {
        match self.derivative {
            Right => self.op.vjp(inputs, y, dy),
            Wrong => F::vjp(&self.op, inputs, y, dy),
        }
    }
}

/// The entry of a fault in an op.
fn op<F: Fault<N>, const N: usize>() -> Entry {
    let check = |derivative, seed, (op, inputs): (F::Op, [Tensor<f64>; N])| {
        verdict(Check::with_seed(seed).order_2().op(Faulty::<F, N> { op, derivative }, &inputs))
    };
    let loose = |(op, inputs): (F::Op, [Tensor<f64>; N])| {
        let op = std::sync::Arc::new(Faulty::<F, N> { op, derivative: Wrong });
        loose(&inputs, |tape, vars| {
            tape.apply(op.clone(), vars.try_into().expect("as many inputs as the op has"))
        })
    };
    Entry {
        name: F::NAME,
        wrong: F::WRONG,
        subject: F::Op::NAME.to_string(),
        place: format!("input {}", F::INPUT),
        check: Box::new(move |derivative, seed| {
            check(derivative, seed, F::sample(&mut draw(seed)))
        }),
        loose: Box::new(move |seed| loose(F::sample(&mut draw(seed)))),
        careless: None,
    }
}

/// Draws an op and inputs to check it at.
type OpSample<O, const N: usize> = fn(&mut Draw) -> (O, [Tensor<f64>; N]);

/// The entry of a fault in an op, with samples that hide it.
fn op_with_careless<F: Fault<N>, const N: usize>(
    what: &'static str,
    sample: OpSample<F::Op, N>,
) -> Entry {
    let check = move |seed| {
        let (op, inputs) = sample(&mut draw(seed));
        let op = Faulty::<F, N> { op, derivative: Wrong };
        verdict(Check::with_seed(seed).order_2().op(op, &inputs))
    };
    Entry { careless: Some(Careless { what, check: Box::new(check) }), ..op::<F, N>() }
}

/// Draws a function with the right or the wrong derivative, and a point to check it at.
type FunctionSample<F> = fn(Derivative, &mut Draw) -> (F, Named<Tensor<f64>>);

/// The entry of a fault in a function; `place` is a parameter's name.
fn function<F: Function<Params = Named> + 'static>(
    name: &'static str,
    wrong: &'static str,
    place: &'static str,
    sample: FunctionSample<F>,
) -> Entry {
    let subject = std::any::type_name::<F>().rsplit("::").next().unwrap_or_default();
    Entry {
        name,
        wrong,
        subject: subject.to_string(),
        place: format!("parameter `{place}`"),
        check: check_function(sample),
        loose: Box::new(move |seed| {
            let (function, at) = sample(Wrong, &mut draw(seed));
            loose(&at.leaves(), |tape, vars| function.call(tape, at.with(vars)))
        }),
        careless: None,
    }
}

impl Entry {
    /// With samples of a function that hide the fault.
    fn hidden_by<F: Function<Params = Named> + 'static>(
        self,
        what: &'static str,
        sample: FunctionSample<F>,
    ) -> Self {
        let check = check_function(sample);
        let check = Box::new(move |seed| check(Wrong, seed));
        Self { careless: Some(Careless { what, check }), ..self }
    }
}

fn check_function<F: Function<Params = Named> + 'static>(
    sample: FunctionSample<F>,
) -> Box<dyn Fn(Derivative, u64) -> Verdict> {
    Box::new(move |derivative, seed| {
        let (function, at) = sample(derivative, &mut draw(seed));
        verdict(Check::with_seed(seed).order_2().function(&function, &at))
    })
}

fn draw(seed: u64) -> Draw {
    Draw::new(seed, 3, 4)
}

/// A list of parameters with names.
#[derive(Clone)]
struct Named<L = ()>(Vec<(String, L)>);

impl<L> Named<L> {
    fn new<const N: usize>(leaves: [(&str, L); N]) -> Self {
        Self(leaves.into_iter().map(|(name, leaf)| (name.to_string(), leaf)).collect())
    }

    /// The same names with other leaves.
    fn with<M>(&self, leaves: Vec<M>) -> Named<M> {
        Named(self.names().into_iter().zip(leaves).collect())
    }
}

impl<L: Copy> Named<L> {
    /// All leaves of a list of N.
    fn array<const N: usize>(&self) -> [L; N] {
        std::array::from_fn(|i| self.0[i].1)
    }
}

impl Family for Named {
    type Of<L> = Named<L>;
}

impl<L> Params for Named<L> {
    type Leaf = L;
    type Family = Named;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Named<M> {
        let leaf = |(name, leaf): &(String, L)| (name.clone(), f(path.name(name), leaf));
        Named(self.0.iter().map(leaf).collect())
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.0.iter_mut().for_each(|(_, leaf)| f(leaf));
    }
}

/// The check that is common in the field, on the same samples: the outputs are summed without weights, and
/// each entry of the gradient is compared with central differences (h = 1e-3, in `f64`).
///
/// ```text
/// accepted if   |analytic − numeric| ≤ 1e-5 + 1e-3 · |numeric|
/// ```
fn loose(
    at: &[Tensor<f64>],
    function: impl for<'t> Fn(&'t Tape<f64>, Vec<Var<'t, f64>>) -> Var<'t, f64>,
) -> bool {
    const H: f64 = 1e-3;
    let value = |at: Vec<Tensor<f64>>| {
        let tape = Tape::new();
        let inputs = at.into_iter().map(|x| tape.constant(x)).collect();
        function(&tape, inputs).sum().value().item()
    };
    let tape = Tape::new();
    let inputs: Vec<_> = at.iter().map(|x| tape.leaf(x.clone())).collect();
    let grads = tape.backward(function(&tape, inputs.clone()).sum());
    inputs.iter().enumerate().all(|(input, &var)| {
        grads.of(var).data().iter().enumerate().all(|(entry, &analytic)| {
            let moved = |h: f64| {
                let mut at = at.to_vec();
                at[input].data_mut()[entry] += h;
                value(at)
            };
            let numeric = (moved(H) - moved(-H)) / (2.0 * H);
            (analytic - numeric).abs() <= 1e-5 + 1e-3 * numeric.abs()
        })
    })
}

impl Entry {
    /// Whether the loose check accepts the fault on every sample.
    fn passes_the_loose_check(&self) -> bool {
        (0..SEEDS).all(|seed| (self.loose)(seed))
    }

    /// Whether the gradient check rejects the fault on every sample.
    fn is_rejected(&self) -> bool {
        (0..SEEDS).all(|seed| (self.check)(Wrong, seed).is_err())
    }

    /// Where the report finds the fault, or that there is no report.
    fn found(&self) -> String {
        match (self.check)(Wrong, 0) {
            Ok(_) => "NOT REJECTED".to_string(),
            Err(f) => format!("{}, {} (error {:.0e}, {})", f.subject, f.input, f.error, f.method),
        }
    }
}

/// Every fault, where the gradient check finds it, and whether the loose check finds it too.
#[test]
#[ignore = "prints a table: cargo test -p tests zoo::table -- --ignored --nocapture"]
fn table() {
    let entries = entries();
    println!(
        "\nWhat the gradient check finds in each wrong derivative, and what a check with rtol 1e-3,"
    );
    println!(
        "atol 1e-5, central differences (h = 1e-3) and an unweighted sum of outputs says of it.\n"
    );
    let (loose, rest): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| entry.passes_the_loose_check());
    for (verdict, entries) in [("LETS PASS", &loose), ("rejects", &rest)] {
        for entry in entries {
            println!("{verdict:9}  {:44} {}", entry.name, entry.found());
        }
    }
    let rejected = entries.iter().filter(|entry| entry.is_rejected()).count();
    let all = entries.len();
    println!("\nThe gradient check rejects {rejected} of {all}, the loose one {}.", rest.len());
    println!("\nWhat is wrong where the loose check sees nothing:");
    for entry in &loose {
        println!("    {:40} {}", entry.name, entry.wrong);
    }
    println!("\nSamples on which no check can see a fault:");
    for entry in &entries {
        if let Some(Careless { what, .. }) = &entry.careless {
            println!("    {:40} {what}", entry.name);
        }
    }
}

#[test]
fn every_wrong_derivative_is_rejected() {
    let entries = entries();
    let accepted: Vec<_> =
        entries.iter().filter(|entry| !entry.is_rejected()).map(|entry| entry.name).collect();
    let (all, rejected) = (entries.len(), entries.len() - accepted.len());
    assert_eq!(rejected, all, "{rejected} of {all} rejected; these were not: {accepted:?}");
    assert!(all >= 40, "{all} faults are too few");
}

#[test]
fn the_report_names_the_place_and_both_values() {
    for entry in entries() {
        for seed in 0..SEEDS {
            let Err(failure) = (entry.check)(Wrong, seed) else {
                panic!("`{}` was not rejected with seed {seed}", entry.name);
            };
            let text = failure.to_string();
            let place = [entry.subject.clone(), entry.place.clone()];
            let index = format!("{:?}", failure.index);
            let values = [failure.analytic, failure.numeric].map(|value| format!("{value:e}"));
            for fact in place.iter().chain(&values).chain([&index]) {
                assert!(text.contains(fact), "`{}`: {fact} is not in: {text}", entry.name);
            }
            assert_ne!(values[0], values[1], "`{}`: {text}", entry.name);
        }
    }
}

#[test]
fn the_right_twin_passes() {
    for entry in entries() {
        for seed in 0..SEEDS {
            if let Err(failure) = (entry.check)(Right, seed) {
                panic!("the twin of `{}` with seed {seed}: {failure}", entry.name);
            }
        }
    }
}

#[test]
fn a_careless_sample_hides_the_fault() {
    for entry in entries() {
        let Some(Careless { what, check }) = &entry.careless else { continue };
        for seed in 0..SEEDS {
            if let Err(failure) = check(seed) {
                panic!("`{}` is not hidden by {what}: {failure}", entry.name);
            }
        }
    }
}

#[test]
fn no_two_faults_have_one_name() {
    let entries = entries();
    let mut names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), entries.len());
}

#[test]
fn the_one_wrong_entry_of_a_thousand_is_named() {
    let entry = op::<elementwise::OneEntryOfAThousand, 1>();
    let failure = (entry.check)(Wrong, 0).expect_err("one entry is wrong");
    assert_eq!((&*failure.index, failure.bad, failure.checked), (&[617][..], 1, 1000));
}

/// What the loose check accepts on every sample: at least these.
const LET_PASS: [&str; 9] = [
    "gelu: truncated constants",
    "cube: slope frozen",
    "sqrt: epsilon in the denominator",
    "sigmoid: through f32",
    "tanh: mean of the cotangents",
    "sum: along the wrong axis",
    "reshape: permuted",
    "concat: parts exchanged",
    "softmax: zero",
];

#[test]
fn a_loose_check_lets_these_pass() {
    let entries = entries();
    for name in LET_PASS {
        let entry = entries.iter().find(|entry| entry.name == name);
        let entry = entry.unwrap_or_else(|| panic!("there is no fault `{name}`"));
        assert!(entry.passes_the_loose_check(), "`{name}` does not pass");
    }
}
