//! All findings, area by area.

use serde::Serialize;

use super::check::{Area, Finding, Verdict};
use crate::output::{self, Report};

/// The result of `doctor`.
#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    stack: String,
    ok: usize,
    warnings: usize,
    failed: usize,
    skipped: usize,
    findings: Vec<Placed>,
}

#[derive(Debug, Serialize)]
struct Placed {
    area: Area,
    #[serde(flatten)]
    finding: Finding,
}

impl DoctorReport {
    /// Collects the findings, and keeps their order within an area.
    pub(super) fn of(stack: String, found: Vec<(Area, Vec<Finding>)>) -> Self {
        let placed = found.into_iter().flat_map(|(area, findings)| {
            let place = move |finding| Placed { area, finding };
            findings.into_iter().map(place)
        });
        let mut findings: Vec<Placed> = placed.collect();
        findings.sort_by_key(|placed| placed.area);
        let count = |verdict| {
            let of_verdict = |placed: &&Placed| placed.finding.result == verdict;
            findings.iter().filter(of_verdict).count()
        };
        Self {
            stack,
            ok: count(Verdict::Ok),
            warnings: count(Verdict::Warning),
            failed: count(Verdict::Failed),
            skipped: count(Verdict::Skipped),
            findings,
        }
    }
}

impl Area {
    fn title(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Endpoint => "Endpoint",
            Self::Upvest => "Upvest",
            Self::Keys => "Keys",
            Self::Functions => "Functions",
            Self::Queues => "Queues",
            Self::Storage => "Storage",
            Self::Alarms => "Alarms",
        }
    }
}

impl Verdict {
    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "✓ ok",
            Self::Warning => "! warning",
            Self::Failed => "✗ failed",
            Self::Skipped => "- skipped",
        }
    }
}

impl Report for DoctorReport {
    fn text(&self) -> String {
        let mut table = output::table(["area", "result", "check", "found"]);
        let mut last = None;
        for Placed { area, finding } in &self.findings {
            let title = if last.replace(*area) == Some(*area) {
                ""
            } else {
                area.title()
            };
            let advice = finding.advice.iter().map(|advice| format!("\n→ {advice}"));
            let found = format!("{}{}", finding.found, advice.collect::<String>());
            table.add_row([title, finding.result.mark(), &finding.check, &found]);
        }
        format!(
            "{table}\n\n{}: {} ok, {} warnings, {} failed, {} skipped",
            self.stack, self.ok, self.warnings, self.failed, self.skipped
        )
    }

    fn succeeded(&self) -> bool {
        self.failed == 0
    }
}
