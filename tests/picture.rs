//! The tape as text, for Graphviz and for Mermaid.

use autograd::draw::Draw;
use autograd::ops::{Contribution, Describe, OpMany};
use autograd::picture::Picture;
use autograd::{Element, Error, Few, Tape, Tensor};

#[test]
fn an_empty_tape_is_an_empty_picture() {
    let picture = Picture::of(&Tape::<f64>::new());
    assert_eq!(picture.text(), "");
    assert_eq!(picture.graphviz(), "digraph {\n  rankdir=LR; node [shape=box];\n}\n");
    assert_eq!(picture.mermaid(), "flowchart LR\n");
}

/// loss = Σ w x with a leaf, a constant, and what has no gradient.
fn weighted_sum() -> Picture {
    let tape = Tape::new();
    let w = tape.leaf(Tensor::from([[1.0, -2.5], [0.1, 3e-7]]));
    let x = tape.constant(Tensor::from([2.0, 4.0]));
    let loss = (w * x).sum();
    let _unused = x.exp();
    let grads = tape.backward(loss);
    Picture::of(&tape).with_gradients(&grads)
}

#[test]
fn text_has_a_line_for_each_node_with_value_and_gradient() {
    let expected = "\
0  leaf  [2, 2]  = 1 -2.5 0.1 3e-7  gradient 2 4 2 4
1  constant  [2]  = 2 4
2  mul(0, 1)  [2, 2]  = 2 -10 0.2 1.2e-6  gradient 1 1 1 1
3  sum(2)  []  = -7.8  gradient 1
4  exp(1)  [2]  = 7.38906 54.5982
";
    assert_eq!(weighted_sum().text(), expected);
}

#[test]
fn graphviz_has_a_box_for_each_node_and_an_arrow_for_each_input() {
    let expected = r#"digraph {
  rankdir=LR; node [shape=box];
  0 [label="leaf [2, 2]\n1 -2.5 0.1 3e-7\ngradient 2 4 2 4"];
  1 [label="constant [2]\n2 4"];
  2 [label="mul [2, 2]\n2 -10 0.2 1.2e-6\ngradient 1 1 1 1"];
  3 [label="sum []\n-7.8\ngradient 1"];
  4 [label="exp [2]\n7.38906 54.5982"];
  0 -> 2
  1 -> 2
  2 -> 3
  1 -> 4
}
"#;
    assert_eq!(weighted_sum().graphviz(), expected);
}

#[test]
fn mermaid_has_a_box_for_each_node_and_an_arrow_for_each_input() {
    let expected = r#"flowchart LR
  0["leaf [2, 2]<br>1 -2.5 0.1 3e-7<br>gradient 2 4 2 4"]
  1["constant [2]<br>2 4"]
  2["mul [2, 2]<br>2 -10 0.2 1.2e-6<br>gradient 1 1 1 1"]
  3["sum []<br>-7.8<br>gradient 1"]
  4["exp [2]<br>7.38906 54.5982"]
  0 --> 2
  1 --> 2
  2 --> 3
  1 --> 4
"#;
    assert_eq!(weighted_sum().mermaid(), expected);
}

#[test]
fn a_large_tensor_is_abbreviated_to_six_numbers() {
    let tape = Tape::new();
    tape.leaf(Tensor::from_fn(&[6], |i| i as f32));
    let x = tape.leaf(Tensor::from_fn(&[1000, 1000], |i| i as f32));
    let grads = tape.backward(x.sum());
    let text = Picture::of(&tape).with_gradients(&grads).text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "0  leaf  [6]  = 0 1 2 3 4 5");
    assert_eq!(lines[1], "1  leaf  [1000, 1000]  = 0 1 2 3 4 5 …  gradient 1 1 1 1 1 1 …");
}

#[test]
fn numbers_that_are_not_finite_are_shown_as_they_are() {
    let tape = Tape::new();
    tape.leaf(Tensor::from([f64::NAN, f64::INFINITY, -f64::INFINITY, 1e300, -0.0]));
    let text = Picture::of(&tape).text();
    assert_eq!(text, "0  leaf  [5]  = NaN inf -inf 1e300 -0\n");
}

/// Sum, difference and the first input again, under a name that the three languages would misread.
struct Three;

impl Describe for Three {
    const NAME: &'static str = "a\"b\\<c>\n&#";
    fn sample(_: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
        (Self, vec![Tensor::ones(&[2]), Tensor::ones(&[2])])
    }
}

impl<E: Element> OpMany<E> for Three {
    fn forward(&self, x: &[&Tensor<E>]) -> Result<Few<Tensor<E>>, Error> {
        Ok(Few::from_iter([x[0].try_add(x[1])?, x[0].try_sub(x[1])?, x[0].clone()]))
    }

    fn vjp(
        &self,
        _: &[&Tensor<E>],
        _: &[&Tensor<E>],
        dy: &[Tensor<E>],
        _: &[bool],
    ) -> Few<Contribution<E>> {
        Few::from_iter([(&dy[0] + &dy[1] + &dy[2]).into(), (&dy[0] - &dy[1]).into()])
    }
}

/// The outputs of that op, and the difference used further.
fn three_outputs() -> Picture {
    let tape = Tape::new();
    let [a, b] = [5.0, 3.0].map(|x| tape.leaf(Tensor::scalar(x)));
    let outputs = tape.apply_many(Three, &[a, b]);
    let loss = outputs[1].exp();
    let grads = tape.backward(loss.ln());
    Picture::of(&tape).with_gradients(&grads)
}

#[test]
fn the_further_outputs_of_an_op_hang_on_the_first() {
    let text = three_outputs().text();
    let lines: Vec<_> = text.lines().map(|line| line.split("  [").next().unwrap_or("")).collect();
    let name = r#"a"b\<c>\n&#"#;
    let [sum, difference, again] =
        [format!("2  {name}(0, 1)"), format!("3  {name}(2)"), format!("4  {name}(2)")];
    assert_eq!(lines, ["0  leaf", "1  leaf", &sum, &difference, &again, "5  exp(3)", "6  ln(5)"]);
    assert!(text.lines().nth(3).is_some_and(|l| l.ends_with("= 2  gradient 1")), "{text}");
}

#[test]
fn characters_that_end_or_break_a_label_are_quoted() {
    let graphviz = three_outputs().graphviz();
    let label = graphviz.lines().nth(4).expect("a line for node 2");
    assert_eq!(label, r#"  2 [label="a\"b\\<c>\n&# []\n8"];"#);
    let mermaid = three_outputs().mermaid();
    let label = mermaid.lines().nth(3).expect("a line for node 2");
    assert_eq!(label, r#"  2["a#34;b\#60;c#62;<br>#38;#35; []<br>8"]"#);
}
