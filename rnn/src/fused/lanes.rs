//! Numbers side by side, so that the arithmetic of a unit is that of a vector register of units.

use std::hint::black_box;

use autograd::Element;

/// How many units a sweep calculates side by side: a register of AVX-512 full of `f32`.
pub(super) const LANES: usize = 16;

/// `f` for each unit of a row: from the unit's numbers in the rows `read`, in `kept`, and in the rows `written` as they
/// were, to its new numbers in `written` and those to `keep`.
///
/// All rows have one length. What is kept lies together for a vector of units, N numbers of each, so that it streams to
/// memory and back as one piece:
///
/// ```text
/// keep       16 of the first kind, 16 of the second, … of units 0 to 15; then those of units 16 to 31; …
/// ```
///
/// What is left of a row behind the last whole vector is filled up, so that a unit gets the same instructions, and the
/// same bytes, wherever it stands.
#[inline(always)]
#[expect(clippy::manual_memcpy, reason = "vector by vector, so that each stays in a register")]
pub(crate) fn each_unit<
    E: Element,
    const R: usize,
    const K: usize,
    const W: usize,
    const N: usize,
>(
    (read, kept): ([&[E]; R], &[E]),
    (written, keep): ([&mut [E]; W], &mut [E]),
    f: impl Fn([E; R], [E; K], [E; W]) -> ([E; W], [E; N]),
) {
    let units = written[0].len();
    let whole = units / LANES;
    // Rows of whole vectors, all as long, so that the loop need not ask where a row ends.
    let mut vectors: [&[[E; LANES]]; R] = [&[]; R];
    let mut rests: [&[E]; R] = [&[]; R];
    for k in 0..R {
        let (these, rest) = read[k][..units].as_chunks();
        (vectors[k], rests[k]) = (&these[..whole], rest);
    }
    let written = written.map(|row| {
        let (these, rest) = row[..units].as_chunks_mut::<LANES>();
        (&mut these[..whole], rest)
    });
    let (kept, kept_rest) = kept.split_at(whole * K * LANES);
    let (keep, keep_rest) = keep.split_at_mut(whole * N * LANES);
    let (kept, keep) = (kept.as_chunks::<LANES>().0, keep.as_chunks_mut::<LANES>().0);
    for number in 0..whole {
        // A compiler that sees how vectors follow each other takes one lane of many vectors at a time: a gather.
        let number = black_box(number).min(whole - 1);
        // Plain loops: what a closure of `array::from_fn` does may stay a function, without the level's instructions.
        let mut x = [[E::ZERO; LANES]; R];
        for k in 0..R {
            x[k] = vectors[k][number];
        }
        let (kept, keep) = (&kept[number * K..][..K], &mut keep[number * N..][..N]);
        let mut then = [[E::ZERO; LANES]; K];
        for k in 0..K {
            then[k] = kept[k];
        }
        let mut y = [[E::ZERO; LANES]; W];
        for k in 0..W {
            y[k] = written[k].0[number];
        }
        let mut new = [[E::ZERO; LANES]; N];
        each_lane(&x, &then, &mut y, &mut new, &f);
        for k in 0..W {
            written[k].0[number] = y[k];
        }
        for k in 0..N {
            keep[k] = new[k];
        }
    }
    let rest = units - whole * LANES;
    if rest > 0 {
        let mut x = [[E::ZERO; LANES]; R];
        for k in 0..R {
            copy(rests[k], &mut x[k]);
        }
        let mut then = [[E::ZERO; LANES]; K];
        for k in 0..K {
            copy(&kept_rest[k * rest..][..rest], &mut then[k]);
        }
        let mut y = [[E::ZERO; LANES]; W];
        for k in 0..W {
            copy(written[k].1, &mut y[k]);
        }
        let mut new = [[E::ZERO; LANES]; N];
        each_lane(&x, &then, &mut y, &mut new, &f);
        for k in 0..W {
            copy(&y[k], written[k].1);
        }
        for k in 0..N {
            copy(&new[k], &mut keep_rest[k * rest..][..rest]);
        }
    }
}

#[inline(always)]
fn each_lane<E: Element, const R: usize, const K: usize, const W: usize, const N: usize>(
    x: &[[E; LANES]; R],
    kept: &[[E; LANES]; K],
    y: &mut [[E; LANES]; W],
    keep: &mut [[E; LANES]; N],
    f: &impl Fn([E; R], [E; K], [E; W]) -> ([E; W], [E; N]),
) {
    for lane in 0..LANES {
        let (mut read, mut then, mut old) = ([E::ZERO; R], [E::ZERO; K], [E::ZERO; W]);
        for k in 0..R {
            read[k] = x[k][lane];
        }
        for k in 0..K {
            then[k] = kept[k][lane];
        }
        for k in 0..W {
            old[k] = y[k][lane];
        }
        let (new, now) = f(read, then, old);
        for k in 0..W {
            y[k][lane] = new[k];
        }
        for k in 0..N {
            keep[k][lane] = now[k];
        }
    }
}

/// Copies the fewer than 16 numbers of the shorter one in pieces of 8, 4, 2 and 1, without a call.
#[inline(always)]
fn copy<E: Copy>(from: &[E], to: &mut [E]) {
    let count = from.len().min(to.len());
    let (from, to) = (&from[..count], &mut to[..count]);
    let at = copy_if::<E, 8>(from, to, 0);
    let at = copy_if::<E, 4>(from, to, at);
    let at = copy_if::<E, 2>(from, to, at);
    copy_if::<E, 1>(from, to, at);
}

#[inline(always)]
fn copy_if<E: Copy, const N: usize>(from: &[E], to: &mut [E], at: usize) -> usize {
    match (from[at..].first_chunk::<N>(), to[at..].first_chunk_mut::<N>()) {
        (Some(from), Some(to)) => {
            *to = *from;
            at + N
        }
        _ => at,
    }
}

/// The parts of a row that has one number of each kind for each unit, kind after kind.
#[inline(always)]
pub(crate) fn parts<E, const N: usize>(row: &[E]) -> [&[E]; N] {
    let units = row.len() / N;
    let mut parts: [&[E]; N] = [&[]; N];
    for k in 0..N {
        parts[k] = &row[k * units..(k + 1) * units];
    }
    parts
}

/// The same, to write to.
#[inline(always)]
pub(crate) fn parts_mut<E, const N: usize>(row: &mut [E]) -> [&mut [E]; N] {
    let units = row.len() / N;
    let mut rest = row;
    std::array::from_fn(|_| rest.split_off_mut(..units).expect("a row has N parts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_seen_once_at_any_length_and_finds_what_it_kept() {
        for units in [0, 1, 15, 16, 17, 33, 100] {
            let x: Vec<f64> = (0..2 * units).map(|i| i as f64).collect();
            let mut y: Vec<f64> = (0..2 * units).map(|i| 1000.0 * i as f64).collect();
            let mut keep = vec![f64::NAN; 2 * units];
            each_unit(
                (parts::<_, 2>(&x), &[]),
                (parts_mut(&mut y), &mut keep),
                |[a, b], [], [c, d]| ([a + d, b - c], [a, b + c]),
            );
            let mut kept = vec![f64::NAN; 2 * units];
            each_unit(([], &keep), (parts_mut(&mut kept), &mut []), |[], both, [_, _]| (both, []));
            for i in 0..units {
                let (a, b) = (i as f64, (units + i) as f64);
                assert_eq!([y[i], y[units + i]], [a + 1000.0 * b, b - 1000.0 * a]);
                assert_eq!([kept[i], kept[units + i]], [a, b + 1000.0 * a]);
            }
        }
    }
}
