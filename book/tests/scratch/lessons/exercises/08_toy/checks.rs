/// Compares with a central difference.
pub fn check() {
    let numeric = (0.3_f64.tanh() - 0.1_f64.tanh()) / 0.2;
    assert!((answer::tanh_derivative(0.2) - numeric).abs() < 1e-2, "not the slope of tanh");
}
