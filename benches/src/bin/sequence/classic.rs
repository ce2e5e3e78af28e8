//! Figures that others have made well known: Karpathy's character model, and a chain of small operations.

use std::hint::black_box;

use autograd::clip::clip_grad_value;
use autograd::draw::Draw;
use autograd::ops::CrossEntropy;
use autograd::optim::{Adagrad, Optimizer};
use autograd::{Params, Tape, Tensor, scalar};
use benches::{Case, Way};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Engine, LanguageModel, StackOptions, Vanilla};

/// A training step of min-char-rnn: one-hot inputs, tanh, entries clipped to ±5, Adagrad, the state carried over.
pub(crate) fn charlm(engine: Engine) -> Way {
    let shape = Case::CHARLM.shape.expect("a layer");
    let mut draw = Draw::new(0, 0, 0);
    let [inputs, targets] = [(); 2].map(|()| draw.ids(shape.seq_len, Case::VOCAB_SIZE));
    let options = StackOptions { engine, ..StackOptions::new(Case::VOCAB_SIZE, shape.hidden_size) };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut model =
        LanguageModel::<Vanilla>::init_with::<f32>(Case::VOCAB_SIZE, false, &options, &mut rng);
    let mut states = model.zero_states(shape.batch);
    let mut adagrad = Adagrad::new(0.1);
    let mut tape = Tape::<f32>::new();
    Way::new("model", move || {
        let mut grads = {
            let vars = model.map(|w| tape.leaf(w.clone()));
            let before: Vec<_> =
                states.iter().map(|s| s.map(|h| tape.constant(h.clone()))).collect();
            let out = vars.rnn.on_tape_ids(&tape, None, &inputs, shape.batch, Some(&before), None);
            let out = out.expect("ids below V");
            let mean = out.outputs.rows().linear_cross_entropy(
                vars.head.weight,
                vars.head.bias,
                CrossEntropy::new(&targets),
            );
            let grads = tape.backward(mean * shape.seq_len as f64); // the sum over the steps
            states = out.carried();
            vars.map(|&w| grads.of(w))
        };
        tape.reset(); // it shares the weights: the step would copy each of them
        clip_grad_value(&mut grads, 5.0).expect("finite");
        adagrad.step(&mut model, &grads).expect("a positive learning rate");
    })
}

/// How often y ← tanh(y ⊙ w + b).
const TIMES: usize = Case::CHAIN / 3;

/// On 4 × 4 tensors, with the gradient in w.
pub(crate) fn tensor_chain() -> Way {
    let [y0, w0, b0] = [0.5, 0.9, 0.1].map(|x: f32| Tensor::full(&[4, 4], x));
    let mut tape = Tape::new();
    Way::new("tape", move || {
        tape.reset();
        let [y, w, b] = [&y0, &w0, &b0].map(|x| tape.leaf(x.clone()));
        let y = (0..TIMES).fold(y, |y, _| (y * w + b).tanh());
        black_box(tape.backward(y.sum()).of(w));
    })
}

/// On scalars, with the scalar engine.
pub(crate) fn scalar_chain() -> Way {
    let mut tape = scalar::Tape::new();
    Way::new("tape", move || {
        tape.reset();
        let [y, w, b] = [0.5, 0.9, 0.1].map(|x| tape.var(black_box(x)));
        let y = (0..TIMES).fold(y, |y, _| (y * w + b).tanh());
        black_box(tape.backward(y).of(w));
    })
}
