//! Measures the functions as they ship against the same work in Python and Node, in one run on this machine.
//!
//! `make bench` builds what is measured and runs this. It fails on no figure: it measures. The variants of a case take
//! turns, a process each, so that what else the machine does hits all alike. On Linux alone: the functions are built for it, and the
//! CPU time of another process is to be had there.
//!
//! | Module | Knows |
//! |---|---|
//! | [`cases`] | what is measured |
//! | [`inputs`] | what the functions are invoked with |
//! | [`variants`] | who does the work, and what they find around them |
//! | [`player`] | how a process is run and measured |
//! | [`stand_in`] | AWS on a socket |
//! | [`throttle`] | a small share of a CPU |
//! | [`bill`] | what invocations took of AWS, and its price |
//! | [`figures`] | medians and ratios |
//! | [`report`] | tables and JSON |
//! | [`run`] | the order of it all |

#![cfg(target_os = "linux")]

pub mod bill;
pub mod cases;
pub mod error;
pub mod figures;
pub mod inputs;
pub mod player;
pub mod report;
pub mod run;
pub mod stand_in;
pub mod throttle;
pub mod variants;
