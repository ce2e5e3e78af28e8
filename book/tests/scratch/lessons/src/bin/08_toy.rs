//! A lesson for the builder's own tests.

struct Cell {
    weight: f64,
}

impl Cell {
    // ANCHOR: step
    /// One step: h′ = tanh(w h).
    fn step(&self, h: f64) -> f64 {
        // ANCHOR: inner
        (self.weight * h).tanh()
        // ANCHOR_END: inner
    }
    // ANCHOR_END: step
}

fn main() {
    let cell = Cell { weight: 0.5 };
    println!("{:.3}", cell.step(1.0));
}
