use autograd::Tensor;

/// One step of a vanilla cell for B rows at once:
///
/// ```text
/// h′ = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)
/// ```
///
/// Shapes: `x` [B, I], `h` [B, H], `w_ih` [H, I], `w_hh` [H, H], `b_ih` and `b_hh`
/// `[H]`; the result [B, H]. The weights are stored as PyTorch stores them: row i
/// belongs to unit i.
pub fn rnn_step(
    x: &Tensor<f64>,
    h: &Tensor<f64>,
    [w_ih, w_hh, b_ih, b_hh]: [&Tensor<f64>; 4],
) -> Tensor<f64> {
    let sums = x.matmul(w_ih.t()) + b_ih + h.matmul(w_hh.t()) + b_hh;
    sums.map(f64::tanh)
}

/// The states after each of T steps, from the state `h`: T tensors [B, H], for T inputs
/// `xs` [B, I].
pub fn rnn_states(
    xs: &[Tensor<f64>],
    h: &Tensor<f64>,
    weights: [&Tensor<f64>; 4],
) -> Vec<Tensor<f64>> {
    let mut states: Vec<Tensor<f64>> = Vec::new();
    for x in xs {
        let before = states.last().unwrap_or(h);
        states.push(rnn_step(x, before, weights));
    }
    states
}
