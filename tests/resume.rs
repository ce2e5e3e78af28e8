//! Training that goes on from a checkpoint is the training that was not interrupted, to the bit.

use autograd::draw::Draw;
use autograd::optim::schedule::Plateau;
use autograd::optim::{Adagrad, Adam, AdamW, Group, Optimizer, RmsProp, Sgd, StateError};
use autograd::{Params, Tensor};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rnn::Linear;
use rnn::checkpoint::{Checkpoint, CheckpointError, Number};
use tests::{config, refused, rng};

type Model<E> = Linear<Tensor<E>>;

fn draw<E: Number>(draw: &mut Draw) -> Model<E> {
    Linear {
        weight: draw.tensor(&[2, 3], -1.0..1.0).cast(),
        bias: draw.tensor(&[2], -1.0..1.0).cast(),
    }
}

/// A model and its optimizer after some more steps.
fn steps<E: Number, O: Optimizer<E>>(
    (model, optimizer): (&mut Model<E>, &mut O),
    gradients: &[Model<E>],
) {
    for gradient in gradients {
        optimizer.step(model, gradient).expect("it fits");
    }
}

/// Twelve steps at once, and with a checkpoint after `cut` of them.
#[track_caller]
fn check<E: Number, O: Optimizer<E>>(seed: u64, cut: usize, make: impl Fn() -> O) {
    let mut cases = Draw::new(seed, 0, 0);
    let initial = draw::<E>(&mut cases);
    let gradients: Vec<Model<E>> = (0..12).map(|_| draw(&mut cases)).collect();

    let (mut alone, mut optimizer) = (initial.clone(), make());
    steps((&mut alone, &mut optimizer), &gradients);

    let (mut model, mut first) = (initial.clone(), make());
    steps((&mut model, &mut first), &gradients[..cut]);
    *first.lr() *= 0.5; // as a schedule might
    let mut saved = Checkpoint::of(&model).expect("it is finite");
    saved.insert_optimizer("optimizer", &first, &model).expect("it is finite");
    let bytes = saved.to_bytes().expect("it is small");

    let mut saved = Checkpoint::from_bytes("x", &bytes).expect("it is whole");
    let (template, mut second) = (initial.zeros_like(), make());
    saved.take_optimizer("optimizer", &mut second, &template).expect("it fits");
    let mut resumed = saved.into_params(&template).expect("it fits");
    assert_eq!(second.lr(), first.lr());
    *second.lr() = *make().lr();
    assert_eq!(second.memory().step(), cut as u64);
    steps((&mut resumed, &mut second), &gradients[cut..]);

    assert_eq!(resumed, alone, "parameters");
    assert_eq!(second.state(&resumed), optimizer.state(&alone), "state");
}

proptest! {
    #![proptest_config(config(64, file!()))]

    #[test]
    fn sgd_goes_on(seed: u64, cut in 0..=12_usize, nesterov: bool, momentum in 0..3_usize) {
        let momentum = [0.0, 0.5, 0.9][momentum];
        check::<f32, _>(seed, cut, || Sgd { nesterov, ..Sgd::new(0.1, momentum) });
        check::<f64, _>(seed, cut, || Sgd { nesterov, ..Sgd::new(0.1, momentum) });
    }

    #[test]
    fn adagrad_goes_on(seed: u64, cut in 0..=12_usize) {
        check::<f32, _>(seed, cut, || Adagrad::new(0.1));
        check::<f64, _>(seed, cut, || Adagrad { weight_decay: 0.1, ..Adagrad::new(0.1) });
    }

    #[test]
    fn rmsprop_goes_on(seed: u64, cut in 0..=12_usize, centered: bool, momentum in 0..2_usize) {
        let momentum = [0.0, 0.9][momentum];
        check::<f32, _>(seed, cut, || RmsProp { centered, momentum, ..RmsProp::new(0.01) });
        check::<f64, _>(seed, cut, || RmsProp { centered, momentum, ..RmsProp::new(0.01) });
    }

    #[test]
    fn adam_goes_on(seed: u64, cut in 0..=12_usize) {
        check::<f32, _>(seed, cut, || Adam::new(0.01));
        check::<f64, _>(seed, cut, || Adam { betas: (0.8, 0.99), ..Adam::new(0.01) });
    }

    #[test]
    fn adamw_goes_on_with_its_groups(seed: u64, cut in 0..=12_usize) {
        let make = || {
            let mut adamw = AdamW::new(0.01, 0.1);
            adamw.groups.push(Group::of(|name| name == "bias").weight_decay(0.0).lr_factor(2.0));
            adamw
        };
        check::<f32, _>(seed, cut, make);
    }

    #[test]
    fn a_generator_goes_on_wherever_it_stands(
        seed: u64,
        stream: u64,
        taken in prop::collection::vec((0..3_u8, 0..40_usize), 0..12),
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        for (kind, n) in taken {
            match kind {
                0 => (0..n).for_each(|_| { rng.next_u32(); }),
                1 => (0..n).for_each(|_| { rng.next_u64(); }),
                _ => rng.fill_bytes(&mut vec![0; n]),
            }
        }
        prop_assert_eq!(&restored(&rng), &rng);
        prop_assert_eq!(numbers(restored(&rng)), numbers(rng));
    }
}

/// The generator out of a checkpoint.
fn restored(rng: &ChaCha8Rng) -> ChaCha8Rng {
    let mut checkpoint = Checkpoint::<f32>::new();
    checkpoint.insert_rng("rng", rng);
    let bytes = checkpoint.to_bytes().expect("it is small");
    Checkpoint::<f32>::from_bytes("x", &bytes).and_then(|all| all.rng("rng")).expect("it is there")
}

/// The next numbers of a generator, over more than one of its blocks.
fn numbers(mut rng: ChaCha8Rng) -> Vec<u64> {
    (0..100).map(|i| if i % 3 == 0 { rng.next_u32().into() } else { rng.next_u64() }).collect()
}

#[test]
fn a_generator_goes_on_at_every_word_of_its_first_blocks_and_at_its_end() {
    let end = (1 << 68) - 1;
    for position in (0..200).chain([1 << 40, end - 64, end]) {
        let mut rng = rng(1);
        rng.set_word_pos(position);
        assert_eq!(numbers(restored(&rng)), numbers(rng), "word {position}");
    }
}

#[test]
fn a_plateau_goes_on() {
    let losses = [3.0, 2.0, 2.5, 2.4, 1.9, 1.9, 1.9, 1.9, 1.0];
    let make = || Plateau { patience: 1, ..Plateau::new(0.1) };
    let mut alone = make();
    let lrs = losses.map(|loss| alone.after(loss));
    for cut in 0..=losses.len() {
        let mut first = make();
        losses[..cut].iter().for_each(|&loss| _ = first.after(loss));
        let mut all = Checkpoint::<f32>::new();
        all.insert("schedule.lr", first.lr);
        all.insert("schedule.best", first.best);
        all.insert("schedule.since", first.since);
        let number = |key| all.parse(key).expect("a number");
        let since = all.parse("schedule.since").expect("a number");
        let (lr, best) = (number("schedule.lr"), number("schedule.best"));
        let mut second = Plateau { lr, best, since, ..make() };
        assert_eq!(second, first);
        let rest: Vec<f64> = losses[cut..].iter().map(|&loss| second.after(loss)).collect();
        assert_eq!(rest, lrs[cut..]);
    }
}

/// The kinds of tensors in a checkpoint after a step.
fn kinds<O: Optimizer<f32>>(mut optimizer: O) -> Vec<String> {
    let mut cases = Draw::new(0, 0, 0);
    let (mut model, gradient) = (draw(&mut cases), draw(&mut cases));
    optimizer.step(&mut model, &gradient).expect("it fits");
    let mut all = Checkpoint::new();
    all.insert_optimizer("optimizer", &optimizer, &model).expect("it is finite");
    assert_eq!(all.parse("optimizer.step"), Ok(1));
    let name =
        |name: &String| Some(name.strip_prefix("optimizer.")?.strip_suffix(".weight")?.to_string());
    all.tensors().keys().filter_map(name).collect()
}

#[test]
fn the_tensors_have_pytorchs_names() {
    assert_eq!(kinds(Sgd::new(0.1, 0.0)), Vec::<String>::new());
    assert_eq!(kinds(Sgd::new(0.1, 0.9)), ["momentum_buffer"]);
    assert_eq!(kinds(Adagrad::new(0.1)), ["sum"]);
    assert_eq!(kinds(Adam::new(0.1)), ["exp_avg", "exp_avg_sq"]);
    assert_eq!(kinds(AdamW::new(0.1, 0.0)), ["exp_avg", "exp_avg_sq"]);
    assert_eq!(kinds(RmsProp::new(0.1)), ["square_avg"]);
    let all = RmsProp { centered: true, momentum: 0.9, ..RmsProp::new(0.1) };
    assert_eq!(kinds(all), ["grad_avg", "momentum_buffer", "square_avg"]);
}

/// A model after one step of Adam, with both in a checkpoint.
fn adam() -> (Model<f32>, Checkpoint) {
    let mut cases = Draw::new(0, 0, 0);
    let (mut model, gradient) = (draw::<f32>(&mut cases), draw(&mut cases));
    let mut adam = Adam::new(0.1);
    adam.step(&mut model, &gradient).expect("it fits");
    let mut all = Checkpoint::of(&model).expect("it is finite");
    all.insert_optimizer("optimizer", &adam, &model).expect("it is finite");
    (model, all)
}

fn does_not_fit(error: &CheckpointError) -> bool {
    let CheckpointError::Optimizer { source, .. } = error else { return false };
    matches!(source, StateError::Differs { .. })
}

#[test]
fn the_state_of_another_optimizer_is_refused_by_name() {
    let (model, mut all) = adam();
    let mut sgd = Sgd::new(0.1, 0.9);
    let variant = |e: &CheckpointError| {
        matches!(e, CheckpointError::Optimizer { source: StateError::Optimizer { .. }, .. })
    };
    let facts = ["in memory", "\"optimizer\"", "saved by Adam", "SGD"];
    refused(all.take_optimizer("optimizer", &mut sgd, &model), variant, &facts);
    let missing = |e: &CheckpointError| matches!(e, CheckpointError::NoMetadata { .. });
    refused(all.take_optimizer("teacher", &mut sgd, &model), missing, &["\"teacher.step\""]);
}

#[test]
fn other_settings_are_refused_with_both_values_all_at_once() {
    let (model, all) = adam();
    let mut other = Adam { betas: (0.9, 0.99), weight_decay: 0.5, lr: 7.0, ..Adam::new(0.1) };
    let before = other.state(&model);
    let facts = ["beta2 was 0.999 and is 0.99", "weight_decay was 0 and is 0.5"];
    let loaded = all.clone().take_optimizer("optimizer", &mut other, &model);
    assert!(!format!("{loaded:?}").contains("lr"), "the learning rate is taken, not compared");
    refused(loaded, does_not_fit, &facts);
    assert_eq!(other.state(&model), before, "nothing has changed");
    let mut all = all;
    all.insert("optimizer.amsgrad", 1);
    all.insert("optimizer.lr", f64::NAN);
    let facts = ["amsgrad was 1 and is missing", "learning rate is NaN"];
    refused(all.take_optimizer("optimizer", &mut Adam::new(0.1), &model), does_not_fit, &facts);
}

#[test]
fn tensors_that_do_not_fit_are_refused_all_at_once() {
    let (model, mut all) = adam();
    let mean = "optimizer.exp_avg.weight";
    all.take_tensor(mean).expect("it is there");
    all.insert_tensor(mean, Tensor::zeros(&[3, 2])).expect("the name is free");
    all.take_tensor("optimizer.exp_avg_sq.bias").expect("it is there");
    all.insert_tensor("optimizer.exp_avg_sq.offset", Tensor::zeros(&[2])).expect("it is free");
    all.insert_tensor("optimizer.max_exp_avg_sq.bias", Tensor::zeros(&[2])).expect("it is free");
    let facts = [
        "\"exp_avg.weight\" has shape [3, 2] instead of [2, 3]",
        "\"exp_avg_sq.bias\" [2] is missing",
        "\"exp_avg_sq.offset\" [2] is unexpected",
        "\"max_exp_avg_sq.bias\" [2] is unexpected",
    ];
    refused(all.take_optimizer("optimizer", &mut Adam::new(0.1), &model), does_not_fit, &facts);
}

#[test]
fn a_state_without_the_tensors_that_its_steps_have_made_is_refused() {
    let (model, mut all) = adam();
    all.take_tensors("optimizer");
    let facts = ["\"exp_avg.weight\" [2, 3] is missing", "\"exp_avg_sq.bias\" [2] is missing"];
    refused(all.take_optimizer("optimizer", &mut Adam::new(0.1), &model), does_not_fit, &facts);
}

#[test]
fn a_generator_that_is_missing_or_broken_is_named() {
    let mut all = Checkpoint::<f32>::new();
    let missing = |e: &CheckpointError| matches!(e, CheckpointError::NoMetadata { .. });
    refused(all.rng("rng"), missing, &["\"rng.seed\""]);
    all.insert_rng("rng", &rng(0));
    for seed in ["", "00", &"0g".repeat(32), &"é".repeat(32), &"0".repeat(63), &"0".repeat(65)] {
        all.insert("rng.seed", seed);
        let broken = |e: &CheckpointError| matches!(e, CheckpointError::BadMetadata { .. });
        refused(all.rng("rng"), broken, &["\"rng.seed\"", "Seed"]);
    }
}

#[test]
#[should_panic(expected = "state: Adam has taken its steps with other parameters")]
fn the_state_for_other_parameters_panics_with_a_sentence() {
    let mut adam = Adam::new(0.1);
    let mut params = [Tensor::from([1.0_f64])];
    adam.step(&mut params, &[Tensor::from([1.0])]).expect("it fits");
    adam.state(&[Tensor::<f64>::zeros(&[2])]);
}
