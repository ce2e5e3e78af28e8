use autograd::Tensor;

/// What Y = A B sends back: the gradients of A and of B, given that of Y.
///
/// Shapes: `a` [m, k], `b` [k, n], `dy` [m, n]; the results [m, k] and [k, n].
pub fn matmul_vjp([a, b]: [&Tensor<f64>; 2], dy: &Tensor<f64>) -> [Tensor<f64>; 2] {
    [dy.matmul(b.t()), a.t().matmul(dy)]
}

/// The gradient of L = −(1/N) Σ_i ln softmax(scores_i)[targets_i] in the scores.
///
/// Scores may be in the hundreds, and e^800 is no number: your softmax must bear it.
///
/// Shapes: `scores` [N, K], N targets below K; the result [N, K].
pub fn cross_entropy_grad(scores: &Tensor<f64>, targets: &[usize]) -> Tensor<f64> {
    let &[rows, classes] = scores.shape() else { panic!("scores have two axes") };
    let mut gradient = Tensor::zeros(&[rows, classes]);
    for (i, &target) in targets.iter().enumerate() {
        let row = scores.entry(i);
        let largest = row.data().iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exp: Vec<f64> = row.data().iter().map(|s| (s - largest).exp()).collect();
        let sum: f64 = exp.iter().sum();
        for (c, e) in exp.iter().enumerate() {
            let one_hot = if c == target { 1.0 } else { 0.0 };
            gradient.data_mut()[i * classes + c] = (e / sum - one_hot) / rows as f64;
        }
    }
    gradient
}

/// What Y = table[ids] sends back to the table, given the gradient of Y: row j of Y is
/// row ids[j] of the table.
///
/// Shapes: `table` [V, D], `dy` [ids.len(), D]; the result [V, D].
pub fn gather_vjp(table: &Tensor<f64>, ids: &[usize], dy: &Tensor<f64>) -> Tensor<f64> {
    let mut gradient = Tensor::zeros(table.shape());
    let width = table.shape()[1];
    for (j, &id) in ids.iter().enumerate() {
        for d in 0..width {
            gradient.data_mut()[id * width + d] += dy.at(&[j, d]);
        }
    }
    gradient
}
