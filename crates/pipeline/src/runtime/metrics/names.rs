//! The names of the metrics, which alarms and the dashboard repeat.

/// Names the namespace of all metrics, which alarms and the dashboard refer to.
pub const NAMESPACE: &str = "UpvestWebhooks";

/// Counts requests that ingest answered, by the HTTP `Status`: only 200 lets Upvest go on.
pub const ANSWERED: &str = "DeliveriesAnswered";
/// Counts requests from an address outside the allow list, taken or refused.
pub const UNLISTED_SOURCES: &str = "UnlistedSources";
/// Counts deliveries whose signature and digest hold.
pub const VERIFIED: &str = "DeliveriesVerified";
/// Counts verified deliveries whose signature is out of its time, by `Freshness`: `expired` or `not-yet-valid`.
pub const OUT_OF_TIME: &str = "DeliveriesOutOfTime";
/// Counts verified deliveries that Upvest signed lately, and that brought an event for the first time: what goes on coming while
/// Upvest's deliveries do. One of earlier that somebody sends again does not.
pub const FROM_UPVEST: &str = "DeliveriesFromUpvest";
/// Counts deliveries that were signed lately, with a key that was retired longer ago than it may still sign: Upvest uses it
/// again, or somebody has it.
pub const BY_RETIRED_KEYS: &str = "DeliveriesByRetiredKeys";
/// Counts keys that proved their first delivery: from now on they are trusted in fact, whoever wrote them.
pub const NEW_KEYS: &str = "NewKeys";
/// Counts deliveries by which a key was first seen to sign in another dialect.
pub const NEW_DIALECTS: &str = "NewDialects";
/// Counts subscriptions of others that Upvest was first seen to send events for, which reached us.
pub const FOREIGN_SUBSCRIPTIONS: &str = "ForeignSubscriptions";
/// Counts deliveries that are in quarantine, whole or in part, for whatever reason but an unknown key.
pub const QUARANTINED: &str = "Quarantined";
/// Counts what is in quarantine by the `Reason` that is also in the object's key.
pub const QUARANTINED_BY_REASON: &str = "QuarantinedByReason";
/// Counts deliveries signed with a key that is not in the keys table, which wait for it in quarantine.
pub const UNKNOWN_KEYS: &str = "UnknownKeys";
/// Counts deliveries received again whose bytes could not be put under `pending/`, so that they are in SQS alone; and drains
/// of the dead-letter queue that failed.
pub const PENDING_FAILED: &str = "PendingFailed";
/// Counts events stored for the first time.
pub const STORED: &str = "EventsStored";
/// Counts events that were in the log already, with the same content.
pub const DUPLICATE: &str = "EventsDuplicate";
/// Counts events in conflict with the logged one of the same id.
pub const CONFLICTING: &str = "EventsConflicting";
/// Counts events dispatched to the catch-all, of a category that this version does not know.
pub const UNRECOGNISED: &str = "EventsUnrecognised";
/// Counts events of a type that this version does not know, of a category that it does.
pub const UNKNOWN_TYPES: &str = "EventsOfUnknownType";
/// Says how long it took from the receipt of a delivery until its events were in the log, in milliseconds.
pub const RECEIPT_TO_STORED: &str = "ReceiptToStored";
/// Says how long it took from the receipt of an event's delivery until the event was in its entity's state, in
/// milliseconds, by `Domain`.
pub const RECEIPT_TO_PROJECTED: &str = "ReceiptToProjected";
/// Says how old events are by Upvest's `created_at` when they become the newest of their entity, in seconds, by
/// `Domain`.
pub const EVENT_AGE: &str = "EventAge";
/// Counts events folded into their entity, by `Domain`.
pub const PROJECTED: &str = "EventsProjected";
/// Counts folded events that were not fresh, by `Domain` and `Result`: `late`, `duplicate`, `resume` or `replay`.
pub const NOT_FRESH: &str = "EventsNotFresh";
/// Counts states that moved backwards along their lifecycle, by `Domain`.
pub const MOVED_BACK: &str = "StatesMovedBack";

/// Counts fetches of Upvest's verification keys that brought the keys table up to date.
pub const KEYS_REFRESHED: &str = "KeysRefreshed";
/// Counts changes of the keys table by such a fetch, by `Change`: `new`, `returned` or `retired`.
pub const KEYS_CHANGED: &str = "KeysChanged";
/// Counts keys of the table that a fetch contradicts, and that were kept: Upvest serves another key under their id, or none
/// of all keys that it served.
pub const KEYS_CONFLICTING: &str = "KeysConflicting";
/// Says how long ago a fetch last saw the key that deliveries are verified with, in seconds.
pub const KEY_AGE: &str = "KeyAge";
/// Counts checks that found the subscription as it is to be.
pub const SUBSCRIPTION_HEALTHY: &str = "SubscriptionHealthy";
/// Counts checks that found it missing, disabled or changed, and repaired it.
pub const SUBSCRIPTION_REPAIRED: &str = "SubscriptionRepaired";

/// Counts runs of actions, by `Domain`.
pub const ACTIONS: &str = "ActionsRun";
/// Counts runs of actions that failed, by `Domain`.
pub const ACTIONS_FAILED: &str = "ActionsFailed";
/// Counts runs of actions that were not the first attempt at their event, by `Domain`.
pub const ACTIONS_RETRIED: &str = "ActionsRetried";
/// Counts changes that the event bus took, by `Domain`.
pub const PUBLISHED: &str = "ChangesPublished";

/// Counts events that the receiver sent to itself, by `Stage`: `store` or `project`. They are in none of [`STORED`],
/// [`UNRECOGNISED`] and [`PROJECTED`], and their deliveries not in [`VERIFIED`].
pub const SYNTHETIC: &str = "SyntheticEvents";
/// Counts runs of the canary whose event went all the way.
pub const CANARY_DELIVERED: &str = "CanaryDelivered";
/// Counts runs of the canary that failed, by `Stage`: `key`, `post`, `store` or `project`.
pub const CANARY_FAILED: &str = "CanaryFailed";
/// Measures the milliseconds from the canary's request to the end of a `Stage`: `post`, `store` or `project`.
pub const CANARY_MILLISECONDS: &str = "CanaryMilliseconds";

/// Counts attempts at deliveries that failed, by `Kind`: whose failure it was, `infrastructure`, `message` or `never`; and once more
/// by `Step`, what was being done, and `Kind`.
pub const DELIVERIES_FAILED: &str = "DeliveriesFailed";
/// Counts attempts at events that failed, likewise.
pub const EVENTS_FAILED: &str = "EventsFailed";
/// Says how long ago deliveries were sent that come back to their queue, in seconds. SQS's own age of the oldest message leaves out
/// what was received more than three times.
pub const RETRIED_DELIVERIES_AGE: &str = "RetriedDeliveriesAge";
/// Says how long ago events were sent that come back to their queue, in seconds.
pub const RETRIED_EVENTS_AGE: &str = "RetriedEventsAge";

/// Counts requests to AWS, each attempt, by `Service`. It is a member of the documents in the log, and no metric.
pub const AWS_REQUESTS: &str = "AwsRequests";
/// Counts requests to AWS that repeat one that failed, by `Service`.
pub const AWS_RETRIES: &str = "AwsRetries";

/// Lists the metrics that are published where `Observability` is lean: those of the alarms that wake somebody.
pub const LEAN: [&str; 8] = [
    ANSWERED,
    FROM_UPVEST,
    BY_RETIRED_KEYS,
    DELIVERIES_FAILED,
    EVENTS_FAILED,
    RETRIED_DELIVERIES_AGE,
    CONFLICTING,
    CANARY_DELIVERED,
];
