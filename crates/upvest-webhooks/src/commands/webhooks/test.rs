//! `webhooks test`: the text of a test.

use operator::webhooks::{Arrival, Tested};
use pipeline::stores::archive::UNKNOWN_KEY;
use serde_json::Value;
use upvest_api::EndpointAnswer;

use crate::output::{Exit, Report, facts};

const OK: u16 = 200;

impl Report for Tested {
    fn text(&self) -> String {
        let (url, arrival) = (&self.webhook.url, arrived(&self.arrival));
        match &self.response {
            Some(answer) => format!("{}\n{}\n\n{arrival}", answered(answer, url), answer.body),
            None => {
                format!("Upvest took the test of {url}, and does not tell what it was answered\n\n{arrival}")
            }
        }
    }

    fn exit(&self) -> Exit {
        let response = self.response.as_ref();
        // Upvest need not tell what it was answered: then the arrival alone counts.
        Exit::of_findings(response.is_none_or(|response| response.status == OK) && self.arrival.is_fine())
    }
}

fn answered(answer: &EndpointAnswer, url: &str) -> String {
    let called = match answer.url.as_str() {
        "" => url,
        called => called,
    };
    let status = match answer.status {
        OK => format!("{OK}: delivered"),
        status => format!("{status}: not delivered, because Upvest takes 200 alone"),
    };
    let headers = answer.headers.iter().map(|(name, value)| match value {
        Value::String(value) => format!("  {name}: {value}\n"),
        other => format!("  {name}: {other}\n"),
    });
    let mut text = facts([("called", Some(called.to_owned())), ("answer", Some(status))]);
    text.extend(headers);
    text
}

fn arrived(arrival: &Arrival) -> String {
    match arrival {
        Arrival::Stored {
            delivery_id,
            event_ids,
            ..
        } => {
            let mut text =
                format!("arrived: delivery {delivery_id} was verified, and its events are in the event log");
            for event_id in event_ids {
                text.push_str(&format!("\n  upvest-webhooks events show {event_id}"));
            }
            text
        }
        Arrival::Quarantined {
            delivery_id,
            reason,
            archived_at,
        } if reason == UNKNOWN_KEY => format!(
            "arrived, and waits in quarantine for its key: delivery {delivery_id}\n  {archived_at}\n  \
             fetch the key: upvest-webhooks keys refresh --reason TEXT"
        ),
        Arrival::Quarantined {
            delivery_id,
            reason,
            archived_at,
        } => format!("arrived, but in quarantine: delivery {delivery_id}, {reason}\n  {archived_at}"),
        Arrival::Unfinished {
            delivery_id,
            archived_at,
        } => format!(
            "arrived: delivery {delivery_id} was verified, but not all of its events are in the event log yet\n  \
             {archived_at}"
        ),
        Arrival::NotSeen { delivery_id } => format!(
            "received, but not verified yet: delivery {delivery_id} waits in the deliveries queue, or is in its \
             dead-letter queue"
        ),
        Arrival::Unknown { reason } => format!("whether it arrived in the stack cannot be told: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tested(status: u16, arrival: Arrival) -> Tested {
        let webhook = json!({
            "id": "w1", "created_at": "2026-01-05T09:30:00Z", "updated_at": "2026-01-05T09:30:00Z",
            "title": "Receiver", "url": "https://tenant.tld/webhooks", "type": ["ALL"], "enabled": false,
            "config": {"delay": "5s", "max_package_size": 10240},
        });
        let answer = json!({"url": "", "status": status, "headers": {}, "body": "{}"});
        Tested {
            webhook: serde_json::from_value(webhook).unwrap(),
            response: Some(serde_json::from_value(answer).unwrap()),
            arrival,
        }
    }

    #[test]
    fn a_test_fails_unless_it_was_answered_with_200_and_is_not_lost() {
        let lost = Arrival::NotSeen {
            delivery_id: uuid::Uuid::nil(),
        };
        assert!(tested(200, Arrival::unknown("no stack is named")).succeeded());
        assert!(!tested(204, Arrival::unknown("no stack is named")).succeeded());
        assert!(!tested(200, lost).succeeded());
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let text = tested(200, Arrival::unknown("no stack is named")).text();
        assert!(text.ends_with("cannot be told: no stack is named"), "{text}");
    }
}
