//! What a run of deliveries came to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use upvest::signature::SigningKey;

use super::load::{Answer, Outcome};
use crate::output::{self, Report, facts};

/// The most deliveries that are listed one by one.
const MOST_LISTED: usize = 20;

/// The result of `send`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    url: String,
    key_id: String,
    profile: &'static str,
    algorithm: &'static str,
    seed: u64,
    deliveries: usize,
    events: usize,
    bytes: usize,
    seconds: f64,
    deliveries_per_second: f64,
    events_per_second: f64,
    /// How many deliveries got which answer.
    answers: BTreeMap<String, usize>,
    latency_ms: Option<Latency>,
    /// The deliveries one by one, unless there are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sent: Vec<Sent>,
    #[serde(skip)]
    all_accepted: bool,
}

/// The time that answers took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Sent {
    events: usize,
    bytes: usize,
    answer: String,
    ms: f64,
    body: String,
}

impl Summary {
    /// Sums up what became of deliveries that took so long in all.
    pub(crate) fn of(url: &str, key: &SigningKey, seed: u64, outcomes: &[Outcome], took: Duration) -> Self {
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

impl Report for Summary {
    fn text(&self) -> String {
        let mut text = String::new();
        if !self.sent.is_empty() {
            let mut table = output::table(["delivery", "events", "bytes", "answer", "ms", "body"]);
            for (index, sent) in self.sent.iter().enumerate() {
                table.add_row([
                    (index + 1).to_string(),
                    sent.events.to_string(),
                    sent.bytes.to_string(),
                    sent.answer.clone(),
                    format!("{:.2}", sent.ms),
                    sent.body.clone(),
                ]);
            }
            text.push_str(&format!("{table}\n\n"));
        }
        let key = format!("{} ({}, {})", self.key_id, self.profile, self.algorithm);
        let answers: Vec<String> = self
            .answers
            .iter()
            .map(|(answer, count)| format!("{count} x {answer}"))
            .collect();
        let latency = self.latency_ms.map(|latency| {
            let Latency { p50, p90, p99, max } = latency;
            format!("p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2}, max {max:.2} ms")
        });
        text.push_str(&facts([
            ("url", Some(self.url.clone())),
            ("key", Some(key)),
            ("seed", Some(self.seed.to_string())),
            (
                "sent",
                Some(format!(
                    "{} deliveries with {} events, {} bytes, in {:.2} s",
                    self.deliveries, self.events, self.bytes, self.seconds
                )),
            ),
            ("answers", Some(answers.join(", "))),
            ("latency", latency),
            (
                "throughput",
                Some(format!(
                    "{:.1} deliveries/s, {:.1} events/s",
                    self.deliveries_per_second, self.events_per_second
                )),
            ),
        ]));
        text
    }

    fn succeeded(&self) -> bool {
        self.all_accepted
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
        assert!(good.succeeded());
        assert!(good.text().contains("answers     2 x 200"), "{}", good.text());
        assert!(
            good.text().contains("1.0 deliveries/s, 2.0 events/s"),
            "{}",
            good.text()
        );
        for bad in [status(204), status(401), Answer::TimedOut, Answer::Unreachable] {
            assert!(!summary(&[outcome(status(200)), outcome(bad)]).succeeded());
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
