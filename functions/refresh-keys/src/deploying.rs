//! The keys as a resource of the stack: fetched before its subscription is created, and for other credentials.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use pipeline::runtime::cloudformation::{CloudFormation, Request, Status};
use tokio::time::{sleep, timeout};

use crate::{Deps, RefreshError, run};

/// Is the physical id of the keys as a resource of the stack: the same for good, so that CloudFormation never replaces it.
const PHYSICAL_ID: &str = "verification-keys";

/// Says how long the keys are asked for while the stack waits. Tests of the function shorten it.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    /// Bounds all tries together. With the time to answer CloudFormation in, it is less than an invocation may take.
    pub within: Duration,
    /// Sets the pause between two tries: it takes a while until a role that was just created may do what it is allowed.
    pub pause: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(40),
            pause: Duration::from_secs(8),
        }
    }
}

/// Fetches the keys where CloudFormation asks for them, and answers it in any case.
///
/// A fetch that fails, panics or takes too long is logged, and fails no deployment: the schedule and the first delivery ask
/// for another.
pub(crate) async fn serve(deps: &Deps, request: &Request) -> Result<Status, RefreshError> {
    if request.kind != "Delete" {
        let fetch = AssertUnwindSafe(Box::pin(fetch(deps))).catch_unwind();
        match timeout(deps.tries.within, fetch).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the fetch panicked; CloudFormation is answered all the same"),
            Err(_) => tracing::error!("the stack has waited long enough, and the keys are not fetched yet"),
        }
    }
    answer(request).await
}

/// Fetches the keys, until they are.
async fn fetch(deps: &Deps) {
    while run(deps, "the stack is deployed").await.is_err() {
        sleep(deps.tries.pause).await;
    }
}

/// Tells CloudFormation that the resource is there, or gone: whatever becomes of the keys, nothing of the stack fails by them.
pub(crate) async fn answer(request: &Request) -> Result<Status, RefreshError> {
    let id = request.physical_resource_id.clone();
    let id = id.unwrap_or_else(|| PHYSICAL_ID.to_owned());
    // Made here, because no other event needs it.
    Ok(CloudFormation::new()?.answer(request, id, None).await?)
}
