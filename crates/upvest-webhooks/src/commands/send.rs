//! `send`: signed deliveries to any URL.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use operator::{Error, Reporter, Result};
use pipeline::runtime::clock::Clock;
use upvest::signature::{Dialect, SigningKey};

use crate::output::{Exit, Report, facts, joined, rows_of};
use operator::key_file;
use operator::send::{Fault, Latency, Order, Pace, Shipment, Source, Summary, Target, events_for};

/// Bounds the deliveries at the same time where a rate is asked for and no number.
const CONCURRENCY_WITH_RATE: usize = 32;

const EXAMPLES: &str = "\
Examples:
  A file of events to the stack's own URL, signed with the key of the local simulator:
    upvest-webhooks --local send events/samples/01-*.json --private-key .local/upvest-key.pem

  Generated events, with a secret that was imported before, to any URL:
    upvest-webhooks send --generate 50 --url https://hooks.example.com/webhooks/upvest \\
      --hmac-secret-file smoke.key --key-id smoke --dialect quoted-content-digest

  A load of 200 deliveries per second for a minute, one in twenty sent twice, in any order:
    upvest-webhooks --local send --deliveries 12000 --rate 200 --duplicates 5 --shuffle \\
      --private-key .local/upvest-key.pem

  A forged delivery, which the receiver answers and puts into quarantine:
    upvest-webhooks --local send events/samples/01-*.json --private-key .local/upvest-key.pem --tamper";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("what").args(["files", "generate", "deliveries"]).required(true).multiple(true)
)]
pub(crate) struct Arguments {
    /// Events, arrays of events or whole bodies, as JSON; `-` is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Deliver so many generated events (of fictional investors)
    #[arg(long, value_name = "COUNT")]
    generate: Option<usize>,
    /// Put so many events into a delivery [default: a file's, or 10 generated ones]
    #[arg(long, value_name = "COUNT")]
    batch: Option<std::num::NonZeroUsize>,
    /// Give every event a new id, so that it is not a duplicate
    #[arg(long)]
    fresh_ids: bool,
    /// Send files as they are, whatever is in them
    #[arg(long, requires = "files", conflicts_with_all = ["batch", "fresh_ids"])]
    raw: bool,
    /// Where to deliver to [default: the stack's own]
    #[arg(long)]
    url: Option<String>,
    /// Allow http:// to another machine; what is sent can then be read on the way
    #[arg(long)]
    insecure_http: bool,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    signature: SignatureArguments,
    #[command(flatten)]
    load: LoadArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Key")]
#[group(required = true, multiple = false)]
struct KeyArguments {
    /// Sign with this private key, ECDSA P-521 or Ed25519: PKCS#8 or SEC1 (as Upvest's guide makes it) in PEM, PKCS#8 in DER
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Sign with this shared secret; every byte of the file counts
    #[arg(long, value_name = "FILE", requires = "key_id")]
    hmac_secret_file: Option<PathBuf>,
    /// Sign with the published test key (events/deliveries/test-key.jwk verifies it); this machine only
    #[arg(long, conflicts_with_all = ["key_id", "dialect"])]
    test_key: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Signature")]
struct SignatureArguments {
    /// The file with the passphrase of an encrypted private key; a line break at its end does not count
    #[arg(long, value_name = "FILE", requires = "private_key")]
    passphrase_file: Option<PathBuf>,
    /// The id of the key; without it a P-521 key has the id under which upvest-simulator publishes it
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// The dialect to sign in: unquoted-digest (as Upvest does), unquoted-content-digest, quoted-digest or
    /// quoted-content-digest (draft 15 and RFC 9421)
    #[arg(long, default_value_t = Dialect::UnquotedDigest)]
    dialect: Dialect,
    /// Sign these components, in this order; by default @method,@path,digest,content-type,content-length and a query
    #[arg(long, value_name = "COMPONENT", value_delimiter = ',')]
    cover: Vec<String>,
    /// Change the body after it was signed
    #[arg(long, conflicts_with = "drop_signature")]
    tamper: bool,
    /// Leave the headers of the signature out
    #[arg(long)]
    drop_signature: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct LoadArguments {
    /// Make so many deliveries: the given ones again and again, or generated ones
    #[arg(long, value_name = "COUNT")]
    deliveries: Option<usize>,
    /// Start so many deliveries per second [default: the next when one is answered]
    #[arg(long, value_name = "PER_SECOND", value_parser = positive)]
    rate: Option<f64>,
    /// Wait for so many answers at the same time [default: 1, or 32 with --rate]
    #[arg(long, value_name = "COUNT")]
    concurrency: Option<std::num::NonZeroUsize>,
    /// Make so many of a hundred deliveries twice
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    duplicates: f64,
    /// Make the deliveries in random order
    #[arg(long)]
    shuffle: bool,
    /// Decides on generated events, duplicates and order [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// How long to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

impl Arguments {
    /// Gives the URL that the command line names.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Signs what is given at the time of the clock, delivers it to `url`, and sums up the answers.
    pub(crate) async fn run(self, url: &str, clock: &Clock, reporter: Reporter<'_>) -> Result<Summary> {
        let target = Target::new(url, self.insecure_http)?;
        if self.key.test_key {
            target.allow_test_key()?;
        }
        let key = self.signing_key()?;
        let concurrency = self.load.concurrency.map(usize::from);
        let shipment = Shipment {
            source: self.source(),
            order: Order {
                deliveries: self.load.deliveries,
                duplicates_percent: self.load.duplicates,
                shuffle: self.load.shuffle,
            },
            pace: Pace {
                rate: self.load.rate,
                // One at a time would not keep a rate up where answers take longer than the time between two.
                concurrency: concurrency.unwrap_or(self.load.rate.map_or(1, |_| CONCURRENCY_WITH_RATE)),
            },
            key,
            cover: self.signature.cover.clone(),
            fault: match (self.signature.tamper, self.signature.drop_signature) {
                (true, _) => Some(Fault::Tamper),
                (_, true) => Some(Fault::DropSignature),
                _ => None,
            },
            timeout: Duration::from_secs(self.load.timeout),
            clock: clock.clone(),
        };
        shipment.send(&target, reporter).await
    }

    fn source(&self) -> Source<'_> {
        let batch = self.batch.map(usize::from);
        let only_deliveries = self.files.is_empty().then_some(self.load.deliveries).flatten();
        let generate = self
            .generate
            .or(only_deliveries.map(|count| events_for(count, batch)));
        Source {
            files: &self.files,
            generate: generate.unwrap_or(0),
            // 32 bits, because JSON readers lose digits of larger numbers.
            seed: self.load.seed.unwrap_or_else(|| fastrand::u32(..).into()),
            batch,
            take_apart: self.fresh_ids,
            raw: self.raw,
        }
    }

    fn signing_key(&self) -> Result<SigningKey> {
        let (key_id, dialect) = (self.signature.key_id.as_deref(), self.signature.dialect);
        if let Some(path) = &self.key.private_key {
            return key_file::private_key(path, self.signature.passphrase_file.as_deref(), key_id, dialect);
        }
        match (&self.key.hmac_secret_file, key_id) {
            (Some(path), Some(key_id)) => SigningKey::hmac(key_id, dialect, key_file::secret(path)?),
            // The grammar wants one of three keys, and an id for a secret: it is `--test-key`.
            _ => upvest_simulator::published_test_key(),
        }
        .map_err(Error::context("the key cannot be used"))
    }
}

impl Report for Summary {
    fn text(&self) -> String {
        let mut text = String::new();
        if !self.sent.is_empty() {
            let table = rows_of((1_usize..).zip(&self.sent))
                .column("delivery", |(number, _)| number)
                .column("events", |(_, sent)| sent.events)
                .column("bytes", |(_, sent)| sent.bytes)
                .column("answer", |(_, sent)| &sent.answer)
                .column("ms", |(_, sent)| format!("{:.2}", sent.ms))
                .column("body", |(_, sent)| &sent.body);
            text.push_str(&format!("{table}\n\n"));
        }
        let key = format!("{} ({}, {})", self.key_id, self.dialect, self.algorithm);
        let answers = self.answers.iter();
        let answers = joined(answers.map(|(answer, count)| format!("{count} x {answer}")));
        let latency = self.latency_ms.map(|latency| {
            let Latency { p50, p90, p99, max } = latency;
            format!("p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2}, max {max:.2} ms")
        });
        let sent = format!(
            "{} deliveries with {} events, {} bytes, in {:.2} s",
            self.deliveries, self.events, self.bytes, self.seconds
        );
        let throughput = format!(
            "{:.1} deliveries/s, {:.1} events/s",
            self.deliveries_per_second, self.events_per_second
        );
        text.push_str(&facts([
            ("url", Some(self.url.clone())),
            ("key", Some(key)),
            ("seed", Some(self.seed.to_string())),
            ("sent", Some(sent)),
            ("answers", Some(answers)),
            ("latency", latency),
            ("throughput", Some(throughput)),
        ]));
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_work(self.all_accepted)
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    let number = Some(number).filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or("not a positive number")
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    let number = Some(number).filter(|number| (0.0..=100.0).contains(number));
    number.ok_or("not between 0 and 100")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use clap::Parser;
    use upvest::signature::{Headers, SignedRequest, UnverifiedDelivery, VerifyError};
    use webhook_tests::schemas::fitting;

    use super::*;
    use crate::output::Report;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        send: Arguments,
    }

    fn arguments(line: &str) -> Arguments {
        Line::parse_from(std::iter::once("send").chain(line.split_whitespace())).send
    }

    type Request = (Headers, Vec<u8>);

    /// A receiver that answers each request of a run with the next of the given statuses.
    fn receiver(statuses: &'static [u16]) -> (String, JoinHandle<Vec<Request>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/webhooks/upvest", listener.local_addr().unwrap());
        let requests = std::thread::spawn(move || {
            let answer = |status: &u16| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                loop {
                    let mut part = [0; 4096];
                    let length = stream.read(&mut part).unwrap();
                    request.extend_from_slice(&part[..length]);
                    if let Some(request) = parsed(&request) {
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 14\r\n\r\n{{\"answer\": 42}}"
                        );
                        stream.write_all(answer.as_bytes()).unwrap();
                        return request;
                    }
                }
            };
            statuses.iter().map(answer).collect()
        });
        (url, requests)
    }

    /// The headers and body of a request, if all of it is there.
    fn parsed(request: &[u8]) -> Option<Request> {
        let end = request.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&request[..end]).unwrap();
        assert!(head.starts_with("POST /webhooks/upvest HTTP/1.1"));
        let headers: Headers = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .collect();
        let length: usize = headers.combined("content-length")?.parse().unwrap();
        let body = &request[end + 4..];
        (body.len() == length).then(|| (headers, body.to_vec()))
    }

    fn verify((headers, body): &Request) -> Result<(), VerifyError> {
        let request = SignedRequest {
            method: "POST",
            path: "/webhooks/upvest",
            query: None,
            headers,
            body,
        };
        let key = upvest_simulator::published_test_key()
            .unwrap()
            .verifying_key()
            .unwrap();
        let now = Clock::system().now();
        UnverifiedDelivery::parse(request)?
            .verify([&key], now)
            .map(|_| ())
    }

    #[tokio::test]
    async fn every_delivery_arrives_with_a_signature_that_holds() {
        let (url, requests) = receiver(&[200, 200, 200]);
        let summary = arguments("--generate 25 --test-key")
            .run(&url, &Clock::system(), Reporter::silent())
            .await
            .unwrap();
        let requests = requests.join().unwrap();
        assert!(summary.succeeded(), "{}", summary.text());
        assert!(
            summary.text().contains("3 deliveries with 25 events"),
            "{}",
            summary.text()
        );
        for request in &requests {
            verify(request).unwrap();
        }
        assert_eq!(upvest::split(&requests[2].1).unwrap().len(), 5);
        assert_eq!(fitting("send", &summary)["events"], 25);
    }

    #[tokio::test]
    async fn a_delivery_is_signed_at_the_time_of_the_clock_and_not_of_the_machine() {
        let (url, requests) = receiver(&[200]);
        let clock = Clock::from_fn(|| "2020-01-01T00:00:00Z".parse().unwrap());
        let sending = arguments("--generate 1 --test-key").run(&url, &clock, Reporter::silent());
        sending.await.unwrap();
        let (headers, _) = &requests.join().unwrap()[0];
        let signed = headers.combined("signature-input").unwrap();
        assert!(signed.contains("created=1577836800"), "{signed}");
    }

    #[tokio::test]
    async fn repetitions_carry_the_same_events_even_with_fresh_ids() {
        let (url, requests) = receiver(&[200, 200, 200, 200]);
        let line =
            "--generate 1 --deliveries 2 --fresh-ids --duplicates 100 --concurrency 4 --rate 1000 --test-key";
        arguments(line)
            .run(&url, &Clock::system(), Reporter::silent())
            .await
            .unwrap();
        let mut bodies: Vec<Vec<u8>> = requests
            .join()
            .unwrap()
            .into_iter()
            .map(|(_, body)| body)
            .collect();
        bodies.sort_unstable();
        assert_eq!((&bodies[0], &bodies[2]), (&bodies[1], &bodies[3]));
        assert_ne!(bodies[0], bodies[2]);
    }

    #[tokio::test]
    async fn an_answer_other_than_200_fails_the_command() {
        let (url, requests) = receiver(&[200, 503]);
        let summary = arguments("--deliveries 2 --batch 1 --test-key --tamper")
            .run(&url, &Clock::system(), Reporter::silent())
            .await
            .unwrap();
        assert!(!summary.succeeded());
        assert!(summary.text().contains("1 x 200, 1 x 503"), "{}", summary.text());
        for request in &requests.join().unwrap() {
            assert_eq!(verify(request).unwrap_err(), VerifyError::DigestMismatch);
        }
    }

    #[tokio::test]
    async fn the_test_key_and_plain_http_stay_on_this_machine() {
        for (line, url) in [
            ("--generate 1 --test-key", "https://example.invalid/w"),
            ("--generate 1 --private-key none.pem", "http://example.invalid/w"),
        ] {
            let error = arguments(line)
                .run(url, &Clock::system(), Reporter::silent())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), operator::ErrorKind::Usage, "{error}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(positive("0.5").is_ok() && positive("0").is_err() && positive("inf").is_err());
        assert!(percent("100").is_ok() && percent("101").is_err() && percent("NaN").is_err());
    }
}
