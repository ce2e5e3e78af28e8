//! Bad input to the engine: each mistake has a variant of its own and a sentence with the facts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::clip::{NotFinite, clip_grad_norm, clip_grad_value};
use autograd::draw::Draw;
use autograd::gradcheck::{Check, Failure};
use autograd::ops::{Contribution, CrossEntropy, Describe, Op};
use autograd::optim::{Adam, OptimError, Optimizer, Sgd};
use autograd::{Element, Error, Tape, Tensor, Var};
use tests::{refused, rng};

fn zeros<'t>(tape: &'t Tape<f64>, shape: &[usize]) -> Var<'t, f64> {
    tape.leaf(Tensor::zeros(shape))
}

#[test]
fn shapes_that_do_not_broadcast_are_both_named() {
    let tape = Tape::new();
    let (a, b) = (zeros(&tape, &[2, 3]), zeros(&tape, &[4, 3]));
    let variant = |e: &Error| matches!(e, Error::Broadcast { .. });
    refused(a.try_add(b), variant, &["add", "[2, 3]", "[4, 3]"]);
    refused(a.try_sub(b), variant, &["sub", "[2, 3]", "[4, 3]"]);
    refused(a.try_mul(b), variant, &["mul", "[2, 3]", "[4, 3]"]);
    refused(a.try_div(b), variant, &["div", "[2, 3]", "[4, 3]"]);
}

#[test]
fn factors_that_do_not_fit_are_both_named_with_advice() {
    let tape = Tape::new();
    let (a, b) = (zeros(&tape, &[2, 3]), zeros(&tape, &[4, 3]));
    let variant = |e: &Error| matches!(e, Error::MatMul { .. });
    refused(a.try_matmul(b), variant, &["matmul", "[2, 3]", "[4, 3]", "did you mean `b.t()`?"]);
    refused(a.t().0.try_matmul(zeros(&tape, &[5, 6])), variant, &["[2, 3]", "[5, 6]"]);
    refused(a.try_matmul(zeros(&tape, &[3])), variant, &["[2, 3]", "[3]", "two axes"]);
}

#[test]
fn batches_of_factors_that_do_not_fit_are_both_named() {
    let tape = Tape::new();
    let a = zeros(&tape, &[5, 2, 3]);
    let variant = |e: &Error| matches!(e, Error::MatMul { .. });
    let facts =
        ["matmul", "[5, 2, 3]", "[4, 3, 2]", "before the last two", "equal or one of them 1"];
    refused(a.try_matmul(zeros(&tape, &[4, 3, 2])), variant, &facts);
    let facts = ["[5, 2, 3]", "[5, 4, 2]", "last but one"];
    refused(a.try_matmul(zeros(&tape, &[5, 4, 2])), variant, &facts);
}

#[test]
fn a_reshape_says_how_much_does_not_fit_where() {
    let tape = Tape::new();
    let a = zeros(&tape, &[2, 3]);
    let variant = |e: &Error| matches!(e, Error::Reshape { .. });
    refused(a.try_reshape(&[4, 2]), variant, &["reshape", "[2, 3]", "[4, 2]", "6", "8"]);
    let too_large = |e: &Error| matches!(e, Error::TooLarge { .. });
    let shape = [usize::MAX, 2];
    refused(a.try_reshape(&shape), too_large, &["reshape", &format!("{shape:?}"), "usize"]);
    refused(a.try_reshape(&[1, 1, 1, 1, 1, 2, 3]), too_large, &["6 axes"]);
}

#[test]
fn slices_and_axes_out_of_range_are_named() {
    let tape = Tape::new();
    let a = zeros(&tape, &[2, 3]);
    let slice = |e: &Error| matches!(e, Error::Slice { .. });
    refused(a.try_slice(1, 1, 4), slice, &["slice", "1..4", "axis 1", "[2, 3]"]);
    refused(a.try_slice(1, 3, 2), slice, &["3..2"]);
    let axis = |e: &Error| matches!(e, Error::Axis { .. });
    refused(a.try_slice(2, 0, 1), axis, &["slice", "axis 2", "[2, 3]"]);
    refused(a.try_sum_over(&[2]), axis, &["sum", "axis 2", "[2, 3]"]);
    refused(a.try_mean_over(&[0, 0]), axis, &["mean", "axis 0", "twice"]);
}

#[test]
fn tensors_that_cannot_be_concatenated_are_named_with_their_position() {
    let tape = Tape::new();
    let (a, b) = (zeros(&tape, &[2, 3]), zeros(&tape, &[2]));
    let variant = |e: &Error| matches!(e, Error::Concat { position: 1, .. });
    refused(Var::try_concat(&[a, b], 0), variant, &["concat", "[2, 3]", "[2]", "number 1"]);
    let c = zeros(&tape, &[3, 2]);
    refused(Var::try_concat(&[a, c], 0), variant, &["[2, 3]", "[3, 2]", "axis 0"]);
    let nothing = |e: &Error| matches!(e, Error::ConcatNothing);
    refused(Var::<f64>::try_concat(&[], 0), nothing, &["nothing to concatenate"]);
}

#[test]
fn an_id_outside_the_vocabulary_is_named_with_its_position_and_the_size() {
    let tape = Tape::new();
    let table = zeros(&tape, &[5, 2]);
    let variant = |e: &Error| matches!(e, Error::Id { id: 7, position: 2, size: 5, .. });
    refused(table.try_rows(&[0, 4, 7]), variant, &["rows", "id 7", "position 2", "0..5"]);
    let scores = zeros(&tape, &[3, 5]);
    refused(
        scores.try_cross_entropy(&[0, 1, 7]),
        variant,
        &["cross_entropy", "id 7", "position 2", "0..5"],
    );
    let targets = |e: &Error| matches!(e, Error::Targets { targets: 2, rows: 3 });
    refused(scores.try_cross_entropy(&[0, 1]), targets, &["2 targets", "3 rows"]);
}

#[test]
fn variables_of_two_tapes_do_not_mix() {
    let (one, other) = (Tape::new(), Tape::new());
    let (a, b) = (zeros(&one, &[2]), zeros(&other, &[2]));
    let variant = |e: &Error| matches!(e, Error::TwoTapes { .. });
    refused(a.try_add(b), variant, &["add", "two tapes", "tape.constant"]);
    refused(one.try_backward(b.sum()), variant, &["backward", "two tapes"]);
}

#[test]
fn backward_starts_from_one_number() {
    let tape = Tape::new();
    let a = zeros(&tape, &[2, 3]);
    let variant = |e: &Error| matches!(e, Error::NotScalar { .. });
    refused(tape.try_backward(a), variant, &["backward", "[2, 3]", "sum"]);
}

#[test]
fn a_learning_rate_that_is_not_positive_changes_nothing() {
    for lr in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        let mut params = [Tensor::from([1.0_f64])];
        let grads = [Tensor::from([1.0])];
        let variant = |e: &OptimError| matches!(e, OptimError::LearningRate(_));
        let step = Adam::new(lr).step(&mut params, &grads);
        refused(step, variant, &["learning rate", &lr.to_string()]);
        refused(Sgd::new(lr, 0.9).step(&mut params, &grads), variant, &["positive"]);
        assert_eq!(params, [Tensor::from([1.0])]);
    }
}

#[test]
fn a_gradient_of_another_shape_is_refused_by_name() {
    let mut params = [Tensor::from([1.0_f64]), Tensor::from([1.0])];
    let grads = [Tensor::from([1.0]), Tensor::from([1.0, 2.0])];
    let variant = |e: &OptimError| matches!(e, OptimError::Shape { .. });
    refused(Sgd::new(0.1, 0.0).step(&mut params, &grads), variant, &["`1`", "[1]", "[2]"]);
    assert_eq!(params[0].item(), 1.0, "nothing has changed");
    let mut adam = Adam::new(0.1);
    adam.step(&mut [Tensor::from([1.0_f64])], &[Tensor::from([1.0])]).expect("it fits");
    let variant = |e: &OptimError| matches!(e, OptimError::Parameters { .. });
    refused(adam.step(&mut params.clone(), &params), variant, &["1 parameters", "given 2"]);
}

#[test]
fn clipping_refuses_a_gradient_that_is_not_finite_by_name() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut grads = [Tensor::from([1.0]), Tensor::from([2.0, bad])];
        let variant = |e: &NotFinite| e.name == "1" && e.index == [1];
        refused(clip_grad_norm(&mut grads, 1.0), variant, &["`1`", "not finite at [1]"]);
        refused(clip_grad_value(&mut grads, 0.5), variant, &["`1`", "not finite at [1]"]);
        assert_eq!(grads[0].item(), 1.0, "nothing has changed");
    }
}

/// What a panic says, and where.
fn panic_of(f: impl FnOnce()) -> String {
    let caught = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    match caught.downcast::<String>() {
        Ok(message) => *message,
        Err(other) => (*other.downcast::<&str>().expect("a message")).to_string(),
    }
}

#[test]
fn operators_panic_with_the_same_sentence() {
    let tape = Tape::new();
    let (a, b) = (zeros(&tape, &[2, 3]), zeros(&tape, &[4, 3]));
    let twin = a.try_add(b).expect_err("it is refused").to_string();
    assert_eq!(
        panic_of(|| {
            let _ = a + b;
        }),
        twin
    );
    let (x, y) = (Tensor::<f64>::zeros(&[2, 3]), Tensor::<f64>::zeros(&[4, 3]));
    assert_eq!(panic_of(|| drop(&x + &y)), twin);
    let twin = x.try_slice(1, 2, 9).expect_err("it is refused").to_string();
    assert_eq!(panic_of(|| drop(x.slice(1, 2, 9))), twin);
}

#[test]
fn a_panic_points_at_the_line_of_the_caller() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(None));
    let (place, own) = (seen.clone(), std::thread::current().id()); // tests run side by side
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == own {
            let location = info.location().expect("a panic has a location");
            *place.lock().expect("one writer") =
                Some((location.file().to_string(), location.line()));
        }
    }));
    let tape = Tape::new();
    let (a, b) = (zeros(&tape, &[2, 3]), zeros(&tape, &[4, 3]));
    let mut line = 0;
    panic_of(|| {
        line = line!() + 1;
        let _ = a.matmul(b);
    });
    std::panic::set_hook(hook);
    assert_eq!(*seen.lock().expect("no writer left"), Some((file!().to_string(), line)));
}

/// a + b, whose author forgot that b may have been broadcast.
struct AddWithoutSum;

impl Describe for AddWithoutSum {
    const NAME: &'static str = "add_without_sum";
    fn sample(_: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![Tensor::ones(&[2, 3]), Tensor::ones(&[3])])
    }
}

impl<E: Element> Op<E, 2> for AddWithoutSum {
    fn forward(&self, [a, b]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        a.try_add(b)
    }
    fn vjp(&self, _: [&Tensor<E>; 2], _: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        [dy.clone().into(), dy.clone().into()]
    }
}

#[test]
fn an_op_whose_gradient_has_another_shape_than_its_input_is_refused() {
    let (op, inputs) = AddWithoutSum::sample(&mut Draw::new(0, 0, 0));
    let facts = ["add_without_sum", "input 1", "[2, 3]", "[3]", "sum_to"];
    let tape = Tape::new();
    let [a, b] = [&inputs[0], &inputs[1]].map(|x| tape.leaf(x.clone()));
    let variant = |e: &Error| matches!(e, Error::Contribution { .. });
    let y = tape.apply(AddWithoutSum, [a, b]);
    refused(tape.try_backward(y.sum()), variant, &facts);
    let variant = |e: &Failure| matches!(e, Failure::None { .. });
    refused(Check::default().op(op, &inputs).map_err(|failure| *failure), variant, &facts);
}

/// Calls `f` on a [2, 0, 3] tensor of zeros, and gives its error's variant and text.
fn refusal(f: impl for<'t> Fn(Var<'t, f64>) -> Result<Var<'t, f64>, Error>) -> (Error, String) {
    let tape = Tape::new();
    let error = f(tape.leaf(Tensor::zeros(&[2, 0, 3]))).expect_err("it is refused");
    let text = error.to_string();
    (error, text)
}

#[test]
fn an_empty_axis_is_refused_by_name() {
    for (op, (error, text)) in [
        ("softmax", refusal(|x| x.try_softmax_over(1))),
        ("log_softmax", refusal(|x| x.try_log_softmax_over(1))),
        ("max", refusal(|x| x.try_max_over(&[0, 1]))),
        ("min", refusal(|x| x.try_min_keep(&[1]))),
        ("argmax", refusal(|x| x.value().try_argmax(1).map(|_| x))),
    ] {
        assert_eq!(error, Error::EmptyAxis { op, axis: 1, shape: vec![2, 0, 3] });
        let sentence = "axis 1 of [2, 0, 3] is empty; the operation needs at least one element";
        assert_eq!(text, format!("{op}: {sentence}"));
    }
}

#[test]
fn a_setting_outside_its_range_is_refused_by_name_and_value() {
    let smoothed = |smoothing| CrossEntropy { smoothing, ..CrossEntropy::new(&[]) };
    for (found, text) in [
        (
            refusal(|x| x.reshape(&[0, 6]).try_cross_entropy_with(smoothed(1.5))),
            "cross_entropy: the label smoothing is 1.5, and must be in [0, 1]",
        ),
        (
            refusal(|x| x.reshape(&[0, 6]).try_cross_entropy_with(smoothed(-0.1))),
            "cross_entropy: the label smoothing is -0.1, and must be in [0, 1]",
        ),
        (
            refusal(|x| x.reshape(&[0, 6]).try_cross_entropy_with(smoothed(f64::NAN))),
            "cross_entropy: the label smoothing is NaN, and must be in [0, 1]",
        ),
        (
            refusal(|x| x.try_clamp(2.0, 1.0)),
            "clamp: the minimum is 2, and must be at most the maximum",
        ),
        (
            refusal(|x| x.try_dropout(1.0, &mut rng(0))),
            "dropout: the probability is 1, and must be in [0, 1)",
        ),
        (
            refusal(|x| {
                let d = x.tape().leaf(Tensor::zeros(&[3]));
                x.try_layer_norm(d, d, -1.0)
            }),
            "layer_norm: the eps is -1, and must be finite and not negative",
        ),
    ] {
        assert!(matches!(found.0, Error::Setting { .. }), "{:?}", found.0);
        assert_eq!(found.1, text);
    }
}

#[test]
fn an_input_of_the_wrong_shape_is_refused_by_name_and_shape() {
    let weights = || CrossEntropy { weights: Some([1.0; 5].into()), ..CrossEntropy::new(&[]) };
    for (found, text) in [
        (
            refusal(|x| x.reshape(&[0, 6]).try_cross_entropy_with(weights())),
            "cross_entropy: the list of class weights has the shape [5], and must have [6]",
        ),
        (
            refusal(|x| {
                let [w, b] = [3, 4].map(|d| x.tape().leaf(Tensor::zeros(&[d])));
                x.try_layer_norm(w, b, 1e-5)
            }),
            "layer_norm: the bias has the shape [4], and must have [3]",
        ),
    ] {
        assert!(matches!(found.0, Error::InputShape { .. }), "{:?}", found.0);
        assert_eq!(found.1, text);
    }
}
