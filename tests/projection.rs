//! An LSTM with a projection is PyTorch's nn.LSTM with proj_size, number by number.
//!
//! The values are those of `goldens/layers.safetensors` with one layer.

use autograd::params::Path;
use autograd::{Element, Params, Tensor};
use rnn::cell::Biased;
use rnn::lstm_variant::LstmOptions;
use rnn::{Cell, LstmVariant};
use tests::rng;

use super::by_rows::{Layer, cases};
use super::goldens::Golden;

fn check<E: Element>([results, gradients]: [f64; 2]) {
    let golden = Golden::read("layers");
    let mut count = 0;
    for (case, config) in cases("layers") {
        let is = |key: &str, value: &str| config[key] == value;
        let one = is("cell", "lstm_proj") && is("num_layers", "1") && is("layout", "time_major");
        if !one || is("states", "true") {
            continue;
        }
        count += 1;
        let number = |key: &str| config[key].parse::<usize>().expect("a number");
        let (seq_len, batch, p) = (number("seq_len"), number("batch"), number("proj_size"));
        let name = |part: &str| format!("{case}/{part}");
        let get = |part: &str| golden.get(&name(part)).cast::<E>();
        let lengths = match golden.tensors.get(&name("lengths")) {
            Some(lengths) => lengths.data().iter().map(|&length| length as usize).collect(),
            None => vec![seq_len; batch],
        };
        let directions: &[&str] =
            if is("bidirectional", "true") { &["_l0", "_l0_reverse"] } else { &["_l0"] };
        let mut d_xs = None;
        for (d, suffix) in directions.iter().enumerate() {
            let path = Path::default().ending(suffix);
            let biased = Biased { bias: is("bias", "true") };
            let options = LstmOptions { biased, proj_size: Some(p), ..LstmOptions::default() };
            let [inputs, units] = [number("input_size"), number("hidden_size")];
            let ours = LstmVariant::init_with::<E>(&options, inputs, units, &mut rng(0));
            let params = ours.map_named(&path, &mut |name, ours| {
                let theirs = get(&name);
                assert_eq!(theirs.shape(), ours.shape(), "{case}: {name}");
                theirs
            });
            let part = |x: Tensor<E>| x.slice(2, d * p, (d + 1) * p);
            let last = |what: &str| {
                LstmVariant::zero_state(&params, 1).map_named(&Path::default(), &mut |name, _| {
                    get(&format!("{what}{name}_n")).entry(d)
                })
            };
            let layer = Layer::<LstmVariant, E> {
                reverse: d == 1,
                xs: get("x"),
                lengths: Vec::clone(&lengths),
                initial: LstmVariant::zero_state(&params, batch),
                d_outputs: part(get("r_output")),
                d_last: last("r_"),
                params: params.clone(),
            };
            let found = layer.run();
            let close = |what: &str, a: &Tensor<E>, b: &Tensor<E>, allowed: f64| {
                let error = tests::distance(a, b);
                assert!(error <= allowed, "{case}{suffix}: {what} differs by {error:.1e}");
            };
            close("output", &found.outputs, &part(get("output")), results);
            for (a, b) in found.last.leaves().iter().zip(last("").leaves()) {
                close("last state", a, &b, results);
            }
            found.d_params.map_named(&path, &mut |name, d| {
                close(&name, d, &get(&format!("grad/{name}")), gradients);
            });
            d_xs = Some(d_xs.map_or(found.d_xs.clone(), |sum| sum + &found.d_xs));
        }
        golden.check(&name("grad/x"), &d_xs.expect("a direction"), gradients);
    }
    assert_eq!(count, 4, "the cases of one layer");
}

#[test]
fn a_projected_lstm_equals_pytorch() {
    check::<f64>([1e-12, 1e-12]);
}

#[test]
fn a_projected_lstm_in_f32_is_near_pytorch_in_f64() {
    check::<f32>([2e-6, 1e-5]);
}
