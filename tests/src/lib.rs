//! Simulation and end-to-end tests through the public interfaces.
//!
//! The library is the ground the tests stand on, over the AWS of [`fake_aws`]: the receiver set up in it
//! ([`receiver`]), an action whose effects can be seen ([`effects`]), what the functions measure ([`metrics`]), and what
//! a simulated Upvest has to say ([`story`]). It ships in no function.

pub mod effects;
pub mod metrics;
pub mod order_desk;
pub mod receiver;
pub mod story;
