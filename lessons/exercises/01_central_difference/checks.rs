use answer::{Kink, central_difference};
use lessons::check::close;

/// The step of every question.
const H: f64 = 1e-4;

pub fn check() {
    // The differences must be central: a one-sided one is wrong by h/2 · f″, here by 1e-4.
    slope("x³ at 1", |x| x.powi(3), 1.0, 3.0);
    slope("tanh at 0.3", f64::tanh, 0.3, 1.0 - 0.3f64.tanh().powi(2));
    slope("e^x at −2", f64::exp, -2.0, (-2f64).exp());

    // Curves that are no kinks, however strong, and straight lines, where all is rounding.
    slope("cos 20x at 0", |x| (20.0 * x).cos(), 0.0, 0.0);
    slope("(x − 1)² at 1", |x| (x - 1.0).powi(2), 1.0, 0.0);
    slope("3x + 100 at 0.1", |x| 3.0 * x + 100.0, 0.1, 3.0);
    slope("0.1x at 7", |x| 0.1 * x, 7.0, 0.1);
    slope("a constant", |_| 5.0, 2.0, 0.0);

    // Kinks, one with a curve on each side, and one too small to be seen.
    kink("|x| at 0", f64::abs, 0.0, [-1.0, 1.0]);
    kink("max(x, 0) at 0", |x| x.max(0.0), 0.0, [0.0, 1.0]);
    kink("max(x², x) at 1", |x| (x * x).max(x), 1.0, [1.0, 2.0]);
    kink("100 + 0.01 |x − 2| at 2", |x| 100.0 + 0.01 * (x - 2.0).abs(), 2.0, [-0.01, 0.01]);

    // Beside the kink, the function is smooth.
    slope("|x| at 0.01", f64::abs, 0.01, 1.0);
}

fn slope(what: &str, f: impl Fn(f64) -> f64, x: f64, expected: f64) {
    match central_difference(&f, x, H) {
        Ok(slope) => {
            let one_sided = [(f(x + H) - f(x)) / H, (f(x) - f(x - H)) / H];
            let wrong = (slope - expected).abs() > 1e-6 * expected.abs().max(1.0);
            assert!(
                !(wrong && one_sided.contains(&slope)),
                "{what}: this is the slope of one side, {slope}; look to both sides of x"
            );
            assert!(
                !wrong || (slope - 2.0 * expected).abs() > 1e-6,
                "{what}: yours is {slope}, twice the slope; how far apart are x + h and x − h?"
            );
            close(what, slope, expected, 1e-6);
        }
        Err(Kink { left, right }) => panic!(
            "{what}: there is no kink, but you report one with the slopes {left} and {right}; \
             a curve has a gap that shrinks with h, a straight line one of rounding"
        ),
    }
}

fn kink(what: &str, f: impl Fn(f64) -> f64, x: f64, [left, right]: [f64; 2]) {
    match central_difference(f, x, H) {
        Ok(slope) => panic!(
            "{what}: there is a kink, from slope {left} to slope {right}, but you report the slope \
             {slope}; no function has two slopes at once"
        ),
        Err(kink) => {
            close(&format!("{what}, the slope on the left"), kink.left, left, 1e-3);
            close(&format!("{what}, the slope on the right"), kink.right, right, 1e-3);
        }
    }
}
