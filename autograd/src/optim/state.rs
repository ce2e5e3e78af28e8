//! What an optimizer remembers, and how it is given out and taken back by name.

use std::collections::{BTreeMap, BTreeSet};

use super::Optimizer;
use crate::element::Element;
use crate::params::{Family, Params, Path, from_named};
use crate::tensor::Tensor;

/// What an optimizer remembers between steps: how many there were, and tensors of several kinds, one of each
/// for every parameter and of its shape.
///
/// A kind is there from the first step that needs it; before, it is zero.
#[derive(Clone, Debug)]
pub struct Memory<E: Element> {
    pub(super) step: u64,
    kinds: Vec<Kind<E>>,
    /// Room for the gradients of a step, empty between steps.
    pub(super) gradients: Vec<Tensor<E>>,
}

/// Tensors of one kind: all first moments, for example.
#[derive(Clone, Debug)]
struct Kind<E: Element> {
    name: &'static str,
    /// One for each parameter, in order; empty before the first step that needs them.
    tensors: Vec<Tensor<E>>,
}

impl<E: Element> Memory<E> {
    /// Nothing yet of these kinds.
    pub fn new(kinds: &[&'static str]) -> Self {
        let kinds = kinds.iter().map(|&name| Kind { name, tensors: Vec::new() }).collect();
        Self { step: 0, kinds, gradients: Vec::new() }
    }

    /// How many steps were taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// For how many parameters there is memory, if these are not the same ones.
    pub(super) fn misfit(&self, params: &[Tensor<E>]) -> Option<usize> {
        let fits = |tensors: &[Tensor<E>]| {
            let mut pairs = tensors.iter().zip(params);
            tensors.len() == params.len() && pairs.all(|(kept, p)| kept.shape() == p.shape())
        };
        let mut made = self.kinds.iter().map(|kind| &kind.tensors).filter(|t| !t.is_empty());
        made.find(|tensors| !fits(tensors)).map(Vec::len)
    }

    /// Makes what is needed and not there yet.
    pub(super) fn make<const N: usize>(&mut self, needs: [bool; N], params: &[Tensor<E>]) {
        for (kind, needed) in self.kinds.iter_mut().zip(needs) {
            if needed && kind.tensors.is_empty() {
                kind.tensors = params.iter().map(|p| Tensor::zeros(p.shape())).collect();
            }
        }
    }

    /// The numbers of parameter `i` of each of the N kinds; none of a kind that is not needed.
    pub(super) fn of_parameter<const N: usize>(
        &mut self,
        needs: [bool; N],
        i: usize,
    ) -> [&mut [E]; N] {
        let mut kinds = self.kinds.iter_mut();
        needs.map(|needed| {
            let kind = kinds.next().expect("as many kinds as were named");
            if needed { kind.tensors[i].data_mut() } else { &mut [] }
        })
    }
}

/// The state of an optimizer, by name: what [`Optimizer::state`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState<E: Element> {
    /// Whose it is: "Adam".
    pub optimizer: String,
    /// The number of steps taken.
    pub step: u64,
    /// All numbers by which the optimizer was made, and its learning rate as it is now.
    pub settings: BTreeMap<String, f64>,
    /// The tensors, each named by its kind and its parameter: `exp_avg.rnn.weight_ih_l0`. The kinds have PyTorch's
    /// names.
    pub tensors: BTreeMap<String, Tensor<E>>,
}

/// A state that an optimizer cannot go on from. Nothing has changed when it is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The state of another optimizer.
    #[error("the state was saved by {saved} and cannot be used by {given}; go on with {saved}")]
    Optimizer {
        /// Whose it is.
        saved: String,
        /// Who was to take it.
        given: &'static str,
    },
    /// Settings or tensors that are not the same.
    #[error("the state of {optimizer} does not fit: {}; make it as it was saved", .differences.join(", "))]
    Differs {
        /// Whose it is.
        optimizer: &'static str,
        /// Each setting that differs, with both values, and each tensor that is missing, unexpected, or of another shape.
        differences: Vec<String>,
    },
}

/// The memory and the settings by name.
#[track_caller]
pub(super) fn give<E, P, O>(optimizer: &O, params: &P) -> OptimizerState<E>
where
    E: Element,
    P: Params<Leaf = Tensor<E>>,
    O: Optimizer<E>,
{
    let memory = optimizer.memory();
    let misfit = memory.misfit(&params.leaves());
    assert!(misfit.is_none(), "state: {} has taken its steps with other parameters", O::NAME);
    let mut tensors = BTreeMap::new();
    for kind in memory.kinds.iter().filter(|kind| !kind.tensors.is_empty()) {
        let mut kept = kind.tensors.iter();
        params.map_named(&Path::default().inside(kind.name), &mut |name, _| {
            tensors.insert(name, kept.next().expect("one for each parameter").clone());
        });
    }
    let settings = optimizer.settings().into_iter();
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).collect();
    OptimizerState { optimizer: O::NAME.to_owned(), step: memory.step, settings, tensors }
}

/// The memory and the learning rate that a state holds.
pub(super) fn take<E, P, O>(
    optimizer: &O,
    params: &P,
    mut state: OptimizerState<E>,
) -> Result<(Memory<E>, f64), StateError>
where
    E: Element,
    P: Params<Leaf = Tensor<E>>,
    P::Family: Family<Of<Tensor<E>> = P>,
    O: Optimizer<E>,
{
    if state.optimizer != O::NAME {
        return Err(StateError::Optimizer { saved: state.optimizer, given: O::NAME });
    }
    let mut differences = Vec::new();
    let lr = state.settings.get("lr").copied().unwrap_or(f64::NAN);
    if !(lr > 0.0 && lr.is_finite()) {
        differences.push(format!("its learning rate is {lr}"));
    }
    let given: BTreeMap<_, _> = optimizer.settings().into_iter().collect();
    let saved = state.settings.iter().map(|(name, &value)| (name.as_str(), value)).collect();
    differences.extend(different_settings(&saved, &given));

    let mut taken = Memory { step: state.step, ..optimizer.memory().clone() };
    for kind in &mut taken.kinds {
        let path = Path::default().inside(kind.name);
        let (of_kind, others) =
            state.tensors.into_iter().partition(|(name, _)| name.starts_with(&path.name("")));
        state.tensors = others;
        kind.tensors = Vec::new();
        let needed = taken.step > 0 && optimizer.needs(kind.name);
        if needed || !BTreeMap::is_empty(&of_kind) {
            match from_named(params, &path, of_kind) {
                Ok(tensors) => kind.tensors = tensors.leaves(),
                Err(more) => differences.extend(more),
            }
        }
    }
    let unexpected = |(name, tensor): (&String, &Tensor<E>)| {
        format!("{name:?} {:?} is unexpected", tensor.shape())
    };
    differences.extend(state.tensors.iter().map(unexpected));
    if differences.is_empty() {
        Ok((taken, lr))
    } else {
        Err(StateError::Differs { optimizer: O::NAME, differences })
    }
}

/// What to say of settings other than the learning rate that are not the same number here and there.
fn different_settings(saved: &BTreeMap<&str, f64>, given: &BTreeMap<&str, f64>) -> Vec<String> {
    let names: BTreeSet<&str> = saved.keys().chain(given.keys()).copied().collect();
    let text = |value: Option<&f64>| value.map_or("missing".to_owned(), f64::to_string);
    let differs = |name: &&str| {
        *name != "lr"
            && saved.get(name).map(|x| x.to_bits()) != given.get(name).map(|x| x.to_bits())
    };
    let sentence =
        |name| format!("{name} was {} and is {}", text(saved.get(name)), text(given.get(name)));
    names.into_iter().filter(differs).map(sentence).collect()
}
