//! `listen`: verified events of a stack, posted to a program on this machine.

mod console;
mod forwarder;
mod lines;
mod session;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use operator::listen::{Form, Listener, Poster};
use operator::names::{warn_of_unknown_entities, warn_of_unknown_types};
use operator::send::Target;
use operator::watch::{Feed, Filter, Reader, Watch};
use operator::{Result, Stack};
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::Section;
use tokio::sync::mpsc;
use upvest::EntityKey;

use self::console::{Console, Key};
use self::forwarder::Forwarder;
use self::session::{Session, Style};
use crate::arguments::{Site, candidates, entity, event_type, length_of_time};
use crate::output::{Exit, Page, note};
use crate::screen::{self, App, Desk, Setting};
use crate::terminal::{stop_signal, time_is_over};

/// Bounds the updates that wait to be posted or shown: while there are so many, nothing more is read.
const WAITING: usize = 64;
/// Says how long after their receipt deliveries are still looked for.
const LATE: Duration = Duration::from_secs(120);

const EXAMPLES: &str = "\
Examples:
  Filled orders, to a program under development:
    upvest-webhooks listen --forward-to http://localhost:3000/changes --type ORDER.FILLED

  What was published of one entity in the last hour, for jq:
    upvest-webhooks listen --print --json --since 1h \\
      --entity ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4

Each event is posted once, as the JSON that the event bus has of its change (events/schemas/change.v1.schema.json), or with --raw \
as the delivery that Upvest made, with its signature. A status from 200 to 299 says that the program took it.

On a terminal it is the screen of tail, with what the program answered in each row: r posts the selected event again, R all that \
were not taken, ? shows the keys. With --plain, --print or --count it prints lines: r posts the last one again, f all that were not \
taken, q ends it. What is posted and printed holds personal data. Exit status: 1 where something was not taken in the end.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The URL of the program: on this machine, or https
    #[arg(long, value_name = "URL", required_unless_present = "print")]
    forward_to: Option<String>,
    /// Allow http:// to another machine; what is posted can then be read on the way
    #[arg(long, requires = "forward_to")]
    insecure_http: bool,
    /// Print what is posted, or would be
    #[arg(long)]
    print: bool,
    /// Print lines, also on a terminal, in place of the screen
    #[arg(long)]
    plain: bool,
    /// Post each delivery as Upvest made it, byte for byte, with the headers of its signature
    #[arg(long)]
    raw: bool,
    /// Forward events of this type, like ORDER.FILLED; repeat it for more
    #[arg(long = "type", value_name = "TYPE", add = candidates::event_types(), value_parser = event_type, help_heading = "What to forward")]
    types: Vec<String>,
    /// Forward events of this category, like ORDER; repeat it for more
    #[arg(long = "category", value_name = "CATEGORY", add = candidates::categories(), value_parser = event_type, help_heading = "What to forward")]
    categories: Vec<String>,
    /// Forward events of this entity, written TYPE#ID, of which the beginning is enough; repeat it for more
    #[arg(long = "entity", value_name = "ENTITY", value_parser = entity, help_heading = "What to forward")]
    entities: Vec<EntityKey>,
    /// Begin with what was received this long ago, like 10m
    #[arg(long, value_name = "TIME", value_parser = length_of_time, help_heading = "What to forward")]
    since: Option<Duration>,
    /// Post so often at most what is not taken
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    attempts: u32,
    /// Wait so long for an answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = length_of_time)]
    timeout: Duration,
    /// Look into the archive this often
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = length_of_time)]
    every: Duration,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = length_of_time)]
    duration: Option<Duration>,
    /// End after so many changes, or with --raw deliveries
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Arguments {
    /// Forwards until it is stopped, or there was as much as was asked for.
    pub(crate) async fn run(self, site: Site<'_>, page: Page) -> Result<Exit> {
        let (stack, reporter) = (site.stack, site.reporter);
        warn_of_unknown_types(self.types.iter().chain(&self.categories), reporter);
        warn_of_unknown_entities(&self.entities, reporter);
        if let Some(poster) = self.poster()?
            && self.is_for_a_screen(page)
        {
            return self.run_on_screen(stack, poster).await;
        }
        let stopped = stop_signal()?;
        // Keys are for people: where lines are for a program, the terminal stays as it is.
        let (console, keys) = match page.is_json {
            true => (Console::plain(), None),
            false => Console::attended(stopped.clone()),
        };
        let mut session = self.session(stack, page, console)?;
        session.begin(self.forward_to.as_deref());
        // Whatever ends first drops the others.
        let ended = tokio::select! {
            () = stopped.notified() => Ok(()),
            () = time_is_over(self.duration) => Ok(()),
            listened = self.listen(stack, &mut session, keys) => listened,
        };
        // Before the error: what was taken until then is told however it ended.
        session.end();
        ended?;
        Ok(Exit::of_work(session.all_taken()))
    }

    /// Tells whether somebody is there to look at a screen, and nothing was asked for that only lines can show.
    fn is_for_a_screen(&self, page: Page) -> bool {
        let asks_for_lines = self.plain || self.print || self.count.is_some() || page.is_json;
        !asks_for_lines && io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    async fn run_on_screen(&self, stack: &Stack, poster: Poster) -> Result<Exit> {
        let stopped = stop_signal()?;
        let clock = Clock::system();
        // Without states, for which the list has no column here, and without objects: the key `o` reads one.
        let reader = Reader::new(stack, self.filter(), false, false)?;
        let feed = Feed::new(reader.clone(), self.watch(&clock), clock.clone());
        let (sender, updates) = mpsc::channel(WAITING);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (telling, news) = mpsc::channel(WAITING);
        let forwarder = Forwarder {
            listener: Listener::new(stack, self.form())?,
            poster,
            form: self.form(),
            news: telling,
        };
        let mut app = App::new(self.setting(stack));
        let desk = Desk {
            stack,
            reader,
            clock,
            orders: Some(orders),
        };
        // Whatever ends first drops the others; the screen gives the terminal back when it is dropped.
        let ended = tokio::select! {
            () = stopped.notified() => Ok(()),
            () = time_is_over(self.duration) => Ok(()),
            watched = feed.run(sender) => watched,
            forwarded = forwarder.run(updates, ordered) => forwarded,
            shown = screen::run(&mut app, news, &desk) => shown,
        };
        let tally = app.tally();
        note(&format!(
            "{} posted: {} taken, {} not taken",
            tally.taken + tally.not_taken,
            tally.taken,
            tally.not_taken
        ));
        ended?;
        Ok(Exit::of_work(tally.not_taken == 0))
    }

    fn setting(&self, stack: &Stack) -> Setting {
        let setting = Setting::of(stack);
        let url = self.forward_to.as_deref().unwrap_or_default();
        Setting {
            title: format!("{} → {url}", setting.title),
            form: Some(self.form()),
            ..setting
        }
    }

    async fn listen(
        &self,
        stack: &Stack,
        session: &mut Session,
        keys: Option<mpsc::UnboundedReceiver<Key>>,
    ) -> Result<()> {
        let clock = Clock::system();
        let reader = Reader::new(stack, self.filter(), false, false)?;
        let feed = Feed::new(reader, self.watch(&clock), clock);
        let (sender, updates) = mpsc::channel(WAITING);
        tokio::select! {
            watched = feed.run(sender) => watched,
            listened = session.run(updates, keys) => listened,
        }
    }

    fn filter(&self) -> Filter {
        Filter {
            types: self.types.clone(),
            categories: self.categories.clone(),
            entities: self.entities.clone(),
        }
    }

    fn watch(&self, clock: &Clock) -> Watch {
        Watch {
            sections: vec![Section::Verified],
            from: clock.now() - self.since.unwrap_or_default(),
            late: LATE,
            every: self.every,
        }
    }

    fn session(&self, stack: &Stack, page: Page, console: Console) -> Result<Session> {
        let style = Style {
            page,
            prints_bodies: self.print,
            count: self.count,
        };
        let listener = Listener::new(stack, self.form())?;
        Ok(Session::new(listener, self.poster()?, console, style))
    }

    fn form(&self) -> Form {
        match self.raw {
            true => Form::Deliveries,
            false => Form::Changes,
        }
    }

    /// Makes what posts to the program; `None` where nothing is posted.
    fn poster(&self) -> Result<Option<Poster>> {
        let Some(url) = &self.forward_to else {
            return Ok(None);
        };
        let target = Target::new(url, self.insecure_http)?;
        Poster::new(&target, self.attempts, self.timeout).map(Some)
    }
}
