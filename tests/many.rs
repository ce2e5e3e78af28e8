//! Tensors of so many numbers that they are taken in pieces: each number is there once, and at its place.

use autograd::Tensor;
use autograd::tensor::Packed;

/// More than the numbers of two threads, and no whole number of pieces.
const MANY: usize = 300_001;

#[test]
fn pairs_of_many_numbers_are_combined_at_their_places() {
    let a = Tensor::from_fn(&[MANY], |i| i as f64);
    let b = Tensor::from_fn(&[MANY], |i| (i % 7) as f64);
    let combined = a.zip(&b, |x, y| x - 2.0 * y);
    for (i, &z) in combined.data().iter().enumerate() {
        assert_eq!(z, i as f64 - 2.0 * (i % 7) as f64, "at {i}");
    }
}

#[test]
fn a_tensor_of_one_number_has_it_everywhere() {
    for filled in [Tensor::full(&[MANY], 3.5), Tensor::scalar(3.5).broadcast_to(&[MANY])] {
        assert!(filled.data().len() == MANY && filled.data().iter().all(|&x| x == 3.5));
    }
}

#[test]
fn a_matrix_of_many_numbers_is_packed_in_its_place() {
    let [k, n] = [130, 700];
    let w = Tensor::from_fn(&[k, n], |i| (i % 1013) as f32);
    let x: Vec<f32> = (0..k).map(|l| (l % 5) as f32).collect();
    for packed in [Packed::new(&w), Packed::new(w.transpose(0, 1).t())] {
        let mut y = vec![0.0; n];
        packed.multiply(&x, &mut y);
        for (j, &y) in y.iter().enumerate() {
            // Whole numbers below 2²⁴: exact.
            let sum = (0..k).map(|l| ((l * n + j) % 1013 * (l % 5)) as f32).sum::<f32>();
            assert_eq!(y, sum, "column {j}");
        }
    }
}

#[test]
fn a_sum_counts_each_number_once_at_any_length() {
    for count in [0, 1, 15, 16, 127, 128, 129, 145, 2047, 2048, 2049, 4097, MANY] {
        let numbers = Tensor::from_fn(&[count], |i| 1.0 + i as f64);
        // Whole numbers below 2⁵³: exact in any order.
        assert_eq!(numbers.sum().item(), (count * (count + 1) / 2) as f64, "{count} numbers");
    }
}
