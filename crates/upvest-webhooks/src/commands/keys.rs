//! `keys`: what deliveries are verified by.

mod import;
mod list;
mod refresh;
mod sent_on;
mod trust;

use clap::Subcommand;
use operator::{Result, StackFinder, keys};
use pipeline::runtime::clock::Clock;

use self::import::ImportArgs;
use self::refresh::RefreshArgs;
use self::trust::{DistrustArgs, TrustArgs};
use crate::arguments::Site;
use crate::output::{Report, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch the keys that Upvest signs with, and trust them
    ///
    /// What the function refresh-keys does on its schedule, now: adds the keys that are new and notes those that are
    /// served no longer. No key is overwritten or deleted. It fails when an id belongs to another key of the table, or when
    /// none of the keys is served that were: then it retires none, and leaves that to the next fetch.
    Refresh(Box<RefreshArgs>),
    /// Trust deliveries that are signed with a key
    ///
    /// Importing the same key again notes that it was seen; another key under a known id is refused without
    /// --replace. The audit table says who imported which key, and why. Deliveries by the key are
    /// proven within seconds, and what waited for it in quarantine is sent on; a public key that it replaced proves
    /// what is received in the next seven days.
    Import(ImportArgs),
    /// Trust a key no longer, which others may have
    ///
    /// Nothing that it signed and that was received since then is proven: it goes to quarantine (`key-distrusted`), whatever
    /// Upvest serves. What it had proved of that time is listed: deliveries and events. What was received before is as it was.
    /// The functions remember a key for five minutes.
    Distrust(DistrustArgs),
    /// Trust a key again that was distrusted
    ///
    /// What lies in quarantine because of that is sent on.
    Trust(TrustArgs),
    /// List the keys that are, or were, trusted
    List,
}

impl Command {
    /// Runs the command that was chosen; gives its report.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>, clock: &Clock) -> Result<Box<dyn Report>> {
        let site = Site::find(stacks, clock).await?;
        match self {
            Self::Refresh(refresh) => told(refresh.run(site, stacks).await),
            Self::Import(import) => told(import.run(site).await),
            Self::Distrust(distrust) => told(distrust.run(site).await),
            Self::Trust(trust) => told(trust.run(site).await),
            Self::List => told(keys::list(site.stack, site.clock.now()).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use fake_aws::{CallFilter, Fault, Service};
    use operator::keys::{KeyList, ListedKey, RefreshResult, RefreshedKeys};
    use pipeline::stores::keys::KeyRow;
    use serde_json::json;
    use tempfile::NamedTempFile;
    use upvest::signature::Jwk;
    use webhook_tests::deliveries::signing_key;
    use webhook_tests::deployment::ConnectedDeployment;

    use super::*;
    use crate::arguments::UpvestArgs;

    #[test]
    fn a_listed_key_shows_whence_it_is_when_it_was_seen_and_its_jwk_as_json() {
        let text = |text: &str| Some(text.to_owned());
        let row = KeyRow {
            key_id: "k".to_owned(),
            last_proved: text("2026-02-01T09:30:00Z"),
            dialects: vec!["quoted-digest".to_owned()],
            source: text("upvest"),
            first_seen: text("2026-01-05T09:30:00Z"),
            retired_at: text("2026-02-05T09:30:00Z"),
            jwk: text(r#"{"kty":"OKP"}"#),
            ..KeyRow::default()
        };
        let report = KeyList {
            at: "2026-02-05T10:00:00Z".parse().unwrap(),
            keys: vec![ListedKey {
                thumbprint: row.thumbprint(),
                row,
            }],
        };
        for shown in ["upvest", "quoted-digest", "4d 0h ago", "31d 0h ago", "30m 0s ago"] {
            assert!(report.text().contains(shown), "{shown}");
        }
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"at":"2026-02-05T10:00:00Z","keys":[{"key_id":"k","algorithm":null,"source":"upvest","first_seen":"2026-01-05T09:30:00Z","last_seen":null,"retired_at":"2026-02-05T09:30:00Z","last_proved":"2026-02-01T09:30:00Z","dialects":["quoted-digest"],"jwk":{"kty":"OKP"}}]}"#
        );
    }

    #[test]
    fn a_limited_key_is_listed_with_its_limit() {
        let row = KeyRow {
            key_id: "canary-1".to_owned(),
            source: Some("canary".to_owned()),
            only: Some("synthetic".to_owned()),
            ..KeyRow::default()
        };
        let report = KeyList {
            at: "2026-02-05T10:00:00Z".parse().unwrap(),
            keys: vec![ListedKey {
                thumbprint: row.thumbprint(),
                row,
            }],
        };
        assert!(report.text().contains("canary (signs synthetic events only)"));
        assert!(
            serde_json::to_string(&report)
                .unwrap()
                .contains(r#""only":"synthetic""#)
        );
    }

    fn refresh(dry_run: bool) -> Command {
        Command::Refresh(Box::new(RefreshArgs {
            upvest: UpvestArgs::default(),
            dry_run,
            reason: (!dry_run).then(|| "INC-7".to_owned()),
        }))
    }

    fn results(report: &dyn Report) -> Vec<(&str, RefreshResult)> {
        let keys = report.known::<RefreshedKeys>().keys.iter();
        keys.map(|key| (key.key_id.as_str(), key.result)).collect()
    }

    #[tokio::test]
    async fn the_keys_of_upvest_are_new_once_and_known_from_then_on() {
        let world = ConnectedDeployment::new().await;
        let key_id = world.simulator.state().key_id;
        let first = refresh(false).run(&world.stacks, &Clock::system()).await.unwrap();
        assert_eq!(results(first.as_ref()), [(key_id.as_str(), RefreshResult::New)]);
        let second = refresh(false).run(&world.stacks, &Clock::system()).await.unwrap();
        assert_eq!(
            results(second.as_ref()),
            [(key_id.as_str(), RefreshResult::Known)]
        );
        assert!(first.succeeded() && second.succeeded());
        let listed = Command::List.run(&world.stacks, &Clock::system()).await.unwrap();
        assert!(listed.text().contains(&key_id), "{}", listed.text());
        world.assert_no_secret_in(&format!("{} {first:?} {listed:?}", first.text()));
    }

    #[tokio::test]
    async fn a_refresh_is_on_record_with_its_reason_before_a_key_is_trusted() {
        let world = ConnectedDeployment::new().await;
        for _ in 0..3 {
            let call = CallFilter::operation(Service::DynamoDb, "ExecuteStatement").on("audit");
            world.receiver.aws.inject(Fault::Throttle, call);
        }
        let clock = Clock::system();
        let aws = &world.receiver.aws;
        let run = aws.invoke("operator", refresh(false).run(&world.stacks, &clock));
        let error = run.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("nothing was done"), "{error}");
        assert!(world.receiver.stored("keys").is_empty());

        refresh(false).run(&world.stacks, &Clock::system()).await.unwrap();
        let [record] = &world.receiver.operations().await[..] else {
            panic!()
        };
        assert_eq!((&*record.command, &*record.reason), ("keys refresh", "INC-7"));
        let result = record.result.as_ref().unwrap().to_string();
        assert!(result.contains("new"), "{result}");
    }

    #[tokio::test]
    async fn a_dry_run_of_a_refresh_writes_nothing() {
        let world = ConnectedDeployment::new().await;
        let report = refresh(true).run(&world.stacks, &Clock::system()).await.unwrap();
        assert_eq!(results(report.as_ref())[0].1, RefreshResult::New);
        assert!(
            report.text().ends_with("nothing was changed"),
            "{}",
            report.text()
        );
        assert!(world.receiver.stored("keys").is_empty());
        assert!(world.receiver.stored("audit").is_empty());
    }

    #[tokio::test]
    async fn keys_that_all_disappear_at_once_are_told_and_not_retired() {
        let world = ConnectedDeployment::new().await;
        refresh(false).run(&world.stacks, &Clock::system()).await.unwrap();
        let old = world.simulator.state().key_id;
        world.simulator.rotate_key(std::time::Duration::ZERO).unwrap();
        for dry_run in [true, false] {
            let report = refresh(dry_run)
                .run(&world.stacks, &Clock::system())
                .await
                .unwrap();
            assert!(
                results(report.as_ref()).contains(&(&*old, RefreshResult::Spared)),
                "{report:?}"
            );
            assert!(!report.succeeded() && report.text().contains("none of the keys"));
        }
        let next = refresh(false).run(&world.stacks, &Clock::system()).await.unwrap();
        assert!(results(next.as_ref()).contains(&(&*old, RefreshResult::Retired)));
        assert!(next.succeeded());
    }

    #[tokio::test]
    async fn another_key_under_a_served_id_is_kept_and_told() {
        let world = ConnectedDeployment::new().await;
        let key_id = world.simulator.state().key_id;
        let without_key = KeyRow {
            key_id: key_id.clone(),
            source: Some("import".to_owned()),
            ..KeyRow::default()
        };
        world.receiver.put_key_row(&without_key).await;
        let report = refresh(false).run(&world.stacks, &Clock::system()).await.unwrap();
        assert_eq!(
            results(report.as_ref()),
            [(key_id.as_str(), RefreshResult::Conflicting)]
        );
        assert!(!report.succeeded());
        assert_eq!(world.receiver.key_row(&key_id).await.jwk, None);
    }

    fn jwk(kid: &str, seed: u8) -> Jwk {
        signing_key(seed).to_jwk().unwrap().with_key_id(kid)
    }

    async fn import(world: &ConnectedDeployment, jwks: &[Jwk]) -> Result<Box<dyn Report>> {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json!({ "keys": jwks }).to_string()).unwrap();
        let words = [
            "keys",
            "import",
            "--jwk",
            file.path().to_str().unwrap(),
            "--reason",
            "INC-42",
        ];
        let Line { command } = Line::try_parse_from(words).unwrap();
        let clock = Clock::system();
        let run = world
            .receiver
            .aws
            .invoke("operator", command.run(&world.stacks, &clock));
        run.await.unwrap()
    }

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[tokio::test]
    async fn an_import_needs_no_answer_and_is_on_record_with_the_key_and_the_reason() {
        let world = ConnectedDeployment::new().await;
        let report = import(&world, &[jwk("its-kid", 9)]).await.unwrap();
        assert!(
            report.succeeded() && report.text().contains("its-kid"),
            "{}",
            report.text()
        );
        assert_eq!(world.receiver.stored("keys"), ["its-kid"]);
        let [record] = &world.receiver.operations().await[..] else {
            panic!()
        };
        assert_eq!((&*record.command, &*record.reason), ("keys import", "INC-42"));
        let text = record.request.to_string();
        let x = serde_json::to_value(jwk("its-kid", 9)).unwrap()["x"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(text.contains(&x) && text.contains("its-kid"), "{text}");
    }

    #[tokio::test]
    async fn no_key_is_trusted_that_the_audit_table_does_not_know_of() {
        let world = ConnectedDeployment::new().await;
        for _ in 0..3 {
            let call = CallFilter::operation(Service::DynamoDb, "ExecuteStatement").on("audit");
            world.receiver.aws.inject(Fault::Throttle, call);
        }
        let error = import(&world, &[jwk("k", 9)]).await.unwrap_err();
        assert!(error.to_string().contains("nothing was done"), "{error}");
        assert!(world.receiver.stored("keys").is_empty());
    }

    #[tokio::test]
    async fn what_ends_an_import_is_told_with_what_was_imported_before() {
        let world = ConnectedDeployment::new().await;
        import(&world, &[jwk("b", 8)]).await.unwrap();
        let error = import(&world, &[jwk("b", 9)]).await.unwrap_err();
        assert!(error.to_string().contains("another key is known as b"), "{error}");
        let report = import(&world, &[jwk("a", 9), jwk("b", 9)]).await.unwrap();
        assert!(!report.succeeded());
        let text = report.text();
        assert!(
            text.contains("ended early: another key is known as b") && text.contains("new"),
            "{text}"
        );
        assert_eq!(world.receiver.stored("keys").len(), 2);
    }

    #[tokio::test]
    async fn a_refused_fetch_says_what_to_do() {
        let world = ConnectedDeployment::new().await;
        world.refuse("/auth/verify_keys", 403);
        let error = refresh(false)
            .run(&world.stacks, &Clock::system())
            .await
            .unwrap_err();
        let hint = error.hint().unwrap().to_string();
        assert!(hint.contains("webhooks:read"), "{hint}");
    }
}
