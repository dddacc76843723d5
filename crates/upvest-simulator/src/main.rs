//! A stand-in for Upvest: signs, batches, retries and blocks like the real one.

fn main() {}
