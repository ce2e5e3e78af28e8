/// A tape that keeps the gradients beside the nodes, as many libraries do. There, a
/// second `backward` adds its gradients to those of the first, without a word; here, it
/// must not.
#[derive(Debug, Default)]
pub struct Tape {
    /// For each node its operands, each with the slope in it; their numbers are
    /// smaller.
    pub operands: Vec<Vec<(usize, f64)>>,
    /// For each node the gradient that the last `backward` found; all 0 before it.
    pub grads: Vec<f64>,
    /// Whether `grads` holds gradients of an earlier `backward`.
    pub used: bool,
}

impl Tape {
    /// Records a node with its operands and the slopes in them, and returns its number.
    pub fn push(&mut self, operands: &[(usize, f64)]) -> usize {
        self.operands.push(operands.to_vec());
        self.grads.push(0.0);
        self.operands.len() - 1
    }

    /// Writes the derivative of `output` in every node into `grads`.
    ///
    /// If `grads` holds gradients already, nothing changes, and the error says so and
    /// what to call first: `zero_grad`. If there is no node `output`, the error names
    /// its number and how many nodes there are.
    pub fn backward(&mut self, output: usize) -> Result<(), String> {
        todo!("refuse a second call, or write the gradients")
    }

    /// Forgets the gradients, so that `backward` can be called again.
    pub fn zero_grad(&mut self) {
        todo!("all gradients 0, and backward allowed again")
    }
}
