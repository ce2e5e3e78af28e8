//! The same bytes with 1, 2, 4 and 8 threads, at every level of the kernels.

use autograd::draw::Draw;
use autograd::gradcheck::every_op;
use autograd::ops::MatMul;
use autograd::optim::{Adam, Optimizer};
use autograd::transform::value_and_grad;
use autograd::{Element, Tape, Tensor, Var, init};
use tests::{at_every_level, rng};

/// Asserts that `run` gives the same numbers, bit for bit, in pools of 1, 2, 4 and 8 threads.
#[track_caller]
fn same_bytes<E: Element>(what: &str, run: impl Fn() -> Vec<Tensor<E>> + Send + Sync) {
    let bytes = |threads: usize| -> Vec<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let tensors = pool.expect("threads can be started").install(&run);
        let bits = |x: &Tensor<E>| x.data().iter().map(|x| x.value().to_bits()).collect();
        tensors.iter().map(bits).collect()
    };
    let one = bytes(1);
    assert!(one.iter().any(|tensor| !tensor.is_empty()), "{what}: nothing to compare");
    for threads in [2, 4, 8] {
        assert!(bytes(threads) == one, "{what}: other bytes with {threads} threads");
    }
}

/// What `f` gives, and the gradient of Σ f² in every input.
fn forward_and_backward<E: Element>(
    inputs: &[Tensor<E>],
    f: impl for<'t> Fn(&'t Tape<E>, Vec<Var<'t, E>>) -> Vec<Var<'t, E>>,
) -> Vec<Tensor<E>> {
    let tape = Tape::new();
    let inputs: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let outputs = f(&tape, inputs.clone());
    let mut loss = tape.constant(Tensor::scalar(E::ZERO));
    for &y in &outputs {
        loss = loss + (y * y).sum();
    }
    let grads = tape.backward(loss);
    let values = outputs.iter().map(|y| y.value());
    values.chain(inputs.iter().map(|&x| grads.of(x))).collect()
}

#[test]
fn every_op_gives_the_same_bytes_with_any_number_of_threads() {
    for op in every_op() {
        same_bytes(op.name, || {
            let drawn = (0..20).map(|seed| (op.draw)(&mut Draw::new(seed, 3, 4)));
            let run = drawn.flat_map(|drawn| {
                forward_and_backward(&drawn.inputs, |tape, inputs| drawn.apply(tape, inputs))
            });
            run.collect()
        });
    }
}

/// Products of 50 MFLOP and more, which are cut into pieces.
fn large_products<E: Element>() {
    let sines = |shape: &[usize]| Tensor::from_fn(shape, |i| E::from_f64((i as f64).sin()));
    for (a_batch, b_batch, [m, k, n]) in [
        (&[][..], &[][..], [700, 300, 250]),
        (&[100], &[100], [64, 65, 66]),
        (&[3, 100], &[1, 100], [40, 30, 80]), // B is repeated: its gradient is a sum of products
    ] {
        for flags in 0..4 {
            let (ta, tb) = (flags & 1 > 0, flags & 2 > 0);
            let a = sines(&[a_batch, &if ta { [k, m] } else { [m, k] }].concat());
            let b = sines(&[b_batch, &if tb { [n, k] } else { [k, n] }].concat());
            let what = format!("{:?} · {:?}, transposed: {ta}, {tb}", a.shape(), b.shape());
            same_bytes(&what, || {
                forward_and_backward(&[a.clone(), b.clone()], |tape, inputs| {
                    let op = MatMul { a_transposed: ta, b_transposed: tb };
                    vec![tape.apply(op, [inputs[0], inputs[1]])]
                })
            });
        }
    }
    let (x, w) = (sines(&[2, 16, 20, 20]), sines(&[512, 16, 3, 3]));
    same_bytes("conv2d", || {
        forward_and_backward(&[x.clone(), w.clone()], |_, inputs| {
            vec![inputs[0].conv2d(inputs[1], [1, 1], [0, 0])]
        })
    });
}

#[test]
fn products_that_are_cut_give_the_same_bytes_with_any_number_of_threads() {
    large_products::<f32>();
    large_products::<f64>();
}

#[test]
fn products_that_are_cut_give_the_same_bytes_at_every_level() {
    at_every_level("threads::products_that_are_cut_give_the_same_bytes_with_any_number_of_threads");
}

/// 200 steps of Adam on a network of two layers with dropout; the first product of each step is cut into
/// four pieces. The parameters and every loss.
fn train() -> Vec<Tensor<f32>> {
    let mut rng = rng(3);
    let x = init::normal::<f32>(&[1024, 128], 1.0, &mut rng);
    let targets: Vec<usize> = (0..1024).map(|i| usize::from(x.data()[128 * i] > 0.0)).collect();
    let mut params = [[160, 128], [2, 160]].map(|shape| init::normal(&shape, 0.1, &mut rng));
    let mut adam = Adam::new(1e-3);
    let mut losses = Vec::new();
    for _ in 0..200 {
        let (loss, grads) = value_and_grad(
            |tape, [w_1, w_2]: [Var<'_, f32>; 2]| {
                let h = tape.constant(x.clone()).matmul(w_1.t()).relu();
                h.dropout(0.1, &mut rng).matmul(w_2.t()).cross_entropy(&targets)
            },
            &params,
        );
        adam.step(&mut params, &grads).expect("a step can be taken");
        losses.push(loss.item());
    }
    assert!(losses[199] < 0.1 * losses[0], "it learns: {} to {}", losses[0], losses[199]);
    let [w_1, w_2] = params;
    vec![w_1, w_2, Tensor::new(&[200], losses)]
}

#[test]
fn a_training_run_gives_the_same_bytes_with_any_number_of_threads() {
    same_bytes("training", train);
}
