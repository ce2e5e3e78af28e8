//! One layer over a sequence.

use std::hint::black_box;

use autograd::draw::Draw;
use autograd::optim::{Adam, Optimizer};
use autograd::{Params, Tape, Tensor};
use benches::{Case, Shape, Way};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Engine, LanguageModel, Seq, Stack, StackOptions};

/// Numbers in [−1, 1).
fn drawn(draw: &mut Draw, shape: &[usize]) -> Tensor<f32> {
    draw.tensor(shape, -1.0..1.0).cast()
}

/// A layer of this shape and its inputs, [T, B, I].
fn layer<C: Cell>(shape: Shape, engine: Engine) -> (Stack<C, Tensor<f32>>, Tensor<f32>) {
    let Shape { seq_len, batch, input_size, hidden_size } = shape;
    let options = StackOptions { engine, ..StackOptions::new(input_size, hidden_size) };
    let stack = Stack::<C>::init(&options, &mut ChaCha8Rng::seed_from_u64(0));
    (stack, drawn(&mut Draw::new(0, 0, 0), &[seq_len, batch, input_size]))
}

/// Outputs [T, B, H] from a zero state, nothing kept for gradients.
pub(crate) fn forward<C: Cell>(shape: Shape, engine: Engine) -> Way {
    let (stack, xs) = layer::<C>(shape, engine);
    if engine == Engine::Tape {
        let mut tape = Tape::new();
        return Way::new("layer", move || {
            tape.reset();
            let weights = stack.map(|w| tape.constant(w.clone()));
            let xs = Seq::time_major(tape.constant(xs.clone()));
            black_box(weights.on_tape(&xs, None, None).outputs.steps().value());
        });
    }
    let xs = Seq::time_major(xs);
    Way::new("layer", move || {
        black_box(stack.run(&xs, None));
    })
}

/// Forward, the loss sum(output ⊙ R), and its gradient in all weights, both biases and the inputs.
pub(crate) fn forward_backward<C: Cell>(shape: Shape, engine: Engine) -> Way {
    let (stack, xs) = layer::<C>(shape, engine);
    let Shape { seq_len, batch, hidden_size, .. } = shape;
    let r = drawn(&mut Draw::new(1, 0, 0), &[seq_len, batch, hidden_size]);
    let mut tape = Tape::new();
    Way::new("layer", move || {
        tape.reset();
        let weights = stack.map(|w| tape.leaf(w.clone()));
        let xs = tape.leaf(xs.clone());
        let out = weights.on_tape(&Seq::time_major(xs), None, None).outputs.steps();
        let loss = (out * tape.constant(r.clone())).sum();
        let grads = tape.backward(loss);
        black_box((weights.map(|&w| grads.of(w)), grads.of(xs)));
    })
}

/// A training step of a language model: embedding, layer, scores, mean cross-entropy, gradients, clipping, Adam.
pub(crate) fn training_step<C: Cell>(shape: Shape, engine: Engine) -> Way {
    let Shape { seq_len, batch, input_size, hidden_size } = shape;
    let mut draw = Draw::new(0, 0, 0);
    let [inputs, targets] = [(); 2].map(|()| draw.ids(seq_len * batch, Case::VOCAB_SIZE));
    let options = StackOptions { engine, ..StackOptions::new(input_size, hidden_size) };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut model = LanguageModel::<C>::init_with(Case::VOCAB_SIZE, true, &options, &mut rng);
    let states = model.zero_states(batch);
    let mut adam = Adam::new(1e-3);
    let mut tape = Tape::<f32>::new();
    Way::new("layer", move || {
        let grads = {
            let vars = model.map(|w| tape.leaf(w.clone()));
            let states: Vec<_> =
                states.iter().map(|s| s.map(|s| tape.constant(s.clone()))).collect();
            let loss = vars.loss_on_tape(&tape, &inputs, &targets, &states, None);
            let grads = tape.backward(loss.expect("ids below V"));
            vars.map(|&w| grads.of(w))
        };
        tape.reset(); // it shares the weights: the step would copy each of them
        adam.step_clipped(&mut model, &grads, 5.0).expect("finite gradients");
    })
}
