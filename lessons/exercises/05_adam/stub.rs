/// Adam for one list of weights.
///
/// m ← β₁ m + (1 − β₁) g
/// v ← β₂ v + (1 − β₂) g²
/// w ← w − lr · m̂ / (√v̂ + ε)
///
/// m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ), t = 1 in the first step
pub struct Adam {
    /// The learning rate.
    pub lr: f64,
    /// How slowly the mean of the gradient moves, β₁.
    pub beta1: f64,
    /// How slowly the mean of its square moves, β₂.
    pub beta2: f64,
    /// What keeps the division finite, ε.
    pub eps: f64,
    /// The mean of the gradient, one number for each weight.
    pub m: Vec<f64>,
    /// The mean of its square.
    pub v: Vec<f64>,
    /// How many steps were taken.
    pub t: i32,
}

impl Adam {
    /// For so many weights, with the paper's constants.
    pub fn new(lr: f64, weights: usize) -> Self {
        let (m, v) = (vec![0.0; weights], vec![0.0; weights]);
        Self { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, m, v, t: 0 }
    }

    /// Changes the weights by one step against their gradient.
    pub fn step(&mut self, weights: &mut [f64], gradient: &[f64]) {
        todo!("the means, their correction, the step")
    }
}
