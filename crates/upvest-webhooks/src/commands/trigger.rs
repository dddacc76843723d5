//! `trigger`: events that are made up, through the front door, followed to the states of their entities.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{ArgGroup, Args};
use operator::trigger::{Request, Sample, Setting, Triggered, TriggeredEvent, stories, trigger, types};
use operator::{Result, StackFinder};
use pipeline::runtime::clock::Clock;
use serde::Serialize;

use crate::arguments::{OneOf, length_of_time};
use crate::output::{Exit, Report, facts, rows_of, told};

const EXAMPLES: &str = "\
Examples:
  An order that is filled:
    upvest-webhooks trigger ORDER.FILLED

  A payment of another amount, of a user that the stack knows:
    upvest-webhooks trigger topup.confirmed --set object.amount=250.00 \\
      --set object.user_id=ab0469a5-c2ba-4ff7-b9d4-9080df2db07e

  Everything that happens to an order until it is filled, as one delivery:
    upvest-webhooks trigger --story an-order-is-filled-in-two-executions

Your actions run for these events as for Upvest's. They can tell: their ids begin with synthetic-, change.is_synthetic() is true, \
and what is published of them says event.synthetic. All other ids are new too, so that nothing that is there is touched, unless \
--set names it. The first one makes a key for the stack, developer-trigger, which takes the policy to repair.

Exit status: 0 when the states have all events, 1 when they were not taken, or are not there in time.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").args(["event_type", "story", "list"]).required(true))]
pub(crate) struct Arguments {
    /// The type of the event, in any case; --list lists those of which there is a sample
    #[arg(value_name = "TYPE", value_parser = OneOf(type_names), hide_possible_values = true)]
    event_type: Option<String>,
    /// Post the events of a story in place of one, by its name or number
    #[arg(long, value_name = "NAME", value_parser = OneOf(stories), hide_possible_values = true)]
    story: Option<String>,
    /// Set a member of the event: a path from its root, and JSON or a text. Of a story, where events have the member
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<Setting>,
    /// Follow the events for so long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = length_of_time)]
    wait: Duration,
    /// List the types and the stories of which there are samples
    #[arg(long, conflicts_with = "settings")]
    list: bool,
}

/// Lists the event types and the stories that there are samples of.
#[derive(Debug, Serialize)]
pub(crate) struct Samples {
    types: Vec<&'static str>,
    stories: Vec<&'static str>,
}

fn type_names() -> Vec<&'static str> {
    static TYPES: LazyLock<Vec<String>> = LazyLock::new(types);
    TYPES.iter().map(String::as_str).collect()
}

impl Arguments {
    /// Posts the events and follows them, or lists what there is.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>, clock: &Clock) -> Result<Box<dyn Report>> {
        let sample = match (self.event_type, self.story) {
            (Some(event_type), _) => Sample::Type(event_type),
            (_, Some(story)) => Sample::Story(story),
            (None, None) => {
                return told(Ok(Samples {
                    types: type_names(),
                    stories: stories(),
                }));
            }
        };
        let request = Request {
            sample,
            settings: self.settings,
            patience: self.wait,
        };
        told(trigger(stacks, &request, clock).await)
    }
}

impl Report for Samples {
    fn text(&self) -> String {
        let list = |title: &str, names: &[&str]| format!("{title}\n  {}\n", names.join("\n  "));
        format!(
            "{}\n{}",
            list("Types", &self.types),
            list("Stories", &self.stories)
        )
    }
}

impl Report for Triggered {
    fn text(&self) -> String {
        let mut text = match self.events.as_slice() {
            [event] => of_one(self, event),
            events => of_many(self, events),
        };
        text.push_str(&match (self.is_done(), &self.delivery_id) {
            (true, _) => format!("\nwhat became of it: upvest-webhooks explain {}\n", self.events[0].event_id),
            (false, None) => "\nit was not taken: `upvest-webhooks doctor` looks why\n".to_owned(),
            (false, Some(id)) if self.is_stored() => format!(
                "\nit is not in the state yet: `upvest-webhooks dlq list --messages` has it if its action fails\n\
                 what is known of it: upvest-webhooks explain {id}\n"
            ),
            (false, Some(id)) => format!(
                "\nit is not in the log yet: `upvest-webhooks quarantine list` has it if it does not verify\n\
                 what is known of it: upvest-webhooks explain {id}\n"
            ),
        });
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_work(self.is_done())
    }
}

fn of_one(triggered: &Triggered, event: &TriggeredEvent) -> String {
    let after = |ms: Option<u64>| {
        let was_taken = triggered.delivery_id.is_some();
        was_taken.then(|| ms.map_or("not in time".to_owned(), |ms| format!("after {ms} ms")))
    };
    facts([
        ("event", Some(event.event_id.clone())),
        ("type", Some(event.r#type.clone())),
        ("entity", Some(event.entity.clone())),
        ("delivery", triggered.delivery_id.map(|id| id.to_string())),
        ("signed by", Some(triggered.key_id.clone())),
        ("answered", Some(triggered.answer.clone())),
        ("in the log", after(event.stored_after_ms)),
        ("in the state", after(event.in_state_after_ms)),
        ("status", event.status.clone()),
    ])
}

/// Names each entity once, below the events: both beside each other do not fit a terminal.
fn of_many(triggered: &Triggered, events: &[TriggeredEvent]) -> String {
    let table = rows_of(events)
        .column("type", |event| &event.r#type)
        .optional("in the log, ms", |event| event.stored_after_ms)
        .optional("in the state, ms", |event| event.in_state_after_ms)
        .optional("status", |event| event.status.as_ref());
    let entities: BTreeSet<&str> = events.iter().map(|event| event.entity.as_str()).collect();
    let about = facts([
        ("delivery", triggered.delivery_id.map(|id| id.to_string())),
        ("signed by", Some(triggered.key_id.clone())),
        ("answered", Some(triggered.answer.clone())),
    ]);
    let entities = entities.into_iter().collect::<Vec<_>>().join("\n  ");
    format!("{about}\n{table}\n\nentities\n  {entities}\n")
}
