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

use smallvec::SmallVec;

pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use state::{Memory, OptimizerState, StateError};

use crate::clip::{NotFinite, grad_norm, scale_for};
use crate::element::Element;
use crate::kernel::{self, Kernel};
use crate::params::{Family, Params, Path};
use crate::tensor::Tensor;
use crate::threads;

/// From how many numbers on a parameter is changed in two halves, each on a thread if there is one: some 50 microseconds.
const PIECE: usize = 1 << 16;

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
    /// A gradient that cannot be clipped.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
}

/// Turns gradients into changes of parameters.
pub trait Optimizer<E: Element>: Sized {
    /// Its name, as PyTorch writes it.
    const NAME: &'static str;

    /// The learning rate, to read or to change between steps.
    fn lr(&mut self) -> &mut f64;

    /// All numbers by which it was made, `lr` among them, with PyTorch's names; yes is 1 and no is 0.
    fn settings(&self) -> Vec<(&'static str, f64)>;

    /// Whether it needs to remember tensors of this kind as it is set.
    fn needs(&self, kind: &str) -> bool;

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
    ) -> Result<(), OptimError> {
        self.step_scaled(params, grads, 1.0)
    }

    /// The same with every gradient times `scale`, which the gradients themselves do not see.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    fn step_scaled<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
        scale: f64,
    ) -> Result<(), OptimError>;

    /// A step with the gradients clipped to the norm `max_norm`, and the norm they had: what
    /// [`clip_grad_norm`](crate::clip::clip_grad_norm) and [`step`](Self::step) do, in one pass over the gradients less.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use autograd::optim::{Optimizer, Sgd};
    ///
    /// let (mut params, grads) = ([Tensor::from([0.0_f64, 0.0])], [Tensor::from([30.0, 40.0])]);
    /// let norm = Sgd::new(1.0, 0.0).step_clipped(&mut params, &grads, 5.0)?;
    /// assert_eq!(norm, 50.0);
    /// assert!((params[0].data()[1] + 4.0).abs() < 1e-6);
    /// # Ok::<(), autograd::optim::OptimError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a gradient is not finite, or as [`step`](Self::step); then nothing is changed.
    fn step_clipped<P: Params<Leaf = Tensor<E>>>(
        &mut self,
        params: &mut P,
        grads: &P,
        max_norm: f64,
    ) -> Result<f64, OptimError> {
        let norm = grad_norm(grads)?;
        self.step_scaled(params, grads, scale_for(norm, max_norm))?;
        Ok(norm)
    }

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
struct Common<'a, const N: usize> {
    lr: f64,
    weight_decay: f64,
    /// What gradients are multiplied by.
    scale: f64,
    groups: &'a [Group],
    /// Whether this step needs the tensors of each kind.
    needs: [bool; N],
}

/// One parameter at one step, or a part of it: its values, its gradient, and what is remembered of it (one number a value
/// of each kind, or none of a kind that is not needed).
struct Slot<'a, E: Element, const N: usize> {
    values: &'a mut [E],
    grads: &'a [E],
    state: [&'a mut [E]; N],
}

/// What holds for all numbers of a parameter at one step.
#[derive(Clone, Copy)]
struct Setting<E> {
    lr: E,
    weight_decay: E,
    /// What gradients are multiplied by.
    scale: E,
}

impl<E: Element> Setting<E> {
    fn new(lr: f64, weight_decay: f64) -> Self {
        Self { lr: E::from_f64(lr), weight_decay: E::from_f64(weight_decay), scale: E::ONE }
    }

    /// The gradient that a step goes against: scaled, with the weight decay that is a part of it.
    #[inline(always)]
    fn gradient(&self, g: E, w: E) -> E {
        self.scale * g + self.weight_decay * w
    }
}

/// The update of one optimizer: a loop over the numbers of a slot.
trait Update<E: Element, const N: usize>: Copy + Send + Sync {
    /// Changes values and state. It must be `#[inline(always)]`, to be compiled for each set of vector instructions.
    fn update(self, setting: Setting<E>, slot: Slot<'_, E, N>);
}

/// An update of one slot as a kernel.
struct OneSlot<'a, U, E: Element, const N: usize> {
    update: U,
    setting: Setting<E>,
    slot: Slot<'a, E, N>,
}

impl<E: Element, U: Update<E, N>, const N: usize> Kernel for OneSlot<'_, U, E, N> {
    #[inline(always)]
    fn run<const FUSED: bool, const BYTES: usize>(self) {
        self.update.update(self.setting, self.slot);
    }
}

/// Updates a slot, a large one in halves. No number looks at another one, so that the bytes are the same for any cut.
fn update_slot<E: Element, U: Update<E, N>, const N: usize>(
    update: U,
    setting: Setting<E>,
    slot: Slot<'_, E, N>,
) {
    if slot.values.len() <= PIECE {
        return kernel::run(OneSlot { update, setting, slot });
    }
    let half = slot.values.len() / 2;
    let (values, other_values) = slot.values.split_at_mut(half);
    let (grads, other_grads) = slot.grads.split_at(half);
    let mut others = [(); N].map(|()| Default::default());
    let mut rest = others.iter_mut();
    let state = slot.state.map(|state| {
        let (state, other) = state.split_at_mut(half.min(state.len()));
        *rest.next().expect("one for each kind") = other;
        state
    });
    threads::join(
        || update_slot(update, setting, Slot { values, grads, state }),
        || {
            let (values, grads, state) = (other_values, other_grads, others);
            update_slot(update, setting, Slot { values, grads, state });
        },
    );
}

/// Checks the step, makes the memory that is needed (tensors of zeros) if there is none yet, and updates each parameter
/// by what `update` says for its learning rate and its weight decay.
fn for_each_parameter<E: Element, P: Params<Leaf = Tensor<E>>, U: Update<E, N>, const N: usize>(
    common: Common<'_, N>,
    memory: &mut Memory<E>,
    params: &mut P,
    grads: &P,
    update: impl Fn(f64, f64) -> (U, Setting<E>),
) -> Result<(), OptimError> {
    // Clones share their numbers; the list is kept from step to step.
    let mut gradients = std::mem::take(&mut memory.gradients);
    grads.for_each(&mut |gradient| gradients.push(gradient.clone()));
    let settings = settings(&common, params, &gradients);
    let result = settings.and_then(|settings| {
        if let Some(kept) = memory.misfit(&gradients) {
            return Err(OptimError::Parameters { kept, given: gradients.len() });
        }
        memory.make(common.needs, &gradients);
        let mut i = 0;
        params.for_each_mut(&mut |parameter| {
            let (lr, weight_decay) =
                settings.get(i).copied().unwrap_or((common.lr, common.weight_decay));
            let (update, setting) = update(lr, weight_decay);
            let setting = Setting { scale: E::from_f64(common.scale), ..setting };
            let (values, grads) = (parameter.data_mut(), gradients[i].data());
            let state = memory.of_parameter(common.needs, i);
            update_slot(update, setting, Slot { values, grads, state });
            i += 1;
        });
        memory.step += 1;
        Ok(())
    });
    gradients.clear();
    memory.gradients = gradients;
    result
}

/// The learning rate and the weight decay of each parameter, none if there are no groups; or what is wrong with a
/// parameter. Names are made only where they are looked at.
fn settings<E: Element, P: Params<Leaf = Tensor<E>>, const N: usize>(
    common: &Common<'_, N>,
    params: &P,
    gradients: &[Tensor<E>],
) -> Result<SmallVec<[(f64, f64); 16]>, OptimError> {
    let mut settings = SmallVec::new();
    let (mut count, mut fits) = (0, true);
    params.for_each(&mut |parameter| {
        let gradient = gradients.get(count);
        fits &= gradient.is_some_and(|gradient| gradient.shape() == parameter.shape());
        count += 1;
    });
    if fits && common.groups.is_empty() {
        check_lr(common.lr)?;
        return Ok(settings);
    }
    let mut wrong = None;
    params.map_named(&Path::default(), &mut |name, parameter| {
        let group = common.groups.iter().find(|group| (group.accepts)(&name));
        let lr = common.lr * group.map_or(1.0, |group| group.lr_factor);
        let decay = group.and_then(|group| group.weight_decay).unwrap_or(common.weight_decay);
        let gradient = gradients.get(settings.len()).map_or(&[][..], Tensor::shape);
        settings.push((lr, decay));
        if let Err(error) = check_lr(lr) {
            wrong.get_or_insert(error);
        } else if parameter.shape() != gradient {
            let (parameter, gradient) = (parameter.shape().to_vec(), gradient.to_vec());
            wrong.get_or_insert(OptimError::Shape { name, parameter, gradient });
        }
    });
    wrong.map_or(Ok(settings), Err)
}

fn check_lr(lr: f64) -> Result<(), OptimError> {
    if lr > 0.0 && lr.is_finite() { Ok(()) } else { Err(OptimError::LearningRate(lr)) }
}
