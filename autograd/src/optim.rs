//! Optimizers: how a gradient becomes a step. PyTorch's update rules, exactly.
//!
//! Each keeps one state tensor or two for every parameter, in the order in which
//! [`Params`] walks them, and changes the parameters in place.

mod sgd;
mod adagrad;
mod rmsprop;
mod adam;
pub mod schedule;

pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use rmsprop::RmsProp;
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
    #[error(
        "the optimizer keeps state for {kept} parameters of other shapes and was given {given}; make a new one for another model"
    )]
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

/// Parameters that are treated differently: those whose name the predicate accepts.
///
/// ```
/// use autograd::optim::{AdamW, Group};
///
/// let mut adam = AdamW::<f32>::new(1e-3, 0.01);
/// adam.groups.push(Group::of(|name| name.contains("bias")).weight_decay(0.0));
/// adam.groups.push(Group::of(|name| name.starts_with("head.")).lr_factor(0.1));
/// ```
///
/// The first group that accepts a name is the one.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Whether a parameter of this name belongs here.
    pub accepts: fn(&str) -> bool,
    /// What the optimizer's learning rate is multiplied by.
    pub lr_factor: f64,
    /// The weight decay in place of the optimizer's.
    pub weight_decay: Option<f64>,
}

impl Group {
    /// The parameters whose name `accepts` is true for, treated as all others.
    pub fn of(accepts: fn(&str) -> bool) -> Self {
        Self { accepts, lr_factor: 1.0, weight_decay: None }
    }

    /// With another learning rate: the optimizer's times `factor`.
    pub fn lr_factor(self, factor: f64) -> Self {
        Self { lr_factor: factor, ..self }
    }

    /// With another weight decay.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay: Some(weight_decay), ..self }
    }
}

/// What holds for a whole step, before groups are looked at.
struct Common<'a> {
    lr: f64,
    weight_decay: f64,
    groups: &'a [Group],
    /// How many tensors of state each parameter needs.
    kinds: usize,
}

/// One parameter at one step: its values, its gradient, the optimizer's tensors for it, and what
/// its group says.
struct Slot<'a, E: Element> {
    values: &'a mut [E],
    grads: &'a [E],
    state: &'a mut [Tensor<E>],
    lr: f64,
    weight_decay: f64,
}

/// Checks the step, makes the state (tensors of zeros) if there is none yet, and calls `update` for each
/// parameter.
fn for_each_parameter<E: Element, P: Params<Leaf = Tensor<E>>>(
    common: Common<'_>,
    state: &mut Vec<Vec<Tensor<E>>>,
    params: &mut P,
    grads: &P,
    update: impl Fn(Slot<'_, E>),
) -> Result<(), OptimError> {
    let grads = grads.leaves();
    let mut settings = Vec::with_capacity(grads.len());
    let mut wrong = None;
    params.map_named(&Path::default(), &mut |name, parameter| {
        let group = common.groups.iter().find(|group| (group.accepts)(&name));
        let lr = common.lr * group.map_or(1.0, |group| group.lr_factor);
        let decay = group.and_then(|group| group.weight_decay).unwrap_or(common.weight_decay);
        let gradient = grads.get(settings.len()).map_or(&[][..], Tensor::shape);
        settings.push((lr, decay));
        if !(lr > 0.0 && lr.is_finite()) {
            wrong.get_or_insert(OptimError::LearningRate(lr));
        } else if parameter.shape() != gradient {
            let (parameter, gradient) = (parameter.shape().to_vec(), gradient.to_vec());
            wrong.get_or_insert(OptimError::Shape { name, parameter, gradient });
        }
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if state.is_empty() {
        *state = grads.iter().map(|g| vec![Tensor::zeros(g.shape()); common.kinds]).collect();
    }
    let fits = |(kept, grad): (&Vec<Tensor<E>>, &Tensor<E>)| {
        kept.iter().all(|tensor| tensor.shape() == grad.shape())
    };
    if state.len() != grads.len() || !state.iter().zip(&grads).all(fits) {
        return Err(OptimError::Parameters { kept: state.len(), given: grads.len() });
    }
    let mut slots = grads.iter().zip(state).zip(settings);
    params.for_each_mut(&mut |parameter| {
        let ((grads, state), (lr, weight_decay)) = slots.next().expect("counted above");
        let (values, grads) = (parameter.data_mut(), grads.data());
        update(Slot { values, grads, state, lr, weight_decay });
    });
    Ok(())
}
