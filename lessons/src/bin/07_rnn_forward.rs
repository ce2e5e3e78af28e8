//! Lesson 07. What is a hidden state?      cargo lesson 07_rnn_forward   (1 s)
//!
//! A network with three numbers of memory reads "hello". Its step is written out in loops, and computed twice more: by
//! the scalar engine of chapter 2 and by the library. Then the same weights read a thousand letters.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::{Params, Tensor, scalar};
use clap::Parser;
use lessons::figure::{Anchor, Drawing};
use lessons::options::Options;
use lessons::plot::{INK, LineChart, SERIES, Series};
use lessons::report::{power_of_ten_above, result, run};
use lessons::seeds::Spread;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Seq, Vanilla, unroll};

const LETTERS: [char; 4] = ['h', 'e', 'l', 'o'];
const V: usize = LETTERS.len();
const H: usize = 3;

/// What is a hidden state? Three numbers that a network carries from letter to letter
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

// ANCHOR: weights
/// The weights of one cell, as plain rows of numbers.
struct Weights {
    w_ih: [[f64; V]; H],
    b_ih: [f64; H],
    w_hh: [[f64; H]; H],
    b_hh: [f64; H],
}
// ANCHOR_END: weights

#[expect(clippy::needless_range_loop, reason = "the loops read as the formula does")]
// ANCHOR: step
/// One step: h′ = tanh(W_ih x + b_ih + W_hh h + b_hh).
fn step(weights: &Weights, x: &[f64; V], h: &[f64; H]) -> [f64; H] {
    let mut next = [0.0; H];
    for i in 0..H {
        let mut sum = weights.b_ih[i] + weights.b_hh[i];
        for j in 0..V {
            sum += weights.w_ih[i][j] * x[j]; // what is read now
        }
        for j in 0..H {
            sum += weights.w_hh[i][j] * h[j]; // what was there before
        }
        next[i] = sum.tanh();
    }
    next
}
// ANCHOR_END: step

// ANCHOR: read
/// Reads a word from the state `h`: the state after each letter.
fn read(weights: &Weights, word: &str, mut h: [f64; H]) -> Vec<[f64; H]> {
    let mut hs = Vec::new();
    for letter in word.chars() {
        h = step(weights, &one_hot(letter), &h);
        hs.push(h);
    }
    hs
}
// ANCHOR_END: read

/// A one at the letter's place, zeros elsewhere.
fn one_hot(letter: char) -> [f64; V] {
    LETTERS.map(|l| if l == letter { 1.0 } else { 0.0 })
}

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let cell = Vanilla::init::<f64>(V, H, &mut ChaCha8Rng::seed_from_u64(options.seed));
    let weights = weights(&cell);
    let zero = [0.0; H];

    // 1. Letter by letter.
    println!("1. reading \"hello\" with {H} units, from a state of zeros");
    let hello = read(&weights, "hello", zero);
    for (letter, h) in "hello".chars().zip(&hello) {
        println!("   {letter}   {}", numbers(h));
    }

    // 2. A one-hot letter picks a column of W_ih: nothing needs to be multiplied.
    let column = |letter: char| {
        let j = LETTERS.iter().position(|&l| l == letter).expect("a letter of hello");
        [0, 1, 2].map(|i| weights.w_ih[i][j])
    };
    println!("\n2. W_ih onehot(e) is a column of W_ih\n   {}", numbers(&column('e')));
    let product: [f64; H] =
        [0, 1, 2].map(|i| (0..V).map(|j| weights.w_ih[i][j] * one_hot('e')[j]).sum());
    ensure!(product == column('e'), "the product {product:?} is not the column");

    // 3. The same letter twice is not the same state.
    let distance = norm(&[0, 1, 2].map(|i| hello[3][i] - hello[2][i]));
    println!("\n3. after \"hel\" and after \"hell\" the last letter is the same, the state is not");
    println!("   distance {distance:.3}");
    let olleh = *read(&weights, "olleh", zero).last().expect("five letters");
    let order = norm(&[0, 1, 2].map(|i| olleh[i] - hello[4][i]));
    println!("   after \"hello\" and \"olleh\", the same letters: distance {order:.3}");

    // 4. Three ways to one state, for three sets of weights.
    let others = [0, 1, 2].map(|i| ChaCha8Rng::seed_from_u64(options.seed + i));
    let cells = others.map(|mut rng| Vanilla::init::<f64>(V, H, &mut rng));
    for cell in &cells {
        let weights = self::weights(cell);
        let hs = read(&weights, "hello", zero);
        let largest = |other: &[[f64; H]]| {
            let pairs = hs.iter().flatten().zip(other.iter().flatten());
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        let (engine, library) =
            (by_the_scalar_engine(&weights, "hello"), by_the_library(cell, "hello"));
        ensure!(largest(&engine) < 1e-12, "the scalar engine differs by {:.1e}", largest(&engine));
        ensure!(largest(&library) < 1e-12, "the library differs by {:.1e}", largest(&library));
    }
    println!("\n4. loops, scalar engine and library agree to better than 1e-12");

    // 5. The same weights, any length.
    let count: usize = cell.count();
    println!("\n5. numbers that are learned, and numbers that are carried");
    println!("   letters   weights   state   multiplications");
    for letters in [1, 10, 100, 1000] {
        let word: String = "hello".chars().cycle().take(letters).collect();
        let hs = read(&weights, &word, zero);
        ensure!(hs.len() == letters && cell.count() == count, "the weights depend on the length");
        println!("   {letters:7} {count:9} {H:7} {:17}", letters * (H * V + H * H));
    }

    // 6. What becomes of the state it began with.
    let word: String = "hello".chars().cycle().take(30).collect();
    let starts = [[0.9, -0.9, 0.9], [-0.9, 0.9, 0.9], [0.9, 0.9, -0.9]];
    let mut chart = LineChart::new(
        "Two beginnings, the same letters",
        "letters read",
        "distance to the state that began at zero",
    );
    chart.log_y = true;
    println!("\n6. distance to the run from zeros, for three other initial states");
    println!("   letters        0        1       10       30");
    let mut last: f64 = 0.0;
    for (n, start) in starts.into_iter().enumerate() {
        let distances = distances(&weights, &word, start);
        let shown = [0, 1, 10, 30].map(|t| format!("{:8.1e}", distances[t]));
        println!("   start {}  {}", n + 1, shown.join(" "));
        last = last.max(distances[30]);
        let points = distances.iter().enumerate().map(|(t, &d)| (t as f64, d)).collect();
        chart.series.push(Series::new(&format!("start {}", n + 1), points));
    }
    let fades = cells.each_ref().map(|cell| {
        let distances = distances(&self::weights(cell), &word, starts[0]);
        (distances[30] / distances[10]).powf(1.0 / 20.0)
    });
    let fades = Spread::of(fades);
    println!("   what a letter leaves of it, three sets of weights: {fades}");
    ensure!(fades.median < 0.9, "a letter leaves {fades} of the difference");
    chart.write(&folder.join("forgetting.svg"))?;
    unrolled(&hello).write(&folder.join("unrolled.svg"))?;

    println!();
    result("weights", count);
    let larger = Vanilla::init::<f64>(65, 100, &mut ChaCha8Rng::seed_from_u64(options.seed));
    result("weights_65_100", larger.count());
    result("units", H);
    result("letters", V);
    result("distance_hel_hell", format!("{distance:.3}"));
    result("distance_hello_olleh", format!("{order:.3}"));
    result("forgotten_below", power_of_ten_above(last));
    result("fade", format!("{:.2}", fades.median));
    result("fade_spread", fades.range(2));
    result("h_5", numbers(&hello[4]).trim());
    Ok(())
}

/// The library's parameters as plain rows.
fn weights(cell: &Vanilla<Tensor<f64>>) -> Weights {
    let rows = |w: &Tensor<f64>, i: usize, width: usize| w.data()[i * width..][..width].to_vec();
    let bias = |b: &Option<Tensor<f64>>| {
        let b = b.as_ref().expect("the cell has biases");
        [0, 1, 2].map(|i| b.data()[i])
    };
    Weights {
        w_ih: [0, 1, 2].map(|i| rows(&cell.w_ih, i, V).try_into().expect("V numbers")),
        b_ih: bias(&cell.b_ih),
        w_hh: [0, 1, 2].map(|i| rows(&cell.w_hh, i, H).try_into().expect("H numbers")),
        b_hh: bias(&cell.b_hh),
    }
}

// ANCHOR: engine
/// The same on the scalar engine: every product and sum a node of its own.
fn by_the_scalar_engine(weights: &Weights, word: &str) -> Vec<[f64; H]> {
    let tape = scalar::Tape::new();
    let var = |x: f64| tape.var(x);
    let w_ih = weights.w_ih.map(|row| row.map(var));
    let w_hh = weights.w_hh.map(|row| row.map(var));
    let (b_ih, b_hh) = (weights.b_ih.map(var), weights.b_hh.map(var));
    let mut h = [0.0; H].map(var);
    let mut hs = Vec::new();
    for letter in word.chars() {
        let x = one_hot(letter).map(var);
        h = [0, 1, 2].map(|i| {
            let now = (0..V).fold(b_ih[i] + b_hh[i], |sum, j| sum + w_ih[i][j] * x[j]);
            (0..H).fold(now, |sum, j| sum + w_hh[i][j] * h[j]).tanh()
        });
        hs.push(h.map(|h| h.value()));
    }
    hs
}
// ANCHOR_END: engine

// ANCHOR: library
/// The same by the library, for one row: [T, 1, V] in, [T, 1, H] out.
fn by_the_library(cell: &Vanilla<Tensor<f64>>, word: &str) -> Vec<[f64; H]> {
    let letters: Vec<char> = word.chars().collect();
    let shape = [letters.len(), 1, V];
    let xs = Tensor::from_fn(&shape, |i| one_hot(letters[i / V])[i % V]);
    let h0 = Vanilla::zero_state(cell, 1);
    let hs = unroll::<Vanilla, f64>(cell, &Seq::time_major(xs), &h0).outputs();
    hs.data().chunks(H).map(|h| h.try_into().expect("H numbers")).collect()
}
// ANCHOR_END: library

/// How far the state is from that of a run that began at zero, before the first letter and after each.
fn distances(weights: &Weights, word: &str, start: [f64; H]) -> Vec<f64> {
    let (zeros, others) = (read(weights, word, [0.0; H]), read(weights, word, start));
    let after = zeros.iter().zip(&others).map(|(a, b)| norm(&[0, 1, 2].map(|i| a[i] - b[i])));
    std::iter::once(norm(&start)).chain(after).collect()
}

fn norm(x: &[f64; H]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn numbers(h: &[f64]) -> String {
    h.iter().map(|x| format!("{x:7.3}")).collect::<Vec<_>>().join(" ")
}

/// The unrolled network: a copy of the cell for each letter, with the numbers that it computed.
fn unrolled(hs: &[[f64; H]]) -> Drawing {
    let mut drawing = Drawing::new(680, 250);
    drawing.text([12.0, 18.0], Anchor::Start, 16, INK, "One cell, five letters");
    for (t, (letter, h)) in "hello".chars().zip(hs).enumerate() {
        let x = 140.0 + 115.0 * t as f64;
        let from = if t == 0 { 68.0 } else { x - 77.0 };
        drawing.line([from, 115.0], [x - 38.0, 115.0], INK, 1.5);
        drawing.text([x - 57.5, 103.0], Anchor::Middle, 12, SERIES[1], "W_hh");
        drawing.frame([x - 38.0, 75.0], [76.0, 80.0], SERIES[0], 2.0);
        for (i, value) in h.iter().enumerate() {
            let y = 92.0 + 23.0 * i as f64;
            drawing.text([x, y], Anchor::Middle, 15, INK, &format!("{value:.3}"));
        }
        drawing.line([x, 155.0], [x, 195.0], INK, 1.5);
        drawing.text([x + 24.0, 176.0], Anchor::Middle, 12, SERIES[1], "W_ih");
        drawing.text([x, 212.0], Anchor::Middle, 18, SERIES[2], &letter.to_string());
        drawing.text([x, 60.0], Anchor::Middle, 13, SERIES[0], &format!("h_{}", t + 1));
    }
    drawing.text([62.0, 115.0], Anchor::End, 13, SERIES[0], "h_0 = 0");
    drawing.text(
        [12.0, 238.0],
        Anchor::Start,
        13,
        SERIES[1],
        "the same W_ih and W_hh at every step",
    );
    drawing
}
