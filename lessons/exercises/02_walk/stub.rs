/// The derivative of node `output` in every node up to it, by walking the graph
/// backwards.
///
/// `operands(i)` lists the nodes that node i was computed from, each with the slope of
/// node i in it; their numbers are below i, and a node used twice is listed twice. Look
/// each node's operands up once only: a graph has many more paths than nodes. And no
/// recursion: a graph may be a million nodes deep, and the stack is not.
///
/// This is what has to be repaired. It adds what it should, but goes on too early: what
/// a node has got so far is handed on once for every use.
///
/// ```text
/// fn visit(i, grads):
///     for (operand, slope) in operands(i):  grads[operand] += grads[i] * slope
///     for (operand, _) in operands(i):      visit(operand, grads)
/// ```
pub fn backward<F>(operands: F, output: usize) -> Vec<f64>
where
    F: Fn(usize) -> Vec<(usize, f64)>,
{
    todo!("one gradient for each node, complete before it is handed on")
}
