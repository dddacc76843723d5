//! Names of samples on the command line, which shells complete.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};

/// Reads a name of which a list is offered for completion. Whether it is one of them is for the command to say, which tells
/// the nearest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOf(pub(crate) fn() -> Vec<&'static str>);

impl TypedValueParser for OneOf {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0().into_iter().map(PossibleValue::new)))
    }
}
