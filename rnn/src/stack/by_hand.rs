//! A stack by hand: the trace of all layers, and backpropagation through time and layers.
//!
//! ```text
//! dL/d outputs → d of each direction → bptt → dxs, summed over the directions = dL/d outputs of the layer below
//! ```

use autograd::{Element, Few, Params, Tensor};

use super::{Directions, Output, Stack, StackError, back_in_order, expect, in_order_of};
use crate::cell::{Cell, StateOf};
use crate::noise::Noise;
use crate::numbers::Numbers;
use crate::seq::Seq;
use crate::unroll::{BpttRows, Passed, Trace, bptt_along, each_step, like, unroll_along};

/// All that happened in a forward pass by hand.
pub struct StackTrace<C: Cell, E: Element> {
    /// Each layer and direction: layer by layer, forward before reverse.
    pub runs: Vec<Trace<C, E>>,
    /// The outputs of the last layer, arranged as the inputs are.
    pub outputs: Seq<Tensor<E>>,
    /// The last state of each layer and direction.
    pub last: Vec<StateOf<C, Tensor<E>>>,
    /// The factors on the outputs of each layer but the last; empty without dropout.
    between: Vec<Tensor<f64>>,
}

/// What backpropagation through time and layers found.
pub struct StackBptt<C: Cell, E: Element> {
    /// The gradient of the loss in every parameter.
    pub grads: Stack<C, Tensor<E>>,
    /// In the inputs, arranged as they are; 0 in padding.
    pub d_xs: Seq<Tensor<E>>,
    /// In the initial state of each layer and direction.
    pub d_initial: Vec<StateOf<C, Tensor<E>>>,
    /// ‖∂L/∂h_t‖ for each layer and direction and each step, over the rows that take it.
    pub delta_norms: Vec<Vec<f64>>,
}

impl<C: Cell, E: Element> Stack<C, Tensor<E>> {
    /// Runs the stack by hand and keeps everything. Shapes and noise as for [`Stack::on_tape`].
    ///
    /// # Panics
    ///
    /// If the inputs, the states or the noise do not fit the parameters.
    #[track_caller]
    pub fn unroll(
        &self,
        xs: &Seq<Tensor<E>>,
        initial: Option<&[StateOf<C, Tensor<E>>]>,
        noise: Option<&Noise>,
    ) -> StackTrace<C, E> {
        expect(self.try_unroll(xs, initial, noise))
    }

    /// As [`Stack::unroll`], or what does not fit.
    #[track_caller]
    pub fn try_unroll(
        &self,
        xs: &Seq<Tensor<E>>,
        initial: Option<&[StateOf<C, Tensor<E>>]>,
        noise: Option<&Noise>,
    ) -> Result<StackTrace<C, E>, StackError> {
        let sizes = self.sizes();
        self.check(&sizes, xs, initial, noise)?;
        let mut runs = Vec::with_capacity(sizes.len());
        let Output { outputs, last } =
            self.through(&sizes, xs, initial, noise, |index, xs, initial, walk| {
                let trace = unroll_along::<C, E>(&self.cells[index], xs, &initial, walk);
                let found = (trace.output_seq(), trace.last_state().map(Tensor::clone));
                runs.push(trace);
                found
            });
        let arrangement = xs.arrangement();
        let between = noise.iter().flat_map(|noise| &noise.between);
        let between = between.map(|factors| arrangement.arrange(factors)).collect();
        Ok(StackTrace { runs, outputs, last: last.into_vec(), between })
    }

    /// Backpropagation through time and through the layers, by hand.
    ///
    /// `d_outputs` is what the loss says of each output directly, in any layout; `d_last` what comes from beyond the
    /// last states, one a layer and direction, or nothing.
    ///
    /// # Panics
    ///
    /// If the shapes differ from those of the trace.
    #[track_caller]
    pub fn bptt(
        &self,
        trace: &StackTrace<C, E>,
        d_outputs: &Seq<Tensor<E>>,
        d_last: Option<&[StateOf<C, Tensor<E>>]>,
    ) -> StackBptt<C, E> {
        let directions = self.options.directions;
        let mut d_rows = like(&trace.outputs, &d_outputs.steps()).rows().clone();
        let mut found = Vec::with_capacity(self.cells.len()); // from the last cell to the first
        for layer in (0..self.layers()).rev() {
            if let Some(factors) = trace.between.get(layer) {
                d_rows = d_rows.scaled(factors);
            }
            let first = layer * directions.count();
            let runs = &trace.runs[first..first + directions.count()];
            let d_each = match (directions, runs) {
                (Directions::Both(merge), [a, b]) => {
                    let [a, b] = [a, b].map(Trace::output_seq);
                    merge.back([a.rows(), b.rows()], &d_rows).to_vec()
                }
                _ => vec![d_rows],
            };
            let mut d_xs: Option<Tensor<E>> = None;
            for d in (0..directions.count()).rev() {
                let index = first + d;
                let Trace { xs, walk, states, saved } = &runs[d];
                let arrangement = xs.arrangement();
                let d_last = d_last.map(|d| d[index].map(|s| in_order_of(&arrangement, s)));
                let passed = Passed { xs, walk, states, saved };
                let params = &self.cells[index];
                let mut grads = params.zeros_like();
                let d_output = arrangement.filled(d_each[d].clone());
                let d_output = each_step(&d_output);
                let back =
                    bptt_along::<C, E>(params, passed, d_output, d_last.as_ref(), &mut grads);
                d_xs = Some(match d_xs {
                    Some(sum) => sum + back.d_xs.rows(),
                    None => back.d_xs.rows().clone(),
                });
                found.push((grads, back));
            }
            d_rows = d_xs.expect("at least one direction");
        }
        let arrangement = trace.runs[0].xs.arrangement();
        let mut bptt = StackBptt {
            grads: Stack { cells: Few::with_capacity(found.len()), options: self.options.clone() },
            d_xs: arrangement.placed(d_rows),
            d_initial: Vec::with_capacity(found.len()),
            delta_norms: Vec::with_capacity(found.len()),
        };
        for (grads, BpttRows { d_initial, delta_norms, .. }) in found.into_iter().rev() {
            bptt.grads.cells.push(grads);
            bptt.d_initial.push(d_initial.map(|s| back_in_order(&arrangement, s)));
            bptt.delta_norms.push(delta_norms);
        }
        bptt
    }
}
