//! The operator's command line: what it may do, what it is told to do, and what it shows.

mod documented_commands;
mod permissions;
mod screens;
