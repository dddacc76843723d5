//! `explain`: from a state back to the bytes that were signed, and forward to what was done about it.

#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use clap::Args;
use operator::explain::{Explanation, Question, explain};
use operator::{Result, Stack};
use pipeline::runtime::clock::Clock;

pub(crate) use self::text::Brief;
use crate::arguments::length_of_time;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An entity, written TYPE#ID or as its bare id, an event's id, or a delivery's id; the beginning of an id does where
    /// only one begins so. Quote it, for shells take # and ! otherwise
    #[arg(value_name = "EVENT|ENTITY|DELIVERY")]
    subject: String,
    /// Show at most so many events of an entity, the newest ones; its state is folded from all
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Also find other deliveries of the event: read all that were received up to so long after it, such as 1h
    #[arg(long, value_name = "TIME", value_parser = length_of_time)]
    duplicates: Option<Duration>,
    /// Show each step from the signed bytes to the actions, not only a line for each event
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Show the objects too, which hold personal data
    #[arg(long)]
    object: bool,
}

impl Arguments {
    /// Explains the subject, with objects only where they were asked for.
    pub(crate) async fn run(self, stack: &Stack, clock: &Clock) -> Result<Explanation> {
        let question = Question {
            subject: self.subject,
            limit: self.limit.into(),
            duplicates_within: self.duplicates,
            with_objects: self.object,
        };
        explain(stack, &question, clock).await
    }
}
