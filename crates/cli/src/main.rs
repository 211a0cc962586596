//! The angaros binary.
fn main() {}
