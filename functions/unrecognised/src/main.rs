//! Keeps the latest object of every event without a processor of its own.

fn main() {}
