//! How wide text for people may be, and how it is broken into lines.
//!
//! The width is that of the terminal, which is one for the whole program; reports ask for it here instead of handing it
//! on to whatever they consist of.

use std::cell::Cell;
use std::io::{self, IsTerminal};

thread_local! {
    static WIDTH: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Writes something for so many columns, or for as many as it needs.
pub(crate) fn laid_out<T>(columns: Option<usize>, write: impl FnOnce() -> T) -> T {
    let before = WIDTH.replace(columns);
    let written = write();
    WIDTH.set(before);
    written
}

/// Tells how many columns there are; `None` where nobody sees an end to them, as in a pipe.
pub(crate) fn width() -> Option<usize> {
    WIDTH.get()
}

/// Finds out how wide the terminal is, if it is one that standard output goes to.
pub(crate) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (columns, _) = ratatui::crossterm::terminal::size().ok()?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}

/// Begins a text with `first`, and breaks it between words into lines that begin with as many spaces. A word is never
/// broken: half an id is of no use to anybody.
pub(crate) fn paragraph(first: &str, text: &str) -> String {
    let indent = " ".repeat(first.chars().count());
    let mut lines = vec![first.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first line");
        let is_begun = line.chars().count() > indent.len();
        let needed = line.chars().count() + usize::from(is_begun) + word.chars().count();
        if is_begun && width().is_some_and(|width| needed > width) {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push_str(if is_begun { " " } else { "" });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// Begins a text with `first`, as a [`paragraph`]; below it, behind `indent`, where a word of it has no room beside it, as an id has
/// none in a narrow terminal.
pub(crate) fn beside_or_below(first: &str, indent: &str, text: &str) -> String {
    let room = width().map(|width| width.saturating_sub(first.chars().count()));
    let longest = text.split_whitespace().map(|word| word.chars().count()).max();
    match room {
        Some(room) if longest > Some(room) => {
            format!("{}\n{}", first.trim_end(), paragraph(indent, text))
        }
        _ => paragraph(first, text),
    }
}

/// Indents each line of a text that is not ours, so that none of them is taken for a line of ours.
pub(crate) fn set_in(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Begins a text with `first`, as a [`paragraph`] where there is an end to the columns, and else as it is.
pub(crate) fn fitting(first: &str, text: &str) -> String {
    match width() {
        Some(_) => paragraph(first, text),
        None => format!("{first}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_broken_between_words_and_hangs() {
        let told = laid_out(Some(20), || {
            paragraph("→ ", "see them with a-very-long-word-of-thirty-letters now")
        });
        assert_eq!(
            told,
            "→ see them with\n  a-very-long-word-of-thirty-letters\n  now"
        );
        assert_eq!(paragraph("- ", "one  line\nalone"), "- one line alone");
    }

    #[test]
    fn a_word_without_room_beside_the_beginning_is_below_it() {
        let told = |text: &str| laid_out(Some(20), || beside_or_below("- subscription  ", "    ", text));
        assert_eq!(told("on"), "- subscription  on");
        assert_eq!(told("9fc8c651-1a1d on"), "- subscription\n    9fc8c651-1a1d on");
        let told = beside_or_below("- subscription  ", "    ", "9fc8c651-1a1d on");
        assert_eq!(told, "- subscription  9fc8c651-1a1d on");
    }

    #[test]
    fn a_width_holds_for_what_is_written_meanwhile() {
        assert_eq!(laid_out(Some(80), width), Some(80));
        assert_eq!(width(), None);
    }
}
