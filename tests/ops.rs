//! Every op's derivative, by complex step, dual numbers and central differences, at orders 1 and 2.

use autograd::gradcheck::{Check, every_op};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tests::{config, draws};

/// Runs the op's check on drawn cases; `PROPTEST_CASES` sets how many.
#[track_caller]
fn check(name: &str) {
    let op = every_op().into_iter().find(|op| op.name == name).expect("the op is in the list");
    let mut runner = TestRunner::new(config(768, file!()));
    let result = runner.run(&draws(), |(seed, mut draw)| {
        let check = Check::with_seed(seed).order_2();
        (op.run)(&mut draw, &check).map_err(|f| TestCaseError::fail(f.to_string()))?;
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

macro_rules! each {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_op_has_a_test() {
            let tested = [$(stringify!($name)),*];
            let listed: Vec<_> = every_op().iter().map(|op| op.name).collect();
            assert_eq!(listed, tested);
        }
    };
}

each! {
    add sub mul div neg affine exp ln sqrt powf tanh sigmoid relu log1p recip abs clamp sin cos
    leaky_relu elu gelu gelu_tanh softplus silu maximum minimum select masked_fill sum mean max min
    var norm log_sum_exp matmul concat reshape slice rows softmax log_softmax cross_entropy
    layer_norm dropout
    permute flip gather scatter_add take_along add_along conv1d conv2d max_pool1d max_pool2d
    mean_pool1d mean_pool2d
}
