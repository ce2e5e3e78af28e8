//! Lesson 03. How do shapes change the chain rule?      cargo lesson 03_tensor_vjps   (1 s)
//!
//! Why what was repeated forward is summed backward, what a matrix product sends back and why no
//! Jacobian is ever written down, and what happens when numbers are repeated that should not be.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::draw::Draw;
use autograd::gradcheck::{OpCheck, every_op};
use autograd::transform::jacobian;
use autograd::{Tape, Tensor, Var, scalar};
use clap::Parser;
use lessons::figure::{Anchor, Drawing};
use lessons::options::Options;
use lessons::plot::{BASELINE, INK, SERIES};
use lessons::report::{power_of_ten_above, result, run};
use lessons::seeds::Spread;

/// How do shapes change the chain rule? Broadcasts, matrix products, and every op of the crate
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;
    let seeds = [0, 1, 2].map(|more| options.seed.wrapping_add(more));

    copies()?;
    shapes()?;
    let [slopes, zeros] = product(&folder.join("matmul.svg"))?;
    let not_zero = not_zero_of_five_rows();
    let [right, wrong] = unwanted()?;
    let errors = every_derivative(seeds)?;
    let engines = two_engines(seeds)?;

    println!();
    result("jacobian_entries", slopes);
    result("jacobian_zeros", zeros);
    result("jacobian_not_zero_of_five_rows", not_zero);
    result("slope_right", format!("{:.3}", right.slope));
    result("slope_unwanted", format!("{:.3}", wrong.slope));
    result("shift_unwanted", format!("{:.3}", wrong.shift));
    result("ops", errors.ops);
    result("cases", errors.cases);
    result("broadcasts", errors.broadcasts);
    result("entries", errors.entries);
    result("numeric_error", format!("{:.0e}", errors.worst.median));
    result("numeric_error_low", format!("{:.0e}", errors.worst.low));
    result("numeric_error_high", format!("{:.0e}", errors.worst.high));
    result("engines_differ_below", power_of_ten_above(engines.error.high));
    result("nodes_scalar", engines.scalar_nodes);
    result("nodes_tensor", engines.tensor_nodes);
    result("parameters", engines.parameters);
    Ok(())
}

/// Section 1. One row is added to every row of a table: what comes back to it?
fn copies() -> Result<()> {
    // ANCHOR: copies
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]); // [2, 3]
    let b = Tensor::from([10.0, 20.0, 30.0]); // [3]
    let dy = Tensor::from([[0.5, -1.0, 2.0], [1.5, 3.0, -4.0]]); // dL/dy, given

    // The tape's way: b is one leaf, and each row of x meets it.
    let tape = Tape::new();
    let (x_var, b_var) = (tape.constant(x.clone()), tape.leaf(b.clone()));
    let loss = ((x_var + b_var) * tape.constant(dy.clone())).sum();
    let db = tape.backward(loss).of(b_var);

    // The long way: every row of x has a copy of b to itself.
    let tape = Tape::new();
    let copies = [tape.leaf(b.clone()), tape.leaf(b)];
    let y = tape.constant(x) + Var::stack(&copies);
    let grads = tape.backward((y * tape.constant(dy.clone())).sum());
    let of_copies = copies.map(|copy| grads.of(copy));
    // ANCHOR_END: copies

    println!("1. y = x + b, a row b [3] added to each row of x [2, 3]");
    println!("   dL/dy is given:              {}", row(&dy.entry(0)));
    println!("                                {}", row(&dy.entry(1)));
    println!("   dL/d(first copy of b)        {}", row(&of_copies[0]));
    println!("   dL/d(second copy of b)       {}", row(&of_copies[1]));
    println!("   dL/db, by the tape           {}", row(&db));
    ensure!(db == &of_copies[0] + &of_copies[1], "the gradient of b is not the sum of its copies");
    Ok(())
}

// ANCHOR: sum_to
/// The gradient of an operand of this shape that was repeated until it had the shape of
/// `dy`: the sum over every axis that it did not have, and over every axis in which it
/// was 1 long.
fn sum_to(dy: &Tensor<f64>, shape: &[usize]) -> Tensor<f64> {
    let missing = dy.shape().len() - shape.len();
    let repeated: Vec<usize> = (0..dy.shape().len())
        .filter(|&axis| axis < missing || shape[axis - missing] == 1)
        .collect();
    dy.sum_over(&repeated).reshape(shape)
}
// ANCHOR_END: sum_to

/// Section 2. Which axes are summed can be read from two shapes.
fn shapes() -> Result<()> {
    let dy = Tensor::from([[0.5, -1.0, 2.0], [1.5, 3.0, -4.0]]);
    println!("\n2. the same dL/dy [2, 3], for a b of every shape that fits");
    println!("   shape of b   dL/db");
    for shape in [&[2, 3][..], &[3], &[1, 3], &[2, 1], &[1, 1], &[]] {
        let by_hand = sum_to(&dy, shape);
        let tape = Tape::new();
        let b = tape.leaf(Tensor::zeros(shape));
        let y = tape.constant(Tensor::zeros(&[2, 3])) + b;
        let by_tape = tape.backward((y * tape.constant(dy.clone())).sum()).of(b);
        ensure!(by_hand == by_tape, "a b of shape {shape:?} has two gradients");
        println!("   {:<11} {}", format!("{shape:?}"), row(&by_hand));
    }
    Ok(())
}

/// Section 3. Y = A B: the gradients of both factors, with numbers that can be checked by hand. Returns the number of
/// entries of the Jacobian of Y in A, and of those that are 0.
fn product(figure: &Path) -> Result<[usize; 2]> {
    let a = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]); // [2, 3]
    let b = Tensor::from([[1.0, -2.0, 2.0, -1.0], [3.0, 1.0, 1.0, 2.0], [2.0, -1.0, -3.0, 1.0]]); // [3, 4]
    let dy = Tensor::from([[1.0, -1.0, 0.5, 2.0], [0.0, 1.0, -0.5, 1.0]]); // [2, 4]

    // ANCHOR: matmul_vjp
    let da = dy.matmul(b.t()); // [2, 4] · [4, 3] = [2, 3], the shape of A
    let db = a.t().matmul(&dy); // [3, 2] · [2, 4] = [3, 4], the shape of B
    // ANCHOR_END: matmul_vjp

    // The same by the definition: all derivatives of all outputs, each multiplied by its dY.
    let [ja, jb] = jacobian(|_, [a, b]| a.matmul(b), &[a.clone(), b.clone()]); // [2, 4, 2, 3] and [2, 4, 3, 4]
    let seed = dy.reshape(&[1, 8]);
    let pulled =
        |j: &Tensor<f64>, shape| seed.matmul(&j.reshape(&[8, j.elements() / 8])).reshape(shape);
    ensure!(pulled(&ja, &[2, 3]) == da && pulled(&jb, &[3, 4]) == db, "the Jacobian disagrees");
    let zeros = ja.data().iter().filter(|&&slope| slope == 0.0).count();

    println!("\n3. Y = A B with A [2, 3], B [3, 4]");
    for (name, matrix) in [("dL/dY", &dy), ("dL/dA", &da), ("dL/dB", &db)] {
        for i in 0..matrix.shape()[0] {
            println!("   {:<6} {}", if i == 0 { name } else { "" }, row(&matrix.entry(i)));
        }
    }
    println!("   the Jacobian of Y in A has {} entries, {zeros} of them 0", ja.elements());
    let sizes =
        [[2, 3, 4], [32, 128, 128]].map(|[m, k, n]: [usize; 3]| [m, k, n, (m * n) * (m * k)]);
    println!("   A         B            entries");
    for [m, k, n, entries] in sizes {
        println!("   {:<9} {:<11} {entries:>8}", format!("[{m}, {k}]"), format!("[{k}, {n}]"));
    }
    draw_product(&a, &b, &dy, [&da, &db]).write(figure)?;
    Ok([ja.elements(), zeros])
}

/// How many slopes of Y = A B in A, for A `[5, 3]` and B `[3, 4]`, are not 0.
fn not_zero_of_five_rows() -> usize {
    let factors = [Tensor::<f64>::ones(&[5, 3]), Tensor::ones(&[3, 4])];
    let [in_a, _] = jacobian(|_, [a, b]| a.matmul(b), &factors);
    in_a.data().iter().filter(|&&slope| slope != 0.0).count()
}

/// What a line through the points has become.
struct Fit {
    slope: f64,
    shift: f64,
    loss: f64,
}

/// Section 4. The broadcast that nobody wanted: predictions `[8, 1]` minus targets `[8]`.
fn unwanted() -> Result<[Fit; 2]> {
    let x = Tensor::from_fn(&[8, 1], |i| i as f64 / 2.0);
    let column = x.map(|x| 2.0 * x - 1.0); // [8, 1]
    let row = column.reshape(&[8]); // the same numbers, [8]

    let fits = [&column, &row].map(|targets| {
        // ANCHOR: unwanted
        let [mut slope, mut shift, mut last] = [0.0, 0.0, 0.0];
        for _ in 0..2000 {
            let tape = Tape::new();
            let (w, b) = (tape.leaf(Tensor::scalar(slope)), tape.leaf(Tensor::scalar(shift)));
            let predictions = tape.constant(x.clone()) * w + b; // [8, 1]
            let error = predictions - tape.constant(targets.clone());
            let loss = (error * error).mean();
            let grads = tape.backward(loss);
            slope -= 0.1 * grads.of(w).item();
            shift -= 0.1 * grads.of(b).item();
            last = loss.value().item();
        }
        // ANCHOR_END: unwanted
        Fit { slope, shift, loss: last }
    });
    println!("\n4. y = 2x − 1 learned from eight points, predictions [8, 1]");
    println!("   targets     error      slope    shift     loss");
    for (targets, error, Fit { slope, shift, loss }) in
        [("[8, 1]", "[8, 1]", &fits[0]), ("[8]", "[8, 8]", &fits[1])]
    {
        println!("   {targets:<9} {error:<9} {slope:>8.3} {shift:>8.3} {loss:>8.3}");
    }
    ensure!((fits[0].slope - 2.0).abs() < 1e-3, "the right shapes do not find the line");
    ensure!(fits[1].slope.abs() < 1e-3, "the wrong shapes found a slope");
    Ok(fits)
}

/// What the check of every op has found.
struct Checked {
    ops: usize,
    cases: usize,
    broadcasts: usize,
    entries: usize,
    worst: Spread,
}

/// Section 5. Every op of the crate, at random shapes, against central differences.
fn every_derivative(seeds: [u64; 3]) -> Result<Checked> {
    const CASES: u64 = 40;
    let ops = every_op();
    let bar = lessons::progress::bar(3 * ops.len() as u64);
    let mut checked = Checked {
        ops: ops.len(),
        cases: 0,
        broadcasts: 0,
        entries: 0,
        worst: Spread { low: 0.0, median: 0.0, high: 0.0 },
    };
    let mut worst = [0.0_f64; 3];
    for (&seed, worst) in seeds.iter().zip(&mut worst) {
        for op in &ops {
            for case in 0..CASES {
                let mut draw = Draw::new(seed.wrapping_mul(1000).wrapping_add(case), 3, 4);
                let found = compare(op, &mut draw);
                checked.cases += 1;
                checked.entries += found.entries;
                checked.broadcasts += usize::from(found.broadcast);
                *worst = worst.max(found.worst);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    checked.worst = Spread::of(worst);
    let Checked { ops, cases, broadcasts, entries, worst } = &checked;
    println!(
        "\n5. {ops} ops, {cases} cases with shapes drawn at random, {broadcasts} with a broadcast:"
    );
    println!("   {entries} derivatives; the largest difference from a central");
    println!("   difference is {:.0e}", worst.median);
    println!("   (three seeds: {:.0e} to {:.0e})", worst.low, worst.high);
    ensure!(worst.median < 1e-7, "an op differs from central differences by {:.1e}", worst.median);
    Ok(checked)
}

/// One case of one op.
struct Compared {
    entries: usize,
    broadcast: bool,
    worst: f64,
}

// ANCHOR: compare
/// Draws an op with inputs, weights each output at random, and compares every entry of
/// every gradient with (L(x + h) − L(x − h)) / 2h.
fn compare(op: &OpCheck, draw: &mut Draw) -> Compared {
    const H: f64 = 1e-5;
    let drawn = (op.draw)(draw);
    let tape = Tape::new();
    let leaves: Vec<_> = drawn.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let outputs = drawn.apply(&tape, leaves.clone());
    let weights: Vec<_> =
        outputs.iter().map(|y| draw.signed_tensor(&y.shape(), 0.5..1.5)).collect();
    let grads = tape.backward(weighted_sum(&tape, &outputs, &weights));

    let loss = |inputs: &[Tensor<f64>]| {
        let tape = Tape::new();
        let inputs = inputs.iter().map(|x| tape.constant(x.clone())).collect();
        weighted_sum(&tape, &drawn.apply(&tape, inputs), &weights).value().item()
    };
    let (mut entries, mut worst) = (0, 0.0_f64);
    let mut moved = drawn.inputs.clone();
    for (input, leaf) in leaves.iter().enumerate() {
        let gradient = grads.of(*leaf);
        for (i, &analytic) in gradient.data().iter().enumerate() {
            let x = drawn.inputs[input].data()[i];
            let [above, below] = [x + H, x - H].map(|x| {
                moved[input].data_mut()[i] = x;
                loss(&moved)
            });
            moved[input].data_mut()[i] = x;
            let numeric = (above - below) / (2.0 * H);
            let size = 1f64.max(analytic.abs()).max(numeric.abs());
            worst = worst.max((analytic - numeric).abs() / size);
            entries += 1;
        }
    }
    let shape = outputs[0].shape();
    let broadcast = op.elementwise && leaves.iter().any(|x| x.shape() != shape);
    Compared { entries, broadcast, worst }
}
// ANCHOR_END: compare

/// Σ weight ⊙ output over all outputs: with a weight of its own for each number, errors cannot cancel.
fn weighted_sum<'t>(
    tape: &'t Tape<f64>,
    outputs: &[Var<'t, f64>],
    weights: &[Tensor<f64>],
) -> Var<'t, f64> {
    let terms = outputs.iter().zip(weights).map(|(&y, w)| (y * tape.constant(w.clone())).sum());
    terms.fold(tape.constant(Tensor::scalar(0.0)), |sum, term| sum + term)
}

/// What the two engines say of one network.
struct Engines {
    error: Spread,
    scalar_nodes: usize,
    tensor_nodes: usize,
    parameters: usize,
}

/// The sizes of a classifier: scores = W₂ tanh(W₁ x + b₁) + b₂, the loss their cross-entropy.
const ROWS: usize = 5;
const INPUTS: usize = 3;
const UNITS: usize = 6;
const CLASSES: usize = 4;

/// Section 6. The same network on the engine that knows no shapes at all.
fn two_engines(seeds: [u64; 3]) -> Result<Engines> {
    let (mut nodes, mut parameters) = ((0, 0), 0);
    let errors = seeds.map(|seed| {
        let mut draw = Draw::new(seed, 0, 0);
        let params = [&[UNITS, INPUTS][..], &[UNITS], &[CLASSES, UNITS], &[CLASSES]]
            .map(|shape| draw.tensor(shape, -1.0..1.0));
        let x = draw.tensor(&[ROWS, INPUTS], -1.0..1.0);
        let targets = draw.ids(ROWS, CLASSES);

        let (by_tensors, tensor_nodes) = on_tensors(&params, &x, &targets);
        let (by_scalars, scalar_nodes) = on_scalars(&params, &x, &targets);
        nodes = (scalar_nodes, tensor_nodes);
        parameters = by_tensors.len();
        let pairs = by_tensors.iter().zip(&by_scalars);
        pairs.map(|(a, b)| (a - b).abs() / 1f64.max(a.abs())).fold(0.0, f64::max)
    });
    let (scalar_nodes, tensor_nodes) = nodes;
    let error = Spread::of(errors);
    println!("\n6. a network with {parameters} parameters and {ROWS} examples, on two engines");
    println!("   scalar engine  {scalar_nodes:>5} nodes of one number");
    println!("   tensor engine  {tensor_nodes:>5} nodes");
    println!("   their gradients differ by less than {}", power_of_ten_above(error.high));
    println!("   for each of three seeds");
    ensure!(error.median < 1e-12, "the engines differ by {:.1e}", error.median);
    Ok(Engines { error, scalar_nodes, tensor_nodes, parameters })
}

/// All gradients in a row, and the number of nodes.
fn on_tensors(params: &[Tensor<f64>; 4], x: &Tensor<f64>, targets: &[usize]) -> (Vec<f64>, usize) {
    // ANCHOR: on_tensors
    let tape = Tape::new();
    let [w1, b1, w2, b2] = params.clone().map(|w| tape.leaf(w));
    let h = (tape.constant(x.clone()).matmul(w1.t()) + b1).tanh(); // [B, H]
    let scores = h.matmul(w2.t()) + b2; // [B, K]
    let grads = tape.backward(scores.cross_entropy(targets));
    // ANCHOR_END: on_tensors
    let all = [w1, b1, w2, b2].map(|w| grads.of(w).data().to_vec()).concat();
    (all, tape.len())
}

// ANCHOR: layer
/// W x + b, one number at a time.
fn layer<'t>(
    w: &[scalar::Var<'t>],
    b: &[scalar::Var<'t>],
    x: &[scalar::Var<'t>],
) -> Vec<scalar::Var<'t>> {
    let rows = w.chunks(x.len()).zip(b);
    rows.map(|(w, &b)| w.iter().zip(x).fold(b, |sum, (&w, &x)| sum + w * x)).collect()
}
// ANCHOR_END: layer

/// The same gradients from an engine of single numbers.
fn on_scalars(params: &[Tensor<f64>; 4], x: &Tensor<f64>, targets: &[usize]) -> (Vec<f64>, usize) {
    // ANCHOR: on_scalars
    let tape = scalar::Tape::new();
    let [w1, b1, w2, b2]: [Vec<_>; 4] =
        params.each_ref().map(|w| w.data().iter().map(|&w| tape.var(w)).collect());
    let mut loss = tape.var(0.0);
    for (x, &target) in x.data().chunks(INPUTS).zip(targets) {
        let x: Vec<_> = x.iter().map(|&x| tape.var(x)).collect();
        let h: Vec<_> = layer(&w1, &b1, &x).into_iter().map(|a| a.tanh()).collect();
        let scores = layer(&w2, &b2, &h);
        let sum = scores.iter().fold(tape.var(0.0), |sum, score| sum + score.exp());
        loss = loss + (sum.ln() - scores[target]) / targets.len() as f64;
    }
    let grads = tape.backward(loss);
    // ANCHOR_END: on_scalars
    let all = [w1, b1, w2, b2].concat().into_iter().map(|w| grads.of(w)).collect();
    (all, tape.len())
}

/// The numbers of a tensor in a line.
fn row(x: &Tensor<f64>) -> String {
    x.data().iter().map(|x| format!("{x:6.1}")).collect::<Vec<_>>().join(" ")
}

/// Both gradients of a product. In each half Y stands below B and to the right of A, so that row i of A,
/// column j of B and the entry Y_ij meet as they do in the product.
fn draw_product(
    a: &Tensor<f64>,
    b: &Tensor<f64>,
    dy: &Tensor<f64>,
    [da, db]: [&Tensor<f64>; 2],
) -> Drawing {
    const CELL: [f64; 2] = [42.0, 28.0];
    let (i, k, j) = (0, 1, 2); // which entries are shown
    let mut drawing = Drawing::new(680, 330);
    let mut grid = |[x, y]: [f64; 2],
                    name: &str,
                    matrix: &Tensor<f64>,
                    marked: &dyn Fn(usize, usize) -> Option<usize>| {
        let &[rows, columns] = matrix.shape() else { return };
        for row in 0..rows {
            for column in 0..columns {
                let place = [x + column as f64 * CELL[0], y + row as f64 * CELL[1]];
                if let Some(colour) = marked(row, column) {
                    drawing.rect(place, CELL, SERIES[colour], 0.25);
                }
                drawing.frame(place, CELL, BASELINE, 1.0);
                let middle = [place[0] + CELL[0] / 2.0, place[1] + CELL[1] / 2.0];
                let number = format!("{}", matrix.at(&[row, column])).replace('-', "−");
                drawing.text(middle, Anchor::Middle, 13, INK, &number);
            }
        }
        let above = [x + columns as f64 * CELL[0] / 2.0, y - 12.0];
        drawing.text(above, Anchor::Middle, 14, INK, name);
    };
    let [left, right] = [16.0, 356.0];
    let y_of_a = 210.0;
    let x_of_b = |start: f64| start + 3.0 * CELL[0] + 14.0;

    // Left: the entry (i, k) of dA is row i of dY times row k of B.
    grid([x_of_b(left), 70.0], "B", b, &|row, _| (row == k).then_some(0));
    grid([left, y_of_a], "∂L/∂A", da, &|row, column| ((row, column) == (i, k)).then_some(1));
    grid([x_of_b(left), y_of_a], "∂L/∂Y", dy, &|row, _| (row == i).then_some(0));
    // Right: the entry (k, j) of dB is column k of A times column j of dY.
    grid([x_of_b(right), 70.0], "∂L/∂B", db, &|row, column| {
        ((row, column) == (k, j)).then_some(1)
    });
    grid([right, y_of_a], "A", a, &|_, column| (column == k).then_some(0));
    grid([x_of_b(right), y_of_a], "∂L/∂Y", dy, &|_, column| (column == j).then_some(0));

    let title = ["∂L/∂A = ∂L/∂Y · Bᵀ: row times row", "∂L/∂B = Aᵀ · ∂L/∂Y: column times column"];
    for (start, title) in [left, right].into_iter().zip(title) {
        drawing.text([start, 20.0], Anchor::Start, 15, INK, title);
    }
    let products = |pairs: Vec<(f64, f64)>| {
        let terms: Vec<_> = pairs.iter().map(|(x, y)| format!("({x})({y})")).collect();
        format!("{} = {}", terms.join(" + "), pairs.iter().map(|(x, y)| x * y).sum::<f64>())
            .replace('-', "−")
    };
    let left_sum = products((0..4).map(|j| (dy.at(&[i, j]), b.at(&[k, j]))).collect());
    let right_sum = products((0..2).map(|i| (a.at(&[i, k]), dy.at(&[i, j]))).collect());
    for (start, sum) in [(left, left_sum), (right, right_sum)] {
        drawing.text([start, 300.0], Anchor::Start, 13, SERIES[1], &sum);
    }
    drawing
}
