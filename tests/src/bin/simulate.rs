//! Simulates deliveries until there are as many as asked for, on all cores; goes on where an earlier run ended.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports on a terminal"
)]

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::{Deserialize, Serialize};
use webhook_tests::effects::AS_TOLD;
use webhook_tests::simulation::{Figures, simulate};

/// Says how many seeds each core runs between two notes of how far it got.
const SEEDS_AT_A_TIME: u64 = 32;

/// Simulates deliveries to the receiver in a hostile world, and holds its promises at the end of each run.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many deliveries are answered with 200, in all runs together, those of an earlier call included
    #[arg(long, default_value_t = 100_000)]
    deliveries: u64,
    /// The seed of the first run
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    /// Where it is noted how far it got; delete the file to begin anew
    #[arg(long, default_value = "target/simulation.json")]
    notes: PathBuf,
}

/// Says how far it got.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    /// Gives the seed of the first run.
    seed: u64,
    /// Gives the seed of the next run.
    next: u64,
    /// Counts the wall-clock seconds that all runs took.
    took_seconds: f64,
    figures: Figures,
    /// Lists the seeds whose runs failed.
    failed: BTreeSet<u64>,
}

fn main() -> ExitCode {
    tell_panics_in_a_line();
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells why a run failed; the user's code in it panics as it was told, which is none.
fn tell_panics_in_a_line() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("it panicked");
        if message != AS_TOLD {
            eprintln!("\n{message}");
        }
    }));
}

fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let cores = std::thread::available_parallelism()?.get() as u64;
    let mut notes = read(arguments)?;
    let (began, before) = (Instant::now(), notes.figures.answered());
    while notes.figures.answered() < arguments.deliveries {
        let block_began = Instant::now();
        let seeds = notes.next..notes.next + SEEDS_AT_A_TIME * cores;
        notes.next = seeds.end;
        let (figures, failed) = run_seeds(seeds, cores);
        notes.figures.add(&figures);
        notes.failed.extend(failed);
        notes.took_seconds += block_began.elapsed().as_secs_f64();
        write(&arguments.notes, &notes)?;
        progress(&notes, before, arguments.deliveries, began.elapsed())?;
    }
    println!("\n{}", table(&notes));
    for seed in &notes.failed {
        println!("seed {seed} fails: SIMULATION_SEED={seed} cargo test --workspace --test it simulation");
    }
    Ok(ExitCode::from(u8::from(!notes.failed.is_empty())))
}

/// Runs seeds on so many threads; gives what happened in them, and those that failed.
fn run_seeds(seeds: std::ops::Range<u64>, threads: u64) -> (Figures, BTreeSet<u64>) {
    let next = AtomicU64::new(seeds.start);
    let done = Mutex::new((Figures::default(), BTreeSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let outcome = std::panic::catch_unwind(|| simulate(seed));
                    let mut done = done.lock().expect("nobody panics with the lock");
                    match outcome {
                        Ok(figures) => done.0.add(&figures),
                        Err(_) => {
                            done.1.insert(seed);
                        }
                    }
                }
            });
        }
    });
    done.into_inner().expect("nobody panics with the lock")
}

fn read(arguments: &Arguments) -> Result<Notes, Box<dyn std::error::Error>> {
    let fresh = Notes {
        seed: arguments.seed,
        next: arguments.seed,
        ..Notes::default()
    };
    if !arguments.notes.exists() {
        return Ok(fresh);
    }
    let text = std::fs::read_to_string(&arguments.notes)?;
    let notes: Notes = serde_json::from_str(&text)
        .map_err(|error| format!("{}: {error}; delete it to begin anew", arguments.notes.display()))?;
    if notes.seed != arguments.seed {
        return Ok(fresh);
    }
    println!(
        "going on after {} deliveries noted in {}",
        notes.figures.answered(),
        arguments.notes.display()
    );
    Ok(notes)
}

/// Writes the notes beside and then in the place of the earlier ones, so that there are always whole ones.
fn write(path: &Path, notes: &Notes) -> Result<(), Box<dyn std::error::Error>> {
    let beside = path.with_extension("json.new");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&beside, serde_json::to_vec_pretty(notes)?)?;
    Ok(std::fs::rename(beside, path)?)
}

fn progress(notes: &Notes, before: u64, wanted: u64, took: Duration) -> std::io::Result<()> {
    let answered = notes.figures.answered();
    let rate = (answered - before) as f64 / took.as_secs_f64();
    let left = wanted.saturating_sub(answered) as f64 / rate / 60.0;
    let mut out = std::io::stdout();
    let (start, end) = if out.is_terminal() { ("\r", "") } else { ("", "\n") };
    print!(
        "{start}{answered} of {wanted} deliveries, {rate:.0} a second, {left:.0} minutes left, {} seeds failed{end}",
        notes.failed.len()
    );
    out.flush()
}

fn table(notes: &Notes) -> String {
    let figures = &notes.figures;
    let rows = [
        ("runs", figures.runs),
        ("deliveries of Upvest's answered with 200", figures.deliveries),
        ("requests of strangers answered with 200", figures.strangers),
        ("events in the log", figures.events),
        ("runs of the user's action", figures.actions),
        ("calls of AWS", figures.calls),
        ("calls that a fault struck", figures.faults),
        ("outages", figures.outages),
        ("invocations killed", figures.deaths),
        ("messages that were in a dead-letter queue", figures.buried),
        ("days that passed", figures.seconds / 86_400),
        ("promises broken", notes.failed.len() as u64),
    ];
    let lines = rows.map(|(what, count)| format!("| {what} | {count} |\n"));
    let (first, last) = (notes.seed, notes.next - 1);
    format!(
        "| Seeds {first} to {last}, {:.0} minutes | |\n|---|---|\n{}",
        notes.took_seconds / 60.0,
        lines.concat()
    )
}
