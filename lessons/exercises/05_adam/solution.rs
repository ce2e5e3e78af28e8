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
        self.t += 1;
        let (correction1, correction2) =
            (1.0 - self.beta1.powi(self.t), 1.0 - self.beta2.powi(self.t));
        for (i, &g) in gradient.iter().enumerate() {
            self.m[i] = self.beta1 * self.m[i] + (1.0 - self.beta1) * g;
            self.v[i] = self.beta2 * self.v[i] + (1.0 - self.beta2) * g * g;
            let (m, v) = (self.m[i] / correction1, self.v[i] / correction2);
            weights[i] -= self.lr * m / (v.sqrt() + self.eps);
        }
    }
}
