use answer::{Backward, Forward, backward};
use autograd::{Tape, Tensor, Var, draw::Draw};
use lessons::check::{cmp, equal, gradient};

const T: usize = 5;
const B: usize = 2;
const I: usize = 3;
const H: usize = 4;

/// The cell's weights, its inputs and its initial state.
#[derive(Clone)]
struct Problem {
    leaves: [Tensor<f64>; 5], // W_ih, W_hh, b, the xs in one tensor, h_{−1}
    d_losses: Vec<Tensor<f64>>,
}

impl Problem {
    fn draw() -> Self {
        let mut draw = Draw::new(8, 0, 0);
        let mut tensor = |shape: &[usize]| draw.signed_tensor(shape, 0.2..0.9);
        let leaves = [&[H, I][..], &[H, H], &[H], &[T, B, I], &[B, H]].map(&mut tensor);
        Self { leaves, d_losses: (0..T).map(|_| tensor(&[B, H])).collect() }
    }

    fn forward(&self) -> Forward {
        let [w_ih, w_hh, b, xs, h] = &self.leaves;
        let xs: Vec<_> = (0..T).map(|t| xs.entry(t)).collect();
        let mut hs = vec![h.clone()];
        for (t, x) in xs.iter().enumerate() {
            hs.push((x.matmul(w_ih.t()) + hs[t].matmul(w_hh.t()) + b).tanh());
        }
        let d_losses = self.d_losses.clone();
        Forward { w_ih: w_ih.clone(), w_hh: w_hh.clone(), xs, hs, d_losses }
    }

    fn loss(&self) -> f64 {
        let hs = self.forward().hs;
        hs[1..].iter().zip(&self.d_losses).map(|(h, d)| (h * d).sum().item()).sum()
    }

    /// The loss as a function of one of the leaves.
    fn loss_of(&self, leaf: usize) -> impl Fn(&Tensor<f64>) -> f64 {
        move |value| {
            let mut moved = self.clone();
            moved.leaves[leaf] = value.clone();
            moved.loss()
        }
    }

    /// The truth about every intermediate, by the tape. Without the `carry`, what a learner gets who
    /// forgets what step t + 1 says of h_t.
    fn by_tape(&self, carry: bool) -> Backward {
        let tape = Tape::new();
        let [w_ih, w_hh, b, _, h] = self.leaves.each_ref().map(|leaf| tape.leaf(leaf.clone()));
        let xs: Vec<_> = (0..T).map(|t| tape.leaf(self.leaves[3].entry(t))).collect();
        let h0 = h;
        let (mut h, mut sums, mut hs) = (h, Vec::new(), Vec::new());
        for x in &xs {
            let before = if carry || hs.is_empty() { h } else { h.detach() };
            let a = x.matmul(w_ih.t()) + before.matmul(w_hh.t()) + b;
            h = a.tanh();
            sums.push(a);
            hs.push(h);
        }
        let d_losses: Vec<_> = self.d_losses.iter().map(|d| tape.constant(d.clone())).collect();
        let grads = tape.backward((Var::stack(&hs) * Var::stack(&d_losses)).sum());
        let of = |vars: &[Var<'_, f64>]| vars.iter().map(|&var| grads.of(var)).collect();
        let (dhs, das, dxs) = (of(&hs), of(&sums), of(&xs));
        let [dw_ih, dw_hh, db, dh0] = [w_ih, w_hh, b, h0].map(|var| grads.of(var));
        Backward { dhs, das, dxs, dw_ih, dw_hh, db, dh0 }
    }
}

pub fn check() {
    let problem = Problem::draw();
    let forward = problem.forward();
    let yours = backward(&forward);
    let (tape, dropped) = (problem.by_tape(true), problem.by_tape(false));
    for (name, list) in [("dhs", &yours.dhs), ("das", &yours.das), ("dxs", &yours.dxs)] {
        equal(&format!("the number of entries of {name}"), list.len(), T);
    }

    // One line for each intermediate, in the order in which the backward pass meets them.
    for t in (0..T).rev() {
        cmp(&format!("dhs[{t}]"), &yours.dhs[t], &tape.dhs[t]);
        cmp(&format!("das[{t}]"), &yours.das[t], &tape.das[t]);
        cmp(&format!("dxs[{t}]"), &yours.dxs[t], &tape.dxs[t]);
    }
    cmp("dw_ih", &yours.dw_ih, &tape.dw_ih);
    cmp("dw_hh", &yours.dw_hh, &tape.dw_hh);
    cmp("db", &yours.db, &tape.db);
    cmp("dh0", &yours.dh0, &tape.dh0);

    // The first thing that is wrong, with what it may be.
    for (name, list, right) in [
        ("dhs", &yours.dhs, &tape.dhs),
        ("das", &yours.das, &tape.das),
        ("dxs", &yours.dxs, &tape.dxs),
    ] {
        let reversed = list.iter().zip(right.iter().rev()).all(|(a, b)| same(a, b));
        assert!(!reversed, "{name} is in reverse order: the first entry has to be that of step 0");
    }
    assert!(
        same(&yours.dhs[T - 1], &tape.dhs[T - 1]) || !same(&yours.dhs[0], &forward.d_losses[0]),
        "dhs[0] is step 0's own loss and no more: the loop runs from the first step to the last; walk backwards"
    );
    let carry = "dhnext is missing: h_t acts on step t + 1 too";
    for t in (0..T).rev() {
        // What step t + 1 hands on, right and wrong; nothing comes from beyond the end.
        let handed = |from: &[Tensor<f64>], w: &Tensor<f64>| match from.get(t + 1) {
            Some(next) => next.matmul(w),
            None => Tensor::zeros(&[B, H]),
        };
        let (own, w_hh) = (&forward.d_losses[t], &forward.w_hh);
        let minus = own - handed(&tape.das, w_hh);
        let transposed = own + handed(&tape.das, &w_hh.transpose(0, 1));
        let too_early = own + handed(&tape.dhs, w_hh);
        first_wrong(
            &format!("dhs[{t}]"),
            &yours.dhs[t],
            &tape.dhs[t],
            &[
                (&dropped.dhs[t], carry),
                (&minus, "dhnext is subtracted; both paths add up"),
                (
                    &transposed,
                    "dhnext is multiplied by the transpose of W_hh: da · W_hh, without `.t()`",
                ),
                (
                    &too_early,
                    "dhnext is dh · W_hh; the way back goes through the tanh first: da · W_hh",
                ),
            ],
        );
        let slope = |sign: f64, h: &Tensor<f64>| &yours.dhs[t] * (1.0 + h * h * sign);
        let (h_prev, h) = (&forward.hs[t], &forward.hs[t + 1]);
        first_wrong(
            &format!("das[{t}]"),
            &yours.das[t],
            &tape.das[t],
            &[
                (&yours.dhs[t], "the factor 1 − h² is missing"),
                (&slope(-1.0, h_prev), "the slope is that of h_{t−1}; h_t is hs[t + 1]"),
                (&slope(1.0, h), "the slope of tanh is 1 − h², with a minus"),
            ],
        );
        first_wrong(&format!("dxs[{t}]"), &yours.dxs[t], &tape.dxs[t], &[]);
    }

    let steps: Vec<_> = (0..T).map(|t| yours.das[t].t().matmul(&forward.hs[t])).collect();
    let next: Vec<_> = (0..T).map(|t| yours.das[t].t().matmul(&forward.hs[t + 1])).collect();
    let total = |steps: &[Tensor<f64>]| steps.iter().fold(Tensor::zeros(&[H, H]), |sum, x| sum + x);
    gradient("w_hh", &problem.leaves[1], problem.loss_of(1), &yours.dw_hh)
        .suspect("only the first step's share is there; `=` where `+=` is due", &steps[0])
        .suspect("only the last step's share is there; `=` where `+=` is due", &steps[T - 1])
        .suspect("da_t is multiplied by h_t; it belongs to h_{t−1}, which is hs[t]", &total(&next))
        .suspect("dhnext is missing", &dropped.dw_hh)
        .verify();
    let inputs: Vec<_> = (0..T).map(|t| yours.das[t].t().matmul(&forward.xs[t])).collect();
    gradient("w_ih", &problem.leaves[0], problem.loss_of(0), &yours.dw_ih)
        .suspect("only the first step's share is there; `=` where `+=` is due", &inputs[0])
        .suspect("only the last step's share is there; `=` where `+=` is due", &inputs[T - 1])
        .verify();
    let means = &tape.db / B as f64;
    gradient("b", &problem.leaves[2], problem.loss_of(2), &yours.db)
        .suspect(
            "it is the mean over the batch; the loss is a sum, so the gradient is one too",
            &means,
        )
        .suspect("only the first step's share is there", &yours.das[0].sum_over(&[0]))
        .verify();
    gradient("h0", &problem.leaves[4], problem.loss_of(4), &yours.dh0)
        .suspect("it is ∂L/∂h_0; one more step leads back to the initial state", &yours.dhs[0])
        .verify();
}

fn same(a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    a.shape() == b.shape() && a.data().iter().zip(b.data()).all(|(a, b)| (a - b).abs() < 1e-9)
}

/// Panics if an intermediate is wrong, with the mistake if it is what one of these gives.
fn first_wrong(
    name: &str,
    yours: &Tensor<f64>,
    right: &Tensor<f64>,
    suspects: &[(&Tensor<f64>, &str)],
) {
    if same(yours, right) {
        return;
    }
    let [is, wanted] = [yours.shape(), right.shape()];
    assert!(is == wanted, "{name} has shape {is:?}, it should have {wanted:?}");
    for (wrong, mistake) in suspects {
        assert!(!same(yours, wrong), "{name}: {mistake}");
    }
    panic!("{name} is the first that is wrong on the way back; those of later steps are right");
}
