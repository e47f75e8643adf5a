//! The quotient binary: arguments, progress, exit codes
fn main() {}
