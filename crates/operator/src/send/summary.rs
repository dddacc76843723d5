//! Sums up a run of deliveries: counts, rates, answers, and how long these took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use upvest::signature::SigningKey;

use super::load::{Answer, Outcome};

/// Bounds the deliveries of a run that are listed one by one: of a longer run, none is.
const MOST_LISTED: usize = 20;

/// Sums up a run of `send`: what was sent, how fast, and what was answered.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Gives the receiver's URL as the operator wrote it.
    pub url: String,
    /// Names the key that signed, under which the receiver must know it.
    pub key_id: String,
    /// Names the dialect in which the deliveries were signed.
    pub dialect: &'static str,
    /// Names the algorithm of the signing key.
    pub algorithm: &'static str,
    /// Gives the seed, which decides on generated events, duplicates and order.
    pub seed: u64,
    /// Counts all deliveries, also duplicates and those without an answer.
    pub deliveries: usize,
    /// Counts the events of all deliveries; an event of a duplicate counts each time.
    pub events: usize,
    /// Adds up the sizes of all bodies, in bytes.
    pub bytes: usize,
    /// Gives the time from the first request to the last answer.
    pub seconds: f64,
    /// Gives the mean rate of the whole run; 0 when the run took no time.
    pub deliveries_per_second: f64,
    /// Gives the mean number of events a second of the whole run; 0 when the run took no time.
    pub events_per_second: f64,
    /// Counts the deliveries by the answer that they got.
    pub answers: BTreeMap<String, usize>,
    /// Says how long the answers took; `None` where there was none.
    pub latency_ms: Option<Latency>,
    /// Lists the deliveries one by one, unless there are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Sent>,
    /// Tells whether each was answered with 200.
    #[serde(skip)]
    pub all_accepted: bool,
}

/// Sums up the time that answers took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Gives the median: half of the answers took no longer.
    pub p50: f64,
    /// Gives the 90th percentile: 90 % of the answers took no longer.
    pub p90: f64,
    /// Gives the 99th percentile: 99 % of the answers took no longer.
    pub p99: f64,
    /// Gives the longest time that an answer took.
    pub max: f64,
}

/// Shows one delivery of a short run; runs of more than 20 show none.
#[derive(Debug, Serialize)]
pub struct Sent {
    /// Counts the events in the body, malformed ones included.
    pub events: usize,
    /// Gives the size of the posted body in bytes.
    pub bytes: usize,
    /// Names the answer: the HTTP status, or how the request failed, like `timed out`.
    pub answer: String,
    /// Says how long that took, in milliseconds.
    pub ms: f64,
    /// Holds the beginning of the answer's body.
    pub body: String,
}

impl Summary {
    /// Sums up what became of the deliveries of a run that took this long in all.
    #[must_use]
    pub fn of(url: &str, key: &SigningKey, seed: u64, outcomes: &[Outcome], took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        let events = outcomes.iter().map(|outcome| outcome.events).sum();
        let per_second = |count: usize| match seconds > 0.0 {
            true => count as f64 / seconds,
            false => 0.0,
        };
        let mut answers = BTreeMap::new();
        for outcome in outcomes {
            *answers.entry(outcome.answer.name()).or_default() += 1;
        }
        let answered = outcomes
            .iter()
            .filter(|outcome| matches!(outcome.answer, Answer::Status { .. }));
        let listed = outcomes.iter().filter(|_| outcomes.len() <= MOST_LISTED);
        Self {
            url: url.to_owned(),
            key_id: key.key_id().to_owned(),
            dialect: key.dialect().as_str(),
            algorithm: key.algorithm().as_str(),
            seed,
            deliveries: outcomes.len(),
            events,
            bytes: outcomes.iter().map(|outcome| outcome.bytes).sum(),
            seconds,
            deliveries_per_second: per_second(outcomes.len()),
            events_per_second: per_second(events),
            answers,
            latency_ms: Latency::of(answered.map(|outcome| outcome.took).collect()),
            sent: listed.map(Sent::of).collect(),
            all_accepted: outcomes.iter().all(|outcome| outcome.answer.is_success()),
        }
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let at = |percent| percentile(&times, percent).map(milliseconds);
        Some(Self {
            p50: at(50)?,
            p90: at(90)?,
            p99: at(99)?,
            max: at(100)?,
        })
    }
}

/// Finds the smallest value that at least so many percent of all values do not exceed (nearest rank).
fn percentile(ascending: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (ascending.len() * percent).div_ceil(100);
    ascending.get(rank.saturating_sub(1)).copied()
}

/// Converts a time to milliseconds, rounded to two decimals.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

impl Sent {
    fn of(outcome: &Outcome) -> Self {
        Self {
            events: outcome.events,
            bytes: outcome.bytes,
            answer: outcome.answer.name(),
            ms: milliseconds(outcome.took),
            body: match &outcome.answer {
                Answer::Status { body, .. } => body.trim().to_owned(),
                _ => String::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use upvest::signature::Dialect;

    use super::*;

    fn ms(times: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        times.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred = Latency::of(ms((1..=100).rev())).unwrap();
        assert_eq!(
            hundred,
            Latency {
                p50: 50.0,
                p90: 90.0,
                p99: 99.0,
                max: 100.0
            }
        );
        let one = Latency::of(ms([7])).unwrap();
        assert_eq!((one.p50, one.max), (7.0, 7.0));
        let two = Latency::of(ms([1, 9])).unwrap();
        assert_eq!((two.p50, two.p90), (1.0, 9.0));
        assert_eq!(Latency::of(Vec::new()), None);
    }

    #[test]
    fn only_200_counts_as_accepted() {
        let key = SigningKey::generate_ed25519("k", Dialect::QuotedContentDigest).unwrap();
        let outcome = |answer| Outcome {
            events: 2,
            bytes: 10,
            answer,
            took: Duration::from_millis(5),
        };
        let status = |code| Answer::Status {
            code,
            body: "{}\n".to_owned(),
        };
        let summary = |outcomes: &[Outcome]| Summary::of("u", &key, 0, outcomes, Duration::from_secs(2));
        let good = summary(&[outcome(status(200)), outcome(status(200))]);
        assert!(good.all_accepted);
        assert_eq!(good.answers["200"], 2);
        assert!(good.deliveries_per_second == 1.0 && good.events_per_second == 2.0);
        for bad in [status(204), status(401), Answer::TimedOut, Answer::Unreachable] {
            assert!(!summary(&[outcome(status(200)), outcome(bad)]).all_accepted);
        }
    }

    #[test]
    fn many_deliveries_are_not_listed() {
        let key = SigningKey::generate_ed25519("k", Dialect::QuotedContentDigest).unwrap();
        let outcome = Outcome {
            events: 1,
            bytes: 1,
            answer: Answer::Broken,
            took: Duration::ZERO,
        };
        let of = |count| Summary::of("u", &key, 0, &vec![outcome.clone(); count], Duration::ZERO);
        assert_eq!((of(20).sent.len(), of(21).sent.len()), (20, 0));
        assert_eq!(of(20).latency_ms, None);
    }
}
