//! ONNX's operators RNN, GRU and LSTM, number by number, and the layout of their weights there and back.
//!
//! The values lie in `goldens/onnx.safetensors`, made by `goldens/make_onnx.py`. The attribute `clip`,
//! which bounds the sums under the activations as no cell here does, is refused in the cases that have it.

use std::collections::{BTreeMap, BTreeSet};

use autograd::draw::Draw;
use autograd::{Element, Params, Tensor};
use rnn::lstm_variant::{LstmOptions, Settings};
use rnn::onnx::{InputForget, Onnx, OnnxWeights};
use rnn::{Cell, Gru, GruResetBefore, Lstm, LstmVariant, Nonlinearity, Vanilla};
use tests::rng;

use super::by_rows::{Found, Layer, cases};
use super::goldens::Golden;

/// The tolerances of results and of gradients.
const F64: [f64; 2] = [1e-10, 1e-10];
const F32: [f64; 2] = [2e-6, 1e-5];

/// Runs a case and compares every result and every gradient that the file has of it.
fn check<C: Onnx, E: Element>(
    golden: &Golden,
    (case, config): &(String, BTreeMap<String, String>),
    attributes: C::Attributes,
    tolerances: [f64; 2],
) {
    let name = |part: &str| format!("{case}/{part}");
    let optional = |part: &str| golden.tensors.get(&name(part)).map(Tensor::cast::<E>);
    let get = |part: &str| golden.get(&name(part)).cast::<E>();
    let weights = OnnxWeights { w: get("W"), r: get("R"), b: optional("B"), p: optional("P") };
    let params = C::import(&weights, attributes).expect("weights that fit");
    assert_eq!(C::export(&params).expect("as many directions").w.shape(), weights.w.shape());

    let xs = get("X");
    let [seq_len, batch, _] = xs.shape()[..] else { panic!("{case}: X has three axes") };
    let lengths = match optional("sequence_lens") {
        Some(lengths) => lengths.data().iter().map(|x| x.value() as usize).collect(),
        None => vec![seq_len; batch],
    };
    let directions: &[bool] = match config["direction"].as_str() {
        "forward" => &[false],
        "reverse" => &[true],
        _ => &[false, true],
    };
    assert_eq!(params.len(), directions.len(), "{case}");
    let mut layers = Vec::new();
    for (d, (params, &reverse)) in params.into_iter().zip(directions).enumerate() {
        let named = |zero: &C::Of<Tensor<E>>, what: &str| {
            let mut names = C::zero_state(zero, batch).names().into_iter();
            C::zero_state(zero, batch).map(|zero| {
                let part = format!("{what}{}", names.next().expect("a name each"));
                optional(&part).map_or(zero.clone(), |states| states.entry(d))
            })
        };
        let d_outputs = get("r_Y").slice(1, d, d + 1);
        layers.push(Layer::<C, E> {
            initial: named(&params, "initial_"),
            d_last: named(&params, "r_Y_"),
            d_outputs: d_outputs.reshape(&[seq_len, batch, C::sizes(&params).output]),
            params,
            reverse,
            xs: xs.clone(),
            lengths: lengths.clone(),
        });
    }
    let found: Vec<Found<C, E>> = layers.iter().map(Layer::run).collect();

    let each = |f: &dyn Fn(&Found<C, E>) -> Tensor<E>| found.iter().map(f).collect::<Vec<_>>();
    let mut results = BTreeMap::from([(
        "Y".to_owned(),
        Tensor::stack(&each(&|found| found.outputs.clone())).transpose(0, 1),
    )]);
    let mut gradients = BTreeMap::new();
    for (leaf, name) in found[0].last.names().iter().enumerate() {
        let stack = |f: &dyn Fn(&Found<C, E>) -> Tensor<E>| Tensor::stack(&each(f));
        results.insert(format!("Y_{name}"), stack(&|found| found.last.leaves()[leaf].clone()));
        let d_initial = stack(&|found| found.d_initial.leaves()[leaf].clone());
        if config["initial"] == "true" {
            gradients.insert(format!("grad/initial_{name}"), d_initial);
        }
    }
    let d_xs = each(&|found| found.d_xs.clone()).into_iter().reduce(|a, b| a + b);
    gradients.insert("grad/X".to_owned(), d_xs.expect("at least one direction"));
    let d_params: Vec<_> = found.into_iter().map(|found| found.d_params).collect();
    let OnnxWeights { w, r, b, p } = C::export(&d_params).expect("as many directions");
    let d_weights = [("grad/W", Some(w)), ("grad/R", Some(r)), ("grad/B", b), ("grad/P", p)];
    gradients.extend(d_weights.into_iter().filter_map(|(name, d)| Some((name.to_owned(), d?))));

    let prefix = name("grad/");
    let stored = golden.tensors.keys().filter(|name| name.starts_with(&prefix)).cloned();
    let compared: BTreeSet<_> = gradients.keys().map(|part| name(part)).collect();
    assert_eq!(compared, stored.collect(), "every gradient in the file is compared");
    for (numbers, tolerance) in [results, gradients].into_iter().zip(tolerances) {
        for (part, numbers) in numbers {
            golden.check(&name(&part), &numbers, tolerance);
        }
    }
}

/// All cases of the operator but those with `clip`; returns how many there were.
fn check_operator<E: Element>(operator: &str, tolerances: [f64; 2]) -> usize {
    let golden = Golden::read("onnx");
    let all = cases("onnx");
    let own = all.iter().filter(|(_, c)| c["op"] == operator && c["clip"] == "none");
    let mut count = 0;
    for case in own {
        count += 1;
        let is = |key: &str, value: &str| case.1.get(key).is_some_and(|v| v == value);
        match operator {
            "RNN" => {
                let relu = is("activation", "Relu");
                let phi = if relu { Nonlinearity::Relu } else { Nonlinearity::Tanh };
                check::<Vanilla, E>(&golden, case, phi, tolerances);
            }
            "GRU" if is("linear_before_reset", "1") => {
                check::<Gru, E>(&golden, case, (), tolerances);
            }
            "GRU" => check::<GruResetBefore, E>(&golden, case, (), tolerances),
            _ => {
                let coupled = is("input_forget", "1");
                check::<LstmVariant, E>(&golden, case, InputForget(coupled), tolerances);
                if !coupled && is("peepholes", "false") {
                    check::<Lstm, E>(&golden, case, (), tolerances);
                }
            }
        }
    }
    count
}

#[test]
fn a_vanilla_cell_is_onnxs_rnn() {
    assert_eq!(check_operator::<f64>("RNN", F64), 5);
    check_operator::<f32>("RNN", F32);
}

#[test]
fn both_grus_are_onnxs_gru() {
    assert_eq!(check_operator::<f64>("GRU", F64), 7);
    check_operator::<f32>("GRU", F32);
}

#[test]
fn both_lstms_are_onnxs_lstm() {
    assert_eq!(check_operator::<f64>("LSTM", F64), 11);
    check_operator::<f32>("LSTM", F32);
}

/// Parameters of two directions and back; of a coupled LSTM the rows that ONNX does not use are zeros.
fn there_and_back<C: Onnx>(options: &C::Options, attributes: C::Attributes)
where
    C::Of<Tensor<f64>>: PartialEq + std::fmt::Debug,
{
    let mut rng = rng(3);
    for directions in [1, 2] {
        let params: Vec<_> =
            (0..directions).map(|_| C::init_with::<f64>(options, 3, 4, &mut rng)).collect();
        let weights = C::export(&params).expect("directions of one kind");
        assert_eq!(weights.w.shape(), [directions, C::GATES * 4, 3]);
        assert_eq!(C::import(&weights, attributes).expect("what was exported"), params);
    }
}

#[test]
fn weights_go_there_and_back() {
    there_and_back::<Vanilla>(&Default::default(), Nonlinearity::Tanh);
    there_and_back::<Gru>(&Default::default(), ());
    there_and_back::<GruResetBefore>(&Default::default(), ());
    there_and_back::<Lstm>(&Default::default(), ());
    for peepholes in [false, true] {
        for coupled in [false, true] {
            let settings = Settings { coupled, ..Settings::default() };
            let options = LstmOptions { peepholes, settings, ..LstmOptions::default() };
            there_and_back::<LstmVariant>(&options, InputForget(coupled));
        }
    }
}

#[test]
fn the_rows_of_an_lstm_stand_in_the_order_i_o_f_c() {
    let rows = |first: f64| Tensor::from_fn(&[4, 1], |i| first + i as f64); // i f g o, H = 1
    let lstm = Lstm { w_ih: rows(10.0), w_hh: rows(20.0), b_ih: None, b_hh: None };
    let weights = Lstm::export(&[lstm]).expect("one direction");
    assert_eq!(weights.w.data(), [10.0, 13.0, 11.0, 12.0]);
    assert_eq!(weights.r.data(), [20.0, 23.0, 21.0, 22.0]);
    assert_eq!((weights.b, weights.p), (None, None));
}

#[test]
fn a_clip_of_the_sums_is_refused_by_name() {
    let clipped: Vec<_> = cases("onnx").into_iter().filter(|(_, c)| c["clip"] != "none").collect();
    assert_eq!(clipped.len(), 8);
    for (case, config) in &clipped {
        let check = match config["op"].as_str() {
            "RNN" => Vanilla::check_attribute,
            "GRU" => Gru::check_attribute,
            _ => LstmVariant::check_attribute,
        };
        assert_eq!(
            check("clip").expect_err(case).to_string(),
            format!(
                "{}: the attribute `clip` cannot be imported: \
                 it bounds the sums under the activations, which no cell here does",
                config["op"]
            )
        );
    }
    let operator = |name: &str| Gru::check_attribute(name).map_err(|error| error.to_string());
    assert_eq!(operator("linear_before_reset"), Ok(()));
    let unknown = "GRU: the attribute `input_forget` cannot be imported: \
                   the operator has none of that name";
    assert_eq!(operator("input_forget"), Err(unknown.to_owned()));
    let parameter = "GRU: the attribute `activation_alpha` cannot be imported: \
                     no activation here has a parameter";
    assert_eq!(operator("activation_alpha"), Err(parameter.to_owned()));
}

#[test]
fn what_does_not_fit_is_named_with_both_shapes() {
    let mut draw = Draw::new(0, 0, 0);
    let mut weights = |w: &[usize], r: &[usize], b: Option<&[usize]>, p: Option<&[usize]>| {
        let mut tensor = |shape: &[usize]| draw.tensor(shape, -1.0..1.0);
        OnnxWeights { w: tensor(w), r: tensor(r), b: b.map(&mut tensor), p: p.map(tensor) }
    };
    let rows = weights(&[1, 8, 3], &[1, 9, 3], None, None);
    assert_eq!(
        Gru::import(&rows, ()).unwrap_err().to_string(),
        "GRU: W [1, 8, 3] and R [1, 9, 3] must be [D, 3·H, I] and [D, 3·H, H] with D 1 or 2"
    );
    let biases = weights(&[2, 8, 3], &[2, 8, 2], Some(&[2, 8]), None);
    assert_eq!(
        Lstm::import(&biases, ()).unwrap_err().to_string(),
        "LSTM: B has the shape [2, 8], and must have [2, 16] beside the other tensors"
    );
    let peepholes = weights(&[1, 8, 3], &[1, 8, 2], None, Some(&[1, 6]));
    assert_eq!(
        Lstm::import(&peepholes, ()).unwrap_err().to_string(),
        "LSTM: P [1, 6] holds peepholes, which lstm does not have; import an LstmVariant"
    );
    let options = LstmOptions { proj_size: Some(2), ..LstmOptions::default() };
    let projected = LstmVariant::init_with::<f64>(&options, 3, 4, &mut rng(0));
    assert_eq!(
        LstmVariant::export(&[projected]).unwrap_err().to_string(),
        "LSTM: a projection (proj_size) cannot be said in ONNX's layout; export a cell without"
    );
    let two = [3, 5].map(|units| Vanilla::init::<f64>(1, units, &mut rng(0)));
    assert_eq!(
        Vanilla::export(&two).unwrap_err().to_string(),
        "RNN: [[3, 1], [3, 3], [3], [3]] and [[5, 1], [5, 5], [5], [5]] cannot be the directions of one operator; \
         it has one direction or two of the same shapes"
    );
}
