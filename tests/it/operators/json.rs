//! The schemas of what commands print with `--json`: one for each command, and none that lets what it does not name pass.

use std::collections::BTreeSet;
use std::time::Duration;

use operator::watch::{Feed, Filter, Reader, Update, Watch};
use pipeline::stores::archive::Section;
use serde_json::Value;
use tokio::sync::mpsc;
use upvest_webhooks::Cli;
use webhook_tests::deliveries::{order, signing_key};
use webhook_tests::deployment::Deployment;
use webhook_tests::schemas::{commands, described, fitting, schema};

/// Prints a script for a shell, which is no JSON.
const WITHOUT_JSON: [&str; 1] = ["completions"];

#[test]
fn every_command_has_a_schema_and_every_schema_a_command() {
    let named = commands::<Cli>().into_iter();
    let named = named.filter(|name| !WITHOUT_JSON.contains(&name.as_str()));
    let named: BTreeSet<String> = named.map(|name| name.replace(' ', "-")).collect();
    let described: BTreeSet<String> = described().into_iter().collect();
    assert_eq!(named, described);
}

/// Lists the objects of a schema whose members it names, and that may have others besides.
fn open_objects(schema: &Value, at: &str) -> Vec<String> {
    let mut open = Vec::new();
    if schema.get("properties").is_some() && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        open.push(at.to_owned());
    }
    match schema {
        Value::Object(members) => {
            for (name, below) in members {
                open.extend(open_objects(below, &format!("{at}/{name}")));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| open.extend(open_objects(item, at))),
        _ => {}
    }
    open
}

#[test]
fn a_member_that_no_schema_names_is_noticed() {
    for name in described() {
        let schema = schema(&format!("commands/{name}"));
        assert_eq!(open_objects(&schema, &name), [""; 0]);
        let title = schema["title"]
            .as_str()
            .expect("it has a title")
            .replace(' ', "-");
        assert_eq!(title, format!("upvest-webhooks-{name}---json"));
    }
}

/// It does not end by itself, so that no command line of the other tests has what it prints.
#[tokio::test(start_paused = true)]
async fn lines_of_tail_are_as_their_schema_says() {
    let site = Deployment::new().await;
    site.deliver(&[order("e1", 1, "NEW")]).await;
    site.store_signed(&signing_key(8), &[order("e2", 2, "FILLED")])
        .await;
    let reader = Reader::new(&site.stack, Filter::default(), true, true);
    let reader = reader.expect("the stack has an archive");
    let watch = Watch {
        sections: vec![Section::Verified, Section::Quarantine],
        from: site.clock().now() - Duration::from_secs(60),
        late: Duration::ZERO,
        every: Duration::from_secs(1),
    };
    let (sender, mut updates) = mpsc::channel(10);
    let mut feed = Feed::new(reader, watch, site.clock());
    let _ = feed.look(&sender).await.expect("the archive can be read");
    let updates = std::iter::from_fn(|| updates.try_recv().ok());
    let mut results = BTreeSet::new();
    for update in updates {
        if let Update::Delivery(delivery) = update {
            let line = fitting("tail", &delivery);
            results.insert(line["result"].to_string());
        }
    }
    assert_eq!(
        results,
        BTreeSet::from(["\"quarantined\"", "\"verified\""].map(str::to_owned))
    );
}
