//! Convolution over one or two axes.

use super::{Contribution, Describe, Op};
use crate::draw::Draw;
use crate::element::Element;
use crate::error::{Error, expect};
use crate::tensor::{Convolution, Tensor};

/// Convolution over the last D axes, 1 or 2.
///
/// ```text
/// forward   y[b, o, i] = Σ_{c, u} w[o, c, u] x[b, c, i s + u − p]       s stride, p padding
/// vjp       dx[b, c, i s + u − p] += w[o, c, u] dy[b, o, i]             over all o, i, u
///           dw[o, c, u] = Σ_{b, i} dy[b, o, i] x[b, c, i s + u − p]
/// ```
///
/// for one axis; for two, i, u, s and p are pairs. What lies outside of `x` is 0 and has no
/// gradient. The kernel is not flipped. Add a bias `[O]` as `+ bias.reshape(&[O, 1])`, or
/// `&[O, 1, 1]` for two axes.
///
/// Shapes: `x` [B, C, L], `w` [O, C, K], `y` [B, O, ⌊(L + 2p − K) / s⌋ + 1]; with [H, W] and [KH, KW]
/// for two axes. Source: PyTorch's `conv1d` and `conv2d` without dilation and groups.
pub struct Conv<const D: usize> {
    /// How far the kernel moves from one place to the next, along each axis; at least 1.
    pub stride: [usize; D],
    /// How many zeros stand at each end of each axis.
    pub padding: [usize; D],
}

/// Convolution of [B, C, L] with [O, C, K].
pub type Conv1d = Conv<1>;

/// Convolution of [B, C, H, W] with [O, C, KH, KW].
pub type Conv2d = Conv<2>;

impl<const D: usize> Describe for Conv<D> {
    const NAME: &'static str = if D == 1 { "conv1d" } else { "conv2d" };
    fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        let [batch, channels, out] = [draw.axis().min(2), draw.axis().min(3), draw.axis().min(3)];
        let (mut x, mut w) = (vec![batch, channels], vec![out, channels]);
        let (mut stride, mut padding) = ([0; D], [0; D]);
        for axis in 0..D {
            let kernel = draw.full_axis();
            stride[axis] = draw.below(1..4);
            padding[axis] = draw.below(0..3);
            let shortest = kernel.saturating_sub(2 * padding[axis]);
            x.push(shortest + draw.axis());
            w.push(kernel);
        }
        (Self { stride, padding }, vec![draw.tensor(&x, -1.0..1.0), draw.tensor(&w, -1.0..1.0)])
    }
}

impl<E: Element, const D: usize> Op<E, 2> for Conv<D> {
    fn forward(&self, [x, w]: [&Tensor<E>; 2]) -> Result<Tensor<E>, Error> {
        Ok(Convolution::new(Self::NAME, x, w, self.stride, self.padding)?.forward(x, w))
    }

    fn vjp(&self, [x, w]: [&Tensor<E>; 2], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 2] {
        let sizes = expect(Convolution::new(Self::NAME, x, w, self.stride, self.padding));
        let dx = {
            let (x_shape, w, dy) = (x.shape_value(), w.clone(), dy.clone());
            move || sizes.dx(x_shape, &w, &dy)
        };
        let dw = {
            let (w_shape, x, dy) = (w.shape_value(), x.clone(), dy.clone());
            move || sizes.dw(w_shape, &x, &dy)
        };
        [Contribution::lazy(dx), Contribution::lazy(dw)]
    }
}
