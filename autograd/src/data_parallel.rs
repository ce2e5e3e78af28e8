//! One training step on parts of a batch, each on a thread of its own.
//!
//! ```text
//! L = Σ_s (n_s / n) L_s          dL/dθ = Σ_s (n_s / n) dL_s/dθ          n = Σ_s n_s
//! ```
//!
//! A batch is cut into shards by the caller, and always into as many: L_s is the mean loss of shard s, n_s what it
//! counts (its rows, its symbols). Each shard has its own tape, which is kept for the next step. Gradients are added in
//! the order of the shards, whichever thread was first: the bytes are the same for any number of threads.
//!
//! How many threads there are is rayon's affair; see [`install`](https://docs.rs/rayon/latest/rayon/struct.ThreadPool.html)
//! for another pool than the global one.

use crate::element::Element;
use crate::params::{Family, Params};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use crate::threads;

/// The struct P with another leaf.
type Of<P, L> = <<P as Params>::Family as Family>::Of<L>;

/// Tapes for the shards of a batch.
///
/// ```
/// use autograd::{DataParallel, Tensor};
///
/// // y = w x for six numbers, as shards of four and two.
/// let x: [&[f64]; 2] = [&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0]];
/// let w = [Tensor::scalar(2.0)];
/// let mut shards = DataParallel::new();
/// let step = shards.value_and_grad(&w, &[4.0, 2.0], |s, tape, [w]| {
///     let x = tape.constant(Tensor::from(x[s].to_vec()));
///     Ok::<_, std::convert::Infallible>(((x * *w).mean(), s))
/// })?;
/// assert_eq!(step.loss, 7.0); // 2 · (1 + … + 6) / 6
/// assert_eq!(step.grads, [Tensor::scalar(3.5)]);
/// assert_eq!(step.others, [0, 1]);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Default)]
pub struct DataParallel<E: Element> {
    tapes: Vec<Tape<E>>,
}

/// What the shards of a batch gave together.
#[derive(Clone, Debug, PartialEq)]
pub struct Sharded<P, E, R> {
    /// The mean loss, each shard counted as it was told to.
    pub loss: E,
    /// Its gradient in every parameter.
    pub grads: P,
    /// What else the shards returned, in their order: the states to start the next window from, for example.
    pub others: Vec<R>,
}

/// One shard while it is being worked on.
struct Shard<'a, P, E: Element, R, Error> {
    tape: &'a mut Tape<E>,
    found: Option<Result<(E, P, R), Error>>,
}

impl<E: Element> DataParallel<E> {
    /// No tapes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The mean of the losses that `f` returns for the shards 0, 1, …, counted by `counts`, and its gradient.
    ///
    /// `f` gets the number of the shard, its tape, and the parameters on it; it returns the loss of the shard and whatever
    /// else is wanted of it. It may be called on several threads at once.
    ///
    /// # Errors
    ///
    /// The error of the first shard that has one.
    ///
    /// # Panics
    ///
    /// If there are no shards, the counts are not numbers from 0 on with a sum above 0, or a loss is not a single number.
    #[track_caller]
    pub fn value_and_grad<P, R, Error>(
        &mut self,
        params: &P,
        counts: &[f64],
        f: impl for<'t> Fn(usize, &'t Tape<E>, &Of<P, Var<'t, E>>) -> Result<(Var<'t, E>, R), Error>
        + Sync,
    ) -> Result<Sharded<P, E, R>, Error>
    where
        P: Params<Leaf = Tensor<E>> + Send + Sync,
        P::Family: Family<Of<Tensor<E>> = P>,
        R: Send,
        Error: Send,
    {
        let total: f64 = counts.iter().sum();
        assert!(
            total > 0.0 && total.is_finite() && counts.iter().all(|&count| count >= 0.0),
            "data parallel: the counts {counts:?} must be numbers from 0 on with a sum above 0, one for each shard"
        );
        self.tapes.resize_with(counts.len(), Tape::new);
        let mut shards: Vec<Shard<'_, P, E, R, Error>> =
            self.tapes.iter_mut().map(|tape| Shard { tape, found: None }).collect();
        threads::for_each_piece(&mut shards, 1, |s, shard| {
            for Shard { tape, found } in shard {
                *found = Some(one(tape, params, |tape, vars| f(s, tape, vars)));
            }
        });

        let mut sum: Option<(E, P)> = None;
        let mut others = Vec::with_capacity(counts.len());
        for (shard, count) in shards.into_iter().zip(counts) {
            let share = E::from_f64(count / total);
            let (loss, mut grads, other) = shard.found.expect("every shard was worked on")?;
            others.push(other);
            match &mut sum {
                None => {
                    grads.for_each_mut(&mut |dw| {
                        dw.data_mut().iter_mut().for_each(|dw| *dw = share * *dw);
                    });
                    sum = Some((share * loss, grads));
                }
                Some((sum, all)) => {
                    *sum += share * loss;
                    let mut grads = grads.leaves().into_iter();
                    all.for_each_mut(&mut |sum| {
                        let dw = grads.next().expect("structs of one family have as many leaves");
                        let pairs = sum.data_mut().iter_mut().zip(dw.data());
                        pairs.for_each(|(sum, &dw)| *sum += share * dw);
                    });
                }
            }
        }
        let (loss, grads) = sum.expect("counts with a sum above 0 are not none");
        Ok(Sharded { loss, grads, others })
    }
}

/// The loss of one shard, its gradient, and what else `f` returns. The tape is empty afterwards, so that it shares no
/// parameter with whoever changes it.
fn one<P, E, R, Error>(
    tape: &mut Tape<E>,
    params: &P,
    f: impl for<'t> FnOnce(&'t Tape<E>, &Of<P, Var<'t, E>>) -> Result<(Var<'t, E>, R), Error>,
) -> Result<(E, P, R), Error>
where
    E: Element,
    P: Params<Leaf = Tensor<E>>,
    P::Family: Family<Of<Tensor<E>> = P>,
{
    tape.reset();
    let found = {
        let tape = &*tape;
        let vars = params.map(|w| tape.leaf(w.clone()));
        f(tape, &vars).map(|(loss, other)| {
            let grads = tape.backward(loss);
            let loss = loss.value().item();
            (loss, vars.map(|&w| grads.of(w)), other)
        })
    };
    tape.reset();
    found
}
