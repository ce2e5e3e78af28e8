//! Optimizers: how a gradient becomes a step. PyTorch's update rules, exactly.
//!
//! Each changes the parameters in place, and keeps a tensor or two of [`Memory`] for every one of them, in
//! the order in which [`Params`] walks them. [`Optimizer::state`] gives the memory out by name, for a
//! checkpoint, and [`Optimizer::load_state`] takes it back.

mod sgd;
mod adagrad;
mod rmsprop;
mod adam;
mod state;
pub mod schedule;

pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use state::{Memory, OptimizerState, StateError};

use crate::element::Element;
use crate::params::{Family, Params, Path};
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
pub trait Optimizer<E: Element>: Sized {
    /// Its name, as PyTorch writes it.
    const NAME: &'static str;

    /// The learning rate, to read or to change between steps.
    fn lr(&mut self) -> &mut f64;

    /// All numbers by which it was made, `lr` among them, with PyTorch's names; yes is 1 and no is 0.
    fn settings(&self) -> Vec<(&'static str, f64)>;

    /// The kinds of tensors that it needs to remember as it is set.
    fn needs(&self) -> Vec<&'static str>;

    /// What it remembers of the steps so far.
    fn memory(&self) -> &Memory<E>;

    /// The same, to change.
    fn memory_mut(&mut self) -> &mut Memory<E>;

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

    /// All that has to be kept for another optimizer to go on from here, by name. The tensors are
    /// shared and not copied.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use autograd::optim::{Adam, Optimizer};
    ///
    /// let (mut params, grads) = ([Tensor::from([1.0, 2.0])], [Tensor::from([0.5, -0.5])]);
    /// let mut adam = Adam::new(0.1);
    /// adam.step(&mut params, &grads)?;
    /// let state = adam.state(&params);
    /// assert_eq!(state.tensors.keys().collect::<Vec<_>>(), ["exp_avg.0", "exp_avg_sq.0"]);
    ///
    /// let (mut later, mut copy) = (Adam::new(0.1), params.clone());
    /// later.load_state(&copy, state)?;
    /// later.step(&mut copy, &grads)?;
    /// adam.step(&mut params, &grads)?;
    /// assert_eq!(copy, params);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `params` are not those of the steps so far.
    #[track_caller]
    fn state<P: Params<Leaf = Tensor<E>>>(&self, params: &P) -> OptimizerState<E> {
        state::give(self, params)
    }

    /// Goes on from a state: takes its memory and its learning rate. All other settings must be the
    /// same, and may be changed afterwards; groups are not part of a state.
    ///
    /// # Errors
    ///
    /// If the state is another optimizer's. Else lists every setting that differs and every tensor that is
    /// missing, unexpected, or of another shape than its parameter; then nothing is changed.
    fn load_state<P>(&mut self, params: &P, state: OptimizerState<E>) -> Result<(), StateError>
    where
        P: Params<Leaf = Tensor<E>>,
        P::Family: Family<Of<Tensor<E>> = P>,
    {
        let (memory, lr) = state::take(self, params, state)?;
        *self.memory_mut() = memory;
        *self.lr() = lr;
        Ok(())
    }
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
    /// The kinds of tensors that this step needs.
    needs: Vec<&'static str>,
}

/// One parameter at one step: its values, its gradient, what is remembered of it (one number a value of each
/// kind, or none of a kind that is not needed), and what its group says.
struct Slot<'a, E: Element, const N: usize> {
    values: &'a mut [E],
    grads: &'a [E],
    state: [&'a mut [E]; N],
    lr: f64,
    weight_decay: f64,
}

/// Checks the step, makes the memory that is needed (tensors of zeros) if there is none yet, and calls
/// `update` for each parameter.
fn for_each_parameter<E: Element, P: Params<Leaf = Tensor<E>>, const N: usize>(
    common: Common<'_>,
    memory: &mut Memory<E>,
    params: &mut P,
    grads: &P,
    update: impl Fn(Slot<'_, E, N>),
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
    if let Some(kept) = memory.misfit(&grads) {
        return Err(OptimError::Parameters { kept, given: grads.len() });
    }
    memory.make(&common.needs, &grads);
    let mut slots = grads.iter().zip(settings).enumerate();
    params.for_each_mut(&mut |parameter| {
        let (i, (grads, (lr, weight_decay))) = slots.next().expect("counted above");
        let (values, grads) = (parameter.data_mut(), grads.data());
        let state = memory.of_parameter(&common.needs, i);
        update(Slot { values, grads, state, lr, weight_decay });
    });
    memory.step += 1;
    Ok(())
}
