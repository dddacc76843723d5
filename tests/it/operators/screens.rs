//! What the commands show of a stack whose time, ids and chance are the same in every run. A change of a screen shows in
//! its snapshot.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use clap::{CommandFactory, Parser};
use insta::assert_snapshot;
use upvest::Domain;
use upvest_webhooks::{Cli, Exit};
use webhook_tests::deliveries::{event, signing_key, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::dead_letter_name;
use webhook_tests::schemas::assert_described;

/// Holds a stack with an order, a forged delivery and a dead letter.
struct Stage(Deployment);

impl Stage {
    async fn set() -> Self {
        let site = Deployment::new().await;
        site.receiver.effects.trouble("t1-3", Trouble::Hopeless);
        site.deliver(&[order("order-1", 1, "NEW"), order("order-2", 2, "FILLED")])
            .await;
        site.pass(60);
        site.deliver(&[order("order-1", 1, "NEW"), topup("t1", 3, "CONFIRMED")])
            .await;
        site.pass(1);
        site.settle().await;
        site.store_signed(&signing_key(8), &[order("forged", 4, "CANCELLED")])
            .await;
        site.pass(600);
        Self(site)
    }

    /// Runs a command; gives what it prints.
    async fn shows(&self, line: &str) -> String {
        let words = line.split_whitespace();
        let words = words.map(|word| self.stand_in(word));
        let words: Vec<String> = std::iter::once("upvest-webhooks".to_owned())
            .chain(words)
            .collect();
        let cli = Cli::try_parse_from(&words).unwrap();
        let (stacks, clock) = (self.0.finder(), self.0.clock());
        let answer = cli.run_on(&stacks, &clock).await;
        let answer = answer.unwrap_or_else(|error| panic!("{line}: {error}"));
        if line.contains("--json") {
            assert_described::<Cli>(&words, answer.text());
        }
        self.without_operations(answer.text())
    }

    /// Runs a command that is to be refused; gives its exit code and why.
    async fn refuses(&self, line: &str) -> (u8, String) {
        let words = std::iter::once("upvest-webhooks").chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        let (stacks, clock) = (self.0.finder(), self.0.clock());
        let error = cli.run_on(&stacks, &clock).await.unwrap_err();
        (Exit::from(error.kind()).code(), error.to_string())
    }

    /// Replaces the ids of operations, the one thing that chance decides outside of the account.
    fn without_operations(&self, text: &str) -> String {
        let ids = self.0.receiver.stored("audit");
        ids.iter().fold(text.to_owned(), |text, id| {
            text.replace(id, "<the operation's id>")
        })
    }

    fn stand_in(&self, word: &str) -> String {
        let aws = &self.0.receiver.aws;
        match word {
            "$QUARANTINED" => {
                let key = self.0.receiver.quarantined().remove(0);
                key.rsplit('/').next().unwrap().to_owned()
            }
            "$LETTER" => aws.messages(&dead_letter_name(Domain::Payments))[0].id.clone(),
            "$OPERATION" => self.0.receiver.stored("audit").remove(0),
            _ => word.to_owned(),
        }
    }
}

fn order(id: &str, second: u8, status: &str) -> String {
    let executions = match status {
        "FILLED" => r#"[{"id":"x1","status":"SETTLED","share_quantity":"1.5","side":"BUY"}]"#,
        _ => "[]",
    };
    let object = format!(
        r#"{{"id":"o1","user_id":"u1","account_id":"a1","status":"{status}","cash_amount":"10.00","currency":"EUR","executions":{executions}}}"#
    );
    event(id, second, &format!("ORDER.{status}"), &object)
}

#[tokio::test(start_paused = true)]
async fn an_event_and_a_time_line() {
    let stage = Stage::set().await;
    assert_snapshot!("events_show_event", stage.shows("events show order-2").await);
    assert_snapshot!(
        "events_timeline_order",
        stage.shows("events timeline ORDER#o1").await
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_of_events() {
    let stage = Stage::set().await;
    assert_snapshot!("events_list", stage.shows("events list --since 1h").await);
    assert_snapshot!(
        "events_list_80",
        stage.shows("events list --since 1h --limit 2 --width 80").await
    );
    assert_snapshot!(
        "events_list_empty",
        stage.shows("events list --since 1h --type user.created").await
    );
}

/// The same events and entities, by less than their whole names.
#[tokio::test(start_paused = true)]
async fn a_part_of_a_name_is_enough_where_it_names_one() {
    let stage = Stage::set().await;
    let whole = stage.shows("entities show ORDER#o1").await;
    for part in ["order#o1", "o1"] {
        assert_eq!(
            stage.shows(&format!("entities show {part}")).await,
            whole,
            "{part}"
        );
    }
    let whole = stage.shows("events show order-1").await;
    assert_eq!(stage.shows("events show order-1").await, whole);
    assert_eq!(stage.refuses("events show order").await.0, 2, "two begin so");
    assert_eq!(stage.refuses("entities show o7").await.0, 3);
    let explained = stage.shows("explain ORDER#o1").await;
    assert_eq!(stage.shows("explain o1").await, explained);
}

#[tokio::test(start_paused = true)]
async fn names_that_are_mistyped_are_refused_with_the_nearest() {
    let stage = Stage::set().await;
    for (line, hint) in [
        (
            "quarantine list --because bad_signature",
            "did you mean bad-signature?",
        ),
        (
            "quarantine discard --because bad_signature --dry-run",
            "did you mean bad-signature?",
        ),
    ] {
        let (code, error) = stage.refuses(line).await;
        assert_eq!(code, 2, "{line}: {error}");
        assert!(error.ends_with(hint), "{line}: {error}");
    }
    for (line, hint) in [
        ("dlq list --queue order", "did you mean orders?"),
        ("dlq redrive --entity nonsense --reason r", "written TYPE#ID"),
    ] {
        let words = std::iter::once("upvest-webhooks").chain(line.split_whitespace());
        let error = Cli::try_parse_from(words).unwrap_err().to_string();
        assert!(error.contains(hint), "{line}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_repeats_what_was_asked_for() {
    let stage = Stage::set().await;
    for (line, told) in [
        (
            "quarantine list --because digest-mismatch --since 1h",
            "no deliveries in quarantine because digest-mismatch since 1h\n",
        ),
        (
            "dlq list --messages --queue orders --type order.new",
            "no messages in dead-letter queues of orders of type ORDER.NEW\n",
        ),
    ] {
        assert_eq!(stage.shows(line).await, told, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entity() {
    let stage = Stage::set().await;
    assert_snapshot!("entities_show_order", stage.shows("entities show ORDER#o1").await);
    assert_snapshot!(
        "entities_show_order_json",
        stage.shows("entities show ORDER#o1 --json").await
    );
    assert_snapshot!("entities_list", stage.shows("entities list --user u1").await);
    assert_snapshot!(
        "entities_list_80",
        stage.shows("entities list --type order --width 80").await
    );
    assert_snapshot!(
        "entities_list_empty",
        stage
            .shows("entities list --status rejected --domain orders")
            .await
    );
    assert_snapshot!(
        "entities_verify",
        stage.shows("entities verify --domain orders").await
    );
    assert_snapshot!(
        "entities_rebuild_order_dry_run",
        stage.shows("entities rebuild ORDER#o1 --dry-run").await
    );
}

#[tokio::test(start_paused = true)]
async fn an_explanation() {
    let stage = Stage::set().await;
    assert_snapshot!("explain_order", stage.shows("explain ORDER#o1").await);
    assert_snapshot!("explain_event", stage.shows("explain order-2 -v").await);
    assert_snapshot!("explain_event_json", stage.shows("explain order-2 --json").await);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_quarantine() {
    let stage = Stage::set().await;
    assert_snapshot!("quarantine_list", stage.shows("quarantine list").await);
    assert_snapshot!(
        "quarantine_list_120",
        stage.shows("quarantine list --width 120").await
    );
    assert_snapshot!(
        "quarantine_list_80",
        stage.shows("quarantine list --width 80").await
    );
    assert_snapshot!(
        "quarantine_show",
        stage.shows("quarantine show $QUARANTINED").await
    );
    assert_snapshot!(
        "quarantine_reverify_dry_run",
        stage.shows("quarantine reverify --dry-run").await
    );
    assert_snapshot!(
        "quarantine_discard",
        stage
            .shows("quarantine discard $QUARANTINED --reason r --yes")
            .await
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_in_dead_letter_queues() {
    let stage = Stage::set().await;
    assert_snapshot!("dlq_list", stage.shows("dlq list --messages").await);
    assert_snapshot!("dlq_show", stage.shows("dlq show $LETTER --queue payments").await);
    assert_snapshot!(
        "dlq_discard_dry_run",
        stage.shows("dlq discard t1-3 --dry-run").await
    );
    assert_snapshot!("dlq_list_80", stage.shows("dlq list --messages --width 80").await);
    stage.0.receiver.effects.mend();
    assert_snapshot!(
        "dlq_redrive",
        stage
            .shows("dlq redrive --queue payments --reason INC-42 --yes")
            .await
    );
    assert_snapshot!("audit_list", stage.shows("audit list").await);
    assert_snapshot!("audit_show", stage.shows("audit show $OPERATION").await);
}

#[tokio::test(start_paused = true)]
async fn keys_archive_and_replay() {
    let stage = Stage::set().await;
    assert_snapshot!("keys_list", stage.shows("keys list").await);
    assert_snapshot!(
        "archive_verify",
        stage
            .shows("archive verify --since 2026-01-01 --until 2026-01-02")
            .await
    );
    assert_snapshot!(
        "replay_dry_run",
        stage.shows("replay --domain orders --dry-run").await
    );
}

#[test]
fn the_help_of_the_program() {
    assert_snapshot!(Cli::command().term_width(110).render_help());
}
