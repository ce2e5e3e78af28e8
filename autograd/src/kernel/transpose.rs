//! Blocks of 4 × 4 numbers with rows and columns exchanged, in registers.
//!
//! The compiler finds no vector instructions for the plain assignment, and packing takes three times as long with it. So
//! x86-64 is told which to use; they are of SSE2, which every such processor has. Other targets assign.

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{doubles, singles};

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(
        unsafe_code,
        reason = "instructions of SSE2; arrays and vectors turn into each other"
    )]

    use std::arch::x86_64::*;
    use std::mem::transmute;

    /// Rows of four `f32`, as columns.
    #[inline(always)]
    pub(crate) fn singles(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
        // SAFETY: every x86-64 processor has SSE2; 16 `f32` on both sides of `transmute`, for which any bits will do.
        unsafe {
            let [a, b, c, d]: [__m128; 4] = transmute(rows);
            let (ab, ab_) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b)); // a0 b0 a1 b1, a2 b2 a3 b3
            let (cd, cd_) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
            transmute([
                _mm_movelh_ps(ab, cd), // a0 b0 c0 d0
                _mm_movehl_ps(cd, ab),
                _mm_movelh_ps(ab_, cd_),
                _mm_movehl_ps(cd_, ab_),
            ])
        }
    }

    /// Rows of four `f64`, as columns.
    #[inline(always)]
    pub(crate) fn doubles(rows: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        // SAFETY: as above, with 16 `f64`.
        unsafe {
            let [a, b, c, d]: [[__m128d; 2]; 4] = transmute(rows);
            transmute([
                [_mm_unpacklo_pd(a[0], b[0]), _mm_unpacklo_pd(c[0], d[0])], // a0 b0, c0 d0
                [_mm_unpackhi_pd(a[0], b[0]), _mm_unpackhi_pd(c[0], d[0])],
                [_mm_unpacklo_pd(a[1], b[1]), _mm_unpacklo_pd(c[1], d[1])],
                [_mm_unpackhi_pd(a[1], b[1]), _mm_unpackhi_pd(c[1], d[1])],
            ])
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use plain::{transposed as doubles, transposed as singles};

/// The plain assignment; on x86-64 the twin that the others are tested against.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use std::array::from_fn;

    #[inline(always)]
    pub(crate) fn transposed<E: Copy>(rows: [[E; 4]; 4]) -> [[E; 4]; 4] {
        from_fn(|l| from_fn(|r| rows[r][l]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_equals_the_plain_assignment() {
        let rows = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]];
        let single = rows.map(|row| row.map(|x: u8| f32::from(x)));
        let double = rows.map(|row| row.map(f64::from));
        assert_eq!(singles(single), plain::transposed(single));
        assert_eq!(doubles(double), plain::transposed(double));
    }
}
