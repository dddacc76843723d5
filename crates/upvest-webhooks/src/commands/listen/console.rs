//! The terminal of somebody who listens: lines, and single keys.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::thread;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal;
use tokio::sync::{Notify, mpsc};

use crate::output::harmless;

/// Says what a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// What was posted last is to be posted again.
    Repeat,
    /// All that was not taken is to be posted again.
    RepeatFailed,
    /// The keys are to be told.
    Help,
}

/// Writes lines. While keys are read one by one, the terminal does not go back to the line's beginning by itself; dropped, it does
/// again.
pub(super) struct Console {
    reads_keys: bool,
    output: Box<dyn Write>,
    notes: Box<dyn Write>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

impl Console {
    /// Writes lines, and reads no keys.
    pub(super) fn plain() -> Self {
        Self::to(Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// Writes lines to these, and reads no keys.
    pub(super) fn to(output: Box<dyn Write>, notes: Box<dyn Write>) -> Self {
        Self {
            reads_keys: false,
            output,
            notes,
        }
    }

    /// Reads keys too, where somebody is there to press them. The ones that end the program notify `stopped`, because the terminal
    /// makes no signal of Ctrl-C meanwhile.
    pub(super) fn attended(stopped: Arc<Notify>) -> (Self, Option<mpsc::UnboundedReceiver<Key>>) {
        let is_attended = io::stdin().is_terminal() && io::stdout().is_terminal();
        if !is_attended || terminal::enable_raw_mode().is_err() {
            return (Self::plain(), None);
        }
        let (sender, keys) = mpsc::unbounded_channel();
        // A thread of its own, because the terminal cannot be waited for otherwise. It ends with the process.
        thread::spawn(move || {
            while let Ok(event) = event::read() {
                match meaning(&event) {
                    Some(Pressed::End) => stopped.notify_one(),
                    Some(Pressed::Key(key)) if sender.send(key).is_err() => return,
                    _ => {}
                }
            }
        });
        let mut console = Self::plain();
        console.reads_keys = true;
        (console, Some(keys))
    }

    /// Tells whether single keys steer it: it has a terminal on both sides.
    pub(super) fn reads_keys(&self) -> bool {
        self.reads_keys
    }

    /// Writes lines to standard output.
    ///
    /// # Errors
    ///
    /// What writing failed with: a broken pipe, where nobody reads on.
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        let lines = self.lines(text);
        self.output.write_all(lines.as_bytes())?;
        self.output.flush()
    }

    /// Tells the operator something that is not part of the result.
    pub(super) fn note(&mut self, text: &str) {
        let lines = self.lines(&harmless(text));
        // There is nowhere left to report that this failed.
        let _ = self.notes.write_all(lines.as_bytes());
    }

    fn lines(&self, text: &str) -> String {
        match self.reads_keys {
            true => format!("{}\r\n", text.replace('\n', "\r\n")),
            false => format!("{text}\n"),
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if self.reads_keys {
            let _ = terminal::disable_raw_mode();
        }
    }
}

/// Says what a pressed key asks for: something that the session does, or its end.
#[derive(Debug, PartialEq, Eq)]
enum Pressed {
    Key(Key),
    End,
}

fn meaning(event: &Event) -> Option<Pressed> {
    let Event::Key(key) = event else {
        return None;
    };
    // Some terminals tell of a key twice: when it is pressed, and when it is let go.
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('c' | 'd'), true) | (KeyCode::Char('q'), false) => Some(Pressed::End),
        (KeyCode::Char('r'), false) => Some(Pressed::Key(Key::Repeat)),
        (KeyCode::Char('f'), false) => Some(Pressed::Key(Key::RepeatFailed)),
        (KeyCode::Char('?' | 'h'), false) => Some(Pressed::Key(Key::Help)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn keys_repeat_end_and_help_and_others_mean_nothing() {
        let pressed = |code, modifiers| meaning(&Event::Key(KeyEvent::new(code, modifiers)));
        let plain = |letter| pressed(KeyCode::Char(letter), KeyModifiers::NONE);
        assert_eq!(plain('r'), Some(Pressed::Key(Key::Repeat)));
        assert_eq!(plain('f'), Some(Pressed::Key(Key::RepeatFailed)));
        assert_eq!(plain('?'), Some(Pressed::Key(Key::Help)));
        assert_eq!(plain('q'), Some(Pressed::End));
        assert_eq!(
            pressed(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(Pressed::End)
        );
        assert_eq!(plain('c'), None);
        assert_eq!(pressed(KeyCode::Char('r'), KeyModifiers::CONTROL), None);
        assert_eq!(pressed(KeyCode::Enter, KeyModifiers::NONE), None);
    }

    #[test]
    fn lines_begin_at_the_left_while_keys_are_read() {
        assert_eq!(Console::plain().lines("a\nb"), "a\nb\n");
        let mut raw = Console::plain();
        raw.reads_keys = true;
        assert_eq!(raw.lines("a\nb"), "a\r\nb\r\n");
        // There is no terminal to be given back.
        raw.reads_keys = false;
    }
}
