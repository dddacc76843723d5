//! Plays Lambda's Runtime API for one process of a function, and measures what the process does.
//!
//! The invocations are handed out one after another. Measured are the time from the start of the process to its first poll
//! and to its first answer, the latency of each invocation, and the CPU time of the process (all threads, user and system)
//! between polls, to the nanosecond. The CPU time of what stands in for AWS and Lambda is not the process's.

mod runtime_api;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use fake_aws::Call;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use tokio::sync::{mpsc, oneshot};

use crate::error::BenchError;
use crate::stand_in::StandIn;

use runtime_api::RuntimeApi;

/// Says how long a function may be silent before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Describes how a function's process is started.
#[derive(Debug, Clone)]
pub struct Function {
    /// Gives the program and its arguments.
    pub command: Vec<String>,
    /// Holds its whole environment, but for the address of the Runtime API.
    pub environment: BTreeMap<String, String>,
}

/// Says which invocations of a process are measured.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Counts the first ones, which are not.
    pub warm_up: usize,
    /// Bounds the time that is spent on the others. Two of them are measured, however long they take.
    pub budget: Duration,
}

/// Holds what was measured of one process.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// Gives the time from the start of the process to its first poll.
    pub init_ms: f64,
    /// Gives the time from the start of the process to its first answer.
    pub cold_ms: f64,
    /// Gives the CPU time until then.
    pub cold_cpu_ms: f64,
    /// Lists the times from handing out an invocation to its answer.
    pub latency_ms: Vec<f64>,
    /// Lists the CPU times of the same invocations.
    pub cpu_ms: Vec<f64>,
    /// Gives the most memory that the process held.
    pub memory_kb: u64,
    /// Counts the bytes that it logged in the measured invocations.
    pub log_bytes: u64,
    /// Lists the calls of AWS in the measured invocations.
    pub calls: Vec<Call>,
    /// Counts the connections to AWS that it opened in all.
    pub connections: usize,
}

/// Says what the process did.
enum Said {
    /// It asks for the next invocation, which is to be sent to it.
    Polled(oneshot::Sender<Bytes>),
    /// It answered, or failed.
    Answered { body: Bytes, is_error: bool },
}

type Says = mpsc::UnboundedSender<(Instant, Said)>;

/// Runs a process through the invocations and measures it.
///
/// # Errors
///
/// [`BenchError`] when it cannot be started, or does not answer as it should.
pub async fn play(
    function: &Function,
    invocations: &[String],
    limits: Limits,
    stand_in: &StandIn,
    log: &Path,
) -> Result<Played, BenchError> {
    let (says, mut heard) = mpsc::unbounded_channel();
    let api = RuntimeApi::start(says).await?;
    let process = Process::start(function, &api.address, log)?;
    let mut played = Played::default();
    let mut next = process.poll(&mut heard).await?;
    played.init_ms = milliseconds(next.0 - process.started);
    let (mut cpu_before, mut log_before, mut counted_from) = (process.cpu_ms(), 0, Instant::now());
    for (index, invocation) in invocations.iter().enumerate() {
        if index == limits.warm_up {
            stand_in.forget();
            (log_before, counted_from) = (process.log_bytes(), Instant::now());
        }
        if index >= limits.warm_up + 2 && counted_from.elapsed() > limits.budget {
            break;
        }
        let handed_out = Instant::now();
        // A process that is gone is noticed by its silence.
        let _ = next.1.send(invocation.clone().into());
        let answered = process.answer(&mut heard).await?;
        if index == 0 {
            played.cold_ms = milliseconds(answered - process.started);
            played.cold_cpu_ms = process.cpu_ms();
        }
        next = process.poll(&mut heard).await?;
        let cpu = process.cpu_ms();
        if index >= limits.warm_up {
            played.latency_ms.push(milliseconds(answered - handed_out));
            played.cpu_ms.push(cpu - cpu_before);
        }
        cpu_before = cpu;
    }
    played.memory_kb = process.memory_kb();
    played.log_bytes = process.log_bytes() - log_before;
    played.calls = stand_in.calls();
    played.connections = stand_in.connections();
    Ok(played)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Is the process of a function, which ends when this is dropped.
struct Process<'p> {
    child: Child,
    started: Instant,
    function: &'p Function,
    log: &'p Path,
}

impl<'p> Process<'p> {
    fn start(function: &'p Function, api: &str, log: &'p Path) -> Result<Self, BenchError> {
        let open = || File::options().create(true).append(true).open(log);
        let file_error = || BenchError::io(log.display().to_string());
        File::create(log).map_err(file_error())?;
        let started = Instant::now();
        let child = Command::new(&function.command[0])
            .args(&function.command[1..])
            .env_clear()
            .envs(&function.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .stdin(Stdio::null())
            .stdout(open().map_err(file_error())?)
            .stderr(open().map_err(file_error())?)
            .spawn()
            .map_err(BenchError::io(function.command[0].clone()))?;
        Ok(Self {
            child,
            started,
            function,
            log,
        })
    }

    async fn poll(
        &self,
        heard: &mut mpsc::UnboundedReceiver<(Instant, Said)>,
    ) -> Result<(Instant, oneshot::Sender<Bytes>), BenchError> {
        match self.hear(heard).await? {
            (at, Said::Polled(next)) => Ok((at, next)),
            (_, Said::Answered { body, .. }) => {
                Err(self.failed(format!("did not start: {}", String::from_utf8_lossy(&body))))
            }
        }
    }

    async fn answer(
        &self,
        heard: &mut mpsc::UnboundedReceiver<(Instant, Said)>,
    ) -> Result<Instant, BenchError> {
        let (at, said) = self.hear(heard).await?;
        match said {
            Said::Polled(_) => Err(self.failed("polled without an answer".to_owned())),
            Said::Answered { body, is_error } if is_error || is_failure(&body) => {
                Err(self.failed(format!("failed: {}", String::from_utf8_lossy(&body))))
            }
            Said::Answered { .. } => Ok(at),
        }
    }

    async fn hear(
        &self,
        heard: &mut mpsc::UnboundedReceiver<(Instant, Said)>,
    ) -> Result<(Instant, Said), BenchError> {
        let said = tokio::time::timeout(PATIENCE, heard.recv()).await;
        said.ok()
            .flatten()
            .ok_or_else(|| self.failed("is silent".to_owned()))
    }

    fn failed(&self, what: String) -> BenchError {
        BenchError::Function {
            function: self.function.command.join(" "),
            what,
            log: self.log.to_owned(),
        }
    }

    /// Gives the CPU time that the process has used; 0 once it is gone.
    fn cpu_ms(&self) -> f64 {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or_default());
        let time = clock_getcpuclockid(pid).and_then(ClockId::now);
        time.map_or(0.0, |time| milliseconds(Duration::from(time)))
    }

    fn memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        memory_in(&status.unwrap_or_default())
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.log).map_or(0, |file| file.len())
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells whether an answer reports that something was not done: messages that come back, or a status that is not 200.
fn is_failure(body: &[u8]) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let failures = answer["batchItemFailures"].as_array();
    let status = answer["statusCode"].as_i64();
    failures.is_some_and(|failures| !failures.is_empty()) || status.is_some_and(|status| status != 200)
}

/// Reads the most memory that a process held off its status in `/proc`, in KiB.
fn memory_in(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    size.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_a_failure() {
        for done in [
            &b"{\"batchItemFailures\":[]}"[..],
            b"{\"statusCode\":200}",
            b"{}",
            b"",
        ] {
            assert!(!is_failure(done));
        }
        assert!(is_failure(
            b"{\"batchItemFailures\":[{\"itemIdentifier\":\"1\"}]}"
        ));
        assert!(is_failure(b"{\"statusCode\":503}"));
    }

    #[test]
    fn the_most_memory_is_read_off_the_status() {
        assert_eq!(
            memory_in("VmPeak:\t  9 kB\nVmHWM:\t  13028 kB\nVmRSS:\t 1 kB\n"),
            13_028
        );
        assert_eq!(memory_in(""), 0);
    }
}
