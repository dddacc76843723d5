//! `audit`: what operators did, and why.

mod list;
mod show;

use clap::Subcommand;
use operator::Result;
use uuid::Uuid;

use self::list::ListArgs;
use crate::arguments::{Site, ids};
use crate::output::{Report, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what was done to the stack, newest first
    ///
    /// An operation that has no end runs still, or was interrupted.
    ///
    /// Example: upvest-webhooks audit list --command "dlq redrive" --since 2026-01-05
    List(ListArgs),
    /// Show an operation: who did what, when and why, and what came of it
    ///
    /// Example: upvest-webhooks audit show 019b76da-a87b-7def-8123-456789abcdef
    Show {
        /// Id of the operation, as audit list shows it
        #[arg(value_parser = ids::operation)]
        id: Uuid,
    },
}

impl Command {
    /// Reads the audit table; gives a list of operations, or one of them.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        match self {
            Self::List(list) => told(list.run(site).await),
            Self::Show { id } => told(operator::audit::show(site.stack, id).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use fake_aws::OPERATOR;
    use serde_json::json;

    use webhook_tests::deployment::Deployment;

    use operator::audit::Operations;
    use operator::repair::Audit;

    use super::*;

    fn list(command: Option<&str>, limit: u16) -> Command {
        Command::List(ListArgs {
            command: command.map(str::to_owned),
            operator: None,
            since: None,
            limit,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_done_is_listed_newest_first_and_shown_with_its_result() {
        let site = Deployment::builder().without_key().start().await;
        let audit = Audit::of(&site.stack, site.clock()).await.unwrap();
        let first = audit
            .begin("dlq redrive", "INC-1", json!({"queues": ["orders"]}))
            .await;
        let first = first.unwrap();
        site.pass(1);
        let second = audit.begin("replay", "INC-2", json!({})).await.unwrap();
        audit.log().end(first.id, &json!({"redriven": 3})).await.unwrap();

        let text = list(None, 50)
            .run(Site::silent(&site.stack, site.clock()))
            .await
            .unwrap()
            .text();
        let place = |id: Uuid| text.find(&id.to_string()).unwrap();
        assert!(place(second.id) < place(first.id), "{text}");
        assert!(text.contains(OPERATOR) && text.contains("INC-1"), "{text}");

        let shown = Command::Show { id: first.id }
            .run(Site::silent(&site.stack, site.clock()))
            .await
            .unwrap()
            .text();
        for part in ["dlq redrive", "\"redriven\": 3", "\"orders\"", OPERATOR] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let unended = Command::Show { id: second.id }
            .run(Site::silent(&site.stack, site.clock()))
            .await
            .unwrap()
            .text();
        assert!(unended.contains("ended      not"), "{unended}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_operator_did_is_found_by_a_part_of_the_arn() {
        let site = Deployment::builder().without_key().start().await;
        let audit = Audit::of(&site.stack, site.clock()).await.unwrap();
        audit.begin("replay", "INC-1", json!({})).await.unwrap();
        let by = async |operator: &str| {
            let listed = operator::audit::list(&site.stack, None, Some(operator), None, 50).await;
            listed.unwrap()
        };
        let own = OPERATOR.rsplit('/').next().unwrap();
        assert_eq!(by(own).await.operations.len(), 1);
        let nobody = by("nobody").await;
        assert!(nobody.operations.is_empty());
        assert_eq!(nobody.text(), "no operations by nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_filtered_and_says_that_there_is_more() {
        let site = Deployment::builder().without_key().start().await;
        let audit = Audit::of(&site.stack, site.clock()).await.unwrap();
        for command in ["replay", "dlq redrive", "replay"] {
            audit.begin(command, "r", json!({})).await.unwrap();
            site.pass(1);
        }
        let listed = list(Some("replay"), 1)
            .run(Site::silent(&site.stack, site.clock()))
            .await
            .unwrap();
        let Operations { operations, more, .. } = listed.known::<Operations>();
        assert_eq!((operations.len(), *more), (1, true));
        assert_eq!(operations[0].command, "replay");
        let error = Command::Show { id: Uuid::nil() }
            .run(Site::silent(&site.stack, site.clock()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), operator::ErrorKind::NotFound);
    }
}
