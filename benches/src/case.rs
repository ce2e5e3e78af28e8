//! What is measured: an operation on a cell of some shape.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that names nothing to be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// A shape is not four numbers.
    #[error("`{0}` is no shape; give T,B,I,H: four whole numbers from 1 on, as in 50,32,128,256")]
    Shape(String),
    /// There is no such cell.
    #[error("`{0}` is no cell; there are rnn, gru and lstm")]
    Cell(String),
    /// There is no such operation.
    #[error("`{0}` is no operation; there are fwd, fwdbwd, train, charlm, chain and rss")]
    Op(String),
}

/// T steps of B rows, I inputs, H units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// The steps of a sequence, T.
    #[serde(rename = "T")]
    pub seq_len: usize,
    /// The sequences of a batch, B.
    #[serde(rename = "B")]
    pub batch: usize,
    /// The features of an input, I.
    #[serde(rename = "I")]
    pub input_size: usize,
    /// The units, H.
    #[serde(rename = "H")]
    pub hidden_size: usize,
}

impl Shape {
    /// T, B, I, H.
    pub const fn new(seq_len: usize, batch: usize, input_size: usize, hidden_size: usize) -> Self {
        Self { seq_len, batch, input_size, hidden_size }
    }
}

/// The shapes that are compared, as `--shapes` takes them.
pub const SHAPES: &str =
    "25,1,64,100;35,20,128,128;50,32,128,256;64,64,256,512;100,16,512,1024;1000,1,64,128";

impl FromStr for Shape {
    type Err = CaseError;

    /// ```
    /// use benches::Shape;
    ///
    /// assert_eq!("50,32,128,256".parse(), Ok(Shape::new(50, 32, 128, 256)));
    /// assert!("50,32,128".parse::<Shape>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, CaseError> {
        let numbers: Result<Vec<usize>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        match numbers.as_deref() {
            Ok(&[t, b, i, h]) if [t, b, i, h].iter().all(|&n| n > 0) => Ok(Self::new(t, b, i, h)),
            _ => Err(CaseError::Shape(text.to_string())),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq_len, batch, input_size, hidden_size } = self;
        write!(f, "{seq_len},{batch},{input_size},{hidden_size}")
    }
}

/// A recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// tanh, PyTorch's nn.RNN.
    Rnn,
    /// The reset gate after the product, nn.GRU.
    Gru,
    /// nn.LSTM.
    Lstm,
}

impl Cell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rnn, Self::Gru, Self::Lstm];

    /// Its name in a line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
        }
    }

    /// How many times H rows its weights have.
    pub fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

impl FromStr for Cell {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        let found = Self::ALL.into_iter().find(|cell| cell.name() == text.trim());
        found.ok_or_else(|| CaseError::Cell(text.to_string()))
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A sequence forward, without gradients.
    Fwd,
    /// Forward, sum(output ⊙ R), and all gradients.
    Fwdbwd,
    /// A training step of a language model of 65 symbols.
    Train,
    /// A training step of the model of min-char-rnn.
    Charlm,
    /// 300 times tanh(y ⊙ w + b) on 4 × 4 tensors, forward and backward.
    ChainTensor,
    /// The same on scalars.
    ChainScalar,
    /// The most memory that training steps take, above what was there before.
    Rss,
}

impl Op {
    /// Those that are measured for each cell and shape, and timed.
    pub const LAYER: [Self; 3] = [Self::Fwd, Self::Fwdbwd, Self::Train];

    /// Its name in a line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fwd => "fwd",
            Self::Fwdbwd => "fwdbwd",
            Self::Train => "train",
            Self::Charlm => "charlm",
            Self::ChainTensor => "chain_tensor",
            Self::ChainScalar => "chain_scalar",
            Self::Rss => "rss",
        }
    }
}

/// The operations that one word of `--ops` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ops(pub Vec<Op>);

impl FromStr for Ops {
    type Err = CaseError;

    /// ```
    /// use benches::{Op, case::Ops};
    ///
    /// assert_eq!("fwd".parse(), Ok(Ops(vec![Op::Fwd])));
    /// assert_eq!("chain".parse(), Ok(Ops(vec![Op::ChainTensor, Op::ChainScalar])));
    /// ```
    fn from_str(text: &str) -> Result<Self, CaseError> {
        let ops = match text.trim() {
            "fwd" => vec![Op::Fwd],
            "fwdbwd" => vec![Op::Fwdbwd],
            "train" => vec![Op::Train],
            "charlm" => vec![Op::Charlm],
            "chain" => vec![Op::ChainTensor, Op::ChainScalar],
            "rss" => vec![Op::Rss],
            _ => return Err(CaseError::Op(text.to_string())),
        };
        Ok(Self(ops))
    }
}

/// One thing to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Case {
    /// The cell; none where there is no layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    /// Its shape.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// What is done.
    pub op: Op,
}

impl Case {
    /// The symbols of the language models.
    pub const VOCAB_SIZE: usize = 65;

    /// The operations of the chain: a product, a sum and a tanh each of 300 times.
    pub const CHAIN: usize = 900;

    /// An operation on a layer.
    pub const fn layer(cell: Cell, shape: Shape, op: Op) -> Self {
        Self { cell: Some(cell), shape: Some(shape), op }
    }

    /// The model of min-char-rnn: 25 steps of one text, one-hot, 100 units.
    pub const CHARLM: Self = Self::layer(Cell::Rnn, Shape::new(25, 1, 65, 100), Op::Charlm);

    /// What is measured for these shapes, cells and operations, shape by shape.
    pub fn all(shapes: &[Shape], cells: &[Cell], ops: &[Op]) -> Vec<Self> {
        let mut cases = Vec::new();
        for &shape in shapes {
            for &cell in cells {
                let of_layers = ops.iter().filter(|op| Op::LAYER.contains(op) || **op == Op::Rss);
                cases.extend(of_layers.map(|&op| Self::layer(cell, shape, op)));
            }
        }
        for &op in ops {
            match op {
                Op::Charlm => cases.push(Self::CHARLM),
                Op::ChainTensor | Op::ChainScalar => {
                    cases.push(Self { cell: None, shape: None, op });
                }
                _ => {}
            }
        }
        cases
    }

    /// The layer of a case that has one.
    ///
    /// # Errors
    ///
    /// If the case has none.
    pub fn of_layer(&self) -> anyhow::Result<(Cell, Shape)> {
        match (self.cell, self.shape) {
            (Some(cell), Some(shape)) => Ok((cell, shape)),
            _ => anyhow::bail!("{} needs a cell and a shape T, B, I, H", self.op.name()),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(cell), Some(shape)) = (self.cell, self.shape) {
            write!(f, "{shape} {} ", cell.name())?;
        }
        f.write_str(self.op.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_to_compare_are_six() {
        let shapes: Result<Vec<Shape>, _> = SHAPES.split(';').map(str::parse).collect();
        let shapes = shapes.expect("shapes");
        assert_eq!(shapes.len(), 6);
        assert_eq!(shapes[4], Shape::new(100, 16, 512, 1024));
        assert_eq!(shapes[4].to_string(), "100,16,512,1024");
    }

    #[test]
    fn a_wrong_word_is_answered_with_what_there_is() {
        let error = |e: CaseError| e.to_string();
        for text in ["", "1,2,3", "1,2,3,4,5", "0,1,1,1", "1,2,3,x", "-1,2,3,4"] {
            let found = text.parse::<Shape>().map_err(error);
            assert!(found.is_err_and(|e| e.contains("T,B,I,H")), "{text}");
        }
        let found = "elman".parse::<Cell>().map_err(error);
        assert!(found.is_err_and(|e| e.contains("`elman`") && e.contains("rnn")));
        let found = "backward".parse::<Ops>().map_err(error);
        assert!(found.is_err_and(|e| e.contains("`backward`") && e.contains("fwdbwd")));
    }

    #[test]
    fn a_case_has_its_layer_in_its_line() {
        let case = Case::layer(Cell::Gru, Shape::new(1, 2, 3, 4), Op::Fwdbwd);
        let line = serde_json::to_string(&case).expect("a line");
        assert_eq!(line, r#"{"cell":"gru","T":1,"B":2,"I":3,"H":4,"op":"fwdbwd"}"#);
        assert_eq!(serde_json::from_str::<Case>(&line).expect("a case"), case);
        let scalar = Case { cell: None, shape: None, op: Op::ChainScalar };
        let line = serde_json::to_string(&scalar).expect("a line");
        assert_eq!(line, r#"{"op":"chain_scalar"}"#);
        assert_eq!(serde_json::from_str::<Case>(&line).expect("a case"), scalar);
    }

    #[test]
    fn what_has_no_shape_is_measured_once() {
        let shapes = [Shape::new(1, 2, 3, 4), Shape::new(5, 6, 7, 8)];
        let ops = [Op::Fwd, Op::Charlm, Op::ChainTensor];
        let cases = Case::all(&shapes, &Cell::ALL, &ops);
        assert_eq!(cases.len(), 2 * 3 + 2);
        assert_eq!(cases[6], Case::CHARLM);
    }
}
