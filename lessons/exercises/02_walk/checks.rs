use std::cell::RefCell;

use answer::backward;
use lessons::check::{close, equal};

/// What the walk may use of the stack, in bytes: a loop needs next to nothing.
const STACK: usize = 64 * 1024;

/// A graph as a list of nodes, each with the operands and the slopes in them.
type Graph = Vec<Vec<(usize, f64)>>;

pub fn check() {
    // b = a + a.
    let double = vec![vec![], vec![(0, 1.0), (0, 1.0)]];
    gradients("b = a + a", &double, &[2.0, 1.0]);

    // The diamond: c = b + b as well.
    let mut diamond = double;
    diamond.push(vec![(1, 1.0), (1, 1.0)]);
    gradients("b = a + a, c = b + b", &diamond, &[4.0, 2.0, 1.0]);

    // Paths of different lengths into one node: y = a · (a · a) at a = 3.
    let cube = vec![vec![], vec![(0, 3.0), (0, 3.0)], vec![(0, 9.0), (1, 3.0)]];
    gradients("y = a · a²", &cube, &[27.0, 3.0, 1.0]);

    // A node that the output does not depend on has the gradient 0, and so has one behind it.
    let apart = vec![vec![], vec![], vec![(0, 5.0)]];
    gradients("y = 5a, b apart", &apart, &[5.0, 0.0, 1.0]);
    let found = walk("y = 5a, asked in the middle", &cube, 1);
    all_close_or_say("y = 5a, asked in the middle", &cube, &found, &[6.0, 1.0]);

    // 2^60 paths, 61 nodes.
    let mut doublings: Graph = vec![vec![]];
    doublings.extend((0..60).map(|i| vec![(i, 1.0), (i, 1.0)]));
    let found = walk("sixty doublings", &doublings, 60);
    close("sixty doublings: the gradient in a", found[0], 2f64.powi(60), 1e-12);

    // A chain of a million nodes.
    let mut chain: Graph = vec![vec![]];
    chain.extend((0..1_000_000).map(|i| vec![(i, 1.000001)]));
    let found = walk("a chain of a million nodes", &chain, 1_000_000);
    close("the chain: the gradient in its first node", found[0], 1.000001f64.powi(1_000_000), 1e-9);
}

/// The gradients by the answer, with an eye on how it finds them.
fn walk(what: &str, graph: &Graph, output: usize) -> Vec<f64> {
    let asked = RefCell::new(vec![0_u32; graph.len()]);
    let first = RefCell::new(None);
    let operands = |i: usize| {
        assert!(i < graph.len(), "{what}: you ask for node {i} of a graph of {}", graph.len());
        let times = {
            let mut asked = asked.borrow_mut();
            asked[i] += 1;
            asked[i]
        };
        assert!(
            times <= 100,
            "{what}: you ask for the operands of node {i} again and again, once for every path to \
             it; a node that is used twice is still one node"
        );
        // How deep the stack is shows in the address of a variable on it.
        let here = &raw const times as usize;
        let start = *first.borrow_mut().get_or_insert(here);
        let depth = start.abs_diff(here);
        assert!(
            depth <= STACK,
            "{what}: the stack has grown by {} KiB when you come to node {i}; replace the recursion \
             by a loop over the nodes",
            depth / 1024
        );
        graph[i].clone()
    };
    let grads = backward(operands, output);
    equal(&format!("{what}: the number of gradients"), grads.len(), output + 1);
    if let Some(i) = asked.borrow().iter().position(|&times| times > 1) {
        if graph.len() < 100 {
            all_close_or_say(what, graph, &grads, &right(graph, output));
        }
        panic!("{what}: you ask for the operands of node {i} more than once; once is enough");
    }
    grads
}

fn gradients(what: &str, graph: &Graph, expected: &[f64]) {
    let found = walk(what, graph, expected.len() - 1);
    all_close_or_say(what, graph, &found, expected);
}

fn all_close_or_say(what: &str, graph: &Graph, found: &[f64], expected: &[f64]) {
    let known = MISTAKES.iter().find(|(_, order, hand_on)| {
        walk_wrongly(graph, expected.len() - 1, *order, *hand_on) == found
    });
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let advice = match known {
            Some((mistake, ..)) => mistake,
            None if found.abs() < expected.abs() => "is a contribution lost?",
            None => "is it handed on before it is complete?",
        };
        assert!(
            (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{what}: the gradient in node {i} is {found}, it should be {expected}; {advice}"
        );
    }
}

/// In which order the nodes have their turn.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    LastFirst,
    FirstFirst,
}

/// What reaches an operand that has `old`, from a node with the gradient `dy`.
type HandOn = fn(old: f64, dy: f64, slope: f64) -> f64;

/// What people write instead.
const MISTAKES: [(&str, Order, HandOn); 3] = [
    ("a contribution is lost: `=` where `+=` is due", Order::LastFirst, |_, dy, slope| dy * slope),
    ("each contribution is to be multiplied by the slope", Order::LastFirst, |old, dy, _| old + dy),
    (
        "the walk goes from the first node to the last, and a node hands on before its uses have",
        Order::FirstFirst,
        |old, dy, slope| old + dy * slope,
    ),
];

fn walk_wrongly(graph: &Graph, output: usize, order: Order, hand_on: HandOn) -> Vec<f64> {
    let mut grads = vec![0.0; output + 1];
    grads[output] = 1.0;
    for turn in 0..=output {
        let i = if order == Order::LastFirst { output - turn } else { turn };
        for &(operand, slope) in &graph[i] {
            grads[operand] = hand_on(grads[operand], grads[i], slope);
        }
    }
    grads
}

/// The gradients by another way than the solution's: node by node, from its uses.
fn right(graph: &Graph, output: usize) -> Vec<f64> {
    let mut grads = vec![0.0; output + 1];
    for i in (0..=output).rev() {
        let uses =
            (i + 1..=output).flat_map(|user| graph[user].iter().map(move |edge| (user, edge)));
        let from_uses =
            uses.filter(|(_, edge)| edge.0 == i).map(|(user, edge)| grads[user] * edge.1);
        grads[i] = from_uses.sum::<f64>() + if i == output { 1.0 } else { 0.0 };
    }
    grads
}
