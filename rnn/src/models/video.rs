//! A classifier of videos: a convolution for every frame, then an acceptor over time.
//!
//! ```text
//! x_t    = the largest of each P × P window of relu(frame_t ∗ K + b), as one row
//! scores = acceptor(x_0 … x_{T−1})
//! ```
//!
//! The convolution sees one frame and knows no order; the layers see what it found, in order. So a task that is solved
//! with shuffled frames needs no recurrence.
//!
//! Shapes: frames [T, B, C·H·W], one row a frame; kernels [O, C, S, S] with S odd, zeros around the frame, so that it
//! keeps its size; x_t [B, O·⌊H/P⌋·⌊W/P⌋]. Source: Donahue et al. 2015, "Long-term Recurrent Convolutional Networks",
//! arXiv 1411.4389, with one convolution.

use autograd::{Element, Params, Tape, Tensor, Var, init, params};
use rand::Rng;

use super::acceptor::{Acceptor, AcceptorOptions, Pooling};
use super::constant;
use super::error::ModelError;
use crate::cell::Cell;
use crate::noise::Noise;
use crate::seq::Seq;
use crate::stack::StackOptions;

/// The kernels of a convolution, or whatever stands in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernels<L = ()> {
    /// The kernels, [O, C, S, S].
    pub weight: L,
    /// The biases, `[O]`.
    pub bias: L,
}

params!(Kernels { weight: "weight", bias: "bias" });

/// A convolution and an acceptor.
pub struct VideoClassifier<C: Cell, L = ()> {
    /// What is looked for in every frame.
    pub conv: Kernels<L>,
    /// What is made of it over time.
    pub acceptor: Acceptor<C, L>,
    /// Channels, height and width of a frame: C, H, W.
    pub frame: [usize; 3],
    /// The side of a window of which only the largest number is kept, P.
    pub pool: usize,
}

/// What can be chosen of a classifier of videos whose cell has the options O.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoOptions<O> {
    /// Channels, height and width of a frame: C, H, W.
    pub frame: [usize; 3],
    /// The number of kernels O.
    pub kernels: usize,
    /// Their side S: odd.
    pub side: usize,
    /// The side of a window of which only the largest number is kept, P; 1 keeps all.
    pub pool: usize,
    /// The layers. Their `input_size` is not looked at: it follows from the rest.
    pub rnn: StackOptions<O>,
    /// What is seen of their outputs.
    pub pooling: Pooling,
    /// The number of classes.
    pub classes: usize,
}

parts!(VideoClassifier { conv, acceptor } plain { frame, pool });

impl<C: Cell> VideoClassifier<C> {
    /// Parameters drawn as PyTorch does.
    ///
    /// # Panics
    ///
    /// If the side of the kernels is even, or no window fits into a frame.
    #[track_caller]
    pub fn init<E: Element>(
        options: &VideoOptions<C::Options>,
        rng: &mut impl Rng,
    ) -> VideoClassifier<C, Tensor<E>> {
        let VideoOptions { frame, kernels, side, pool, ref rnn, pooling, classes } = *options;
        let [channels, height, width] = frame;
        assert!(side % 2 == 1, "video: kernels of side {side} have no middle; use an odd side");
        assert!(
            (1..=height.min(width)).contains(&pool),
            "video: no window of side {pool} fits into frames of {height} by {width}"
        );
        let bound = 1.0 / ((channels * side * side) as f64).sqrt();
        let conv = Kernels {
            weight: init::uniform(&[kernels, channels, side, side], bound, rng),
            bias: init::uniform(&[kernels], bound, rng),
        };
        let input_size = kernels * (height / pool) * (width / pool);
        let rnn = StackOptions { input_size, ..rnn.clone() };
        let acceptor = AcceptorOptions { embedding: None, rnn, pooling, classes };
        VideoClassifier { conv, acceptor: Acceptor::init(&acceptor, rng), frame, pool }
    }
}

impl<'t, C: Cell, E: Element> VideoClassifier<C, Var<'t, E>> {
    /// What the layers see of frames [T, B, C·H·W].
    ///
    /// # Panics
    ///
    /// If the frames have another size.
    #[track_caller]
    pub fn look(&self, frames: &Seq<Var<'t, E>>) -> Seq<Var<'t, E>> {
        let [channels, height, width] = self.frame;
        let [kernels, _, side, _] = self.conv.weight.shape()[..] else {
            unreachable!("kernels have four axes")
        };
        frames.map_rows(|rows| {
            let count = rows.shape()[0];
            let images = rows.reshape(&[count, channels, height, width]);
            let found = images.conv2d(self.conv.weight, [1, 1], [side / 2, side / 2])
                + self.conv.bias.reshape(&[kernels, 1, 1]);
            let [pool, strides] = [[self.pool; 2]; 2];
            let largest = found.relu().max_pool2d(pool, strides);
            largest.reshape(&[count, kernels * (height / self.pool) * (width / self.pool)])
        })
    }

    /// The mean cross-entropy of the classes of B videos, in nats. Noise is for training.
    ///
    /// # Errors
    ///
    /// If the batch is empty, there are not as many classes as videos, or a class does not exist.
    ///
    /// # Panics
    ///
    /// If the frames or the noise do not fit the parameters.
    #[track_caller]
    pub fn loss_on_tape(
        &self,
        frames: &Seq<Var<'t, E>>,
        classes: &[usize],
        noise: Option<&Noise>,
    ) -> Result<Var<'t, E>, ModelError> {
        if frames.batch() == 0 {
            return Err(ModelError::EmptyBatch);
        }
        self.acceptor.loss_on_tape(&self.look(frames), classes, noise)
    }
}

impl<C: Cell, E: Element> VideoClassifier<C, Tensor<E>> {
    /// The scores of each class, [B, K], of videos [T, B, C·H·W].
    ///
    /// # Panics
    ///
    /// If the frames do not fit the parameters.
    #[track_caller]
    pub fn scores(&self, frames: &Seq<Tensor<E>>) -> Tensor<E> {
        let tape = Tape::new();
        let on_tape = self.map(|w| tape.constant(w.clone()));
        let xs = on_tape.look(&constant(&tape, frames));
        on_tape.acceptor.scores_on_tape(&xs, None).value()
    }

    /// The class of each video: the one with the highest score.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use rand::SeedableRng;
    /// use rnn::models::{Pooling, VideoClassifier, VideoOptions};
    /// use rnn::{Lstm, Seq, StackOptions};
    ///
    /// let options = VideoOptions {
    ///     frame: [1, 8, 8],
    ///     kernels: 4,
    ///     side: 3,
    ///     pool: 2,
    ///     rnn: StackOptions::new(0, 16),
    ///     pooling: Pooling::Last,
    ///     classes: 3,
    /// };
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let model = VideoClassifier::<Lstm>::init::<f32>(&options, &mut rng);
    /// let frames = Tensor::ones(&[5, 2, 1, 8, 8]); // T = 5, B = 2
    /// let classes = model.classify(&Seq::time_major(frames.reshape(&[5, 2, 64])));
    /// assert_eq!(classes.len(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If the frames do not fit the parameters.
    #[track_caller]
    pub fn classify(&self, frames: &Seq<Tensor<E>>) -> Vec<usize> {
        self.scores(frames).argmax(1)
    }
}
