//! Shows on standard error which step is running.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Reports the steps of a start: with a spinner on a terminal, with a line elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
}

/// Accompanies a step that is under way. Dropped, it has ended.
struct Step {
    name: &'static str,
    started: Instant,
    spinner: ProgressBar,
}

impl Progress {
    /// Reports if `shown`, else stays silent.
    pub(crate) fn new(shown: bool) -> Self {
        Self { shown }
    }

    /// Runs `work` and reports how long it took.
    pub(crate) fn step<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let _step = self.begin(name);
        work()
    }

    /// Waits for `work` and reports how long it took.
    pub(crate) async fn wait<T>(&self, name: &'static str, work: impl Future<Output = T>) -> T {
        let _step = self.begin(name);
        work.await
    }

    fn begin(&self, name: &'static str) -> Option<Step> {
        if !self.shown {
            return None;
        }
        let spinner = ProgressBar::new_spinner().with_message(name);
        spinner.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        spinner.enable_steady_tick(Duration::from_millis(120));
        if !io::stderr().is_terminal() {
            line(&format!("{name} ..."));
        }
        Some(Step {
            name,
            started: Instant::now(),
            spinner,
        })
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
        line(&format!(
            "{}: {:.1} s",
            self.name,
            self.started.elapsed().as_secs_f32()
        ));
    }
}

/// Prints a line as far as possible: a report that cannot be shown is no reason to stop.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
