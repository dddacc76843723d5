//! `keys list`: the rows of the keys table.

use operator::keys::{KeyList, ListedKey};
use pipeline::stores::keys::KeyRow;

use crate::output::{self, Report};
use crate::times::ago;

impl Report for KeyList {
    fn text(&self) -> String {
        if self.keys.is_empty() {
            return "no keys; fetch Upvest's with `upvest-webhooks keys refresh --reason TEXT`, or import some with `keys import`"
                .to_owned();
        }
        let mut table = output::table([
            "key id",
            "algorithm",
            "source",
            "first seen",
            "last seen",
            "last proved",
            "dialects",
            "retired",
            "distrusted",
            "thumbprint",
        ]);
        for ListedKey { row: key, thumbprint } in &self.keys {
            let cell = |value: &Option<String>| value.clone().unwrap_or_default();
            let age = |value: &Option<String>| ago(self.at, value.as_deref());
            table.add_row([
                key.key_id.clone(),
                cell(&key.algorithm),
                source_and_limit(key),
                age(&key.first_seen),
                age(&key.last_seen),
                age(&key.last_proved),
                key.dialects.join(", "),
                age(&key.retired_at),
                age(&key.distrusted_at),
                cell(thumbprint),
            ]);
        }
        table.to_string()
    }
}

fn source_and_limit(key: &KeyRow) -> String {
    let source = key.source.clone().unwrap_or_default();
    match &key.only {
        Some(only) => format!("{source} (signs {only} events only)"),
        None => source,
    }
}
