//! Layers against torch.nn.RNN, GRU and LSTM: 80 configurations, on every way to the gradient.
//!
//! The values lie in `goldens/layers.safetensors`, beside the script that made them, `goldens/make_layers.py`, which
//! says what each tensor is.

use std::collections::{BTreeMap, BTreeSet};

use autograd::params::Path;
use autograd::{Element, Params, Tape, Tensor};
use rnn::cell::Biased;
use rnn::lstm_variant::LstmOptions;
use rnn::numbers::Numbers;
use rnn::stack::{stacked, unstacked};
use rnn::vanilla::VanillaOptions;
use rnn::{
    Cell, Directions, Engine, Gru, Lstm, LstmVariant, Merge, Nonlinearity, Seq, Stack,
    StackOptions, StateOf, Vanilla,
};
use tests::rng;

use crate::goldens::Golden;

/// The way to the gradients.
#[derive(Clone, Copy, Debug)]
enum Way {
    ByHand,
    OnTape(Engine),
}

const WAYS: [Way; 4] = [
    Way::ByHand,
    Way::OnTape(Engine::Tape),
    Way::OnTape(Engine::Explicit),
    Way::OnTape(Engine::Fused),
];

/// A case of the file: its name, and what it says of itself.
struct Case<'a> {
    golden: &'a Golden,
    name: String,
    config: BTreeMap<String, String>,
}

fn cases(golden: &Golden) -> Vec<Case<'_>> {
    let case =
        |config: BTreeMap<String, String>| Case { golden, name: config["case"].clone(), config };
    golden.cases().into_iter().map(case).collect()
}

impl Case<'_> {
    fn number(&self, key: &str) -> usize {
        self.config[key].parse().expect("a whole number")
    }

    fn yes(&self, key: &str) -> bool {
        self.config[key] == "true"
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    fn get<E: Element>(&self, name: &str) -> Tensor<E> {
        self.golden.get(&self.key(name)).cast()
    }

    /// A sequence in the case's layout, with its lengths.
    fn seq<L: Numbers>(&self, numbers: L, packed: bool) -> Seq<L> {
        let seq = match self.config["layout"].as_str() {
            "time_major" => Seq::time_major(numbers),
            "batch_first" => Seq::batch_major(&numbers),
            "unbatched" => Seq::unbatched(numbers),
            layout => panic!("an unknown layout: {layout}"),
        };
        if self.config["lengths"] == "none" {
            return seq;
        }
        let lengths = self.golden.ids(&self.key("lengths"));
        let padded = seq.with_lengths(&lengths).expect("lengths up to T");
        if packed { padded.packed() } else { padded }
    }

    /// States whose tensors are called so: `h_n` for the suffix `_n`.
    fn states<C: Cell, E: Element>(
        &self,
        stack: &Stack<C, Tensor<E>>,
        prefix: &str,
        suffix: &str,
    ) -> Vec<StateOf<C, Tensor<E>>> {
        let path = Path::default().ending(suffix);
        let like = stack.zero_states(1).swap_remove(0);
        let found = like.map_named(&path, &mut |name, _| self.get(&format!("{prefix}{name}")));
        unstacked::<C, _>(&found)
    }

    #[track_caller]
    fn check<C: Cell, E: Element>(
        &self,
        cell: C::Options,
        way: Way,
        packed: bool,
        [results, gradients]: [f64; 2],
    ) {
        let options = StackOptions {
            layers: self.number("num_layers"),
            directions: match self.yes("bidirectional") {
                true => Directions::Both(Merge::Concat),
                false => Directions::Forward,
            },
            cell,
            ..StackOptions::new(self.number("input_size"), self.number("hidden_size"))
        };
        // Drawn only for the names and shapes that ours have: PyTorch's must be the same.
        let ours = Stack::<C>::init::<E>(&options, &mut rng(0));
        let mut stack = ours.map_named(&Path::default(), &mut |name, ours| {
            let theirs = self.get(&name);
            assert_eq!(theirs.shape(), ours.shape(), "{}: the shape of `{name}`", self.name);
            theirs
        });
        let initial = self.yes("states").then(|| self.states(&stack, "", "0"));
        let d_last = self.states(&stack, "r_", "_n");
        let x = self.get::<E>("x");
        let layout = self.seq(x.clone(), false).layout();

        let (outputs, last, d_x, d_params, d_initial);
        match way {
            Way::ByHand => {
                let xs = self.seq(x, packed);
                let trace = stack.unroll(&xs, initial.as_deref(), None);
                let d_outputs = self.seq(self.get("r_output"), packed);
                let back = stack.bptt(&trace, &d_outputs, Some(&d_last));
                outputs = trace.outputs.whole();
                last = trace.last;
                d_x = back.d_xs.whole();
                d_params = back.grads;
                d_initial = back.d_initial;
            }
            Way::OnTape(engine) => {
                stack.options.engine = engine;
                let tape = Tape::new();
                let vars = stack.map(|w| tape.leaf(w.clone()));
                let x = tape.leaf(x);
                let xs = self.seq(x, packed);
                // Where PyTorch was given no states, zeros are.
                let initial = initial.unwrap_or_else(|| stack.zero_states(xs.batch()));
                let initial: Vec<_> =
                    initial.iter().map(|s| s.map(|s| tape.leaf(s.clone()))).collect();
                let out = vars.on_tape(&xs, Some(&initial), None);
                let mut loss = (out.outputs.whole() * tape.constant(self.get("r_output"))).sum();
                let pairs = out.last.iter().flat_map(Params::leaves);
                for (state, weight) in pairs.zip(d_last.iter().flat_map(Params::leaves)) {
                    loss = loss + (state * tape.constant(weight)).sum();
                }
                let grads = tape.backward(loss);
                outputs = out.outputs.whole().value();
                last = out.carried();
                d_x = grads.of(x);
                d_params = vars.map(|&w| grads.of(w));
                d_initial = initial.iter().map(|s| s.map(|&s| grads.of(s))).collect();
            }
        }

        let mut found = vec![("output".to_owned(), outputs)];
        let path = Path::default().ending("_n");
        stacked::<C, _>(&last, layout)
            .map_named(&path, &mut |name, s| found.push((name, s.clone())));
        let mut slopes = vec![("grad/x".to_owned(), d_x)];
        let mut slope =
            |name: String, d: &Tensor<E>| slopes.push((format!("grad/{name}"), d.clone()));
        d_params.map_named(&Path::default(), &mut slope);
        if self.yes("states") {
            let path = Path::default().ending("0");
            stacked::<C, _>(&d_initial, layout).map_named(&path, &mut slope);
        }

        let prefix = self.key("grad/");
        let stored = self.golden.tensors.keys().filter(|name| name.starts_with(&prefix));
        let compared: BTreeSet<_> = slopes.iter().map(|(name, _)| self.key(name)).collect();
        let stored: BTreeSet<_> = stored.cloned().collect();
        assert_eq!(compared, stored, "{}: every gradient is compared", self.name);
        for (compared, tolerance) in [(&found, results), (&slopes, gradients)] {
            for (name, got) in compared {
                self.golden.check(&self.key(name), got, tolerance);
            }
        }
    }
}

/// All cases of one cell, on every way, padded and packed. Returns how many there are.
#[track_caller]
fn check_cell<C: Cell, E: Element>(
    cell: &str,
    options: impl Fn(&Case<'_>) -> C::Options,
    tolerances: [f64; 2],
) -> usize {
    let golden = Golden::read("layers");
    let mut count = 0;
    for case in cases(&golden).iter().filter(|case| case.config["cell"] == cell) {
        count += 1;
        for way in WAYS {
            case.check::<C, E>(options(case), way, false, tolerances);
            if case.config["lengths"] != "none" {
                case.check::<C, E>(options(case), way, true, tolerances);
            }
        }
    }
    count
}

fn biased(case: &Case<'_>) -> Biased {
    Biased { bias: case.yes("bias") }
}

fn vanilla(nonlinearity: Nonlinearity) -> impl Fn(&Case<'_>) -> VanillaOptions {
    move |case| VanillaOptions { nonlinearity, biased: biased(case) }
}

fn projected(case: &Case<'_>) -> LstmOptions {
    let proj_size = Some(case.number("proj_size")).filter(|&p| p > 0);
    LstmOptions { biased: biased(case), proj_size, ..LstmOptions::default() }
}

/// Every case of the file, and that there is no other.
fn every_cell_equals_pytorch<E: Element>(tolerances: [f64; 2]) {
    let counts = [
        check_cell::<Vanilla, E>("rnn_tanh", vanilla(Nonlinearity::Tanh), tolerances),
        check_cell::<Vanilla, E>("rnn_relu", vanilla(Nonlinearity::Relu), tolerances),
        check_cell::<Gru, E>("gru", biased, tolerances),
        check_cell::<Lstm, E>("lstm", biased, tolerances),
        check_cell::<LstmVariant, E>("lstm_proj", projected, tolerances),
    ];
    assert!(counts.iter().all(|&count| count > 8), "{counts:?}: too few cases of a cell");
    assert_eq!(counts.iter().sum::<usize>(), cases(&Golden::read("layers")).len());
}

#[test]
fn layers_equal_pytorch_on_every_way() {
    every_cell_equals_pytorch::<f64>([1e-12, 1e-12]);
}

#[test]
fn layers_in_f32_are_near_pytorch_in_f64() {
    every_cell_equals_pytorch::<f32>([2e-6, 1e-5]);
}

#[test]
fn an_lstm_variant_with_nothing_chosen_is_pytorchs_lstm() {
    let cases = check_cell::<LstmVariant, f64>("lstm", projected, [1e-12, 1e-12]);
    assert!(cases > 8);
}
