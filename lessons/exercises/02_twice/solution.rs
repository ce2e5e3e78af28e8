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
        let nodes = self.operands.len();
        if output >= nodes {
            return Err(format!("no node {output}: the tape has {nodes} nodes"));
        }
        if self.used {
            let sentence = "backward was called before, and its gradients are still \
                            there; call zero_grad first, or the two would be added";
            return Err(sentence.to_owned());
        }
        self.used = true;
        self.grads[output] = 1.0;
        for i in (0..=output).rev() {
            for &(operand, slope) in &self.operands[i] {
                self.grads[operand] += self.grads[i] * slope;
            }
        }
        Ok(())
    }

    /// Forgets the gradients, so that `backward` can be called again.
    pub fn zero_grad(&mut self) {
        self.grads.fill(0.0);
        self.used = false;
    }
}
