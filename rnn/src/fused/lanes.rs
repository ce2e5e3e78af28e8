//! Numbers side by side, so that the arithmetic of a unit is that of a vector register of units.

use std::array::from_fn;

use autograd::Element;

/// How many units a sweep calculates side by side: a register of AVX-512 full of `f32`.
const LANES: usize = 16;

/// `f` for each unit of a row: from the unit's numbers in the rows `read`, and in those of `written` as they were, to its
/// new numbers in `written`.
///
/// All rows have one length. What is left of it behind the last whole vector is filled up, so that a unit gets the same
/// instructions, and the same bytes, wherever it stands.
#[inline(always)]
pub(crate) fn each_unit<E: Element, const R: usize, const W: usize>(
    read: [&[E]; R],
    written: [&mut [E]; W],
    f: impl Fn([E; R], [E; W]) -> [E; W],
) {
    let units = written[0].len();
    for first in (0..units).step_by(LANES) {
        let x: [[E; LANES]; R] = from_fn(|k| load(&read[k][first..units]));
        let old: [[E; LANES]; W] = from_fn(|k| load(&written[k][first..units]));
        let mut new = [[E::ZERO; LANES]; W];
        for lane in 0..LANES {
            let y = f(from_fn(|k| x[k][lane]), from_fn(|k| old[k][lane]));
            for k in 0..W {
                new[k][lane] = y[k];
            }
        }
        for k in 0..W {
            store(&mut written[k][first..units], &new[k]);
        }
    }
}

#[inline(always)]
fn load<E: Element>(from: &[E]) -> [E; LANES] {
    match from.first_chunk() {
        Some(whole) => *whole,
        None => {
            let mut filled = [E::ZERO; LANES];
            filled[..from.len()].copy_from_slice(from);
            filled
        }
    }
}

#[inline(always)]
fn store<E: Element>(to: &mut [E], numbers: &[E; LANES]) {
    match to.first_chunk_mut() {
        Some(whole) => *whole = *numbers,
        None => to.copy_from_slice(&numbers[..to.len()]),
    }
}

/// The parts of a row that has one number of each kind for each unit, kind after kind.
#[inline(always)]
pub(crate) fn parts<E, const N: usize>(row: &[E]) -> [&[E]; N] {
    let units = row.len() / N;
    from_fn(|k| &row[k * units..(k + 1) * units])
}

/// The same, to write to.
#[inline(always)]
pub(crate) fn parts_mut<E, const N: usize>(row: &mut [E]) -> [&mut [E]; N] {
    let units = row.len() / N;
    let mut rest = row;
    from_fn(|_| rest.split_off_mut(..units).expect("a row has N parts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_seen_once_at_any_length() {
        for units in [0, 1, 15, 16, 17, 33, 100] {
            let x: Vec<f64> = (0..2 * units).map(|i| i as f64).collect();
            let mut y: Vec<f64> = (0..2 * units).map(|i| 1000.0 * i as f64).collect();
            each_unit(parts::<_, 2>(&x), parts_mut(&mut y), |[a, b], [c, d]| [a + d, b - c]);
            for i in 0..units {
                let (a, b) = (i as f64, (units + i) as f64);
                assert_eq!([y[i], y[units + i]], [a + 1000.0 * b, b - 1000.0 * a]);
            }
        }
    }
}
