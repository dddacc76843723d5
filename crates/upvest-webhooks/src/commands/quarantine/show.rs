//! `quarantine show`: everything about a delivery.

use operator::quarantine::{Outlook, Shown, Signature};

use crate::output::{Report, facts, harmless_line, joined, readable, set_in};
use crate::times::{age_at, local};

impl Report for Shown {
    fn text(&self) -> String {
        let request = &self.request;
        let query = request.query.as_ref().map(|query| format!("?{query}"));
        let line = format!("{} {}{}", request.method, request.path, query.unwrap_or_default());
        let age = age_at(self.at, self.received_at);
        let received = format!("{} ({age} ago)", local(self.received_at));
        let mut text = facts([
            ("delivery", Some(self.delivery_id.to_string())),
            ("received", Some(received)),
            ("request", Some(line)),
            ("from", request.source_address.clone()),
            ("body", Some(format!("{} bytes", self.bytes))),
        ]);
        for object in &self.objects {
            text.push_str(&format!("\nin quarantine: {}\n", object.reason));
            let positions = Some(joined(&object.events)).filter(|positions| !positions.is_empty());
            text.push_str(&facts([
                ("  object", Some(object.object.clone())),
                ("  events", positions),
                ("  now", Some(outlook_text(&object.now))),
            ]));
        }
        let signature = signature_text(&self.signature);
        text.push_str(&format!("\nsignature\n{signature}\nheaders\n"));
        for (name, value) in request.headers.iter() {
            text.push_str(&format!("  {}\n", harmless_line(&format!("{name}: {value}"))));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("\nbody\n{}", set_in(&readable(body))));
        }
        text
    }
}

fn signature_text(signature: &Signature) -> String {
    let mut text = facts([
        ("key", signature.key_id.clone()),
        ("holds as", signature.dialect.map(|dialect| dialect.to_string())),
        ("covered", Some(signature.covered.join(", "))),
        ("trouble", signature.trouble.clone()),
    ]);
    for (dialect, base) in &signature.bases {
        let base = set_in(base);
        text.push_str(&format!("the text that is signed, in dialect {dialect}:\n{base}"));
    }
    text
}

/// Says whether something in quarantine holds.
pub(super) fn outlook_text(outlook: &Outlook) -> String {
    match outlook {
        Outlook::Verified => "verified: needs no place in quarantine".to_owned(),
        Outlook::Holds { sent_at: None } => "holds: `quarantine reverify` sends it on its way".to_owned(),
        Outlook::Holds { sent_at: Some(at) } => format!(
            "holds, and was sent at {}: `quarantine reverify` takes it out once the stack has verified it",
            local(*at)
        ),
        Outlook::Fails { reason, why } if reason.is_empty() => format!("fails: {why}"),
        Outlook::Fails { reason, why } => format!("fails: {reason} ({why})"),
    }
}
