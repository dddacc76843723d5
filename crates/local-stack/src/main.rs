//! Runs the receiver on this machine: emulator, deployment, simulator, report.

fn main() {}
