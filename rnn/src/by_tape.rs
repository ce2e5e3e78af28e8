//! Steps by hand for a cell of which only the equations are written.
//!
//! ```text
//! forward     (h′, …) = step(θ, x, h)                           on a tape of its own
//! backward    L = ⟨dh′, h′⟩ + …, whose gradient in θ, x and h is the vector-Jacobian product
//! ```
//!
//! The backward step runs the step again, so nothing but x is kept. It costs more than equations written out, and
//! is what those are checked against.

use autograd::{Element, Params, Tape, Tensor};

use crate::cell::{Cell, StateOf, Step, tensor_bytes};

/// Everything that a [`Cell`] has beside its name, its sizes and its step on the tape, to stand in its `impl`.
///
/// ```
/// use autograd::{Element, Tensor, Var, init, params};
/// use rand::Rng;
/// use rnn::cell::{Cell, Hidden, Sizes};
///
/// /// A wire that leaks: h′ = (1 − α) h + α x, with α = σ(a).
/// pub struct Leaky<L = ()> {
///     pub a: L,
/// }
/// params!(Leaky { a: "a" });
///
/// impl Cell for Leaky {
///     const NAME: &'static str = "leaky";
///     type Options = ();
///     type State = Hidden;
///
///     fn init_with<E: Element>(
///         _: &(),
///         _input_size: usize,
///         hidden_size: usize,
///         rng: &mut impl Rng,
///     ) -> Leaky<Tensor<E>> {
///         Leaky { a: init::uniform(&[hidden_size], 1.0, rng) }
///     }
///
///     fn sizes<E: Element>(params: &Leaky<Tensor<E>>) -> Sizes {
///         let units = params.a.elements();
///         Sizes { input: units, hidden: units, output: units }
///     }
///
///     fn step<'t, E: Element>(
///         params: &Leaky<Var<'t, E>>,
///         x: Var<'t, E>,
///         state: &Hidden<Var<'t, E>>,
///     ) -> Hidden<Var<'t, E>> {
///         let alpha = params.a.sigmoid();
///         Hidden { h: (1.0 - alpha) * state.h + alpha * x }
///     }
///
///     rnn::by_tape!();
/// }
/// ```
#[macro_export]
macro_rules! by_tape {
    () => {
        type Saved<E: $crate::autograd::Element> = $crate::autograd::Tensor<E>;

        fn input<E: $crate::autograd::Element>(
            _: &Self::Of<$crate::autograd::Tensor<E>>,
            xs: &$crate::autograd::Tensor<E>,
        ) -> $crate::autograd::Tensor<E> {
            xs.clone()
        }

        fn saved_bytes<E: $crate::autograd::Element>(
            params: &Self::Of<$crate::autograd::Tensor<E>>,
            batch: usize,
        ) -> usize {
            $crate::cell::tensor_bytes::<E>(batch * Self::sizes(params).input)
        }

        fn input_backward<E: $crate::autograd::Element>(
            _: &Self::Of<$crate::autograd::Tensor<E>>,
            _: &$crate::autograd::Tensor<E>,
            da: &$crate::autograd::Tensor<E>,
            _: &mut Self::Of<$crate::autograd::Tensor<E>>,
        ) -> $crate::autograd::Tensor<E> {
            da.clone()
        }

        fn forward<E: $crate::autograd::Element>(
            params: &Self::Of<$crate::autograd::Tensor<E>>,
            a: &$crate::autograd::Tensor<E>,
            state: &$crate::StateOf<Self, $crate::autograd::Tensor<E>>,
        ) -> ($crate::StateOf<Self, $crate::autograd::Tensor<E>>, $crate::autograd::Tensor<E>) {
            ($crate::by_tape::forward::<Self, E>(params, a, state), a.clone())
        }

        fn backward<E: $crate::autograd::Element>(
            params: &Self::Of<$crate::autograd::Tensor<E>>,
            step: $crate::cell::Step<'_, Self, E>,
            d_next: &$crate::StateOf<Self, $crate::autograd::Tensor<E>>,
            grads: &mut Self::Of<$crate::autograd::Tensor<E>>,
        ) -> ($crate::autograd::Tensor<E>, $crate::StateOf<Self, $crate::autograd::Tensor<E>>) {
            $crate::by_tape::backward::<Self, E>(params, step, d_next, grads)
        }
    };
}

/// One step of the equations, forgotten at once.
pub fn forward<C: Cell, E: Element>(
    params: &C::Of<Tensor<E>>,
    x: &Tensor<E>,
    state: &StateOf<C, Tensor<E>>,
) -> StateOf<C, Tensor<E>> {
    let tape = Tape::new();
    let params = params.map(|w| tape.constant(w.clone()));
    let state = state.map(|s| tape.constant(s.clone()));
    C::step(&params, tape.constant(x.clone()), &state).map(|s| s.value())
}

/// The bytes of all values on the tape of one step, with B rows; the parameters are left out.
pub fn bytes<C: Cell, E: Element>(params: &C::Of<Tensor<E>>, batch: usize) -> usize {
    let tape = Tape::new();
    let vars = params.map(|w| tape.constant(w.clone()));
    let state = C::zero_state(params, batch).map(|s| tape.constant(s.clone()));
    let (nodes, elements) = (tape.len(), tape.elements());
    let x = tape.constant(Tensor::zeros(&[batch, C::sizes(params).input]));
    C::step(&vars, x, &state);
    let elements = tape.elements() - elements;
    (tape.len() - nodes) * tensor_bytes::<E>(0) + elements * size_of::<E>()
}

/// The way back through one step, which is run again on a tape: adds to `grads`, returns dx and the gradient in the
/// state before.
pub fn backward<C: Cell<Saved<E> = Tensor<E>>, E: Element>(
    params: &C::Of<Tensor<E>>,
    step: Step<'_, C, E>,
    d_next: &StateOf<C, Tensor<E>>,
    grads: &mut C::Of<Tensor<E>>,
) -> (Tensor<E>, StateOf<C, Tensor<E>>) {
    let tape = Tape::new();
    let params = params.map(|w| tape.leaf(w.clone()));
    let x = tape.leaf(step.saved.clone());
    let state = step.state.map(|s| tape.leaf(s.clone()));
    let next = C::step(&params, x, &state);

    let shares = next.leaves().into_iter().zip(d_next.leaves());
    let loss = shares.map(|(next, d)| (next * tape.constant(d)).sum()).reduce(|a, b| a + b);
    let back = tape.backward(loss.expect("a state has at least one tensor"));
    grads.add_assign(&params.map(|&w| back.of(w)));
    (back.of(x), state.map(|&s| back.of(s)))
}
