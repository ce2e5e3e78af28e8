//! Bringing the columns of a series to one scale, and back.
//!
//! ```text
//! standardise    x′ = (x − mean) / deviation           mean 0 and deviation 1 on the training part
//! min_max        x′ = (x − min) / (max − min)          0 to 1 on the training part
//! invert         x  = x′ · divisor + shift
//! ```
//!
//! A [`Scaler`] is fitted on the training part and applied to everything. Fitted on all of a series it would
//! know the future: the forecast of the test part would be told the mean of the test part.
//!
//! The deviation is that of the population, √(Σ (x − mean)² / T). A column that is constant on the training part
//! is shifted and not divided.
//!
//! Shapes: the training part [T, F]; what is scaled has any axes, the last of them F.

use autograd::{Element, Tensor};

/// A shift and a divisor for each column.
///
/// ```
/// use autograd::Tensor;
/// use rnn::data::Scaler;
///
/// let series = Tensor::from([[1.0, 10.0], [3.0, 30.0], [5.0, 90.0]]);
/// let train = series.slice(0, 0, 2);
/// let scaler = Scaler::standardise(&train)?;
/// let scaled = scaler.apply(&series);
/// assert_eq!(scaled, Tensor::from([[-1.0, -1.0], [1.0, 1.0], [3.0, 7.0]]));
/// assert_eq!(scaler.invert(&scaled), series);
///
/// let forecast = Tensor::from([[5.0]]); // of column 1 alone
/// assert_eq!(scaler.columns(&[1]).invert(&forecast), Tensor::from([[70.0]]));
/// # Ok::<(), rnn::data::NothingToFit>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler<E: Element> {
    /// What is subtracted, one number a column.
    pub shift: Tensor<E>,
    /// What is divided by then; never 0.
    pub divisor: Tensor<E>,
}

/// A scaler was to be fitted on a training part without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the training part has no rows to fit a scale on; give it at least one")]
pub struct NothingToFit;

impl<E: Element> Scaler<E> {
    /// To mean 0 and standard deviation 1 on this training part, [T, F].
    ///
    /// # Errors
    ///
    /// If it has no rows.
    ///
    /// # Panics
    ///
    /// If it has not two axes.
    #[track_caller]
    pub fn standardise(train: &Tensor<E>) -> Result<Self, NothingToFit> {
        Self::fit(train, |column| {
            let len = column.len() as f64;
            let mean = column.iter().map(|x| x / len).sum::<f64>();
            let variance = column.iter().map(|x| (x - mean).powi(2) / len).sum::<f64>();
            (mean, variance.sqrt())
        })
    }

    /// To the range from 0 to 1 on this training part, [T, F].
    ///
    /// # Errors
    ///
    /// If it has no rows.
    ///
    /// # Panics
    ///
    /// If it has not two axes.
    #[track_caller]
    pub fn min_max(train: &Tensor<E>) -> Result<Self, NothingToFit> {
        Self::fit(train, |column| {
            let min = column.iter().copied().fold(f64::INFINITY, f64::min);
            let max = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (min, max - min)
        })
    }

    /// With the shift and divisor that `of` finds for each column.
    #[track_caller]
    fn fit(train: &Tensor<E>, of: impl Fn(&[f64]) -> (f64, f64)) -> Result<Self, NothingToFit> {
        let &[rows, columns] = train.shape() else {
            panic!("a scaler is fitted on [T, F] and not on {:?}", train.shape());
        };
        if rows == 0 {
            return Err(NothingToFit);
        }
        let (mut shift, mut divisor) = (Vec::new(), Vec::new());
        for f in 0..columns {
            let column: Vec<f64> =
                train.data()[f..].iter().step_by(columns).map(|x| x.value()).collect();
            let constant = column.iter().all(|&x| x == column[0]);
            let (from, by) = if constant { (column[0], 1.0) } else { of(&column) };
            shift.push(E::from_f64(from));
            divisor.push(E::from_f64(by));
        }
        Ok(Self {
            shift: Tensor::new(&[columns], shift),
            divisor: Tensor::new(&[columns], divisor),
        })
    }

    /// On the new scale, [.., F].
    ///
    /// # Panics
    ///
    /// If the last axis is not F.
    #[track_caller]
    pub fn apply(&self, xs: &Tensor<E>) -> Tensor<E> {
        self.check(xs);
        (xs - &self.shift) / &self.divisor
    }

    /// Back on the old scale, [.., F].
    ///
    /// # Panics
    ///
    /// If the last axis is not F.
    #[track_caller]
    pub fn invert(&self, xs: &Tensor<E>) -> Tensor<E> {
        self.check(xs);
        xs * &self.divisor + &self.shift
    }

    /// The scaler of some of the columns, for forecasts of these.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    #[track_caller]
    pub fn columns(&self, columns: &[usize]) -> Self {
        Self { shift: self.shift.gather(0, columns), divisor: self.divisor.gather(0, columns) }
    }

    /// A single column would broadcast over many.
    #[track_caller]
    fn check(&self, xs: &Tensor<E>) {
        let columns = self.shift.elements();
        assert!(
            xs.shape().last() == Some(&columns),
            "a scaler of {columns} columns does not fit {:?}; choose among its columns by `columns`",
            xs.shape()
        );
    }
}
