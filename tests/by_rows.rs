//! A layer the slow way, to compare golden files with: each row of a batch alone, cut to its length, and turned round
//! for the reverse direction. So neither masks nor packing are needed, and only cells are tested.

use std::collections::BTreeMap;

use autograd::{Element, Params, Tensor};
use rnn::{Cell, Seq, StateOf, bptt, unroll};
use safetensors::SafeTensors;

use super::goldens::bytes;

/// The configurations of a file of cases: the name of each with its keys and values.
pub(super) fn cases(file: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let bytes = bytes(file);
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
    let metadata = header.metadata().as_ref().expect("the file has metadata");
    let case = |line: &str| {
        let (name, config) = line.split_once(' ').expect("a name and its configuration");
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').expect("key=value");
            (key.to_owned(), value.to_owned())
        };
        (name.to_owned(), config.split(' ').map(pair).collect())
    };
    metadata["cases"].lines().map(case).collect()
}

/// One direction over a batch, and what the loss says of its results.
pub(super) struct Layer<C: Cell, E: Element> {
    pub(super) params: C::Of<Tensor<E>>,
    pub(super) reverse: bool,
    /// [T, B, I].
    pub(super) xs: Tensor<E>,
    /// The steps of each row.
    pub(super) lengths: Vec<usize>,
    pub(super) initial: StateOf<C, Tensor<E>>,
    /// [T, B, P].
    pub(super) d_outputs: Tensor<E>,
    pub(super) d_last: StateOf<C, Tensor<E>>,
}

/// What a run found.
pub(super) struct Found<C: Cell, E: Element> {
    /// [T, B, P], 0 behind the end of a row.
    pub(super) outputs: Tensor<E>,
    pub(super) last: StateOf<C, Tensor<E>>,
    pub(super) d_params: C::Of<Tensor<E>>,
    /// [T, B, I], 0 behind the end of a row.
    pub(super) d_xs: Tensor<E>,
    pub(super) d_initial: StateOf<C, Tensor<E>>,
}

impl<C: Cell, E: Element> Layer<C, E> {
    pub(super) fn run(&self) -> Found<C, E> {
        let mut d_params = self.params.zeros_like();
        let (mut outputs, mut d_xs) = (Vec::new(), Vec::new());
        let (mut last, mut d_initial) = (Vec::new(), Vec::new());
        for (b, &length) in self.lengths.iter().enumerate() {
            let turned = |x: &Tensor<E>| if self.reverse { x.flip(&[0]) } else { x.clone() };
            let steps = |x: &Tensor<E>| turned(&x.slice(1, b, b + 1).slice(0, 0, length));
            let row = |state: &StateOf<C, Tensor<E>>| state.map(|s| s.slice(0, b, b + 1));
            let padded = |x: Tensor<E>| {
                let rest = Tensor::zeros(&[self.xs.shape()[0] - length, 1, x.shape()[2]]);
                Tensor::concat(&[&turned(&x), &rest], 0)
            };
            let xs = Seq::time_major(steps(&self.xs));
            let trace = unroll::<C, E>(&self.params, &xs, &row(&self.initial));
            let d_last = row(&self.d_last);
            let back = bptt::<C, E>(&self.params, &trace, &steps(&self.d_outputs), Some(&d_last));
            d_params.add_assign(&back.grads);
            outputs.push(padded(trace.outputs()));
            last.push(trace.last_state().leaves());
            d_xs.push(padded(back.d_xs));
            d_initial.push(back.d_initial.leaves());
        }
        let batch = |rows: &[Tensor<E>]| Tensor::concat(&rows.iter().collect::<Vec<_>>(), 1);
        let state = |rows: &[Vec<Tensor<E>>]| {
            let mut part = 0..;
            self.initial.map(|_| {
                let part = part.next().expect("endless");
                Tensor::concat(&rows.iter().map(|row| &row[part]).collect::<Vec<_>>(), 0)
            })
        };
        Found {
            outputs: batch(&outputs),
            last: state(&last),
            d_params,
            d_xs: batch(&d_xs),
            d_initial: state(&d_initial),
        }
    }
}
