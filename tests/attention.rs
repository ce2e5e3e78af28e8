//! Attention: against PyTorch, against numeric derivatives, and what padding must not change.

use std::collections::BTreeMap;

use autograd::gradcheck::{Check, Function};
use autograd::params::List;
use autograd::{Element, Params, Tape, Tensor, Var};
use proptest::prelude::*;
use rnn::Seq;
use rnn::attention::{Additive, Attended, Attention, AttentionPooling, General, Memory, Score};
use tests::{config, distance, rng};

use crate::goldens::Golden;

const SCORES: [Score; 4] =
    [Score::Additive { attention_size: 5 }, Score::Dot, Score::General, Score::ScaledDot];

/// Keys and values as sequences with these lengths, and what the queries find in them.
#[track_caller]
fn attend<'t, E: Element>(
    attention: &Attention<Var<'t, E>>,
    [queries, keys, values]: [Var<'t, E>; 3],
    lengths: Option<&[usize]>,
) -> Attended<Var<'t, E>> {
    attention.attend(&memory(attention, keys, values, lengths), queries)
}

#[track_caller]
fn memory<'t, E: Element>(
    attention: &Attention<Var<'t, E>>,
    keys: Var<'t, E>,
    values: Var<'t, E>,
    lengths: Option<&[usize]>,
) -> Memory<Var<'t, E>> {
    attention.memory(&seq(keys, lengths), &seq(values, lengths))
}

#[track_caller]
fn seq<'t, E: Element>(steps: Var<'t, E>, lengths: Option<&[usize]>) -> Seq<Var<'t, E>> {
    let steps = Seq::time_major(steps);
    match lengths {
        Some(lengths) => steps.with_lengths(lengths).expect("lengths that fit"),
        None => steps,
    }
}

// PyTorch.

fn time_major<'t, E: Element>(x: Var<'t, E>) -> Var<'t, E> {
    x.transpose(0, 1)
}

/// What a case is compared with, of numbers of type E.
#[track_caller]
fn check_golden<E: Element>(golden: &Golden, case: &BTreeMap<String, String>, allowed: [f64; 2]) {
    let name = |tensor: &str| format!("{}/{tensor}", case["case"]);
    let tape = Tape::<E>::new();
    let leaf = |tensor: &str| tape.leaf(golden.get(&name(tensor)).cast());

    let (query, keys) = (leaf("query"), leaf("keys"));
    let own_values = case["values"] == "own";
    let values = if own_values { leaf("values") } else { keys };
    let attention = match &*case["score"] {
        "additive" => Attention::Additive(Additive { w: leaf("W"), u: leaf("U"), v: leaf("v") }),
        "dot" => Attention::Dot,
        "general" => Attention::General(General { w: leaf("W") }),
        "scaled_dot" => Attention::ScaledDot,
        other => panic!("an unknown score `{other}`"),
    };
    let lengths = golden.ids(&name("lengths"));
    // Of one query only, without the axis.
    let queries = match query.shape()[1] {
        1 => time_major(query).entry(0),
        _ => time_major(query),
    };
    let found = attend(&attention, [queries, time_major(keys), time_major(values)], Some(&lengths));

    let mut loss = tape.constant(Tensor::scalar(E::ZERO));
    for (result, y) in [("weights", found.weights), ("context", found.context)] {
        let wanted = golden.get(&name(result)).shape();
        let y = match y.shape().len() {
            2 => y.reshape(wanted),
            _ => time_major(y),
        };
        golden.check(&name(result), &y.value(), allowed[0]);
        let r = golden.get(&name(&format!("r_{result}"))).cast();
        loss = loss + (y * tape.constant(r)).sum();
    }
    let grads = tape.backward(loss);
    let check = |tensor: &str, var| {
        golden.check(&name(&format!("grad/{tensor}")), &grads.of(var), allowed[1]);
    };
    check("query", query);
    check("keys", keys);
    if own_values {
        check("values", values);
    }
    match attention {
        Attention::Additive(Additive { w, u, v }) => {
            check("W", w);
            check("U", u);
            check("v", v);
        }
        Attention::General(General { w }) => check("W", w),
        Attention::Dot | Attention::ScaledDot => {}
    }
}

#[test]
fn attention_and_its_gradients_are_those_of_pytorch() {
    let golden = Golden::read("attention");
    let cases = golden.cases();
    assert_eq!(cases.len(), 9);
    for case in &cases {
        check_golden::<f64>(&golden, case, [1e-12, 1e-12]);
        check_golden::<f32>(&golden, case, [2e-6, 1e-5]);
    }
}

// Numeric derivatives.

/// Weights and context as one row, from the parameters, the queries, the keys and the values.
struct Attend {
    attention: Attention,
    lengths: Vec<usize>,
}

impl Function for Attend {
    type Params = List;
    fn call<'t, E: Element>(&self, _: &'t Tape<E>, leaves: Vec<Var<'t, E>>) -> Var<'t, E> {
        let mut leaves = leaves.into_iter();
        let attention = self.attention.map(|()| leaves.next().expect("a parameter"));
        let inputs = [(); 3].map(|()| leaves.next().expect("queries, keys, values"));
        flat(attend(&attention, inputs, Some(&self.lengths)))
    }
}

/// The same for pooling, from the query, the keys and the values.
struct Pool {
    lengths: Vec<usize>,
}

impl Function for Pool {
    type Params = List;
    fn call<'t, E: Element>(&self, _: &'t Tape<E>, leaves: Vec<Var<'t, E>>) -> Var<'t, E> {
        let [query, keys, values] = leaves[..] else { panic!("query, keys, values") };
        let sequences = [keys, values].map(|steps| seq(steps, Some(&self.lengths)));
        flat(AttentionPooling { query }.pool(&sequences[0], &sequences[1]))
    }
}

fn flat<'t, E: Element>(found: Attended<Var<'t, E>>) -> Var<'t, E> {
    let row = |y: Var<'t, E>| y.reshape(&[y.shape().iter().product()]);
    Var::concat(&[row(found.weights), row(found.context)], 0)
}

/// Numbers near 0 for queries [T′, B, Q], keys [T, B, K] and values [T, B, F]; Q = K.
fn inputs(sizes: [usize; 5], seed: u64) -> [Tensor<f64>; 3] {
    let [queries, seq_len, batch, key_size, features] = sizes;
    let mut rng = rng(seed);
    [[queries, batch, key_size], [seq_len, batch, key_size], [seq_len, batch, features]]
        .map(|shape| autograd::init::uniform(&shape, 1.0, &mut rng))
}

/// The same steps with NaN behind the end of each row.
fn with_nan(steps: &Tensor<f64>, lengths: &[usize]) -> Tensor<f64> {
    let [_, batch, features] = steps.shape()[..] else { panic!("three axes") };
    Tensor::from_fn(steps.shape(), |i| {
        let (t, b) = (i / features / batch, i / features % batch);
        if t < lengths[b] { steps.data()[i] } else { f64::NAN }
    })
}

#[test]
fn gradients_of_every_score_agree_with_numeric_ones_with_nan_in_the_padding() {
    let lengths = vec![4, 2, 0];
    let [queries, keys, values] = inputs([2, 4, 3, 3, 2], 1);
    let (keys, values) = (with_nan(&keys, &lengths), with_nan(&values, &lengths));
    for score in SCORES {
        let attention = Attention::init::<f64>(score, 3, 3, &mut rng(2));
        let inputs = [queries.clone(), keys.clone(), values.clone()];
        let at: Vec<_> = attention.leaves().into_iter().chain(inputs).collect();
        let function = Attend { attention: attention.map(|_| ()), lengths: lengths.clone() };
        if let Err(failure) = Check::default().order_2().function(&function, &at) {
            panic!("{score:?}: {failure}");
        }
    }
}

#[test]
fn gradients_of_pooling_agree_with_numeric_ones_with_nan_in_the_padding() {
    let lengths = vec![4, 2, 0];
    let [_, keys, values] = inputs([1, 4, 3, 3, 2], 1);
    let AttentionPooling { query } = AttentionPooling::init(3, &mut rng(2));
    let at = vec![query, with_nan(&keys, &lengths), with_nan(&values, &lengths)];
    Check::default().order_2().function(&Pool { lengths }, &at).unwrap();
}

// Padding and batches.

/// Values and the gradients in queries, keys and values of a loss that looks at all of them.
struct Found {
    weights: Tensor<f64>,
    context: Tensor<f64>,
    grads: [Tensor<f64>; 3],
}

fn run(attention: &Attention<Tensor<f64>>, inputs: &[Tensor<f64>; 3], lengths: &[usize]) -> Found {
    let tape = Tape::new();
    let attention = attention.map(|w| tape.leaf(w.clone()));
    let inputs = inputs.each_ref().map(|x| tape.leaf(x.clone()));
    let found = attend(&attention, inputs, Some(lengths));
    let loss = (found.weights * found.weights).sum() + found.context.sin().sum();
    let grads = tape.backward(loss);
    Found {
        weights: found.weights.value(),
        context: found.context.value(),
        grads: inputs.map(|x| grads.of(x)),
    }
}

/// Row b of each of [., B, .] tensors.
fn row(steps: &Tensor<f64>, b: usize) -> Tensor<f64> {
    steps.slice(1, b, b + 1)
}

proptest! {
    #![proptest_config(config(200, file!()))]

    #[test]
    fn each_row_depends_on_nothing_but_its_own_steps(
        [queries, seq_len, key_size, features] in [1..4_usize, 1..5, 1..4, 1..4],
        shares in prop::collection::vec(0.0..=1.0, 1..5),
        score in prop::sample::select(&SCORES[..]),
        seed in any::<u64>(),
    ) {
        let lengths: Vec<usize> =
            shares.iter().map(|share: &f64| (share * seq_len as f64).round() as usize).collect();
        let attention = Attention::init(score, key_size, key_size, &mut rng(seed));
        let [q, k, v] = inputs([queries, seq_len, lengths.len(), key_size, features], seed);
        let padded = [q.clone(), with_nan(&k, &lengths), with_nan(&v, &lengths)];
        let all = run(&attention, &padded, &lengths);

        for (b, &length) in lengths.iter().enumerate() {
            // Alone and without its padding it is the same.
            let short = [row(&q, b), row(&k, b).slice(0, 0, length), row(&v, b).slice(0, 0, length)];
            let alone = run(&attention, &short, &[length]);
            prop_assert!(distance(&row(&all.context, b), &alone.context) <= 1e-14);
            let weights = row(&all.weights, b);
            prop_assert!(distance(&weights.slice(2, 0, length), &alone.weights) <= 1e-14);
            for (i, (all, alone)) in all.grads.iter().zip(&alone.grads).enumerate() {
                let all = row(all, b);
                let all = if i == 0 { all } else { all.slice(0, 0, length) };
                prop_assert!(distance(&all, alone) <= 1e-13, "gradient {i}");
            }

            // Behind its end there is nothing at all.
            prop_assert!(weights.slice(2, length, seq_len).data().iter().all(|&w| w == 0.0));
            for d_steps in &all.grads[1..] {
                let behind = row(d_steps, b).slice(0, length, seq_len);
                prop_assert!(behind.data().iter().all(|&d| d == 0.0));
            }
            let sums = weights.sum_over(&[2]);
            let wanted = if length > 0 { 1.0 } else { 0.0 };
            prop_assert!(sums.data().iter().all(|sum| (sum - wanted).abs() <= 1e-14));
        }
    }

    #[test]
    fn many_queries_find_what_each_finds_alone(
        [queries, seq_len, batch, key_size] in [1..5_usize, 1..5, 1..4, 1..4],
        score in prop::sample::select(&SCORES[..]),
        seed in any::<u64>(),
    ) {
        let tape = Tape::new();
        let attention = Attention::init(score, key_size, key_size, &mut rng(seed));
        let attention = attention.map(|w: &Tensor<f64>| tape.leaf(w.clone()));
        let [q, k, v] = inputs([queries, seq_len, batch, key_size, 2], seed).map(|x| tape.leaf(x));
        let memory = memory(&attention, k, v, None);
        let together = attention.attend(&memory, q);
        for t in 0..queries {
            let alone = attention.attend(&memory, q.entry(t));
            let pairs = [(alone.weights, together.weights), (alone.context, together.context)];
            for (alone, together) in pairs {
                prop_assert!(distance(&alone.value(), &together.entry(t).value()) <= 1e-14);
            }
        }
    }
}

#[test]
fn a_row_without_steps_has_weights_and_context_zero_and_harms_no_gradient() {
    let inputs = inputs([2, 3, 2, 4, 5], 3);
    for score in SCORES {
        let attention = Attention::init(score, 4, 4, &mut rng(4));
        let found = run(&attention, &inputs, &[0, 3]);
        assert!(row(&found.weights, 0).data().iter().all(|&x| x == 0.0), "{score:?}");
        assert!(row(&found.context, 0).data().iter().all(|&x| x == 0.0), "{score:?}");
        assert!(found.grads.iter().all(Tensor::is_finite), "{score:?}");
        assert!(row(&found.grads[0], 0).data().iter().all(|&x| x == 0.0), "{score:?}");
    }
}

#[test]
fn a_sequence_of_no_steps_gives_no_weights_and_context_zero() {
    let found = run(&Attention::Dot, &inputs([2, 0, 3, 4, 5], 5), &[0, 0, 0]);
    assert_eq!(found.weights.shape(), [2, 3, 0]);
    assert_eq!(found.context, Tensor::zeros(&[2, 3, 5]));
}

#[test]
fn the_memory_of_chosen_rows_is_that_of_all_rows_chosen_afterwards() {
    let [_, k, v] = inputs([1, 3, 3, 4, 2], 6);
    let lengths = [3, 1, 2];
    let chosen = [2, 0, 2];
    let rows = |x: &Tensor<f64>| x.gather(1, &chosen);
    let of = |k: &Tensor<f64>, v: &Tensor<f64>, lengths: &[usize]| {
        let tape = Tape::new();
        let [k, v] = [k, v].map(|x| tape.constant(x.clone()));
        memory(&Attention::ScaledDot, k, v, Some(lengths)).map(|part| part.value())
    };
    let selected = of(&k, &v, &lengths).select(&chosen);
    assert_eq!(selected, of(&rows(&k), &rows(&v), &[2, 3, 2]));
}

#[test]
fn pooling_is_the_dot_product_with_one_query_for_all() {
    let [_, keys, values] = inputs([1, 4, 3, 2, 5], 7);
    let lengths = [4, 2, 0];
    let tape = Tape::new();
    let [k, v] = [&keys, &values].map(|x| seq(tape.constant(x.clone()), Some(&lengths)));
    let query = Tensor::from([0.3, -1.2]);
    let pooled = AttentionPooling { query: tape.constant(query.clone()) }.pool(&k, &v);
    let queries = tape.constant(query.broadcast_to(&[3, 2]));
    let attended = Attention::Dot.attend(&Attention::Dot.memory(&k, &v), queries);
    assert!(distance(&pooled.weights.value(), &attended.weights.value()) <= 1e-15);
    assert!(distance(&pooled.context.value(), &attended.context.value()) <= 1e-15);
}

// Mistakes.

#[test]
#[should_panic(
    expected = "attention: queries of 3 numbers have no product with keys of 4; use Score::General"
)]
fn a_dot_product_of_different_sizes_is_refused_at_once() {
    Attention::init::<f64>(Score::Dot, 3, 4, &mut rng(0));
}

#[test]
#[should_panic(expected = "attend: queries [4] must be [B, Q] or [T′, B, Q]")]
fn queries_without_a_batch_are_refused() {
    let tape = Tape::new();
    let [_, k, v] = inputs([1, 3, 1, 4, 2], 8).map(|x| tape.constant(x));
    attend(&Attention::Dot, [tape.constant(Tensor::ones(&[4])), k, v], None);
}

#[test]
#[should_panic(expected = "memory: lengths Some([2]) of keys, None of values")]
fn keys_and_values_of_different_lengths_are_refused() {
    let tape = Tape::new();
    let [_, k, v] = inputs([1, 3, 1, 4, 2], 8).map(|x| tape.constant(x));
    Attention::Dot.memory(&seq(k, Some(&[2])), &seq(v, None));
}

#[test]
fn parameters_have_names_and_a_number_by_formula() {
    let count = |score| {
        let attention = Attention::init::<f64>(score, 3, 4, &mut rng(0));
        (attention.names().join(" "), attention.count())
    };
    let (queries, keys, size) = (3, 4, 5);
    assert_eq!(
        count(Score::Additive { attention_size: size }),
        ("w u v".into(), size * (queries + keys + 1))
    );
    assert_eq!(count(Score::General), ("w".into(), queries * keys));
    assert_eq!(AttentionPooling::init::<f64>(4, &mut rng(0)).names(), ["query"]);
}
