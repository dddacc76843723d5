//! Shows on standard error which step is running.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Reports the steps of a start: with a spinner on a terminal, with a line elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// Reports if `shown`, else stays silent.
    pub(crate) fn new(shown: bool) -> Self {
        Self { shown }
    }

    /// Runs `work` and reports how long it took.
    pub(crate) fn step<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        if !self.shown {
            return work();
        }
        let started = Instant::now();
        let spinner = ProgressBar::new_spinner().with_message(name);
        spinner.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        spinner.enable_steady_tick(Duration::from_millis(120));
        if !io::stderr().is_terminal() {
            line(&format!("{name} ..."));
        }
        let result = work();
        spinner.finish_and_clear();
        line(&format!("{name}: {:.1} s", started.elapsed().as_secs_f32()));
        result
    }
}

/// Prints a line as far as possible: a report that cannot be shown is no reason to stop.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
