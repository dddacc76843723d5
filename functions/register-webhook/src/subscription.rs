//! The subscription at Upvest.

use std::time::Duration;

use pipeline::error::{AwsError, ErrorChain};
use pipeline::stores::subscriptions::Subscriptions;
use pipeline::upvest_access::{AccessError, UpvestAccess};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};
use upvest_api::{Deletion, NewWebhook, ResourceId, TestOutcome, Url, Webhook, WebhookChange};
use uuid::Uuid;

use crate::Timing;
use crate::error::RegisterError;

/// Limits how often a change is tried on a subscription that was created a moment ago: Upvest's documentation says that
/// a new resource may not be found at once.
const LAG_ATTEMPTS: u32 = 5;
/// Limits how much of an endpoint's answer an error repeats, in characters.
const BODY_START: usize = 300;
const OK: u16 = 200;

/// Manages the subscription that is wanted, at Upvest.
#[derive(Debug)]
pub(crate) struct Subscription<'d> {
    pub(crate) upvest: &'d UpvestAccess,
    pub(crate) wanted: &'d NewWebhook,
    pub(crate) timing: Timing,
    /// Notes which subscriptions are ours; `None` where nobody asks.
    pub(crate) ours: Option<&'d Subscriptions>,
}

/// Says what became of a subscription that was to be like the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patched {
    /// The subscription was like the wanted one already, and was left alone.
    Alike,
    /// The subscription was changed, and is like the wanted one.
    Changed,
}

impl Subscription<'_> {
    /// Finds the oldest subscription with the wanted URL. All that have it are noted as ours.
    pub(crate) async fn find(&self) -> Result<Option<Webhook>, AccessError> {
        let mut same = self
            .upvest
            .call(async |client| client.list_webhooks().await)
            .await?;
        same.retain(|webhook| is_same(&webhook.url, &self.wanted.url));
        for webhook in &same {
            self.adopt(webhook).await;
        }
        if same.len() > 1 {
            let ids: Vec<&str> = same.iter().map(|webhook| webhook.id.as_str()).collect();
            tracing::warn!(
                subscriptions = ?ids,
                "there are several subscriptions with this URL, each of which delivers every event: delete the others"
            );
        }
        Ok(same.into_iter().next())
    }

    /// Reads the subscription of this id, which is noted as ours.
    pub(crate) async fn get(&self, id: &ResourceId) -> Result<Option<Webhook>, AccessError> {
        match self.upvest.call(async |client| client.webhook(id).await).await {
            Ok(webhook) => {
                self.adopt(&webhook).await;
                Ok(Some(webhook))
            }
            Err(AccessError::Upvest(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the subscription, which is not enabled, once for each reason `done_for`: Upvest is given an idempotency key that
    /// follows from it.
    pub(crate) async fn create(&self, done_for: &str) -> Result<Webhook, AccessError> {
        let mut wanted = self.wanted.clone();
        wanted.idempotency_key = Some(idempotency_key(done_for));
        self.upvest
            .call(async |client| client.create_webhook(&wanted).await)
            .await
    }

    /// Notes that a subscription is ours. That this fails must not keep it from being looked after: the next check
    /// notes it.
    async fn adopt(&self, webhook: &Webhook) {
        if let Err(error) = self.try_to_adopt(webhook).await {
            let error = ErrorChain(&error).to_string();
            tracing::warn!(subscription = %webhook.id, error, "the subscription could not be noted as ours");
        }
    }

    async fn try_to_adopt(&self, webhook: &Webhook) -> Result<(), AwsError> {
        match self.ours {
            Some(ours) => ours.adopt(webhook.id.as_str()).await,
            None => Ok(()),
        }
    }

    /// Enables a subscription that was created, which Upvest sends nothing for until then.
    ///
    /// It is noted as ours first, and not enabled where that fails: unlike one that was there before it cannot be known, and a
    /// strict policy would refuse its events as another's.
    pub(crate) async fn enable(&self, created: &Webhook) -> Result<(), RegisterError> {
        let noted = self.try_to_adopt(created).await;
        noted.map_err(|source| RegisterError::Unnoted {
            id: created.id.clone(),
            source,
        })?;
        self.patch(created).await?;
        Ok(())
    }

    /// Makes a subscription the wanted one, and enables it.
    pub(crate) async fn patch(&self, existing: &Webhook) -> Result<Patched, AccessError> {
        let Some(change) = WebhookChange::between(existing, self.wanted) else {
            return Ok(Patched::Alike);
        };
        let mut attempts = LAG_ATTEMPTS;
        loop {
            attempts -= 1;
            let id = &existing.id;
            let patched = self
                .upvest
                .call(async |client| client.update_webhook(id, &change).await)
                .await;
            match patched {
                Ok(_) => return Ok(Patched::Changed),
                Err(AccessError::Upvest(error)) if error.is_not_found() && attempts > 0 => {
                    sleep(self.timing.pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Has Upvest call the endpoint until it answers 200, for as long as that may take.
    pub(crate) async fn test(&self, id: &ResourceId) -> Result<(), RegisterError> {
        let until = Instant::now() + self.timing.test_for;
        loop {
            let tested = self
                .upvest
                .call(async |client| client.test_webhook(id).await)
                .await;
            let url = self.wanted.url.to_string();
            let failure = match tested {
                // Upvest does not tell more.
                Ok(TestOutcome::Accepted) => return Ok(()),
                Ok(TestOutcome::Answered(answer)) if answer.status == OK => return Ok(()),
                Ok(TestOutcome::Answered(answer)) => RegisterError::TestFailed {
                    url,
                    status: answer.status,
                    body: answer.body.chars().take(BODY_START).collect(),
                },
                Ok(_) => return Ok(()),
                Err(source) if is_final(&source) => return Err(source.into()),
                Err(source) => RegisterError::Untested { url, source },
            };
            if Instant::now() + self.timing.pause >= until {
                return Err(failure);
            }
            tracing::info!(reason = failure.explain(), "the endpoint is tested again");
            // A test without a pause must not keep the runtime from everything else.
            sleep(self.timing.pause.max(Duration::from_millis(1))).await;
        }
    }

    /// Deletes the subscription with the wanted URL, if there is one.
    pub(crate) async fn delete_by_url(&self) -> Result<(), AccessError> {
        if let Some(found) = self.find().await? {
            delete(self.upvest, &found.id).await?;
        }
        Ok(())
    }
}

/// Deletes a subscription; one that is not there is fine.
pub(crate) async fn delete(upvest: &UpvestAccess, id: &ResourceId) -> Result<Deletion, AccessError> {
    upvest.call(async |client| client.delete_webhook(id).await).await
}

fn is_same(reported: &str, wanted: &Url) -> bool {
    // Two texts may be one URL, such as with and without the port 443.
    reported.parse::<Url>().is_ok_and(|url| url == *wanted)
}

/// Tells whether no later test can succeed either: without credentials or permission.
fn is_final(error: &AccessError) -> bool {
    match error {
        // Credentials and permissions do not change while the endpoint is tested.
        AccessError::Upvest(error) => matches!(error.status(), Some(401 | 403)),
        AccessError::Secret(_) | AccessError::NoText | AccessError::Credentials(_) => true,
        _ => false,
    }
}

/// Makes a UUID that follows from the reason, so that whoever does it again for that reason has the first answer again.
fn idempotency_key(done_for: &str) -> Uuid {
    let digest = Sha256::digest(format!("upvest-webhooks subscription {done_for}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
