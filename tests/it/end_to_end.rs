//! The deployed template on the emulator, through its HTTP API, with the functions' IAM policies enforced.

mod accepted;
mod bad_input;
mod building;
mod changes;
// Both look at the processes of the emulator's functions in `/proc`.
#[cfg(target_os = "linux")]
mod crashes;
mod exit_codes;
mod getting_started;
mod incidents;
#[cfg(target_os = "linux")]
mod least_privilege;
mod outages;
#[cfg(target_os = "linux")]
mod processes;
mod readme;
mod releases;
mod sender;
mod stack;
mod subscriber;
mod subscription;
mod upvest;
mod use_cases;
#[cfg(unix)]
mod watching;
mod way_back;
