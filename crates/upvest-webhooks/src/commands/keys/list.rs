//! `keys list`: the rows of the keys table.

use operator::keys::KeyList;
use pipeline::stores::keys::KeyRow;

use crate::output::{Report, rows_of};
use crate::times::ago;

impl Report for KeyList {
    fn text(&self) -> String {
        if self.keys.is_empty() {
            return "no keys; fetch Upvest's with `upvest-webhooks keys refresh --reason TEXT`, or import some with `keys import`"
                .to_owned();
        }
        let age = |value: &Option<String>| ago(self.at, value.as_deref());
        rows_of(&self.keys)
            .column("key id", |key| &key.row.key_id)
            .optional("algorithm", |key| key.row.algorithm.as_ref())
            .column("source", |key| source_and_limit(&key.row))
            .column("first seen", |key| age(&key.row.first_seen))
            .column("last seen", |key| age(&key.row.last_seen))
            .column("last proved", |key| age(&key.row.last_proved))
            .column("dialects", |key| key.row.dialects.join(", "))
            .column("retired", |key| age(&key.row.retired_at))
            .column("distrusted", |key| age(&key.row.distrusted_at))
            .optional("thumbprint", |key| key.thumbprint.as_ref())
            .to_string()
    }
}

fn source_and_limit(key: &KeyRow) -> String {
    let source = key.source.clone().unwrap_or_default();
    match &key.only {
        Some(only) => format!("{source} (signs {only} events only)"),
        None => source,
    }
}
