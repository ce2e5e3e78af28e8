//! A batch in shards: the gradient of the whole, with the same bytes for any number of threads.

use autograd::{DataParallel, Params, Tensor, Var};
use rnn::{Cell, Gru, LanguageModel, Lstm, StateOf, Vanilla};
use tests::{assert_close, panics, rng};

const STEPS: usize = 7;
/// The rows of each shard.
const ROWS: [usize; 3] = [3, 1, 2];
const SYMBOLS: usize = 11;

/// The ids of rows `from..from + rows` of a batch of six, time-major.
fn ids(from: usize, rows: usize, shift: usize) -> Vec<usize> {
    let id = |t: usize, row: usize| (t * 5 + row * 3 + shift + t * t * row) % SYMBOLS;
    (0..STEPS).flat_map(|t| (from..from + rows).map(move |row| id(t, row))).collect()
}

type Model<C> = LanguageModel<C, Tensor<f64>>;
/// The states of each shard, a layer each.
type States<C> = Vec<Vec<StateOf<C, Tensor<f64>>>>;

/// The loss and the gradient of the batch, by shards.
fn by_shards<C: Cell>(
    shards: &mut DataParallel<f64>,
    model: &Model<C>,
) -> (f64, Model<C>, States<C>)
where
    Model<C>: Send + Sync,
    StateOf<C, Tensor<f64>>: Send,
{
    let counts = ROWS.map(|rows| (rows * STEPS) as f64);
    let step = shards.value_and_grad(model, &counts, |s, tape, vars| {
        let (from, rows) = (ROWS[..s].iter().sum(), ROWS[s]);
        let states: Vec<_> = model
            .zero_states(rows)
            .iter()
            .map(|state| state.map(|part| tape.constant(part.clone())))
            .collect();
        let (inputs, targets) = (ids(from, rows, 0), ids(from, rows, 4));
        let loss = vars.loss_on_tape(tape, &inputs, &targets, &states, None)?;
        Ok::<_, autograd::Error>((loss, states.iter().map(|s| s.map(Var::value)).collect()))
    });
    let step = step.expect("the ids are symbols");
    (step.loss, step.grads, step.others)
}

fn agrees_with_the_whole_batch<C: Cell>()
where
    Model<C>: Send + Sync,
    StateOf<C, Tensor<f64>>: Send,
{
    let model = LanguageModel::<C>::init::<f64>(SYMBOLS, Some(4), 5, &mut rng(1));
    let batch = ROWS.iter().sum();
    let (inputs, targets) = (ids(0, batch, 0), ids(0, batch, 4));
    let whole = model.window_grad(&inputs, &targets, &model.zero_states(batch), None);
    let whole = whole.expect("the ids are symbols");
    let mut shards = DataParallel::new();
    for step in 0..2 {
        let (loss, grads, others) = by_shards(&mut shards, &model);
        assert!((loss - whole.loss).abs() <= 1e-14, "step {step}: {loss} for {}", whole.loss);
        assert_close(&format!("{}, step {step}", C::NAME), &grads, &whole.grads, 1e-13);
        let rows: Vec<_> = others.iter().map(|states| C::output(&states[0]).shape()[0]).collect();
        assert_eq!(rows, ROWS);
    }
}

#[test]
fn the_shards_give_the_gradient_of_the_whole_batch() {
    agrees_with_the_whole_batch::<Vanilla>();
    agrees_with_the_whole_batch::<Gru>();
    agrees_with_the_whole_batch::<Lstm>();
}

#[test]
fn the_bytes_are_the_same_for_any_number_of_threads() {
    let model = LanguageModel::<Gru>::init::<f64>(SYMBOLS, None, 33, &mut rng(2));
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads can be started").install(|| {
            let (loss, grads, _) = by_shards(&mut DataParallel::new(), &model);
            let leaves = grads.leaves().into_iter();
            let bits =
                leaves.flat_map(|g| g.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            (loss.to_bits(), bits.collect::<Vec<_>>())
        })
    };
    let one = bytes(1);
    for threads in [2, 4, 8] {
        assert!(bytes(threads) == one, "other bytes with {threads} threads");
    }
}

#[test]
fn the_first_shard_that_fails_says_why() {
    let step = DataParallel::<f64>::new().value_and_grad(
        &[Tensor::scalar(1.0)],
        &[1.0, 1.0, 1.0],
        |s, _, [w]| if s == 0 { Ok((*w, ())) } else { Err(s) },
    );
    assert_eq!(step.map(|step| step.loss), Err(1));
}

#[test]
fn counts_that_give_no_mean_are_refused() {
    for counts in [&[][..], &[0.0, 0.0], &[1.0, -1.0], &[f64::NAN], &[f64::INFINITY]] {
        let step = || {
            DataParallel::<f64>::new().value_and_grad(
                &[Tensor::scalar(1.0)],
                counts,
                |_, _, [w]| Ok::<_, ()>((*w, ())),
            )
        };
        panics(step, &["the counts", "one for each shard"]);
    }
}
