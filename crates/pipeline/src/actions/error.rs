//! Says why an action did not do its work, and whether trying it again may help.

use std::error::Error;
use std::fmt;

/// Says why an action failed. Any error turns into one that is retried, so `?` does.
///
/// It is retried with growing pauses, while later events of the same entity wait; then the event goes to the domain's
/// dead-letter queue.
///
/// ```
/// use pipeline::actions::ActionError;
///
/// fn amount(text: &str) -> Result<u64, ActionError> {
///     if text.is_empty() {
///         return Err(ActionError::permanent("the order has no amount"));
///     }
///     Ok(text.parse::<u64>()?)
/// }
///
/// // Tried again for about an hour, and then a dead letter; the other one is that at once.
/// assert!(!amount("ten").unwrap_err().is_permanent());
/// assert!(amount("").unwrap_err().is_permanent());
/// ```
#[derive(Debug)]
pub struct ActionError {
    source: Box<dyn Error + Send + Sync>,
    permanent: bool,
}

impl ActionError {
    /// Reports a failure that no retry would change: the event goes to the dead-letter queue without delay.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            permanent: true,
        }
    }

    /// Reports a failure that may pass, in words where there is no error to pass on.
    pub fn temporary(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            permanent: false,
        }
    }

    /// Tells whether no retry would change it, so that the event goes to the dead-letter queue at once.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// Gives the error that the action met, for the log and the reason of a dead letter.
    #[must_use]
    pub fn into_source(self) -> Box<dyn Error + Send + Sync> {
        self.source
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ActionError {
    fn from(error: E) -> Self {
        Self {
            source: Box::new(error),
            permanent: false,
        }
    }
}
