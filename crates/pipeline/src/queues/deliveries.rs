//! The deliveries queue: from ingest to verify-and-store.

use aws_sdk_sqs::Client;

use crate::envelope::attributes::WAITED_AT;
use crate::envelope::encoding::EncodeError;
use crate::envelope::{Envelope, string_attribute};
use crate::error::AwsError;
use crate::queues::dead_letters::delivery_again;
use crate::runtime::trace::TraceHeader;
use crate::stores::archive::Quarantined;
use crate::stores::pending::{PendingError, PendingMessage};

/// Sends deliveries to the queue between ingest and verify-and-store.
#[derive(Debug, Clone)]
pub struct DeliveriesQueue {
    client: Client,
    url: String,
    trace: TraceHeader,
}

/// Says why a delivery is not in the queue.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The delivery can never be sent: see [`EncodeError`].
    #[error(transparent)]
    TooLarge(#[from] EncodeError),
    /// The queue did not take the delivery.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// Says why a pending message was not sent again. It is pending still.
#[derive(Debug, thiserror::Error)]
pub enum SendPendingError {
    /// The object does not hold the body of a message.
    #[error(transparent)]
    Pending(#[from] PendingError),
    /// The queue did not take the message.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl DeliveriesQueue {
    /// Sends to the queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        let trace = TraceHeader::of_invocation();
        Self { client, url, trace }
    }

    /// Makes the messages carry this trace, in place of the one of the invocation.
    #[must_use]
    pub fn traced_by(self, trace: TraceHeader) -> Self {
        Self { trace, ..self }
    }

    /// Opens the connection to SQS, so that the first delivery does not wait for a TLS handshake. A failure is left
    /// for the first send to report.
    pub async fn warm(&self) {
        let name = aws_sdk_sqs::types::QueueAttributeName::QueueArn;
        let _ = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(name)
            .send()
            .await;
    }

    /// Makes a delivery durable: once it returns, SQS has the delivery on several machines.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the delivery is then not known to be in the queue.
    pub async fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        self.send_with(envelope, None).await
    }

    /// Sends a delivery that waited in quarantine for its key, under the object's key there: verify-and-store takes the
    /// object away once the delivery has another place.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the delivery is then not known to be in the queue.
    pub async fn send_on(&self, envelope: &Envelope, waiting: &Quarantined) -> Result<(), SendError> {
        self.send_with(envelope, Some((WAITED_AT, waiting.key().to_owned())))
            .await
    }

    /// Sends a pending message again, as it was but for the reason why it had failed: verify-and-store removes it from where
    /// it is pending once it is handled.
    ///
    /// # Errors
    ///
    /// [`SendPendingError`]; the message is then not known to be in the queue.
    pub async fn send_pending(&self, pending: &PendingMessage) -> Result<(), SendPendingError> {
        let attributes = pending.attributes.iter();
        let attributes = attributes.map(|(name, text)| string_attribute((name, text.clone())));
        let request = self.client.send_message().queue_url(&self.url);
        let request = request.message_body(pending.body()?);
        let sent = request
            .set_message_attributes(Some(delivery_again(attributes)))
            .send()
            .await;
        sent.map_err(AwsError::of("SendMessage to the deliveries queue"))?;
        Ok(())
    }

    async fn send_with(
        &self,
        envelope: &Envelope,
        attribute: Option<(&str, String)>,
    ) -> Result<(), SendError> {
        let (body, mut attributes) = envelope.to_message()?;
        attributes.extend(attribute.map(string_attribute));
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let request = request.set_message_attributes(Some(attributes));
        request
            .set_message_system_attributes(self.trace.attributes())
            .send()
            .await
            .map_err(AwsError::of("SendMessage to the deliveries queue"))?;
        Ok(())
    }
}
