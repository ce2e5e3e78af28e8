//! A tape of seven nodes, made node by node and walked back node by node.
//!
//! ```text
//! c = a + b    d = a · b    e = c + d    f = relu(e)    L = c · f
//! ```
//!
//! Three of the nodes are used twice. The tape is that of the scalar engine; the walk is its loop, held still after each
//! node.

use autograd::scalar::{Node, Op, Tape, Var};

use crate::control::{Control, Values, switch};
use crate::svg::{Anchor, BLUE, GRID, INK, ORANGE, QUIET, Svg};
use crate::{Painted, Widget};

pub(crate) struct TapeStepper;

/// The nodes as the reader would write them.
const NODES: [&str; 7] =
    ["a", "b", "c = a + b", "d = a · b", "e = c + d", "f = relu(e)", "L = c · f"];
const COUNT: usize = NODES.len();
/// The first node that is not a leaf: the walk back ends there, since a leaf has nothing to hand on to.
const FIRST: usize = 2;
/// Steps: one for each node on the way forward, one that gives L its 1, one for each node that hands on.
const STEPS: usize = COUNT + 1 + (COUNT - FIRST);

/// Records the nodes, for these leaves.
fn record(tape: &Tape, a: f64, b: f64) -> [Var<'_>; COUNT] {
    let (a, b) = (tape.var(a), tape.var(b));
    let c = a + b;
    let d = a * b;
    let e = c + d;
    let f = e.relu();
    [a, b, c, d, e, f, c * f]
}

fn nodes(a: f64, b: f64) -> Vec<Node> {
    let tape = Tape::new();
    record(&tape, a, b);
    tape.nodes()
}

/// What a node hands to an operand: the operand and the slope.
fn operands(node: &Node) -> Vec<(usize, f64)> {
    let count = match node.op {
        Op::Leaf => 0,
        Op::Add | Op::Mul => 2,
        _ => 1,
    };
    let parents = node.parents.map(|parent| parent as usize);
    parents.into_iter().zip(node.slopes).take(count).collect()
}

/// The gradients after some nodes have handed on theirs, L first; without any, L has its 1.
fn gradients(nodes: &[Node], handed_on: usize, replace: bool) -> Vec<f64> {
    let mut grads = vec![0.0; COUNT];
    grads[COUNT - 1] = 1.0;
    for i in (FIRST..COUNT).rev().take(handed_on) {
        for (operand, slope) in operands(&nodes[i]) {
            let share = grads[i] * slope;
            grads[operand] = if replace { share } else { grads[operand] + share };
        }
    }
    grads
}

impl Widget for TapeStepper {
    fn name(&self) -> &'static str {
        "tape_stepper"
    }

    fn caption(&self) -> &'static str {
        "A tape, step by step: forward, each node gets its value; backward, each node hands its gradient times a slope to \
         its operands, once. Arrows show what was read, or who is given something, at this step."
    }

    fn controls(&self) -> Vec<Control> {
        let leaf = |label, value| Control::Slider { label, min: -3.0, max: 3.0, step: 0.5, value };
        vec![
            Control::Slider { label: "Step", min: 0.0, max: STEPS as f64, step: 1.0, value: 10.0 },
            leaf("a", 2.0),
            leaf("b", -0.5),
            Control::Toggle { label: "Write = in place of +=", on: false },
        ]
    }

    fn paint(&self, values: &Values) -> Painted {
        let (step, replace) = (values.count(0), values.is_on(3));
        let nodes = nodes(values.number(1), values.number(2));
        let made = step.min(COUNT);
        let handed_on = step.saturating_sub(COUNT + 1);
        let backward = step > COUNT;
        let grads = gradients(&nodes, handed_on, replace);
        // The node that this step is about.
        let now = match (step, backward) {
            (0, _) => None,
            (_, false) => Some(made - 1),
            (_, true) => Some(COUNT - handed_on.max(1)),
        };

        let row = |i: usize| 62.0 + 36.0 * i as f64;
        let mut svg = Svg::new(386.0);
        for (x, anchor, head) in [
            (96.0, Anchor::Start, "node"),
            (310.0, Anchor::End, "value"),
            (428.0, Anchor::End, "gradient"),
        ] {
            svg.text([x, 24.0], anchor, QUIET, head);
        }
        svg.line([8.0, 34.0], [432.0, 34.0], GRID, 1.0);
        let name = |i: usize| NODES[i].split(' ').next().unwrap_or_default();
        let mut receives = [false; COUNT];
        if let Some(now) = now {
            svg.bar(
                [88.0, row(now) - 23.0],
                [346.0, 32.0],
                if backward { ORANGE } else { BLUE },
                0.14,
            );
            let hands_on = !backward || handed_on > 0;
            for (nth, (operand, _)) in
                operands(&nodes[now]).into_iter().enumerate().filter(|_| hands_on)
            {
                let (from, to) = if backward { (now, operand) } else { (operand, now) };
                let bend = 24.0 * (1 + now - operand) as f64 / 1.6 + 4.0 * nth as f64;
                let colour = if backward { ORANGE } else { BLUE };
                svg.arc([84.0, row(from) - 7.0], row(to) - 4.0, bend.min(96.0), colour);
                receives[operand] = backward;
            }
        }
        for i in 0..COUNT {
            let is_made = i < made;
            svg.text([96.0, row(i)], Anchor::Start, if is_made { INK } else { QUIET }, NODES[i]);
            let value = if is_made { number(nodes[i].value) } else { "·".to_owned() };
            svg.text([310.0, row(i)], Anchor::End, if is_made { INK } else { QUIET }, &value);
            let grad = if backward { number(grads[i]) } else { "·".to_owned() };
            let colour = if receives[i] || (backward && handed_on == 0 && i == COUNT - 1) {
                ORANGE
            } else if backward && grads[i] != 0.0 {
                INK
            } else {
                QUIET
            };
            svg.text([428.0, row(i)], Anchor::End, colour, &grad);
        }

        // What this step did, in words.
        let sign = if replace { "=" } else { "+=" };
        let (first, second) = match now {
            None => ("The tape is empty.".to_owned(), String::new()),
            Some(now) if !backward => {
                (format!("Forward: {} is {}.", NODES[now], number(nodes[now].value)), String::new())
            }
            Some(_) if handed_on == 0 => {
                ("Backward: the gradient of L is 1.".to_owned(), String::new())
            }
            Some(now) => {
                let given = |(operand, slope): (usize, f64)| {
                    format!(
                        "grad {} {sign} {} × {}",
                        name(operand),
                        number(grads[now]),
                        number(slope)
                    )
                };
                let given: Vec<String> = operands(&nodes[now]).into_iter().map(given).collect();
                (format!("Backward through {}:", NODES[now]), given.join(",  "))
            }
        };
        svg.line([8.0, row(COUNT - 1) + 18.0], [432.0, row(COUNT - 1) + 18.0], GRID, 1.0);
        svg.text([8.0, 328.0], Anchor::Start, INK, &first);
        svg.text([8.0, 350.0], Anchor::Start, if replace { ORANGE } else { INK }, &second);
        let done = step == STEPS;
        if done {
            let [a, b] = [0, 1].map(|i| number(grads[i]));
            let words = match replace {
                false => format!("Done: dL/da = {a}, dL/db = {b}."),
                true => {
                    let right = gradients(&nodes, handed_on, false);
                    let [ra, rb] = [0, 1].map(|i| number(right[i]));
                    format!("Found {a} and {b}; right are {ra} and {rb}.")
                }
            };
            svg.text([8.0, 374.0], Anchor::Start, if replace { ORANGE } else { BLUE }, &words);
        }

        let [da, db] = [0, 1].map(|i| number(grads[i]));
        let so_far = match (backward, done) {
            (false, _) => format!("{made} of {COUNT} nodes are made."),
            (true, false) => format!("So far the gradient of a is {da} and that of b is {db}."),
            (true, true) => format!("At the end the gradient of a is {da} and that of b is {db}."),
        };
        let says = format!(
            "A tape with a, b, c = a + b, d = a · b, e = c + d, f = relu(e), L = c · f. {first} {second} {so_far}"
        );
        let readings = vec![
            format!("{step} of {STEPS}"),
            number(values.number(1)),
            number(values.number(2)),
            switch(replace).to_owned(),
        ];
        Painted { svg, says, readings }
    }
}

/// Two decimals, and no minus before a zero.
fn number(x: f64) -> String {
    format!("{:.2}", x + 0.0).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the engine's own loop finds for the same formula.
    fn by_the_engine(a: f64, b: f64) -> Vec<f64> {
        let tape = Tape::new();
        let vars = record(&tape, a, b);
        let grads = tape.backward(vars[COUNT - 1]);
        vars.map(|var| grads.of(var)).to_vec()
    }

    #[test]
    fn the_last_step_has_the_gradients_of_the_engine() {
        for (a, b) in [(2.0, -0.5), (1.0, 1.0), (-3.0, 0.5), (0.0, 0.0), (-2.0, -2.5)] {
            let stepped = gradients(&nodes(a, b), COUNT - FIRST, false);
            assert_eq!(stepped, by_the_engine(a, b), "at {a}, {b}");
        }
    }

    #[test]
    fn replacing_loses_what_a_second_use_brings() {
        let nodes = nodes(2.0, -0.5);
        let [right, wrong] = [false, true].map(|replace| gradients(&nodes, COUNT - FIRST, replace));
        assert_ne!(right[0], wrong[0]);
    }
}
