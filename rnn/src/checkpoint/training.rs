//! What training needs beside the weights: the optimizer, and the generator of random numbers.

use std::collections::BTreeMap;
use std::str::FromStr;

use autograd::optim::{Optimizer, OptimizerState};
use autograd::{Family, Params, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Checkpoint, CheckpointError, Number};

impl<E: Number> Checkpoint<E> {
    /// Inserts the state of an optimizer of these parameters: tensors such as
    /// `optimizer.exp_avg.rnn.weight_ih_l0` for the part `optimizer`, and as metadata its name (`optimizer`), its steps
    /// (`optimizer.step`) and its settings (`optimizer.lr`).
    ///
    /// # Errors
    ///
    /// If a tensor is not finite, or a tensor of this name is there already.
    ///
    /// # Panics
    ///
    /// If the optimizer has taken its steps with other parameters.
    #[track_caller]
    pub fn insert_optimizer<P, O>(
        &mut self,
        part: &str,
        optimizer: &O,
        params: &P,
    ) -> Result<(), CheckpointError>
    where
        P: Params<Leaf = Tensor<E>>,
        O: Optimizer<E>,
    {
        let state = optimizer.state(params);
        self.insert(part, state.optimizer);
        self.insert(&format!("{part}.step"), state.step);
        for (name, value) in state.settings {
            self.insert(&format!("{part}.{name}"), value);
        }
        for (name, tensor) in state.tensors {
            self.insert_tensor(format!("{part}.{name}"), tensor)?;
        }
        Ok(())
    }

    /// Takes out the state of an optimizer, and lets this one go on from it.
    ///
    /// The optimizer is made as it was made before, groups included, for the same parameters, whose values do
    /// not matter. Its learning rate becomes the one that was saved.
    ///
    /// # Errors
    ///
    /// If there is none, if it is another optimizer's, or if settings or tensors differ, with all differences; then
    /// the optimizer has not changed.
    pub fn take_optimizer<P, O>(
        &mut self,
        part: &str,
        optimizer: &mut O,
        params: &P,
    ) -> Result<(), CheckpointError>
    where
        P: Params<Leaf = Tensor<E>>,
        P::Family: Family<Of<Tensor<E>> = P>,
        O: Optimizer<E>,
    {
        let prefix = format!("{part}.");
        let step = self.parse(&format!("{prefix}step"))?;
        let mut settings = BTreeMap::new();
        for key in self.metadata.keys() {
            if let Some(name) = key.strip_prefix(&prefix).filter(|&name| name != "step") {
                settings.insert(name.to_owned(), self.parse(key)?);
            }
        }
        let name = self.metadata(part)?.to_owned();
        let tensors = self.take_tensors(part).into_iter();
        let tensors =
            tensors.map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)).collect();
        let state = OptimizerState { optimizer: name, step, settings, tensors };
        optimizer.load_state(params, state).map_err(|source| CheckpointError::Optimizer {
            path: self.path.clone(),
            part: part.to_owned(),
            source,
        })
    }

    /// Inserts a generator of random numbers, as metadata: its seed, its stream, and its place in the
    /// stream in words of 32 bits.
    pub fn insert_rng(&mut self, key: &str, rng: &ChaCha8Rng) {
        let seed: String = rng.get_seed().iter().map(|byte| format!("{byte:02x}")).collect();
        self.insert(&format!("{key}.seed"), seed);
        self.insert(&format!("{key}.stream"), rng.get_stream());
        self.insert(&format!("{key}.word_pos"), rng.get_word_pos());
    }

    /// The generator that was inserted under `key`: it goes on with the same numbers.
    ///
    /// ```
    /// use rand::{Rng, SeedableRng};
    /// use rand_chacha::ChaCha8Rng;
    /// use rnn::checkpoint::Checkpoint;
    ///
    /// let mut rng = ChaCha8Rng::seed_from_u64(7);
    /// rng.next_u32();
    /// let mut checkpoint = Checkpoint::<f32>::new();
    /// checkpoint.insert_rng("rng", &rng);
    /// assert_eq!(checkpoint.rng("rng")?.next_u64(), rng.next_u64());
    /// # Ok::<(), rnn::checkpoint::CheckpointError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn rng(&self, key: &str) -> Result<ChaCha8Rng, CheckpointError> {
        let Seed(seed) = self.parse(&format!("{key}.seed"))?;
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(self.parse(&format!("{key}.stream"))?);
        rng.set_word_pos(self.parse(&format!("{key}.word_pos"))?);
        Ok(rng)
    }
}

/// 32 bytes, as 64 hexadecimal digits.
struct Seed([u8; 32]);

impl FromStr for Seed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut seed = [0; 32];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(()) };
        if pairs.len() != seed.len() {
            return Err(());
        }
        for (byte, pair) in seed.iter_mut().zip(pairs) {
            let digit = |i: usize| char::from(pair[i]).to_digit(16).ok_or(());
            *byte = (digit(0)? * 16 + digit(1)?) as u8;
        }
        Ok(Self(seed))
    }
}
