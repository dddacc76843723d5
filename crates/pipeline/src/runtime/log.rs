//! The log: a JSON object per line, and nothing of a delivery in it at any level.
//!
//! Lines carry ids of deliveries, events and messages, from which a person finds the rest. What the AWS SDK and the HTTP
//! client log at their fine levels are whole requests, payloads and credentials included, so those levels are for the
//! receiver's own crates alone.
//!
//! Each line has the members `level` and `timestamp` as Lambda's filter of JSON logs reads them: it takes a line without
//! either for one of the level `INFO`. Which levels are logged is decided here and nowhere else, by `LOG_LEVEL`; the
//! template has the platform's filter let everything through, because our metrics are lines of the log too.

use std::fmt;
use std::panic::PanicHookInfo;

use lambda_runtime::tracing::Subscriber;
use lambda_runtime::tracing::subscriber::filter::{EnvFilter, LevelFilter};
use lambda_runtime::tracing::subscriber::fmt::MakeWriter;
use lambda_runtime::tracing::subscriber::fmt::format::Writer;
use lambda_runtime::tracing::subscriber::fmt::time::FormatTime;

use crate::runtime::clock::Clock;
use crate::runtime::config::environment;

/// Lists the receiver's crates that log. (The processors' binaries only start what is in the crate `processors`.)
const OWN: [&str; 9] = [
    "canary",
    "ingest",
    "pipeline",
    "processors",
    "refresh_keys",
    "register_webhook",
    "upvest",
    "upvest_api",
    "verify_and_store",
];

/// Names the level at which every invocation's metrics are written.
pub(crate) const INFO: &str = "INFO";

/// Directs the process's log to standard output, at the level of `LOG_LEVEL`, or `INFO`.
pub(crate) fn install() {
    // Not `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets to what its own filter lets through: everything.
    let level = environment("LOG_LEVEL")
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    // It fails only where a log was installed before, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber(level, std::io::stdout));
    std::panic::set_hook(Box::new(report_panic));
}

/// Makes the log of a function at this level, written to `writer`.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    lambda_runtime::tracing::subscriber::fmt()
        .json()
        // What a line says is said once: the span has the request's id, by which nobody looks for a delivery.
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_timer(Rfc3339)
        .with_env_filter(filter(level))
        .with_writer(writer)
        .finish()
}

/// Tells whether the lines of a crate follow the configured level, however fine.
#[must_use]
pub fn is_own(crate_name: &str) -> bool {
    OWN.contains(&crate_name)
}

fn filter(level: LevelFilter) -> EnvFilter {
    let others = level.min(LevelFilter::INFO);
    let own = OWN.iter().map(|name| format!("{name}={level}"));
    EnvFilter::new(own.chain([others.to_string()]).collect::<Vec<_>>().join(","))
}

/// Writes the time of a line as Lambda reads it, to the millisecond, which is as fine as CloudWatch keeps it.
struct Rfc3339;

impl FormatTime for Rfc3339 {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = Clock::system().now();
        write!(writer, "{}", now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

/// Logs where a panic happened. Its message may hold what the code was working on, unless it stands in the code.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(place, message, "the function panicked");
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::sync::{Arc, LazyLock, Mutex};

    use tracing::Dispatch;
    use tracing::subscriber::NoSubscriber;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns what is logged while it acts.
    pub(crate) fn logged(level: LevelFilter, act: impl FnOnce()) -> String {
        // Of a single subscriber, tracing asks the thread that comes by a line first, and where that is a test without a log,
        // the line is off for all threads.
        static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&ANOTHER);
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn fine_levels_are_for_our_own_crates() {
        let speak = || {
            tracing::trace!("own");
            tracing::debug!(target: "aws_smithy_runtime::client", "request");
            tracing::warn!(target: "aws_smithy_runtime::client", "trouble");
        };
        let fine = logged(LevelFilter::TRACE, speak);
        assert!(fine.contains("own") && fine.contains("trouble") && !fine.contains("request"));
        let coarse = logged(LevelFilter::ERROR, speak);
        assert_eq!(coarse, "");
    }

    #[test]
    fn a_panic_is_logged_without_what_the_code_was_working_on() {
        std::panic::set_hook(Box::new(report_panic));
        let log = logged(LevelFilter::INFO, || {
            let name = "Erika";
            let formatted = std::panic::catch_unwind(|| panic!("no such customer: {name}"));
            let literal = std::panic::catch_unwind(|| panic!("no such branch"));
            assert!(formatted.is_err() && literal.is_err());
        });
        drop(std::panic::take_hook());
        assert_eq!(log.lines().count(), 2);
        for line in log.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["level"], "ERROR");
            assert!(
                line["timestamp"]
                    .as_str()
                    .unwrap()
                    .parse::<jiff::Timestamp>()
                    .is_ok()
            );
        }
        assert!(log.contains("log.rs:") && log.contains("no such branch") && !log.contains("Erika"));
    }
}
