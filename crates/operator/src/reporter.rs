//! How an operation says how far it is, without knowing who listens.

use std::fmt;

/// Carries what an operation says while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'p> {
    /// Says that a piece of work begins, such as sending what is selected.
    Begun {
        /// Says how many things there are to do; `None` where no end is known.
        count: Option<u64>,
        /// Says what is counted, in the plural.
        what: &'static str,
    },
    /// So many more things are done.
    Done(u64),
    /// The piece of work came to its end, or ended early.
    Ended,
    /// A note says something that is not part of the result, and that a person should know.
    Note(&'p str),
}

/// Tells whoever called an operation how far it is.
///
/// ```
/// use std::cell::RefCell;
/// use operator::{Progress, Reporter};
///
/// let notes = RefCell::new(Vec::new());
/// let take = |progress: Progress<'_>| {
///     if let Progress::Note(note) = progress {
///         notes.borrow_mut().push(note.to_owned());
///     }
/// };
/// Reporter::new(&take).note("the secret ends with a line break");
/// assert_eq!(notes.into_inner(), ["the secret ends with a line break"]);
/// ```
#[derive(Clone, Copy)]
pub struct Reporter<'r>(&'r dyn Fn(Progress<'_>));

/// Accompanies a piece of work that is under way. Dropped, it has ended.
pub struct Work<'r>(Reporter<'r>);

impl fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

impl<'r> Reporter<'r> {
    /// Passes all progress on to `report`, such as one that draws a progress bar.
    #[must_use]
    pub fn new(report: &'r dyn Fn(Progress<'_>)) -> Self {
        Self(report)
    }

    /// Drops all progress, for callers that want the result alone.
    #[must_use]
    pub fn silent() -> Self {
        Self(&|_| {})
    }

    /// Begins a piece of work with so many things to do. `what` names them, in the plural.
    #[must_use]
    pub fn begin(self, count: u64, what: &'static str) -> Work<'r> {
        self.started(Some(count), what)
    }

    /// Begins a piece of work of which no end is known.
    #[must_use]
    pub fn count(self, what: &'static str) -> Work<'r> {
        self.started(None, what)
    }

    /// Says something that a person should know.
    pub fn note(self, text: &str) {
        self.0(Progress::Note(text));
    }

    fn started(self, count: Option<u64>, what: &'static str) -> Work<'r> {
        self.0(Progress::Begun { count, what });
        Work(self)
    }
}

impl Work<'_> {
    /// Says that so many more are done.
    pub fn done(&self, more: u64) {
        self.0.0(Progress::Done(more));
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.0.0(Progress::Ended);
    }
}
