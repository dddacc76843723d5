//! The terminal beside the result: questions, and how far an operation is.

use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use operator::{Error, Progress, Result};
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use crate::output::{harmless, note};

/// Tells whether somebody can answer a question.
pub(crate) fn is_attended() -> bool {
    // Questions go to standard error, so that standard output may be a file.
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Puts a question that is answered with yes or no; `None` when there is nobody to answer.
///
/// # Errors
///
/// What reading the answer failed with.
pub(crate) fn ask(question: &str) -> io::Result<Option<bool>> {
    if !is_attended() {
        return Ok(None);
    }
    let (input, mut output) = (io::stdin(), io::stderr());
    write!(output, "{} [y/N] ", harmless(question))?;
    output.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
}

/// Puts such a question without keeping the program from hearing that it is to end.
///
/// # Errors
///
/// What reading the answer failed with.
pub(crate) async fn ask_meanwhile(question: String) -> io::Result<Option<bool>> {
    let (answer, answered) = oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own at the end, and nothing ends a read from a terminal.
    std::thread::spawn(move || answer.send(ask(&question)));
    answered.await.unwrap_or(Ok(None))
}

/// Shows what operations report: notes as lines, and work as a bar on standard error, if that is a terminal.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    bar: RefCell<Option<ProgressBar>>,
}

impl Screen {
    /// Shows a report: a note as a line, work as a bar.
    pub(crate) fn show(&self, progress: Progress<'_>) {
        match progress {
            Progress::Note(text) => note(text),
            Progress::Begun { count, what } => drop(self.bar.replace(Some(progress_bar(count, what)))),
            Progress::Done(more) => {
                if let Some(bar) = &*self.bar.borrow() {
                    bar.inc(more);
                }
            }
            Progress::Ended => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// Makes a bar, unless there is nothing to wait for; where no end is known, a counter. `what` is counted, in the plural.
fn progress_bar(count: Option<u64>, what: &str) -> ProgressBar {
    if count.is_some_and(|count| count < 2) || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match count {
        Some(count) => (
            ProgressBar::new(count),
            format!("{{bar:40}} {{pos}}/{{len}} {what}, {{per_sec}}, {{eta}} left"),
        ),
        None => (
            ProgressBar::new_spinner(),
            format!("{{spinner}} {{pos}} {what}, {{per_sec}}"),
        ),
    };
    bar.with_style(ProgressStyle::with_template(&template).expect("the template is one"))
}

/// Waits until so much time is over; for ever where no time is set.
pub(crate) async fn time_is_over(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Notifies when the process is told to end.
///
/// # Errors
///
/// [`Error`] when signals cannot be waited for.
pub(crate) fn stop_signal() -> Result<Arc<Notify>> {
    // A process takes one handler, for all who wait.
    static STOPPED: Mutex<Option<Arc<Notify>>> = Mutex::new(None);
    let mut stopped = STOPPED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stopped) = &*stopped {
        return Ok(Arc::clone(stopped));
    }
    let notify = Arc::new(Notify::new());
    let told = Arc::clone(&notify);
    ctrlc::set_handler(move || told.notify_one())
        .map_err(io::Error::other)
        .map_err(Error::context("signals cannot be waited for"))?;
    *stopped = Some(Arc::clone(&notify));
    Ok(notify)
}
