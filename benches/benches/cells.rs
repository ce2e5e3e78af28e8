//! One training step of a character model, for each cell: forward, backpropagation through time by
//! hand, clipping, Adam. And the same gradient by the tape: each layer as one fused op, and every step composed of ops.
//!
//! 65 symbols, one-hot; H = 128, T = 32, B = 32: 1,024 characters a step.

use autograd::clip::clip_grad_norm;
use autograd::optim::{Adam, Optimizer};
use autograd::transform::value_and_grad;
use autograd::{Params, Tensor, Var, draw::Draw};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Engine, Gru, LanguageModel, Lstm, Vanilla};

const V: usize = 65;
const H: usize = 128;
const T: usize = 32;
const B: usize = 32;

fn training_step<C: Cell>(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut draw = Draw::new(0, 0, 0);
    let mut model = LanguageModel::<C>::init::<f32>(V, None, H, &mut rng);
    let (inputs, targets) = (draw.ids(T * B, V), draw.ids(T * B, V));
    let states = model.zero_states(B);
    let mut adam = Adam::new(1e-3);

    let mut group = criterion.benchmark_group("training_step");
    group.throughput(Throughput::Elements((T * B) as u64)); // characters
    group.sample_size(20);
    group.bench_function(format!("{}/by_hand", C::NAME), |bencher| {
        bencher.iter(|| {
            let mut found =
                model.window_grad(&inputs, &targets, &states, None).expect("ids below V");
            clip_grad_norm(&mut found.grads, 1.0).expect("finite");
            adam.step(&mut model, &found.grads).expect("a positive learning rate");
        });
    });
    for (name, engine) in [("fused", Engine::Fused), ("tape", Engine::Tape)] {
        model.rnn.options.engine = engine;
        group.bench_function(format!("{}/{name}", C::NAME), |bencher| {
            bencher.iter(|| {
                let (_, mut grads) = value_and_grad(
                    |tape, model: LanguageModel<C, Var<'_, f32>>| {
                        let on_tape = |s: &Tensor<f32>| tape.constant(s.clone());
                        let states: Vec<_> = states.iter().map(|s| s.map(on_tape)).collect();
                        model
                            .loss_on_tape(tape, &inputs, &targets, &states, None)
                            .expect("ids below V")
                    },
                    &model,
                );
                clip_grad_norm(&mut grads, 1.0).expect("finite");
                adam.step(&mut model, &grads).expect("a positive learning rate");
            });
        });
    }
    group.finish();
}

fn each_cell(criterion: &mut Criterion) {
    training_step::<Vanilla>(criterion);
    training_step::<Gru>(criterion);
    training_step::<Lstm>(criterion);
}

criterion_group!(benches, each_cell);
criterion_main!(benches);
