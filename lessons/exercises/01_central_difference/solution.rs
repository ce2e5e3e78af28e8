/// The slopes on the two sides of a point where they are not the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kink {
    /// (f(x) − f(x − h)) / h
    pub left: f64,
    /// (f(x + h) − f(x)) / h
    pub right: f64,
}

/// The slope of `f` at `x` by central differences with step `h`,
/// (f(x + h) − f(x − h)) / 2h; or, if `f` has a kink at `x`, the slopes on both sides.
///
/// A curve has different slopes on the two sides too. But when the step is halved, a
/// curve's difference halves with it, and a kink's stays.
pub fn central_difference(f: impl Fn(f64) -> f64, x: f64, h: f64) -> Result<f64, Kink> {
    let left = |h: f64| (f(x) - f(x - h)) / h;
    let right = |h: f64| (f(x + h) - f(x)) / h;
    let sides = |h: f64| Kink { left: left(h), right: right(h) };
    let gap = |kink: Kink| (kink.right - kink.left).abs();
    let (whole, half) = (sides(h), sides(h / 2.0));

    // A straight line has no gap but that of rounding: a few units in the last place
    // of f, over h.
    let rounding = 32.0 * f64::EPSILON * f(x).abs() / h;
    if gap(half) > rounding && gap(half) > 0.75 * gap(whole) {
        return Err(whole);
    }
    Ok((f(x + h) - f(x - h)) / (2.0 * h))
}
