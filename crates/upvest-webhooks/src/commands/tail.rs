//! `tail`: deliveries and events as they pass.

mod lines;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clap::Args;
use operator::names::{warn_of_unknown_entities, warn_of_unknown_types};
use operator::watch::{Feed, Filter, Reader, Update, Watch};
use operator::{Error, Reporter, Result, Stack};
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::Section;
use tokio::sync::mpsc;
use upvest::EntityKey;

use self::lines::Form;
use crate::arguments::{entity, event_type, length_of_time};
use crate::screen::{self, App, Desk, News, Setting};
use crate::terminal::{stop_signal, time_is_over};

/// Bounds the updates that wait for whoever shows them: while there are so many, nothing more is read.
const WAITING: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Show events of this type, like ORDER.FILLED; repeat it for more
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type, help_heading = "What to show")]
    types: Vec<String>,
    /// Show events of this category, like ORDER; repeat it for more
    #[arg(long = "category", value_name = "CATEGORY", value_parser = event_type, help_heading = "What to show")]
    categories: Vec<String>,
    /// Show events of this entity, written TYPE#ID, of which the beginning is enough; repeat it for more
    #[arg(long = "entity", value_name = "ENTITY", value_parser = entity, help_heading = "What to show")]
    entities: Vec<EntityKey>,
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
    /// Print lines, also on a terminal, in place of the screen
    #[arg(long)]
    plain: bool,
    /// Look into the archive this often, like 2s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = length_of_time)]
    every: Duration,
    /// Expect deliveries to be verified up to so long after their receipt
    ///
    /// Those that take longer, for example because their key was not known, are not shown.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = length_of_time)]
    late: Duration,
    /// End after this time, like 90s or 10m
    #[arg(long = "for", value_name = "TIME", value_parser = length_of_time)]
    duration: Option<Duration>,
    /// End after so many deliveries; prints lines
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Arguments {
    /// Runs the command until it is stopped.
    pub(crate) async fn run(&self, stack: &Stack, json: bool, reporter: Reporter<'_>) -> Result<()> {
        warn_of_unknown_types(self.types.iter().chain(&self.categories), reporter);
        warn_of_unknown_entities(&self.entities, reporter);
        let clock = Clock::system();
        let form = self.form(json);
        // The screen reads the one object that is asked for.
        let reader = self.reader(stack, self.object && form.is_some())?;
        let feed = Feed::new(reader.clone(), self.watch(&clock), clock.clone());
        let has_looked = feed.has_looked();
        let stopped = stop_signal()?;
        let (sender, updates) = mpsc::channel(WAITING);
        let show = async {
            match form {
                Some(form) => self.print(updates, form).await,
                None => self.show(updates, stack, reader, clock).await,
            }
        };
        // Whatever ends first drops the others; the screen gives the terminal back when it is dropped.
        tokio::select! {
            () = stopped.notified() => Ok(()),
            shown = show => shown,
            watched = feed.run(sender) => watched,
            // Else a stack that cannot be read would look like one to which nothing came.
            () = time_is_over(self.duration) => match has_looked.load(Relaxed) {
                true => Ok(()),
                false => Err(Error::failed("the archive could not be read in all that time")),
            },
        }
    }

    async fn print(&self, mut updates: mpsc::Receiver<Update>, form: Form) -> Result<()> {
        let printed = lines::print(&mut updates, &mut io::stdout(), form, self.count).await;
        printed.map_err(Error::context("the result cannot be printed"))
    }

    async fn show(
        &self,
        updates: mpsc::Receiver<Update>,
        stack: &Stack,
        reader: Reader,
        clock: Clock,
    ) -> Result<()> {
        let mut app = App::new(Setting {
            quarantine_only: self.quarantine_only,
            ..Setting::of(stack)
        });
        let (sender, news) = mpsc::channel(WAITING);
        let desk = Desk {
            stack,
            reader,
            clock,
            orders: None,
        };
        tokio::select! {
            shown = screen::run(&mut app, news, &desk) => shown,
            () = tell(updates, sender) => Ok(()),
        }
    }

    /// Says how lines are printed; `None` for the screen.
    fn form(&self, json: bool) -> Option<Form> {
        let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        match json {
            true => Some(Form::Json),
            false if self.plain || self.count.is_some() || !is_terminal => Some(Form::Text),
            false => None,
        }
    }

    fn reader(&self, stack: &Stack, with_objects: bool) -> Result<Reader> {
        let filter = Filter {
            types: self.types.clone(),
            categories: self.categories.clone(),
            entities: self.entities.clone(),
        };
        Reader::new(stack, filter, self.state, with_objects)
    }

    fn watch(&self, clock: &Clock) -> Watch {
        let sections = match self.quarantine_only {
            true => vec![Section::Quarantine],
            false => vec![Section::Verified, Section::Quarantine],
        };
        Watch {
            sections,
            from: clock.now() - self.since.unwrap_or_default(),
            late: self.late,
            every: self.every,
        }
    }
}

/// Tells the screen what the feed tells, until nothing more comes.
async fn tell(mut updates: mpsc::Receiver<Update>, news: mpsc::Sender<News>) {
    while let Some(update) = updates.recv().await {
        if news.send(News::Seen(update)).await.is_err() {
            return;
        }
    }
}
