//! Putting rows of a restored copy of a table back into the stack's own table.

use pipeline::stores::restoring::{Compared, RestorableTable, Restoring, Row};
use serde::Serialize;
use serde_json::json;

use crate::error::{Error, Result};
use crate::repair::{Decision, Ending, Repair};
use crate::stack::Output;

/// Names the operation in the audit table.
const COMMAND: &str = "restore";
/// Bounds the differing rows that a report names; `differing` counts all of them.
const NAMED: usize = 100;

/// Says what is to be put back, and from where.
#[derive(Debug, Clone)]
pub struct Request {
    /// Names the table whose rows are put back.
    pub table: RestorableTable,
    /// Names the restored copy, as point-in-time recovery made it.
    pub from: String,
    /// Tells whether rows that differ are put back too, which is allowed for rows that never change.
    pub overwrite: bool,
}

/// Reports what a restored copy has beside the table, and what was put back.
#[derive(Debug, Default, Serialize)]
pub struct RestoreReport {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Names the table of the stack into which rows are put back.
    pub into: String,
    /// Counts the rows that the table has as they are in the copy.
    pub same: u64,
    /// Counts the rows that the table has not.
    pub missing: u64,
    /// Counts the rows that the table has otherwise.
    pub differing: u64,
    /// Counts what is never put back: records of attempts, and what is no row of the table.
    pub left_out: u64,
    /// Lists the first of the rows that differ, with the attributes in which they do.
    pub named: Vec<Differing>,
    /// Counts the rows that were put back.
    pub put_back: u64,
    /// Counts the rows that somebody wrote after they were looked at, so that they stayed.
    pub overtaken: u64,
}

/// Describes a row that the table has otherwise than the restored copy.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Gives the row's key, by which the table and its copy are compared.
    pub key: String,
    /// Names the attributes whose values differ, or which one of the two lacks.
    pub attributes: Vec<String>,
}

impl RestoreReport {
    /// Tells how many rows are put back, or would be.
    #[must_use]
    pub fn to_put_back(&self, overwrite: bool) -> u64 {
        self.missing + if overwrite { self.differing } else { 0 }
    }

    fn add(&mut self, compared: &Compared) {
        self.same += compared.same;
        self.left_out += compared.left_out;
        for row in &compared.rows {
            let Some(attributes) = row.differs_in() else {
                self.missing += 1;
                continue;
            };
            self.differing += 1;
            if self.named.len() < NAMED {
                self.named.push(Differing {
                    key: row.key.clone(),
                    attributes: attributes.into_iter().map(str::to_owned).collect(),
                });
            }
        }
    }
}

/// Compares a restored copy with the stack's table, and, once `confirm` has seen what differs, puts rows back: those that are
/// missing, and with `overwrite` those that differ. The copy is read twice, so that its size does not matter.
///
/// A row that anybody writes meanwhile stays as it is then. Interrupted, the same command goes on.
///
/// # Errors
///
/// [`Error`] when nothing was put back. What ended it early is in [`Ending::failure`].
pub async fn restore(
    repair: &Repair<'_>,
    request: &Request,
    confirm: impl FnOnce(&RestoreReport) -> Result<bool>,
) -> Result<RestoreReport> {
    let (restoring, mut report) = begin(repair, request)?;
    each_page(repair, &restoring, async |compared| {
        report.add(&compared);
        Ok(())
    })
    .await?;
    let has_work = report.to_put_back(request.overwrite) > 0;
    match repair.decide(has_work, || confirm(&report))? {
        Decision::Preview => {}
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let document = json!({
                "table": request.table.name(),
                "from": request.from,
                "into": report.into,
                "overwrite": request.overwrite,
                "rate": repair.options.per_second,
            });
            let put_back = async |_: &_| {
                let mut throttle = repair.throttle();
                let ended = each_page(repair, &restoring, async |compared| {
                    let is_wanted = |row: &&Row| request.overwrite || row.differs_in().is_none();
                    for row in compared.rows.iter().filter(is_wanted) {
                        throttle.due().await;
                        match restoring.put(row).await? {
                            true => report.put_back += 1,
                            false => report.overtaken += 1,
                        }
                    }
                    Ok(())
                })
                .await;
                let result = json!({ "put_back": report.put_back, "overtaken": report.overtaken });
                (result, ended)
            };
            report.ending = repair.carry_out(COMMAND, document, put_back).await?;
        }
    }
    Ok(report)
}

fn begin(repair: &Repair<'_>, request: &Request) -> Result<(Restoring, RestoreReport)> {
    let (table, from) = (request.table, &request.from);
    if request.overwrite && !table.is_immutable() {
        return Err(Error::usage(format!(
            "what differs in the {} table is newer than the copy, and stays; delete a row that is wrong, and run this \
             without --overwrite",
            table.name()
        )));
    }
    let into = repair.stack.output(match table {
        RestorableTable::Events => Output::EventsTable,
        RestorableTable::Idempotency => Output::IdempotencyTable,
        RestorableTable::Keys => Output::KeysTable,
        RestorableTable::Subscriptions => Output::SubscriptionsTable,
        RestorableTable::Audit => Output::AuditTable,
    })?;
    if into == *from {
        return Err(Error::usage(format!(
            "{from} is the stack's own table: name the copy of it that was restored beside it"
        )));
    }
    let report = RestoreReport {
        ending: repair.ending(),
        into: into.clone(),
        ..RestoreReport::default()
    };
    Ok((repair.stack.restoring(table, from.clone(), into), report))
}

/// Compares the restored copy with the table page by page, and has each page taken before the next one is read.
async fn each_page(
    repair: &Repair<'_>,
    restoring: &Restoring,
    mut take: impl AsyncFnMut(Compared) -> Result<()>,
) -> Result<()> {
    let work = repair.reporter.count("rows");
    let mut position = None;
    loop {
        let compared = restoring.compare(position).await?;
        let count = compared.same + compared.left_out + compared.rows.len() as u64;
        position = compared.next.clone();
        take(compared).await?;
        work.done(count);
        if position.is_none() {
            return Ok(());
        }
    }
}
