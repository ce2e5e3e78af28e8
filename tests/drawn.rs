//! Cells with options drawn at random: what the tests of all cells run over.

use autograd::draw::Draw;
use autograd::{Params, Tensor};
use rnn::cell::Biased;
use rnn::lstm_variant::{LstmOptions, Settings};
use rnn::min_gru::MinOptions;
use rnn::scan::Space;
use rnn::vanilla::VanillaOptions;
use rnn::{
    Cell, Gru, GruResetBefore, Lstm, LstmVariant, MinGru, MinLstm, Nonlinearity, Trace, Vanilla,
};

use crate::rng;

/// A cell of which any combination of options can be drawn.
pub trait Drawn: Cell {
    /// How far central differences may be off with these parameters. More than usual where third derivatives are
    /// large, as of a power of W_hh or a layer norm over two numbers; the other methods are exact there too.
    fn differences(_: &Self::Of<Tensor<f64>>) -> f64 {
        1e-7
    }

    /// Options for so many units.
    fn options(draw: &mut Draw, hidden_size: usize) -> Self::Options;

    /// Whether a number lies so near a bend of the cell that central differences would look at both sides of it.
    fn near_a_bend(_: &Self::Of<Tensor<f64>>, _: &Trace<Self, f64>) -> bool {
        false
    }
}

/// Options, and parameters that are all random: also those that start as ones and zeros.
pub fn draw_params<C: Drawn>(
    draw: &mut Draw,
    [input_size, hidden_size]: [usize; 2],
) -> C::Of<Tensor<f64>> {
    let options = C::options(draw, hidden_size);
    let seed = draw.below(0..usize::MAX) as u64;
    let params = C::init_with::<f64>(&options, input_size, hidden_size, &mut rng(seed));
    params.map(|w| w + draw.tensor(w.shape(), -0.2..0.2))
}

fn biased(draw: &mut Draw) -> Biased {
    Biased { bias: draw.below(0..4) > 0 }
}

/// Whether one of these numbers is near `bend`.
fn near(numbers: &Tensor<f64>, bend: f64) -> bool {
    numbers.data().iter().any(|x| (x - bend).abs() < 1e-3)
}

impl Drawn for Vanilla {
    fn differences(params: &Vanilla<Tensor<f64>>) -> f64 {
        match params.nonlinearity {
            Nonlinearity::Tanh => 1e-7,
            Nonlinearity::Relu => 1e-6,
        }
    }

    fn options(draw: &mut Draw, _: usize) -> VanillaOptions {
        let nonlinearity = if draw.coin() { Nonlinearity::Tanh } else { Nonlinearity::Relu };
        VanillaOptions { nonlinearity, biased: biased(draw) }
    }

    fn near_a_bend(params: &Vanilla<Tensor<f64>>, trace: &Trace<Self, f64>) -> bool {
        let sums = (0..trace.saved.len()).map(|t| {
            let sum =
                Self::input(params, &trace.xs.step(t)) + trace.states[t].h.matmul(params.w_hh.t());
            params.b_hh.iter().fold(sum, |sum, b| sum + b)
        });
        params.nonlinearity == Nonlinearity::Relu && sums.into_iter().any(|sum| near(&sum, 0.0))
    }
}

impl Drawn for Gru {
    fn options(draw: &mut Draw, _: usize) -> Biased {
        biased(draw)
    }
}

impl Drawn for GruResetBefore {
    fn options(draw: &mut Draw, _: usize) -> Biased {
        biased(draw)
    }
}

impl Drawn for Lstm {
    fn options(draw: &mut Draw, _: usize) -> Biased {
        biased(draw)
    }
}

impl Drawn for LstmVariant {
    fn differences(params: &LstmVariant<Tensor<f64>>) -> f64 {
        if params.settings.layer_norm.is_some() { 1e-5 } else { 1e-7 }
    }

    fn options(draw: &mut Draw, hidden_size: usize) -> LstmOptions {
        let projected = hidden_size > 1 && draw.coin();
        LstmOptions {
            biased: biased(draw),
            peepholes: draw.coin(),
            proj_size: projected.then(|| draw.below(1..hidden_size)),
            settings: Settings {
                coupled: draw.coin(),
                clip: draw.coin().then(|| draw.number(0.1..1.0)),
                layer_norm: draw.coin().then(|| draw.number(0.3..1.0)),
            },
        }
    }

    fn near_a_bend(params: &LstmVariant<Tensor<f64>>, trace: &Trace<Self, f64>) -> bool {
        let clip = params.settings.clip;
        clip.is_some_and(|clip| {
            trace.saved.iter().any(|saved| near(&saved.k, clip) || near(&saved.k, -clip))
        })
    }
}

fn min_options(draw: &mut Draw) -> MinOptions {
    let space = if draw.coin() { Space::Linear } else { Space::Log };
    MinOptions { space, biased: biased(draw) }
}

impl Drawn for MinGru {
    fn options(draw: &mut Draw, _: usize) -> MinOptions {
        min_options(draw)
    }

    fn near_a_bend(params: &MinGru<Tensor<f64>>, trace: &Trace<Self, f64>) -> bool {
        params.space == Space::Log && trace.saved.iter().any(|saved| near(&saved.a_n, 0.0))
    }
}

impl Drawn for MinLstm {
    fn options(draw: &mut Draw, _: usize) -> MinOptions {
        min_options(draw)
    }

    fn near_a_bend(params: &MinLstm<Tensor<f64>>, trace: &Trace<Self, f64>) -> bool {
        params.space == Space::Log && trace.saved.iter().any(|saved| near(&saved.a_g, 0.0))
    }
}
