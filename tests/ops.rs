//! Every op's derivative, by complex step, dual numbers and central differences, at orders 1 and 2.

use autograd::draw::Draw;
use autograd::gradcheck::{Check, DrawnOp, every_op};
use autograd::{Tape, Tensor};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tests::{config, draws};

/// On drawn cases; `PROPTEST_CASES` sets how many for each op.
#[test]
fn every_op_has_the_derivatives_it_says() {
    for op in every_op() {
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
}

/// Whether only outputs at an entry's own place change with it, as far as these inputs show.
fn looks_elementwise(op: &DrawnOp) -> bool {
    let outputs = |inputs: Vec<Tensor<f64>>| -> Vec<Tensor<f64>> {
        let tape = Tape::new();
        let inputs = inputs.into_iter().map(|x| tape.constant(x)).collect();
        op.apply(&tape, inputs).iter().map(|y| y.value()).collect()
    };
    let before = outputs(op.inputs.clone());
    op.inputs.iter().enumerate().all(|(input, x)| {
        let places = Tensor::from_fn(x.shape(), |i| i as f64);
        (0..x.elements()).all(|i| {
            let mut moved = op.inputs.clone();
            moved[input].data_mut()[i] *= 1.01;
            outputs(moved).iter().zip(&before).all(|(after, before)| {
                let Ok(places) = Tensor::zeros(before.shape()).try_add(&places) else {
                    return false;
                };
                let mut entries = after.data().iter().zip(before.data()).zip(places.data());
                places.shape() == before.shape()
                    && entries.all(|((a, b), &place)| a == b || place == i as f64)
            })
        })
    })
}

#[test]
fn ops_are_called_elementwise_that_are() {
    for op in every_op() {
        let mut drawn = (0..40).map(|seed| (op.draw)(&mut Draw::new(seed, 3, 3)));
        assert_eq!(drawn.all(|drawn| looks_elementwise(&drawn)), op.elementwise, "{}", op.name);
    }
}
