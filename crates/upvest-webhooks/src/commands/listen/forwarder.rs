//! Posting what is heard while a screen shows it.

use std::collections::BTreeSet;
use std::time::Duration;

use operator::listen::{Form, Heard, HeardDelivery, Listener, Poster};
use operator::watch::{Update, WatchedDelivery};
use operator::{ErrorKind, Result};
use pipeline::error::ErrorChain;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::screen::{News, Posting};

/// Says how long to wait before a stack that cannot be read is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// Posts what is heard, one after the other, and tells a screen of it.
#[derive(Debug)]
pub(super) struct Forwarder {
    pub(super) listener: Listener,
    pub(super) poster: Poster,
    pub(super) form: Form,
    pub(super) news: mpsc::Sender<News>,
}

impl Forwarder {
    /// Posts what the feed tells, and what somebody orders to be posted again, until nothing more comes.
    ///
    /// # Errors
    ///
    /// [`Error`](operator::Error) when the stack denies to be read.
    pub(super) async fn run(
        &self,
        mut updates: mpsc::Receiver<Update>,
        mut orders: mpsc::UnboundedReceiver<WatchedDelivery>,
    ) -> Result<()> {
        loop {
            tokio::select! {
                // Somebody waits for what was ordered.
                biased;
                Some(delivery) = orders.recv() => self.forward(&delivery).await?,
                update = updates.recv() => match update {
                    Some(Update::Delivery(delivery)) => {
                        let seen = Update::Delivery(delivery.clone());
                        self.tell(News::Seen(seen)).await;
                        self.forward(&delivery).await?;
                    }
                    Some(other) => self.tell(News::Seen(other)).await,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn forward(&self, delivery: &WatchedDelivery) -> Result<()> {
        let HeardDelivery { heard, missing } = self.hear(delivery).await?;
        // What nothing is heard of is told too, so that nobody waits for it.
        let mut silent: BTreeSet<Option<&str>> = match self.form {
            Form::Changes => {
                let events = delivery.events.iter();
                events.map(|event| Some(event.event_id.as_str())).collect()
            }
            Form::Deliveries => BTreeSet::from([None]),
        };
        for event_id in &missing {
            silent.remove(&Some(event_id.as_str()));
            self.became(delivery, Some(event_id.as_str()), Posting::Missing)
                .await;
        }
        for heard in &heard {
            let event_id = self.event_id(heard);
            silent.remove(&event_id);
            self.became(delivery, event_id, Posting::Begun).await;
            let answered = Posting::Answered(self.poster.post(heard).await);
            self.became(delivery, event_id, answered).await;
        }
        for event_id in silent {
            self.became(delivery, event_id, Posting::Nothing).await;
        }
        Ok(())
    }

    /// Reads what came, however long the stack cannot be read; a stack that denies it will not change its mind.
    async fn hear(&self, delivery: &WatchedDelivery) -> Result<HeardDelivery> {
        let mut in_trouble = false;
        loop {
            match self.listener.hear(delivery).await {
                Ok(heard) => {
                    if in_trouble {
                        self.tell(News::Seen(Update::CaughtUp)).await;
                    }
                    return Ok(heard);
                }
                Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
                Err(error) => {
                    in_trouble = true;
                    let why = ErrorChain(&error).to_string();
                    let retry_in = PAUSE;
                    self.tell(News::Seen(Update::Trouble { why, retry_in })).await;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Names the event of a change; a delivery is posted as a whole.
    fn event_id<'h>(&self, heard: &'h Heard) -> Option<&'h str> {
        match self.form {
            Form::Changes => heard.events.first().map(|event| event.event_id.as_str()),
            Form::Deliveries => None,
        }
    }

    async fn became(&self, delivery: &WatchedDelivery, event_id: Option<&str>, posting: Posting) {
        self.tell(News::Posting {
            delivery_id: delivery.delivery_id.clone(),
            event_id: event_id.map(str::to_owned),
            posting,
        })
        .await;
    }

    async fn tell(&self, news: News) {
        // A screen that was left is told no more.
        let _ = self.news.send(news).await;
    }
}
