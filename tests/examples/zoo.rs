//! Prints which wrong derivatives a loose gradient check lets pass: `cargo run --release -p tests --example zoo`

#[path = "../zoo/mod.rs"]
mod zoo;

fn main() {
    print!("{}", zoo::table());
}
