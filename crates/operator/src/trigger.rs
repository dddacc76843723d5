//! Triggering events that are made up: they go through the front door of a local or sandbox stack, as Upvest's do, and are
//! followed until the states of their entities have them.
//!
//! Nothing of them is taken for Upvest's: their ids begin with `synthetic-`, they are about entities that there were not before,
//! and they are signed with a key ([`KEY_ID`]) that may report nothing else and that a live stack does not know.

mod following;
mod key;
mod made_up;
mod samples;

use std::time::Duration;

use pipeline::runtime::clock::Clock;
use serde::Serialize;
use upvest::Event;
use upvest_api::Environment;
use uuid::Uuid;

pub use self::key::KEY_ID;
pub use self::made_up::Setting;
pub use self::samples::{stories, types};

use self::following::Follower;
use crate::error::{Error, Result};
use crate::send::{Accepted, Answer, Load, Outcome, Payload, Target};
use crate::stack::{Output, Stack, StackFinder};
use crate::upvest_account::UpvestAccount;

/// Limits how long the stack may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Selects the samples that events are made of: those of one type, or of a whole story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// One event of this type, in whatever case.
    Type(String),
    /// The events of the story with this name or number, as one delivery.
    Story(String),
}

/// Says what is triggered, and for how long it is followed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Names the samples that the events are made of.
    pub sample: Sample,
    /// Lists what is otherwise than in the samples.
    pub settings: Vec<Setting>,
    /// Limits how long the events are followed.
    pub patience: Duration,
}

/// Tells how far events that were triggered came.
#[derive(Debug, Serialize)]
pub struct Triggered {
    /// Names the key that signed them.
    pub key_id: String,
    /// Says what the stack answered: 200, or why they were not taken.
    pub answer: String,
    /// Names the delivery that they were, as the stack answered it.
    pub delivery_id: Option<Uuid>,
    /// Describes the events, in the order of the delivery.
    pub events: Vec<TriggeredEvent>,
}

/// Tells how far an event came, and how long that took.
#[derive(Debug, Serialize)]
pub struct TriggeredEvent {
    /// Names the event, by an id that begins with `synthetic-`.
    pub event_id: String,
    /// Gives its type, as Upvest writes it.
    pub r#type: String,
    /// Names the entity that it is about, written `TYPE#ID`.
    pub entity: String,
    /// Says how many milliseconds after the request the event was seen in the log; `None` where it did not come so far in time.
    pub stored_after_ms: Option<u64>,
    /// Says how many milliseconds after the request the state was seen to have the event; `None` where it did not come so far in
    /// time.
    pub in_state_after_ms: Option<u64>,
    /// Gives the status that its entity had then.
    pub status: Option<String>,
}

impl Triggered {
    /// Tells whether the states have all events.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.events.iter().all(|event| event.in_state_after_ms.is_some())
    }

    /// Tells whether the log has all events.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.events.iter().all(|event| event.stored_after_ms.is_some())
    }
}

/// Makes events up, posts them to a stack as one delivery, and follows them.
///
/// # Errors
///
/// [`Error`] when the stack is a live one, there is no such sample, a setting does not fit, or nothing was posted.
pub async fn trigger(stacks: &StackFinder<'_>, request: &Request, clock: &Clock) -> Result<Triggered> {
    // First, so that what is mistyped is told where there is no stack too.
    let samples = match &request.sample {
        Sample::Type(event_type) => vec![samples::of_type(event_type)?],
        Sample::Story(name) => samples::of_story(name)?,
    };
    let json = made_up::of_samples(&samples, &request.settings, clock.now())?;
    let mut events = json
        .iter()
        .map(|json| TriggeredEvent::of(json))
        .collect::<Result<Vec<_>>>()?;
    let stack = stacks.stack().await?;
    // Before the key, which the first trigger makes: a live stack is to get none.
    refuse_live(stacks, stack).await?;
    let key = key::ready(stack, clock).await?;
    let target = Target::new(&stack.output(Output::WebhookUrl)?, false)?;
    let load = Load::new(vec![Payload::Events(json)], key, &target, ANSWER, clock)?;
    let follower = Follower::of(stack)?;
    let outcome = load.run_one().await?;
    if outcome.answer.is_success() {
        follower.follow(&mut events, request.patience).await?;
    }
    Ok(Triggered {
        key_id: KEY_ID.to_owned(),
        delivery_id: delivery_id(&outcome),
        answer: outcome.answer.name(),
        events,
    })
}

/// Refuses a stack that receives from Upvest's live environment, whether it says so or its credentials do. Verify-and-store
/// would not know the key either, but nothing made up is to be posted there at all.
async fn refuse_live(stacks: &StackFinder<'_>, stack: &Stack) -> Result<()> {
    if !stack.environment().takes_made_up_events() {
        return Err(Error::usage(
            "the stack receives from Upvest's live environment, and takes no events that are made up: use `make run`, or a \
             stack that is deployed with the parameter Environment=sandbox",
        ));
    }
    // A stack on this machine has credentials of the simulated Upvest alone.
    let Some(secret) = stack.upvest_secret().filter(|_| !stack.is_local()) else {
        return Ok(());
    };
    let account = UpvestAccount {
        secret: Some(secret.to_owned()),
        ..UpvestAccount::default()
    };
    let client = account.client(stacks).await?;
    match client.base_url().as_str().trim_end_matches('/') == Environment::Live.base_url() {
        true => Err(Error::usage(format!(
            "the stack's credentials for Upvest, in {secret}, are for the live environment, whatever its parameter \
             Environment says"
        ))),
        false => Ok(()),
    }
}

/// Reads the id that the stack gave the delivery.
fn delivery_id(outcome: &Outcome) -> Option<Uuid> {
    let Answer::Status { body, .. } = &outcome.answer else {
        return None;
    };
    Some(Accepted::of(body)?.delivery_id)
}

impl TriggeredEvent {
    /// Describes an event that was not posted yet.
    fn of(json: &str) -> Result<Self> {
        let event = Event::parse(json)
            .map_err(|error| Error::usage(format!("with these settings it is no event: {error}")))?;
        let entity = event.entity_key().map_err(|error| {
            Error::usage(format!("with these settings the event names no entity: {error}"))
        })?;
        Ok(Self {
            event_id: event.id().to_owned(),
            r#type: event.event_type().to_owned(),
            entity: entity.to_string(),
            stored_after_ms: None,
            in_state_after_ms: None,
            status: None,
        })
    }
}
