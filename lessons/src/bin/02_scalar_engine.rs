//! Lesson 02. What does `backward()` do?      cargo lesson 02_scalar_engine   (1 s)
//!
//! Why gradients are added and not replaced, why each node waits until all of its uses are done,
//! and what a graph of a million nodes asks of the stack.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use autograd::init::unit;
use autograd::scalar::{Node, Op, Tape, Var};
use clap::Parser;
use lessons::options::Options;
use lessons::plot::Graph;
use lessons::report::{result, run};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What does backward() do? Four ways to walk a graph backwards, one of them right and fast
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

    // ANCHOR: diamond
    // 1. The diamond: b = a + a and c = b + b, so c = 4a and dc/da = 4.
    let tape = Tape::new();
    let a = tape.var(1.0);
    let b = a + a;
    let c = b + b;
    let grads = tape.backward(c);
    println!("1. b = a + a, c = b + b, at a = 1");
    for (name, var) in [("a", a), ("b", b), ("c", c)] {
        println!("   {name} = {}   dc/d{name} = {}", var.value(), grads.of(var));
    }
    // ANCHOR_END: diamond

    // 2. The same nodes, walked in four ways that all look right.
    let (nodes, output) = (tape.nodes(), c.index());
    let mut replaced = vec![0.0; nodes.len()];
    replace(&nodes, output, 1.0, &mut replaced);
    let mut revisited = vec![0.0; nodes.len()];
    revisited[output] = 1.0;
    revisit(&nodes, output, &mut revisited);
    let mut by_path = vec![0.0; nodes.len()];
    every_path(&nodes, output, 1.0, &mut by_path);
    let looped = reverse_loop(&nodes, output);
    let found = [replaced, revisited, by_path, looped].map(|grads| grads[a.index()]);
    println!("\n2. dc/da, from c back to a");
    println!("   replace what is there          {}", found[0]);
    println!("   add, then visit each operand   {}", found[1]);
    println!("   walk down every path, adding   {}", found[2]);
    println!("   one loop in reverse, adding    {}", found[3]);

    // 3. Every path is right too, but there are 2^k of them and k nodes.
    println!("\n3. visits, for k doublings: a, a + a, ...");
    println!("    k      dc/da   every path   the loop");
    let doublings = |k: usize| {
        let tape = Tape::new();
        let a = tape.var(1.0);
        let c = (0..k).fold(a, |x, _| x + x);
        let dc_da = tape.backward(c).of(a);
        let visits = every_path(&tape.nodes(), c.index(), 1.0, &mut vec![0.0; tape.len()]);
        (dc_da, visits, tape.len())
    };
    for k in [2, 10, 20] {
        let (dc_da, visits, nodes) = doublings(k);
        println!("   {k:2} {dc_da:10} {visits:12} {nodes:10}");
    }

    let tape = Tape::new();
    let a = tape.var(1.0);
    let d = (0..3).fold(a, |x, _| x + x);
    let mut three_revisited = vec![0.0; tape.len()];
    three_revisited[d.index()] = 1.0;
    revisit(&tape.nodes(), d.index(), &mut three_revisited);
    let three_revisited = three_revisited[a.index()];

    // 4. The expression on micrograd's first page, every operator in it.
    let tape = Tape::new();
    let (a, b) = (tape.var(-4.0), tape.var(2.0));
    let g = micrograd(a, b);
    let grads = tape.backward(g);
    let (value, da, db) = (g.value(), grads.of(a), grads.of(b));
    println!("\n4. micrograd's expression at a = -4, b = 2: {} nodes", tape.len());
    println!("   g = {value:.4}   dg/da = {da:.4}   dg/db = {db:.4}");

    // 5. Is that right? Move a, then b, a little to both sides, at points close by, for three seeds.
    for seed in (0..3).map(|more| options.seed.wrapping_add(more)) {
        let worst = worst_disagreement(&mut ChaCha8Rng::seed_from_u64(seed));
        ensure!(worst < 1e-7, "the tape and central differences differ by {worst:.1e}");
    }
    println!("\n5. at 300 points close by, central differences agree to better than 1e-7");

    // 6. A chain of a million products y ← y · w, in a thread with a stack of 256 KiB. A recursion
    //    as deep would have a quarter of a byte for each call; the loop needs none.
    let work = thread::Builder::new().stack_size(256 * 1024).spawn(chain)?;
    let chain = work.join().map_err(|_| anyhow!("the chain did not fit on the stack"))?;
    println!("\n6. y = w^1,000,000 at w = 1.000001, on a stack of 256 KiB");
    println!("   {} nodes: y = {:.5}, dy/dw = {:.0}", chain.nodes, chain.y, chain.dw);

    // 7. The graphs of 1. and 4., with a value and a gradient at each node.
    let [diamond, graph] = ["02_diamond.svg", "02_graph.svg"].map(|name| folder.join(name));
    let grads = reverse_loop(&nodes, output);
    picture(&nodes, &grads, &["a", "b = a + a", "c = b + b"]).write(&diamond)?;
    let nodes = tape.nodes();
    picture(&nodes, &reverse_loop(&nodes, g.index()), &["a", "b"]).write(&graph)?;
    println!("\n7. drawn in {}\n   and {}", diamond.display(), graph.display());

    ensure!(found == [1.0, 8.0, 4.0, 4.0], "the four walks give {found:?}");
    ensure!(chain.nodes > 1_000_000, "the chain has {} nodes", chain.nodes);
    let readme = [(value, 24.7041), (da, 138.8338), (db, 645.5773)];
    let close = readme.iter().all(|(found, printed)| (found - printed).abs() < 5e-5);
    ensure!(close, "micrograd's README has other numbers than g = {value}, {da}, {db}");

    println!();
    result("diamond_loop", found[3]);
    result("diamond_replaced", found[0]);
    result("diamond_revisited", found[1]);
    result("three_doublings_revisited", three_revisited);
    result("visits_5_doublings", doublings(5).1);
    result("visits_20_doublings", doublings(20).1);
    result("micrograd_g", format!("{value:.4}"));
    result("micrograd_da", format!("{da:.4}"));
    result("micrograd_db", format!("{db:.4}"));
    result("chain_y", format!("{:.5}", chain.y));
    Ok(())
}

// ANCHOR: operands
/// The operands of a node with the slope in each; a leaf has none.
fn operands(node: &Node) -> impl Iterator<Item = (usize, f64)> {
    let count = match node.op {
        Op::Leaf => 0,
        Op::Add | Op::Sub | Op::Mul | Op::Div => 2,
        _ => 1,
    };
    node.parents.map(|parent| parent as usize).into_iter().zip(node.slopes).take(count)
}
// ANCHOR_END: operands

// ANCHOR: replace
/// Wrong: `=` where `+=` is due. A node used twice keeps only its last contribution.
fn replace(nodes: &[Node], i: usize, dy: f64, grads: &mut [f64]) {
    grads[i] = dy;
    for (operand, slope) in operands(&nodes[i]) {
        replace(nodes, operand, dy * slope, grads);
    }
}
// ANCHOR_END: replace

// ANCHOR: revisit
/// Wrong: both contributions are added, but then each operand is visited, b twice, and
/// each visit hands on all that b has so far.
fn revisit(nodes: &[Node], i: usize, grads: &mut [f64]) {
    for (operand, slope) in operands(&nodes[i]) {
        grads[operand] += grads[i] * slope;
    }
    for (operand, _) in operands(&nodes[i]) {
        revisit(nodes, operand, grads);
    }
}
// ANCHOR_END: revisit

// ANCHOR: every_path
/// Right, and hopeless: each visit hands on its own share only, so there is one for
/// every path. Returns the number of visits.
fn every_path(nodes: &[Node], i: usize, dy: f64, grads: &mut [f64]) -> u64 {
    grads[i] += dy;
    let mut visits = 1;
    for (operand, slope) in operands(&nodes[i]) {
        visits += every_path(nodes, operand, dy * slope, grads);
    }
    visits
}
// ANCHOR_END: every_path

// ANCHOR: reverse_loop
/// Right, and what the tape does: every node stands behind its operands, so from the
/// last to the first, a gradient is complete before it is handed on, once.
fn reverse_loop(nodes: &[Node], output: usize) -> Vec<f64> {
    let mut grads = vec![0.0; nodes.len()];
    grads[output] = 1.0;
    for i in (0..=output).rev() {
        for (operand, slope) in operands(&nodes[i]) {
            grads[operand] += grads[i] * slope;
        }
    }
    grads
}
// ANCHOR_END: reverse_loop

// ANCHOR: micrograd
/// The expression in micrograd's README.
fn micrograd<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let mut c = a + b;
    let mut d = a * b + b.powf(3.0);
    c = c + (c + 1.0);
    c = c + (1.0 + c + (-a));
    d = d + (d * 2.0 + (b + a).relu());
    d = d + (3.0 * d + (b - a).relu());
    let e = c - d;
    let f = e.powf(2.0);
    f / 2.0 + 10.0 / f
}
// ANCHOR_END: micrograd

/// The largest relative difference between the tape and central differences, over both variables
/// and 100 points at most 0.01 from (−4, 2): a little further on, f = 0 and 10 / f has a pole.
fn worst_disagreement(rng: &mut ChaCha8Rng) -> f64 {
    let g = |a: f64, b: f64| {
        let tape = Tape::new();
        micrograd(tape.var(a), tape.var(b)).value()
    };
    let h = 1e-5;
    let mut worst = 0.0_f64;
    for _ in 0..100 {
        let (x, y) = (-4.01 + 0.02 * unit(rng), 1.99 + 0.02 * unit(rng));
        let tape = Tape::new();
        let (a, b) = (tape.var(x), tape.var(y));
        let grads = tape.backward(micrograd(a, b));
        let da = (g(x + h, y) - g(x - h, y)) / (2.0 * h);
        let db = (g(x, y + h) - g(x, y - h)) / (2.0 * h);
        for (tape, numeric) in [(grads.of(a), da), (grads.of(b), db)] {
            worst = worst.max((tape - numeric).abs() / (1.0 + numeric.abs()));
        }
    }
    worst
}

/// What came of the million products.
struct Chain {
    nodes: usize,
    y: f64,
    dw: f64,
}

// ANCHOR: chain
fn chain() -> Chain {
    let start = Instant::now();
    let tape = Tape::new();
    let w = tape.var(1.000001);
    let y = (0..1_000_000).fold(tape.var(1.0), |y, _| y * w);
    let grads = tape.backward(y);
    let chain = Chain { nodes: tape.len(), y: y.value(), dw: grads.of(w) };
    drop((grads, tape));
    let time = start.elapsed();
    // On stderr, because it differs from run to run.
    eprintln!("chain: {:.0} ns a node", time.as_nanos() as f64 / chain.nodes as f64);
    chain
}
// ANCHOR_END: chain

/// Each node as a box with its name or what made it, its value and its gradient, to the right of its
/// operands; the first nodes have these names.
fn picture(nodes: &[Node], grads: &[f64], names: &[&str]) -> Graph {
    let mut columns = vec![0; nodes.len()];
    for i in 0..nodes.len() {
        columns[i] = operands(&nodes[i]).map(|operand| columns[operand.0] + 1).max().unwrap_or(0);
    }
    // A constant is used once, and stands just left of where that is.
    for i in names.len()..nodes.len() {
        let is_used = |&user: &usize| operands(&nodes[user]).any(|operand| operand.0 == i);
        if let (Op::Leaf, Some(user)) = (nodes[i].op, (i..nodes.len()).find(is_used)) {
            columns[i] = columns[user] - 1;
        }
    }
    let height = |column: usize| columns.iter().filter(|&&other| other == column).count();
    let tallest = columns.iter().map(|&column| height(column)).max().unwrap_or(0);
    let mut graph = Graph::new(&format!("{} nodes: value and gradient (∂) of each", nodes.len()));
    for (i, (Node { value, op, .. }, grad)) in nodes.iter().zip(grads).enumerate() {
        let name = match (names.get(i), op) {
            (Some(name), _) => (*name).to_owned(),
            (None, Op::Leaf) => "constant".to_owned(),
            (None, Op::Add) => "+".to_owned(),
            (None, Op::Sub) => "−".to_owned(),
            (None, Op::Mul) => "×".to_owned(),
            (None, Op::Div) => "÷".to_owned(),
            (None, op) => format!("{op:?}").to_lowercase(),
        };
        let above = columns[..i].iter().filter(|&&column| column == columns[i]).count();
        let row = above as f64 + (tallest - height(columns[i])) as f64 / 2.0;
        let lines = [&name, &format!("{value:.2}"), &format!("∂ {grad:.2}")];
        let node = graph.node((columns[i] as f64, row), &lines.map(String::as_str));
        for (operand, _) in operands(&nodes[i]) {
            graph.arrow(operand, node, "");
        }
    }
    graph
}
