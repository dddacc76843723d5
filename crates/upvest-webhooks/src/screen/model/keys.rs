//! What each key does to the screen's state.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{App, Command, Object, PAGE};

impl App {
    /// Does what a key is for in the mode that the screen is in.
    pub(in crate::screen) fn press(&mut self, key: KeyEvent) -> Command {
        if key.kind == KeyEventKind::Release {
            return Command::Draw;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Command::Quit;
        }
        match self.editing {
            true => self.edit(key.code),
            false => return self.command(key.code),
        }
        self.settle();
        Command::Draw
    }

    fn edit(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.editing = false,
            KeyCode::Esc => {
                self.editing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) => self.filter.push(character),
            _ => {}
        }
    }

    fn command(&mut self, key: KeyCode) -> Command {
        match key {
            KeyCode::Char('q') => return Command::Quit,
            KeyCode::Char('o') => return self.toggle_object(),
            KeyCode::Up | KeyCode::Char('k') => self.move_by(-1),
            KeyCode::Down | KeyCode::Char('j') => self.move_by(1),
            KeyCode::PageUp => self.move_by(-PAGE),
            KeyCode::PageDown => self.move_by(PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.move_by(isize::MIN),
            KeyCode::End | KeyCode::Char('G' | 'f') => self.follow(),
            KeyCode::Char('J') => self.details_offset = self.details_offset.saturating_add(1),
            KeyCode::Char('K') => self.details_offset = self.details_offset.saturating_sub(1),
            KeyCode::Enter => self.details = !self.details,
            KeyCode::Char('/') => self.editing = true,
            KeyCode::Char('x') => {
                self.quarantine_only = !self.quarantine_only;
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
                self.filter.clear();
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
            let place = self.event(row)?.place;
            let archived_at = self.delivery(row)?.archived_at.clone();
            Some(Command::Read { archived_at, place })
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
}
