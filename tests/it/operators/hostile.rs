//! What others sent, shown in a terminal: whatever it holds, it steers none, and in JSON it is the same value.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::BTreeMap;
use std::fmt;

use clap::Parser;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use upvest_webhooks::Cli;
use webhook_tests::deliveries::{event, sign, signing_key};
use webhook_tests::deployment::Deployment;
use webhook_tests::effects::Trouble;
use webhook_tests::schemas::assert_described;

/// Holds what clears a screen, sets a title, is a C1 control, turns text around, and what is not seen.
const HOSTILE: &str =
    "\\u001b[2J\\u001b]0;title\\u0007\u{9b}31m\u{7f}\u{85}\u{202e}x\u{2066}\u{200f}\u{feff}\\n✓ all is well";

/// Lists what shows something of it.
const COMMANDS: [&str; 10] = [
    "events list --since 1h",
    "events show evil",
    "events timeline ORDER#o1",
    "entities show ORDER#o1",
    "entities list --type order",
    "explain evil",
    "quarantine list",
    "quarantine show $QUARANTINED --body",
    "dlq list",
    "dlq show $LETTER --queue orders --body",
];

/// A value of JSON in which no object has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Unique;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut keys = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, Unique>()? {
            if keys.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("{key} is there twice")));
            }
        }
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unique, A::Error> {
        while list.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }
}

/// Tells whether a terminal shows the text, and nothing but the text.
fn is_harmless(text: &str) -> bool {
    let hidden = ['\u{202e}', '\u{2066}', '\u{200f}', '\u{feff}'];
    !text
        .chars()
        .any(|c| c != '\n' && (c.is_control() || hidden.contains(&c)))
}

/// Has a stack store hostile events that Upvest signed, bury one, and quarantine a stranger's delivery.
async fn attacked() -> Deployment {
    let site = Deployment::new().await;
    site.receiver.effects.trouble("evil", Trouble::Hopeless);
    let object = format!(
        r#"{{"id":"o1","user_id":"u{HOSTILE}","account_id":"a1","status":"{HOSTILE}","cash_amount":"1{HOSTILE}","note":"{HOSTILE}","executions":[{{"id":"x{HOSTILE}","status":"{HOSTILE}"}}]}}"#
    );
    let odd = event(&format!("e{HOSTILE}"), 2, &format!("ORDER.{HOSTILE}"), &object);
    site.deliver(&[event("evil", 1, "ORDER.FILLED", &object), odd])
        .await;
    site.pass(1);
    site.settle().await;
    let raw = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\n✓ all is well\r\u{7}";
    let mut headers = sign(&signing_key(7), raw.as_bytes());
    headers.set("digest", "SHA-256=\u{9b}2J\u{202e}");
    assert_eq!(site.receiver.post(&headers, raw.as_bytes()).await.unwrap().0, 200);
    site.settle().await;
    site
}

fn line_of(site: &Deployment, line: &str) -> Vec<String> {
    let quarantined = site
        .receiver
        .aws
        .objects("quarantine")
        .into_keys()
        .next()
        .unwrap();
    let letter = &site
        .receiver
        .aws
        .messages(&webhook_tests::receiver::dead_letter_name(upvest::Domain::Orders))[0];
    let words = line.split_whitespace().map(|word| match word {
        "$QUARANTINED" => quarantined.rsplit('/').next().unwrap().to_owned(),
        "$LETTER" => letter.id.clone(),
        _ => word.to_owned(),
    });
    std::iter::once("upvest-webhooks".to_owned())
        .chain(words)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn whatever_others_sent_steers_no_terminal_in_any_mode() {
    let site = attacked().await;
    let mut shown = 0;
    for command in COMMANDS {
        for mode in ["", " --width 60", " --json"] {
            let line = line_of(&site, &format!("{command}{mode}"));
            let cli = Cli::try_parse_from(&line).unwrap();
            let answer = cli.run_on(&site.finder(), &site.clock()).await;
            let answer = answer.unwrap_or_else(|error| panic!("{command}: {error}"));
            let text = answer.text();
            assert!(is_harmless(text), "{command}{mode}: {text:?}");
            if mode == " --json" {
                assert_described::<Cli>(&line, text);
                serde_json::from_str::<Unique>(text).unwrap_or_else(|error| panic!("{command}: {error}"));
                shown += usize::from(text.contains("\\u202e"));
            } else {
                let forged = text.lines().find(|line| line.starts_with("✓ all is well"));
                assert_eq!(forged, None, "{command}{mode}: {text}");
            }
        }
    }
    assert!(shown >= 4, "{shown} commands show something hostile");
}
