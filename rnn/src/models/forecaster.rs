//! A forecaster: a series in, its next values out.
//!
//! ```text
//! ŷ_t = W h_t + b, h_t = layers(x_0 … x_t)                           what x_{t+1} will be
//! L   = mean over the steps that have a next one, and over the F values, of (ŷ_t − x_{t+1})²
//!
//! one step       ŷ_t from the values as they were
//! free-running   x_{t+1} := ŷ_t, and again: errors are read as if they were values, and add up
//! ```
//!
//! A model that is good at one step may be poor at twenty; and to beat ŷ_t = x_t is harder than it looks, at one step.
//!
//! Shapes: series [T, B, F], forecasts [T, B, F]. Values should be scaled to be of order 1.

use autograd::{Element, Params, Tape, Tensor, Var};
use rand::Rng;

use super::error::ModelError;
use super::{constant, forward_only, lengths_of};
use crate::cell::Cell;
use crate::linear::Linear;
use crate::noise::Noise;
use crate::seq::Seq;
use crate::stack::{Stack, StackOptions};

/// Layers, and a linear layer back to values.
pub struct Forecaster<C: Cell, L = ()> {
    /// The layers.
    pub rnn: Stack<C, L>,
    /// From outputs to values, [F, P].
    pub head: Linear<L>,
}

parts!(Forecaster { rnn, head });

impl<C: Cell> Forecaster<C> {
    /// Parameters drawn as PyTorch does, for series of F = `input_size` values.
    ///
    /// # Panics
    ///
    /// If the options are none, or not [`Forward`](crate::stack::Directions::Forward): the other direction would read
    /// the answer.
    #[track_caller]
    pub fn init<E: Element>(
        options: &StackOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> Forecaster<C, Tensor<E>> {
        forward_only("forecaster", options.directions);
        let rnn = Stack::<C>::init(options, rng);
        let head = Linear::init(rnn.output_size(), options.input_size, rng);
        Forecaster { rnn, head }
    }
}

impl<'t, C: Cell, E: Element> Forecaster<C, Var<'t, E>> {
    /// What the next value will be after each step, [T, B, F], arranged as the series are.
    ///
    /// # Panics
    ///
    /// If the series or the noise do not fit the parameters.
    #[track_caller]
    pub fn next_on_tape(&self, xs: &Seq<Var<'t, E>>, noise: Option<&Noise>) -> Seq<Var<'t, E>> {
        let hs = self.rnn.on_tape(xs, None, noise).outputs;
        hs.map_rows(|&rows| self.head.on_tape(rows))
    }

    /// The mean squared error at one step, over all steps of all rows that have a next one. Noise is for training,
    /// and for T − 1 steps.
    ///
    /// # Errors
    ///
    /// If the batch is empty, or no row has two steps.
    ///
    /// # Panics
    ///
    /// If the series or the noise do not fit the parameters.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        xs: &Seq<Var<'t, E>>,
        noise: Option<&Noise>,
    ) -> Result<Var<'t, E>, ModelError> {
        if xs.batch() == 0 {
            return Err(ModelError::EmptyBatch);
        }
        let lengths = lengths_of(xs);
        let lengths: Vec<usize> = lengths.iter().map(|n| n.saturating_sub(1)).collect();
        let count = lengths.iter().sum::<usize>() * xs.features();
        if count == 0 {
            return Err(ModelError::NoTarget { wanted: "two steps" });
        }
        let (steps, seq_len) = (xs.steps(), xs.seq_len());
        let part = |start, end| Seq::time_major(steps.slice(0, start, end)).with_lengths(&lengths);
        let (seen, wanted) = (part(0, seq_len - 1)?, part(1, seq_len)?); // both 0 behind the end of a row
        let error = *self.next_on_tape(&seen, noise).rows() - *wanted.rows();
        Ok((error * error).sum() * (1.0 / count as f64))
    }
}

impl<C: Cell, E: Element> Forecaster<C, Tensor<E>> {
    /// One step ahead: what the next value will be after each step, [T, B, F], arranged as the series are.
    ///
    /// # Panics
    ///
    /// If the series do not fit the parameters.
    #[track_caller]
    pub fn one_step(&self, xs: &Seq<Tensor<E>>) -> Seq<Tensor<E>> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        on_tape.next_on_tape(&constant(&tape, xs), None).map_rows(Var::value)
    }

    /// Free-running: the `steps` values after the end of each series, [steps, B, F], each read as the next input.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use rand::SeedableRng;
    /// use rnn::models::Forecaster;
    /// use rnn::{Gru, Seq, StackOptions};
    ///
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let model = Forecaster::<Gru>::init::<f64>(&StackOptions::new(1, 8), &mut rng);
    /// let xs = Seq::time_major(Tensor::from_fn(&[20, 2, 1], |i| (i as f64).sin()));
    /// let ahead = model.forecast(&xs, 5);
    /// assert_eq!(ahead.shape(), [5, 2, 1]);
    /// assert_eq!(ahead.entry(0), model.one_step(&xs).step(19));
    /// ```
    ///
    /// # Panics
    ///
    /// If the series do not fit the parameters.
    #[track_caller]
    pub fn forecast(&self, xs: &Seq<Tensor<E>>, steps: usize) -> Tensor<E> {
        let mut values: Vec<Tensor<E>> = Vec::with_capacity(steps);
        let mut last = self.rnn.unroll(xs, None, None).last;
        while values.len() < steps {
            if let Some(value) = values.last() {
                let x = Seq::time_major(Tensor::stack(std::slice::from_ref(value)));
                last = self.rnn.unroll(&x, Some(&last), None).last;
            }
            let h = C::output(last.last().expect("at least one layer"));
            values.push(self.head.forward(h));
        }
        match &values[..] {
            [] => Tensor::zeros(&[0, xs.batch(), xs.features()]),
            _ => Tensor::stack(&values),
        }
    }
}
