//! What was heard so far, what the program took of it, and what is told of that.

use std::io;
use std::time::Duration;

use operator::listen::{Heard, HeardDelivery, Listener, Post, Poster};
use operator::watch::{Update, WatchedDelivery};
use operator::{Error, ErrorKind, Result};
use pipeline::error::ErrorChain;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::console::{Console, Key};
use super::lines::{line, text};
use crate::output::{Page, harmless, laid_out, pretty};

/// Bounds what is kept of what the program did not take: the first ones go.
const KEPT: usize = 1_000;
/// Says how long to wait before a stack that cannot be read is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells what keys do while something is posted.
const KEYS: &str = "r posts the last one again, f all that were not taken, q ends it";

/// Says how things are told, and when there were enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) page: Page,
    pub(super) prints_bodies: bool,
    pub(super) count: Option<u64>,
}

/// Posts what is heard, and tells of it.
#[derive(Debug)]
pub(super) struct Session {
    listener: Listener,
    poster: Option<Poster>,
    console: Console,
    style: Style,
    heard: u64,
    last: Option<Heard>,
    /// Lists what the program did not take, and what it is being posted.
    not_taken: Vec<Heard>,
    /// Counts what is not kept of that any longer.
    forgotten: u64,
    in_trouble: bool,
    /// Tells whether there was enough, or nobody reads on.
    is_over: bool,
}

impl Session {
    pub(super) fn new(listener: Listener, poster: Option<Poster>, console: Console, style: Style) -> Self {
        Self {
            listener,
            poster,
            console,
            style,
            heard: 0,
            last: None,
            not_taken: Vec::new(),
            forgotten: 0,
            in_trouble: false,
            is_over: false,
        }
    }

    /// Tells what is about to be done.
    pub(super) fn begin(&mut self, url: Option<&str>) {
        let what = match url {
            Some(url) => format!("forwarding to {url}"),
            None => "listening".to_owned(),
        };
        let keys = match (self.console.reads_keys(), url) {
            (true, Some(_)) => KEYS,
            (true, None) => "q ends it",
            (false, _) => "Ctrl-C ends it",
        };
        self.console.note(&format!("{what}; {keys}"));
    }

    /// Tells how many were posted and how many of them taken; says nothing where nothing is posted.
    pub(super) fn end(&mut self) {
        let not_taken = self.not_taken.len() as u64 + self.forgotten;
        if self.poster.is_some() {
            let taken = self.heard - not_taken;
            self.console.note(&format!(
                "{} posted: {taken} taken, {not_taken} not taken",
                self.heard
            ));
        }
    }

    /// Tells whether the program took all that it was posted, in the end.
    pub(super) fn all_taken(&self) -> bool {
        self.not_taken.is_empty() && self.forgotten == 0
    }

    /// Takes in what comes, and what is pressed, until there was enough or nobody reads on.
    ///
    /// # Errors
    ///
    /// [`Error`] when the stack denies to be read, or standard output cannot be written.
    pub(super) async fn run(
        &mut self,
        mut updates: mpsc::Receiver<Update>,
        mut keys: Option<mpsc::UnboundedReceiver<Key>>,
    ) -> Result<()> {
        while !self.is_over {
            // Never `None` where no keys are read: that would end the session, as a lost terminal does.
            let pressed = async {
                match &mut keys {
                    Some(keys) => keys.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                update = updates.recv() => match update {
                    Some(update) => self.take(update).await?,
                    None => return Ok(()),
                },
                key = pressed => self.press(key).await?,
            }
        }
        Ok(())
    }

    async fn take(&mut self, update: Update) -> Result<()> {
        match update {
            Update::Delivery(delivery) => {
                let HeardDelivery { heard, missing } = self.hear(&delivery).await?;
                for event_id in missing {
                    let id = &delivery.delivery_id;
                    self.console.note(&format!(
                        "event {event_id} was verified and is in no time line: upvest-webhooks explain {id}"
                    ));
                }
                for heard in heard {
                    self.forward(heard).await?;
                    if self.is_over {
                        break;
                    }
                }
            }
            Update::Trouble { why, retry_in } => self.be_in_trouble(&why, retry_in),
            Update::CaughtUp => self.be_out_of_trouble(),
        }
        Ok(())
    }

    /// Reads what came, however long the stack cannot be read; a stack that denies it will not change its mind.
    async fn hear(&mut self, delivery: &WatchedDelivery) -> Result<HeardDelivery> {
        loop {
            match self.listener.hear(delivery).await {
                Ok(heard) => {
                    self.be_out_of_trouble();
                    return Ok(heard);
                }
                Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
                Err(error) => self.be_in_trouble(&ErrorChain(&error).to_string(), PAUSE),
            }
            sleep(PAUSE).await;
        }
    }

    fn be_in_trouble(&mut self, why: &str, retry_in: Duration) {
        self.in_trouble = true;
        let seconds = retry_in.as_secs_f32();
        self.console.note(&format!("trying again in {seconds} s: {why}"));
    }

    fn be_out_of_trouble(&mut self) {
        if std::mem::take(&mut self.in_trouble) {
            self.console.note("the stack can be read again");
        }
    }

    /// Posts what was heard for the first time, and tells of it, and whether there were enough.
    async fn forward(&mut self, heard: Heard) -> Result<()> {
        self.heard += 1;
        self.last = Some(heard.clone());
        self.repeat(heard).await?;
        // `|=`: it is over as well where nobody read the line.
        self.is_over |= Some(self.heard) == self.style.count;
        Ok(())
    }

    async fn post(&self, heard: &Heard) -> Option<Post> {
        match &self.poster {
            Some(poster) => Some(poster.post(heard).await),
            None => None,
        }
    }

    async fn press(&mut self, key: Option<Key>) -> Result<()> {
        match key {
            Some(_) if self.poster.is_none() => self.console.note("nothing is posted: q ends it"),
            Some(Key::Repeat) => match self.last.clone() {
                Some(last) => self.repeat(last).await?,
                None => self.console.note("nothing was posted yet"),
            },
            Some(Key::RepeatFailed) => {
                if self.not_taken.is_empty() {
                    self.console.note("there is nothing that was not taken");
                }
                for _ in 0..self.not_taken.len() {
                    let next = self.not_taken.first().filter(|_| !self.is_over).cloned();
                    let Some(heard) = next else { break };
                    self.repeat(heard).await?;
                }
            }
            Some(Key::Help) => self.console.note(KEYS),
            None => self.is_over = true,
        }
        Ok(())
    }

    /// Posts what was heard, and tells of it. It counts as not taken until the program takes it: whatever ends the session
    /// meanwhile does not lose it.
    async fn repeat(&mut self, heard: Heard) -> Result<()> {
        // It goes last, so that whoever has all of them posted again comes to each once.
        self.not_taken.retain(|kept| *kept != heard);
        self.not_taken.push(heard.clone());
        let post = self.post(&heard).await;
        if post.as_ref().is_none_or(Post::is_taken) {
            self.not_taken.pop();
        } else if self.not_taken.len() > KEPT {
            self.not_taken.remove(0);
            self.forgotten += 1;
        }
        self.tell(&heard, post.as_ref())
    }

    fn tell(&mut self, heard: &Heard, post: Option<&Post>) -> Result<()> {
        match self.print(heard, post) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_over = true,
            printed => printed.map_err(Error::context("the result cannot be printed"))?,
        }
        Ok(())
    }

    fn print(&mut self, heard: &Heard, post: Option<&Post>) -> io::Result<()> {
        let Style {
            page, prints_bodies, ..
        } = self.style;
        let text = match page.is_json {
            true => line(heard, post, prints_bodies)?,
            false => {
                let mut text = laid_out(page.width, || text(heard, post));
                if prints_bodies {
                    text.push('\n');
                    text.push_str(&pretty(&heard.body));
                }
                harmless(&text)
            }
        };
        self.console.print(&text)
    }
}
