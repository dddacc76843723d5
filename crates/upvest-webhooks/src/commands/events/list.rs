//! `events list`: events by when they were received.

use clap::Args;
use operator::Result;
use operator::events::{Cursor, EventList, Query, list};
use operator::names::warn_of_unknown_types;
use operator::times::{When, period};
use upvest::Domain;

use crate::arguments::{Site, candidates, domain, event_type};
use crate::output::{Report, rows_of};
use crate::times::age_of;

const EXAMPLES: &str = "\
Examples:
  The events of the last hour:
    upvest-webhooks events list --since 1h

  What was rejected for a person since yesterday:
    upvest-webhooks events list --type order.rejected --user 9ed77463-c18e-4794-ab5c-17423f9b801a --since 1d

The archive is read for that, because the log has no index by time: one read of S3 and one of the log for each delivery of \
the time, at most 1,000 for a page, which AWS charges about a tenth of a cent for. The last line says how to go on. All events of \
one entity have an index: `events timeline`.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only events of this type (ORDER.FILLED) or category (ORDER), in any case; may be repeated
    #[arg(long = "type", value_name = "TYPE", add = candidates::event_types(), value_parser = event_type)]
    types: Vec<String>,
    /// Only events of this domain, like orders; may be repeated
    #[arg(long = "domain", value_name = "DOMAIN", add = candidates::domains(), value_parser = domain)]
    domains: Vec<Domain>,
    /// Only events of this user's entities
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only events received since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME", default_value = "24h")]
    since: When,
    /// Only events received before then [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// List at most so many events; --page goes on
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Go on at this place, as the last page said
    #[arg(long, value_name = "PLACE")]
    page: Option<Cursor>,
}

impl ListArgs {
    /// Lists a page of the events that are asked for.
    pub(super) async fn run(self, site: Site<'_>) -> Result<EventList> {
        let now = site.clock.now();
        warn_of_unknown_types(&self.types, site.reporter);
        let query = Query {
            received: period(self.since, self.until, now)?,
            types: self.types,
            domains: self.domains,
            user_id: self.user,
            limit: self.limit.into(),
            after: self.page,
        };
        list(site.stack, &query, now).await
    }
}

impl Report for EventList {
    fn text(&self) -> String {
        let (selection, deliveries) = (&self.selection, self.deliveries);
        let mut text = rows_of(&self.events)
            .column("age", |event| age_of(self.at, &event.received_at))
            .column("type", |event| &event.r#type)
            .column("event", |event| &event.event_id)
            .column("entity", |event| &event.entity)
            .or(format!("no events{selection} in {deliveries} deliveries"));
        for unreadable in &self.unreadable {
            text.push_str(&format!("\nnot listed: {unreadable}"));
        }
        if let Some(next) = &self.next {
            text.push_str(&format!("\nthere is more: --page {next}\n"));
        }
        text
    }
}
