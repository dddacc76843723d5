//! `quarantine list`: what is there, in the order of receipt.

use operator::quarantine::{List, Listed};

use crate::output::{Report, rest, rows_of};
use crate::times::age_at;

impl Report for List {
    fn text(&self) -> String {
        if self.quarantine.is_empty() {
            return format!("no deliveries in quarantine{}", self.selection);
        }
        let events = |listed: &Listed| match listed.events.len() {
            0 => "all".to_owned(),
            count => count.to_string(),
        };
        let table = rows_of(&self.quarantine)
            .column("delivery", |listed| listed.delivery_id)
            .column("reason", |listed| &listed.reason)
            .column("age", |listed| age_at(self.at, listed.received_at))
            .optional("from", |listed| listed.source_address.as_ref())
            .optional("key id", |listed| listed.key_id.as_ref())
            .column("events", events)
            .column("bytes", |listed| listed.bytes);
        format!("{table}{}", rest(self.more))
    }
}
