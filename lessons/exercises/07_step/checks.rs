use answer::{rnn_states, rnn_step};
use autograd::Tensor;
use lessons::check::{all_close, equal};

/// Numbers at equal distances, from `from` to `to`.
fn linspace(shape: &[usize], from: f64, to: f64) -> Tensor<f64> {
    let last = shape.iter().product::<usize>() - 1;
    Tensor::from_fn(shape, |i| from + (to - from) * i as f64 / last as f64)
}

pub fn check() {
    // Two rows, three inputs, four units; what PyTorch's nn.RNN gives for these numbers, to 8 digits:
    //   python -c "import torch; torch.set_default_dtype(torch.float64); L = torch.linspace
    //   r = torch.nn.RNN(3, 4); w = [L(-.4, .7, 12).reshape(4, 3), L(-.3, .5, 16).reshape(4, 4), L(-.2, .4, 4), L(.1, -.1, 4)]
    //   [p.data.copy_(v) for p, v in zip(r.parameters(), w)]; torch.set_printoptions(precision=8)
    //   print(r(L(-1., 1., 18).reshape(3, 2, 3), L(-.5, .6, 8).reshape(1, 2, 4))[0])"
    let xs: Vec<Tensor<f64>> = (0..3).map(|t| linspace(&[3, 2, 3], -1.0, 1.0).entry(t)).collect();
    let h = linspace(&[2, 4], -0.5, 0.6);
    let w_ih = linspace(&[4, 3], -0.4, 0.7);
    let w_hh = linspace(&[4, 4], -0.3, 0.5);
    let (b_ih, b_hh) = (linspace(&[4], -0.2, 0.4), linspace(&[4], 0.1, -0.1));
    let weights = [&w_ih, &w_hh, &b_ih, &b_hh];

    let first = rnn_step(&xs[0], &h, weights);
    equal("the shape of one step", first.shape(), &[2, 4]);
    // If mended inputs make the answer right, the answer makes the mistake.
    let both = &b_ih + &b_hh;
    let (zero, half) = (Tensor::zeros(&[4]), &both * 0.5);
    let mistakes = [
        ("W_hh is transposed", rnn_step(&xs[0], &h, [&w_ih, &w_hh.transpose(0, 1), &b_ih, &b_hh])),
        ("b_hh is missing", rnn_step(&xs[0], &h, [&w_ih, &w_hh, &both, &zero])),
        ("b_ih is missing", rnn_step(&xs[0], &h, [&w_ih, &w_hh, &zero, &both])),
        ("the tanh is missing", first.map(f64::tanh)),
        ("W_hh h is subtracted; add it", rnn_step(&xs[0], &h, [&w_ih, &-&w_hh, &b_ih, &-&b_hh])),
        ("W_hh h is subtracted; add it", rnn_step(&xs[0], &h, [&w_ih, &-&w_hh, &b_ih, &b_hh])),
        (
            "b_ih is added twice, b_hh not at all",
            rnn_step(&xs[0], &h, [&w_ih, &w_hh, &half, &zero]),
        ),
        (
            "b_hh is added twice, b_ih not at all",
            rnn_step(&xs[0], &h, [&w_ih, &w_hh, &zero, &half]),
        ),
    ];
    if !is_right(&first) {
        for (mistake, mended) in mistakes {
            assert!(!is_right(&mended), "one step: {mistake}");
        }
        let elsewhere = rnn_step(&xs[0], &linspace(&[2, 4], 0.3, 0.1), weights);
        assert!(elsewhere != first, "one step: the state before is not used");
    }
    all_close("one step", first.data(), &STATES[..8], 1e-7);

    let states = rnn_states(&xs, &h, weights);
    assert!(
        states.first() != Some(&h),
        "the first state of the list: it is the initial one; begin with that after step 0"
    );
    equal("the number of states", states.len(), 3);
    let backwards = rnn_step(&xs[2], &h, weights);
    assert!(
        states[0] != backwards,
        "the first state of the list: step 0 reads the last input; walk from the first to the last"
    );
    let from_zeros = rnn_step(&xs[0], &Tensor::zeros(&[2, 4]), weights);
    assert!(
        states[0] != from_zeros,
        "the first state of the list: it starts from zeros; start from `h`"
    );
    let again = rnn_step(&xs[1], &h, weights);
    assert!(
        states[1] != again,
        "the state after two steps: it is computed from the initial state; hand the state on"
    );
    let all: Vec<f64> = states.iter().flat_map(|h| h.data().to_vec()).collect();
    all_close("three steps", &all, &STATES, 1e-7);
}

/// Whether this is the state after the first step.
fn is_right(state: &Tensor<f64>) -> bool {
    state.data().iter().zip(&STATES[..8]).all(|(a, b)| (a - b).abs() < 1e-7)
}

/// The states after each step, [3, 2, 4].
#[rustfmt::skip]
const STATES: [f64; 24] = [
    0.75826623, 0.10542196, -0.65298958, -0.93112749,
    0.12074140, 0.08881855, 0.05671219, 0.02448810,
    0.08526396, -0.09343685, -0.26631369, -0.42360200,
    -0.29845057, 0.04633471, 0.38042257, 0.63796787,
    -0.41751700, 0.01619593, 0.44389858, 0.73428083,
    -0.74219381, 0.13475211, 0.84156101, 0.98077144,
];
