//! The operator's command line of the Upvest webhook receiver.

fn main() {}
