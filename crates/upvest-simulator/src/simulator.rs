//! The simulator's handle.

mod api;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use upvest::Event;
use upvest::delivery::DeliveryError;
use upvest::event::EventError;
use upvest::signature::{Jwk, KeyError};

use crate::api_client::ApiCredentials;
use crate::api_state::ApiState;
use crate::deliverer::Deliverer;
use crate::faults::{Faults, FaultsError};
use crate::key_file::{self, KeyFileError};
use crate::keys::{KeyRing, VerifyKeys, generate_key, stranger_key};
use crate::lock::Lock;
use crate::options::{KeySource, Options, StartError};
use crate::post;
use crate::queue::QueuedEvent;
use crate::record::DeliveryRecord;
use crate::shared_state::{Fixed, Shared};
use crate::subscriber::{Subscriber, SubscriptionState, Target};
use crate::subscription::Subscription;

/// Says why a subscription cannot be added or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// There is a subscription with that id already.
    #[error("subscription {0} exists already")]
    Exists(String),
    /// The URL's scheme is neither http nor https.
    #[error("{0} is not an http or https URL")]
    NotHttp(String),
    /// There is no subscription with that id.
    #[error("there is no subscription {0}")]
    Unknown(String),
    /// The HTTP client cannot be created.
    #[error("the HTTP client cannot be created")]
    Client(#[from] reqwest::Error),
}

/// Says why events cannot be queued. None of them was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The text holds no events at all.
    #[error(transparent)]
    NoEvents(#[from] DeliveryError),
    /// One of them is not an event.
    #[error("event {index} (counted from 0) cannot be queued")]
    Malformed {
        /// Numbers the event among those that were given, from 0.
        index: usize,
        /// Tells what keeps it from being an event.
        #[source]
        source: EventError,
    },
}

/// Says why the key cannot be rotated. The former key stays in use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The key file cannot be written.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The cryptographic library generates no key.
    #[error("a signing key cannot be generated")]
    Key(#[from] KeyError),
}

/// Tells how far the deliveries of all subscriptions have come.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    /// Gives the id of the key that signs.
    pub key_id: String,
    /// Counts events that were queued and not yet accepted, over all subscriptions.
    pub outstanding_events: usize,
    /// Says how far each subscription has come, oldest first.
    pub subscriptions: Vec<SubscriptionState>,
    /// Says what goes wrong on purpose at present.
    pub faults: Faults,
}

/// Stands in for Upvest. Deliveries stop when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    subscribers: Lock<Vec<Arc<Subscriber>>>,
    deliverers: Lock<Deliverers>,
    api: ApiState,
}

/// Holds the tasks that deliver, and how many there ever were.
#[derive(Debug, Default)]
struct Deliverers {
    tasks: JoinSet<()>,
    started: usize,
}

impl Simulator {
    /// Starts a simulator without any subscription, so that it delivers nothing yet.
    ///
    /// # Errors
    /// [`StartError`] when an option is out of range or there is no key.
    pub fn start(options: Options) -> Result<Self, StartError> {
        if !(0.0..=f64::from(u16::MAX)).contains(&options.time_scale) {
            return Err(StartError::TimeScale(options.time_scale));
        }
        options.faults.validate()?;
        let (key, key_file) = match options.key {
            KeySource::Generate => (generate_key()?, None),
            KeySource::Key(key) => (key, None),
            KeySource::File(path) => (key_file::load_or_create(&path)?, Some(path)),
        };
        let fixed = Fixed {
            clock: options.clock,
            key_file,
            stranger: Arc::new(stranger_key()?),
            seed: options.seed,
            time_scale: options.time_scale,
            resign_retries: options.resign_retries,
            signature_lifetime: options.signature_lifetime,
            answer_timeout: options.answer_timeout,
        };
        let (mut clients, mut generated) = (options.api_clients, None);
        if clients.is_empty() {
            let credentials = ApiCredentials::generate()?;
            clients.push(credentials.client()?);
            generated = Some(credentials);
        }
        Ok(Self {
            api: ApiState::new(clients, generated, options.token_lifetime),
            shared: Arc::new(Shared::new(fixed, KeyRing::new(key), options.faults)),
            subscribers: Lock::default(),
            deliverers: Lock::default(),
        })
    }

    /// Adds a subscription and starts its deliverer, a task of the current tokio runtime. It receives the events that
    /// are queued from then on.
    ///
    /// # Errors
    /// [`SubscribeError`] when the id is taken or the URL cannot be delivered to.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn subscribe(&self, subscription: Subscription) -> Result<(), SubscribeError> {
        let mut subscribers = self.subscribers.lock();
        if subscribers
            .iter()
            .any(|own| own.target().subscription.id == subscription.id)
        {
            return Err(SubscribeError::Exists(subscription.id));
        }
        let subscriber = Arc::new(Subscriber::new(self.target(subscription)?));
        let mut deliverers = self.deliverers.lock();
        // A generator of its own, so that other subscriptions' deliveries do not change what the seed decides here.
        let mut root = fastrand::Rng::with_seed(self.shared.fixed.seed);
        let random = (0..deliverers.started).fold(root.fork(), |_, _| root.fork());
        let deliverer = Deliverer::new(Arc::clone(&self.shared), Arc::clone(&subscriber), random);
        deliverers.tasks.spawn(deliverer.run());
        deliverers.started += 1;
        subscribers.push(subscriber);
        Ok(())
    }

    fn target(&self, subscription: Subscription) -> Result<Target, SubscribeError> {
        if !matches!(subscription.url.scheme(), "http" | "https") {
            return Err(SubscribeError::NotHttp(subscription.url.to_string()));
        }
        Ok(Target {
            client: post::client(&subscription.url, self.shared.fixed.answer_timeout)?,
            updated_at: self.shared.now(),
            subscription,
        })
    }

    /// Queues events for every subscription that receives their category. `events` is the JSON text of one event, an
    /// array of events, or a delivery's body; each event keeps its text, but for the id of the samples' subscription
    /// ([`Subscription::SAMPLE_ID`]), in whose place stands that of the subscription which receives it.
    ///
    /// Returns how many events at least one subscription receives.
    ///
    /// # Errors
    /// [`QueueError`] when a part is not an event; then none of them is queued.
    pub fn queue(&self, events: &str) -> Result<usize, QueueError> {
        let events = parsed(events)?;
        // Locked until all are pushed: one dropped meanwhile would keep events that nobody counts off.
        let subscribers = self.subscribers.lock();
        let mut received = 0;
        for event in events {
            self.publish_document(&event);
            let receivers: Vec<_> = subscribers
                .iter()
                .filter(|subscriber| subscriber.target().subscription.receives(event.category_name()))
                .collect();
            // Counted before a deliverer can see them, so that the count never falls below what is outstanding.
            self.shared.queued(receivers.len());
            received += usize::from(!receivers.is_empty());
            for subscriber in receivers {
                let own = &subscriber.target().subscription.id;
                subscriber.push(QueuedEvent {
                    id: event.id().to_owned(),
                    created_at: event.created_at(),
                    json: event.json().replace(Subscription::SAMPLE_ID, own).into(),
                });
            }
        }
        Ok(received)
    }

    /// Lets events happen that no subscription ever receives: the API alone knows of them.
    ///
    /// # Errors
    /// [`QueueError`] when a part is not an event; then none of them happens.
    pub fn lose(&self, events: &str) -> Result<usize, QueueError> {
        let events = parsed(events)?;
        events.iter().for_each(|event| self.publish_document(event));
        Ok(events.len())
    }

    /// Waits until every queued event was accepted. Does not return while a receiver refuses them.
    pub async fn delivered(&self) {
        self.shared.all_delivered().await;
    }

    /// Signs with a new key from now on; the former one stays published for `overlap`. Returns the new public key.
    ///
    /// # Errors
    /// [`RotateError`] when there is no new key, or it cannot be written to the key file.
    pub fn rotate_key(&self, overlap: Duration) -> Result<Jwk, RotateError> {
        let next = generate_key()?;
        let jwk = next.to_jwk().ok_or(KeyError::Unavailable)?;
        if let Some(path) = &self.shared.fixed.key_file {
            key_file::save(path, &next)?;
        }
        let until = self.shared.now() + overlap;
        self.shared.keys.lock().replace(next, until);
        Ok(jwk)
    }

    /// Returns the published keys, the one in use first.
    #[must_use]
    pub fn verify_keys(&self) -> VerifyKeys {
        let now = self.shared.now();
        self.shared.keys.lock().published(now)
    }

    /// Replaces the faults; they concern deliveries that have not begun.
    ///
    /// # Errors
    /// [`FaultsError`] when a probability is not between 0 and 1.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultsError> {
        faults.validate()?;
        self.shared.set_faults(faults);
        Ok(())
    }

    /// Returns the record of every request so far, in the order in which they ended.
    #[must_use]
    pub fn records(&self) -> Vec<DeliveryRecord> {
        self.shared.records()
    }

    /// Returns how far the deliveries have come.
    #[must_use]
    pub fn state(&self) -> State {
        let subscribers = self.subscribers.lock();
        State {
            key_id: self.shared.current_key().key_id().to_owned(),
            outstanding_events: self.shared.outstanding_events(),
            subscriptions: subscribers.iter().map(|subscriber| subscriber.state()).collect(),
            faults: self.shared.faults(),
        }
    }
}

fn parsed(events: &str) -> Result<Vec<Event<'_>>, QueueError> {
    let parts = upvest::split(events.as_bytes())?.into_iter().enumerate();
    let events = parts.map(|(index, part)| {
        part.event
            .map_err(|source| QueueError::Malformed { index, source })
    });
    events.collect()
}
