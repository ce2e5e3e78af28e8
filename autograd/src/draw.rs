//! Random inputs for checking derivatives: shapes first, then numbers.
//!
//! Everything follows from a seed and two sizes, so a failure is repeated by quoting three
//! numbers, and a property test finds a smaller failure by lowering the sizes.

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::few::Few;
use crate::init::unit;
use crate::tensor::Tensor;

/// A source of random shapes and tensors for an op's test specification.
#[derive(Clone, Debug)]
pub struct Draw {
    rng: ChaCha8Rng,
    /// The largest rank to draw, 0 for single numbers only.
    pub max_rank: usize,
    /// The largest axis length to draw; 0 and 1 are always among them.
    pub max_axis: usize,
}

impl Draw {
    /// A source that gives the same draws for the same seed and sizes.
    pub fn new(seed: u64, max_rank: usize, max_axis: usize) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), max_rank, max_axis }
    }

    /// The generator itself, for what draws its own numbers.
    pub fn rng(&mut self) -> &mut impl Rng {
        &mut self.rng
    }

    /// A whole number in this range.
    pub fn below(&mut self, range: Range<usize>) -> usize {
        range.start + (self.rng.next_u64() % range.len() as u64) as usize
    }

    /// One of two, evenly.
    pub fn coin(&mut self) -> bool {
        self.below(0..2) == 1
    }

    /// A number in this range.
    pub fn number(&mut self, range: Range<f64>) -> f64 {
        range.start + (range.end - range.start) * unit(&mut self.rng)
    }

    /// The length of an axis: from 0 to `max_axis`, but 0 only one time in twelve, so that most
    /// cases have something to check.
    pub fn axis(&mut self) -> usize {
        if self.below(0..12) == 0 { 0 } else { self.full_axis() }
    }

    /// The length of an axis that is not empty.
    pub fn full_axis(&mut self) -> usize {
        self.below(1..self.max_axis.max(1) + 1)
    }

    /// A shape of at least `min_rank` axes (and at most `max_rank`, if that is more).
    pub fn shape(&mut self, min_rank: usize) -> Vec<usize> {
        let rank = self.below(min_rank..self.max_rank.max(min_rank) + 1);
        (0..rank).map(|_| self.axis()).collect()
    }

    /// Two shapes that broadcast: parts of one shape, each with some axes of length 1 and perhaps
    /// fewer axes.
    pub fn broadcasting_shapes(&mut self) -> [Vec<usize>; 2] {
        let whole = self.shape(0);
        [(); 2].map(|()| {
            let missing = if self.coin() { 0 } else { self.below(0..whole.len() + 1) };
            let part = whole[missing..].to_vec();
            part.into_iter().map(|n| if self.below(0..4) == 0 { 1 } else { n }).collect()
        })
    }

    /// A tensor of this shape with numbers in this range.
    pub fn tensor(&mut self, shape: &[usize], range: Range<f64>) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| self.number(range.clone()))
    }

    /// A tensor with numbers whose size lies in this range and whose sign is random: for functions
    /// with a kink or a pole at 0.
    pub fn signed_tensor(&mut self, shape: &[usize], size: Range<f64>) -> Tensor<f64> {
        Tensor::from_fn(shape, |_| {
            let x = self.number(size.clone());
            if self.coin() { x } else { -x }
        })
    }

    /// Some of the axes of a shape of this rank, in random order, none twice.
    pub fn some_axes(&mut self, rank: usize) -> Few<usize> {
        let mut axes = Few::new();
        for axis in 0..rank {
            if self.coin() {
                let place = self.below(0..axes.len() + 1);
                axes.insert(place, axis);
            }
        }
        axes
    }

    /// `count` ids below `size`, with repetitions.
    pub fn ids(&mut self, count: usize, size: usize) -> Vec<usize> {
        (0..count).map(|_| self.below(0..size)).collect()
    }
}
