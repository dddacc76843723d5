//! What is to be done about an event: one decision, [`decide`].

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::packing::{Packer, PackingError, Unpacker};
use crate::projection::{Applied, Summary};

/// Bounds the time for which a FIFO queue drops duplicates, messages of the same deduplication id (SQS). Longer after
/// the dispatch, one may have come and gone.
const DEDUPLICATION_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Says how an event was sent to its domain, as the message's attribute `dispatch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatch {
    /// Sent by the attempt that stored it, from a delivery that Upvest sent.
    First,
    /// Sent once more: by a later attempt at its delivery, after a restore or a re-verification, or from a dead-letter
    /// queue.
    Again,
    /// Sent by a replay, which brings state back and has no effects of its own.
    Replay,
}

/// Says that a text is not what [`Dispatch`] writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no dispatch: first, again or replay")]
pub struct DispatchError(String);

impl Dispatch {
    const ALL: [Self; 3] = [Self::First, Self::Again, Self::Replay];

    /// Names it as the message's attribute does.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Replay => "replay",
        }
    }
}

impl fmt::Display for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dispatch {
    type Err = DispatchError;

    fn from_str(name: &str) -> Result<Self, DispatchError> {
        Self::ALL
            .into_iter()
            .find(|dispatch| dispatch.name() == name)
            .ok_or_else(|| DispatchError(name.to_owned()))
    }
}

/// Holds what is known about an attempt at an event, apart from the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Says whether this is the first sending of the event, another one, or a replay's.
    pub dispatch: Dispatch,
    /// Counts how often the message was received, this time included (SQS's `ApproximateReceiveCount`).
    pub receive_count: u32,
    /// Tells when the event was stored and sent, by the sender's clock; `None` where the message does not say.
    pub dispatched_at: Option<Timestamp>,
    /// Tells when the queue took the message (SQS's `SentTimestamp`).
    pub sent_at: Option<Timestamp>,
    /// Carries the transition that the message took along into a dead-letter queue, because the entity forgets it
    /// there.
    pub transition: Option<Transition>,
}

impl Attempt {
    /// Tells whether the event was certainly never applied by a message before: it was just stored, the message was not
    /// received before, and is no duplicate of one that has passed the queue. The last is proven by two clocks, and holds
    /// only while they agree; so neither may be more than the window ahead.
    fn is_certainly_first(&self) -> bool {
        let within_window = self
            .dispatched_at
            .zip(self.sent_at)
            .is_some_and(|(dispatched, sent)| sent.duration_since(dispatched).abs() <= DEDUPLICATION_WINDOW);
        self.dispatch == Dispatch::First && self.receive_count <= 1 && within_window
    }
}

/// Describes a change of an entity: what made it, and what the entity was before and after.
///
/// It is kept in the entity's item by the write that makes the change, until a write of a later batch, so that effects
/// that did not come to their end are resumed with what they began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Names the event that made the change.
    pub event_id: String,
    /// Sums up the entity as it was before; `None` when there was nothing, or when it is not known.
    pub previous: Option<Summary>,
    /// Sums up the entity after this event and before later ones of its batch.
    pub current: Summary,
}

/// Says what was before a change, where transitions are packed.
const NOTHING_BEFORE: usize = 0;
const SAID_BEFORE: usize = 1;
/// Says that a change begins where the one before it ended: in a batch most do, so that is not written twice.
const ENDED_BEFORE: usize = 2;

impl Transition {
    /// Packs transitions into few bytes, for an entity's item or the attribute of a message.
    #[must_use]
    pub fn pack(transitions: &[Self]) -> Vec<u8> {
        let mut packer = Packer::new(transitions.len());
        let mut ended = None;
        for transition in transitions {
            packer.text(&transition.event_id);
            match &transition.previous {
                None => packer.count(NOTHING_BEFORE),
                Some(previous) if ended == Some(previous) => packer.count(ENDED_BEFORE),
                Some(previous) => {
                    packer.count(SAID_BEFORE);
                    previous.pack(&mut packer);
                }
            }
            transition.current.pack(&mut packer);
            ended = Some(&transition.current);
        }
        packer.finish()
    }

    /// Takes transitions out of what [`Transition::pack`] made.
    ///
    /// # Errors
    ///
    /// [`PackingError`] when it did not make these bytes, as when somebody edited an item by hand.
    pub fn unpack(bytes: &[u8]) -> Result<Vec<Self>, PackingError> {
        let mut unpacker = Unpacker::new(bytes)?;
        let mut transitions: Vec<Self> = Vec::new();
        while !unpacker.is_at_end() {
            let event_id = unpacker.text()?;
            let previous = match unpacker.count()? {
                NOTHING_BEFORE => None,
                SAID_BEFORE => Some(Summary::unpack(&mut unpacker)?),
                ENDED_BEFORE => Some(transitions.last().ok_or(PackingError)?.current.clone()),
                _ => return Err(PackingError),
            };
            transitions.push(Self {
                event_id,
                previous,
                current: Summary::unpack(&mut unpacker)?,
            });
        }
        unpacker.finish(transitions.len())?;
        Ok(transitions)
    }
}

/// Decides what an event sets off on the bus and in the user's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A change that nobody was told of: publish it, and run the actions on changes.
    Fresh,
    /// A change that was applied before, and whose effects are not known to be done: the same, with the kept transition.
    Resume,
    /// Nothing that is shown changed, and the event was never applied before: publish it marked `late`, and run the
    /// actions on late events.
    Late,
    /// Nobody can tell whether the event was applied: publish it under its id marked `late` and `possible_duplicate`, and
    /// run the actions on late events, whose record of the event keeps a second run away.
    Duplicate,
    /// A replay has no effects, except in actions that ask for replays.
    Replay,
}

impl Effect {
    /// Tells whether the event is told as one that changes nothing.
    #[must_use]
    pub const fn is_late(self) -> bool {
        matches!(self, Self::Late | Self::Duplicate)
    }

    /// Tells whether the event may have been told before, as a change or as late.
    #[must_use]
    pub const fn is_possible_duplicate(self) -> bool {
        matches!(self, Self::Duplicate)
    }

    /// Names the effect as metrics and `explain` do.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Resume => "resume",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Replay => "replay",
        }
    }
}

/// Decides what is to be done about an event, from what it did to the stored state, from the attempt, and from whether
/// its transition is kept in the entity's item or came with the message.
///
/// | dispatch | transition | state | certainly first | effect | why |
/// |---|---|---|---|---|---|
/// | replay | any | any | any | replay | what was told is not told again |
/// | other | kept | any | any | resume | its effects may not have come to their end |
/// | other | none | fresh | any | fresh | it changes what is shown, so nobody was told |
/// | other | none | late | yes | late | a newer event came first |
/// | other | none | late | no | duplicate | it may have been applied before newer ones |
/// | other | none | duplicate | yes | fresh | the state has it from the log (a rebuild), and nobody was told |
/// | other | none | duplicate | no | duplicate | it was applied, and its effects are most likely done |
///
/// No row is silent but the replay's: where it is not known whether an event was told, it is told again under its id.
///
/// ```
/// use upvest::effects::{Attempt, Dispatch, Effect, decide};
/// use upvest::projection::Applied;
///
/// let redriven = Attempt {
///     dispatch: Dispatch::Again,
///     receive_count: 1,
///     dispatched_at: None,
///     sent_at: None,
///     transition: None,
/// };
/// assert_eq!(decide(Applied::Fresh, &redriven, false), Effect::Fresh);
/// assert_eq!(decide(Applied::Late, &redriven, false), Effect::Duplicate);
/// ```
#[must_use]
pub fn decide(applied: Applied, attempt: &Attempt, has_transition: bool) -> Effect {
    match (attempt.dispatch, has_transition, applied) {
        (Dispatch::Replay, _, _) => Effect::Replay,
        (_, true, _) => Effect::Resume,
        (_, false, Applied::Fresh) => Effect::Fresh,
        (_, false, Applied::Late) if attempt.is_certainly_first() => Effect::Late,
        (_, false, Applied::Duplicate) if attempt.is_certainly_first() => Effect::Fresh,
        (_, false, Applied::Late | Applied::Duplicate) => Effect::Duplicate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(dispatch: Dispatch, receive_count: u32, seconds_until_sent: Option<i64>) -> Attempt {
        let dispatched_at: Timestamp = "2026-11-28T19:00:00Z".parse().unwrap();
        Attempt {
            dispatch,
            receive_count,
            dispatched_at: Some(dispatched_at),
            sent_at: seconds_until_sent.map(|seconds| dispatched_at + SignedDuration::from_secs(seconds)),
            transition: None,
        }
    }

    #[test]
    fn only_the_first_receipt_of_a_first_dispatch_within_the_window_proves_that_an_event_is_new() {
        for (attempt, proof) in [
            (attempt(Dispatch::First, 1, Some(0)), true),
            (attempt(Dispatch::First, 1, Some(300)), true),
            (attempt(Dispatch::First, 1, Some(301)), false),
            (attempt(Dispatch::First, 1, Some(-301)), false),
            (attempt(Dispatch::First, 2, Some(0)), false),
            (attempt(Dispatch::Again, 1, Some(0)), false),
            (attempt(Dispatch::Replay, 1, Some(0)), false),
            (attempt(Dispatch::First, 1, None), false),
            (
                Attempt {
                    dispatched_at: None,
                    ..attempt(Dispatch::First, 1, Some(0))
                },
                false,
            ),
        ] {
            assert_eq!(attempt.is_certainly_first(), proof, "{attempt:?}");
        }
    }

    /// The truth table of [`decide`], row by row.
    #[test]
    fn the_effect_follows_from_dispatch_transition_state_and_proof() {
        use Applied::{Duplicate as Same, Fresh as New, Late as Old};
        let proven = attempt(Dispatch::First, 1, Some(1));
        let received_before = attempt(Dispatch::First, 2, Some(1));
        let again = attempt(Dispatch::Again, 1, Some(1));
        let replay = attempt(Dispatch::Replay, 1, Some(1));
        for (attempt, kept, expected) in [
            // Expected where the state is fresh, late, duplicate.
            (&proven, true, [Effect::Resume, Effect::Resume, Effect::Resume]),
            (
                &received_before,
                true,
                [Effect::Resume, Effect::Resume, Effect::Resume],
            ),
            (&again, true, [Effect::Resume, Effect::Resume, Effect::Resume]),
            (&replay, true, [Effect::Replay, Effect::Replay, Effect::Replay]),
            (&proven, false, [Effect::Fresh, Effect::Late, Effect::Fresh]),
            (
                &received_before,
                false,
                [Effect::Fresh, Effect::Duplicate, Effect::Duplicate],
            ),
            (
                &again,
                false,
                [Effect::Fresh, Effect::Duplicate, Effect::Duplicate],
            ),
            (&replay, false, [Effect::Replay, Effect::Replay, Effect::Replay]),
        ] {
            let decided = [New, Old, Same].map(|applied| decide(applied, attempt, kept));
            assert_eq!(decided, expected, "{attempt:?}, kept: {kept}");
        }
    }

    #[test]
    fn what_may_have_been_told_is_told_as_late_and_again() {
        let marks = |effect: Effect| (effect.is_late(), effect.is_possible_duplicate());
        assert_eq!(marks(Effect::Late), (true, false));
        assert_eq!(marks(Effect::Duplicate), (true, true));
        for effect in [Effect::Fresh, Effect::Resume, Effect::Replay] {
            assert_eq!(marks(effect), (false, false), "{effect:?}");
        }
    }

    #[test]
    fn a_dispatch_that_is_written_and_read_is_the_same() {
        for dispatch in Dispatch::ALL {
            assert_eq!(dispatch.to_string().parse(), Ok(dispatch));
        }
        assert_eq!(
            "First".parse::<Dispatch>(),
            Err(DispatchError("First".to_owned()))
        );
    }
}
