//! The emulator's process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tools::{last_lines, sealed, tool};
use crate::{LocalStackError, Options};

/// Says how long the emulator may take to answer. It needs half a second on an idle machine; while functions are built
/// beside it, far more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs an emulator with its functions. It ends when it is stopped or dropped, and, because its standard input closes
/// then, also when this process ends without either.
#[derive(Debug)]
pub(crate) struct Emulator {
    process: Child,
    api_port: u16,
    webhook_port: u16,
}

impl Emulator {
    /// Starts the emulator on two ports of the loopback interface, those of the options or free ones, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Port`] when a port of the options is taken, [`LocalStackError::Emulator`] when it ends or stays silent.
    pub(crate) fn start(
        repository: &Path,
        directory: &Path,
        options: &Options,
    ) -> Result<Self, LocalStackError> {
        let [api_port, webhook_port] = options.ports.find()?;
        let log = directory.join("emulator.log");
        let mut command = command(repository, directory, &log, [api_port, webhook_port])?;
        command.env("AUTH", options.auth.to_string());
        let process = command.spawn().map_err(|source| LocalStackError::Run {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let mut emulator = Self {
            process,
            api_port,
            webhook_port,
        };
        emulator.wait_until_ready(log)?;
        Ok(emulator)
    }

    /// Tells where calls of AWS's API are answered.
    pub(crate) fn endpoint_url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.api_port)
    }

    /// Tells where the emulator answers as the gateway, at this path.
    pub(crate) fn local_url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", Ipv4Addr::LOCALHOST, self.webhook_port)
    }

    /// Ends the emulator and its functions.
    pub(crate) fn stop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself when its input closes. Waiting only fails when it is gone already.
        let _ = self.process.wait();
    }

    fn wait_until_ready(&mut self, log: PathBuf) -> Result<(), LocalStackError> {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.api_port);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            // Before the port is tried: whoever took it meanwhile, and so ended the emulator, would answer.
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                break;
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let last_lines = fs::read(&log).map_or_else(|_| String::new(), |printed| last_lines(&printed));
        Err(LocalStackError::Emulator { log, last_lines })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes the command that serves the emulator on `ports`, writes to `log` and unpacks functions below `directory`.
fn command(
    repository: &Path,
    directory: &Path,
    log: &Path,
    [api_port, webhook_port]: [u16; 2],
) -> Result<Command, LocalStackError> {
    let python = tool(repository, "emulator/bin/python")?;
    let scratch = directory.join("tmp");
    // The functions that an earlier emulator unpacked.
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).map_err(|source| LocalStackError::file("create", &scratch, source))?;
    let create = |source| LocalStackError::file("create", log, source);
    let output = File::create(log).map_err(create)?;
    let mut command = sealed(&python, &format!("http://{}:{api_port}", Ipv4Addr::LOCALHOST));
    command
        .arg(repository.join("tools/emulator/serve.py"))
        .args([api_port.to_string(), webhook_port.to_string()])
        .env("LOG_LEVEL", "WARNING")
        // An account's own, whatever memory the machine has: who deploys is told where it is less than what may be reserved.
        .env("LAMBDA_ACCOUNT_CONCURRENCY", "1000")
        .env("TMPDIR", &scratch)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(output.try_clone().map_err(create)?)
        .stderr(output)
        // Its own group: Ctrl-C is for this process, which then ends the whole group.
        .process_group(0);
    Ok(command)
}
