//! One run of a function, which a fault can kill.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

tokio::task_local! {
    static CURRENT: Invocation;
}

/// Says that a fault killed the invocation in the middle of an AWS call; nothing after that call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invocation was killed in the middle of an AWS call")]
pub struct CrashError;

#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) name: Arc<str>,
    death: Arc<Death>,
}

#[derive(Debug, Default)]
struct Death {
    happened: AtomicBool,
    notice: Notify,
}

impl Invocation {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            death: Arc::default(),
        }
    }

    /// Finds the invocation that the running code belongs to. Code that a handler spawns as a task of its own is not found.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `work` until it ends or a fault kills it. What is killed is dropped: it takes no further step.
    pub(crate) async fn run<T>(self, work: impl Future<Output = T>) -> Result<T, CrashError> {
        let death = self.death.clone();
        let killed = async move { death.notice.notified().await };
        CURRENT
            .scope(self, async move {
                tokio::select! {
                    biased;
                    () = killed => Err(CrashError),
                    done = work => Ok(done),
                }
            })
            .await
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.death.happened.load(Ordering::Relaxed)
    }

    pub(crate) async fn crash<E>(&self) -> Result<E, aws_smithy_runtime_api::client::result::ConnectorError> {
        self.death.happened.store(true, Ordering::Relaxed);
        self.death.notice.notify_one();
        match pending::<Infallible>().await {}
    }
}
