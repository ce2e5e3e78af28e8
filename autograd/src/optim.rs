//! Optimizers: how a gradient becomes a step. PyTorch's update rules, exactly.
//!
//! Each keeps one state tensor or two for every parameter, in the order in which
//! [`Params`] walks them, and changes the parameters in place.

mod adagrad;
mod adam;
mod sgd;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use sgd::Sgd;

use crate::element::Element;
use crate::params::{Params, Path};
use crate::tensor::Tensor;

/// A step that cannot be taken. Nothing has changed when it is returned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptimError {
    /// A learning rate that is not a positive number.
    #[error("the learning rate is {0}; it must be positive and finite")]
    LearningRate(f64),
    /// A gradient of another shape than its parameter.
    #[error("the gradient of `{name}` has the shape {gradient:?}, the parameter {parameter:?}")]
    Shape {
        /// The parameter's name.
        name: String,
        /// Its shape.
        parameter: Vec<usize>,
        /// The gradient's shape.
        gradient: Vec<usize>,
    },
    /// Other parameters than at the first step.
    #[error("the optimizer keeps state for {kept} parameters and was given {given}")]
    Parameters {
        /// How many there were at the first step.
        kept: usize,
        /// How many there are now.
        given: usize,
    },
}

/// Turns gradients into changes of parameters.
pub trait Optimizer<E: Element> {
    /// The learning rate, to read or to change between steps.
    fn lr(&mut self) -> &mut f64;

    /// Changes the parameters by one step against their gradients.
    ///
    /// # Errors
    ///
    /// If the learning rate is not positive and finite, a gradient has another shape than its parameter,
    /// or these are not the parameters of the first step; then nothing is changed.
    fn step<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
    ) -> Result<(), OptimError>;
}

/// One parameter at one step: its values, its gradient, and the optimizer's tensors for it.
struct Slot<'a, E> {
    values: &'a mut [E],
    grads: &'a [E],
    state: &'a mut [Tensor<E>],
}

/// Checks the step, makes the state (`kinds` tensors of zeros a parameter) if there is none yet, and
/// calls `update` for each parameter.
fn for_each_parameter<E: Element, P: Params<Leaf = Tensor<E>>>(
    lr: f64,
    kinds: usize,
    state: &mut Vec<Vec<Tensor<E>>>,
    params: &mut P,
    grads: &P,
    update: impl Fn(Slot<'_, E>),
) -> Result<(), OptimError> {
    if !(lr > 0.0 && lr.is_finite()) {
        return Err(OptimError::LearningRate(lr));
    }
    let grads = grads.leaves();
    let mut wrong = None;
    let mut pairs = grads.iter();
    params.map_named(&Path::default(), &mut |name, parameter| {
        let gradient = pairs.next().map_or(&[][..], Tensor::shape);
        if wrong.is_none() && parameter.shape() != gradient {
            let (parameter, gradient) = (parameter.shape().to_vec(), gradient.to_vec());
            wrong = Some(OptimError::Shape { name, parameter, gradient });
        }
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if state.is_empty() {
        *state = grads.iter().map(|g| vec![Tensor::zeros(g.shape()); kinds]).collect();
    }
    if state.len() != grads.len() {
        return Err(OptimError::Parameters { kept: state.len(), given: grads.len() });
    }
    let mut slots = grads.iter().zip(state);
    params.for_each_mut(&mut |parameter| {
        let (grads, state) = slots.next().expect("counted above");
        update(Slot { values: parameter.data_mut(), grads: grads.data(), state });
    });
    Ok(())
}
