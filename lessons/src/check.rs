//! Checks that say what kind of mistake they see; the exercises use them.
//!
//! A gradient is compared with central differences,
//!
//! ```text
//! ∂L/∂x_i ≈ (L(x + h e_i) − L(x − h e_i)) / 2h        h = 1e-5
//! ```
//!
//! and where the two differ, the difference is compared with the mistakes that people make: a sign, a
//! factor, a transpose, a sequence walked in the wrong direction, a term left out. Not here: a check
//! that can be relied on to 1e-12; that is [`autograd::gradcheck`].

use std::fmt::{Debug, Write};
use std::panic;
use std::process::ExitCode;

use autograd::Tensor;

/// The step of the central differences.
const STEP: f64 = 1e-5;
/// What central differences and rounding may differ by, where the largest entry is about 1.
const TOLERANCE: f64 = 1e-7;
/// How many wrong entries are shown.
const SHOWN: usize = 4;

/// A gradient to be checked; nothing happens before [`verify`](Gradient::verify).
#[must_use = "nothing is checked before `.verify()`"]
#[derive(Debug)]
pub struct Gradient<'a> {
    name: &'a str,
    numeric: Tensor<f64>,
    answer: &'a Tensor<f64>,
    suspects: Vec<(&'a str, Tensor<f64>)>,
}

/// Prepares the check that `answer` is the gradient of `loss` in `value`, which the messages call
/// `name`.
///
/// ```
/// use autograd::Tensor;
/// use lessons::check::gradient;
///
/// // L = Σ w³, so ∂L/∂w = 3w²; somebody thinks that it is w².
/// let w = Tensor::new(&[2], vec![1.0, -2.0]);
/// let loss = |w: &Tensor<f64>| (w * w * w).sum().item();
/// let answer = &w * &w;
/// let diagnosis = gradient("w", &w, loss, &answer).diagnosis().unwrap();
/// assert!(diagnosis.starts_with("the gradient in w: every entry is 3.000 times too small"));
/// gradient("w", &w, loss, &(&answer * 3.0)).verify();
/// ```
///
/// # Panics
///
/// If the loss hardly depends on `value` (no entry of its gradient reaches 1e-3), or is not finite
/// near it: then nothing can be judged, and the check itself is at fault.
#[track_caller]
pub fn gradient<'a>(
    name: &'a str,
    value: &Tensor<f64>,
    loss: impl Fn(&Tensor<f64>) -> f64,
    answer: &'a Tensor<f64>,
) -> Gradient<'a> {
    let numeric = central_differences(value, loss);
    assert!(numeric.is_finite(), "the loss is not finite near this value of {name}");
    let size = largest(&numeric);
    assert!(
        size >= 1e-3,
        "the loss hardly depends on {name}: its largest derivative is {size:.1e}"
    );
    Gradient { name, numeric, answer, suspects: Vec::new() }
}

impl<'a> Gradient<'a> {
    /// Names a mistake that would give this wrong gradient, so that it is recognised: `.suspect("only
    /// the last step's share is there", &last_share)`.
    ///
    /// # Panics
    ///
    /// If the wrong gradient is the right one.
    #[track_caller]
    pub fn suspect(mut self, mistake: &'a str, gradient: &Tensor<f64>) -> Self {
        let same = self.is_close(gradient, &self.numeric);
        assert!(!same, "the suspect `{mistake}` is the right gradient in {}", self.name);
        self.suspects.push((mistake, gradient.clone()));
        self
    }

    /// Panics with the [`diagnosis`](Gradient::diagnosis), if there is one.
    #[track_caller]
    pub fn verify(self) {
        if let Some(diagnosis) = self.diagnosis() {
            panic!("{diagnosis}");
        }
    }

    /// What is wrong with the answer: a sentence with the kind of mistake, then the worst entries;
    /// nothing if it is right.
    pub fn diagnosis(&self) -> Option<String> {
        let Self { name, numeric, answer, .. } = self;
        if answer.shape() != numeric.shape() {
            let [is, wanted] = [answer.shape(), numeric.shape()];
            let reversed = is.iter().rev().eq(wanted);
            let hint = if reversed { "; is it transposed?" } else { "" };
            return Some(format!(
                "the gradient in {name} has shape {is:?}, {name} has {wanted:?}{hint}"
            ));
        }
        if self.is_close(answer, numeric) {
            return None;
        }
        let mut text = format!("the gradient in {name}: {}", self.kind());
        let wrong = self.wrong_entries();
        for &i in wrong.iter().take(SHOWN) {
            let (yours, right) = (answer.data()[i], numeric.data()[i]);
            let place = index(i, answer.shape());
            // Writing to a string cannot fail.
            let _ =
                write!(text, "\n  {name}{place}: yours {yours:.6}, central difference {right:.6}");
        }
        if wrong.len() > SHOWN {
            let _ = write!(
                text,
                "\n  and {} more entries of {}",
                wrong.len() - SHOWN,
                answer.elements()
            );
        }
        Some(text)
    }

    /// The kind of mistake, if it is one that is known.
    fn kind(&self) -> String {
        let Self { numeric, answer, suspects, .. } = self;
        if let Some(i) = answer.data().iter().position(|x| !x.is_finite()) {
            let place = index(i, answer.shape());
            return format!("the entry {place} is {}", answer.data()[i]);
        }
        if answer.data().iter().all(|&x| x == 0.0) {
            return "every entry is 0".to_owned();
        }
        let close = |gradient: &Tensor<f64>| self.is_close(answer, gradient);
        if let Some((mistake, _)) = suspects.iter().find(|(_, gradient)| close(gradient)) {
            return (*mistake).to_owned();
        }
        if close(&-numeric) {
            return "the sign is flipped".to_owned();
        }
        let rank = numeric.shape().len();
        if rank == 2 && numeric.shape()[0] == numeric.shape()[1] && close(&numeric.transpose(0, 1))
        {
            return "it is transposed".to_owned();
        }
        if rank > 0 && close(&numeric.flip(&[0])) {
            return "it is reversed along its first axis, as if time ran the other way".to_owned();
        }
        // The factor that explains the answer best, in the sense of least squares.
        let factor = (*answer * numeric).sum().item() / (numeric * numeric).sum().item();
        if close(&(numeric * factor)) && factor != 0.0 {
            let sign = if factor < 0.0 { ", and its sign is flipped" } else { "" };
            let size = factor.abs();
            return if size > 1.0 {
                format!("every entry is {size:.3} times too large{sign}")
            } else {
                format!("every entry is {:.3} times too small{sign}", 1.0 / size)
            };
        }
        let wrong = self.wrong_entries().len();
        format!("{wrong} of {} entries are wrong", numeric.elements())
    }

    /// The places of the entries that differ, the worst first.
    fn wrong_entries(&self) -> Vec<usize> {
        let bound = TOLERANCE * largest(&self.numeric).max(1.0);
        let error = |i: usize| (self.answer.data()[i] - self.numeric.data()[i]).abs();
        let right = |i: usize| error(i) <= bound;
        let mut wrong: Vec<usize> = (0..self.numeric.elements()).filter(|&i| !right(i)).collect();
        wrong.sort_by(|&i, &j| error(j).total_cmp(&error(i)));
        wrong
    }

    fn is_close(&self, a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
        let bound = TOLERANCE * largest(&self.numeric).max(1.0);
        a.shape() == b.shape() && a.data().iter().zip(b.data()).all(|(a, b)| (a - b).abs() <= bound)
    }
}

/// The gradient of a loss, each entry by moving it a little to both sides.
fn central_differences(value: &Tensor<f64>, loss: impl Fn(&Tensor<f64>) -> f64) -> Tensor<f64> {
    let moved = |i: usize, by: f64| {
        let mut value = value.clone();
        value.data_mut()[i] += by;
        loss(&value)
    };
    Tensor::from_fn(value.shape(), |i| (moved(i, STEP) - moved(i, -STEP)) / (2.0 * STEP))
}

fn largest(x: &Tensor<f64>) -> f64 {
    x.data().iter().fold(0.0, |largest, x| x.abs().max(largest))
}

/// The coordinates of the i-th entry in row-major order: `[1, 2]`.
fn index(mut i: usize, shape: &[usize]) -> String {
    let mut index = vec![0; shape.len()];
    for (place, length) in index.iter_mut().zip(shape).rev() {
        (*place, i) = (i % length, i / length);
    }
    format!("{index:?}")
}

/// Checks that two numbers are equal but for rounding.
///
/// # Panics
///
/// If |found − expected| is above `tolerance` · max(1, |expected|), or `found` is not a number.
#[track_caller]
pub fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    let bound = tolerance * expected.abs().max(1.0);
    let right = (found - expected).abs() <= bound;
    assert!(right, "{what}: yours is {found}, it should be {expected} (to within {bound:.0e})");
}

/// Checks that two lists have the same length and that each entry is [`close`].
///
/// # Panics
///
/// If they are not, with the first entry that is wrong and how many are.
#[track_caller]
pub fn all_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let (is, wanted) = (found.len(), expected.len());
    assert_eq!(is, wanted, "{what}: yours has {is} entries, it should have {wanted}");
    let right =
        |i: &usize| (found[*i] - expected[*i]).abs() <= tolerance * expected[*i].abs().max(1.0);
    let wrong: Vec<usize> = (0..wanted).filter(|i| !right(i)).collect();
    if let Some(&i) = wrong.first() {
        let count = wrong.len();
        panic!(
            "{what}: {count} of {wanted} entries are wrong; at {i} yours is {}, it should be {}",
            found[i], expected[i]
        );
    }
}

/// Checks that two values are equal.
///
/// # Panics
///
/// If they are not, with both.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(what: &str, found: T, expected: T) {
    assert!(found == expected, "{what}: yours is {found:?}, it should be {expected:?}");
}

/// Prints one line about an intermediate result: whether it is exactly the expected one, whether it is
/// but for rounding, and by how much the two differ at most. Returns the second.
///
/// ```
/// use autograd::Tensor;
/// use lessons::check::cmp;
///
/// let (mine, right) = (Tensor::new(&[2], vec![1.0, 2.0]), Tensor::new(&[2], vec![1.0, 2.5]));
/// assert!(!cmp("dh", &mine, &right)); // dh         exact: no   approximate: no   maxdiff: 5.0e-1
/// ```
pub fn cmp(name: &str, found: &Tensor<f64>, expected: &Tensor<f64>) -> bool {
    if found.shape() != expected.shape() {
        println!("{name:10} shape {:?} in place of {:?}", found.shape(), expected.shape());
        return false;
    }
    let differences = found.zip(expected, |a, b| (a - b).abs());
    let worst = differences
        .data()
        .iter()
        .fold(0.0_f64, |worst, &x| if x > worst || x.is_nan() { x } else { worst });
    let approximate = worst <= 1e-9 * largest(expected).max(1.0);
    let word = |yes: bool| if yes { "yes" } else { "no" };
    let exact = word(found.data() == expected.data());
    println!(
        "{name:10} exact: {exact:3}  approximate: {:3}  maxdiff: {worst:.1e}",
        word(approximate)
    );
    approximate
}

/// Runs an exercise's check and says in plain words what came of it: the `main` of each exercise.
///
/// A panic of the check is the diagnosis; one of the answer is told with its place in the file.
pub fn verdict(check: fn()) -> ExitCode {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("it panicked");
        match info.location() {
            Some(place) if place.file().ends_with("stub.rs") => {
                println!("{message}\n  at {}:{}", place.file(), place.line());
            }
            _ => println!("{message}"),
        }
    }));
    match panic::catch_unwind(check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L = Σ_ij c_ij w_ij², with different c everywhere.
    fn loss(w: &Tensor<f64>) -> f64 {
        (w * w * weights(w)).sum().item()
    }

    fn weights(w: &Tensor<f64>) -> Tensor<f64> {
        Tensor::from_fn(w.shape(), |i| 1.0 + 0.3 * i as f64)
    }

    fn w() -> Tensor<f64> {
        Tensor::from_fn(&[3, 3], |i| 0.5 + (i as f64).sin())
    }

    fn right() -> Tensor<f64> {
        w() * weights(&w()) * 2.0
    }

    #[track_caller]
    fn check(answer: Tensor<f64>, kind: &str) {
        let diagnosis = gradient("w", &w(), loss, &answer).diagnosis().expect("it is wrong");
        assert!(diagnosis.contains(kind), "{diagnosis}");
    }

    #[test]
    fn the_right_gradient_passes() {
        gradient("w", &w(), loss, &right()).verify();
    }

    #[test]
    fn each_kind_of_mistake_is_called_by_its_name() {
        check(Tensor::zeros(&[3, 3]), "every entry is 0");
        check(-right(), "the sign is flipped");
        check(right() * 2.0, "every entry is 2.000 times too large");
        check(right() * -0.25, "every entry is 4.000 times too small, and its sign is flipped");
        check(right().transpose(0, 1), "it is transposed");
        check(right().flip(&[0]), "reversed along its first axis");
        check(right() / 0.0, "the entry [0, 0] is inf");
        check(right().reshape(&[9]), "has shape [9], w has [3, 3]");
        check(Tensor::zeros(&[3]), "has shape [3], w has [3, 3]");
    }

    #[test]
    fn a_gradient_of_the_transposed_shape_is_called_transposed() {
        let w = Tensor::from_fn(&[2, 3], |i| 1.0 + i as f64);
        let answer = (&w * weights(&w) * 2.0).transpose(0, 1);
        let diagnosis = gradient("w", &w, loss, &answer).diagnosis().expect("it is wrong");
        assert_eq!(
            diagnosis,
            "the gradient in w has shape [3, 2], w has [2, 3]; is it transposed?"
        );
    }

    #[test]
    fn one_wrong_entry_is_shown_with_both_values() {
        let mut answer = right();
        answer.data_mut()[5] = 7.0;
        check(answer.clone(), "1 of 9 entries are wrong\n  w[1, 2]: yours 7.000000, central");
        answer.data_mut()[1] = f64::NAN;
        check(answer, "the entry [0, 1] is NaN");
    }

    #[test]
    fn a_suspect_is_recognised_before_all_other_kinds() {
        let (w, answer) = (w(), right() * 2.0);
        let gradient = gradient("w", &w, loss, &answer).suspect("the half was forgotten", &answer);
        let diagnosis = gradient.diagnosis().expect("it is wrong");
        assert!(
            diagnosis.starts_with("the gradient in w: the half was forgotten\n"),
            "{diagnosis}"
        );
    }

    #[test]
    #[should_panic(expected = "the suspect `nothing` is the right gradient")]
    fn the_right_gradient_is_no_suspect() {
        let _ = gradient("w", &w(), loss, &right()).suspect("nothing", &right());
    }

    #[test]
    #[should_panic(expected = "the loss hardly depends on w")]
    fn a_loss_that_does_not_depend_on_the_value_judges_nothing() {
        let _ = gradient("w", &w(), |_| 1.0, &right());
    }

    #[test]
    fn nothing_that_is_no_number_is_approximately_right() {
        let expected = Tensor::new(&[3], vec![1.0, 2.0, 3.0]);
        assert!(cmp("x", &expected, &expected));
        assert!(!cmp("x", &Tensor::new(&[3], vec![1.0, f64::NAN, 3.0]), &expected));
        assert!(!cmp("x", &Tensor::zeros(&[2]), &expected));
    }

    #[test]
    #[should_panic(expected = "the sum: yours is NaN, it should be 3")]
    fn no_number_is_close_to_nothing() {
        close("the sum", f64::NAN, 3.0, 1e-9);
    }

    #[test]
    #[should_panic(
        expected = "the states: 2 of 3 entries are wrong; at 1 yours is 5, it should be 2"
    )]
    fn the_first_wrong_entry_of_a_list_is_shown() {
        all_close("the states", &[1.0, 5.0, f64::NAN], &[1.0, 2.0, 3.0], 1e-9);
    }

    #[test]
    #[should_panic(expected = "the states: yours has 1 entries, it should have 2")]
    fn lists_of_different_lengths_are_never_close() {
        all_close("the states", &[1.0], &[1.0, 2.0], 1e-9);
    }
}
