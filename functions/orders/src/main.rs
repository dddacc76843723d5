//! Projects orders with their executions and cancellations.

fn main() {}
