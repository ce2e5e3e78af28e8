//! The tape as a picture: text, Graphviz, Mermaid.
//!
//! ```
//! use autograd::{Tape, Tensor, picture::Picture};
//!
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::scalar(3.0));
//! let y = x * x;
//! let grads = tape.backward(y);
//! let text = Picture::of(&tape).with_gradients(&grads).text();
//! assert_eq!(text, "\
//! 0  leaf  []  = 3  gradient 6
//! 1  mul(0, 0)  []  = 9  gradient 1
//! ");
//! ```

use std::fmt::Write;

use crate::element::Element;
use crate::tape::{Gradients, Tape};
use crate::tensor::Tensor;

/// How many numbers of a tensor are shown.
const SHOWN: usize = 6;

/// What there is to show of a tape.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    nodes: Vec<PictureNode>,
}

#[derive(Clone, Debug, PartialEq)]
struct PictureNode {
    name: &'static str,
    shape: Vec<usize>,
    inputs: Vec<usize>,
    value: String,
    gradient: Option<String>,
}

impl Picture {
    /// The nodes of a tape with their values, as far as they fit: 6 numbers of each.
    pub fn of<E: Element>(tape: &Tape<E>) -> Self {
        let nodes = tape.nodes();
        let mut pictured = Vec::with_capacity(nodes.len());
        let mut first = 0;
        for (i, value) in nodes.values().iter().enumerate() {
            // A further output of an op hangs on the first one.
            if i >= first + nodes.origin(first).outputs as usize {
                first = i;
            }
            let inputs = nodes.inputs(i).iter().map(|&input| input as usize);
            pictured.push(PictureNode {
                name: nodes.origin(i).name,
                shape: value.shape().to_vec(),
                inputs: if i > first { vec![first] } else { inputs.collect() },
                value: numbers(value),
                gradient: None,
            });
        }
        Self { nodes: pictured }
    }

    /// The same with the gradient that each node got.
    pub fn with_gradients<E: Element>(mut self, grads: &Gradients<E>) -> Self {
        for (i, node) in self.nodes.iter_mut().enumerate() {
            node.gradient = grads.at(i).map(numbers);
        }
        self
    }

    /// One line a node.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (i, node) in self.nodes.iter().enumerate() {
            let PictureNode { name, shape, inputs, value, gradient } = node;
            let name = name.replace('\n', "\\n");
            let inputs: Vec<String> = inputs.iter().map(usize::to_string).collect();
            let call =
                if inputs.is_empty() { String::new() } else { format!("({})", inputs.join(", ")) };
            let gradient = gradient.as_ref().map_or(String::new(), |g| format!("  gradient {g}"));
            writeln!(text, "{i}  {name}{call}  {shape:?}  = {value}{gradient}").expect("a String");
        }
        text
    }

    /// A graph in Graphviz's language: `dot -Tsvg`.
    pub fn graphviz(&self) -> String {
        let mut text = String::from("digraph {\n  rankdir=LR; node [shape=box];\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let name = node.name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            writeln!(text, "  {i} [label=\"{}\"];", node.label(&name, "\\n")).expect("a String");
        }
        self.edges(&mut text, "->");
        text + "}\n"
    }

    /// A graph in Mermaid's language, as Markdown viewers show it.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let name = node.name.chars().map(|c| match c {
                '#' | '"' | '<' | '>' | '&' => format!("#{};", u32::from(c)),
                '\n' => "<br>".to_string(),
                _ => c.to_string(),
            });
            let label = node.label(&name.collect::<String>(), "<br>");
            writeln!(text, "  {i}[\"{label}\"]").expect("a String");
        }
        self.edges(&mut text, "-->");
        text
    }

    fn edges(&self, text: &mut String, arrow: &str) {
        for (i, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                writeln!(text, "  {input} {arrow} {i}").expect("a String");
            }
        }
    }
}

impl PictureNode {
    /// What stands in a box, with the name as the language needs it and `line` as its end of a line.
    fn label(&self, name: &str, line: &str) -> String {
        let Self { shape, value, gradient, .. } = self;
        let gradient = gradient.as_ref().map_or(String::new(), |g| format!("{line}gradient {g}"));
        format!("{name} {shape:?}{line}{value}{gradient}")
    }
}

/// The first numbers of a tensor, in at most six digits each.
fn numbers<E: Element>(tensor: &Tensor<E>) -> String {
    let shown = tensor.data().iter().take(SHOWN).map(|x| number(x.value()));
    let mut text = shown.collect::<Vec<_>>().join(" ");
    if tensor.elements() > SHOWN {
        text += " …";
    }
    text
}

/// A number in at most six digits, very large and small ones as a power of ten.
fn number(x: f64) -> String {
    let rounded = format!("{x:.5e}").parse().unwrap_or(x);
    match x.abs() {
        0.0 | 1e-4..1e6 => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}
