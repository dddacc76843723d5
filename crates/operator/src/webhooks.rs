//! The subscriptions at Upvest, which it calls webhooks. [`upvest_api::Client`] lists and reads them.

mod arrival;
mod change;
mod create;
mod delete;
mod outcome;
mod test;

use reqwest::Url;

pub use self::arrival::Arrival;
pub use self::change::{WebhookUpdate, switch, update};
pub use self::create::{CreateOptions, create};
pub use self::delete::{Confirm, delete};
pub use self::outcome::{Difference, Outcome, PlannedRequest};
pub use self::test::{Tested, test};

/// Tells whether two texts are one URL, however they are written.
pub(crate) fn is_same_url(one: &str, other: &str) -> bool {
    match (one.parse::<Url>(), other.parse::<Url>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
