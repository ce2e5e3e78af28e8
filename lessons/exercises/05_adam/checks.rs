use answer::Adam;
use lessons::check::{all_close, equal};

/// The learning rate of the fixture.
const LR: f64 = 0.1;

/// `torch.optim.Adam([w], lr=0.1)` in double precision, on L = Σ c (w − target)², after 1, 2 and 20 steps, where
///
/// ```text
/// w = linspace(−1, 1, 5)   target = linspace(0, 2, 5)   c = linspace(0.01, 3, 5)
/// ```
const PYTORCH: [(usize, [f64; 5]); 3] = [
    (
        1,
        [
            -0.900000049999975,
            -0.400000000660066,
            0.099999999667774,
            0.599999999778024,
            1.099999999833333,
        ],
    ),
    (
        2,
        [
            -0.800412329725720,
            -0.300412229018502,
            0.199587771650649,
            0.699587771875680,
            1.199587771988571,
        ],
    ),
    (
        20,
        [
            0.271153956624202,
            0.771154095041085,
            1.271154095960795,
            1.771154096270088,
            2.27115409642525,
        ],
    ),
];

fn linspace(from: f64, to: f64) -> [f64; 5] {
    std::array::from_fn(|i| from + (to - from) * i as f64 / 4.0)
}

fn gradient(w: &[f64]) -> Vec<f64> {
    let (target, c) = (linspace(0.0, 2.0), linspace(0.01, 3.0));
    (0..5).map(|i| 2.0 * c[i] * (w[i] - target[i])).collect()
}

pub fn check() {
    let mut adam = Adam::new(LR, 5);
    let mut w = linspace(-1.0, 1.0).to_vec();
    let mut taken = 0;
    for (steps, expected) in PYTORCH {
        while taken < steps {
            let g = gradient(&w);
            adam.step(&mut w, &g);
            taken += 1;
        }
        diagnose(&w, steps, &expected);
        let name = if steps == 1 {
            "the weights after 1 step".to_owned()
        } else {
            format!("the weights after {steps} steps")
        };
        all_close(&name, &w, &expected, 1e-9);
    }
    equal("the number of steps taken, `t`", adam.t, 20);
    edges();
}

/// A weight without a gradient, and a gradient in one step only.
fn edges() {
    let mut adam = Adam::new(LR, 2);
    let mut w = vec![1.0, 1.0];
    adam.step(&mut w, &[0.0, 3.0]);
    all_close("a weight whose gradient is 0 stays", &w[..1], &[1.0], 1e-15);
    let before = w[1];
    adam.step(&mut w, &[0.0, 0.0]);
    assert!(
        w[1] < before,
        "after its gradient has gone, a weight goes on for a while: that is what m is for"
    );
}

/// What people write instead.
struct Variant {
    mistake: &'static str,
    correct_m: bool,
    correct_v: bool,
    eps_inside: bool,
    first_t: i32,
    counts: bool,
    keeps: bool,
    square: bool,
    root: bool,
    swap: bool,
    sign: f64,
}

const RIGHT: Variant = Variant {
    mistake: "",
    correct_m: true,
    correct_v: true,
    eps_inside: false,
    first_t: 1,
    counts: true,
    keeps: false,
    square: true,
    root: true,
    swap: false,
    sign: 1.0,
};

/// Panics if the weights are those of a known mistake.
fn diagnose(w: &[f64], steps: usize, expected: &[f64; 5]) {
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10);
    if close(w, expected) {
        return;
    }
    assert!(w != linspace(-1.0, 1.0), "the weights have not moved");
    assert!(
        w.iter().all(|w| w.is_finite()),
        "a weight is not finite: is t 1 in the first step? With t = 0 the correction divides by 0. \
         And is v the mean of g², which is never negative?"
    );
    let variants = [
        Variant {
            mistake: "without bias correction the first steps are too long",
            correct_m: false,
            correct_v: false,
            ..RIGHT
        },
        Variant { mistake: "v is corrected and m is not", correct_m: false, ..RIGHT },
        Variant { mistake: "m is corrected and v is not", correct_v: false, ..RIGHT },
        Variant {
            mistake: "ε belongs outside of the root, √v̂ + ε", eps_inside: true, ..RIGHT
        },
        Variant { mistake: "t is 2 in the first step; count once", first_t: 2, ..RIGHT },
        Variant { mistake: "t is 1 in every step; count them", counts: false, ..RIGHT },
        Variant {
            mistake: "m and v are corrected again and again; keep them as they are, and correct only \
                      what goes into the step",
            keeps: true,
            ..RIGHT
        },
        Variant {
            mistake: "v is the mean of g², and here it is that of g",
            square: false,
            ..RIGHT
        },
        Variant { mistake: "the step is divided by √v̂, and here by v̂", root: false, ..RIGHT },
        Variant { mistake: "β₁ and β₂ are exchanged", swap: true, ..RIGHT },
        Variant { mistake: "the step goes up the slope; subtract it", sign: -1.0, ..RIGHT },
    ];
    for variant in variants {
        let plural = if steps == 1 { "" } else { "s" };
        assert!(
            !close(w, &variant.run(steps)),
            "after {steps} step{plural}: {}",
            variant.mistake
        );
    }
}

impl Variant {
    fn run(&self, steps: usize) -> Vec<f64> {
        let mut w = linspace(-1.0, 1.0).to_vec();
        let (mut m, mut v) = ([0.0; 5], [0.0; 5]);
        let (b1, b2) = if self.swap { (0.999_f64, 0.9_f64) } else { (0.9, 0.999) };
        for step in 0..steps as i32 {
            let t = self.first_t + if self.counts { step } else { 0 };
            let g = gradient(&w);
            for ((w, g), (m, v)) in w.iter_mut().zip(g).zip(m.iter_mut().zip(&mut v)) {
                *m = b1 * *m + (1.0 - b1) * g;
                *v = b2 * *v + (1.0 - b2) * if self.square { g * g } else { g };
                let corrected_m = if self.correct_m { *m / (1.0 - b1.powi(t)) } else { *m };
                let corrected_v = if self.correct_v { *v / (1.0 - b2.powi(t)) } else { *v };
                if self.keeps {
                    (*m, *v) = (corrected_m, corrected_v);
                }
                let (m, v) = (corrected_m, corrected_v);
                let below = match (self.root, self.eps_inside) {
                    (true, true) => (v + 1e-8).sqrt(),
                    (true, false) => v.sqrt() + 1e-8,
                    (false, _) => v + 1e-8,
                };
                *w -= self.sign * LR * m / below;
            }
        }
        w
    }
}
