//! Backpropagation through time in little memory: how much less, and how much longer.
//!
//! An LSTM of 256 units over 16,384 steps in f32 (B = 1, I = 64), forward and backward. First what each way has in
//! memory at its peak, beside what was there before the call, and the time of each, in turns, the least of
//! five; then Criterion's own measurement.

use std::hint::black_box;
use std::time::{Duration, Instant};

use autograd::{Params, Tensor, draw::Draw};
use criterion::{Criterion, criterion_group, criterion_main};
use peak_alloc::PeakAlloc;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rnn::bptt::{Memory, Schedule, checkpointed_bptt, step_bytes};
use rnn::{Cell, Lstm, LstmState, Seq, bptt, unroll};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const T: usize = 16_384;
const I: usize = 64;
const H: usize = 256;

struct Case {
    lstm: Lstm<Tensor<f32>>,
    xs: Seq<Tensor<f32>>,
    zero: LstmState<Tensor<f32>>,
    d_outputs: Tensor<f32>,
}

impl Case {
    fn new() -> Self {
        let mut draw = Draw::new(0, 0, 0);
        let lstm = Lstm::init(I, H, &mut ChaCha8Rng::seed_from_u64(0));
        let zero = Lstm::zero_state(&lstm, 1);
        let xs = Seq::time_major(draw.tensor(&[T, 1, I], -1.0..1.0).cast());
        Self { lstm, xs, zero, d_outputs: draw.tensor(&[T, 1, H], -1.0..1.0).cast() }
    }

    fn plain(&self) {
        let trace = unroll::<Lstm, f32>(&self.lstm, &self.xs, &self.zero);
        black_box(bptt::<Lstm, f32>(&self.lstm, &trace, &self.d_outputs, None));
    }

    fn checkpointed(&self, memory: Memory) {
        let d_output = |t, _: &Tensor<f32>| self.d_outputs.entry(t);
        let Self { lstm, xs, zero, .. } = self;
        let found = checkpointed_bptt::<Lstm, f32>(lstm, xs, zero, memory, d_output, None);
        black_box(found.expect("enough memory"));
    }

    fn run(&self, memory: Option<Memory>) {
        match memory {
            None => self.plain(),
            Some(memory) => self.checkpointed(memory),
        }
    }
}

/// The largest number of bytes that a call has allocated at a time.
fn peak(call: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    call();
    ALLOCATOR.peak_usage() - before
}

fn long_sequence(criterion: &mut Criterion) {
    let case = Case::new();
    let bytes = step_bytes::<Lstm, f32>(&case.lstm, 1);
    let ways = [
        ("plain", None),
        ("sqrt", Some(Memory::Sqrt)),
        ("slots_100", Some(Memory::Slots(100))),
        ("bytes_1_MiB", Some(Memory::Bytes(1 << 20))),
        ("bytes_12_MiB", Some(Memory::Bytes(12 << 20))),
    ];

    let mut least = [Duration::MAX; 5];
    for _ in 0..5 {
        for (least, &(_, memory)) in least.iter_mut().zip(&ways) {
            let start = Instant::now();
            case.run(memory);
            *least = (*least).min(start.elapsed());
        }
    }
    // The gradients that any way returns: in the inputs and in the parameters.
    let returned = size_of::<f32>() * (T * I + case.lstm.count());
    println!("gradients returned: {:.2} MiB", returned as f64 / (1 << 20) as f64);
    let plain = peak(|| case.plain());
    for (time, (name, memory)) in least.iter().zip(ways) {
        let peak = peak(|| case.run(memory));
        let scheduled = memory.map(|m| Schedule::new(m, T, bytes).expect("enough memory"));
        println!(
            "{name:>12}: {:7.2} MiB at the peak, 1/{:.1} of plain; {:6.3} s, {:.2} of plain; {}",
            peak as f64 / (1 << 20) as f64,
            plain as f64 / peak as f64,
            time.as_secs_f64(),
            time.as_secs_f64() / least[0].as_secs_f64(),
            scheduled.map_or("keeps all".to_string(), |s| format!(
                "segments of {}, {} slots: {} steps forward, reckoned {:.2} MiB",
                s.segment(),
                s.slots(),
                s.forward_steps(),
                s.bytes(bytes) as f64 / (1 << 20) as f64,
            )),
        );
    }
    let sqrt = peak(|| case.checkpointed(Memory::Sqrt));
    assert!(sqrt * 10 <= plain, "{sqrt} bytes are more than a tenth of {plain}");

    let mut group = criterion.benchmark_group("bptt_16384");
    group.sample_size(10);
    for (name, memory) in ways {
        group.bench_function(name, |bencher| bencher.iter(|| case.run(memory)));
    }
    group.finish();
}

criterion_group!(benches, long_sequence);
criterion_main!(benches);
