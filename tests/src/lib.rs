//! Simulation and end-to-end tests through the public interfaces.
//!
//! The library is the ground the tests stand on, over the AWS of [`fake_aws`]: the receiver set up in it
//! ([`receiver`]), the same as an operator's commands find it ([`deployment`]), events and signed deliveries written by
//! hand ([`deliveries`]) or made up from a seed ([`story`]), whole runs in a hostile world
//! ([`simulation`]), an action whose effects can be seen ([`effects`]), what is
//! [`stored`], read through the stores, and what the functions measure ([`metrics`]), finds the commands that a text names
//! ([`commands`]), holds what they print against its [`schemas`], leaves [`files`] for them, and has the actions that pages show
//! ([`order_desk`], [`getting_started`]). It ships in no function.

pub mod commands;
pub mod deliveries;
pub mod deployment;
pub mod effects;
pub mod files;
pub mod getting_started;
pub mod metrics;
pub mod order_desk;
pub mod receiver;
pub mod schemas;
pub mod simulation;
pub mod stored;
pub mod story;
