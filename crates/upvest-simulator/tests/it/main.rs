//! The simulator through its public interfaces, against a receiver on the loopback interface.

mod api;
mod api_control;
mod api_requests;
mod batching;
mod committed_deliveries;
mod documented_control;
mod faults;
mod keys;
mod receiver;
mod retries;
