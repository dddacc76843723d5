//! The operator's command line: what it may do, what it is told to do, what it shows, and what it brings back.

mod commands_page;
mod documented_commands;
mod hostile;
mod json;
mod permissions;
mod restoring;
mod screens;
