//! The numbers that a checkpoint can hold: `f32` and `f64`.

use autograd::Element;
use safetensors::Dtype;

/// A number that a checkpoint can hold: `f32` or `f64`.
pub trait Number: Element + LittleEndian {}

/// How a number stands in a file.
pub trait LittleEndian: Sized {
    /// The number's type, as the format calls it.
    const DTYPE: Dtype;

    /// Appends the bytes of the number.
    fn put(self, bytes: &mut Vec<u8>);

    /// Appends the numbers that these bytes are.
    fn get(bytes: &[u8], numbers: &mut Vec<Self>);
}

macro_rules! number {
    ($type:ty, $dtype:ident) => {
        impl Number for $type {}

        impl LittleEndian for $type {
            const DTYPE: Dtype = Dtype::$dtype;

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn get(bytes: &[u8], numbers: &mut Vec<Self>) {
                let (whole, _) = bytes.as_chunks();
                numbers.extend(whole.iter().map(|&bytes| <$type>::from_le_bytes(bytes)));
            }
        }
    };
}

number!(f32, F32);
number!(f64, F64);
