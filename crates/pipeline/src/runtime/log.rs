//! The log: a JSON object per line, and nothing of a delivery in it at any level.
//!
//! Lines carry ids of deliveries, events and messages, from which a person finds the rest. What the AWS SDK and the HTTP
//! client log at their fine levels are whole requests, payloads and credentials included, so those levels are for the
//! receiver's own crates alone.

use std::panic::PanicHookInfo;

use lambda_runtime::tracing::Subscriber;
use lambda_runtime::tracing::subscriber::filter::{EnvFilter, LevelFilter};
use lambda_runtime::tracing::subscriber::fmt::MakeWriter;

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

/// Directs the process's log to standard output, at the level of `AWS_LAMBDA_LOG_LEVEL` or `RUST_LOG`, or `INFO`.
pub(crate) fn install() {
    let level = environment("AWS_LAMBDA_LOG_LEVEL").or_else(|| environment("RUST_LOG"));
    let level = level
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
        .without_time()
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
    // The runtime gives each line the request's id by a span of the level info.
    let all = own.chain(["lambda_runtime=info".to_owned(), others.to_string()]);
    EnvFilter::new(all.collect::<Vec<_>>().join(","))
}

/// Logs where a panic happened. Its message may hold what the code was working on, unless it stands in the code.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(place, message, "the function panicked");
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

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

    fn logged(level: LevelFilter, act: impl FnOnce()) -> String {
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
        assert!(log.contains("log.rs:") && log.contains("no such branch") && !log.contains("Erika"));
    }
}
