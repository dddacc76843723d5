//! What the operator sees: tables or one JSON document on standard output, notes and errors on standard error.

mod complaint;
mod harmless;
mod json;
mod layout;
mod remainder;
mod repair;
mod table;

use std::any::Any;
use std::fmt::Debug;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;
use operator::{Error, Result};
use serde::Serialize;

use crate::times::with_offset;

pub(crate) use crate::exit::Exit;
pub use complaint::{complain, misused};
pub(crate) use harmless::{harmless, harmless_json, harmless_line};
pub(crate) use json::{pretty, readable};
pub(crate) use layout::{beside_or_below, fitting, laid_out, paragraph, set_in, terminal_width, width};
pub(crate) use operator::names::joined;
pub(crate) use remainder::{rest, unnamed};
pub(crate) use repair::{counted, missing, repair_text};
pub(crate) use table::rows_of;

/// Writes itself as one JSON document, as everything does that serialises.
pub(crate) trait Document {
    /// Writes the document, in one line.
    fn json(&self) -> serde_json::Result<String>;
}

impl<T: Serialize> Document for T {
    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// Reports the result of a command. Serialised, it is the JSON document.
pub(crate) trait Report: Document + Debug + Any {
    /// Writes the result for people, as text without colours.
    fn text(&self) -> String;

    /// Gives the exit code: whether everything went as it should, and what it was that did not.
    fn exit(&self) -> Exit {
        Exit::Done
    }

    /// Tells whether the exit code is that of success.
    fn succeeded(&self) -> bool {
        self.exit() == Exit::Done
    }
}

/// Takes the report of a command as one of whatever command it is.
///
/// # Errors
///
/// What the command failed with.
pub(crate) fn told(done: Result<impl Report>) -> Result<Box<dyn Report>> {
    Ok(Box::new(done?))
}

/// Says how a result is to be printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Tells whether it is one JSON document instead of text.
    pub(crate) is_json: bool,
    /// Gives the columns that text may take; `None` for as many as it needs.
    pub(crate) width: Option<usize>,
}

/// Holds what a command has to say on standard output, ready to be printed.
#[derive(Debug)]
pub struct Answer {
    text: String,
    /// Tells whether the text is for people, whose terminals show its marks in colours.
    is_for_people: bool,
    exit: Exit,
}

impl Answer {
    /// Writes a report as a JSON document, or as text for people.
    pub(crate) fn of(report: &dyn Report, page: Page) -> Result<Self> {
        let text = match page.is_json {
            true => {
                let json = report.json().map_err(|error| unprinted(error.into()))?;
                format!("{}\n", pretty(&harmless_json(&json)))
            }
            false => {
                let text = with_offset(laid_out(page.width, || report.text()));
                harmless(&trimmed(&text))
            }
        };
        Ok(Self {
            text,
            is_for_people: !page.is_json,
            exit: report.exit(),
        })
    }

    /// Makes an answer of a text of our own that is to be printed as it is.
    pub(crate) fn verbatim(text: String) -> Self {
        Self {
            text,
            is_for_people: false,
            exit: Exit::Done,
        }
    }

    /// Makes the answer of a command that printed all that it had to say itself.
    pub(crate) fn printed(exit: Exit) -> Self {
        Self {
            exit,
            ..Self::verbatim(String::new())
        }
    }

    /// Returns the text that would be printed, without colours.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Prints the text on standard output; gives the exit code.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be written. That nobody reads on is no failure.
    pub fn print(&self) -> Result<Exit> {
        // Colours are for terminals, unless NO_COLOR is set.
        let written = match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => write(&self.text),
            _ if self.is_for_people => write(&coloured(&self.text)),
            _ => write(&self.text),
        };
        written.map_err(unprinted)?;
        Ok(self.exit)
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn unprinted(cause: io::Error) -> Error {
    Error::context("the result cannot be printed")(cause)
}

/// Tells the operator something that is not part of the result.
pub(crate) fn note(text: &str) {
    // There is nowhere left to report that this failed.
    let _ = writeln!(io::stderr(), "{}", harmless(text));
}

/// Names and values, one pair per line, the values aligned. Pairs without a value are left out.
pub(crate) fn facts<'f>(facts: impl IntoIterator<Item = (&'f str, Option<String>)>) -> String {
    let facts: Vec<_> = facts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    facts
        .into_iter()
        .map(|(name, value)| format!("{name:width$}  {}\n", harmless_line(&value)))
        .collect()
}

/// Strips lines of the spaces that fill a table's last column, which would wrap in a terminal.
fn trimmed(text: &str) -> String {
    let lines = text.trim_end().lines();
    lines.flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// Marks in the colours that they mean. An exclamation mark is one where a line begins with it.
fn coloured(text: &str) -> String {
    let in_colour = |mark: &str, colour: AnsiColor| {
        let style = colour.on_default();
        format!("{style}{mark}{style:#}")
    };
    // Not `lines`, which would lose the line break at the end.
    let warned = text
        .split('\n')
        .map(|line| match line.trim_start().starts_with("! ") {
            true => line.replacen('!', &in_colour("!", AnsiColor::Yellow), 1),
            false => line.to_owned(),
        });
    let warned = warned.collect::<Vec<_>>().join("\n");
    let marks = [("✓", AnsiColor::Green), ("✗", AnsiColor::Red)];
    marks.into_iter().fold(warned, |text, (mark, colour)| {
        text.replace(mark, &in_colour(mark, colour))
    })
}

#[cfg(test)]
impl dyn Report {
    /// Gives the report as the type that it has.
    pub(crate) fn known<T: Report>(&self) -> &T {
        let report: &dyn Any = self;
        report.downcast_ref::<T>().expect("the command has this report")
    }

    /// Takes the report as the type that it has.
    pub(crate) fn into_known<T: Report>(self: Box<Self>) -> T {
        let report: Box<dyn Any> = self;
        *report.downcast::<T>().expect("the command has this report")
    }
}

#[cfg(test)]
impl Serialize for dyn Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = self.json().expect("a report is JSON");
        let json = serde_json::value::RawValue::from_string(json).expect("a report is JSON");
        json.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_the_last_column_is_not_printed() {
        let table = rows_of([("1", "NEW"), ("2", "PROCESSING")])
            .column("id", |(id, _)| id)
            .column("status", |(_, status)| status);
        let printed = trimmed(&table.to_string());
        assert!(printed.lines().all(|line| line.trim_end() == line), "{printed}");
        assert!(printed.contains("NEW\n") && printed.ends_with("PROCESSING\n"));
    }

    #[test]
    fn marks_have_colours_and_the_rest_has_none() {
        assert_eq!(
            coloured("✓ a\n  ✗ b\n! c! d"),
            "\u{1b}[32m✓\u{1b}[0m a\n  \u{1b}[31m✗\u{1b}[0m b\n\u{1b}[33m!\u{1b}[0m c! d"
        );
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        let text = facts([
            ("a", Some("1".to_owned())),
            ("long name", Some("2".to_owned())),
            ("c", None),
        ]);
        assert_eq!(text, "a          1\nlong name  2\n");
    }
}
