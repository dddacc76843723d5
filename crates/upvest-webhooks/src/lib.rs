//! The operator's command line of the Upvest webhook receiver.
//!
//! It manages the subscriptions at Upvest, fetches and imports verification keys, delivers signed events by hand or as
//! load, and shows what the receiver stored. It reads and writes a stack's tables with the operator's own AWS credentials; no
//! function depends on it. What the commands do is in [`operator`]; here are their arguments and what they show.
//!
//! The program is [`Cli`], which parses a command line and runs it; the tests run it the same way:
//!
//! ```
//! use clap::Parser;
//! use upvest_webhooks::Cli;
//!
//! assert!(Cli::try_parse_from(["upvest-webhooks", "events", "show", "e1"]).is_ok());
//! let wrong = Cli::try_parse_from(["upvest-webhooks", "events", "burn", "e1"]);
//! assert_eq!(wrong.unwrap_err().kind(), clap::error::ErrorKind::InvalidSubcommand);
//! ```

mod arguments;
mod cli;
mod commands;
mod contexts;
mod exit;
mod output;
mod screen;
mod terminal;
mod times;

pub use cli::Cli;
pub use commands::shell::completes;
pub use exit::Exit;
pub use output::{Answer, complain, misused};
