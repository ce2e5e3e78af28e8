//! Faults in where gradients go: stopped, let through, lost on the way, or turned into NaN.

use autograd::draw::Draw;
use autograd::gradcheck::Function;
use autograd::ops::{Contribution, Sqrt};
use autograd::{Element, Tape, Tensor, Var};

use super::ops::{Detach, Upsample, own};
use super::{Derivative, Entry, Fault, Faulty, Named, Wrong, function, op};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        op::<DetachForgotten, 1>(),
        function(
            "gate: stopped",
            "the gate of x ⊙ σ(x) is detached",
            "x",
            |derivative, draw| {
                let x = draw.tensor(&[2, 3], -2.0..2.0);
                (Gated { derivative }, Named::new([("x", x)]))
            },
        ),
        function(
            "upsample: overwritten",
            "the gradient of the other branch is replaced, not added to",
            "x",
            |derivative, draw| UpsampledBeside::sample(derivative, true, draw),
        )
        .hidden_by("a variable used once", |derivative, draw| {
            UpsampledBeside::sample(derivative, false, draw)
        }),
        function(
            "tied weight: first use lost",
            "the gradient of the second use replaces that of the first",
            "w",
            |derivative, draw| {
                TiedWeight::sample(derivative, draw.tensor(&[2, 3], -1.0..1.0), draw)
            },
        )
        .hidden_by("an input of zeros", |derivative, draw| {
            TiedWeight::sample(derivative, Tensor::zeros(&[2, 3]), draw)
        }),
        function(
            "sqrt: NaN from a masked pole",
            "dx = 0 · ∞ at x = 0, where nothing depends on y",
            "x",
            |derivative, draw| MaskedPole::sample(derivative, 0.0, draw),
        )
        .hidden_by("no number at the pole", |derivative, draw| {
            MaskedPole::sample(derivative, 1.0, draw)
        }),
    ]
}

/// The twin stops the gradient; a numeric derivative agrees if the detached value is held fixed.
struct DetachForgotten;

impl Fault<1> for DetachForgotten {
    type Op = Detach;
    const NAME: &'static str = "detach: forgotten";
    const WRONG: &'static str = "dx = dy, not 0";

    fn sample(draw: &mut Draw) -> (Detach, [Tensor<f64>; 1]) {
        own(draw)
    }

    fn vjp<E: Element>(
        _: &Detach,
        _: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [dy.clone().into()]
    }
}

/// x ⊙ σ(x).
struct Gated {
    derivative: Derivative,
}

impl Function for Gated {
    type Params = Named;

    fn call<'t, E: Element>(&self, _: &'t Tape<E>, params: Named<Var<'t, E>>) -> Var<'t, E> {
        let [x] = params.array();
        x * lost_if(self.derivative == Wrong, x).sigmoid()
    }
}

/// A use of a variable whose share of the gradient is lost: to the other uses this is the same as
/// a store that is written where it should be added to.
fn lost_if<E: Element>(lost: bool, x: Var<'_, E>) -> Var<'_, E> {
    if lost { x.detach() } else { x }
}

/// [upsample(x), tanh x], or the first alone.
///
/// Seen in candle (huggingface/candle pull request 3507): backward of upsampling wrote its gradient over what
/// the other branches had left.
struct UpsampledBeside {
    derivative: Derivative,
    branch: bool,
}

impl UpsampledBeside {
    fn sample(derivative: Derivative, branch: bool, draw: &mut Draw) -> (Self, Named<Tensor<f64>>) {
        (Self { derivative, branch }, Named::new([("x", draw.tensor(&[2, 3], -2.0..2.0))]))
    }
}

impl Function for UpsampledBeside {
    type Params = Named;

    fn call<'t, E: Element>(&self, tape: &'t Tape<E>, params: Named<Var<'t, E>>) -> Var<'t, E> {
        let [x] = params.array();
        let upsampled = tape.apply(Upsample, [x]);
        match self.branch {
            true => Var::concat(&[upsampled, lost_if(self.derivative == Wrong, x).tanh()], 1),
            false => upsampled,
        }
    }
}

/// tanh(tanh(x W) W): one weight, used twice.
struct TiedWeight {
    derivative: Derivative,
    x: Tensor<f64>,
}

impl TiedWeight {
    fn sample(
        derivative: Derivative,
        x: Tensor<f64>,
        draw: &mut Draw,
    ) -> (Self, Named<Tensor<f64>>) {
        (Self { derivative, x }, Named::new([("w", draw.tensor(&[3, 3], -1.0..1.0))]))
    }
}

impl Function for TiedWeight {
    type Params = Named;

    fn call<'t, E: Element>(&self, tape: &'t Tape<E>, params: Named<Var<'t, E>>) -> Var<'t, E> {
        let [w] = params.array();
        let x = tape.constant(self.x.cast());
        let hidden = x.matmul(lost_if(self.derivative == Wrong, w)).tanh();
        hidden.matmul(w).tanh()
    }
}

/// Seen wherever `where(x > 0, sqrt(x), 0)` is differentiated by multiplying: the slope is infinite and the
/// cotangent 0.
struct PlainProduct;

impl Fault<1> for PlainProduct {
    type Op = Sqrt;
    const NAME: &'static str = "sqrt";
    const WRONG: &'static str = "dx = dy · 1/2y, also where dy = 0 and y = 0";

    fn sample(draw: &mut Draw) -> (Sqrt, [Tensor<f64>; 1]) {
        (Sqrt, [draw.tensor(&[3], 0.5..2.0)])
    }

    fn vjp<E: Element>(
        _: &Sqrt,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * (0.5 / y)).into()]
    }
}

/// √x without its first number, which may be at the pole.
struct MaskedPole {
    derivative: Derivative,
}

impl MaskedPole {
    fn sample(derivative: Derivative, first: f64, draw: &mut Draw) -> (Self, Named<Tensor<f64>>) {
        let mut x = draw.tensor(&[3], 0.5..2.0);
        x.data_mut()[0] = first;
        (Self { derivative }, Named::new([("x", x)]))
    }
}

impl Function for MaskedPole {
    type Params = Named;

    fn call<'t, E: Element>(&self, tape: &'t Tape<E>, params: Named<Var<'t, E>>) -> Var<'t, E> {
        let [x] = params.array();
        let op = Faulty::<PlainProduct, 1> { op: Sqrt, derivative: self.derivative };
        tape.apply(op, [x]).slice(0, 1, 3)
    }
}
