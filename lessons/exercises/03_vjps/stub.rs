use autograd::Tensor;

/// What Y = A B sends back: the gradients of A and of B, given that of Y.
///
/// Shapes: `a` [m, k], `b` [k, n], `dy` [m, n]; the results [m, k] and [k, n].
pub fn matmul_vjp([a, b]: [&Tensor<f64>; 2], dy: &Tensor<f64>) -> [Tensor<f64>; 2] {
    todo!("the gradients of both factors")
}

/// The gradient of L = −(1/N) Σ_i ln softmax(scores_i)[targets_i] in the scores.
///
/// Scores may be in the hundreds, and e^800 is no number: your softmax must bear it.
///
/// Shapes: `scores` [N, K], N targets below K; the result [N, K].
pub fn cross_entropy_grad(scores: &Tensor<f64>, targets: &[usize]) -> Tensor<f64> {
    todo!("the gradient of the scores")
}

/// What Y = table[ids] sends back to the table, given the gradient of Y: row j of Y is
/// row ids[j] of the table.
///
/// Shapes: `table` [V, D], `dy` [ids.len(), D]; the result [V, D].
pub fn gather_vjp(table: &Tensor<f64>, ids: &[usize], dy: &Tensor<f64>) -> Tensor<f64> {
    todo!("the gradient of the table")
}
