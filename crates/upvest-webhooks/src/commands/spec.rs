//! `spec`: Upvest's specification beside what this program knows.

use std::path::PathBuf;

use clap::Subcommand;
use operator::Result;
use operator::specification::{Side, SpecificationReport, Subject, check};

use crate::output::{Exit, Report, rows_of};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare a specification of Upvest's API (`OpenAPI`) with the table of categories
    ///
    /// Lists the categories, event types, statuses, keys and references that one of them has and the other has not. It needs
    /// no stack and asks nobody. docs/specification.md explains the known differences. The exit status is 4 when the
    /// specification has something that the table does not know.
    ///
    /// Example: upvest-webhooks spec check openapi.yaml
    Check {
        /// The document of Upvest's API, in YAML or JSON
        file: PathBuf,
    },
}

impl Command {
    /// Compares the document with the tables; gives what differs.
    pub(crate) fn run(&self) -> Result<SpecificationReport> {
        let Self::Check { file } = self;
        check(file)
    }
}

impl Report for SpecificationReport {
    fn text(&self) -> String {
        let Self {
            title,
            version,
            categories,
            event_types,
            differences,
        } = self;
        let mut text = format!("{title} {version}: {categories} categories, {event_types} event types\n\n");
        if differences.is_empty() {
            text.push_str("the table of categories says the same\n");
            return text;
        }
        let table = rows_of(differences)
            .column("what", |found| subject(found.subject))
            .column("only in", |found| side(found.only_in))
            .column("category", |found| found.category.as_deref().unwrap_or("any"))
            .column("name", |found| &found.name);
        let unknown = differences
            .iter()
            .filter(|found| found.only_in == Side::Specification)
            .count();
        let missing = differences.len() - unknown;
        text.push_str(&format!(
            "{table}\n\n{unknown} only in the specification, {missing} only in the table; \
             docs/specification.md explains the known ones\n"
        ));
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_findings(self.knows_all())
    }
}

fn subject(subject: Subject) -> &'static str {
    match subject {
        Subject::Category => "category",
        Subject::EventType => "event type",
        Subject::StatusField => "status field",
        Subject::Status => "status",
        Subject::Key => "key",
        Subject::Reference => "reference",
        Subject::ReferenceType => "reference type",
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Specification => "specification",
        Side::Table => "table",
    }
}

#[cfg(test)]
mod tests {
    use operator::specification::Difference;
    use webhook_tests::schemas::fitting;

    use super::*;

    fn report(only_in: Side) -> SpecificationReport {
        SpecificationReport {
            title: "T".to_owned(),
            version: "1".to_owned(),
            categories: 1,
            event_types: 2,
            differences: vec![Difference {
                subject: Subject::ReferenceType,
                only_in,
                category: None,
                name: "SHIP".to_owned(),
            }],
        }
    }

    #[test]
    fn what_the_table_does_not_know_fails_and_what_it_knows_alone_does_not() {
        assert!(!report(Side::Specification).succeeded());
        assert!(report(Side::Table).succeeded());
        let text = report(Side::Specification).text();
        assert!(text.starts_with("T 1: 1 categories, 2 event types\n"), "{text}");
        assert!(
            text.contains(" reference type   specification   any        SHIP"),
            "{text}"
        );
        let json = fitting("spec check", &report(Side::Table));
        assert_eq!(json["differences"][0]["subject"], "reference-type");
        assert_eq!(json["differences"][0]["only_in"], "table");
    }
}
