//! Faults in functions of one number, and in arithmetic.

use autograd::draw::Draw;
use autograd::ops::{Contribution, Div, Exp, Ln, Mul, Op, Powf, Relu, Sigmoid, Sqrt, Sub, Tanh};
use autograd::{Element, Tensor};

use super::ops::{Cube, Gelu, own};
use super::{Entry, Fault, op, op_with_careless};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        op::<SignFlipped, 2>(),
        op::<TwiceTooLarge, 1>(),
        op::<FactorsExchanged, 2>(),
        op::<SignMissing, 2>(),
        op::<ExponentForPower, 1>(),
        op_with_careless::<Clamped, 1>("no number below the clamp", |draw| {
            (Ln, [draw.tensor(&[3, 4], 1.1..3.0)])
        }),
        op::<HalfMissing, 1>(),
        op::<EpsilonAdded, 1>(),
        op::<PowerOffByOne, 1>(),
        op::<SquareMissing, 1>(),
        op::<FromTheInput, 1>(),
        op::<ThroughF32, 1>(),
        op_with_careless::<Leaking, 1>("positive numbers only", |draw| {
            (Relu, [draw.tensor(&[3, 4], 0.1..2.0)])
        }),
        op::<ConstantsTruncated, 1>(),
        op::<MeanOfCotangents, 1>(),
        op_with_careless::<OneEntryOfAThousand, 1>("a small input", |draw| {
            (Tanh, [draw.tensor(&[3, 4], -2.0..2.0)])
        }),
        op::<SlopeFrozen, 1>(),
    ]
}

/// Numbers in a range, [3, 4].
fn numbers(draw: &mut Draw, from: f64, to: f64) -> [Tensor<f64>; 1] {
    [draw.tensor(&[3, 4], from..to)]
}

struct SignFlipped;

impl Fault<2> for SignFlipped {
    type Op = Sub;
    const NAME: &'static str = "sub: sign flipped";
    const WRONG: &'static str = "db = dy, not −dy";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (Sub, [Tensor<f64>; 2]) {
        (Sub, [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[2, 3], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Sub,
        _: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [dy.clone().into(), dy.clone().into()]
    }
}

struct TwiceTooLarge;

impl Fault<1> for TwiceTooLarge {
    type Op = Exp;
    const NAME: &'static str = "exp: twice too large";
    const WRONG: &'static str = "dx = 2 dy y";

    fn sample(draw: &mut Draw) -> (Exp, [Tensor<f64>; 1]) {
        (Exp, numbers(draw, -2.0, 2.0))
    }

    fn vjp<E: Element>(
        _: &Exp,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * y * 2.0).into()]
    }
}

struct FactorsExchanged;

impl Fault<2> for FactorsExchanged {
    type Op = Mul;
    const NAME: &'static str = "mul: factors exchanged";
    const WRONG: &'static str = "da = dy a and db = dy b";

    fn sample(draw: &mut Draw) -> (Mul, [Tensor<f64>; 2]) {
        (Mul, [draw.tensor(&[2, 3], -2.0..2.0), draw.tensor(&[2, 3], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        _: &Mul,
        [a, b]: [&Tensor<E>; 2],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [(dy * a).into(), (dy * b).into()]
    }
}

struct SignMissing;

impl Fault<2> for SignMissing {
    type Op = Div;
    const NAME: &'static str = "div: sign of the denominator's gradient";
    const WRONG: &'static str = "db = dy y / b, not −dy y / b";
    const INPUT: usize = 1;

    fn sample(draw: &mut Draw) -> (Div, [Tensor<f64>; 2]) {
        (Div, [draw.tensor(&[2, 3], 0.5..2.0), draw.signed_tensor(&[2, 3], 0.5..2.0)])
    }

    fn vjp<E: Element>(
        _: &Div,
        [_, b]: [&Tensor<E>; 2],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 2] {
        [(dy / b).into(), (dy * y / b).into()]
    }
}

struct ExponentForPower;

impl Fault<1> for ExponentForPower {
    type Op = Exp;
    const NAME: &'static str = "exp: input in place of output";
    const WRONG: &'static str = "dx = dy x, not dy e^x";

    fn sample(draw: &mut Draw) -> (Exp, [Tensor<f64>; 1]) {
        (Exp, numbers(draw, -2.0, 2.0))
    }

    fn vjp<E: Element>(
        _: &Exp,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * x).into()]
    }
}

/// The sample needs numbers below 1, where the clamp acts.
struct Clamped;

impl Fault<1> for Clamped {
    type Op = Ln;
    const NAME: &'static str = "ln: clamped";
    const WRONG: &'static str = "dx = dy / max(x, 1)";

    fn sample(draw: &mut Draw) -> (Ln, [Tensor<f64>; 1]) {
        (Ln, numbers(draw, 0.3, 3.0))
    }

    fn vjp<E: Element>(
        _: &Ln,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy / x.map(|x| if x.value() < 1.0 { E::ONE } else { x })).into()]
    }
}

struct HalfMissing;

impl Fault<1> for HalfMissing {
    type Op = Sqrt;
    const NAME: &'static str = "sqrt: one half missing";
    const WRONG: &'static str = "dx = dy / y, not dy / 2y";

    fn sample(draw: &mut Draw) -> (Sqrt, [Tensor<f64>; 1]) {
        (Sqrt, numbers(draw, 0.3, 3.0))
    }

    fn vjp<E: Element>(
        _: &Sqrt,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy / y).into()]
    }
}

/// A remedy against division by zero that changes every derivative a little.
struct EpsilonAdded;

impl Fault<1> for EpsilonAdded {
    type Op = Sqrt;
    const NAME: &'static str = "sqrt: epsilon in the denominator";
    const WRONG: &'static str = "dx = dy / (2y + 1e-6)";

    fn sample(draw: &mut Draw) -> (Sqrt, [Tensor<f64>; 1]) {
        (Sqrt, numbers(draw, 0.3, 3.0))
    }

    fn vjp<E: Element>(
        _: &Sqrt,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy / (y * 2.0 + 1e-6)).into()]
    }
}

struct PowerOffByOne;

impl Fault<1> for PowerOffByOne {
    type Op = Powf;
    const NAME: &'static str = "powf: exponent off by one";
    const WRONG: &'static str = "dx = dy p x^p, not dy p x^(p−1)";

    fn sample(draw: &mut Draw) -> (Powf, [Tensor<f64>; 1]) {
        (Powf { exponent: draw.number(1.5..3.0) }, numbers(draw, 0.5, 2.0))
    }

    fn vjp<E: Element>(
        op: &Powf,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * y * op.exponent).into()]
    }
}

struct SquareMissing;

impl Fault<1> for SquareMissing {
    type Op = Tanh;
    const NAME: &'static str = "tanh: 1 − y² missing";
    const WRONG: &'static str = "dx = dy, not dy (1 − y²)";

    fn sample(draw: &mut Draw) -> (Tanh, [Tensor<f64>; 1]) {
        (Tanh, numbers(draw, -2.0, 2.0))
    }

    fn vjp<E: Element>(
        _: &Tanh,
        _: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [dy.clone().into()]
    }
}

struct FromTheInput;

impl Fault<1> for FromTheInput {
    type Op = Sigmoid;
    const NAME: &'static str = "sigmoid: y (1 − y) of the input";
    const WRONG: &'static str = "dx = dy x (1 − x), not dy y (1 − y)";

    fn sample(draw: &mut Draw) -> (Sigmoid, [Tensor<f64>; 1]) {
        (Sigmoid, numbers(draw, -3.0, 3.0))
    }

    fn vjp<E: Element>(
        _: &Sigmoid,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * x * (1.0 - x)).into()]
    }
}

/// A detour through single precision on the way back: relative error 3e-8.
struct ThroughF32;

impl Fault<1> for ThroughF32 {
    type Op = Sigmoid;
    const NAME: &'static str = "sigmoid: through f32";
    const WRONG: &'static str = "y (1 − y) is rounded to f32";

    fn sample(draw: &mut Draw) -> (Sigmoid, [Tensor<f64>; 1]) {
        (Sigmoid, numbers(draw, -3.0, 3.0))
    }

    fn vjp<E: Element>(
        _: &Sigmoid,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * (y * (1.0 - y)).cast::<f32>().cast::<E>()).into()]
    }
}

struct Leaking;

impl Fault<1> for Leaking {
    type Op = Relu;
    const NAME: &'static str = "relu: gradient where x ≤ 0";
    const WRONG: &'static str = "dx = dy everywhere";

    fn sample(draw: &mut Draw) -> (Relu, [Tensor<f64>; 1]) {
        (Relu, [draw.signed_tensor(&[3, 4], 0.1..2.0)])
    }

    fn vjp<E: Element>(
        _: &Relu,
        _: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [dy.clone().into()]
    }
}

/// Seen in candle, candle-core/src/backprop.rs at 04d015f: six digits, where the forward pass has sixteen.
struct ConstantsTruncated;

impl Fault<1> for ConstantsTruncated {
    type Op = Gelu;
    const NAME: &'static str = "gelu: truncated constants";
    const WRONG: &'static str =
        "√(2/π) has six digits on the way back and sixteen on the way there";

    fn sample(draw: &mut Draw) -> (Gelu, [Tensor<f64>; 1]) {
        own(draw)
    }

    fn vjp<E: Element>(
        _: &Gelu,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let cube = x * x * x;
        let t = (x * 0.797885 + &cube * 0.0356774).map(E::tanh);
        let slope = &t * 0.5 + (x * 0.398942 + cube * 0.0535161) * (1.0 - &t * &t) + 0.5;
        [(dy * slope).into()]
    }
}

/// Equal cotangents, as an unweighted sum gives them, hide it.
struct MeanOfCotangents;

impl Fault<1> for MeanOfCotangents {
    type Op = Tanh;
    const NAME: &'static str = "tanh: mean of the cotangents";
    const WRONG: &'static str = "dx = mean(dy) (1 − y²): right on average, and for equal dy";

    fn sample(draw: &mut Draw) -> (Tanh, [Tensor<f64>; 1]) {
        (Tanh, numbers(draw, -2.0, 2.0))
    }

    fn vjp<E: Element>(
        _: &Tanh,
        _: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let mean = dy.sum() / dy.elements() as f64;
        [((1.0 - y * y) * mean).into()]
    }
}

/// The sample is too large to be checked entry by entry: random directions must find it.
pub(super) struct OneEntryOfAThousand;

impl Fault<1> for OneEntryOfAThousand {
    type Op = Tanh;
    const NAME: &'static str = "tanh: one entry of a thousand";
    const WRONG: &'static str = "dx[617] is twice too large";

    fn sample(draw: &mut Draw) -> (Tanh, [Tensor<f64>; 1]) {
        (Tanh, [draw.tensor(&[1000], -2.0..2.0)])
    }

    fn vjp<E: Element>(
        op: &Tanh,
        [x]: [&Tensor<E>; 1],
        y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        let [dx] = op.vjp([x], y, dy);
        let mut dx = dx.into_dense(&x.shape_value(), dy);
        if let Some(entry) = dx.data_mut().get_mut(617) {
            *entry += *entry;
        }
        [dx.into()]
    }
}

/// Right at order 1; only the derivative of the gradient shows it.
struct SlopeFrozen;

impl Fault<1> for SlopeFrozen {
    type Op = Cube;
    const NAME: &'static str = "cube: slope frozen";
    const WRONG: &'static str = "3x² is made of `x.value()`, a constant to the second derivative";

    fn sample(draw: &mut Draw) -> (Cube, [Tensor<f64>; 1]) {
        own(draw)
    }

    fn vjp<E: Element>(
        _: &Cube,
        [x]: [&Tensor<E>; 1],
        _y: &Tensor<E>,
        dy: &Tensor<E>,
    ) -> [Contribution<E>; 1] {
        [(dy * x.map(|x| E::from_f64(3.0 * x.value() * x.value()))).into()]
    }
}
