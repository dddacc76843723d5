//! `restore`: puts rows of a restored copy of a table back into the stack's own table.

use clap::Args;
use operator::Result;
use operator::restore::{Request, RestoreReport, restore};
use pipeline::stores::restoring::RestorableTable;

use crate::arguments::{RepairArgs, Site, by_name};
use crate::output::{Exit, Report, facts, repair_text, rows_of, unnamed};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The table of the stack whose rows are put back
    #[arg(value_name = "TABLE", value_parser = by_name(RestorableTable::ALL, RestorableTable::name))]
    table: RestorableTable,
    /// Name of the table that AWS made of the copy
    #[arg(long, value_name = "NAME")]
    from: String,
    /// Put rows back too that differ; for events alone, which never change
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    repair: RepairArgs,
}

impl Arguments {
    /// Compares, and puts back what is missing after a question that counts it.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<RestoreReport> {
        self.repair.must_be_answerable()?;
        let repair = self.repair.of(site);
        let request = Request {
            table: self.table,
            from: self.from,
            overwrite: self.overwrite,
        };
        let confirm = |report: &RestoreReport| {
            let count = report.to_put_back(self.overwrite);
            let question = format!("{count} rows are put back into {}. Go on?", report.into);
            self.repair.confirm(&question)
        };
        restore(&repair, &request, confirm).await
    }
}

impl Report for RestoreReport {
    fn text(&self) -> String {
        repair_text(&self.ending, "put back", || {
            let some = |count: u64| (count > 0).then(|| count.to_string());
            let put_back = (!self.ending.dry_run).then(|| self.put_back.to_string());
            let mut text = facts([
                ("table", Some(self.into.clone())),
                ("rows as they are in the copy", Some(self.same.to_string())),
                ("missing", Some(self.missing.to_string())),
                ("differing", Some(self.differing.to_string())),
                ("left out", some(self.left_out)),
                ("put back", put_back),
                ("written meanwhile", some(self.overtaken)),
            ]);
            let table = rows_of(&self.named)
                .column("differs", |row| &row.key)
                .column("in", |row| row.attributes.join(", "));
            text.push_str(&table.below(""));
            text.push_str(&unnamed(self.differing, self.named.len()));
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true)
    }
}
