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
    const H: f64 = 1e-5;
    const ALLOWED: f64 = 1e-6;
    let shape = f(x).shape().to_vec();
    (0..3).all(|_| {
        let dy = normal(&shape, 1.0, rng);
        let v = normal(x.shape(), 1.0, rng);
        let dx = vjp(x, &dy);
        if dx.shape() != x.shape() || !dx.is_finite() {
            return false;
        }
        let loss = |h: f64| (f(&(x + &v * h)) * &dy).sum().item();
        let slope = (loss(H) - loss(-H)) / (2.0 * H);
        let claimed = (&dx * &v).sum().item();
        // As a part of the gradient's length; and where there is no gradient, the slope
        // must be rounding.
        let rounding = 1e-10 * loss(0.0).abs();
        (claimed - slope).abs() <= ALLOWED * dx.norm() + rounding
    })
}
