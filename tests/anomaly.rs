//! Twenty faults that make a NaN or an infinity, each found by the name of its op, forward or backward.

use autograd::anomaly::{Direction, find_anomaly};
use autograd::{Tape, Tensor, Var};

/// Whether the anomaly is this op's, this way, at this index, with these inputs bad before.
#[track_caller]
fn found(loss: Var<'_, f64>, op: &str, direction: Direction, index: &[usize], bad: &[usize]) {
    let anomaly = find_anomaly(loss).expect("there is an anomaly");
    let bad_inputs: Vec<usize> = anomaly.bad_inputs.iter().map(|input| input.0).collect();
    let seen = (anomaly.op, anomaly.direction, &anomaly.index[..], &bad_inputs[..]);
    assert_eq!(seen, (op, direction, index, bad), "{anomaly}");
    assert!(anomaly.caller.file().ends_with("anomaly.rs"), "{anomaly}");
    assert!(!anomaly.value.is_finite());
}

/// A fault: some inputs, the formula, and where the first number that is not finite is made.
macro_rules! faults {
    ($($name:ident: ($($x:ident = $value:expr),*) $formula:expr =>
        $op:literal, $direction:expr, $index:expr, $bad:expr;)*) => { $(
        #[test]
        fn $name() {
            let tape = Tape::new();
            $(let $x = tape.leaf(Tensor::from($value));)*
            let y = $formula;
            found(y.sum(), $op, $direction, &$index, &$bad);
        }
    )* };
}

use Direction::{Backward, Forward};

faults! {
    an_exponential_that_overflows: (x = [1.0, 800.0]) x.exp() => "exp", Forward, [1], [];
    a_logarithm_of_zero: (x = [1.0, 0.0]) x.ln() => "ln", Forward, [1], [];
    a_logarithm_of_less: (x = [[1.0, 2.0], [3.0, -1.0]]) x.ln() => "ln", Forward, [1, 1], [];
    a_root_of_less: (x = [-1.0]) x.sqrt() => "sqrt", Forward, [0], [];
    a_division_by_zero: (x = [1.0, 2.0], y = [1.0, 0.0]) x / y => "div", Forward, [1], [];
    zero_by_zero: (x = [0.0], y = [0.0]) x / y => "div", Forward, [0], [];
    a_product_that_overflows: (x = [1e200], y = [1e200]) x * y => "mul", Forward, [0], [];
    a_sum_that_overflows: (x = [1e308], y = [1e308]) x + y => "add", Forward, [0], [];
    a_difference_that_overflows: (x = [1e308], y = [-1e308]) x - y => "sub", Forward, [0], [];
    a_constant_that_overflows: (x = [1e308]) x * 10.0 => "affine", Forward, [0], [];
    a_pole_of_a_power: (x = [2.0, 0.0]) x.powf(-1.0) => "powf", Forward, [1], [];
    a_power_of_less: (x = [-2.0]) x.powf(0.5) => "powf", Forward, [0], [];
    a_reduction_that_overflows: (x = [1e308, 1e308]) x.sum_keep(&[0]) => "sum", Forward, [0], [];
    a_matrix_product_that_overflows: (x = [[1e200]], y = [[1e200]]) x.matmul(y) => "matmul", Forward, [0, 0], [];
    data_that_was_bad: (x = [1.0, f64::NAN]) x.tanh() => "tanh", Forward, [1], [0];
    bad_data_on_the_right: (x = [1.0], y = [f64::INFINITY]) x + y => "add", Forward, [0], [1];
    a_root_at_zero_going_back: (x = [1.0, 0.0]) x.sqrt() => "sqrt", Backward { input: 0 }, [1], [];
    a_power_at_zero_going_back: (x = [0.0]) x.powf(0.5) => "powf", Backward { input: 0 }, [0], [];
    a_quotient_going_back: (x = [1e200], y = [1e-100]) x / y => "div", Backward { input: 1 }, [0], [];
    scores_that_were_bad: (x = [[0.0, f64::NAN]]) x.cross_entropy(&[0]) => "cross_entropy", Forward, [], [0];
}

#[test]
fn a_finite_computation_has_no_anomaly() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([0.5_f64, 2.0]));
    assert_eq!(find_anomaly((x.ln() * x.sqrt()).sum()), None);
}

#[test]
fn the_report_names_op_place_shapes_and_what_was_bad_before() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([[1.0, f64::NAN]]));
    let w = tape.leaf(Tensor::from([[1.0], [2.0]]));
    let (y, line) = (x.matmul(w), line!());
    let anomaly = find_anomaly(y.sum()).expect("there is one");
    assert_eq!(anomaly.caller.line(), line);
    let report = anomaly.to_string();
    for fact in ["matmul", "NaN", "[0, 0]", "[1, 2]", "[2, 1]", "anomaly.rs", "input 0", "leaf"] {
        assert!(report.contains(fact), "`{fact}` is not in: {report}");
    }
}
