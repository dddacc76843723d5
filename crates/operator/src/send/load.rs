//! Posting deliveries, one after another or many at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use pipeline::runtime::clock::Clock;
use reqwest::{Client, Url};
use tokio::time::Instant;
use upvest::signature::{SignError, SigningKey};

use super::signing::Signed;
use super::{Payload, Signer, Slot, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::reporter::Reporter;

/// Bounds what is kept of an answer's body, in bytes.
const MAX_ANSWER_BYTES: usize = 1024;

/// Holds all that is needed to make planned deliveries to one receiver.
#[derive(Debug)]
pub struct Load {
    /// Holds the different bodies; a slot refers to one by its place here.
    pub payloads: Vec<Payload>,
    /// Lists the deliveries in the order in which they are started.
    pub slots: Vec<Slot>,
    /// Seeds new event ids for each delivery; `None` keeps the ids that the payloads have.
    pub fresh_ids: Option<u64>,
    /// Signs each delivery, or spoils it.
    pub signer: Signer,
    /// Posts the deliveries, with the timeout that the client was made with.
    pub client: Client,
    /// Gives the receiver's URL, to which every delivery is posted.
    pub url: Url,
    /// Tells the time at which each delivery is signed, just before it is posted.
    pub clock: Clock,
}

/// Limits how fast deliveries follow each other, and how many are open at once.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Sets how many deliveries are sent per second; `None` for as many as are answered.
    pub rate: Option<f64>,
    /// Bounds the deliveries that wait for their answer at the same time.
    pub concurrency: usize,
}

/// Records one delivery that was made, with its answer and how long that took.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Counts the events in the body, malformed ones included.
    pub events: usize,
    /// Gives the size of the posted body in bytes.
    pub bytes: usize,
    /// Tells what the receiver answered, or why there was no answer.
    pub answer: Answer,
    /// Measures the time from the start of the request to the end of the answer.
    pub took: Duration,
}

/// Tells how a request ended: with an HTTP answer, or with one of three failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiver answered with a status, and the beginning of a body.
    Status {
        /// Gives the HTTP status; only 200 counts as success for Upvest.
        code: u16,
        /// Holds the beginning of the body, 1 KB at most.
        body: String,
    },
    /// The client's timeout passed before the answer was complete.
    TimedOut,
    /// No connection to the receiver could be made.
    Unreachable,
    /// The request failed in any other way, like a connection that was closed early.
    Broken,
}

impl Answer {
    /// Tells whether Upvest would take it for success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Status { code: 200, .. })
    }

    /// Names it, for counting: the status, or how the request failed.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Status { code, .. } => code.to_string(),
            Self::TimedOut => "timed out".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
            Self::Broken => "connection broken".to_owned(),
        }
    }

    fn failed(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_timeout() => Self::TimedOut,
            error if error.is_connect() => Self::Unreachable,
            _ => Self::Broken,
        }
    }
}

impl Load {
    /// Plans a delivery for each event, signed as Upvest would, at the time of this clock.
    ///
    /// # Errors
    ///
    /// [`Error`] when no client can be set up.
    pub fn of_events(
        events: Vec<String>,
        key: SigningKey,
        target: &Target,
        timeout: Duration,
        clock: &Clock,
    ) -> Result<Self> {
        let payloads = events.into_iter().map(|event| Payload::Events(vec![event]));
        Self::new(payloads.collect(), key, target, timeout, clock)
    }

    /// Plans a delivery of each payload, signed as Upvest would, at the time of this clock.
    ///
    /// # Errors
    ///
    /// [`Error`] when no client can be set up.
    pub(crate) fn new(
        payloads: Vec<Payload>,
        key: SigningKey,
        target: &Target,
        timeout: Duration,
        clock: &Clock,
    ) -> Result<Self> {
        let slot = |number| Slot {
            payload: number,
            serial: number,
        };
        Ok(Self {
            slots: (0..payloads.len()).map(slot).collect(),
            payloads,
            fresh_ids: None,
            signer: Signer::new(key, target),
            client: target.client(timeout)?,
            url: target.url().clone(),
            clock: clock.clone(),
        })
    }

    /// Makes all deliveries; returns what became of them, in the order of the plan, and how long all took.
    ///
    /// # Errors
    ///
    /// [`Error`] when one cannot be signed; those before it were sent.
    pub async fn run(
        self: &Arc<Self>,
        pace: Pace,
        reporter: Reporter<'_>,
    ) -> Result<(Vec<Outcome>, Duration)> {
        let work = reporter.begin(self.slots.len() as u64, "deliveries");
        let slots = self.slots.clone();
        let started = Instant::now();
        let deliveries = stream::iter(slots.into_iter().enumerate()).map(|(number, slot)| {
            let (load, work) = (Arc::clone(self), &work);
            async move {
                if let Some(rate) = pace.rate {
                    // Due times count from the start of the run, so that a slow answer does not lower the rate.
                    let due = Duration::from_secs_f64(number as f64 / rate);
                    tokio::time::sleep_until(started + due).await;
                }
                let outcome = load.deliver(slot).await;
                work.done(1);
                (number, outcome)
            }
        });
        let deliveries = deliveries.buffer_unordered(pace.concurrency.max(1));
        let outcomes: BTreeMap<usize, _> = deliveries.collect().await;
        let took = started.elapsed();
        let outcomes = outcomes.into_values().collect::<Result<_, SignError>>();
        Ok((outcomes.map_err(unsigned)?, took))
    }

    /// Makes the one delivery that was planned; tells what became of it.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be signed.
    pub(crate) async fn run_one(self) -> Result<Outcome> {
        let pace = Pace {
            rate: None,
            concurrency: 1,
        };
        let (mut outcomes, _) = Arc::new(self).run(pace, Reporter::silent()).await?;
        Ok(outcomes.pop().expect("there is an outcome for each slot"))
    }

    async fn deliver(self: &Arc<Self>, slot: Slot) -> Result<Outcome, SignError> {
        let load = Arc::clone(self);
        // A P-521 signature takes long enough to hold up the reading of other answers.
        let signed = tokio::task::spawn_blocking(move || load.sign(slot)).await;
        let signed = signed.map_err(|_| SignError::Unavailable)??;
        let bytes = signed.body.len();
        let started = Instant::now();
        let answer = self.post(signed).await;
        Ok(Outcome {
            events: self.payloads[slot.payload].events(),
            bytes,
            answer,
            took: started.elapsed(),
        })
    }

    fn sign(&self, slot: Slot) -> Result<Signed, SignError> {
        // A repetition has the same ids as the delivery that it repeats, because it has the same seed.
        let seed = |first: u64| first.wrapping_add(slot.serial as u64);
        let mut ids = self.fresh_ids.map(|first| fastrand::Rng::with_seed(seed(first)));
        let body = self.payloads[slot.payload].body(ids.as_mut());
        self.signer.sign(body, self.clock.now())
    }

    async fn post(&self, signed: Signed) -> Answer {
        let request = self.client.post(self.url.clone()).body(signed.body);
        let request = signed
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name, value));
        match request.send().await {
            Ok(response) => read(response).await,
            Err(error) => Answer::failed(&error),
        }
    }
}

/// Says that a delivery cannot be signed, which another choice of components mends.
fn unsigned(error: SignError) -> Error {
    let kind = match error {
        SignError::Unavailable => ErrorKind::Failed,
        _ => ErrorKind::Usage,
    };
    Error::context("a delivery cannot be signed")(error).of_kind(kind)
}

async fn read(mut response: reqwest::Response) -> Answer {
    let code = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            // The rest is read too, so that the connection can be used again.
            Ok(Some(chunk)) => {
                let room = MAX_ANSWER_BYTES - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) => break,
            Err(error) => return Answer::failed(&error),
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Answer::Status { code, body }
}
