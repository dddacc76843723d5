//! Operations on a deployed receiver of Upvest's webhooks: everything that the command line can do, without a terminal.
//!
//! Each operation is a function that takes a [`Stack`] and plain values, and gives back a value that serialises as the
//! document that the command line prints. It parses no arguments, draws no table and prints nothing.
//!
//! | Module | Operations |
//! |---|---|
//! | [`stack`] | finding a stack; the one place that makes AWS clients and opens stores |
//! | [`repair`] | the frame of every repair: preview, question, audit, throttle, progress, end |
//! | [`events`], [`entities`] | the event log and the state of entities: show, timeline, verify one by the other, rebuild |
//! | [`find`] | an entity or an event by a part of its name |
//! | [`explain`] | from a state or an event back to the signed bytes, and forward to its actions |
//! | [`archive`] | the signed deliveries: verify the log by them, send again what it lacks |
//! | [`audit`] | what operators did, and why |
//! | [`cost`] | what a month costs, reckoned without a stack |
//! | [`deploy`] | deploying a release, and changing the parameters of a stack: checks, change set, progress, first cause |
//! | [`send`] | signed deliveries of the operator's own |
//! | [`doctor`] | checking a stack, and what Upvest has of it |
//! | [`listen`] | verified events, as the changes that were published, for a program on the operator's machine |
//! | [`names`] | names that operators type, and the ones that they meant |
//! | [`keys`] | the keys that deliveries are verified by: fetch, import, list |
//! | [`dlq`] | what could not be processed: list, show, redrive, discard; what is pending: list, send again |
//! | [`drain`] | stopping deliveries in front of the stack until its queues are empty |
//! | [`policy`] | what those who operate a stack need to be allowed, by its own ARNs |
//! | [`quarantine`] | what could not be proven: list, show, reverify, discard |
//! | [`reconcile`] | what the stack has beside what Upvest says: compare, repair |
//! | [`release`] | the folder of a release: what it is made of, and whether it still is what was released |
//! | [`replay`] | events of the log to the domain queues again |
//! | [`restore`] | rows of a restored copy of a table back into the table |
//! | [`specification`] | Upvest's specification beside the tables of this program: what differs |
//! | [`trigger`] | events that are made up, through the front door, followed to the states of their entities |
//! | [`watch`] | deliveries and events as they pass |
//! | [`webhooks`] | the subscriptions at Upvest: create, update, switch, delete, test |
//!
//! # Conventions
//!
//! - What takes long says how far it is through a [`Reporter`]: a callback, told [`Progress`].
//! - What changes something is a [`Repair`]. Before it does, it shows its preview to a closure that answers yes or no.
//! - Every failure is an [`Error`] with an [`ErrorKind`]. Things that are found to be wrong are no failures but results.
//!
//! ```no_run
//! use operator::{Output, Reporter, StackChoice, StackFinder};
//! use pipeline::runtime::config::{Lookup, environment};
//!
//! # async fn find() -> operator::Result<()> {
//! let choice = StackChoice { stack: Some("webhooks-live".to_owned()), ..StackChoice::default() };
//! let finder = StackFinder::new(choice, Lookup::new(&environment), Reporter::silent());
//! println!("delivered to {}", finder.stack().await?.output(Output::WebhookUrl)?);
//! # Ok(())
//! # }
//! ```

pub mod archive;
pub mod audit;
pub mod cost;
pub mod deploy;
pub mod dlq;
pub mod doctor;
pub mod drain;
pub mod entities;
pub mod error;
mod event_refusals;
pub mod events;
pub mod explain;
pub mod find;
pub mod fold;
pub mod hidden_headers;
pub mod key_file;
pub mod keys;
pub mod listen;
pub mod names;
pub mod operator_key;
pub mod policy;
pub mod quarantine;
pub mod reconcile;
pub mod records;
pub mod release;
pub mod repair;
pub mod replay;
pub mod reporter;
pub mod restore;
mod secret_file;
pub mod send;
mod signed_place;
pub mod specification;
pub mod stack;
pub mod times;
pub mod trigger;
pub mod upvest_account;
mod versions;
pub mod watch;
pub mod webhooks;

pub use error::{Error, ErrorKind, Result};
pub use repair::{Repair, RepairOptions};
pub use reporter::{Progress, Reporter};
pub use stack::{Output, Queue, Stack, StackChoice, StackFinder};
