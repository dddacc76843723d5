//! `dlq show`: one message.

use clap::Args;
use operator::Result;
use operator::dlq::{Shown, show};
use pipeline::envelope::attributes::{DELIVERY_ID, REASON};

use super::selection::QueueArgs;
use crate::arguments::Site;
use crate::output::{Report, facts, harmless_line, readable, set_in};
use crate::times::{age_at, local};

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id of the message, or of the event or delivery that it is about
    id: String,
    #[command(flatten)]
    queues: QueueArgs,
    /// Print the body too, which may hold personal data
    #[arg(long)]
    body: bool,
}

impl ShowArgs {
    /// Finds the message; leaves its body out unless it was asked for.
    pub(super) async fn run(self, site: Site<'_>) -> Result<Shown> {
        let now = site.clock.now();
        let shown = show(site.stack, &self.queues.names, &self.id, now, site.reporter).await?;
        let body = shown.body.filter(|_| self.body);
        Ok(Shown { body, ..shown })
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let about = &self.about;
        let some = |text: &str| Some(text.to_owned());
        let sent = about
            .sent_at
            .map(|sent| format!("{} ({} ago)", local(sent), age_at(self.at, sent)));
        let unknown = "none: SQS moved it, after a crash, a timeout or a function error";
        let mut text = facts([
            ("queue", some(about.queue.as_str())),
            ("message", some(&about.message_id)),
            ("reason", some(about.reason.as_deref().unwrap_or(unknown))),
            ("sent", sent),
            ("receives", Some(about.receive_count.to_string())),
            ("event", about.event_id.clone()),
            ("type", about.r#type.clone()),
            ("entity", about.entity.clone()),
            ("delivery", about.delivery_id.clone()),
            ("group", self.group.clone()),
            ("body", Some(format!("{} bytes", about.bytes))),
        ]);
        let shown = [REASON, DELIVERY_ID];
        let others = self
            .attributes
            .iter()
            .filter(|(name, _)| !shown.contains(&name.as_str()));
        for (name, value) in others {
            text.push_str(&harmless_line(&format!("attribute {name}: {value}")));
            text.push('\n');
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("\n{}", set_in(&readable(body))));
        }
        text
    }
}
