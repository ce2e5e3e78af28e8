//! What three numbers of memory do while a network reads a word, and another word beside it.
//!
//! The cell is that of chapter 7, with its weights: four letters, three units, drawn from the seed of its lesson.

use autograd::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::{Cell, Seq, Vanilla, unroll};

use crate::control::{Control, Values};
use crate::svg::{Anchor, BLUE, GREEN, GRID, INK, ORANGE, QUIET, Svg, WIDTH};
use crate::{Painted, Widget};

pub(crate) struct HiddenState;

const LETTERS: &str = "helo";
const V: usize = 4;
const H: usize = 3;
const LONGEST: usize = 8;

/// The state after each letter of a word, from a state of zeros.
fn read(cell: &Vanilla<Tensor<f64>>, word: &str) -> Vec<Vec<f64>> {
    let ids: Vec<usize> = word.chars().filter_map(|letter| LETTERS.find(letter)).collect();
    let xs = Seq::time_major(Tensor::one_hot(&ids, V).reshape(&[ids.len(), 1, V]));
    let hs = unroll::<Vanilla, f64>(cell, &xs, &Vanilla::zero_state(cell, 1)).outputs(); // [T, 1, H]
    hs.data().chunks(H).map(<[f64]>::to_vec).collect()
}

fn cell() -> Vanilla<Tensor<f64>> {
    Vanilla::init(V, H, &mut ChaCha8Rng::seed_from_u64(1))
}

/// ‖a − b‖ of the last states; a word without letters leaves the zeros it began with.
fn distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let last = |hs: &[Vec<f64>]| hs.last().cloned().unwrap_or_else(|| vec![0.0; H]);
    let squares = last(a).iter().zip(last(b)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    squares.sqrt()
}

impl Widget for HiddenState {
    fn name(&self) -> &'static str {
        "hidden_state"
    }

    fn caption(&self) -> &'static str {
        "The state after each letter: three units, each between −1 and 1, upwards if positive. The weights are those of \
         this chapter's network, which knows the letters h, e, l and o; others are left out."
    }

    fn controls(&self) -> Vec<Control> {
        let word =
            |label, value| Control::Word { label, value, letters: LETTERS, longest: LONGEST };
        vec![word("First word", "hello"), word("Second word", "olleh")]
    }

    fn paint(&self, values: &Values) -> Painted {
        let cell = cell();
        let words = [values.word(0), values.word(1)];
        let read = words.map(|word| read(&cell, word));
        let mut svg = Svg::new(424.0);
        for (n, (word, hs)) in words.iter().zip(&read).enumerate() {
            let top = 196.0 * n as f64;
            for i in 0..H {
                let middle = top + 44.0 + 52.0 * i as f64;
                svg.text(
                    [4.0, middle + 5.0],
                    Anchor::Start,
                    QUIET,
                    &format!("h{}", ["₁", "₂", "₃"][i]),
                );
                svg.line([30.0, middle], [WIDTH - 6.0, middle], GRID, 1.0);
            }
            for (t, (letter, h)) in word.chars().zip(hs).enumerate() {
                let x = 56.0 + 51.0 * t as f64;
                svg.text([x, top + 18.0], Anchor::Middle, INK, &letter.to_string());
                for (i, &value) in h.iter().enumerate() {
                    let middle = top + 44.0 + 52.0 * i as f64;
                    let size = 17.0 * value.abs();
                    let from = if value > 0.0 { middle - size } else { middle };
                    let colour = [BLUE, ORANGE, GREEN][i];
                    svg.bar([x - 20.0, from], [40.0, size], colour, 0.35);
                    // On the side where there is no bar.
                    let place = if value > 0.0 { middle + 15.0 } else { middle - 5.0 };
                    svg.text([x, place], Anchor::Middle, INK, &number(value));
                }
            }
            if hs.is_empty() {
                svg.text(
                    [56.0, top + 88.0],
                    Anchor::Start,
                    QUIET,
                    "nothing is read: the state is all zeros",
                );
            }
        }
        let apart = distance(&read[0], &read[1]);
        svg.text(
            [4.0, 412.0],
            Anchor::Start,
            INK,
            &format!("distance between the two last states: {apart:.3}"),
        );
        let says = |n: usize| {
            let last = read[n].last().cloned().unwrap_or_else(|| vec![0.0; H]);
            let last: Vec<String> = last.iter().map(|&h| format!("{h:.3}")).collect();
            format!("After \u{201C}{}\u{201D} the state is {}.", words[n], last.join(", "))
        };
        let says = format!(
            "The states of a network of three units after each letter of two words. {} {} They are {apart:.3} apart.",
            says(0),
            says(1)
        );
        let readings = words.map(|word| format!("{} letters", word.chars().count())).to_vec();
        Painted { svg, says, readings }
    }
}

/// Two decimals, without the zero before the point, and no minus before a zero.
fn number(x: f64) -> String {
    format!("{:.2}", if x.abs() < 5e-3 { 0.0 } else { x }).replace('-', "−").replacen("0.", ".", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_that_of_the_formula() {
        let cell = cell();
        let bias = |b: &Option<Tensor<f64>>, i: usize| b.as_ref().expect("a bias").data()[i];
        let mut h = [0.0; H];
        for (letter, found) in "hello".chars().zip(read(&cell, "hello")) {
            let j = LETTERS.find(letter).expect("a letter");
            h = std::array::from_fn(|i| {
                let past: f64 = (0..H).map(|k| cell.w_hh.at(&[i, k]) * h[k]).sum();
                (cell.w_ih.at(&[i, j]) + bias(&cell.b_ih, i) + past + bias(&cell.b_hh, i)).tanh()
            });
            assert!(
                h.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-12),
                "{letter}: {found:?}"
            );
        }
    }

    #[test]
    fn the_order_of_the_letters_counts() {
        let [a, b] = ["hello", "olleh"].map(|word| read(&cell(), word));
        assert!(distance(&a, &b) > 0.1);
        assert_eq!(distance(&a, &a), 0.0);
        assert!(read(&cell(), "").is_empty());
    }
}
