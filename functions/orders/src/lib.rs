//! Projects orders with their executions and cancellations.
