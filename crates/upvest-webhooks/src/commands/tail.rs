//! `tail`: deliveries and events as they pass.

mod feed;
mod lines;
mod model;
mod screen;
mod sighting;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clap::Args;
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{Archive, Place};
use pipeline::stores::entities::Entities;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use crate::arguments::length_of_time;
use crate::stack::{Stack, StackError};

use feed::{Feed, Watch};
use lines::Form;
use model::App;
use sighting::{Filter, Reader};

/// How many updates wait for whoever shows them.
const WAITING: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Show only what is in quarantine
    #[arg(long, help_heading = "What to show")]
    quarantine_only: bool,
    /// Begin with what was received this long ago, like 10m
    #[arg(long, value_name = "TIME", value_parser = length_of_time, help_heading = "What to show")]
    since: Option<Duration>,
    /// Show the status that each event's entity has, which costs a read of the entities table
    #[arg(long, help_heading = "What to show")]
    state: bool,
    /// Print the events' objects too, which are personal data; on the screen, the key o shows one
    #[arg(long, help_heading = "What to show")]
    object: bool,
    /// Print lines, also on a terminal
    #[arg(long)]
    plain: bool,
    /// Look into the archive this often
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = length_of_time)]
    every: Duration,
    /// Expect deliveries to be verified up to so long after their receipt
    ///
    /// Those that take longer, for example because their key was not known, are not shown.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = length_of_time)]
    late: Duration,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = length_of_time)]
    duration: Option<Duration>,
    /// End after so many deliveries; prints lines
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Why nothing is shown any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TailError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(
        "the archive cannot be watched: check the credentials, and that they may list and read the bucket"
    )]
    Archive(#[source] AwsError),
    #[error("the archive could not be read in all that time")]
    NeverRead,
    #[error("the terminal cannot be used as a screen: --plain prints lines")]
    Terminal(#[source] io::Error),
    #[error("the result cannot be printed")]
    Output(#[source] io::Error),
    #[error("signals cannot be waited for")]
    Signals(#[from] ctrlc::Error),
}

impl Arguments {
    /// Runs the command until it is stopped.
    pub(crate) async fn run(&self, stack: &Stack, json: bool) -> Result<(), TailError> {
        let clock = Clock::system();
        let form = self.form(json);
        let reader = Reader {
            // The screen reads the one that is asked for.
            objects: self.object && form.is_some(),
            ..self.reader(stack)?
        };
        let feed = Feed::new(reader.clone(), self.watch(&clock), clock.clone());
        let has_looked = feed.has_looked();
        let stopped = stop_signal()?;
        let (sender, updates) = mpsc::channel(WAITING);
        let show = async {
            match form {
                Some(form) => self.print(updates, form).await,
                None => screen::run(updates, self.app(stack), reader, clock).await,
            }
        };
        let time_is_up = async {
            match self.duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        // Whatever ends first drops the others; the screen gives the terminal back when it is dropped.
        tokio::select! {
            () = stopped.notified() => Ok(()),
            shown = show => shown,
            watched = feed.run(sender) => watched.map_err(TailError::Archive),
            () = time_is_up => match has_looked.load(Relaxed) {
                true => Ok(()),
                false => Err(TailError::NeverRead),
            },
        }
    }

    async fn print(&self, mut updates: mpsc::Receiver<feed::Update>, form: Form) -> Result<(), TailError> {
        let printed = lines::print(&mut updates, &mut io::stdout(), form, self.count).await;
        printed.map_err(TailError::Output)
    }

    /// How lines are printed; `None` for the screen.
    fn form(&self, json: bool) -> Option<Form> {
        let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        match json {
            true => Some(Form::Json),
            false if self.plain || self.count.is_some() || !is_terminal => Some(Form::Text),
            false => None,
        }
    }

    fn reader(&self, stack: &Stack) -> Result<Reader, StackError> {
        let entities = match self.state {
            true => Some(Entities::new(
                aws_sdk_dynamodb::Client::new(stack.config()),
                stack.entities_table()?,
            )),
            false => None,
        };
        Ok(Reader {
            archive: Archive::new(
                pipeline::runtime::aws::s3(stack.config()),
                stack.archive_bucket()?,
            ),
            entities,
            filter: self.filter.clone(),
            objects: self.object,
        })
    }

    fn watch(&self, clock: &Clock) -> Watch {
        let places = match self.quarantine_only {
            true => vec![Place::Quarantine],
            false => vec![Place::Verified, Place::Quarantine],
        };
        Watch {
            places,
            from: clock.now() - self.since.unwrap_or_default(),
            late: self.late,
            every: self.every,
        }
    }

    fn app(&self, stack: &Stack) -> App {
        let place = stack.name().unwrap_or("the environment's parts");
        let region = stack.config().region();
        let title = match (stack.config().endpoint_url(), region) {
            (Some(_), _) => format!("{place}, local"),
            (None, Some(region)) => format!("{place}, {region}"),
            (None, None) => place.to_owned(),
        };
        App::new(title, self.quarantine_only)
    }
}

/// Notifies when the process is told to end.
fn stop_signal() -> Result<Arc<Notify>, ctrlc::Error> {
    let stopped = Arc::new(Notify::new());
    let notify = Arc::clone(&stopped);
    ctrlc::set_handler(move || notify.notify_one())?;
    Ok(stopped)
}
