use autograd::Tensor;

/// What the forward pass kept: h_t = tanh(x_t W_ihᵀ + h_{t−1} W_hhᵀ + b) for t = 0
/// to T − 1.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Input to hidden, [H, I].
    pub w_ih: Tensor<f64>,
    /// Hidden to hidden, [H, H].
    pub w_hh: Tensor<f64>,
    /// The inputs, T of [B, I].
    pub xs: Vec<Tensor<f64>>,
    /// The states, T + 1 of [B, H]: `hs[0]` is the initial one, `hs[t + 1]` is h_t.
    pub hs: Vec<Tensor<f64>>,
    /// The gradient of each step's own loss in its state, ∂ℓ_t/∂h_t, T of [B, H].
    pub d_losses: Vec<Tensor<f64>>,
}

/// What the backward pass finds; its lists have one entry a step, step 0 first.
#[derive(Clone, Debug)]
pub struct Backward {
    /// ∂L/∂h_t, from both paths into h_t, T of [B, H].
    pub dhs: Vec<Tensor<f64>>,
    /// ∂L/∂a_t, where h_t = tanh(a_t), T of [B, H].
    pub das: Vec<Tensor<f64>>,
    /// ∂L/∂x_t, T of [B, I].
    pub dxs: Vec<Tensor<f64>>,
    /// ∂L/∂W_ih, [H, I].
    pub dw_ih: Tensor<f64>,
    /// ∂L/∂W_hh, [H, H].
    pub dw_hh: Tensor<f64>,
    /// ∂L/∂b, [H].
    pub db: Tensor<f64>,
    /// The gradient in the initial state, [B, H].
    pub dh0: Tensor<f64>,
}

/// Backpropagation through time of the loss L = Σ_t ℓ_t(h_t).
pub fn backward(forward: &Forward) -> Backward {
    todo!("from the last step to the first, with what each hands to the one before it")
}
