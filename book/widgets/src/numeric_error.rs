//! The error of a numeric gradient against its step: two valleys, one for each type of float.
//!
//! The loss is that of chapter 1 in small: L = Σ_t ½ |h_t − y_t|², with h_t = tanh(W_ih x_t + W_hh h_{t−1} + b). What the
//! differences are compared with comes from dual numbers in `f64`.

use autograd::draw::Draw;
use autograd::{Dual, Element};

use crate::control::{Control, Values, switch};
use crate::svg::{Anchor, BLUE, Colour, GRID, INK, ORANGE, QUIET, Svg, WIDTH};
use crate::{Painted, Widget};

const T: usize = 6; // steps
const I: usize = 2; // inputs
const H: usize = 3; // units
const N: usize = H * I + H * H + H; // weights

pub(crate) struct NumericError;

/// Weights, a sequence to read, and what the states should have been.
struct Problem {
    weights: Vec<f64>, // W_ih [H, I], W_hh [H, H], b [H], one after the other
    xs: Vec<f64>,      // [T, I]
    targets: Vec<f64>, // [T, H]
}

impl Problem {
    fn draw() -> Self {
        let mut draw = Draw::new(0, 0, 0);
        let mut numbers = |count| draw.tensor(&[count], -1.0..1.0).data().to_vec();
        Self { weights: numbers(N), xs: numbers(T * I), targets: numbers(T * H) }
    }

    /// The loss, in any type of number. The hyperbolic tangent is given, so that it rounds the same way everywhere.
    fn loss<E: Element>(&self, weights: &[E], tanh: fn(E) -> E) -> E {
        let (w_ih, rest) = weights.split_at(H * I);
        let (w_hh, b) = rest.split_at(H * H);
        let mut h = [E::ZERO; H];
        let mut loss = E::ZERO;
        for (x, y) in self.xs.chunks(I).zip(self.targets.chunks(H)) {
            let now =
                |i: usize| (0..I).fold(b[i], |sum, j| sum + w_ih[i * I + j] * E::from_f64(x[j]));
            h = std::array::from_fn(|i| {
                tanh((0..H).fold(now(i), |sum, j| sum + w_hh[i * H + j] * h[j]))
            });
            for (&h, &y) in h.iter().zip(y) {
                let error = h - E::from_f64(y);
                loss += E::from_f64(0.5) * error * error;
            }
        }
        loss
    }

    fn weights<E: Element>(&self) -> Vec<E> {
        self.weights.iter().map(|&w| E::from_f64(w)).collect()
    }

    /// ∂L/∂w for every weight, exact to rounding.
    fn exact(&self) -> Vec<f64> {
        let slope = |i: usize| {
            let mut weights = self.weights::<Dual<f64>>();
            weights[i].derivative = 1.0;
            self.loss(&weights, |a| {
                let y = libm::tanh(a.value);
                Dual::new(y, a.derivative * (1.0 - y * y))
            })
        };
        (0..N).map(|i| slope(i).derivative).collect()
    }

    /// The loss with one weight moved.
    fn moved<E: Element>(&self, i: usize, by: f64, tanh: fn(E) -> E) -> E {
        let mut weights = self.weights::<E>();
        weights[i] += E::from_f64(by);
        self.loss(&weights, tanh)
    }

    /// ‖numeric − exact‖ / ‖exact‖ for a step.
    fn error<E: Element>(&self, exact: &[f64], h: f64, forward: bool, tanh: fn(E) -> E) -> f64 {
        let here = self.loss(&self.weights::<E>(), tanh);
        let slope = |i: usize| match forward {
            true => (self.moved(i, h, tanh) - here) / E::from_f64(h),
            false => (self.moved(i, h, tanh) - self.moved(i, -h, tanh)) / E::from_f64(2.0 * h),
        };
        let wrong = |i: usize| slope(i).value() - exact[i];
        let norm = |squares: f64| squares.sqrt();
        let errors: f64 = (0..N).map(|i| wrong(i) * wrong(i)).sum();
        norm(errors) / norm(exact.iter().map(|d| d * d).sum())
    }
}

impl Widget for NumericError {
    fn name(&self) -> &'static str {
        "numeric_error"
    }

    fn caption(&self) -> &'static str {
        "The relative error of a numeric gradient against its step h, computed as you look. Below, the two losses of \
         which the difference is taken for one weight: the digits in which they agree are pale, and all the gradient is \
         in the others."
    }

    fn controls(&self) -> Vec<Control> {
        vec![
            Control::Slider {
                label: "Step h, as a power of ten",
                min: -12.0,
                max: -0.5,
                step: 0.25,
                value: -3.0,
            },
            Control::Toggle { label: "Forward difference", on: false },
        ]
    }

    fn paint(&self, values: &Values) -> Painted {
        let (power, forward) = (values.number(0), values.is_on(1));
        let h = libm::exp10(power);
        let problem = Problem::draw();
        let exact = problem.exact();
        let both = |h: f64| {
            [
                problem.error::<f32>(&exact, h, forward, libm::tanhf),
                problem.error::<f64>(&exact, h, forward, libm::tanh),
            ]
        };

        // 1. The frame: log h from left to right, log error upwards.
        let mut svg = Svg::new(384.0);
        let x = |power: f64| 56.0 + (power + 12.0) * 31.0;
        let y = |error: f64| 30.0 + (2.0 - libm::log10(error.max(1e-13))) * 14.0;
        for power in (-12..=0).step_by(3).map(f64::from) {
            let place = x(power);
            svg.line([place, 30.0], [place, y(1e-13)], GRID, 1.0);
            svg.text([place, y(1e-13) + 18.0], Anchor::Middle, QUIET, &ten_to(power));
        }
        for power in [-12.0, -9.0, -6.0, -3.0, 0.0] {
            let place = y(libm::exp10(power));
            svg.line([56.0, place], [x(0.0), place], GRID, 1.0);
            svg.text([50.0, place + 5.0], Anchor::End, QUIET, &ten_to(power));
        }
        svg.text([6.0, 18.0], Anchor::Start, QUIET, "relative error");
        svg.text([x(0.0), 278.0], Anchor::End, QUIET, "step h");

        // 2. The two curves, and where the step is on them.
        let steps: Vec<f64> = (0..=46).map(|i| -12.0 + 0.25 * f64::from(i)).collect();
        let errors: Vec<[f64; 2]> = steps.iter().map(|&power| both(libm::exp10(power))).collect();
        let found = both(h);
        svg.line([x(power), 30.0], [x(power), y(1e-13)], INK, 1.0);
        for (curve, (colour, name)) in [(ORANGE, "f32"), (BLUE, "f64")].into_iter().enumerate() {
            let points: Vec<[f64; 2]> = steps
                .iter()
                .zip(&errors)
                .map(|(&power, errors)| [x(power), y(errors[curve])])
                .collect();
            svg.curve(&points, colour);
            svg.dot([x(power), y(found[curve])], 5.0, colour);
            let words = format!("{name}: {}", sized(found[curve]));
            let right = WIDTH - 8.0 - 150.0 * (1 - curve) as f64;
            svg.text([right, 18.0], Anchor::End, colour, &words);
        }

        // 3. The two losses, digit by digit.
        let low = if forward { 0.0 } else { -h };
        let low_name = if forward { "L(w)    " } else { "L(w − h)" };
        let rows32 = [h, low].map(|by| format!("{:.7}", problem.moved::<f32>(0, by, libm::tanhf)));
        let rows64 = [h, low].map(|by| format!("{:.16}", problem.moved::<f64>(0, by, libm::tanh)));
        for (i, (rows, name, colour)) in
            [(rows32, "f32", ORANGE), (rows64, "f64", BLUE)].into_iter().enumerate()
        {
            for (j, (row, loss)) in rows.iter().zip(["L(w + h)", low_name]).enumerate() {
                let same = rows[0].chars().zip(rows[1].chars()).take_while(|(a, b)| a == b).count();
                let head = format!("{} {loss} ", if j == 0 { name } else { "   " });
                let (pale, rest) = row.split_at(same);
                let pieces: [(Colour, &str); 3] = [(INK, &head), (QUIET, pale), (colour, rest)];
                svg.digits([6.0, 304.0 + 40.0 * i as f64 + 18.0 * j as f64], &pieces);
            }
        }

        let way = if forward { "forward" } else { "central" };
        let [f32, f64] = found.map(sized);
        let says = format!(
            "The error of the {way} difference falls with the step to a valley and rises again, in f32 far earlier than \
             in f64. At h = {} the relative error is {f32} in f32 and {f64} in f64.",
            sized(h)
        );
        let readings = vec![sized(h), switch(forward).to_owned()];
        Painted { svg, says, readings }
    }
}

/// A size, to two digits.
fn sized(x: f64) -> String {
    if x >= 0.1 { format!("{x:.2}") } else { format!("{x:.1e}") }
}

/// "1e-9", and "1" for the power 0.
fn ten_to(power: f64) -> String {
    if power == 0.0 { "1".to_owned() } else { format!("1e{power}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors at h = 10^power.
    fn errors(power: f64, forward: bool) -> [f64; 2] {
        let (problem, h) = (Problem::draw(), libm::exp10(power));
        let exact = problem.exact();
        [
            problem.error::<f32>(&exact, h, forward, libm::tanhf),
            problem.error::<f64>(&exact, h, forward, libm::tanh),
        ]
    }

    #[test]
    fn the_error_falls_with_h_or_with_its_square() {
        let ratio = |forward| errors(-2.0, forward)[1] / errors(-3.0, forward)[1];
        assert!((9.0..11.0).contains(&ratio(true)), "{}", ratio(true));
        assert!((90.0..110.0).contains(&ratio(false)), "{}", ratio(false));
    }

    #[test]
    fn each_type_has_its_valley() {
        assert!(errors(-5.0, false)[1] < 1e-9);
        assert!(errors(-5.0, false)[0] > 1e-3);
        assert!((errors(-12.0, false)[0] - 1.0).abs() < 1e-6, "w + h is w");
        assert!(errors(-11.0, false)[1] > 100.0 * errors(-5.0, false)[1]);
    }
}
