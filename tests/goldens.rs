//! What PyTorch computes, number by number: cells, optimizers, ops, clipping.
//!
//! The values lie in `goldens/`, beside the script that made them, `goldens/make.py`, which says what each
//! tensor is. No test runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use autograd::clip::{clip_grad_norm, clip_grad_value};
use autograd::optim::schedule::{Cosine, Plateau, StepDecay, WarmUp};
use autograd::optim::{Adagrad, Adam, AdamW, Group, Optimizer, RmsProp, Sgd};
use autograd::params::Path;
use autograd::{Element, Params, Tape, Tensor, Var};
use rnn::{Cell, Gru, Lstm, Seq, StateOf, Vanilla, bptt, unroll, unroll_on_tape};
use safetensors::{Dtype, SafeTensors};
use tests::rng;

/// The tensors of one file, by name.
pub(crate) struct Golden {
    file: &'static str,
    pub(crate) tensors: BTreeMap<String, Tensor<f64>>,
}

impl Golden {
    #[track_caller]
    pub(crate) fn read(file: &'static str) -> Self {
        let bytes = bytes(file);
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).expect("a safetensors file").iter() {
            assert_eq!(view.dtype(), Dtype::F64, "{file}: `{name}`");
            let numbers = view.data().as_chunks().0.iter().map(|&x| f64::from_le_bytes(x));
            tensors.insert(name.to_owned(), Tensor::new(view.shape(), numbers.collect()));
        }
        Self { file, tensors }
    }

    /// The configurations of the cases: of each its name as `case`, and its settings.
    #[track_caller]
    pub(crate) fn cases(&self) -> Vec<BTreeMap<String, String>> {
        let bytes = bytes(self.file);
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
        let lines = metadata.metadata().as_ref().and_then(|entries| entries.get("cases"));
        let lines = lines.unwrap_or_else(|| panic!("{}: no list of cases", self.file)).lines();
        let setting = |word: &str| {
            let (key, value) = word.split_once('=').unwrap_or(("case", word));
            (key.to_string(), value.to_string())
        };
        lines.map(|line| line.split_whitespace().map(setting).collect()).collect()
    }

    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> &Tensor<f64> {
        match self.tensors.get(name) {
            Some(tensor) => tensor,
            None => panic!("{} has no tensor `{name}`", self.file),
        }
    }

    /// Whole numbers, which the files hold as floats.
    #[track_caller]
    pub(crate) fn ids(&self, name: &str) -> Vec<usize> {
        self.get(name).data().iter().map(|&id| id as usize).collect()
    }

    /// Asserts that `got` is the tensor of this name.
    #[track_caller]
    pub(crate) fn check<E: Element>(&self, name: &str, got: &Tensor<E>, tolerance: f64) {
        let want = self.get(name);
        close(&format!("{}: `{name}`", self.file), &got.cast(), want, tolerance);
    }
}

pub(crate) fn bytes(file: &str) -> Vec<u8> {
    let path = format!("{}/goldens/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
    match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => panic!("cannot read {path}: {error}"),
    }
}

/// Asserts that |got − want| / max(1, |got|, |want|) is at most `tolerance` everywhere, or reports the
/// worst place.
#[track_caller]
fn close(name: &str, got: &Tensor<f64>, want: &Tensor<f64>, tolerance: f64) {
    assert_eq!(got.shape(), want.shape(), "{name}: two shapes");
    let errors = got.data().iter().zip(want.data()).map(|(&a, &b)| {
        let error = (a - b).abs() / 1f64.max(a.abs()).max(b.abs());
        if error.is_nan() { f64::INFINITY } else { error } // a NaN equals nothing
    });
    let errors: Vec<f64> = errors.collect();
    let bad = errors.iter().filter(|&&error| error > tolerance).count();
    let worst = (0..errors.len()).max_by(|&i, &j| errors[i].total_cmp(&errors[j]));
    if let (Some(worst), 1..) = (worst, bad) {
        let mut rest = worst;
        let mut index: Vec<usize> = Vec::new();
        for length in want.shape().iter().rev() {
            index.insert(0, rest % length);
            rest /= length;
        }
        panic!(
            "{name} is wrong in {bad} of {} numbers, most at {index:?}: {:?} here, {:?} in PyTorch, \
             relative error {:.1e}, allowed {tolerance:.0e}",
            errors.len(),
            got.data()[worst],
            want.data()[worst],
            errors[worst],
        );
    }
}

#[test]
#[should_panic(expected = "`x` is wrong in 2 of 4 numbers, most at [1, 0]: \
    3.5 here, 3.0 in PyTorch, relative error 1.4e-1, allowed 1e-2")]
fn a_wrong_number_is_reported_with_its_place_and_both_values() {
    let want = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    close("`x`", &Tensor::from([[1.0, 2.1], [3.5, 4.0]]), &want, 1e-2);
}

#[test]
#[should_panic(expected = "`x` is wrong in 1 of 2 numbers, most at [1]: NaN here")]
fn a_nan_is_a_wrong_number() {
    close("`x`", &Tensor::from([1.0, f64::NAN]), &Tensor::from([1.0, 2.0]), 1e-2);
}

// Cells.

/// The tolerances of results and of gradients.
const F64: [f64; 2] = [1e-12, 1e-12];
const F32: [f64; 2] = [2e-6, 1e-5];

/// The way to the gradients.
#[derive(Clone, Copy)]
enum Route {
    Tape,
    ByHand,
}

/// A cell's golden file as numbers of type E. One step is a sequence of length 1 whose loss looks only
/// at the last state.
struct Case<C: Cell, E: Element> {
    golden: Golden,
    one_step: bool,
    params: C::Of<Tensor<E>>,
    xs: Tensor<E>,
    initial: StateOf<C, Tensor<E>>,
    d_outputs: Tensor<E>,
    d_last: StateOf<C, Tensor<E>>,
}

/// What a route found for a [`Case`].
struct Found<C: Cell, E: Element> {
    outputs: Tensor<E>,
    last: StateOf<C, Tensor<E>>,
    d_params: C::Of<Tensor<E>>,
    d_xs: Tensor<E>,
    d_initial: StateOf<C, Tensor<E>>,
}

impl<C: Cell, E: Element> Case<C, E> {
    #[track_caller]
    fn read(file: &'static str) -> Self {
        let golden = Golden::read(file);
        let one_step = golden.tensors.contains_key("h1");
        let input = golden.get("input");
        let (batch, input_size) =
            (golden.get("h0").shape()[0], input.shape()[input.shape().len() - 1]);
        let hidden_size = golden.get("h0").shape()[1];
        let xs = match one_step {
            true => input.reshape(&[1, batch, input_size]),
            false => input.clone(),
        };
        let d_outputs = match one_step {
            true => Tensor::zeros(&[1, batch, hidden_size]),
            false => golden.get("r_output").clone(),
        };
        // Drawn only for the names and shapes that ours have: PyTorch's must be the same.
        let ours = C::init::<E>(input_size, hidden_size, &mut rng(0));
        let state = C::zero_state(&ours, batch);
        let theirs = |name: String, ours: &Tensor<E>| {
            let theirs = golden.get(&name).cast();
            assert_eq!(theirs.shape(), ours.shape(), "{file}: the shape of `{name}`");
            theirs
        };
        let params = ours.map_named(&params_path(one_step), &mut |name, x| theirs(name, x));
        let initial = state.map_named(&Path::default().ending("0"), &mut |name, x| theirs(name, x));
        let d_last =
            state.map_named(&last_path(one_step), &mut |name, x| theirs(format!("r_{name}"), x));
        let (xs, d_outputs) = (xs.cast(), d_outputs.cast());
        Self { one_step, params, xs, initial, d_outputs, d_last, golden }
    }

    /// On the tape, the loss written out.
    fn on_the_tape(&self) -> Found<C, E> {
        let tape = Tape::new();
        let params = self.params.map(|w| tape.leaf(w.clone()));
        let xs = tape.leaf(self.xs.clone());
        let initial = self.initial.map(|s| tape.leaf(s.clone()));
        let steps: Vec<_> = (0..self.xs.shape()[0]).map(|t| xs.entry(t)).collect();
        let (outputs, last) = unroll_on_tape::<C, E>(&params, &steps, &initial);
        let outputs = Var::stack(&outputs);
        let mut loss = (outputs * tape.constant(self.d_outputs.clone())).sum();
        for (state, weight) in last.leaves().into_iter().zip(self.d_last.leaves()) {
            loss = loss + (state * tape.constant(weight)).sum();
        }
        let grads = tape.backward(loss);
        Found {
            outputs: outputs.value().clone(),
            last: last.map(|s| s.value().clone()),
            d_params: params.map(|&w| grads.of(w)),
            d_xs: grads.of(xs),
            d_initial: initial.map(|&s| grads.of(s)),
        }
    }

    /// By backpropagation through time, which starts from the gradients of the loss in the results.
    fn by_hand(&self) -> Found<C, E> {
        let xs = Seq::time_major(self.xs.clone());
        let trace = unroll::<C, E>(&self.params, &xs, &self.initial);
        let back = bptt::<C, E>(&self.params, &trace, &self.d_outputs, Some(&self.d_last));
        Found {
            outputs: trace.outputs(),
            last: trace.last_state().map(Tensor::clone),
            d_params: back.grads,
            d_xs: back.d_xs,
            d_initial: back.d_initial,
        }
    }
}

/// `weight_ih` in a torch.nn.GRUCell, `weight_ih_l0` in a torch.nn.GRU.
fn params_path(one_step: bool) -> Path {
    Path::default().ending(if one_step { "" } else { "_l0" })
}

/// `h1` after one step, `h_n` after T.
fn last_path(one_step: bool) -> Path {
    Path::default().ending(if one_step { "1" } else { "_n" })
}

#[track_caller]
fn check_cell<C: Cell, E: Element>(file: &'static str, route: Route, tolerances: [f64; 2]) {
    let case = Case::<C, E>::read(file);
    let (golden, one_step) = (&case.golden, case.one_step);
    let found = match route {
        Route::Tape => case.on_the_tape(),
        Route::ByHand => case.by_hand(),
    };
    let mut results = Vec::new();
    if !one_step {
        results.push(("output".to_owned(), found.outputs));
    }
    found.last.map_named(&last_path(one_step), &mut |name, s| results.push((name, s.clone())));

    let d_input = found.d_xs.reshape(golden.get("input").shape());
    let mut gradients = vec![("grad.input".to_owned(), d_input)];
    let mut gradient = |name, d: &Tensor<E>| gradients.push((format!("grad.{name}"), d.clone()));
    found.d_initial.map_named(&Path::default().ending("0"), &mut gradient);
    found.d_params.map_named(&params_path(one_step), &mut gradient);

    let compared: BTreeSet<_> = gradients.iter().map(|(name, _)| name.as_str()).collect();
    let stored = golden.tensors.keys().map(String::as_str).filter(|name| name.starts_with("grad."));
    assert_eq!(compared, stored.collect(), "{file}: every gradient in the file is compared");
    for (compared, tolerance) in [results, gradients].iter().zip(tolerances) {
        for (name, got) in compared {
            golden.check(name, got, tolerance);
        }
    }
}

macro_rules! for_each_cell {
    ($($cell:ident $module:ident;)*) => { $(mod $module {
        use super::*;

        const STEP: &str = concat!(stringify!($module), "_step");
        const SEQUENCE: &str = concat!(stringify!($module), "_sequence");

        #[test]
        fn a_step_on_the_tape_equals_pytorch() {
            check_cell::<$cell, f64>(STEP, Route::Tape, F64);
        }

        #[test]
        fn a_step_by_hand_equals_pytorch() {
            check_cell::<$cell, f64>(STEP, Route::ByHand, F64);
        }

        #[test]
        fn a_sequence_on_the_tape_equals_pytorch() {
            check_cell::<$cell, f64>(SEQUENCE, Route::Tape, F64);
        }

        #[test]
        fn a_sequence_by_hand_equals_pytorch() {
            check_cell::<$cell, f64>(SEQUENCE, Route::ByHand, F64);
        }

        #[test]
        fn a_step_on_the_tape_in_f32_is_near_pytorch_in_f64() {
            check_cell::<$cell, f32>(STEP, Route::Tape, F32);
        }

        #[test]
        fn a_step_by_hand_in_f32_is_near_pytorch_in_f64() {
            check_cell::<$cell, f32>(STEP, Route::ByHand, F32);
        }

        #[test]
        fn a_sequence_on_the_tape_in_f32_is_near_pytorch_in_f64() {
            check_cell::<$cell, f32>(SEQUENCE, Route::Tape, F32);
        }

        #[test]
        fn a_sequence_by_hand_in_f32_is_near_pytorch_in_f64() {
            check_cell::<$cell, f32>(SEQUENCE, Route::ByHand, F32);
        }
    })* };
}

for_each_cell! {
    Vanilla rnn_tanh;
    Gru gru;
    Lstm lstm;
}

// Optimizers.

/// The constants PyTorch's optimizers were made with: `adam.lr` and so on.
fn constants() -> BTreeMap<String, f64> {
    let bytes = bytes("optimizers");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
    let metadata = header.metadata().as_ref().expect("the file has metadata");
    let constant = |entry: &str| {
        let (name, value) = entry.split_once('=').expect("name=value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    metadata["constants"].split(' ').map(constant).collect()
}

/// Takes 50 steps with the stored gradients, the rate halved before the 11th, and compares the
/// parameters where the file has them.
#[track_caller]
fn check_optimizer(name: &str, mut optimizer: impl Optimizer<f64>) {
    let golden = Golden::read("optimizers");
    let mut params = ["a.0", "b.0"].map(|name| golden.get(name).clone());
    for k in 1..=50 {
        if k == 11 {
            *optimizer.lr() /= 2.0;
        }
        let grads = ["grad.a", "grad.b"].map(|name| golden.get(name).entry(k - 1));
        optimizer.step(&mut params, &grads).expect("the shapes agree");
        if [1, 2, 10, 50].contains(&k) {
            golden.check(&format!("{name}.a.{k}"), &params[0], 1e-12);
            golden.check(&format!("{name}.b.{k}"), &params[1], 1e-12);
        }
    }
}

#[test]
fn descent_without_momentum_equals_pytorch() {
    let c = constants();
    check_optimizer("sgd", Sgd::new(c["sgd.lr"], c["sgd.momentum"]));
}

#[test]
fn descent_with_momentum_equals_pytorch() {
    let c = constants();
    check_optimizer("momentum", Sgd::new(c["momentum.lr"], c["momentum.momentum"]));
}

#[test]
fn adagrad_as_it_comes_equals_pytorch() {
    check_optimizer("adagrad", Adagrad::new(constants()["adagrad.lr"]));
}

#[test]
fn adam_as_it_comes_equals_pytorch() {
    check_optimizer("adam", Adam::new(constants()["adam.lr"]));
}

#[test]
fn adam_with_other_constants_equals_pytorch() {
    let c = constants();
    let mut adam = Adam::new(c["adam_other.lr"]);
    adam.betas = (c["adam_other.beta1"], c["adam_other.beta2"]);
    adam.eps = c["adam_other.eps"];
    check_optimizer("adam_other", adam);
}

#[test]
fn descent_with_nesterovs_momentum_and_decay_equals_pytorch() {
    let c = constants();
    let mut sgd = Sgd::new(c["nesterov.lr"], c["nesterov.momentum"]);
    (sgd.nesterov, sgd.weight_decay) = (true, c["nesterov.weight_decay"]);
    check_optimizer("nesterov", sgd);
}

#[test]
fn adagrad_with_decay_equals_pytorch() {
    let c = constants();
    let mut adagrad = Adagrad::new(c["adagrad_decay.lr"]);
    adagrad.weight_decay = c["adagrad_decay.weight_decay"];
    check_optimizer("adagrad_decay", adagrad);
}

#[test]
fn rmsprop_as_it_comes_equals_pytorch() {
    check_optimizer("rmsprop", RmsProp::new(constants()["rmsprop.lr"]));
}

#[test]
fn rmsprop_centred_with_momentum_and_decay_equals_pytorch() {
    let c = constants();
    let mut rmsprop = RmsProp::new(c["rmsprop_other.lr"]);
    (rmsprop.alpha, rmsprop.eps) = (c["rmsprop_other.alpha"], c["rmsprop_other.eps"]);
    (rmsprop.momentum, rmsprop.centered) = (c["rmsprop_other.momentum"], true);
    rmsprop.weight_decay = c["rmsprop_other.weight_decay"];
    check_optimizer("rmsprop_other", rmsprop);
}

#[test]
fn adam_with_decay_in_the_gradient_equals_pytorch() {
    let c = constants();
    let mut adam = Adam::new(c["adam_decay.lr"]);
    adam.weight_decay = c["adam_decay.weight_decay"];
    check_optimizer("adam_decay", adam);
}

#[test]
fn adamw_equals_pytorch() {
    let c = constants();
    check_optimizer("adamw", AdamW::new(c["adamw.lr"], c["adamw.weight_decay"]));
}

/// The second parameter, called `1`, has a rate of its own and no decay.
#[test]
fn groups_equal_pytorch() {
    let c = constants();
    let mut adam = AdamW::new(c["groups.lr"], c["groups.weight_decay"]);
    let own = Group::of(|name| name == "1").lr_factor(0.03 / c["groups.lr"]).weight_decay(0.0);
    adam.groups.push(own);
    check_optimizer("groups", adam);
}

#[test]
fn schedules_equal_pytorch() {
    let golden = Golden::read("schedules");
    let step = StepDecay { lr: 0.2, every: 7, gamma: 0.5 };
    let cosine = Cosine { lr: 0.2, min_lr: 0.01, steps: 59 };
    let warm_up = WarmUp { start: 0.1, steps: 20 };
    let mut plateau = Plateau::new(0.2);
    (plateau.factor, plateau.patience, plateau.min_lr) = (0.5, 3, 0.02);
    golden.check("step", &Tensor::from_fn(&[60], |k| step.at(k)), 1e-12);
    golden.check("cosine", &Tensor::from_fn(&[60], |k| cosine.at(k)), 1e-12);
    golden.check("warm_up", &Tensor::from_fn(&[60], |k| 0.2 * warm_up.at(k)), 1e-12);
    let losses = golden.get("losses");
    let rates = losses.data().iter().map(|&loss| plateau.after(loss)).collect::<Vec<_>>();
    golden.check("plateau", &Tensor::from(rates), 1e-12);
}

#[test]
fn optimizers_have_the_constants_of_pytorch() {
    let c = constants();
    let adam = Adam::<f64>::new(c["adam.lr"]);
    assert_eq!(adam.betas, (c["adam.beta1"], c["adam.beta2"]));
    assert_eq!(adam.eps, c["adam.eps"]);
    assert_eq!(Adagrad::<f64>::new(c["adagrad.lr"]).eps, c["adagrad.eps"]);
    let rmsprop = RmsProp::<f64>::new(c["rmsprop.lr"]);
    assert_eq!((rmsprop.alpha, rmsprop.eps), (c["rmsprop.alpha"], c["rmsprop.eps"]));
}

// Ops.

/// Runs `f` on the stored inputs, and compares its value and its gradient in each of them.
#[track_caller]
fn check_op<const N: usize>(
    op: &str,
    inputs: [&str; N],
    f: impl for<'t> FnOnce([Var<'t, f64>; N]) -> Var<'t, f64>,
) {
    let golden = Golden::read("ops");
    let tape = Tape::new();
    let vars = inputs.map(|name| tape.leaf(golden.get(&format!("{op}.{name}")).clone()));
    let y = f(vars);
    golden.check(&format!("{op}.y"), &y.value(), 1e-13);
    let weights = tape.constant(golden.get(&format!("{op}.r_y")).clone());
    let grads = tape.backward((y * weights).sum());
    for (name, var) in inputs.iter().zip(vars) {
        golden.check(&format!("{op}.grad.{name}"), &grads.of(var), 1e-13);
    }
}

#[test]
fn log_softmax_equals_pytorch() {
    check_op("log_softmax", ["x"], |[x]| x.log_softmax());
}

#[test]
fn cross_entropy_equals_pytorch() {
    let targets = Golden::read("ops").ids("cross_entropy.targets");
    check_op("cross_entropy", ["x"], |[x]| x.cross_entropy(&targets));
}

#[test]
fn sigmoid_equals_pytorch() {
    check_op("sigmoid", ["x"], |[x]| x.sigmoid());
}

#[test]
fn tanh_equals_pytorch() {
    check_op("tanh", ["x"], |[x]| x.tanh());
}

#[test]
fn relu_equals_pytorch_at_zero_too() {
    check_op("relu", ["x"], |[x]| x.relu());
}

#[test]
fn products_equal_pytorch_with_each_factor_transposed_or_not() {
    check_op("matmul", ["a", "b"], |[a, b]| a.matmul(b));
    check_op("matmul_t_left", ["a", "b"], |[a, b]| a.t().matmul(b));
    check_op("matmul_t_right", ["a", "b"], |[a, b]| a.matmul(b.t()));
    check_op("matmul_t_both", ["a", "b"], |[a, b]| a.t().matmul(b.t()));
}

#[test]
fn arithmetic_that_broadcasts_equals_pytorch() {
    check_op("add", ["a", "b"], |[a, b]| a + b);
    check_op("sub", ["a", "b"], |[a, b]| a - b);
    check_op("mul", ["a", "b"], |[a, b]| a * b);
    check_op("div", ["a", "b"], |[a, b]| a / b);
}

#[test]
fn sums_over_axes_equal_pytorch() {
    check_op("sum", ["x"], |[x]| x.sum());
    check_op("sum_over_0_2", ["x"], |[x]| x.sum_over(&[0, 2]));
}

#[test]
fn means_over_axes_equal_pytorch() {
    check_op("mean", ["x"], |[x]| x.mean());
    check_op("mean_over_1", ["x"], |[x]| x.mean_over(&[1]));
    check_op("mean_keep_0_2", ["x"], |[x]| x.mean_keep(&[0, 2]));
}

#[test]
fn rows_by_id_equal_pytorch_where_an_id_comes_back() {
    let ids = Golden::read("ops").ids("rows.ids");
    check_op("rows", ["w"], |[w]| w.rows(&ids));
}

// Clipping.

/// The two gradients before clipping, and the limit.
fn unclipped(golden: &Golden, how: &str) -> ([Tensor<f64>; 2], f64) {
    let grads = ["clip.a", "clip.b"].map(|name| golden.get(name).clone());
    (grads, golden.get(&format!("clip.{how}.limit")).item())
}

#[track_caller]
fn check_clipped(golden: &Golden, how: &str, [a, b]: &[Tensor<f64>; 2]) {
    golden.check(&format!("clip.{how}.a"), a, 1e-13);
    golden.check(&format!("clip.{how}.b"), b, 1e-13);
}

#[track_caller]
fn check_clip_by_norm(how: &str) {
    let golden = Golden::read("ops");
    let (mut grads, limit) = unclipped(&golden, how);
    let norm = clip_grad_norm(&mut grads, limit).expect("the gradients are finite");
    golden.check(&format!("clip.{how}.norm"), &Tensor::scalar(norm), 1e-13);
    check_clipped(&golden, how, &grads);
}

#[test]
fn gradients_above_the_norm_are_scaled_as_in_pytorch() {
    check_clip_by_norm("norm_active");
}

#[test]
fn gradients_below_the_norm_stay_as_in_pytorch() {
    check_clip_by_norm("norm_idle");
}

#[test]
fn gradients_clipped_by_value_equal_pytorch() {
    let golden = Golden::read("ops");
    let (mut grads, limit) = unclipped(&golden, "value");
    clip_grad_value(&mut grads, limit).expect("the gradients are finite");
    check_clipped(&golden, "value", &grads);
}
