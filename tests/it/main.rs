//! In-process and end-to-end tests.

mod actions;
mod canary;
mod cost;
mod deliveries;
mod dialects;
mod documents;
mod effects;
mod end_to_end;
mod entities;
mod example_action;
mod idempotency;
mod operations;
mod operators;
mod private_log;
mod published_metrics;
mod refresh_keys;
mod register_webhook;
mod report_files;
mod simulation;
mod subscription_policy;
mod support;
mod template;
mod traces;
mod upvest;
mod upvest_access;
mod wire_shapes;
