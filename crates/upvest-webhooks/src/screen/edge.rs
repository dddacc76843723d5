//! The screen: draws what is known, waits for keys and news.

use std::io;
use std::thread;
use std::time::Duration;

use operator::watch::{Reader, Update};
use operator::{Error, Result};
use pipeline::error::ErrorChain;
use pipeline::runtime::clock::Clock;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::model::{App, Command};
use super::view;
use crate::output::{harmless, pretty};

/// Says how often it is drawn while nothing happens, so that rates fall.
const TICK: Duration = Duration::from_secs(1);
/// Bounds the news that are taken in before it is drawn again.
const NEWS_AT_A_TIME: usize = 256;

type ReadObject = Result<Option<String>, String>;

/// Holds the terminal while it is a screen. Dropped, it is a terminal again; after a panic too, which a hook sees to.
struct Screen(DefaultTerminal);

impl Screen {
    fn enter() -> io::Result<Self> {
        ratatui::try_init().map(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows the app until it is left.
///
/// # Errors
///
/// [`Error`] when the terminal does not work as a screen.
pub(crate) async fn run(
    mut updates: mpsc::Receiver<Update>,
    mut app: App,
    reader: Reader,
    clock: Clock,
) -> Result<()> {
    let mut screen = Screen::enter().map_err(unusable())?;
    let mut input = read_input();
    let (object_sender, mut objects) = mpsc::channel::<ReadObject>(1);
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = clock.now();
        let drawn = screen.0.draw(|frame| view::draw(frame, &mut app, now));
        drawn.map_err(unusable())?;
        tokio::select! {
            event = input.recv() => match event {
                Some(Ok(Event::Key(key))) => match app.press(key) {
                    Command::Quit => return Ok(()),
                    Command::Read { archived_at, place } => {
                        let (reader, sender) = (reader.clone(), object_sender.clone());
                        tokio::spawn(async move {
                            // Nobody waits for it any more once the screen is left.
                            let _ = sender.send(read_object(&reader, &archived_at, place).await).await;
                        });
                    }
                    Command::Draw => {}
                },
                // A new size is drawn into; pasted text and the mouse mean nothing.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(unusable()(error)),
                None => return Ok(()),
            },
            Some(object) = objects.recv() => app.show_object(object),
            Some(update) = updates.recv() => {
                app.take(update);
                take_more(&mut app, &mut updates);
            }
            _ = tick.tick() => {}
        }
    }
}

fn unusable() -> impl FnOnce(io::Error) -> Error {
    Error::context("the terminal cannot be used as a screen: --plain prints lines")
}

fn take_more(app: &mut App, updates: &mut mpsc::Receiver<Update>) {
    for _ in 0..NEWS_AT_A_TIME {
        match updates.try_recv() {
            Ok(update) => app.take(update),
            Err(_) => return,
        }
    }
}

async fn read_object(reader: &Reader, archived_at: &str, place: usize) -> ReadObject {
    let object = reader.object(archived_at, place).await;
    let object = object.map_err(|error| ErrorChain(&error).to_string())?;
    Ok(object.map(|object| harmless(&pretty(&object))))
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
