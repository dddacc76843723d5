//! Runs the benchmark and prints its tables.

use bench::error::BenchError;
use bench::run::Options;
use clap::Parser;

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn main() -> Result<(), BenchError> {
    let report = bench::run::run(Options::parse())?;
    println!("{}", report.tables());
    Ok(())
}
