//! Runs the benchmark and prints its tables.

#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn main() -> Result<(), bench::error::BenchError> {
    let options = <bench::run::Options as clap::Parser>::parse();
    println!("{}", bench::run::run(options)?.tables());
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::print_stderr, reason = "it is all that the program does")]
fn main() -> std::process::ExitCode {
    eprintln!("the benchmark runs on Linux alone");
    std::process::ExitCode::FAILURE
}
