//! Making events up out of samples: like them, and of things that there are nowhere else.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use upvest::synthetic::{ID_PREFIX, is_marked};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Says what a member of an event is to be, in place of what the sample has: `object.cash_amount=12.50`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    path: Vec<String>,
    value: Value,
}

impl std::str::FromStr for Setting {
    type Err = &'static str;

    /// Reads `PATH=VALUE`. A value that is JSON is taken as such, any other as a text; so is a number, because amounts and
    /// quantities are texts at Upvest.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a path and a value, like object.cash_amount=12.50";
        let (path, value) = text.split_once('=').ok_or(EXPECTED)?;
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err(EXPECTED);
        }
        let value = match serde_json::from_str(value) {
            Ok(Value::Number(_)) | Err(_) => Value::String(value.to_owned()),
            Ok(value) => value,
        };
        Ok(Self { path, value })
    }
}

/// Makes events like these samples, whose times end now. Every id in them is a new one, and the same in all of them: what they
/// are about is nothing that there was before, unless a setting says so.
///
/// # Errors
///
/// [`Error`] of the kind usage where a setting fits none of them, or takes an event its mark.
pub(super) fn of_samples(samples: &[String], settings: &[Setting], now: Timestamp) -> Result<Vec<String>> {
    let mut events: Vec<Value> = samples
        .iter()
        .map(|sample| serde_json::from_str(sample))
        .collect::<Result<_, _>>()?;
    let time = |event: &Value| event["created_at"].as_str()?.parse::<Timestamp>().ok();
    let newest = events.iter().filter_map(time).max();
    let mut renewal = Renewal {
        ids: HashMap::new(),
        later: now.duration_since(newest.unwrap_or(now)),
    };
    for event in &mut events {
        renewal.renew(event);
        if let Some(event) = event.as_object_mut() {
            let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
            event.insert("id".to_owned(), json!(format!("{ID_PREFIX}{id}")));
            // It came by no subscription of Upvest's.
            event.remove("webhook_id");
        }
    }
    for setting in settings {
        setting.apply(&mut events)?;
    }
    // Looked at after the settings, one of which may have taken the mark away.
    match events
        .iter()
        .all(|event| event["id"].as_str().is_some_and(is_marked))
    {
        true => Ok(events.iter().map(Value::to_string).collect()),
        false => Err(Error::usage(format!(
            "the id of an event that is made up begins with {ID_PREFIX}, so that it is taken for none of Upvest's"
        ))),
    }
}

/// Gives ids and times of samples others.
struct Renewal {
    ids: HashMap<Uuid, Uuid>,
    /// Says how much later everything is.
    later: SignedDuration,
}

impl Renewal {
    /// Renews all ids and times in a value; what is no UUID and no time stays.
    fn renew(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => members.values_mut().for_each(|member| self.renew(member)),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.renew(element)),
            Value::String(text) => {
                if let Ok(id) = text.parse::<Uuid>() {
                    *text = self.ids.entry(id).or_insert_with(Uuid::new_v4).to_string();
                } else if let Some(time) = text.parse().ok().and_then(|time| self.later(time)) {
                    *text = time.to_string();
                }
            }
            _ => {}
        }
    }

    fn later(&self, time: Timestamp) -> Option<Timestamp> {
        time.checked_add(self.later).ok()
    }
}

impl Setting {
    /// Sets the member of one event; of several, of those that have it.
    fn apply(&self, events: &mut [Value]) -> Result<()> {
        let (last, parents) = self.path.split_last().expect("a path has a name");
        let is_alone = events.len() == 1;
        let mut is_set = false;
        for event in events {
            let place = parents.iter().try_fold(event, |place, name| place.get_mut(name));
            let Some(place) = place.and_then(Value::as_object_mut) else {
                continue;
            };
            if is_alone || place.contains_key(last) {
                place.insert(last.clone(), self.value.clone());
                is_set = true;
            }
        }
        match is_set {
            true => Ok(()),
            false => Err(Error::usage(format!("the sample has no {}", self.path.join(".")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use upvest::Event;

    use super::super::samples;
    use super::*;

    const SAMPLE: &str = r#"{"id":"1dffadfa-612c-4c01-ae66-66d745b11ec2","created_at":"2026-01-05T11:00:00.5Z","type":"ORDER.NEW",
        "webhook_id":"5a3f1c1e-6b0d-4c57-9a44-0d7a4f2f8e10","object":{"id":"9fc8c651-1a1d-47c4-b0c2-1f724601ecf4",
        "updated_at":"2026-01-05T11:00:00Z","cash_amount":"10.00","executions":[]}}"#;

    fn settings(settings: &[&str]) -> Vec<Setting> {
        settings.iter().map(|setting| setting.parse().unwrap()).collect()
    }

    fn made(samples: &[String], changes: &[&str]) -> Vec<Value> {
        let now = "2026-02-01T12:00:00Z".parse().unwrap();
        let events = of_samples(samples, &settings(changes), now).unwrap();
        events
            .iter()
            .map(|event| serde_json::from_str(event).unwrap())
            .collect()
    }

    #[test]
    fn an_event_that_is_made_up_is_never_the_sample_nor_one_of_upvests() {
        let [one, other] = [made(&[SAMPLE.to_owned()], &[]), made(&[SAMPLE.to_owned()], &[])];
        let (one, other) = (&one[0], &other[0]);
        assert!(one["id"].as_str().unwrap().starts_with("synthetic-"));
        assert_ne!(one["id"], other["id"]);
        assert_ne!(one["object"]["id"], other["object"]["id"]);
        assert_eq!(one["created_at"], "2026-02-01T12:00:00Z");
        assert_eq!(one["object"]["updated_at"], "2026-02-01T11:59:59.5Z");
        assert_eq!(one["type"], "ORDER.NEW");
        assert!(one.get("webhook_id").is_none(), "{one}");
    }

    #[test]
    fn no_sample_touches_an_entity_that_there_was_before() {
        for story in samples::stories() {
            let before = samples::of_story(story).unwrap();
            let after = of_samples(&before, &[], Timestamp::UNIX_EPOCH).unwrap();
            let entities = |events: &[String]| -> BTreeSet<String> {
                let keys = events
                    .iter()
                    .map(|event| Event::parse(event).unwrap().entity_key().unwrap());
                keys.map(|key| key.to_string()).collect()
            };
            let [before, after] = [entities(&before), entities(&after)];
            assert!(before.is_disjoint(&after), "{story}: {before:?}");
            // What belongs together in a story still does.
            assert_eq!(before.len(), after.len(), "{story}");
        }
    }

    #[test]
    fn a_value_is_a_text_unless_it_is_json_that_is_no_number() {
        let events = made(
            &[SAMPLE.to_owned()],
            &[
                "object.cash_amount=12.50",
                "object.id=o7",
                "object.executions=[{\"id\":\"x1\"}]",
                "object.fee=null",
            ],
        );
        let object = &events[0]["object"];
        assert_eq!(object["cash_amount"], "12.50");
        assert_eq!(object["id"], "o7");
        assert_eq!(object["executions"][0]["id"], "x1");
        assert_eq!(object["fee"], Value::Null);
    }

    #[test]
    fn of_a_story_the_events_are_changed_that_have_the_member() {
        let other = SAMPLE.replace("cash_amount", "quantity");
        let events = made(&[SAMPLE.to_owned(), other], &["object.cash_amount=1"]);
        assert_eq!(events[0]["object"]["cash_amount"], "1");
        assert!(events[1]["object"].get("cash_amount").is_none());
    }

    #[test]
    fn a_setting_that_fits_nothing_or_takes_the_mark_is_refused() {
        for wrong in ["object.cash_amount", "=1", "object..x=1"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
        let refused = |setting: &str| {
            let made = of_samples(&[SAMPLE.to_owned()], &settings(&[setting]), Timestamp::UNIX_EPOCH);
            made.unwrap_err().to_string()
        };
        assert_eq!(refused("thing.id=1"), "the sample has no thing.id");
        assert!(refused("id=1dffadfa-612c-4c01-ae66-66d745b11ec2").contains("begins with synthetic-"));
        assert_eq!(
            made(&[SAMPLE.to_owned()], &["id=synthetic-7"])[0]["id"],
            "synthetic-7"
        );
    }
}
