//! Makes a delivery durable and answers 200.
