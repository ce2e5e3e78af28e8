//! Backpropagation through time of a cell with one unit, step by step, with and without what is carried from step to step.
//!
//! ```text
//! dh_t = ∂ℓ_t/∂h_t + dhnext        two paths lead into h_t
//! dhnext for step t − 1 = dh_t (1 − h_t²) w_hh, or 0 if it is dropped
//! ```
//!
//! The cell is `rnn::Vanilla`; each step back is its own, and the gradient it is compared with that of `rnn::bptt`.

use autograd::{Params, Tensor};
use rnn::cell::{Hidden, Step};
use rnn::{Cell, Nonlinearity, Seq, Trace, Vanilla, bptt, unroll};

use crate::control::{Control, Values, switch};
use crate::svg::{Anchor, BLUE, GRID, INK, ORANGE, QUIET, Svg, VIOLET};
use crate::{Painted, Widget};

pub(crate) struct BpttStepper;

const T: usize = 4;
const XS: [f64; T] = [0.5, -0.3, 0.2, 0.4];
/// The state at first: not zero, so that the first step too has a share in the gradient of w_hh.
const START: f64 = 0.5;

/// What one step back found.
#[derive(Clone, Copy, Debug, Default)]
struct Back {
    dhnext: f64,
    dh: f64,
    /// What the step adds to the gradient of w_hh.
    share: f64,
}

fn one(x: f64) -> Tensor<f64> {
    Tensor::new(&[1, 1], vec![x])
}

/// A cell with one unit.
fn cell(w_hh: f64) -> Vanilla<Tensor<f64>> {
    Vanilla {
        w_ih: one(0.8),
        w_hh: one(w_hh),
        b_ih: Some(Tensor::new(&[1], vec![0.1])),
        b_hh: Some(Tensor::zeros(&[1])),
        nonlinearity: Nonlinearity::Tanh,
    }
}

fn forward(cell: &Vanilla<Tensor<f64>>) -> Trace<Vanilla, f64> {
    let xs = Seq::time_major(Tensor::new(&[T, 1, 1], XS.to_vec()));
    unroll::<Vanilla, f64>(cell, &xs, &Hidden { h: one(START) })
}

/// ∂ℓ_t/∂h_t: 1 at every step, or at the last only.
fn own_losses(last_only: bool) -> [f64; T] {
    std::array::from_fn(|t| if last_only && t + 1 < T { 0.0 } else { 1.0 })
}

/// All steps back, in the order of time.
fn backward(
    cell: &Vanilla<Tensor<f64>>,
    trace: &Trace<Vanilla, f64>,
    own: [f64; T],
    carry: bool,
) -> [Back; T] {
    let mut found = [Back::default(); T];
    let mut dhnext = 0.0; // nothing comes from beyond the end
    for t in (0..T).rev() {
        let mut grads = cell.zeros_like();
        let dh = own[t] + dhnext;
        let step = Step { state: &trace.states[t], saved: &trace.saved[t] };
        let (_, before) = Vanilla::backward(cell, step, &Hidden { h: one(dh) }, &mut grads);
        found[t] = Back { dhnext, dh, share: grads.w_hh.item() };
        dhnext = if carry { before.h.item() } else { 0.0 };
    }
    found
}

/// The gradient of w_hh by the library.
fn by_the_library(cell: &Vanilla<Tensor<f64>>, trace: &Trace<Vanilla, f64>, own: [f64; T]) -> f64 {
    let own = Tensor::new(&[T, 1, 1], own.to_vec());
    bptt::<Vanilla, f64>(cell, trace, &own, None).grads.w_hh.item()
}

impl Widget for BpttStepper {
    fn name(&self) -> &'static str {
        "bptt_stepper"
    }

    fn caption(&self) -> &'static str {
        "One unit over four steps, the loop of this chapter held still after each of its steps. dh is the gradient of the \
         whole loss in the state: that of the step's own loss and dhnext, added. The share is what the step adds to the \
         gradient of the recurrent weight."
    }

    fn controls(&self) -> Vec<Control> {
        vec![
            Control::Slider {
                label: "Steps taken back",
                min: 0.0,
                max: T as f64,
                step: 1.0,
                value: 3.0,
            },
            Control::Slider {
                label: "Recurrent weight",
                min: -1.5,
                max: 1.5,
                step: 0.1,
                value: 0.9,
            },
            Control::Toggle { label: "Carry dhnext to the step before", on: true },
            Control::Toggle { label: "Loss at the last step only", on: false },
        ]
    }

    fn paint(&self, values: &Values) -> Painted {
        let (taken, w_hh) = (values.count(0), values.number(1));
        let (carry, last_only) = (values.is_on(2), values.is_on(3));
        let cell = cell(w_hh);
        let trace = forward(&cell);
        let own = own_losses(last_only);
        let found = backward(&cell, &trace, own, carry);
        let whole = by_the_library(&cell, &trace, own);

        let column = |t: usize| 112.0 + 92.0 * t as f64;
        let rows = [
            ("state h", 64.0),
            ("own loss", 128.0),
            ("dhnext", 188.0),
            ("dh", 238.0),
            ("share", 298.0),
        ];
        let mut svg = Svg::new(382.0);
        for (name, y) in rows {
            svg.text([4.0, y], Anchor::Start, QUIET, name);
        }
        svg.text([4.0, 40.0], Anchor::Start, QUIET, &format!("from {START}"));
        svg.arrow([62.0, 58.0], [column(0) - 32.0, 58.0], BLUE);
        let mut sum = 0.0;
        for t in 0..T {
            let x = column(t);
            let is_back = t + taken >= T;
            let is_now = is_back && t + taken == T;
            svg.text([x, 20.0], Anchor::Middle, QUIET, &format!("t = {t}"));
            if is_now {
                svg.bar([x - 38.0, 92.0], [76.0, 218.0], ORANGE, 0.12);
            }
            svg.bar([x - 32.0, 42.0], [64.0, 32.0], BLUE, 0.12);
            svg.text([x, 64.0], Anchor::Middle, INK, &number(trace.states[t + 1].h.item()));
            if t > 0 {
                svg.arrow([column(t - 1) + 32.0, 58.0], [x - 32.0, 58.0], BLUE);
            }
            if !is_back {
                for (_, y) in &rows[1..] {
                    svg.text([x, *y], Anchor::Middle, QUIET, "·");
                }
                continue;
            }
            let Back { dhnext, dh, share } = found[t];
            sum += share;
            svg.text([x, 128.0], Anchor::Middle, VIOLET, &number(own[t]));
            svg.text(
                [x, 188.0],
                Anchor::Middle,
                if carry { ORANGE } else { QUIET },
                &number(dhnext),
            );
            svg.text([x, 238.0], Anchor::Middle, INK, &number(dh));
            svg.text([x, 298.0], Anchor::Middle, INK, &number(share));
            svg.arrow([x, 134.0], [x, 168.0], VIOLET);
            svg.arrow([x, 194.0], [x, 220.0], INK);
            if t + 1 < T && carry {
                svg.arrow([column(t + 1) - 30.0, 226.0], [x + 30.0, 190.0], ORANGE);
            }
        }
        svg.line([4.0, 254.0], [436.0, 254.0], GRID, 1.0);
        svg.line([4.0, 316.0], [436.0, 316.0], GRID, 1.0);
        svg.text([4.0, 342.0], Anchor::Start, INK, &format!("shares so far: {}", number(sum)));
        let words = format!("the whole gradient: {}", number(whole));
        svg.text([436.0, 342.0], Anchor::End, INK, &words);
        let verdict = match (taken == T, carry) {
            (false, _) => String::new(),
            (true, true) => "All of it is there.".to_owned(),
            // The difference of the two numbers as they stand there.
            (true, false) => {
                let [whole, sum] = [whole, sum].map(|x| (1e3 * x).round() / 1e3);
                format!("Without dhnext {} of it is missing.", number(whole - sum))
            }
        };
        svg.text([4.0, 368.0], Anchor::Start, if carry { BLUE } else { ORANGE }, &verdict);

        let how = if carry { "with" } else { "without" };
        let losses =
            if last_only { "a loss at the last step only" } else { "a loss at every step" };
        let says = format!(
            "Backpropagation through {T} steps from a state of {START}, {how} dhnext, with {losses} and a recurrent weight of {}: after {taken} steps \
             back the shares in its gradient add up to {}; the whole gradient is {}. {verdict}",
            number(w_hh),
            number(sum),
            number(whole)
        );
        let [carry, last_only] = [carry, last_only].map(|on| switch(on).to_owned());
        let readings = vec![format!("{taken} of {T}"), number(w_hh), carry, last_only];
        Painted { svg, says: says.trim_end().to_owned(), readings }
    }
}

/// Three decimals, and no minus before a zero.
fn number(x: f64) -> String {
    format!("{:.3}", if x.abs() < 5e-4 { 0.0 } else { x }).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(w_hh: f64, carry: bool, last_only: bool) -> (f64, f64) {
        let cell = cell(w_hh);
        let (trace, own) = (forward(&cell), own_losses(last_only));
        let sum = backward(&cell, &trace, own, carry).iter().map(|back| back.share).sum();
        (sum, by_the_library(&cell, &trace, own))
    }

    #[test]
    fn the_shares_add_up_to_the_gradient_of_the_library() {
        for w_hh in [-1.5, -0.3, 0.0, 0.9, 1.5] {
            for last_only in [false, true] {
                let (sum, whole) = shares(w_hh, true, last_only);
                assert!((sum - whole).abs() < 1e-12, "{w_hh}: {sum} and {whole}");
            }
        }
    }

    #[test]
    fn without_dhnext_something_is_missing() {
        let (sum, whole) = shares(0.9, false, false);
        assert!((sum - whole).abs() > 0.1 * whole.abs(), "{sum} and {whole}");
    }

    #[test]
    fn the_first_state_hears_nothing_of_a_loss_at_the_end_without_dhnext() {
        let cell = cell(0.9);
        let found = backward(&cell, &forward(&cell), own_losses(true), false);
        assert_eq!(found[0].dh, 0.0);
        assert_ne!(backward(&cell, &forward(&cell), own_losses(true), true)[0].dh, 0.0);
    }
}
