//! Is this gradient right? Three numeric derivatives that share nothing with backpropagation.
//!
//! ```text
//! complex step          Im f(x + ih v) / h               exact to rounding; h = 1e-30
//! dual numbers          the ε part of f(x + ε v)         exact to rounding
//! central differences   (f(x + hv) − f(x − hv)) / 2h     to about 1e-9, but trusts no number type of ours
//! ```
//!
//! Each is compared with ⟨∇f, v⟩ from the tape. For small inputs v runs over every entry, and the whole
//! gradient is checked; for large ones v is random, and an error anywhere shows with probability one
//! (Baydin et al. 2018, section 3). A function with many outputs is made one number by weighting
//! each output at random, so that errors cannot cancel. At order 2 the derivative of the gradient
//! itself is checked along random directions.
//!
//! ```
//! use autograd::gradcheck::{Check, Function};
//! use autograd::{Element, Tape, Tensor, Var, params::Array};
//!
//! struct Norm; // ‖x‖² + x₀ y
//!
//! impl Function for Norm {
//!     type Params = Array<2>;
//!     fn call<'t, E: Element>(&self, _: &'t Tape<E>, [x, y]: [Var<'t, E>; 2]) -> Var<'t, E> {
//!         (x * x).sum() + (x.slice(0, 0, 1) * y).sum()
//!     }
//! }
//!
//! let at = [Tensor::from([1.0, -2.0, 0.5]), Tensor::from([3.0])];
//! let found = Check::default().order_2().function(&Norm, &at).unwrap();
//! assert!(found.complex_step <= 1e-13);
//! ```

mod every_op;

use std::fmt;
use std::sync::Arc;

pub use every_op::{DrawnOp, OpCheck, every_op};

use crate::complex::Complex;
use crate::draw::Draw;
use crate::dual::Dual;
use crate::element::Element;
use crate::error::Error;
use crate::ops::{Op, OpMany};
use crate::params::{Family, Params};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// The step of the complex-step derivative: so small that its square vanishes beside 1.
const COMPLEX_STEP: f64 = 1e-30;
/// The step of central differences: near the cube root of the rounding error, where the error of the
/// formula (∝ h²) and that of the subtraction (∝ 1/h) meet.
const DIFFERENCE_STEP: f64 = 1e-5;

/// A function to check: written once, for any element type.
pub trait Function {
    /// The struct of its parameters.
    type Params: Family;

    /// The function's value, of any shape.
    fn call<'t, E: Element>(
        &self,
        tape: &'t Tape<E>,
        params: <Self::Params as Family>::Of<Var<'t, E>>,
    ) -> Var<'t, E>;
}

/// How to check, and what to allow. Errors are |a − b| / max(1, |a|, |b|).
#[derive(Clone, Debug)]
pub struct Check {
    /// Where random weights and directions come from.
    pub seed: u64,
    /// Whether the derivative of the gradient is checked too.
    pub second_order: bool,
    /// Inputs with at most this many entries are checked entry by entry.
    pub full_up_to: usize,
    /// How many random directions for larger inputs.
    pub projections: usize,
    /// What the exact methods may differ by at order 1: 1e-12.
    pub exact: f64,
    /// The same for an op that is [elementwise](crate::ops::Describe::ELEMENTWISE): 1e-13.
    pub exact_elementwise: f64,
    /// What they may differ by at order 2: 1e-11.
    pub exact_second: f64,
    /// What central differences may differ by: 1e-7.
    pub differences: f64,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            seed: 0,
            second_order: false,
            full_up_to: 64,
            projections: 3,
            exact: 1e-12,
            exact_elementwise: 1e-13,
            exact_second: 1e-11,
            differences: 1e-7,
        }
    }
}

/// The largest errors of a check that passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    /// Between the tape and complex step.
    pub complex_step: f64,
    /// Between the tape and dual numbers.
    pub dual: f64,
    /// Between the tape and central differences.
    pub differences: f64,
    /// Between Hessian-vector products by dual numbers and by complex step, both over reverse mode.
    pub second_order: f64,
    /// Between Hessian-vector products and central differences of the gradient.
    pub second_differences: f64,
}

/// A numeric derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Im f(x + ih) / h.
    ComplexStep,
    /// Forward mode.
    Dual,
    /// (f(x + h) − f(x − h)) / 2h.
    CentralDifferences,
    /// The derivative of the gradient, complex step against dual numbers.
    SecondOrder,
    /// The derivative of the gradient against central differences of the gradient.
    SecondDifferences,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ComplexStep => "complex step",
            Self::Dual => "dual numbers",
            Self::CentralDifferences => "central differences",
            Self::SecondOrder => "complex step over the gradient",
            Self::SecondDifferences => "central differences of the gradient",
        })
    }
}

/// A derivative that is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// It differs from a numeric derivative.
    #[error(transparent)]
    Wrong(#[from] WrongGradient),
    /// There is none: the walk back failed.
    #[error("{subject}: {error}; seed {seed}")]
    None {
        /// The op or function.
        subject: String,
        /// Why.
        error: Error,
        /// The seed of the check.
        seed: u64,
    },
}

/// A gradient that differs from a numeric derivative: where, and by how much.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{subject}: the gradient in {input} {shape:?} is wrong at {index:?}: {analytic:e} by the tape, {numeric:e} by {method} \
     (error {error:.1e}, allowed {allowed:.0e}); {bad} of {checked} entries are wrong; seed {seed}"
)]
pub struct WrongGradient {
    /// The op or function.
    pub subject: String,
    /// The input or parameter.
    pub input: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The index of the worst entry.
    pub index: Vec<usize>,
    /// What the tape says there.
    pub analytic: f64,
    /// What the numeric derivative says there.
    pub numeric: f64,
    /// Which one that is.
    pub method: Method,
    /// |a − b| / max(1, |a|, |b|).
    pub error: f64,
    /// What was allowed.
    pub allowed: f64,
    /// How many entries of this input are wrong.
    pub bad: usize,
    /// How many were looked at.
    pub checked: usize,
    /// The seed of the check.
    pub seed: u64,
}

/// The relative error, absolute below 1; infinite if either number is NaN.
fn error(a: f64, b: f64) -> f64 {
    if a == b {
        return 0.0;
    }
    let error = (a - b).abs() / 1f64.max(a.abs()).max(b.abs());
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Something that can be computed on a tape of one element type.
trait Run<E: Element> {
    fn run<'t>(&self, tape: &'t Tape<E>, inputs: Vec<Var<'t, E>>) -> Vec<Var<'t, E>>;
}

/// Something to check: it runs at each of the element types a check needs.
trait Subject: Run<f64> + Run<Complex> + Run<Dual<f64>> {
    fn name(&self) -> String;
    fn input_name(&self, input: usize) -> String {
        format!("input {input}")
    }
    fn is_elementwise(&self) -> bool {
        false
    }
}

struct OpSubject<O, const N: usize>(Arc<O>);

impl<E: Element, O: Op<E, N>, const N: usize> Run<E> for OpSubject<O, N> {
    fn run<'t>(&self, tape: &'t Tape<E>, inputs: Vec<Var<'t, E>>) -> Vec<Var<'t, E>> {
        let inputs = inputs.try_into().expect("as many inputs as the op has");
        vec![tape.apply(self.0.clone(), inputs)]
    }
}

impl<O, const N: usize> Subject for OpSubject<O, N>
where
    O: Op<f64, N> + Op<Complex, N> + Op<Dual<f64>, N>,
{
    fn name(&self) -> String {
        O::NAME.to_string()
    }
    fn is_elementwise(&self) -> bool {
        O::ELEMENTWISE
    }
}

struct OpManySubject<O>(Arc<O>);

impl<E: Element, O: OpMany<E>> Run<E> for OpManySubject<O> {
    fn run<'t>(&self, tape: &'t Tape<E>, inputs: Vec<Var<'t, E>>) -> Vec<Var<'t, E>> {
        tape.apply_many(self.0.clone(), &inputs).into_vec()
    }
}

impl<O: OpMany<f64> + OpMany<Complex> + OpMany<Dual<f64>>> Subject for OpManySubject<O> {
    fn name(&self) -> String {
        O::NAME.to_string()
    }
    fn is_elementwise(&self) -> bool {
        O::ELEMENTWISE
    }
}

struct FunctionSubject<'a, F: Function> {
    function: &'a F,
    names: <F::Params as Family>::Of<String>,
}

impl<F: Function, E: Element> Run<E> for FunctionSubject<'_, F> {
    fn run<'t>(&self, tape: &'t Tape<E>, inputs: Vec<Var<'t, E>>) -> Vec<Var<'t, E>> {
        let mut inputs = inputs.into_iter();
        let params = self.names.map(|_| inputs.next().expect("one variable a parameter"));
        vec![self.function.call(tape, params)]
    }
}

impl<F: Function> Subject for FunctionSubject<'_, F> {
    fn name(&self) -> String {
        std::any::type_name::<F>().rsplit("::").next().unwrap_or("function").to_string()
    }
    fn input_name(&self, input: usize) -> String {
        format!("parameter `{}`", self.names.leaves()[input])
    }
}

impl Check {
    /// A check whose random numbers come from this seed.
    pub fn with_seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The same check, of the derivative of the gradient too.
    pub fn order_2(self) -> Self {
        Self { second_order: true, ..self }
    }

    /// Checks an op at these inputs: the one call for an op of your own.
    pub fn op<O, const N: usize>(
        &self,
        op: O,
        inputs: &[Tensor<f64>],
    ) -> Result<Errors, Box<Failure>>
    where
        O: Op<f64, N> + Op<Complex, N> + Op<Dual<f64>, N>,
    {
        self.run(&OpSubject::<O, N>(Arc::new(op)), inputs)
    }

    /// Checks an op with any number of inputs and outputs.
    pub fn op_many<O>(&self, op: O, inputs: &[Tensor<f64>]) -> Result<Errors, Box<Failure>>
    where
        O: OpMany<f64> + OpMany<Complex> + OpMany<Dual<f64>>,
    {
        self.run(&OpManySubject(Arc::new(op)), inputs)
    }

    /// Checks a function at these parameters.
    pub fn function<F, P>(&self, function: &F, at: &P) -> Result<Errors, Box<Failure>>
    where
        F: Function<Params = P::Family>,
        P: Params<Leaf = Tensor<f64>>,
    {
        let mut names = at.names().into_iter();
        let names = at.map(|_| names.next().expect("one name a parameter"));
        self.run(&FunctionSubject { function, names }, &at.leaves())
    }

    fn run(&self, subject: &dyn Subject, at: &[Tensor<f64>]) -> Result<Errors, Box<Failure>> {
        let mut draw = Draw::new(self.seed, 0, 0);
        let weights: Vec<Tensor<f64>> = {
            let tape = Tape::new();
            let inputs = at.iter().map(|x| tape.constant(x.clone())).collect();
            let outputs = subject.run(&tape, inputs);
            outputs.iter().map(|y| draw.signed_tensor(y.value().shape(), 0.5..1.5)).collect()
        };
        let at_point = Point { check: self, subject, at, weights };
        let grads = at_point.gradient(at.to_vec())?;
        let allowed_exact =
            if subject.is_elementwise() { self.exact_elementwise } else { self.exact };
        let mut errors = Errors::default();
        for (input, x) in at.iter().enumerate() {
            let g = &grads[input];
            if x.elements() <= self.full_up_to {
                let exact = at_point.entries(input, g, Method::ComplexStep, allowed_exact)?;
                errors.complex_step = errors.complex_step.max(exact);
            }
            // Along random directions, all three; an error found there is then looked up entry by entry.
            for _ in 0..self.projections {
                let v = draw.signed_tensor(x.shape(), 0.5..1.5);
                let expected = dot(g, &v);
                let scale = 1.0 + norm_1(g, &v);
                for (method, allowed, worst) in [
                    (Method::ComplexStep, allowed_exact, &mut errors.complex_step),
                    (Method::Dual, allowed_exact, &mut errors.dual),
                    (Method::CentralDifferences, self.differences, &mut errors.differences),
                ] {
                    let found = at_point.slope(input, &v, method);
                    let error = error(expected / scale, found / scale);
                    if error > allowed {
                        at_point.entries(input, g, method, allowed)?;
                        let failure =
                            at_point.failure(input, &[], [expected, found], method, allowed);
                        return Err(Box::new(failure.into()));
                    }
                    *worst = worst.max(error);
                }
            }
        }
        if self.second_order {
            at_point.second_order(&mut draw, &mut errors)?;
        }
        Ok(errors)
    }
}

/// Σ a b.
fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    (a * b).sum().item()
}

/// Σ |a b|: the size of what is added in Σ a b, and so of its rounding error.
fn norm_1(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    (a * b).map(f64::abs).sum().item()
}

/// A subject at a point, with the weights that make its outputs one number.
struct Point<'a> {
    check: &'a Check,
    subject: &'a dyn Subject,
    at: &'a [Tensor<f64>],
    weights: Vec<Tensor<f64>>,
}

/// Σ weight ⊙ output over all outputs.
fn weighted<'t, E: Element>(
    tape: &'t Tape<E>,
    outputs: &[Var<'t, E>],
    weights: &[Tensor<f64>],
) -> Var<'t, E> {
    let mut total = tape.constant(Tensor::scalar(E::ZERO));
    for (&y, weight) in outputs.iter().zip(weights) {
        total = total + (y * tape.constant(weight.cast())).sum();
    }
    total
}

impl<'a> Point<'a> {
    /// The weighted sum as a plain number, computed on constants.
    fn value<E: Element>(&self, inputs: Vec<Tensor<E>>) -> E
    where
        dyn Subject + 'a: Run<E>,
    {
        let tape = Tape::new();
        let inputs = inputs.into_iter().map(|x| tape.constant(x)).collect();
        let outputs = self.subject.run(&tape, inputs);
        weighted(&tape, &outputs, &self.weights).value().item()
    }

    /// The gradient of the weighted sum in every input.
    fn gradient<E: Element>(&self, inputs: Vec<Tensor<E>>) -> Result<Vec<Tensor<E>>, Box<Failure>>
    where
        dyn Subject + 'a: Run<E>,
    {
        let tape = Tape::new();
        let inputs: Vec<_> = inputs.into_iter().map(|x| tape.leaf(x)).collect();
        let outputs = self.subject.run(&tape, inputs.clone());
        let loss = weighted(&tape, &outputs, &self.weights);
        let none = |error| {
            let (subject, seed) = (self.subject.name(), self.check.seed);
            Box::new(Failure::None { subject, error, seed })
        };
        let grads = tape.try_backward(loss).map_err(none)?;
        Ok(inputs.into_iter().map(|x| grads.of(x)).collect())
    }

    /// The inputs with `f` applied to input number `moved`, and a mere conversion to the others.
    fn moved<E: Element>(
        &self,
        moved: usize,
        f: impl Fn(&Tensor<f64>) -> Tensor<E>,
    ) -> Vec<Tensor<E>> {
        let inputs = self.at.iter().enumerate();
        inputs.map(|(i, x)| if i == moved { f(x) } else { x.cast() }).collect()
    }

    /// The derivative of the weighted sum along `v` in one input.
    fn slope(&self, input: usize, v: &Tensor<f64>, method: Method) -> f64 {
        match method {
            Method::Dual => self.value(self.moved(input, |x| x.zip(v, Dual::new))).derivative,
            Method::CentralDifferences => {
                let at = |h: f64| self.value(self.moved(input, |x| x + v * h));
                (at(DIFFERENCE_STEP) - at(-DIFFERENCE_STEP)) / (2.0 * DIFFERENCE_STEP)
            }
            _ => {
                let step = |x: f64, v: f64| Complex::new(x, COMPLEX_STEP * v);
                self.value(self.moved(input, |x| x.zip(v, step))).im / COMPLEX_STEP
            }
        }
    }

    /// Compares every entry of one input's gradient; the largest error, or the failure.
    fn entries(
        &self,
        input: usize,
        gradient: &Tensor<f64>,
        method: Method,
        allowed: f64,
    ) -> Result<f64, Box<Failure>> {
        let mut unit = Tensor::zeros(gradient.shape());
        let numeric = Tensor::from_fn(gradient.shape(), |i| {
            unit.data_mut()[i] = 1.0;
            let slope = self.slope(input, &unit, method);
            unit.data_mut()[i] = 0.0;
            slope
        });
        self.compare(input, gradient, &numeric, method, allowed)
    }

    /// The largest error between two gradients of one input, or the failure.
    fn compare(
        &self,
        input: usize,
        analytic: &Tensor<f64>,
        numeric: &Tensor<f64>,
        method: Method,
        allowed: f64,
    ) -> Result<f64, Box<Failure>> {
        let errors = analytic.zip(numeric, error);
        let mut worst = 0;
        for (i, &e) in errors.data().iter().enumerate() {
            if e > errors.data()[worst] {
                worst = i;
            }
        }
        let largest = errors.data().get(worst).copied().unwrap_or(0.0);
        if largest <= allowed {
            return Ok(largest);
        }
        let index = analytic.shape_value().index_of(worst);
        let values = [analytic.data()[worst], numeric.data()[worst]];
        let mut failure = self.failure(input, &index, values, method, allowed);
        failure.bad = errors.data().iter().filter(|&&e| e > allowed).count();
        failure.checked = errors.elements();
        Err(Box::new(failure.into()))
    }

    fn failure(
        &self,
        input: usize,
        index: &[usize],
        [analytic, numeric]: [f64; 2],
        method: Method,
        allowed: f64,
    ) -> WrongGradient {
        WrongGradient {
            subject: self.subject.name(),
            input: self.subject.input_name(input),
            shape: self.at[input].shape().to_vec(),
            index: index.to_vec(),
            analytic,
            numeric,
            method,
            error: error(analytic, numeric),
            allowed,
            bad: self.at[input].elements(),
            checked: self.at[input].elements(),
            seed: self.check.seed,
        }
    }

    /// The derivative of the gradient along one random direction in all inputs.
    fn second_order(&self, draw: &mut Draw, errors: &mut Errors) -> Result<(), Box<Failure>> {
        let v: Vec<_> = self.at.iter().map(|x| draw.signed_tensor(x.shape(), 0.5..1.5)).collect();
        let step = |x: f64, v: f64| Complex::new(x, COMPLEX_STEP * v);
        let along = self.at.iter().zip(&v);
        let dual = self.gradient(along.clone().map(|(x, v)| x.zip(v, Dual::new)).collect())?;
        let complex = self.gradient(along.clone().map(|(x, v)| x.zip(v, step)).collect())?;
        let real = |h: f64| self.gradient(along.clone().map(|(x, v)| x + v * h).collect());
        let (up, down) = (real(DIFFERENCE_STEP)?, real(-DIFFERENCE_STEP)?);
        for input in 0..self.at.len() {
            let dual = dual[input].map(|g| g.derivative);
            let complex = complex[input].map(|g| g.im / COMPLEX_STEP);
            let allowed = self.check.exact_second;
            let exact = self.compare(input, &dual, &complex, Method::SecondOrder, allowed)?;
            errors.second_order = errors.second_order.max(exact);
            let numeric = (&up[input] - &down[input]) / (2.0 * DIFFERENCE_STEP);
            let allowed = self.check.differences;
            let differences =
                self.compare(input, &dual, &numeric, Method::SecondDifferences, allowed)?;
            errors.second_differences = errors.second_differences.max(differences);
        }
        Ok(())
    }
}
