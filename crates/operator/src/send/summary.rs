//! What a run of deliveries came to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use upvest::signature::SigningKey;

use super::load::{Answer, Outcome};

/// The most deliveries that are listed one by one.
const MOST_LISTED: usize = 20;

/// The result of `send`.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Where the deliveries went.
    pub url: String,
    /// The key that signed.
    pub key_id: String,
    /// How it signed.
    pub profile: &'static str,
    /// By which algorithm.
    pub algorithm: &'static str,
    /// What decides on generated events, duplicates and order.
    pub seed: u64,
    /// How many deliveries were made.
    pub deliveries: usize,
    /// How many events they brought.
    pub events: usize,
    /// The size of all bodies.
    pub bytes: usize,
    /// How long it took.
    pub seconds: f64,
    /// Deliveries per second.
    pub deliveries_per_second: f64,
    /// Events per second.
    pub events_per_second: f64,
    /// How many deliveries got which answer.
    pub answers: BTreeMap<String, usize>,
    /// How long the answers took; `None` where there was none.
    pub latency_ms: Option<Latency>,
    /// The deliveries one by one, unless there are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Sent>,
    /// Whether each was answered with 200.
    #[serde(skip)]
    pub all_accepted: bool,
}

/// The time that answers took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the answers took no longer.
    pub p50: f64,
    /// 90 % of the answers took no longer.
    pub p90: f64,
    /// 99 % of the answers took no longer.
    pub p99: f64,
    /// The slowest answer.
    pub max: f64,
}

/// One delivery of a run.
#[derive(Debug, Serialize)]
pub struct Sent {
    /// How many events it brought.
    pub events: usize,
    /// The size of its body.
    pub bytes: usize,
    /// What it was answered.
    pub answer: String,
    /// How long that took, in milliseconds.
    pub ms: f64,
    /// The beginning of the answer's body.
    pub body: String,
}

impl Summary {
    /// Sums up what became of deliveries that took so long in all.
    #[must_use]
    pub fn of(url: &str, key: &SigningKey, seed: u64, outcomes: &[Outcome], took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        let events = outcomes.iter().map(|outcome| outcome.events).sum();
        let per_second = |count: usize| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        let mut answers = BTreeMap::new();
        for outcome in outcomes {
            *answers.entry(outcome.answer.name()).or_default() += 1;
        }
        let answered = outcomes
            .iter()
            .filter(|outcome| matches!(outcome.answer, Answer::Status { .. }));
        let listed = if outcomes.len() > MOST_LISTED {
            &[]
        } else {
            outcomes
        };
        Self {
            url: url.to_owned(),
            key_id: key.key_id().to_owned(),
            profile: key.profile().as_str(),
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
            sent: listed.iter().map(Sent::of).collect(),
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

/// The smallest value that at least so many percent of all values do not exceed (nearest rank).
fn percentile(ascending: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (ascending.len() * percent).div_ceil(100);
    ascending.get(rank.saturating_sub(1)).copied()
}

/// Milliseconds with two decimals.
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
    use upvest::signature::Profile;

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
        let key = SigningKey::generate_ed25519("k", Profile::Quoted).unwrap();
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
        let key = SigningKey::generate_ed25519("k", Profile::Quoted).unwrap();
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
