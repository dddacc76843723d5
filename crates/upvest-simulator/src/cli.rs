//! The command line.

mod arguments;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use upvest_simulator::{
    ApiCredentials, ApiCredentialsError, DeliveryRecord, KeyFileError, KeySource, Options, QueueError,
    SamplesError, Simulator, StartError, SubscribeError, Subscription, Url, api, generate,
    load_or_create_key, read_events,
};

use arguments::{FaultArgs, SigningArgs, SubscriptionArgs};

/// A stand-in for Upvest: signs, batches, retries and blocks like the real one.
///
/// It is a tool for development and tests. What is delivered is signed with a P-521 key of its own, which a receiver
/// trusts only after `upvest-simulator key` was imported there.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deliver events to a URL, and serve the API and the control interface
    Serve(Box<Serve>),
    /// Print the public key of a key file as a JWK, creating the file if there is none
    Key {
        /// The private key, PKCS#8 in PEM
        #[arg(value_name = "FILE")]
        key_file: PathBuf,
    },
    /// Print generated events, one per line; the same seed gives the same events
    Generate {
        /// Count of events to generate, each on a line
        #[arg(long, default_value_t = 100)]
        count: usize,
        /// Number that decides which events are generated
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

#[derive(Debug, Args)]
struct Serve {
    /// Where to serve the API and the control interface; loopback addresses only
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where to deliver to; without it only the API is served
    #[arg(long, value_name = "URL")]
    deliver_to: Option<Url>,
    /// Events to deliver: a JSON file, or a folder of them; may be given several times
    #[arg(long, value_name = "PATH")]
    events: Vec<PathBuf>,
    /// Also deliver so many generated events
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    generate: usize,
    /// Stop when every event was accepted
    #[arg(long, requires = "deliver_to")]
    once: bool,
    /// Decides on generated events, the order of covered components, nonces and faults
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Multiplies all waiting: 0.01 makes a retry after 600 seconds one after 6
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    time_scale: f64,
    /// Keep the private key in this file (PKCS#8 in PEM, created if there is none), so that restarts keep it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Let this client call the API: a JSON document with `client_id`, `client_secret`, `key_id` and `private_key`,
    /// written with a generated client if there is none; its `base_url` is set to where the API is served
    #[arg(long, value_name = "FILE")]
    api_credentials: Option<PathBuf>,
    #[command(flatten)]
    subscription: SubscriptionArgs,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    faults: FaultArgs,
}

/// Says why the simulator did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("the simulator cannot start")]
    Start(#[from] StartError),
    #[error("the subscription cannot be added")]
    Subscribe(#[from] SubscribeError),
    #[error("the events cannot be read")]
    Events(#[from] SamplesError),
    #[error("the events cannot be queued")]
    Queue(#[from] QueueError),
    #[error("the key cannot be used")]
    Key(#[from] KeyFileError),
    #[error("the API client cannot be used")]
    ApiCredentials(#[from] ApiCredentialsError),
    #[error("the API cannot be served")]
    Listen(#[from] api::ListenError),
    #[error("input or output failed")]
    Io(#[from] io::Error),
}

impl Cli {
    pub(crate) async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Key { key_file } => {
                let jwk = load_or_create_key(&key_file)?.to_jwk();
                Ok(writeln!(io::stdout(), "{}", serde_json::json!(jwk))?)
            }
            Command::Generate { count, seed } => {
                let mut output = io::BufWriter::new(io::stdout().lock());
                for event in generate(seed, count) {
                    writeln!(output, "{event}")?;
                }
                Ok(output.flush()?)
            }
        }
    }
}

impl Serve {
    async fn run(self) -> Result<(), CliError> {
        let mut events = Vec::new();
        for path in &self.events {
            events.extend(read_events(path)?);
        }
        events.extend(generate(self.seed, self.generate));
        let (once, listen) = (self.once, self.listen);
        let client = match &self.api_credentials {
            Some(path) => Some((path.clone(), ApiCredentials::load_or_generate(path)?)),
            None => None,
        };
        let (simulator, subscriptions) = self.start(client.as_ref().map(|(_, client)| client))?;
        let listener = api::listen(listen).await?;
        let address = listener.local_addr()?;
        let mut output = io::stdout();
        writeln!(output, "API:      http://{address}")?;
        match client {
            Some((path, client)) => {
                // Only now, because the address that is listened on stands in the file.
                client.save(&path, &format!("http://{address}"))?;
                writeln!(output, "client:   {}", path.display())?;
            }
            None => writeln!(output, "client:   http://{address}/simulator/api-credentials")?,
        }
        writeln!(output, "keys:     http://{address}/simulator/verify-keys")?;
        writeln!(output, "control:  http://{address}/simulator/state")?;
        for subscription in subscriptions {
            writeln!(output, "delivers: to {} ({})", subscription.url, subscription.id)?;
            simulator.subscribe(subscription)?;
        }
        output.flush()?;
        for event in &events {
            simulator.queue(event)?;
        }
        tokio::select! {
            served = api::serve(listener, Arc::clone(&simulator)) => Ok(served?),
            () = simulator.delivered(), if once => summarise(&simulator.records()),
        }
    }

    fn start(
        self,
        client: Option<&ApiCredentials>,
    ) -> Result<(Arc<Simulator>, Vec<Subscription>), StartError> {
        let options = Options {
            key: self.key_file.map_or(KeySource::Generate, KeySource::File),
            seed: self.seed,
            time_scale: self.time_scale,
            resign_retries: !self.signing.keep_signature,
            signature_lifetime: Duration::from_secs(self.signing.signature_lifetime),
            answer_timeout: Some(Duration::from_secs(self.signing.answer_timeout)),
            faults: self.faults.into(),
            api_clients: client
                .map(ApiCredentials::client)
                .transpose()?
                .into_iter()
                .collect(),
            ..Options::default()
        };
        let subscriptions = self.deliver_to.map(|url| self.subscription.subscriptions(url));
        Ok((
            Arc::new(Simulator::start(options)?),
            subscriptions.unwrap_or_default(),
        ))
    }
}

/// Prints how many requests it took.
fn summarise(records: &[DeliveryRecord]) -> Result<(), CliError> {
    let accepted = records.iter().filter(|record| record.accepted);
    let (deliveries, events) = accepted.fold((0, 0), |(deliveries, events), record| {
        (deliveries + 1, events + record.events.len())
    });
    let requests = records.len();
    Ok(writeln!(
        io::stdout(),
        "accepted: {deliveries} deliveries with {events} events, in {requests} requests"
    )?)
}

/// Writes an error and what caused it to the standard error output.
pub(crate) fn report(error: &CliError) {
    let mut output = io::stderr().lock();
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    for (depth, error) in chain.enumerate() {
        let prefix = if depth == 0 { "error" } else { "  caused by" };
        // There is nowhere left to report that this failed.
        let _ = writeln!(output, "{prefix}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_subscription() {
        let line = "upvest-simulator serve --deliver-to http://127.0.0.1:1/webhooks --types ORDER,EXECUTION \
                    --apart EXECUTION --delay 5 --fault-duplicated 0.5";
        let Command::Serve(serve) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("not serve");
        };
        let (simulator, subscriptions) = serve.start(None).unwrap();
        let categories: Vec<_> = subscriptions.iter().map(|own| &own.categories).collect();
        assert_eq!(categories, [&["ORDER"], &["EXECUTION"]]);
        assert_eq!(subscriptions[1].delay, Duration::from_secs(5));
        assert!((simulator.state().faults.duplicated - 0.5).abs() < f64::EPSILON);
    }
}
