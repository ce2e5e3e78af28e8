//! One struct, three roles: a struct of parameters is generic in its leaf.
//!
//! `Gru<Tensor<f32>>` holds parameters, `Gru<Var>` their places on a tape, and `Gru<Tensor<f32>>`
//! again their gradients. [`Params`] walks such a struct with PyTorch's names for its leaves, which
//! is all that optimizers, checkpoints and counting need.
//!
//! [`params!`](crate::params!) implements both traits for a struct of leaves:
//!
//! ```
//! use autograd::{Params, Tensor, params};
//!
//! /// y = x wᵀ + b
//! pub struct Linear<L = ()> {
//!     pub weight: L,
//!     pub bias: L,
//! }
//! params!(Linear { weight: "weight", bias: "bias" });
//!
//! let linear = Linear { weight: Tensor::<f64>::zeros(&[2, 3]), bias: Tensor::zeros(&[2]) };
//! assert_eq!(linear.names(), ["weight", "bias"]);
//! let sizes: Linear<usize> = linear.map(|tensor| tensor.elements());
//! assert_eq!((sizes.weight, sizes.bias), (6, 2));
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::element::Element;
use crate::few::Few;
use crate::tensor::Tensor;

/// A struct of parameters, whatever its leaves are: `Gru` stands for all `Gru<L>`.
pub trait Family: Sized + 'static {
    /// The struct with this leaf.
    type Of<L>: Params<Leaf = L, Family = Self>;
}

/// A struct with named leaves, in a fixed order.
pub trait Params: Sized {
    /// What stands in the place of each parameter.
    type Leaf;
    /// The same struct with any leaf.
    type Family: Family;

    /// The struct of `f(name, leaf)`, with the name put together from the path so far.
    fn map_named<M>(
        &self,
        path: &Path,
        f: &mut dyn FnMut(String, &Self::Leaf) -> M,
    ) -> <Self::Family as Family>::Of<M>;

    /// Calls `f` with each leaf, to change it.
    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut Self::Leaf));

    /// Calls `f` with each leaf, in order. A struct that can do so without making another one says how.
    fn for_each(&self, f: &mut dyn FnMut(&Self::Leaf)) {
        self.map_named(&Path::nameless(), &mut |_, leaf| f(leaf));
    }

    /// The struct of `f(leaf)`.
    fn map<M>(&self, mut f: impl FnMut(&Self::Leaf) -> M) -> <Self::Family as Family>::Of<M> {
        self.map_named(&Path::nameless(), &mut |_, leaf| f(leaf))
    }

    /// The names of the leaves in order: PyTorch's.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.map_named(&Path::default(), &mut |name, _| names.push(name));
        names
    }

    /// The leaves in order.
    fn leaves(&self) -> Vec<Self::Leaf>
    where
        Self::Leaf: Clone,
    {
        self.few_leaves().into_vec()
    }

    /// The leaves in order, without an allocation if there are at most 8.
    fn few_leaves(&self) -> Few<Self::Leaf>
    where
        Self::Leaf: Clone,
    {
        let mut leaves = Few::new();
        self.for_each(&mut |leaf| leaves.push(leaf.clone()));
        leaves
    }

    /// The number of scalar parameters.
    fn count<E: Element>(&self) -> usize
    where
        Self: Params<Leaf = Tensor<E>>,
    {
        let mut count = 0;
        self.for_each(&mut |tensor| count += tensor.elements());
        count
    }

    /// The same struct filled with zeros.
    fn zeros_like<E: Element>(&self) -> <Self::Family as Family>::Of<Tensor<E>>
    where
        Self: Params<Leaf = Tensor<E>>,
    {
        self.map(|tensor| Tensor::zeros(tensor.shape()))
    }

    /// The same values as another element type.
    fn cast<E: Element, F: Element>(&self) -> <Self::Family as Family>::Of<Tensor<F>>
    where
        Self: Params<Leaf = Tensor<E>>,
    {
        self.map(Tensor::cast)
    }

    /// Adds another struct of the same family, leaf by leaf.
    ///
    /// # Panics
    ///
    /// If the shapes differ.
    fn add_assign<E: Element>(&mut self, other: &Self)
    where
        Self: Params<Leaf = Tensor<E>>,
    {
        let mut others = other.leaves().into_iter();
        self.for_each_mut(&mut |leaf| {
            let other = others.next().expect("structs of one family have as many leaves");
            assert_eq!(leaf.shape(), other.shape(), "add_assign: two shapes for one parameter");
            for (sum, &x) in leaf.data_mut().iter_mut().zip(other.data()) {
                *sum += x;
            }
        });
    }
}

/// Where in a model a parameter stands: `decoder.rnn.weight_ih_l0` is the prefix `decoder.rnn.`,
/// the field's own name, and the suffix `_l0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    prefix: String,
    suffix: String,
    nameless: bool,
}

impl Path {
    /// A path for those who ask for no names: all are empty, and cost nothing.
    pub fn nameless() -> Self {
        Self { nameless: true, ..Self::default() }
    }

    /// The path of the fields of a part called `name`.
    pub fn inside(&self, name: &str) -> Self {
        if self.nameless {
            return Self::nameless();
        }
        let (prefix, suffix) = (format!("{}{name}.", self.prefix), self.suffix.clone());
        Self { prefix, suffix, nameless: false }
    }

    /// The path of fields whose names end in `suffix`: `_l0`, `_l0_reverse`.
    pub fn ending(&self, suffix: impl Display) -> Self {
        if self.nameless {
            return Self::nameless();
        }
        let (prefix, suffix) = (self.prefix.clone(), format!("{suffix}{}", self.suffix));
        Self { prefix, suffix, nameless: false }
    }

    /// The full name of a field.
    pub fn name(&self, field: &str) -> String {
        if self.nameless {
            return String::new();
        }
        format!("{}{field}{}", self.prefix, self.suffix)
    }
}

/// The struct of tensors with the names and shapes of `template`, whose values do not matter, at this place
/// in a model.
///
/// ```
/// use std::collections::BTreeMap;
/// use autograd::{Tensor, params::{Path, from_named}};
///
/// let template = [Tensor::zeros(&[2])];
/// let tensors = BTreeMap::from([("head.0".to_string(), Tensor::from([1.0, 2.0]))]);
/// let path = Path::default().inside("head");
/// assert_eq!(from_named(&template, &path, tensors), Ok([Tensor::from([1.0, 2.0])]));
/// let differences = from_named(&template, &path, BTreeMap::new()).unwrap_err();
/// assert_eq!(differences, [r#""head.0" [2] is missing"#]);
/// ```
///
/// # Errors
///
/// Lists every tensor that is missing, unexpected, or of another shape, each with its name.
pub fn from_named<P, E>(
    template: &P,
    path: &Path,
    tensors: BTreeMap<String, Tensor<E>>,
) -> Result<P, Vec<String>>
where
    E: Element,
    P: Params<Leaf = Tensor<E>>,
    P::Family: Family<Of<Tensor<E>> = P>,
{
    let mut differences = Vec::new();
    let mut expected = BTreeSet::new();
    let params = template.map_named(path, &mut |name, leaf| {
        let found = tensors.get(&name);
        let (wanted, shape) = (leaf.shape(), found.map(Tensor::shape));
        match shape {
            Some(shape) if shape == wanted => {}
            Some(shape) => {
                differences.push(format!("{name:?} has shape {shape:?} instead of {wanted:?}"));
            }
            None => differences.push(format!("{name:?} {wanted:?} is missing")),
        }
        expected.insert(name);
        found.unwrap_or(leaf).clone()
    });
    let unexpected = tensors.iter().filter(|(name, _)| !expected.contains(*name));
    differences.extend(
        unexpected.map(|(name, tensor)| format!("{name:?} {:?} is unexpected", tensor.shape())),
    );
    if differences.is_empty() { Ok(params) } else { Err(differences) }
}

/// Implements [`Params`] and [`Family`] for a struct of leaves, given the name of each:
/// `params!(Linear { weight: "weight", bias: "bias" });`
///
/// Leaves that may be absent (`Option<L>`) follow as `optional`, and fields that are no parameters, such as a
/// setting, as `plain`; those are cloned.
///
/// ```
/// use autograd::{Params, Tensor, params};
///
/// pub struct Linear<L = ()> {
///     pub weight: L,
///     pub bias: Option<L>,
///     pub scale: f64,
/// }
/// params!(Linear { weight: "weight" } optional { bias: "bias" } plain { scale });
///
/// let linear = Linear { weight: Tensor::<f64>::zeros(&[2, 3]), bias: None, scale: 0.5 };
/// assert_eq!(linear.names(), ["weight"]);
/// let sizes: Linear<usize> = linear.map(|tensor| tensor.elements());
/// assert_eq!((sizes.weight, sizes.bias, sizes.scale), (6, None, 0.5));
/// ```
#[macro_export]
macro_rules! params {
    (
        $struct:ident { $($field:ident : $name:literal),+ $(,)? }
        $(optional { $($option:ident : $option_name:literal),+ $(,)? })?
        $(plain { $($plain:ident),+ $(,)? })?
    ) => {
        impl $crate::Family for $struct {
            type Of<L> = $struct<L>;
        }

        impl<L> $crate::Params for $struct<L> {
            type Leaf = L;
            type Family = $struct;

            fn map_named<M>(
                &self,
                path: &$crate::params::Path,
                f: &mut dyn FnMut(String, &L) -> M,
            ) -> $struct<M> {
                $struct {
                    $($field: f(path.name($name), &self.$field),)+
                    $($($option: self.$option.as_ref().map(|l| f(path.name($option_name), l)),)+)?
                    $($($plain: self.$plain.clone(),)+)?
                }
            }

            fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
                $(f(&mut self.$field);)+
                $($(self.$option.iter_mut().for_each(&mut *f);)+)?
            }

            fn for_each(&self, f: &mut dyn FnMut(&L)) {
                $(f(&self.$field);)+
                $($(self.$option.iter().for_each(&mut *f);)+)?
            }
        }
    };
}

/// The family of arrays of N parameters, for functions of a few tensors: `[x, w]`.
#[derive(Clone, Copy, Debug)]
pub struct Array<const N: usize>;

impl<const N: usize> Family for Array<N> {
    type Of<L> = [L; N];
}

/// The leaves are named by their position.
impl<L, const N: usize> Params for [L; N] {
    type Leaf = L;
    type Family = Array<N>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> [M; N] {
        std::array::from_fn(|i| f(path.name(&i.to_string()), &self[i]))
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.iter_mut().for_each(f);
    }

    fn for_each(&self, f: &mut dyn FnMut(&L)) {
        self.iter().for_each(f);
    }
}

/// The family of lists of parameters whose number is known at run time only.
#[derive(Clone, Copy, Debug)]
pub struct List;

impl Family for List {
    type Of<L> = Vec<L>;
}

/// The leaves are named by their position.
impl<L> Params for Vec<L> {
    type Leaf = L;
    type Family = List;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Vec<M> {
        self.iter().enumerate().map(|(i, leaf)| f(path.name(&i.to_string()), leaf)).collect()
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.iter_mut().for_each(f);
    }

    fn for_each(&self, f: &mut dyn FnMut(&L)) {
        self.iter().for_each(f);
    }
}
