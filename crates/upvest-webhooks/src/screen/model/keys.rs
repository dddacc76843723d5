//! Decides what each key does to the state of the screen, and which command follows.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::InputRequest;

use super::{App, Command, Explained, Object, PAGE, Row};
use crate::output::harmless_line;

impl App {
    /// Does what a key is for in the mode that the screen is in.
    pub(crate) fn press(&mut self, key: KeyEvent) -> Command {
        // Some terminals tell of a key twice: when it is pressed, and when it is let go.
        if key.kind == KeyEventKind::Release {
            return Command::Draw;
        }
        // The terminal of a screen makes no signal of it, so that every mode has to end by it.
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Command::Quit;
        }
        self.notice = None;
        if self.editing {
            self.edit(key);
            return Command::Draw;
        }
        // Ctrl-R is another key than R.
        if key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
        {
            return Command::Draw;
        }
        if self.help.is_some() {
            self.read_help(key.code);
            return Command::Draw;
        }
        match self.explained.is_some() {
            true => self.read_explanation(key.code),
            false => self.command(key.code),
        }
    }

    fn edit(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Enter => self.editing = false,
            KeyCode::Esc => {
                self.editing = false;
                self.filter.reset();
            }
            _ => {
                if let Some(request) = edit_request(key) {
                    self.filter.handle(request);
                }
            }
        }
        self.settle();
    }

    fn read_help(&mut self, key: KeyCode) {
        self.help = match key {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('?' | 'q') => None,
            key => self.help.map(|offset| scrolled(offset, key)),
        };
    }

    fn read_explanation(&mut self, key: KeyCode) -> Command {
        let Some(explained) = &mut self.explained else {
            return Command::Draw;
        };
        match key {
            KeyCode::Esc | KeyCode::Char('e' | 'q') => self.explained = None,
            KeyCode::Char('?') => self.help = Some(0),
            KeyCode::Char('y' | 'Y') => {
                let subject = explained.subject.clone();
                return self.copy(&subject);
            }
            key => explained.offset = scrolled(explained.offset, key),
        }
        Command::Draw
    }

    fn command(&mut self, key: KeyCode) -> Command {
        let page = isize::from(PAGE.cast_signed());
        match key {
            KeyCode::Char('q') => return Command::Quit,
            KeyCode::Char('o') => return self.toggle_object(),
            KeyCode::Char('e') => return self.explain(),
            KeyCode::Char('y') => return self.copy_of(Self::own_id),
            KeyCode::Char('Y') => return self.copy_of(Self::subject),
            KeyCode::Char('r') => return self.post_selected(),
            KeyCode::Char('R') => return self.post_not_taken(),
            KeyCode::Char('?') => self.help = Some(0),
            KeyCode::Up | KeyCode::Char('k') => self.move_by(-1),
            KeyCode::Down | KeyCode::Char('j') => self.move_by(1),
            KeyCode::PageUp => self.move_by(-page),
            KeyCode::PageDown => self.move_by(page),
            KeyCode::Home | KeyCode::Char('g') => self.move_by(isize::MIN),
            KeyCode::End | KeyCode::Char('G' | 'f') => self.follow(),
            KeyCode::Char('J') => self.details_offset = self.details_offset.saturating_add(1),
            KeyCode::Char('K') => self.details_offset = self.details_offset.saturating_sub(1),
            KeyCode::Enter => self.details = !self.details,
            KeyCode::Char('/') => self.editing = true,
            KeyCode::Char('x') => {
                self.setting.quarantine_only = !self.setting.quarantine_only;
                self.settle();
            }
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Esc => self.step_back(),
            _ => {}
        }
        Command::Draw
    }

    fn follow(&mut self) {
        self.following = true;
        self.settle();
    }

    fn pause(&mut self) {
        self.paused_at = match self.paused_at {
            Some(_) => None,
            None => Some(self.next_number),
        };
        self.settle();
    }

    fn step_back(&mut self) {
        match self.details {
            true => self.details = false,
            false => {
                self.filter.reset();
                self.settle();
            }
        }
    }

    fn toggle_object(&mut self) -> Command {
        if self.object != Object::Hidden {
            self.object = Object::Hidden;
            return Command::Draw;
        }
        let of_row = |row| {
            let position = self.event(row)?.position;
            let archived_at = self.delivery(row)?.archived_at.clone();
            Some(Command::Read {
                archived_at,
                position,
            })
        };
        let Some(read) = self.selected.and_then(of_row) else {
            return Command::Draw;
        };
        self.details = true;
        // Rows that come must not take the selection, and with it the object, away.
        self.following = false;
        self.object = Object::Reading;
        read
    }

    fn explain(&mut self) -> Command {
        let Some(subject) = self.selected.and_then(|row| self.subject(row)) else {
            return Command::Draw;
        };
        // Whoever comes back finds the row that was explained.
        self.following = false;
        self.explained = Some(Explained {
            subject: subject.clone(),
            offset: 0,
            account: None,
        });
        Command::Explain { subject }
    }

    /// Names what a row is about: the event's entity, or the event where it names none, or the delivery.
    fn subject(&self, row: Row) -> Option<String> {
        let entity = self.event(row).and_then(|event| event.entity.clone());
        entity.or_else(|| self.own_id(row))
    }

    /// Names what is in a row: the event, or the delivery.
    fn own_id(&self, row: Row) -> Option<String> {
        match self.event(row) {
            Some(event) => Some(event.event_id.clone()),
            None => Some(self.delivery(row)?.delivery_id.clone()),
        }
    }

    fn copy_of(&mut self, name: impl Fn(&Self, Row) -> Option<String>) -> Command {
        match self.selected.and_then(|row| name(self, row)) {
            Some(text) => self.copy(&text),
            None => Command::Draw,
        }
    }

    fn copy(&mut self, text: &str) -> Command {
        // It is pasted into shells, where a line break is a command.
        let text = harmless_line(text);
        self.notice = Some(format!("copied, if the terminal lets programs do that: {text}"));
        Command::Copy { text }
    }
}

/// Gives the offset after a key that scrolls; the view holds it within what there is.
fn scrolled(offset: u16, key: KeyCode) -> u16 {
    match key {
        KeyCode::Up | KeyCode::Char('k' | 'K') => offset.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j' | 'J') => offset.saturating_add(1),
        KeyCode::PageUp => offset.saturating_sub(PAGE),
        KeyCode::PageDown | KeyCode::Char(' ') => offset.saturating_add(PAGE),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => u16::MAX,
        _ => offset,
    }
}

/// Says what a key does to a line of text, as shells have it.
fn edit_request(key: KeyEvent) -> Option<InputRequest> {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let with_alt = key.modifiers.contains(KeyModifiers::ALT);
    let request = match (key.code, with_control) {
        (KeyCode::Left, true) => InputRequest::GoToPrevWord,
        (KeyCode::Right, true) => InputRequest::GoToNextWord,
        (KeyCode::Left, false) | (KeyCode::Char('b'), true) => InputRequest::GoToPrevChar,
        (KeyCode::Right, false) | (KeyCode::Char('f'), true) => InputRequest::GoToNextChar,
        (KeyCode::Home, _) | (KeyCode::Char('a'), true) => InputRequest::GoToStart,
        (KeyCode::End, _) | (KeyCode::Char('e'), true) => InputRequest::GoToEnd,
        (KeyCode::Backspace, false) if with_alt => InputRequest::DeletePrevWord,
        (KeyCode::Backspace, true) | (KeyCode::Char('w'), true) => InputRequest::DeletePrevWord,
        (KeyCode::Backspace, false) | (KeyCode::Char('h'), true) => InputRequest::DeletePrevChar,
        (KeyCode::Delete, _) | (KeyCode::Char('d'), true) => InputRequest::DeleteNextChar,
        (KeyCode::Char('u'), true) => InputRequest::DeleteFromStart,
        (KeyCode::Char('k'), true) => InputRequest::DeleteTillEnd,
        (KeyCode::Char(character), false) if !with_alt => InputRequest::InsertChar(character),
        _ => return None,
    };
    Some(request)
}
