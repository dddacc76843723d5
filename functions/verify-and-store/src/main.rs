//! Proves deliveries, archives them, stores their events once and dispatches them.

fn main() {}
