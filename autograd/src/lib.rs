//! Reverse-mode automatic differentiation, written from nothing and checked to rounding error.
//!
//! Two engines, which share nothing:
//!
//! - [`scalar`]: single numbers, one file, to understand backpropagation;
//! - [`Tape`] with [`Var`] and [`Tensor`]: to train with, at any [`Element`] type.
//!
//! The rest of this page teaches the second one. `OPS.md` beside the crate's manifest lists every op with its
//! derivative.
//!
//! # Tensors
//!
//! A [`Tensor`] is a block of numbers in row-major order with a shape. It knows no gradients. Two shapes
//! broadcast by NumPy's rule: aligned from the right, two axes must be equal or one of them 1.
//!
//! ```
//! use autograd::Tensor;
//!
//! let table = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]); // [2, 3]
//! let row = Tensor::from([10.0, 20.0, 30.0]); // [3]
//! let column = Tensor::from([[100.0], [200.0]]); // [2, 1]
//! let sum = &table + &row + &column;
//! assert_eq!(sum, Tensor::from([[111.0, 122.0, 133.0], [214.0, 225.0, 236.0]]));
//! assert_eq!(table.matmul(column.t().matmul(&table).t()).shape(), [2, 1]);
//! ```
//!
//! # The tape
//!
//! A [`Tape`] records what is computed. A [`Var`] is a place on it, a `Copy` handle, so that a formula reads
//! as it does on paper. [`Tape::leaf`] makes a variable to differentiate in, [`Tape::constant`] one that needs
//! no gradient. [`Tape::backward`] walks from one number back to the leaves.
//!
//! ```
//! use autograd::{Tape, Tensor};
//!
//! let tape = Tape::new();
//! let w = tape.leaf(Tensor::from([2.0, -1.0]));
//! let b = tape.leaf(Tensor::scalar(0.5));
//! let x = tape.constant(Tensor::from([3.0, 4.0]));
//! let y = x * w + b; // [6.5, -3.5]; b is broadcast
//! let loss = (y * y).sum();
//! assert_eq!(loss.value().item(), 6.5 * 6.5 + 3.5 * 3.5);
//!
//! let grads = tape.backward(loss);
//! assert_eq!(grads.of(w).data(), [2.0 * 6.5 * 3.0, 2.0 * -3.5 * 4.0]);
//! assert_eq!(grads.of(b).item(), 2.0 * 6.5 - 2.0 * 3.5); // summed over where b was broadcast
//! ```
//!
//! The tape stays as it is: it can be walked again, from this number or another. [`Gradients`] borrow nothing.
//! [`Tape::reset`] empties the tape and keeps its memory, and the compiler rejects variables from before.
//!
//! # One struct, three roles
//!
//! A model is a struct that is generic in its leaf. [`params!`] makes it walkable. With tensors in it, it
//! holds the parameters; with variables, their places on a tape; with tensors again, their gradients. That is all
//! an optimizer needs.
//!
//! ```
//! use autograd::optim::{Optimizer, Sgd};
//! use autograd::{Params, Tape, Tensor, params};
//!
//! struct Line<L = ()> {
//!     slope: L,
//!     shift: L,
//! }
//! params!(Line { slope: "slope", shift: "shift" });
//!
//! // y = 2x − 1, to be found from four points.
//! let x = Tensor::from([0.0, 1.0, 2.0, 3.0]);
//! let y = Tensor::from([-1.0, 1.0, 3.0, 5.0]);
//!
//! let mut line = Line { slope: Tensor::scalar(0.0_f64), shift: Tensor::scalar(0.0) }; // parameters
//! let mut sgd = Sgd::new(0.05, 0.9);
//! let mut tape = Tape::new();
//! for _ in 0..300 {
//!     tape.reset();
//!     let on_tape: Line<_> = line.map(|w| tape.leaf(w.clone())); // variables
//!     let error = on_tape.slope * tape.constant(x.clone()) + on_tape.shift - tape.constant(y.clone());
//!     let grads = tape.backward((error * error).mean());
//!     let grads: Line<_> = on_tape.map(|&w| grads.of(w)); // gradients
//!     sgd.step(&mut line, &grads)?;
//! }
//! assert!((line.slope.item() - 2.0).abs() < 1e-5);
//! assert!((line.shift.item() + 1.0).abs() < 1e-5);
//! assert_eq!(line.names(), ["slope", "shift"]);
//! # Ok::<(), autograd::optim::OptimError>(())
//! ```
//!
//! An array `[x, w]` or a `Vec` of tensors is such a struct too. [`optim`] has the optimizers and schedules, [`clip`]
//! the clipping of gradients, [`init`] the first values.
//!
//! # Derivatives of functions
//!
//! [`transform`] takes a function of a tape and a struct of variables, and a point. Write the function once, for
//! any [`Element`], and it serves all transforms.
//!
//! ```
//! use autograd::transform::{hessian, hvp, jacobian, jvp, value_and_grad};
//! use autograd::{Element, Tape, Tensor, Var};
//!
//! /// f = Σ w x²
//! fn f<'t, E: Element>(_: &'t Tape<E>, [x, w]: [Var<'t, E>; 2]) -> Var<'t, E> {
//!     (w * x * x).sum()
//! }
//!
//! let at = [Tensor::from([1.0, 2.0]), Tensor::from([3.0, 5.0])]; // x, w
//! let v = [Tensor::from([1.0, 0.0]), Tensor::from([0.0, 0.0])]; // along x₀
//!
//! let (value, [dx, dw]) = value_and_grad(f, &at); // reverse mode
//! assert_eq!((value.item(), dx.data(), dw.data()), (23.0, &[6.0, 20.0][..], &[1.0, 4.0][..]));
//!
//! let (value, slope) = jvp(f, &at, &v); // forward mode, by dual numbers
//! assert_eq!((value.item(), slope.item()), (23.0, 6.0));
//!
//! let (_, [ddx, ddw]) = hvp(f, &at, &v); // reverse mode over dual numbers
//! assert_eq!((ddx.data(), ddw.data()), (&[6.0, 0.0][..], &[2.0, 0.0][..]));
//!
//! assert_eq!(hessian(f, &at), Tensor::from([
//!     [6.0, 0.0, 2.0, 0.0],
//!     [0.0, 10.0, 0.0, 4.0],
//!     [2.0, 0.0, 0.0, 0.0],
//!     [0.0, 4.0, 0.0, 0.0],
//! ]));
//!
//! let [dx, _] = jacobian(|_, [x, w]| w * x * x, &at); // many outputs: no sum
//! assert_eq!(dx, Tensor::from([[6.0, 0.0], [0.0, 20.0]]));
//! ```
//!
//! Each transform runs its function at one element type: `f64` here in [`value_and_grad`](transform::value_and_grad),
//! [`Dual<f64>`](Dual) in [`hvp`](transform::hvp). A closure has one type of argument, and so a closure will do wherever a
//! function is used once, as in the last call. It may capture data; convert it with [`Tensor::cast`]. A second
//! transform needs a second closure, or a generic function. Third derivatives come from `Dual` numbers in `Dual`
//! numbers.
//!
//! # Is the gradient right?
//!
//! [`gradcheck::Check`] compares the gradient with three numeric derivatives that share nothing with
//! backpropagation: complex step and dual numbers, both exact to rounding, and central differences. Use it in the
//! tests of your own crate. A function has to run at several element types, so it is a trait and not a closure;
//! data goes into the fields.
//!
//! ```
//! use autograd::gradcheck::{Check, Function};
//! use autograd::{Element, Tape, Tensor, Var, params::Array};
//!
//! /// The mean of (x w − y)².
//! struct SquaredError {
//!     x: Tensor<f64>, // [B, I]
//!     y: Tensor<f64>, // [B, O]
//! }
//!
//! impl Function for SquaredError {
//!     type Params = Array<1>;
//!     fn call<'t, E: Element>(&self, tape: &'t Tape<E>, [w]: [Var<'t, E>; 1]) -> Var<'t, E> {
//!         let error = tape.constant(self.x.cast()).matmul(w) - tape.constant(self.y.cast());
//!         (error * error).mean()
//!     }
//! }
//!
//! let model = SquaredError {
//!     x: Tensor::from([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]]),
//!     y: Tensor::from([[1.0], [0.0], [-1.0]]),
//! };
//! let found = Check::default().order_2().function(&model, &[Tensor::from([[0.3], [-0.7]])])?;
//! assert!(found.complex_step <= 1e-12 && found.second_order <= 1e-11 && found.differences <= 1e-7);
//! # Ok::<(), Box<autograd::gradcheck::Failure>>(())
//! ```
//!
//! `Params` is the family of the struct of parameters: `Line` for the struct above, [`Array<N>`](params::Array) for arrays.
//! [`Check`](gradcheck::Check) documents its seed, its tolerances, and from which size on it checks random
//! projections instead of every entry.
//!
//! # An op of your own
//!
//! The built-in ops are made of two traits, and so are yours. [`Describe`](ops::Describe) gives a name and a test
//! specification; [`Op`](ops::Op) the formula and what the op contributes to the gradient of each input.
//! [`Tape::apply`] uses it, and one call checks it.
//!
//! ```
//! use autograd::draw::Draw;
//! use autograd::gradcheck::Check;
//! use autograd::ops::{Contribution, Describe, Op};
//! use autograd::{Element, Error, Tape, Tensor};
//!
//! /// The third power.
//! ///
//! /// forward   y  = x³
//! /// vjp       dx = dy ⊙ 3x²
//! struct Cube;
//!
//! impl Describe for Cube {
//!     const NAME: &'static str = "cube";
//!     fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
//!         let shape = draw.shape(0);
//!         (Self, vec![draw.tensor(&shape, -1.0..1.0)])
//!     }
//! }
//!
//! impl<E: Element> Op<E, 1> for Cube {
//!     fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
//!         Ok(x.map(|x| x * x * x))
//!     }
//!
//!     fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
//!         [dy.zip(x, |dy, x| E::pull_back(dy, E::from_f64(3.0) * x * x)).into()]
//!     }
//! }
//!
//! // Use it.
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::from([2.0, -1.0]));
//! let y = tape.apply(Cube, [x]);
//! assert_eq!(y.value().data(), [8.0, -1.0]);
//! assert_eq!(tape.backward(y.sum()).of(x).data(), [12.0, 3.0]);
//!
//! // Check it, at inputs drawn by its own specification: rank up to 3, axes up to 4 long.
//! let (op, inputs) = Cube::sample(&mut Draw::new(0, 3, 4));
//! Check::default().order_2().op(op, &inputs)?;
//! # Ok::<(), Box<autograd::gradcheck::Failure>>(())
//! ```
//!
//! [`E::pull_back`](Element::pull_back) is the product dy · slope that gives 0 for dy = 0, even where the slope is infinite.
//! An op with several outputs implements [`OpMany`](ops::OpMany), and [`Check::op_many`](gradcheck::Check::op_many) checks it.
//!
//! With a wrong derivative, 2x² for 3x², the check fails, and says where:
//!
//! ```
//! # use autograd::draw::Draw;
//! # use autograd::gradcheck::Check;
//! # use autograd::ops::{Contribution, Describe, Op};
//! # use autograd::{Element, Error, Tensor};
//! # struct Cube;
//! # impl Describe for Cube {
//! #     const NAME: &'static str = "cube";
//! #     fn sample(draw: &mut Draw) -> (Self, Vec<Tensor<f64>>) {
//! #         let shape = draw.shape(0);
//! #         (Self, vec![draw.tensor(&shape, -1.0..1.0)])
//! #     }
//! # }
//! # impl<E: Element> Op<E, 1> for Cube {
//! #     fn forward(&self, [x]: [&Tensor<E>; 1]) -> Result<Tensor<E>, Error> {
//! #         Ok(x.map(|x| x * x * x))
//! #     }
//! #     fn vjp(&self, [x]: [&Tensor<E>; 1], _y: &Tensor<E>, dy: &Tensor<E>) -> [Contribution<E>; 1] {
//! #         [dy.zip(x, |dy, x| E::pull_back(dy, E::from_f64(2.0) * x * x)).into()]
//! #     }
//! # }
//! let failure = Check::with_seed(7).op(Cube, &[Tensor::from([0.5, -1.0, 0.0])]).unwrap_err();
//! assert_eq!(
//!     failure.to_string(),
//!     "cube: the gradient in input 0 [3] is wrong at [1]: 2.408552256072913e0 by the tape, \
//!      3.612828384109369e0 by complex step (error 3.3e-1, allowed 1e-12); \
//!      2 of 3 entries are wrong; seed 7"
//! );
//! ```
//!
//! The numbers are derivatives of the outputs weighted at random, so that two errors cannot cancel; the seed
//! gives the same weights again.
//!
//! # Errors
//!
//! The methods of [`Var`] and [`Tensor`] panic where shapes clash, with a sentence that names the op, the shapes and what to
//! do, at the line of your call. Each such method has a `try_` twin that returns the same sentence as an [`Error`].
//!
//! ```
//! use autograd::{Error, Tape, Tensor};
//!
//! let tape = Tape::new();
//! let a = tape.leaf(Tensor::<f64>::zeros(&[2, 3]));
//! let b = tape.leaf(Tensor::zeros(&[4, 3]));
//! assert_eq!(
//!     a.try_matmul(b).unwrap_err().to_string(),
//!     "matmul: cannot multiply [2, 3] by [4, 3]; \
//!      the last axis of the left must equal the first of the right; did you mean `b.t()`?"
//! );
//! assert_eq!(a.matmul(b.t()).shape(), [2, 4]);
//!
//! let Err(Error::Broadcast { op, lhs, rhs }) = a.try_add(b) else { panic!("[2, 3] and [4, 3] clash") };
//! assert_eq!((op, lhs, rhs), ("add", vec![2, 3], vec![4, 3]));
//! ```
//!
//! What depends on data, such as [`Optimizer::step`](optim::Optimizer::step) and [`clip`], returns a `Result` only.
//!
//! # Where did the NaN come from?
//!
//! A tape keeps every value. So [`anomaly::find_anomaly`] can say afterwards which op made the first number that is not
//! finite, forward or backward, and on which line it was called.
//!
//! ```
//! use autograd::anomaly::{Direction, find_anomaly};
//! use autograd::{Tape, Tensor};
//!
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::from([4.0, 0.0]));
//! let (root, line) = (x.sqrt(), line!());
//! let loss = root.sum(); // 2, but the slope of √x at 0 is infinite
//! let anomaly = find_anomaly(loss).unwrap();
//! assert_eq!((anomaly.op, anomaly.direction), ("sqrt", Direction::Backward { input: 0 }));
//! assert_eq!((anomaly.index, anomaly.value), (vec![1], f64::INFINITY));
//! assert_eq!(anomaly.caller.line(), line);
//! ```
//!
//! # Seeing the tape
//!
//! [`picture::Picture`] shows the nodes with their values and gradients as text, and the graph for Graphviz or Mermaid.
//!
//! ```
//! use autograd::{Tape, Tensor, picture::Picture};
//!
//! let tape = Tape::new();
//! let w = tape.leaf(Tensor::scalar(2.0));
//! let x = tape.constant(Tensor::scalar(3.0));
//! let loss = (w * x - 5.0).relu();
//! let grads = tape.backward(loss);
//! let picture = Picture::of(&tape).with_gradients(&grads);
//! assert_eq!(picture.text(), "\
//! 0  leaf  []  = 2  gradient 3
//! 1  constant  []  = 3
//! 2  mul(0, 1)  []  = 6  gradient 1
//! 3  affine(2)  []  = 1  gradient 1
//! 4  relu(3)  []  = 1  gradient 1
//! ");
//! assert!(picture.mermaid().starts_with("flowchart LR\n"));
//! assert!(picture.graphviz().contains("3 -> 4"));
//! ```
//!
//! # Determinism
//!
//! The same calls give the same bytes, from run to run. No op reads a clock or has a generator of its own: what is
//! drawn at random takes the generator as an argument, and a seeded one repeats itself.
//!
//! Large matrix products run on all cores, or on the threads of the `rayon` pool that calls them; how the work is
//! cut changes no number, and so the bytes do not depend on how many there are. Without the feature `threads`, which is on by
//! default, all runs on the caller's thread.
//!
//! ```
//! use autograd::{Tape, Tensor, init};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let gradient = |seed| {
//!     let mut rng = ChaCha8Rng::seed_from_u64(seed);
//!     let tape = Tape::new();
//!     let w = tape.leaf(init::normal::<f32>(&[8, 8], 1.0, &mut rng));
//!     let loss = w.tanh().dropout(0.5, &mut rng).sum();
//!     tape.backward(loss).of(w)
//! };
//! assert_eq!(gradient(1), gradient(1));
//! assert_ne!(gradient(1), gradient(2));
//! ```

// In reading order: each module uses only those above it, and `tests/layers.rs` sees to it.
pub mod scalar;

pub mod kernel;
pub mod threads;
pub mod few;
pub mod product;
pub mod error;
pub mod shape;
pub mod blocks;
pub mod element;
pub mod dual;
pub mod complex;
pub mod tensor;
pub mod init;
pub mod draw;
pub mod ops;
pub mod tape;
pub mod params;
pub mod transform;
pub mod data_parallel;
pub mod anomaly;
pub mod picture;
pub mod gradcheck;
pub mod clip;
pub mod optim;

pub use complex::Complex;
pub use data_parallel::DataParallel;
pub use dual::Dual;
pub use element::Element;
pub use error::Error;
pub use few::Few;
pub use params::{Family, Params};
pub use shape::Shape;
pub use tape::{Gradients, Tape, Var};
pub use tensor::{Mask, Tensor};
