//! Attention: a query looks at every step of a sequence and takes a weighted mean.
//!
//! ```text
//! e_t     = score(q, k_t)                     how well step t fits the query
//! α       = softmax(e_0 … e_{T−1})            weights, over the steps that a row has
//! context = Σ_t α_t v_t
//!
//! additive      vᵀ tanh(W q + U k)            Bahdanau et al. 2015
//! dot           qᵀ k                          Luong et al. 2015
//! general       qᵀ W k                        Luong et al. 2015
//! scaled dot    qᵀ k / √K                     Vaswani et al. 2017
//! ```
//!
//! What depends on the keys alone (U k, W k, k / √K) is computed once for a sequence and not once for a query: the
//! [`Memory`]. Over it all scores but the additive one are the same product.
//!
//! **Padding.** Behind a row's end weights are exactly 0 and so are all gradients, whatever stands there, NaN
//! included. A row of length 0 has nothing to look at: its weights and its context are 0.
//!
//! Shapes: queries [B, Q] or [T′, B, Q], keys [T, B, K], values [T, B, F]; weights [B, T] or [T′, B, T], context
//! [B, F] or [T′, B, F]. W of the additive score is [A, Q], U [A, K], v `[A]`; W of the general one [Q, K]. The dot
//! products need Q = K.
//!
//! Sources: Bahdanau, Cho and Bengio 2015, arXiv 1409.0473v7, appendix A.1.2; Luong, Pham and Manning 2015,
//! arXiv 1508.04025v5, section 3.1; Vaswani et al. 2017, arXiv 1706.03762v7, equation 1. Several heads are absent:
//! they are several of these side by side.

use std::sync::Arc;

use autograd::params::Path;
use autograd::{Element, Family, Mask, Params, Tensor, Var, init, params};
use rand::Rng;

use crate::seq::Seq;

/// How a query and a key are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// vᵀ tanh(W q + U k), with A numbers under the tanh.
    Additive {
        /// A.
        attention_size: usize,
    },
    /// qᵀ k
    Dot,
    /// qᵀ W k
    General,
    /// qᵀ k / √K
    ScaledDot,
}

/// The parameters of a score, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub enum Attention<L = ()> {
    /// vᵀ tanh(W q + U k)
    Additive(Additive<L>),
    /// qᵀ k
    Dot,
    /// qᵀ W k
    General(General<L>),
    /// qᵀ k / √K
    ScaledDot,
}

/// The parameters of the additive score.
#[derive(Clone, Debug, PartialEq)]
pub struct Additive<L = ()> {
    /// W, from the query, [A, Q].
    pub w: L,
    /// U, from the keys, [A, K].
    pub u: L,
    /// v, `[A]`.
    pub v: L,
}

params!(Additive { w: "w", u: "u", v: "v" });

/// The parameter of the general score.
#[derive(Clone, Debug, PartialEq)]
pub struct General<L = ()> {
    /// W, [Q, K].
    pub w: L,
}

params!(General { w: "w" });

impl Family for Attention {
    type Of<L> = Attention<L>;
}

impl<L> Params for Attention<L> {
    type Leaf = L;
    type Family = Attention;

    fn map_named<M>(&self, path: &Path, f: &mut dyn FnMut(String, &L) -> M) -> Attention<M> {
        match self {
            Self::Additive(score) => Attention::Additive(score.map_named(path, f)),
            Self::Dot => Attention::Dot,
            Self::General(score) => Attention::General(score.map_named(path, f)),
            Self::ScaledDot => Attention::ScaledDot,
        }
    }

    fn for_each_mut(&mut self, f: &mut dyn FnMut(&mut L)) {
        match self {
            Self::Additive(score) => score.for_each_mut(f),
            Self::General(score) => score.for_each_mut(f),
            Self::Dot | Self::ScaledDot => {}
        }
    }
}

/// A sequence that is ready to be looked at. Batch-major, so that a row of the batch is an entry of the first axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory<L = ()> {
    /// What a query meets: U k, W k, k or k / √K, [B, T, ·].
    pub keys: L,
    /// What the mean is taken of, [B, T, F].
    pub values: L,
    /// The length of each row; none if all are T.
    pub lengths: Option<Arc<[usize]>>,
}

params!(Memory { keys: "keys", values: "values" } plain { lengths });

/// What queries found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attended<L> {
    /// α, [B, T] or [T′, B, T].
    pub weights: L,
    /// Σ α v, [B, F] or [T′, B, F].
    pub context: L,
}

impl Attention {
    /// Parameters for queries of Q numbers and keys of K, each matrix uniform on ±1/√(its columns), as PyTorch draws
    /// those of linear layers.
    ///
    /// # Panics
    ///
    /// If Q and K differ for a score that is their product.
    #[track_caller]
    pub fn init<E: Element>(
        score: Score,
        query_size: usize,
        key_size: usize,
        rng: &mut impl Rng,
    ) -> Attention<Tensor<E>> {
        let mut draw = |shape: &[usize]| {
            let columns = *shape.last().expect("a matrix or a row");
            init::uniform(shape, 1.0 / (columns as f64).sqrt(), rng)
        };
        let product = matches!(score, Score::Dot | Score::ScaledDot);
        assert!(
            query_size == key_size || !product,
            "attention: queries of {query_size} numbers have no product with keys of {key_size}; use Score::General"
        );
        match score {
            Score::Additive { attention_size } => Attention::Additive(Additive {
                w: draw(&[attention_size, query_size]),
                u: draw(&[attention_size, key_size]),
                v: draw(&[attention_size]),
            }),
            Score::General => Attention::General(General { w: draw(&[query_size, key_size]) }),
            Score::Dot => Attention::Dot,
            Score::ScaledDot => Attention::ScaledDot,
        }
    }
}

impl<'t, E: Element> Attention<Var<'t, E>> {
    /// A sequence made ready: what depends on its keys alone. Rows have the lengths of `keys`.
    ///
    /// # Panics
    ///
    /// If the shapes fit neither each other nor the parameters.
    #[track_caller]
    pub fn memory(&self, keys: &Seq<Var<'t, E>>, values: &Seq<Var<'t, E>>) -> Memory<Var<'t, E>> {
        let key_size = keys.features();
        let keys_alone = match self {
            Self::Additive(score) => keys.map_rows(|k| k.matmul(score.u.t())), // U k
            Self::General(score) => keys.map_rows(|k| k.matmul(score.w.t())),  // W k
            Self::ScaledDot => keys.map_rows(|&k| k * (1.0 / (key_size as f64).sqrt())),
            Self::Dot => keys.clone(),
        };
        Memory::new(&keys_alone, values)
    }

    /// What queries find in a memory.
    ///
    /// # Panics
    ///
    /// If the queries are neither [B, Q] nor [T′, B, Q], or do not fit the parameters and the memory.
    #[track_caller]
    pub fn attend(&self, memory: &Memory<Var<'t, E>>, queries: Var<'t, E>) -> Attended<Var<'t, E>> {
        let shape = queries.shape();
        let q = match shape[..] {
            [batch, size] => queries.reshape(&[batch, 1, size]),
            [_, _, _] => queries.transpose(0, 1),
            _ => panic!("attend: queries {shape:?} must be [B, Q] or [T′, B, Q]"),
        }; // [B, T′, Q]
        let found = memory.mean(self.scores(memory, q));
        match shape.len() {
            2 => found.map(|y| y.reshape(&[y.shape()[0], y.shape()[2]])),
            _ => found.map(|y| y.transpose(0, 1)),
        }
    }

    /// The scores of queries [B, T′, Q] with every key, [B, T′, T].
    #[track_caller]
    fn scores(&self, memory: &Memory<Var<'t, E>>, q: Var<'t, E>) -> Var<'t, E> {
        let Self::Additive(Additive { w, v, .. }) = self else {
            return q.matmul(memory.keys.t());
        };
        let [batch, queries, query_size] = three(&q);
        let [_, seq_len, size] = three(&memory.keys);
        let w_q = q.reshape(&[batch * queries, query_size]).matmul(w.t()); // [B·T′, A]
        let w_q = w_q.reshape(&[batch, queries, 1, size]);
        let u_k = memory.keys.reshape(&[batch, 1, seq_len, size]);
        let hidden = (w_q + u_k).tanh().reshape(&[batch * queries * seq_len, size]);
        hidden.matmul(v.reshape(&[size, 1])).reshape(&[batch, queries, seq_len])
    }
}

impl<'t, E: Element> Memory<Var<'t, E>> {
    #[track_caller]
    fn new(keys: &Seq<Var<'t, E>>, values: &Seq<Var<'t, E>>) -> Self {
        let (lengths, of_values) = (keys.lengths(), values.lengths());
        assert!(
            lengths == of_values,
            "memory: lengths {lengths:?} of keys, {of_values:?} of values"
        );
        Self {
            keys: keys.steps().transpose(0, 1),
            values: values.steps().transpose(0, 1),
            lengths: lengths.map(Arc::from),
        }
    }

    /// The weights of scores [B, T′, T], and the mean of the values under them.
    #[track_caller]
    fn mean(&self, scores: Var<'t, E>) -> Attended<Var<'t, E>> {
        let weights = masked_softmax(scores, self.lengths.as_deref());
        Attended { weights, context: weights.matmul(self.values) }
    }
}

impl<E: Element> Memory<Tensor<E>> {
    /// These rows of the batch, in this order: what a beam does.
    pub fn select(&self, rows: &[usize]) -> Self {
        let lengths =
            self.lengths.as_ref().map(|lengths| rows.iter().map(|&b| lengths[b]).collect());
        Memory { lengths, ..self.map(|part| part.gather(0, rows)) }
    }
}

impl<L> Attended<L> {
    fn map(&self, f: impl Fn(&L) -> L) -> Self {
        Self { weights: f(&self.weights), context: f(&self.context) }
    }
}

/// Softmax of scores [B, T′, T] over the first `lengths[b]` of T, and 0 behind. A row of length 0 is all zeros.
///
/// −∞ before the softmax gives weight 0 and gradient 0. A line with nothing but −∞ would be NaN; so such a row
/// keeps its scores, and its weights are set to 0 afterwards.
#[track_caller]
fn masked_softmax<'t, E: Element>(scores: Var<'t, E>, lengths: Option<&[usize]>) -> Var<'t, E> {
    let [batch, _, seq_len] = three(&scores);
    if seq_len == 0 {
        return scores;
    }
    let Some(lengths) = lengths else { return scores.softmax() };
    let behind = lengths.iter().flat_map(|&n| (0..seq_len).map(move |t| n > 0 && t >= n));
    let behind = Mask::new(&[batch, 1, seq_len], behind.collect());
    let weights = scores.masked_fill(&behind, f64::NEG_INFINITY).softmax();
    match lengths.contains(&0) {
        true => {
            let empty = lengths.iter().map(|&n| n == 0).collect();
            weights.masked_fill(&Mask::new(&[batch, 1, 1], empty), 0.0)
        }
        false => weights,
    }
}

/// The lengths of three axes.
fn three<E: Element>(x: &Var<'_, E>) -> [usize; 3] {
    x.shape()[..].try_into().expect("three axes")
}

/// Attention with one query for all sequences, which is learned: what a classifier sees of a sequence.
///
/// ```text
/// α = softmax_t(qᵀ k_t)        context = Σ_t α_t v_t
/// ```
///
/// Source: the query as a parameter, Yang et al. 2016, "Hierarchical Attention Networks for Document
/// Classification", equations 6 and 7, without the layer under it.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionPooling<L = ()> {
    /// q, `[K]`.
    pub query: L,
}

params!(AttentionPooling { query: "query" });

impl AttentionPooling {
    /// A query for keys of K numbers, uniform on ±1/√K.
    pub fn init<E: Element>(key_size: usize, rng: &mut impl Rng) -> AttentionPooling<Tensor<E>> {
        let bound = 1.0 / (key_size as f64).sqrt();
        AttentionPooling { query: init::uniform(&[key_size], bound, rng) }
    }
}

impl<'t, E: Element> AttentionPooling<Var<'t, E>> {
    /// One weighted mean for each sequence: weights [B, T], context [B, F].
    ///
    /// # Panics
    ///
    /// If the shapes fit neither each other nor the query.
    #[track_caller]
    pub fn pool(&self, keys: &Seq<Var<'t, E>>, values: &Seq<Var<'t, E>>) -> Attended<Var<'t, E>> {
        let memory = Memory::new(keys, values);
        let [batch, seq_len, size] = three(&memory.keys);
        let rows = memory.keys.reshape(&[batch * seq_len, size]);
        let scores = rows.matmul(self.query.reshape(&[size, 1])).reshape(&[batch, 1, seq_len]);
        memory.mean(scores).map(|y| y.reshape(&[batch, y.shape()[2]]))
    }
}
