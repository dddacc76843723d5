//! Reading a function's configuration from its environment.

use std::str::FromStr;

/// Says which variable of the environment is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set, or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable is set, and its value is not of the form that the function needs.
    #[error("environment variable {name} is not valid: {reason}")]
    Invalid {
        /// Names the variable, for whoever deploys.
        name: &'static str,
        /// Says what is wrong with the value.
        reason: String,
    },
}

/// Looks variables up, in the environment or in a test's map.
///
/// ```
/// use pipeline::runtime::config::{ConfigError, Lookup};
///
/// let variables = |name: &str| (name == "EVENTS_TABLE").then(|| "events".to_owned());
/// let lookup = Lookup::new(&variables);
/// assert_eq!(lookup.required("EVENTS_TABLE")?, "events");
/// assert_eq!(lookup.parsed("MAX_RECEIVE_COUNT", 10)?, 10);
/// assert_eq!(lookup.required("KEYS_TABLE"), Err(ConfigError::Missing("KEYS_TABLE")));
/// # Ok::<(), ConfigError>(())
/// ```
pub struct Lookup<'l>(&'l dyn Fn(&str) -> Option<String>);

impl<'l> Lookup<'l> {
    /// Looks variables up with `lookup`: the environment's in a function, a map's in a test.
    #[must_use]
    pub fn new(lookup: &'l dyn Fn(&str) -> Option<String>) -> Self {
        Self(lookup)
    }

    /// Reads a variable; an empty one counts as not set.
    #[must_use]
    pub fn optional(&self, name: &'static str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Reads a variable that must be set.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Missing`] where there is none.
    pub fn required(&self, name: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or(ConfigError::Missing(name))
    }

    /// Reads a variable as a `T`, or `default` where there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] when it is no `T`.
    pub fn parsed<T>(&self, name: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        Ok(self.parsed_optional(name)?.unwrap_or(default))
    }

    /// Reads the variable's value as a `T`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] when it is no `T`.
    pub fn parsed_optional<T>(&self, name: &'static str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let value = self.optional(name).map(|value| value.parse());
        value.transpose().map_err(|error: T::Err| ConfigError::Invalid {
            name,
            reason: error.to_string(),
        })
    }
}

/// Looks a variable up in the environment of the process; `None` also where it is not UTF-8.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_variable() {
        let map = |name: &str| (name == "COUNT").then(|| "many".to_owned());
        let lookup = Lookup::new(&map);
        assert_eq!(
            lookup.required("QUEUE_URL"),
            Err(ConfigError::Missing("QUEUE_URL"))
        );
        assert_eq!(lookup.parsed("LIMIT", 7), Ok(7));
        let error = lookup.parsed("COUNT", 7).unwrap_err().to_string();
        assert_eq!(
            error,
            "environment variable COUNT is not valid: invalid digit found in string"
        );
    }
}
