//! The processors of the domains: one binary for each domain, so that each has its own queue, role and limits.
//!
//! What they have in common is `pipeline::processor`. Here is what differs: [`actions`] is yours, and what the receiver
//! ships to be called from there has a module beside it, so far [`report_files`].

pub mod actions;
pub mod report_files;
