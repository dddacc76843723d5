//! Simulation and end-to-end tests through the public interfaces.
//!
//! The library is the ground the tests stand on: AWS in the test's own process, under the real SDK clients ([`aws`]),
//! the part of Lambda that polls queues and settles batches ([`lambda`]), the receiver set up in it ([`receiver`]), and
//! what a simulated Upvest has to tell ([`story`]). It ships in no function.

pub mod aws;
pub mod effects;
pub mod lambda;
pub mod metrics;
pub mod order_desk;
pub mod receiver;
pub mod story;
