//! One run of a function, which a fault can kill.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

tokio::task_local! {
    static CURRENT: Invocation;
}

/// Says that a fault killed the invocation at one of its awaits; nothing after it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invocation was killed at one of its awaits")]
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

    /// Runs `work` until it ends or a fault kills it, if not before then at its await number `dies_at`. What is killed
    /// is dropped: it takes no further step.
    pub(crate) async fn run<T>(
        self,
        work: impl Future<Output = T>,
        dies_at: Option<u32>,
    ) -> Result<T, CrashError> {
        let (death, dying) = (self.death.clone(), self.clone());
        let killed = async move { death.notice.notified().await };
        let mut awaits = 0;
        let work = async move {
            let mut work = pin!(work);
            poll_fn(|context| {
                if dies_at == Some(awaits) {
                    // The notice wakes the other branch of the `select!`, which drops this one.
                    dying.die();
                    return Poll::Pending;
                }
                awaits += 1;
                work.as_mut().poll(context)
            })
            .await
        };
        CURRENT
            .scope(self, async move {
                tokio::select! {
                    biased;
                    // Before the work, so that what was killed is dropped before it is polled again.
                    () = killed => Err(CrashError),
                    done = work => Ok(done),
                }
            })
            .await
    }

    fn die(&self) {
        self.death.happened.store(true, Ordering::Relaxed);
        self.death.notice.notify_one();
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.death.happened.load(Ordering::Relaxed)
    }

    pub(crate) async fn crash<E>(&self) -> Result<E, aws_smithy_runtime_api::client::result::ConnectorError> {
        self.die();
        match pending::<Infallible>().await {}
    }
}

/// Kills the invocation in which it is awaited, as a crash of its process does: nothing after it runs.
///
/// # Panics
///
/// Outside of an invocation.
pub async fn die() -> std::convert::Infallible {
    let invocation = Invocation::current().expect("there is an invocation to kill");
    let _: Result<(), _> = invocation.crash().await;
    std::future::pending().await
}
