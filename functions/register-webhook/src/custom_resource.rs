//! The subscription as a resource of the stack.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use pipeline::error::ErrorChain;
use pipeline::runtime::cloudformation::{Request, Status};
use pipeline::upvest_access::UpvestAccess;
use tokio::time::timeout;
use upvest_api::{Deletion, NewWebhook, ResourceId, Webhook};

use crate::Deps;
use crate::error::RegisterError;
use crate::physical_id::PhysicalId;
use crate::subscription::{Subscription, delete};

/// Names the property of the resource that says where the functions are, and how they get out.
const NETWORK: &str = "Network";

/// Holds what the resource's physical id is to be, kept where it survives a panic and the end of the time: a later
/// Delete goes by it.
struct Progress(Mutex<PhysicalId>);

impl Progress {
    fn note(&self, physical: PhysicalId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = physical;
    }

    fn physical(&self) -> PhysicalId {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does what CloudFormation asks, and answers it in any case.
pub(crate) async fn serve(
    deps: &Deps,
    request: &Request,
    deadline: Timestamp,
) -> Result<Status, RegisterError> {
    let progress = Progress(Mutex::new(PhysicalId::of_resource(request)));
    let work = AssertUnwindSafe(perform(deps, request, &progress)).catch_unwind();
    let result = match timeout(time_for_work(deps, deadline), work).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(RegisterError::Panicked),
        Err(_) => Err(RegisterError::OutOfTime),
    };
    match &result {
        Ok(()) => tracing::info!(?request, "did what CloudFormation asked for"),
        Err(error) => {
            tracing::error!(
                ?request,
                error = error.explain(),
                "could not do what CloudFormation asked for"
            );
        }
    }
    if let (Err(_), "Delete", PhysicalId::Subscription(id)) =
        (&result, &*request.kind, PhysicalId::of_resource(request))
    {
        note_outliving(deps, &id).await;
    }
    let physical = match (&request.physical_resource_id, progress.physical()) {
        // CloudFormation takes another id for another resource, and would delete this one.
        (Some(own), physical) if result.is_err() || physical == PhysicalId::of_resource(request) => {
            own.clone()
        }
        (_, physical) => physical.text(&request.request_id),
    };
    let failure = result.as_ref().err().map(RegisterError::explain);
    Ok(deps.cloudformation.answer(request, physical, failure).await?)
}

fn time_for_work(deps: &Deps, deadline: Timestamp) -> Duration {
    let left = deadline.duration_since(deps.clock.now());
    let left = Duration::try_from(left).unwrap_or_default();
    // CloudFormation must be answered even when the work is cut off.
    left.saturating_sub(deps.timing.reserve)
}

async fn perform(deps: &Deps, request: &Request, progress: &Progress) -> Result<(), RegisterError> {
    match request.kind.as_str() {
        "Create" => create(&subscription(deps)?, request, progress).await,
        "Update" => update(&subscription(deps)?, request, progress).await,
        "Delete" => remove(deps, request).await,
        other => Err(RegisterError::UnknownRequest(other.chars().take(50).collect())),
    }
}

fn subscription(deps: &Deps) -> Result<Subscription<'_>, RegisterError> {
    Ok(Subscription {
        upvest: upvest(deps)?,
        wanted: wanted(deps)?,
        timing: deps.timing,
        ours: deps.ours.as_ref(),
    })
}

fn upvest(deps: &Deps) -> Result<&UpvestAccess, RegisterError> {
    Ok(deps.settings.upvest.as_ref().map_err(Clone::clone)?)
}

fn wanted(deps: &Deps) -> Result<&NewWebhook, RegisterError> {
    Ok(deps.settings.wanted.as_ref().map_err(Clone::clone)?)
}

/// Adopts the subscription that is there, or creates one.
async fn create(
    subscription: &Subscription<'_>,
    request: &Request,
    progress: &Progress,
) -> Result<(), RegisterError> {
    let id = match subscription.find().await? {
        Some(existing) => {
            subscription.patch(&existing).await?;
            existing.id
        }
        None => {
            // Before the call: its answer may be lost, and then a Delete has to look for what was created.
            progress.note(PhysicalId::Unknown);
            let created = create_enabled(subscription, request, progress).await?;
            created.id
        }
    };
    subscription.test(&id).await?;
    progress.note(PhysicalId::Subscription(id));
    Ok(())
}

/// Changes the subscription in place. One that is gone is replaced: by one with its URL, which a check may have
/// created, or by a new one.
async fn update(
    subscription: &Subscription<'_>,
    request: &Request,
    progress: &Progress,
) -> Result<(), RegisterError> {
    let own = match PhysicalId::of_resource(request) {
        PhysicalId::Subscription(id) => subscription.get(&id).await?,
        PhysicalId::Nothing | PhysicalId::Unknown => None,
    };
    let moved = own
        .as_ref()
        .is_none_or(|own| own.url != subscription.wanted.url.as_str());
    let existing = match own {
        Some(own) => Some(own),
        None => subscription.find().await?,
    };
    let id = match existing {
        Some(existing) => {
            subscription.patch(&existing).await?;
            existing.id
        }
        None => create_enabled(subscription, request, progress).await?.id,
    };
    // The endpoint of a subscription that keeps its URL has passed its test before; from another network it may reach no queue.
    if moved || request.has_changed(NETWORK) {
        subscription.test(&id).await?;
    }
    progress.note(PhysicalId::Subscription(id));
    Ok(())
}

async fn create_enabled(
    subscription: &Subscription<'_>,
    request: &Request,
    progress: &Progress,
) -> Result<Webhook, RegisterError> {
    let created = subscription.create(&request.request_id).await?;
    progress.note(PhysicalId::Subscription(created.id.clone()));
    subscription.enable(&created).await?;
    Ok(created)
}

/// Deletes what the resource stands for, and nothing else.
async fn remove(deps: &Deps, request: &Request) -> Result<(), RegisterError> {
    let physical = PhysicalId::of_resource(request);
    if physical == PhysicalId::Nothing {
        return Ok(());
    }
    // After the check for nothing, so that a failed creation can be rolled back whatever the setting says.
    if deps.settings.keep.clone()? {
        tracing::info!("the subscription is kept");
        if let PhysicalId::Subscription(id) = &physical {
            note_outliving(deps, id).await;
        }
        return Ok(());
    }
    match physical {
        PhysicalId::Nothing => {}
        PhysicalId::Unknown => subscription(deps)?.delete_by_url().await?,
        PhysicalId::Subscription(id) => {
            if delete(upvest(deps)?, &id).await? == Deletion::AlreadyGone {
                warn_of_others(deps, &id).await;
            }
        }
    }
    Ok(())
}

/// Warns of another subscription that has the URL of one that is gone. After a check replaced a subscription
/// that was dropped, CloudFormation does not know the new one. It is not deleted: CloudFormation also has the
/// old one deleted after an update took the new one over.
async fn warn_of_others(deps: &Deps, id: &ResourceId) {
    let Ok(subscription) = subscription(deps) else {
        return;
    };
    if let Ok(Some(other)) = subscription.find().await {
        tracing::warn!(
            gone = %id,
            other = %other.id,
            "the subscription was gone, and another one has its URL: if the stack is deleted, delete that too"
        );
        note_outliving(deps, &other.id).await;
    }
}

/// Notes where it outlives the stack that a subscription does. That this fails must not keep CloudFormation waiting.
async fn note_outliving(deps: &Deps, id: &ResourceId) {
    let Some(ours) = &deps.ours else { return };
    if let Err(error) = ours.note_outliving(id.as_str()).await {
        let error = ErrorChain(&error).to_string();
        tracing::warn!(subscription = %id, error, "that the subscription outlives its stack could not be noted");
    }
}
