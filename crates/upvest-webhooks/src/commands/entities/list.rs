//! `entities list`: entities by their person, type, status or last event.

use clap::Args;
use operator::Result;
use operator::entities::{EntityList, Query, list};
use operator::names::warn_of_unknown_types;
use operator::times::{When, period};
use upvest::{Domain, EntityKey};

use crate::arguments::{Site, candidates, domain, entity, event_type};
use crate::output::{Report, rows_of};
use crate::times::age_of;

/// Is the length of a UUID, which the ids of Upvest's users are.
const UUID: usize = 36;
const EXAMPLES: &str = "\
Examples:
  What a person has:
    upvest-webhooks entities list --user 9ed77463-c18e-4794-ab5c-17423f9b801a

  Orders that were rejected since yesterday:
    upvest-webhooks entities list --type order --status rejected --since 1d

With --user an index gives the entities. Without it the table is looked through, because it has no index by type, status or \
time: at most 20 MB of it at a time, which AWS charges less than a tenth of a cent for. The last line says how to go on.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only entities of the user with this id, all of it
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only entities of this domain, like orders; may be repeated
    #[arg(long = "domain", value_name = "DOMAIN", add = candidates::domains(), value_parser = domain)]
    domains: Vec<Domain>,
    /// Only entities of this type, like ORDER, in any case; may be repeated
    #[arg(long = "type", value_name = "TYPE", add = candidates::categories(), value_parser = event_type)]
    types: Vec<String>,
    /// Only entities that have this status, in any case
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only entities whose last event occurred since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only entities whose last event occurred before then [default: now]
    #[arg(long, value_name = "TIME", requires = "since")]
    until: Option<When>,
    /// List at most so many entities; --page goes on
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Go on after this entity, as the last page said
    #[arg(long = "page", value_name = "ENTITY", value_parser = entity)]
    page: Option<EntityKey>,
}

impl ListArgs {
    /// Lists a page of the entities that are asked for.
    pub(super) async fn run(self, site: Site<'_>) -> Result<EntityList> {
        let now = site.clock.now();
        warn_of_unknown_types(&self.types, site.reporter);
        let last_event = self
            .since
            .map(|since| period(since, self.until, now))
            .transpose()?;
        let query = Query {
            user_id: self.user,
            domains: self.domains,
            types: self.types,
            status: self.status,
            last_event,
            limit: self.limit.into(),
            after: self.page,
        };
        let listed = list(site.stack, &query, now).await?;
        if let Some(user) = query
            .user_id
            .filter(|user| user.len() < UUID && listed.looked_at == 0)
        {
            site.reporter.note(&format!(
                "{user} is at most the beginning of an id: --user takes all of it"
            ));
        }
        Ok(listed)
    }
}

impl Report for EntityList {
    fn text(&self) -> String {
        let (selection, looked_at) = (&self.selection, self.looked_at);
        let age = |at: &String| age_of(self.at, at);
        let mut text = rows_of(&self.entities)
            .column("entity", |entity| &entity.entity)
            .optional("status", |entity| entity.status.as_ref())
            .optional("last event", |entity| entity.last_event_type.as_ref())
            .optional("age", |entity| entity.last_occurred_at.as_ref().map(age))
            .or(format!("no entities{selection} among {looked_at} looked at"));
        if let Some(next) = &self.next {
            let next = format!("\n{looked_at} looked at, and there may be more: --page '{next}'\n");
            text.push_str(&next);
        }
        text
    }
}
