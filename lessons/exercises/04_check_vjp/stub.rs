use autograd::Tensor;
use autograd::init::normal;
use rand_chacha::ChaCha8Rng;

/// Whether `vjp` is the derivative of `f` at `x`.
///
/// `vjp(x, dy)` claims to be the gradient of Σ dy ⊙ f(x) in x. Hold it against the
/// function itself, along directions drawn from `rng`: `normal(shape, 1.0, rng)` draws
/// a tensor. `f` may be called 20 times; `x` may have hundreds of entries.
pub fn check_vjp(
    f: impl Fn(&Tensor<f64>) -> Tensor<f64>,
    vjp: impl Fn(&Tensor<f64>, &Tensor<f64>) -> Tensor<f64>,
    x: &Tensor<f64>,
    rng: &mut ChaCha8Rng,
) -> bool {
    todo!("true for the right derivative, false for a wrong one")
}
