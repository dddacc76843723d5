//! Projects users and their due-diligence checks.

fn main() {}
