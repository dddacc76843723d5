//! The text of what the checks found: the verdict, what to do, and then every check.

use operator::doctor::{Area, AreaFinding, Checkup, Finding, Verdict};
use operator::fold::count;

use crate::output::{Exit, Report, beside_or_below, paragraph};

/// Begins what was found where it has no room beside the name of its check.
const BELOW: &str = "      ";

impl Report for Checkup {
    fn text(&self) -> String {
        let problems = self.findings.iter().filter(|found| is_problem(&found.finding));
        let problems: String = problems.map(problem).collect();
        format!("{}\n\n{problems}{}", verdict(self), checks(self))
    }

    fn exit(&self) -> Exit {
        Exit::of_findings(self.failed == 0)
    }
}

fn verdict(checkup: &Checkup) -> String {
    let Checkup {
        stack,
        ok,
        warnings,
        failed,
        skipped,
        ..
    } = checkup;
    let (mark, verdict) = match (failed, warnings) {
        (0, 0) => ("✓ ", "nothing is wrong".to_owned()),
        (0, _) => ("! ", "works, and something is not as it should be".to_owned()),
        (1, _) => ("✗ ", "one check failed".to_owned()),
        (failed, _) => ("✗ ", format!("{failed} checks failed")),
    };
    let text = format!(
        "{stack}: {verdict} ({ok} ok, {}, {failed} failed, {skipped} skipped)",
        count(*warnings, "warning")
    );
    paragraph(mark, &text)
}

fn is_problem(finding: &Finding) -> bool {
    matches!(finding.result, Verdict::Warning | Verdict::Failed)
}

/// Writes what is wrong, and below it what to do.
fn problem(AreaFinding { area, finding }: &AreaFinding) -> String {
    let found = format!("{}, {}: {}", title(*area), finding.check, finding.found);
    let mut text = paragraph(mark(finding.result), &found);
    if let Some(advice) = &finding.advice {
        text.push('\n');
        text.push_str(&paragraph("  → ", advice));
    }
    text + "\n\n"
}

/// Lists every check below its area; of what is wrong no more than that it is, because it was told above.
fn checks(checkup: &Checkup) -> String {
    let names = checkup
        .findings
        .iter()
        .map(|found| found.finding.check.chars().count());
    let names = names.max().unwrap_or(0);
    let mut text = String::new();
    let mut last = None;
    for AreaFinding { area, finding } in &checkup.findings {
        if last.replace(*area) != Some(*area) {
            text.push_str(&format!("{}\n", title(*area)));
        }
        let found = match is_problem(finding) {
            true => "see above",
            false => finding.found.as_str(),
        };
        let first = format!("  {}{:names$}  ", mark(finding.result), finding.check);
        text.push_str(&beside_or_below(&first, BELOW, found));
        text.push('\n');
    }
    text
}

fn title(area: Area) -> &'static str {
    match area {
        Area::Deployment => "Deployment",
        Area::Endpoint => "Endpoint",
        Area::Upvest => "Upvest",
        Area::Keys => "Keys",
        Area::Functions => "Functions",
        Area::Queues => "Queues",
        Area::Storage => "Storage",
        Area::Alarms => "Alarms",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "✓ ",
        Verdict::Warning => "! ",
        Verdict::Failed => "✗ ",
        Verdict::Skipped => "- ",
    }
}
