//! What was measured, as tables for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::bill::Usage;
use crate::cases::{Case, Stage};
use crate::figures::{Spread, round};
use crate::player::Played;
use crate::variants::{EMPTY, RECEIVER};

/// Holds all that a run measured.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Says where and how it was measured.
    pub run: Run,
    /// Maps `<case>/<peer>` to how many times as much CPU time, or time to the first answer, the peer takes as the receiver;
    /// `cold-<function>/empty` to how many times as much time the receiver takes as the empty function.
    pub ratios: BTreeMap<String, f64>,
    /// Maps a case to the AWS requests of an invocation: `<case>` of the receiver, `<case>/<peer>` of a peer.
    pub requests: BTreeMap<String, f64>,
    /// Maps a case to the list price of a million events in that function: `<case>` of the receiver, `<case>/<peer>` of a
    /// peer.
    pub usd_per_million: BTreeMap<String, f64>,
    /// Maps cases and variants to what their invocations took.
    pub cases: BTreeMap<String, BTreeMap<String, Measured>>,
    /// Maps cold starts (`cold-ingest`) and variants to what they took.
    pub cold: BTreeMap<String, BTreeMap<String, Cold>>,
}

/// Says where and how was measured.
#[derive(Debug, Default, Serialize)]
pub struct Run {
    /// Says what the processor calls itself.
    pub processor: String,
    /// Counts the cores of the machine that it was measured on.
    pub cores: usize,
    /// Gives the load of the last minute when the run ended: what else ran.
    pub load: f64,
    /// Counts the certificates that functions trust and have to read.
    pub certificates: usize,
    /// Counts the processes of each variant in each case.
    pub rounds: usize,
    /// Says which variant could not run on the machine, and what it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<&'static str>,
}

/// Says what the invocations of one variant took.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Counts the measured invocations of all processes.
    pub invocations: usize,
    /// Counts the events of an invocation.
    pub events: usize,
    /// Gives the CPU time of an invocation: the median of each process, and their spread.
    pub cpu_ms: Spread,
    /// Gives the time from an invocation to its answer, likewise.
    pub latency_ms: Spread,
    /// Gives the AWS requests of an invocation, by operation.
    pub operations: BTreeMap<String, f64>,
    /// Counts the bytes of their bodies.
    pub request_bytes: f64,
    /// Counts the read and the write units of DynamoDB.
    pub read_units: f64,
    /// Counts the write units of DynamoDB.
    pub write_units: f64,
    /// Counts the TLS connections that a process opened.
    pub connections: usize,
    /// Gives the most memory that a process held, in MB.
    pub memory_mb: f64,
    /// Counts the bytes of log of an invocation.
    pub log_bytes: f64,
}

/// Says what the cold starts of one variant took.
#[derive(Debug, Serialize)]
pub struct Cold {
    /// Gives the time from the start of the process to its first poll.
    pub init_ms: Spread,
    /// Gives the time from the start of the process to its first answer.
    pub first_answer_ms: Spread,
    /// Gives the CPU time until then.
    pub cpu_ms: Spread,
}

impl Report {
    /// Adds the processes of one variant in one case.
    pub fn add(&mut self, case: &Case, variant: &str, plays: &[Played]) {
        let medians = |of: fn(&Played) -> &Vec<f64>| {
            let medians = plays.iter().filter_map(|played| {
                let spread = Spread::of(of(played).iter().copied());
                spread.map(|spread| spread.median)
            });
            Spread::of(medians)
        };
        let cpu_ms = medians(|played| &played.cpu_ms);
        let latency_ms = medians(|played| &played.latency_ms);
        let (Some(cpu_ms), Some(latency_ms), Some(last)) = (cpu_ms, latency_ms, plays.last()) else {
            return;
        };
        let usage = Usage::of(case, last, latency_ms.median);
        let key = key(case.name, variant);
        self.requests.insert(key.clone(), round(usage.requests(), 1));
        self.usd_per_million
            .insert(key, round(usage.usd_per_million_events, 4));
        let invocations = last.latency_ms.len() as f64;
        let memory_kb = plays.iter().map(|played| played.memory_kb).max();
        let measured = Measured {
            invocations: plays.iter().map(|played| played.cpu_ms.len()).sum(),
            events: case.events(),
            cpu_ms,
            latency_ms,
            operations: usage.operations,
            request_bytes: round(usage.request_bytes, 0),
            read_units: round(usage.read_units, 2),
            write_units: round(usage.write_units, 2),
            connections: last.connections,
            memory_mb: round(memory_kb.unwrap_or_default() as f64 / 1024.0, 1),
            log_bytes: round(last.log_bytes as f64 / invocations, 0),
        };
        let variants = self.cases.entry(case.name.to_owned()).or_default();
        variants.insert(variant.to_owned(), measured);
    }

    /// Adds the cold starts of one variant.
    pub fn add_cold(&mut self, start: &str, variant: &str, plays: &[Played]) {
        let spread = |of: fn(&Played) -> f64| Spread::of(plays.iter().map(of));
        let init_ms = spread(|played| played.init_ms);
        let first_answer_ms = spread(|played| played.cold_ms);
        let cpu_ms = spread(|played| played.cold_cpu_ms);
        let (Some(init_ms), Some(first_answer_ms), Some(cpu_ms)) = (init_ms, first_answer_ms, cpu_ms) else {
            return;
        };
        let cold = Cold {
            init_ms,
            first_answer_ms,
            cpu_ms,
        };
        let variants = self.cold.entry(start.to_owned()).or_default();
        variants.insert(variant.to_owned(), cold);
    }

    /// Compares each peer with the receiver, by CPU time and by the time to a first answer.
    pub fn compare(&mut self) {
        for (case, variants) in &self.cases {
            let Some(ours) = variants.get(RECEIVER) else {
                continue;
            };
            let peers = variants.iter().filter(|(name, _)| *name != RECEIVER);
            self.ratios
                .extend(peers.map(|(name, peer)| (key(case, name), peer.cpu_ms.times(&ours.cpu_ms))));
        }
        for (start, variants) in &self.cold {
            let Some(ours) = variants.get(RECEIVER) else {
                continue;
            };
            let ours = &ours.first_answer_ms;
            let peers = variants.iter().filter(|(name, _)| *name != RECEIVER);
            self.ratios.extend(peers.map(|(name, peer)| {
                let ratio = match name == EMPTY {
                    true => ours.times(&peer.first_answer_ms),
                    false => peer.first_answer_ms.times(ours),
                };
                (key(start, name), ratio)
            }));
        }
    }

    /// Writes the tables of the report, in Markdown, as docs/performance.md has them.
    #[must_use]
    pub fn tables(&self) -> String {
        let Run {
            processor,
            cores,
            load,
            certificates,
            rounds,
            left_out,
        } = &self.run;
        let mut text = format!(
            "{processor}, {cores} cores, load {load}, {certificates} certificates, {rounds} processes each; \
             median (least-greatest)\n"
        );
        if let Some(left_out) = left_out {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "\n{left_out}");
        }
        for stage in Stage::ALL {
            self.write_stage(&mut text, stage);
        }
        self.write_cold(&mut text);
        text
    }

    fn write_stage(&self, text: &mut String, stage: Stage) {
        let of_stage = |name: &str| name.split('-').next() == Some(stage.name());
        let cases = self.cases.iter().filter(|(name, _)| of_stage(name));
        let mut cases: Vec<_> = cases.collect();
        if cases.is_empty() {
            return;
        }
        cases.sort_by_key(|(_, variants)| variants.values().map(|measured| measured.events).max());
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\n### {}\n\n| Case | Variant | CPU ms | x receiver | Latency ms | µs an event | Requests | KB sent | \
             Memory MB | Log bytes | USD a million |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
            stage.name()
        );
        for (case, variants) in cases {
            for (variant, measured) in in_order(variants) {
                self.write_measured(text, case, variant, measured);
            }
        }
    }

    fn write_measured(&self, text: &mut String, case: &str, variant: &str, measured: &Measured) {
        let key = key(case, variant);
        let of = |map: &BTreeMap<String, f64>| map.get(&key).copied().unwrap_or_default();
        let ratio = self
            .ratios
            .get(&key)
            .map_or_else(String::new, |ratio| format!("{ratio:.1}"));
        let _ = writeln!(
            text,
            "| {case} | {variant} | {} | {ratio} | {} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} | {:.2} |",
            measured.cpu_ms.show(2),
            measured.latency_ms.show(2),
            measured.cpu_ms.median * 1_000.0 / measured.events as f64,
            of(&self.requests),
            measured.request_bytes / 1_024.0,
            measured.memory_mb,
            measured.log_bytes,
            of(&self.usd_per_million),
        );
    }

    fn write_cold(&self, text: &mut String) {
        if self.cold.is_empty() {
            return;
        }
        let _ = write!(
            text,
            "\n### Cold starts\n\n| Start | Variant | Init ms | First answer ms | x | CPU ms |\n|---|---|---|---|---|---|\n"
        );
        for (start, variants) in &self.cold {
            for (variant, cold) in in_order(variants) {
                let ratio = self.ratios.get(&key(start, variant));
                let ratio = match (ratio, variant == EMPTY) {
                    (None, _) => String::new(),
                    (Some(ratio), true) => format!("1/{ratio:.1}"),
                    (Some(ratio), false) => format!("{ratio:.1}"),
                };
                let _ = writeln!(
                    text,
                    "| {start} | {variant} | {} | {} | {ratio} | {} |",
                    cold.init_ms.show(1),
                    cold.first_answer_ms.show(1),
                    cold.cpu_ms.show(1)
                );
            }
        }
    }
}

fn key(case: &str, variant: &str) -> String {
    if variant == RECEIVER {
        case.to_owned()
    } else {
        format!("{case}/{variant}")
    }
}

/// Lists the variants with the receiver first, and the others in the order of their names.
fn in_order<T>(variants: &BTreeMap<String, T>) -> Vec<(&str, &T)> {
    let mut variants: Vec<_> = variants
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    variants.sort_by_key(|(name, _)| *name != RECEIVER);
    variants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::CASES;

    fn played(cpu_ms: f64, cold_ms: f64) -> Played {
        Played {
            cpu_ms: vec![cpu_ms, cpu_ms, 100.0],
            latency_ms: vec![1.0, 1.0, 1.0],
            cold_ms,
            ..Played::default()
        }
    }

    fn report() -> Report {
        let mut report = Report::default();
        let case = CASES.iter().find(|case| case.name == "verify-100").unwrap();
        report.add(
            case,
            RECEIVER,
            &[played(2.0, 0.0), played(4.0, 0.0), played(2.0, 0.0)],
        );
        report.add(case, "python-lean", &[played(14.0, 0.0)]);
        report.add_cold("cold-ingest", RECEIVER, &[played(0.0, 4.0)]);
        report.add_cold("cold-ingest", "python-lean", &[played(0.0, 200.0)]);
        report.add_cold("cold-ingest", EMPTY, &[played(0.0, 2.0)]);
        report.compare();
        report
    }

    #[test]
    fn a_ratio_is_the_peers_by_ours_and_that_of_the_empty_function_ours_by_its() {
        let ratios = report().ratios;
        assert_eq!(ratios["verify-100/python-lean"], 7.0);
        assert_eq!(ratios["cold-ingest/python-lean"], 50.0);
        assert_eq!(ratios["cold-ingest/empty"], 2.0);
        assert_eq!(ratios.len(), 3);
    }

    #[test]
    fn the_tables_have_the_receiver_first() {
        let tables = report().tables();
        let receiver = tables
            .find("| verify-100 | receiver | 2.00 (2.00-4.00) |  |")
            .unwrap();
        assert!(
            tables
                .find("| verify-100 | python-lean | 14.00 (14.00-14.00) | 7.0 |")
                .unwrap()
                > receiver
        );
        assert!(tables.contains("| cold-ingest | empty | 0.0 (0.0-0.0) | 2.0 (2.0-2.0) | 1/2.0 |"));
        assert!(!tables.contains("### ingest"));
    }

    #[test]
    fn what_is_left_out_is_said_before_the_tables() {
        let mut report = report();
        assert!(!report.tables().contains("left out"));
        report.run.left_out = Some("a peer is left out");
        let tables = report.tables();
        let (before, _) = tables.split_once("### verify").unwrap();
        assert!(before.ends_with("\na peer is left out\n\n"));
    }
}
