//! The edge with the terminal: draws what is known, waits for keys and news, and reads what keys ask for.

use std::io::{self, Write};
use std::iter;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::tz::TimeZone;
use operator::explain::{Question, explain};
use operator::watch::{Reader, WatchedDelivery};
use operator::{Error, Result, Stack};
use pipeline::error::ErrorChain;
use pipeline::runtime::clock::Clock;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::model::{App, Command, News, Setting};
use super::view;
use crate::output::{harmless, pretty};

/// Says how often it is drawn while nothing happens, so that rates fall and ages grow.
const TICK: Duration = Duration::from_secs(1);
/// Bounds the news that are taken in before it is drawn again.
const NEWS_AT_A_TIME: usize = 256;
/// Says how many events of an entity are explained, as `explain` does unless it is told otherwise.
const EXPLAINED_EVENTS: usize = 20;

/// Shows what was read because a key asked for it.
type Show = Box<dyn FnOnce(&mut App)>;
/// Is being read because a key asked for it.
type Reading<'d> = LocalBoxFuture<'d, Show>;

/// Gives the screen what its keys work with.
pub(crate) struct Desk<'s> {
    pub(crate) stack: &'s Stack,
    pub(crate) reader: Reader,
    pub(crate) clock: Clock,
    /// Takes what is to be posted again; `None` where nothing is posted.
    pub(crate) orders: Option<mpsc::UnboundedSender<WatchedDelivery>>,
}

/// Holds the terminal while it is a screen. Dropped, it is a terminal again; after a panic too, which a hook sees to.
struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl Setting {
    /// Describes the screen of a stack on this terminal: in the zone of this machine, with colours unless `NO_COLOR` is set.
    pub(crate) fn of(stack: &Stack) -> Self {
        let place = stack.name().unwrap_or("the environment's parts");
        let region = stack.config().region();
        Self {
            title: match (stack.config().endpoint_url(), region) {
                (Some(_), _) => format!("{place}, local"),
                (None, Some(region)) => format!("{place}, {region}"),
                (None, None) => place.to_owned(),
            },
            quarantine_only: false,
            form: None,
            zone: TimeZone::system(),
            has_colours: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        }
    }
}

/// Shows the app until it is left.
///
/// # Errors
///
/// [`Error`] when the terminal does not work as a screen.
pub(crate) async fn run(app: &mut App, mut news: mpsc::Receiver<News>, desk: &Desk<'_>) -> Result<()> {
    let mut screen = Screen(ratatui::try_init().map_err(unusable())?);
    let mut input = read_input();
    let mut readings: FuturesUnordered<Reading<'_>> = FuturesUnordered::new();
    let mut tick = interval(TICK);
    // Else a terminal that held the drawing up would be drawn once for each second that was missed.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = desk.clock.now();
        let drawn = screen.0.draw(|frame| view::draw(frame, app, now));
        drawn.map_err(unusable())?;
        tokio::select! {
            event = input.recv() => match event {
                Some(Ok(Event::Key(key))) => {
                    let command = app.press(key);
                    if desk.perform(command, app, &readings).map_err(unusable())?.is_break() {
                        return Ok(());
                    }
                }
                // A new size is drawn into; pasted text and the mouse mean nothing.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(unusable()(error)),
                None => return Ok(()),
            },
            Some(show) = readings.next() => show(app),
            Some(one) = news.recv() => {
                app.take(one);
                let more = iter::from_fn(|| news.try_recv().ok());
                more.take(NEWS_AT_A_TIME).for_each(|one| app.take(one));
            }
            _ = tick.tick() => {}
        }
    }
}

impl Desk<'_> {
    /// Does what a key asked for; breaks where the screen is left. What takes long is added to the readings.
    fn perform<'d>(
        &'d self,
        command: Command,
        app: &App,
        readings: &FuturesUnordered<Reading<'d>>,
    ) -> io::Result<ControlFlow<()>> {
        match command {
            Command::Draw => {}
            Command::Quit => return Ok(ControlFlow::Break(())),
            Command::Read {
                archived_at,
                position,
            } => {
                readings.push(Box::pin(async move { self.object(&archived_at, position).await }));
            }
            Command::Explain { subject } => {
                readings.push(Box::pin(async move { self.explanation(subject).await }));
            }
            Command::Copy { text } => {
                let mut output = io::stdout().lock();
                output.write_all(into_clipboard(&text).as_bytes())?;
                output.flush()?;
            }
            Command::Post { rows } => {
                let orders = rows.into_iter().filter_map(|row| app.order(row));
                if let Some(taker) = &self.orders {
                    // Nobody takes them any more once all is over.
                    orders.for_each(|order| drop(taker.send(order)));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn object(&self, archived_at: &str, position: usize) -> Show {
        let object = self.reader.object(archived_at, position).await;
        let read = match object {
            Ok(object) => Ok(object.map(|object| harmless(&pretty(&object)))),
            Err(error) => Err(ErrorChain(&error).to_string()),
        };
        Box::new(move |app: &mut App| app.show_object(read))
    }

    async fn explanation(&self, subject: String) -> Show {
        let question = Question {
            subject: subject.clone(),
            limit: EXPLAINED_EVENTS,
            duplicates_within: None,
            with_objects: false,
        };
        let made = explain(self.stack, &question, &self.clock).await;
        let made = made.map(Box::new).map_err(|error| ErrorChain(&error).to_string());
        Box::new(move |app: &mut App| app.show_explanation(&subject, made))
    }
}

/// Writes the sequence by which a terminal puts text into the clipboard (OSC 52). The text is encoded, so that it ends nothing.
fn into_clipboard(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text))
}

fn unusable() -> impl FnOnce(io::Error) -> Error {
    Error::context("the terminal cannot be used as a screen: --plain prints lines")
}

/// Waits for keys in a thread of its own, because the terminal cannot be waited for otherwise. It ends with the process.
fn read_input() -> mpsc::UnboundedReceiver<io::Result<Event>> {
    let (sender, input) = mpsc::unbounded_channel();
    thread::spawn(move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if sender.send(event).is_err() || is_last {
                return;
            }
        }
    });
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_encoded_whatever_it_holds() {
        assert_eq!(into_clipboard("ORDER#1"), "\u{1b}]52;c;T1JERVIjMQ==\u{7}");
        let hostile = into_clipboard("a\u{7}\u{1b}]0;title");
        assert_eq!(
            hostile.chars().filter(|character| character.is_control()).count(),
            2
        );
    }
}
