//! Cells on top of each other that are one cell: at every step, x goes up through all of them.
//!
//! ```text
//! h_t^(0) = f_0(x_t, h_{t−1}^(0))
//! h_t^(l) = f_l(h_t^(l−1), h_{t−1}^(l))          l = 1 … N − 1; the output is h_t^(N−1)
//! ```
//!
//! The state is that of all layers together, so unrolling, backpropagation through time, truncated or
//! checkpointed, and decoding hold for a deep network as they do for one cell. A step goes through all layers
//! before the next step begins; only the lowest layer's inputs can be projected for all steps at once.
//!
//! Names: PyTorch's, `weight_ih_l0`, `weight_ih_l1` … Absent: two directions and dropout between layers, for which
//! the whole sequence of one layer has to be there before the next begins.

use autograd::params::Path;
use autograd::{Element, Family, Params, Tensor, Var};
use rand::Rng;

use crate::cell::{Cell, Sizes, State, Step};

/// Layers of cell C as one cell: their parameters, or whatever stands in their place.
pub struct Deep<C: Cell, L = ()> {
    /// The layers, the one that sees the input first.
    pub layers: Vec<C::Of<L>>,
}

/// The states of all layers.
pub struct DeepState<S: State, L = ()> {
    /// Those of the layers, the lowest first; the highest is what the rest of the network sees.
    pub layers: Vec<S::Of<L>>,
}

/// How many layers, and the options of each.
#[derive(Clone, Debug, PartialEq)]
pub struct DeepOptions<O> {
    /// The number of layers, at least 1.
    pub layers: usize,
    /// The options of every layer.
    pub cell: O,
}

impl<O: Default> Default for DeepOptions<O> {
    fn default() -> Self {
        Self { layers: 1, cell: O::default() }
    }
}

impl<C: Cell> Family for Deep<C> {
    type Of<L> = Deep<C, L>;
}

impl<C: Cell, L> Params for Deep<C, L> {
    type Leaf = L;
    type Family = Deep<C>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Deep<C, M> {
        Deep { layers: map_layers(&self.layers, path, f) }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.layers.iter_mut().for_each(|layer| layer.for_each_mut(f));
    }
}

impl<S: State> Family for DeepState<S> {
    type Of<L> = DeepState<S, L>;
}

impl<S: State, L> Params for DeepState<S, L> {
    type Leaf = L;
    type Family = DeepState<S>;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> DeepState<S, M> {
        DeepState { layers: map_layers(&self.layers, path, f) }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        self.layers.iter_mut().for_each(|layer| layer.for_each_mut(f));
    }
}

/// The leaves of layer l are named with the ending `_l` and its number.
fn map_layers<P: Params, M>(
    layers: &[P],
    path: &Path,
    f: &mut dyn FnMut(String, &P::Leaf) -> M,
) -> Vec<<P::Family as Family>::Of<M>> {
    let layers = layers.iter().enumerate();
    layers.map(|(l, layer)| layer.map_named(&path.ending(format_args!("_l{l}")), f)).collect()
}

impl<S: State> State for DeepState<S> {
    /// That of one layer; [`Deep`]'s zero state has one for each.
    fn zeros<E: Element>(batch: usize, sizes: Sizes) -> DeepState<S, Tensor<E>> {
        DeepState { layers: vec![S::zeros(batch, sizes)] }
    }

    fn output<L>(state: &DeepState<S, L>) -> &L {
        S::output(state.layers.last().expect("there is at least one layer"))
    }

    fn output_mut<L>(state: &mut DeepState<S, L>) -> &mut L {
        S::output_mut(state.layers.last_mut().expect("there is at least one layer"))
    }
}

impl<C: Cell> Cell for Deep<C> {
    const NAME: &'static str = C::NAME;
    type Options = DeepOptions<C::Options>;
    type State = DeepState<C::State>;
    /// What each layer kept, and its output, which the layer above saw.
    type Saved<E: Element> = Vec<(C::Saved<E>, Tensor<E>)>;

    /// # Panics
    ///
    /// If there is no layer.
    #[track_caller]
    fn init_with<E: Element>(
        options: &Self::Options,
        input_size: usize,
        hidden_size: usize,
        rng: &mut impl Rng,
    ) -> Deep<C, Tensor<E>> {
        assert!(options.layers > 0, "Deep: 0 layers; give at least 1");
        let mut layers: Vec<C::Of<Tensor<E>>> = Vec::with_capacity(options.layers);
        for _ in 0..options.layers {
            let width = layers.last().map_or(input_size, |below| C::sizes(below).output);
            layers.push(C::init_with(&options.cell, width, hidden_size, rng));
        }
        Deep { layers }
    }

    /// The inputs of the lowest layer, the outputs of the highest.
    fn sizes<E: Element>(params: &Deep<C, Tensor<E>>) -> Sizes {
        let (first, last) = (&params.layers[0], &params.layers[params.layers.len() - 1]);
        Sizes { input: C::sizes(first).input, ..C::sizes(last) }
    }

    fn zero_state<E: Element>(
        params: &Deep<C, Tensor<E>>,
        batch: usize,
    ) -> DeepState<C::State, Tensor<E>> {
        DeepState { layers: params.layers.iter().map(|l| C::zero_state(l, batch)).collect() }
    }

    fn step<'t, E: Element>(
        params: &Deep<C, Var<'t, E>>,
        mut x: Var<'t, E>,
        state: &DeepState<C::State, Var<'t, E>>,
    ) -> DeepState<C::State, Var<'t, E>> {
        let layers = params.layers.iter().zip(&state.layers).map(|(layer, state)| {
            let next = C::step(layer, x, state);
            x = *C::output(&next);
            next
        });
        DeepState { layers: layers.collect() }
    }

    fn input<E: Element>(params: &Deep<C, Tensor<E>>, xs: &Tensor<E>) -> Tensor<E> {
        C::input(&params.layers[0], xs)
    }

    fn input_backward<E: Element>(
        params: &Deep<C, Tensor<E>>,
        xs: &Tensor<E>,
        da: &Tensor<E>,
        grads: &mut Deep<C, Tensor<E>>,
    ) -> Tensor<E> {
        C::input_backward(&params.layers[0], xs, da, &mut grads.layers[0])
    }

    fn gates<E: Element>(saved: &Self::Saved<E>) -> Vec<(String, &Tensor<E>)> {
        let layers = saved.iter().enumerate();
        let gates = layers.flat_map(|(l, (saved, _))| {
            C::gates(saved).into_iter().map(move |(name, gate)| (format!("{name}_l{l}"), gate))
        });
        gates.collect()
    }

    fn saved_bytes<E: Element>(params: &Deep<C, Tensor<E>>, batch: usize) -> usize {
        let layers = params.layers.iter().map(|layer| C::saved_bytes(layer, batch));
        layers.map(|bytes| bytes + size_of::<Tensor<E>>()).sum() // h is that of the state
    }

    fn forward<E: Element>(
        params: &Deep<C, Tensor<E>>,
        a: &Tensor<E>,
        state: &DeepState<C::State, Tensor<E>>,
    ) -> (DeepState<C::State, Tensor<E>>, Self::Saved<E>) {
        let mut a = a.clone();
        let mut next = Vec::with_capacity(params.layers.len());
        let mut saved = Vec::with_capacity(params.layers.len());
        for (l, (layer, state)) in params.layers.iter().zip(&state.layers).enumerate() {
            let (above, kept) = C::forward(layer, &a, state);
            let h = C::output(&above).clone();
            if let Some(higher) = params.layers.get(l + 1) {
                a = C::input(higher, &h);
            }
            next.push(above);
            saved.push((kept, h));
        }
        (DeepState { layers: next }, saved)
    }

    /// From the highest layer down: the h of a layer has a gradient from step t + 1, and one from the layer above.
    fn backward<E: Element>(
        params: &Deep<C, Tensor<E>>,
        Step { state, saved }: Step<'_, Self, E>,
        d_next: &DeepState<C::State, Tensor<E>>,
        grads: &mut Deep<C, Tensor<E>>,
    ) -> (Tensor<E>, DeepState<C::State, Tensor<E>>) {
        let mut d_states = Vec::with_capacity(params.layers.len());
        let mut d_next = d_next.map(Tensor::clone).layers;
        let mut l = params.layers.len() - 1;
        loop {
            let (layer, grads) = (&params.layers[l], &mut grads.layers[l]);
            let step = Step { state: &state.layers[l], saved: &saved[l].0 };
            let (da, d_state) = C::backward(layer, step, &d_next[l], grads);
            d_states.push(d_state);
            if l == 0 {
                d_states.reverse();
                return (da, DeepState { layers: d_states });
            }
            l -= 1;
            let dx = C::input_backward(layer, &saved[l].1, &da, grads);
            let dh = C::output_mut(&mut d_next[l]);
            *dh = &*dh + dx;
        }
    }
}
