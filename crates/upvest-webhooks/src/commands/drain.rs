//! `drain`: stops deliveries in front of the stack, and waits until what is in it has run out.

use std::time::Duration;

use clap::Args;
use operator::Result;
use operator::drain::{Drained, QueueRemains, Resumed, drain, resume};

use crate::arguments::{RepairArgs, Site};
use crate::output::{Exit, Report, repair_text, rows_of, told};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Have ingest take deliveries again, after a drain
    #[arg(long, conflicts_with = "wait")]
    resume: bool,
    /// Give ingest this reserved concurrency back, which the drain had told, instead of that of the stack's parameter
    #[arg(long, value_name = "COUNT", requires = "resume", value_parser = clap::value_parser!(i32).range(1..))]
    concurrency: Option<i32>,
    /// Wait at most so many seconds for the queues to be empty
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    wait: u64,
    #[command(flatten)]
    repair: RepairArgs,
}

impl Arguments {
    /// Stops deliveries and waits, or has them taken again.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        let repair = self.repair.of(site);
        if self.resume {
            let confirm = |ingest: &str| {
                let question = format!("{ingest} takes deliveries again. Go on?");
                self.repair.confirm(&question)
            };
            return told(resume(&repair, self.concurrency, confirm).await);
        }
        let confirm = |ingest: &str| {
            let question =
                format!("{ingest} is stopped, and Upvest keeps all deliveries until --resume. Go on?");
            self.repair.confirm(&question)
        };
        let patience = Duration::from_secs(self.wait);
        told(drain(&repair, patience, confirm).await)
    }
}

impl Report for Drained {
    fn text(&self) -> String {
        repair_text(&self.ending, "stopped", || {
            let mut text = match self.is_empty() {
                true => {
                    "nothing is left: all queues and dead-letter queues are empty, and nothing is pending\n"
                        .to_owned()
                }
                false => left(self),
            };
            if !self.ending.dry_run {
                text.push_str(&format!("\n{}", self.resumption()));
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true).or(|| Exit::of_findings(self.is_empty()))
    }
}

fn left(report: &Drained) -> String {
    let in_queue = |left: &QueueRemains| (left.queue.as_str().to_owned(), left.messages);
    let dead = |left: &QueueRemains| (format!("dead letters of {}", left.queue.as_str()), left.messages);
    let pending = (report.pending > 0).then(|| ("pending deliveries".to_owned(), report.pending as u64));
    let queues = report.queues.iter().map(in_queue);
    let left = queues.chain(report.dead_letters.iter().map(dead)).chain(pending);
    let left: Vec<(String, u64)> = left.collect();
    let table = rows_of(&left)
        .column("left in", |(place, _)| place)
        .column("messages", |(_, messages)| messages);
    format!("{table}\n")
}

impl Report for Resumed {
    fn text(&self) -> String {
        repair_text(&self.ending, "given back", || {
            format!("{} takes deliveries\n", self.ingest)
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true)
    }
}
