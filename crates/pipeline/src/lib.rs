//! The AWS edges of the receiver: tables, queues, archive, batch responses, metrics, configuration.
