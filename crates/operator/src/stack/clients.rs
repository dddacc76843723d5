//! The clients of AWS that reach a stack, and the stores of the stack from them.

use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::queues::domains::{DomainQueues, Routes, RoutesError};
use pipeline::runtime::aws;
use pipeline::runtime::clock::Clock;
use pipeline::sending_on::Waiting;
use pipeline::stores::archive::Archive;
use pipeline::stores::audit::AuditLog;
use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use pipeline::stores::idempotency::Idempotency;
use pipeline::stores::keys::{HmacSecrets, Keys, KeysTable};
use pipeline::stores::pending::Pending;
use pipeline::stores::restoring::{RestorableTable, Restoring};
use pipeline::stores::subscriptions::Subscriptions;
use upvest::Domain;

use super::{Output, Queue, Stack};
use crate::error::{Error, Result};

/// Is the code by which most services say that there is no such thing: DynamoDB, EventBridge, Lambda, Secrets Manager and Cloud
/// Control.
pub(crate) const NOT_THERE: &str = "ResourceNotFoundException";

/// Makes clients of AWS, for what no store of the receiver covers.
impl Stack {
    /// Makes a client of DynamoDB, which has all tables of the stack.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws::dynamodb(self.config())
    }

    /// Makes a client of S3, which has the archive and the quarantine.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws::s3(self.config())
    }

    /// Makes a client of SQS, for the queues and their dead-letter queues.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws::sqs(self.config())
    }

    /// Makes a client of Secrets Manager.
    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws::secrets(self.config())
    }

    /// Makes a client of STS, which tells who the operator is, for the audit table.
    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(self.config())
    }

    /// Makes a client of CloudFormation, by which the doctor finds the resources of the stack.
    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(self.config())
    }

    /// Makes a client of CloudWatch, by which the doctor lists the alarms.
    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(self.config())
    }

    /// Makes a client of EventBridge, by which the doctor checks the schedules and the bus of changes.
    pub(crate) fn event_bridge(&self) -> aws_sdk_eventbridge::Client {
        aws::event_bridge(self.config())
    }

    /// Makes a client of Lambda, by which the doctor checks the functions and what they read.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(self.config())
    }
}

/// Opens the stores of a stack. Each of these functions fails where the stack does not name it.
impl Stack {
    /// Opens the event log, which has an item for each event that was received.
    pub(crate) fn event_log(&self) -> Result<EventLog> {
        Ok(EventLog::new(self.dynamodb(), self.output(Output::EventsTable)?))
    }

    /// Opens the table of entities, which has the state that their events add up to.
    pub(crate) fn entities(&self) -> Result<Entities> {
        Ok(Entities::new(
            self.dynamodb(),
            self.output(Output::EntitiesTable)?,
        ))
    }

    /// Opens the keys that deliveries are verified by.
    pub(crate) fn verifying_keys(&self, clock: Clock) -> Result<Keys> {
        let table = self.output(Output::KeysTable)?;
        Ok(Keys::new(self.dynamodb(), self.secrets(), table, clock))
    }

    /// Opens the keys table to list and change the keys themselves.
    pub(crate) fn keys(&self, clock: Clock) -> Result<KeysTable> {
        let table = self.output(Output::KeysTable)?;
        Ok(KeysTable::new(self.dynamodb(), table, clock))
    }

    /// Opens the table of subscriptions; `None` where the stack does not manage its own and takes events of any.
    pub(crate) fn subscriptions(&self, clock: Clock) -> Option<Subscriptions> {
        let table = self.output(Output::SubscriptionsTable).ok()?;
        Some(Subscriptions::new(self.dynamodb(), table, clock))
    }

    /// Opens the secrets of HMAC keys, which the keys table refers to.
    pub(crate) fn hmac_secrets(&self) -> HmacSecrets {
        HmacSecrets::new(self.secrets())
    }

    /// Opens the records of actions, to read them.
    pub(crate) fn idempotency(&self, clock: Clock) -> Result<Idempotency> {
        let table = self.output(Output::IdempotencyTable)?;
        Ok(Idempotency::reader(self.dynamodb(), table, clock))
    }

    /// Opens a restored copy of a table beside the table itself, to put rows back.
    pub(crate) fn restoring(&self, table: RestorableTable, from: String, into: String) -> Restoring {
        Restoring::new(self.dynamodb(), table, from, into)
    }

    /// Opens the audit table, whose items `clock` dates.
    pub(crate) fn audit_log(&self, clock: Clock) -> Result<AuditLog> {
        let table = self.output(Output::AuditTable)?;
        Ok(AuditLog::new(self.dynamodb(), table, clock))
    }

    /// Opens the archive, which has the quarantine too.
    pub(crate) fn archive(&self) -> Result<Archive> {
        let (verified, quarantine) = (
            self.output(Output::ArchiveBucket)?,
            self.output(Output::QuarantineBucket)?,
        );
        Ok(Archive::new(self.s3(), verified, quarantine))
    }

    /// Opens the bucket of what was answered and is not settled.
    pub(crate) fn pending(&self) -> Result<Pending> {
        Ok(Pending::new(self.s3(), self.output(Output::PendingBucket)?))
    }

    /// Opens the queue that verify-and-store reads, to send deliveries to it again.
    pub(crate) fn deliveries_queue(&self) -> Result<DeliveriesQueue> {
        let url = self.queue_url(Queue::Deliveries)?;
        Ok(DeliveriesQueue::new(self.sqs(), url))
    }

    /// Opens what sends on deliveries that waited for a key.
    pub(crate) fn waiting(&self, clock: Clock) -> Result<Waiting> {
        Ok(Waiting {
            archive: self.archive()?,
            queue: self.deliveries_queue()?,
            pinned: self.pinned_keys()?,
            clock,
        })
    }

    /// Opens the queues of the domains.
    pub(crate) fn domain_queues(&self) -> Result<DomainQueues> {
        let route = |domain: Domain| Ok(format!("{domain}={}", self.queue_url(Queue::Domain(domain))?));
        let routes = Domain::ALL.into_iter().map(route).collect::<Result<Vec<_>>>()?;
        let unknown = Error::context::<RoutesError>("the queues of the domains are not known");
        let routes: Routes = routes.join(",").parse().map_err(unknown)?;
        Ok(DomainQueues::new(self.sqs(), routes))
    }
}
